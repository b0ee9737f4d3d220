variables {
  env_name   = "dev"
  region     = "eu-west-1"
  account_id = "000000000000"
  tables     = { permissions = {} }

  create_kms_key = true
}

run "rejects_project_name" {
  command = plan

  variables {
    project_name = "Shop"
  }

  expect_failures = [var.project_name]
}

run "rejects_env_name" {
  command = plan

  variables {
    env_name = "production-environment"
  }

  expect_failures = [var.env_name]
}

run "rejects_region" {
  command = plan

  variables {
    region = "Ireland"
  }

  expect_failures = [var.region]
}

run "rejects_account_id" {
  command = plan

  variables {
    account_id = "12"
  }

  expect_failures = [var.account_id]
}

run "rejects_table_name" {
  command = plan

  variables {
    tables = { Permissions = {} }
  }

  expect_failures = [var.tables]
}

run "rejects_equal_keys" {
  command = plan

  variables {
    tables = { permissions = { hash_key = "PK", range_key = "PK" } }
  }

  expect_failures = [var.tables]
}

run "rejects_type_of_an_attribute_that_is_no_key" {
  command = plan

  variables {
    tables = { permissions = { attribute_types = { createdAt = "N" } } }
  }

  expect_failures = [var.tables]
}

run "rejects_empty_ttl_attribute" {
  command = plan

  variables {
    tables = { permissions = { ttl_attribute = "" } }
  }

  expect_failures = [var.tables]
}

run "rejects_stream_view_type" {
  command = plan

  variables {
    tables = { permissions = { stream_view_type = "BOTH" } }
  }

  expect_failures = [var.tables]
}

run "rejects_table_class" {
  command = plan

  variables {
    tables = { permissions = { table_class = "COLD" } }
  }

  expect_failures = [var.tables]
}

run "rejects_throughput_of_nothing" {
  command = plan

  variables {
    tables = { permissions = { on_demand_throughput = { max_read_request_units = 0 } } }
  }

  expect_failures = [var.tables]
}

run "rejects_more_than_20_indexes" {
  command = plan

  variables {
    tables = { permissions = { global_secondary_indexes = { for number in range(21) : "index-${number}" => { hash_key = "GSI1PK" } } } }
  }

  expect_failures = [var.tables]
}

run "rejects_index_name" {
  command = plan

  variables {
    tables = { permissions = { global_secondary_indexes = { "by role" = { hash_key = "GSI1PK" } } } }
  }

  expect_failures = [var.tables]
}

run "rejects_projection_type" {
  command = plan

  variables {
    tables = { permissions = { global_secondary_indexes = { by-role = { hash_key = "GSI1PK", projection_type = "SOME" } } } }
  }

  expect_failures = [var.tables]
}

run "rejects_inclusion_of_nothing" {
  command = plan

  variables {
    tables = { permissions = { global_secondary_indexes = { by-role = { hash_key = "GSI1PK", projection_type = "INCLUDE" } } } }
  }

  expect_failures = [var.tables]
}

run "rejects_more_than_100_included_attributes" {
  command = plan

  variables {
    tables = { permissions = { global_secondary_indexes = {
      by-role = { hash_key = "GSI1PK", projection_type = "INCLUDE", non_key_attributes = [for number in range(101) : "attribute${number}"] }
    } } }
  }

  expect_failures = [var.tables]
}

run "rejects_two_sources_of_the_key" {
  command = plan

  variables {
    create_kms_key = true
    kms_key_arn    = "arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-3333-4444-555555555555"
  }

  expect_failures = [var.create_kms_key]
}

run "rejects_key_of_another_region" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:af-south-1:000000000000:key/11111111-2222-3333-4444-555555555555"
  }

  expect_failures = [var.kms_key_arn]
}

run "rejects_recovery_period" {
  command = plan

  variables {
    pitr_recovery_period_in_days = 36
  }

  expect_failures = [var.pitr_recovery_period_in_days]
}

run "rejects_backup_schedule" {
  command = plan

  variables {
    backup = { schedule = "daily" }
  }

  expect_failures = [var.backup]
}

run "rejects_backup_windows" {
  command = plan

  variables {
    backup = { start_window_minutes = 60, completion_window_minutes = 90 }
  }

  expect_failures = [var.backup]
}

run "rejects_backup_kept_for_no_time" {
  command = plan

  variables {
    backup = { delete_after_days = 0 }
  }

  expect_failures = [var.backup]
}

run "rejects_cold_storage_for_less_than_90_days" {
  command = plan

  variables {
    backup = { delete_after_days = 100, cold_storage_after_days = 30 }
  }

  expect_failures = [var.backup]
}

run "rejects_vault_lock_of_no_time" {
  command = plan

  variables {
    backup = { vault_lock = { min_retention_days = 30, max_retention_days = 7 }, delete_after_days = 30 }
  }

  expect_failures = [var.backup]
}

run "rejects_backup_outside_the_vault_lock" {
  command = plan

  variables {
    backup = { vault_lock = { min_retention_days = 60 }, delete_after_days = 35 }
  }

  expect_failures = [var.backup]
}

run "rejects_vault_lock_without_time_to_think" {
  command = plan

  variables {
    backup = { vault_lock = { min_retention_days = 7, changeable_for_days = 1 } }
  }

  expect_failures = [var.backup]
}

run "rejects_statements_for_a_key_of_somebody_else" {
  command = plan

  variables {
    create_kms_key            = false
    kms_key_policy_statements = { Own = { actions = ["kms:Decrypt"], principals = { AWS = ["arn:aws:iam::000000000000:role/reader"] } } }
  }

  expect_failures = [var.kms_key_policy_statements]
}
