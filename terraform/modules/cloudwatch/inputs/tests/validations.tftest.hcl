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

run "project_name" {
  command = plan

  variables {
    project_name = "Other_Project"
  }

  expect_failures = [var.project_name]
}

run "env_name" {
  command = plan

  variables {
    env_name = "Production-1"
  }

  expect_failures = [var.env_name]
}

run "region" {
  command = plan

  variables {
    region = "Ireland"
  }

  expect_failures = [var.region]
}

run "account_id" {
  command = plan

  variables {
    account_id = "123"
  }

  expect_failures = [var.account_id]
}

run "log_key_alias" {
  command = plan

  variables {
    log_kms_key_arn = "alias/logs"
  }

  expect_failures = [var.log_kms_key_arn]
}

run "topic_key_of_aws" {
  command = plan

  variables {
    topic_kms_key_arn = "alias/aws/sns"
  }

  expect_failures = [var.topic_kms_key_arn]
}

run "function_key" {
  command = plan

  variables {
    functions = { Role_1 = { function_name = "f" } }
  }

  expect_failures = [var.functions]
}

run "function_arn" {
  command = plan

  variables {
    functions = { role = { function_name = "arn:aws:lambda:eu-west-1:000000000000:function:f" } }
  }

  expect_failures = [var.functions]
}

run "function_log_kind" {
  command = plan

  variables {
    functions = { role = { function_name = "f", log_kind = "debug" } }
  }

  expect_failures = [var.functions]
}

run "function_threshold" {
  command = plan

  variables {
    functions = { role = { function_name = "f", p95_milliseconds = 0 } }
  }

  expect_failures = [var.functions]
}

run "api_stage" {
  command = plan

  variables {
    api = { name = "api", stage = "v 1" }
  }

  expect_failures = [var.api]
}

run "api_execution_log_without_id" {
  command = plan

  variables {
    api = { name = "api", stage = "v1", execution_logging = true }
  }

  expect_failures = [var.api]
}

run "log_group_name" {
  command = plan

  variables {
    log_groups = { other = { name = "aws/mine" } }
  }

  expect_failures = [var.log_groups]
}

run "log_group_kind" {
  command = plan

  variables {
    log_groups = { other = { name = "/mine", kind = "debug" } }
  }

  expect_failures = [var.log_groups]
}

run "log_group_twice" {
  command = plan

  variables {
    log_groups = { role = { name = "/mine" } }
  }

  expect_failures = [var.log_groups]
}

run "retention_unknown_to_logs" {
  command = plan

  variables {
    log_retention_days = { service = 30, audit = 100 }
  }

  expect_failures = [var.log_retention_days]
}

run "retention_of_audit_shorter" {
  command = plan

  variables {
    log_retention_days = { service = 90, audit = 30 }
  }

  expect_failures = [var.log_retention_days]
}

run "table_key" {
  command = plan

  variables {
    tables = { One_1 = { name = "one" } }
  }

  expect_failures = [var.tables]
}

run "table_indexes" {
  command = plan

  variables {
    tables = { one = { name = "one", indexes = ["one", "two", "three", "four", "five"] } }
  }

  expect_failures = [var.tables]
}

run "table_replica_region" {
  command = plan

  variables {
    tables = { one = { name = "one", replica_region = "eu-west-1" } }
  }

  expect_failures = [var.tables]
}

run "queue_key" {
  command = plan

  variables {
    dead_letter_queues = { A_Queue = "q" }
  }

  expect_failures = [var.dead_letter_queues]
}

run "queue_url" {
  command = plan

  variables {
    dead_letter_queues = { queue = "https://sqs.eu-west-1.amazonaws.com/000000000000/q" }
  }

  expect_failures = [var.dead_letter_queues]
}

run "work_queue_key" {
  command = plan

  variables {
    queues      = { A_Queue = { name = "q" } }
    event_rules = { A_Rule = { name = "r" } }
  }

  expect_failures = [var.queues, var.event_rules]
}

run "work_queue_arn" {
  command = plan

  variables {
    queues      = { mail = { name = "arn:aws:sqs:eu-west-1:123456789012:q" } }
    event_rules = { created = { name = "arn:aws:events:eu-west-1:123456789012:rule/r" } }
  }

  expect_failures = [var.queues, var.event_rules]
}

run "vault_key" {
  command = plan

  variables {
    backup_vaults = { A_Vault = "vault" }
  }

  expect_failures = [var.backup_vaults]
}

run "vault_arn" {
  command = plan

  variables {
    backup_vaults = { tables = "arn:aws:backup:eu-west-1:123456789012:backup-vault:vault" }
  }

  expect_failures = [var.backup_vaults]
}

run "work_queue_age" {
  command = plan

  variables {
    queues = { mail = { name = "q", oldest_seconds = 30 } }
  }

  expect_failures = [var.queues]
}

run "threshold_negative" {
  command = plan

  variables {
    thresholds = { api_4xx_least_requests = -1 }
  }

  expect_failures = [var.thresholds]
}

run "threshold_above_100_percent" {
  command = plan

  variables {
    thresholds = { api_5xx_percent = 101 }
  }

  expect_failures = [var.thresholds]
}

run "concurrency_limit" {
  command = plan

  variables {
    lambda_concurrency_limit = 0
  }

  expect_failures = [var.lambda_concurrency_limit]
}

run "subscription_topic" {
  command = plan

  variables {
    subscriptions = { a = { topic = "info", protocol = "email", endpoint = "a@example.com" } }
  }

  expect_failures = [var.subscriptions]
}

run "subscription_protocol" {
  command = plan

  variables {
    subscriptions = { a = { topic = "dlq", protocol = "http", endpoint = "http://example.com/" } }
  }

  expect_failures = [var.subscriptions]
}

run "subscription_endpoint" {
  command = plan

  variables {
    subscriptions = { a = { topic = "dlq", protocol = "https", endpoint = "http://example.com/" } }
  }

  expect_failures = [var.subscriptions]
}

run "metric_namespace" {
  command = plan

  variables {
    metric_namespace = "AWS/Mine"
  }

  expect_failures = [var.metric_namespace]
}

run "log_field" {
  command = plan

  variables {
    log_fields = { reason = "$.reason" }
  }

  expect_failures = [var.log_fields]
}

run "log_value" {
  command = plan

  variables {
    log_values = { denied = "DENY\" || \"ALLOW" }
  }

  expect_failures = [var.log_values]
}
