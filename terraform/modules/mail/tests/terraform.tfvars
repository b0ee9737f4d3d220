# What a file of tests here does not set itself.

env_name   = "dev"
region     = "eu-west-1"
account_id = "123456789012"

sender = {
  identity     = "mail.example.com"
  from_address = "access@mail.example.com"
  from_name    = "Example access"
}

templates = {
  welcome = { subject = "Welcome, {{name}}\n", html = "<p>Welcome, {{nameHtml}}</p>", text = "Welcome, {{name}}" }
}

consumer = {
  alias_arn       = "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-mailer:live"
  timeout_seconds = 30
}
