# The module works where its provider does, and says so where it is told something else.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  project_name              = "other-project-with-names"
  env_name                  = "dev"
  account_id                = "000000000000"
  bucket_suffix             = "-4711"
  kms_key_arn               = "arn:aws:kms:eu-west-1:000000000000:key/mrk-11111111111111111111111111111111"
  object_lock               = { mode = "COMPLIANCE", days = 62 }
  allow_compliance_lock     = true
  storage_tiers             = { warm_after_days = 30, cold_after_days = 60, expire_after_days = 62 }
  exports_expire_after_days = 62
  access_log_retention_days = 1
  replication = {
    bucket_arn  = "arn:aws:s3:::elsewhere"
    kms_key_arn = "arn:aws:kms:eu-central-1:000000000000:key/22222222-2222-2222-2222-222222222222"
    role_arn    = "arn:aws:iam::000000000000:role/replication"
  }
}

run "works_where_its_provider_does" {
  command = plan

  variables {
    region        = null
    account_id    = null
    check_account = true
  }

  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "000000000000" }
  }

  assert {
    condition     = local.region == "eu-west-1" && local.account_id == "000000000000" && local.partition == "aws"
    error_message = "Region, account and partition are the provider's."
  }
}

run "rejects_provider_of_another_region" {
  command = plan

  variables {
    region = "eu-central-1"
  }

  expect_failures = [data.aws_region.current]
}

run "rejects_provider_of_another_account" {
  command = plan

  variables {
    account_id    = "000000000000"
    check_account = true
  }

  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "999999999999" }
  }

  expect_failures = [data.aws_caller_identity.current]
}
