provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

# Accepted, at the edges of what the validations let through; each run below breaks one of them.
variables {
  env_name          = "dev"
  region            = "eu-west-1"
  account_id        = "000000000000"
  log_kms_key_arn   = "arn:aws:kms:eu-west-1:000000000000:key/11111111-1111-1111-1111-111111111111"
  topic_kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/mrk-22222222222222222222222222222222"

  project_name = "other-project"
  functions    = { role = { function_name = "any_Function-1", errors_per_minute = 0, p95_milliseconds = 0.5 } }
  api          = { name = "any API", stage = "v1", execution_logging = true, id = "a1b2c3d4e5" }
  log_groups   = { other = { name = "/any/other.group_1#2", kind = "service" } }
  tables = {
    one = { name = "one", indexes = ["one", "two", "three", "four"], replica_region = "eu-central-1" }
  }
  dead_letter_queues = { standard = "a-queue", ordered = "a-queue.fifo" }
  log_retention_days = { service = 90, audit = 90 }
  thresholds         = { api_5xx_percent = 0, api_4xx_percent = 99.9 }
  subscriptions = {
    a = { topic = "critical", protocol = "email", endpoint = "a@example.com" }
    b = { topic = "warning", protocol = "email-json", endpoint = "b@example.com" }
    c = { topic = "dlq", protocol = "https", endpoint = "https://example.com/" }
    d = { topic = "dlq", protocol = "lambda", endpoint = "arn:aws:lambda:eu-west-1:000000000000:function:f" }
    e = { topic = "dlq", protocol = "sqs", endpoint = "arn:aws:sqs:eu-west-1:000000000000:q" }
  }
  lambda_concurrency_limit = 1
}

run "accepted" {
  command = plan

  assert {
    condition     = aws_cloudwatch_dashboard.this[0].dashboard_name == "other-project-dev-dashboard" && length(aws_sns_topic_subscription.this) == 5
    error_message = "A project of another name can use the module."
  }
}

run "empty_dashboard" {
  command = plan

  variables {
    functions          = {}
    api                = null
    tables             = {}
    dead_letter_queues = {}
  }

  expect_failures = [aws_cloudwatch_dashboard.this]
}

# The lag of the archive's replication, and that of a table called archive.
run "two_alarms_of_one_name" {
  command = plan

  variables {
    tables              = { archive = { name = "archive", replica_region = "eu-central-1" } }
    archive_replication = { source_bucket = "one", destination_bucket = "two", rule_id = "r" }
  }

  expect_failures = [aws_cloudwatch_metric_alarm.this]
}
