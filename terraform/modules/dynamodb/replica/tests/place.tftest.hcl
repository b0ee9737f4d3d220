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
  region      = "eu-west-1"
  account_id  = "000000000000"
  tags        = { Component = "tables" }
  kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/66666666-2222-3333-4444-555555555555"
  tables = {
    permissions = {
      name             = "bbws-access-prod-ddb-permissions"
      arn              = "arn:aws:dynamodb:af-south-1:000000000000:table/bbws-access-prod-ddb-permissions"
      region           = "af-south-1"
      stream_view_type = "NEW_AND_OLD_IMAGES"
      kms_key_arn      = "arn:aws:kms:af-south-1:000000000000:key/11111111-2222-3333-4444-555555555555"
    }
    drafts = {
      name                        = "bbws-access-prod-ddb-drafts"
      arn                         = "arn:aws:dynamodb:af-south-1:000000000000:table/bbws-access-prod-ddb-drafts"
      region                      = "af-south-1"
      stream_view_type            = "NEW_AND_OLD_IMAGES"
      kms_key_arn                 = "arn:aws:kms:af-south-1:000000000000:key/11111111-2222-3333-4444-555555555555"
      deletion_protection_enabled = false
    }
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
