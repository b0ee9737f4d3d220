run "rejects_project_name" {
  command = plan

  variables {
    project_name = "Example_Project"
  }

  expect_failures = [var.project_name]
}

run "rejects_env_name" {
  command = plan

  variables {
    env_name = "DEV"
  }

  expect_failures = [var.env_name]
}

run "rejects_region" {
  command = plan

  variables {
    region = "europe"
  }

  expect_failures = [var.region]
}

run "rejects_account_id" {
  command = plan

  variables {
    account_id = "1234"
  }

  expect_failures = [var.account_id]
}

run "rejects_log_format" {
  command = plan

  variables {
    log_format = "XML"
  }

  expect_failures = [var.log_format]
}

run "rejects_system_log_level" {
  command = plan

  variables {
    system_log_level = "ERROR"
  }

  expect_failures = [var.system_log_level]
}

run "rejects_dead_letter_retention" {
  command = plan

  variables {
    dead_letter_retention_days = 15
  }

  expect_failures = [var.dead_letter_retention_days]
}

run "rejects_key_alias" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/example"
  }

  expect_failures = [var.kms_key_arn]
}

run "rejects_function_name" {
  command = plan

  variables {
    functions   = { "Bad_Name" = var.functions.authorizer }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_role_that_is_no_role" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { role_arn = "arn:aws:iam::123456789012:user/example" }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_handler_without_function" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { handler = "handler" }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_key_without_hash" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { package = merge(var.functions.authorizer.package, { s3_key = "packages/authorizer/latest.zip" }) }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_key_that_is_no_zip" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { package = merge(var.functions.authorizer.package, { s3_key = "packages/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.tar" }) }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_hash_in_hex" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { package = merge(var.functions.authorizer.package, { source_code_hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" }) }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_architecture" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { architecture = "mips" }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_runtime" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { runtime = "cobol" }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_too_little_memory" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { memory_megabytes = 64 }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_too_long_timeout" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { timeout_seconds = 901 }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_too_little_storage" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { ephemeral_storage_megabytes = 128 }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_reserved_environment_variable" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { environment = { AWS_REGION = "eu-west-1" } }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_too_large_environment" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { environment = { LARGE = join("", [for i in range(1024) : "four"]) } }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_log_group_arn" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { log_group_name = "arn:aws:logs:eu-west-1:123456789012:log-group:example:*" }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_provisioned_above_reserved_concurrency" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { provisioned_concurrency = 5, reserved_concurrency = 4 }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_too_short_event_age" {
  command = plan

  variables {
    functions   = { audit = merge(var.functions.audit, { maximum_event_age_seconds = 59 }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_too_many_retries" {
  command = plan

  variables {
    functions   = { audit = merge(var.functions.audit, { maximum_retry_attempts = 3 }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_queue_of_a_synchronous_function" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { dead_letter_queue_arn = "arn:aws:sqs:eu-west-1:123456789012:everything-dead" }) }
    permissions = {}
  }

  expect_failures = [var.functions]
}

run "rejects_permission_name" {
  command = plan

  variables {
    permissions = { "a name" = var.permissions.api }
  }

  expect_failures = [var.permissions]
}

run "rejects_permission_of_unknown_function" {
  command = plan

  variables {
    permissions = { api = merge(var.permissions.api, { function = "billing" }) }
  }

  expect_failures = [var.permissions]
}

run "rejects_permission_for_everybody" {
  command = plan

  variables {
    permissions = { api = merge(var.permissions.api, { principal = "*" }) }
  }

  expect_failures = [var.permissions]
}

run "rejects_permission_without_source" {
  command = plan

  variables {
    permissions = { api = merge(var.permissions.api, { source_arn = "*" }) }
  }

  expect_failures = [var.permissions]
}
