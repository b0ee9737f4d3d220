variables {
  env_name                 = "dev"
  region                   = "eu-west-1"
  account_id               = "000000000000"
  api_throttle_rate_limit  = 100
  api_throttle_burst_limit = 50
  audit_object_lock        = { mode = "GOVERNANCE", days = 1 }
  artifacts_bucket         = "artifacts"

  packages = {
    permission   = { s3_key = "packages/permission/0000000000000000000000000000000000000000000000000000000000000000.zip", source_code_hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }
    role         = { s3_key = "packages/role/0000000000000000000000000000000000000000000000000000000000000000.zip", source_code_hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }
    team         = { s3_key = "packages/team/0000000000000000000000000000000000000000000000000000000000000000.zip", source_code_hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }
    invitation   = { s3_key = "packages/invitation/0000000000000000000000000000000000000000000000000000000000000000.zip", source_code_hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }
    authorizer   = { s3_key = "packages/authorizer/0000000000000000000000000000000000000000000000000000000000000000.zip", source_code_hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", apis = [] }
    token-claims = { s3_key = "packages/token-claims/0000000000000000000000000000000000000000000000000000000000000000.zip", source_code_hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }
  }
}

run "rejects_project_name" {
  command = plan

  variables {
    project_name = "BBWS Access"
  }

  expect_failures = [var.project_name]
}

run "rejects_env_name" {
  command = plan

  variables {
    env_name = "development"
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

run "rejects_replication_to_nowhere" {
  command = plan

  variables {
    cross_region_replication = true
  }

  expect_failures = [var.cross_region_replication]
}

run "rejects_failover_region" {
  command = plan

  variables {
    failover_region = "Frankfurt"
  }

  expect_failures = [var.failover_region]
}

run "rejects_failover_to_the_same_region" {
  command = plan

  variables {
    failover_region = "eu-west-1"
  }

  expect_failures = [var.failover_region]
}

run "rejects_log_level" {
  command = plan

  variables {
    log_level = "LOUD"
  }

  expect_failures = [var.log_level]
}

run "rejects_rate_limit_above_the_accounts" {
  command = plan

  variables {
    api_throttle_rate_limit = 10001
  }

  expect_failures = [var.api_throttle_rate_limit]
}

run "rejects_burst_limit_above_the_accounts" {
  command = plan

  variables {
    api_throttle_burst_limit = 5001
  }

  expect_failures = [var.api_throttle_burst_limit]
}

run "rejects_audit_logs_kept_shorter_than_others" {
  command = plan

  variables {
    audit_log_retention_days = 7
  }

  expect_failures = [var.audit_log_retention_days]
}

run "rejects_part_of_an_instance" {
  command = plan

  variables {
    authorizer_provisioned_concurrency = 1.5
  }

  expect_failures = [var.authorizer_provisioned_concurrency]
}

run "rejects_no_concurrency" {
  command = plan

  variables {
    lambda_concurrency_limit = 0
  }

  expect_failures = [var.lambda_concurrency_limit]
}

run "rejects_part_of_an_execution" {
  command = plan

  variables {
    lambda_concurrency_limit = 10.5
  }

  expect_failures = [var.lambda_concurrency_limit]
}

run "rejects_user_pool_tier" {
  command = plan

  variables {
    user_pool_tier = "FREE"
  }

  expect_failures = [var.user_pool_tier]
}

run "rejects_multi_factor_authentication" {
  command = plan

  variables {
    multi_factor_authentication = "SOMETIMES"
  }

  expect_failures = [var.multi_factor_authentication]
}

run "rejects_any_origin_in_production" {
  command = plan

  variables {
    env_name             = "prod"
    cors_allowed_origins = ["*"]
  }

  expect_failures = [var.cors_allowed_origins]
}

run "rejects_lock_mode" {
  command = plan

  variables {
    audit_object_lock = { mode = "FOREVER", days = 1 }
  }

  expect_failures = [var.audit_object_lock]
}

run "rejects_compliance_lock_outside_production" {
  command = plan

  variables {
    audit_object_lock = { mode = "COMPLIANCE", days = 1 }
  }

  expect_failures = [var.audit_object_lock]
}

run "rejects_account_id" {
  command = plan

  variables {
    account_id = "12"
  }

  expect_failures = [var.account_id]
}

run "rejects_bucket_suffix" {
  command = plan

  variables {
    bucket_suffix = "4711"
  }

  expect_failures = [var.bucket_suffix]
}

run "rejects_alert_topic" {
  command = plan

  variables {
    alert_emails = { urgent = ["duty@example.com"] }
  }

  expect_failures = [var.alert_emails]
}

run "rejects_additional_apis_by_id" {
  command = plan

  variables {
    additional_apis = { "https://example.org" = "sites" }
    # With its document, so that nothing but the id is wrong.
    packages = { authorizer = { s3_key = "packages/authorizer/0000000000000000000000000000000000000000000000000000000000000000.zip", source_code_hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", apis = ["sites"] } }
  }

  expect_failures = [var.additional_apis]
}

run "rejects_additional_apis_without_a_document" {
  command = plan

  variables {
    additional_apis = { a1b2c3d4e5 = "sites" }
  }

  expect_failures = [var.additional_apis]
}

run "rejects_link_with_fragment" {
  command = plan

  variables {
    invitation_link = "https://portal.example.com/#invitation"
  }

  expect_failures = [var.invitation_link]
}

run "rejects_sender_without_link" {
  command = plan

  variables {
    invitation_sender = { identity = "example.com", from_address = "access@example.com" }
  }

  expect_failures = [var.invitation_link]
}

run "rejects_address_twice" {
  command = plan

  variables {
    alert_emails = { critical = ["a@example.com", "a@example.com"] }
  }

  expect_failures = [var.alert_emails]
}

run "rejects_addresses_in_one" {
  command = plan

  variables {
    alert_emails = { critical = ["a@example.com, b@example.com"] }
  }

  expect_failures = [var.alert_emails]
}

run "rejects_boundary_of_another_account" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::999999999999:policy/boundary"
  }

  expect_failures = [var.permissions_boundary_arn]
}

run "rejects_bucket_arn" {
  command = plan

  variables {
    artifacts_bucket = "arn:aws:s3:::artifacts"
  }

  expect_failures = [var.artifacts_bucket]
}

run "rejects_issuer_of_another_kind" {
  command = plan

  variables {
    token_issuers = ["https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc123def", "https://login.example.com/eu-west-1_Abc123def"]
  }

  expect_failures = [var.token_issuers]
}
