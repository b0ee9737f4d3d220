provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

# What the other file plans is accepted; each of these inputs is one step away from it.

run "rejects_name_too_long" {
  command = plan

  variables {
    rules = { a-name-that-is-longer-than-the-sixty-four-characters-of-eventbridge = var.rules.sweep }
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}
