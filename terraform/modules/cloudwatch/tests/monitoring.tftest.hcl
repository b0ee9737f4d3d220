provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

# What DEV and SIT run: the services that exist, in one region.
variables {
  env_name          = "dev"
  region            = "eu-west-1"
  account_id        = "000000000000"
  tags              = { Component = "monitoring" }
  log_kms_key_arn   = "arn:aws:kms:eu-west-1:000000000000:key/11111111-1111-1111-1111-111111111111"
  topic_kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/22222222-2222-2222-2222-222222222222"

  functions = {
    authorizer   = { function_name = "bbws-access-dev-lambda-authorizer", log_kind = "audit" }
    permission   = { function_name = "bbws-access-dev-lambda-permission" }
    role         = { function_name = "bbws-access-dev-lambda-role" }
    token-claims = { function_name = "bbws-access-dev-lambda-token-claims" }
  }
  api = { name = "bbws-access-dev-apigw", stage = "v1" }
  tables = {
    permissions = { name = "bbws-access-dev-ddb-permissions", indexes = ["assignments-by-role"] }
    audit       = { name = "bbws-access-dev-ddb-audit", indexes = ["events-by-user", "events-by-type"] }
  }
  dead_letter_queues = { functions = "bbws-access-dev-queue-functions-dlq" }
}

run "dev" {
  command = plan

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset([
      "authorizer-errors", "authorizer-latency",
      "permission-errors", "permission-latency",
      "role-errors", "role-latency",
      "token-claims-errors", "token-claims-latency",
      "concurrency",
      "api-5xx", "api-4xx",
      "permissions-throttles", "audit-throttles",
      "functions-dead-letters",
    ])
    error_message = "What exists is watched, and nothing that does not exist."
  }
}
