# What a file of tests here does not set itself.

env_name   = "dev"
region     = "eu-west-1"
account_id = "123456789012"

rules = {
  order-placed = {
    description = "An order is there"
    source      = "example.shop"
    detail_type = "OrderPlaced"
    targets = {
      billing = "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-billing:live"
      audit   = "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-audit:live"
    }
  }
  mail-bounced = {
    description    = "A mail came back"
    source         = "aws.ses"
    detail_type    = "Email Bounced"
    detail_pattern = "{\"mail\":{\"tags\":{\"ses:configuration-set\":[\"shop\"]}}}"
    targets        = { billing = "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-billing:live" }
  }
  sweep = {
    description = "Time to sweep"
    source      = "example.shop"
    detail_type = "Sweep"
    schedule    = "rate(1 hour)"
    targets     = { billing = "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-billing:live" }
  }
}
