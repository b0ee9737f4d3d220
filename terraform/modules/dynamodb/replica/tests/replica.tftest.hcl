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

run "follows_the_tables" {
  command = plan

  assert {
    condition     = alltrue([for replica in aws_dynamodb_table_replica.this : replica.point_in_time_recovery && replica.kms_key_arn == var.kms_key_arn && replica.tags == tomap({ Component = "tables" })])
    error_message = "Every replica is recoverable, encrypted with its region's key, and tagged."
  }

  assert {
    condition     = { for name, replica in aws_dynamodb_table_replica.this : name => replica.deletion_protection_enabled } == { permissions = true, drafts = false }
    error_message = "A replica is protected as its table is."
  }

  assert {
    condition     = { for name, replica in aws_dynamodb_table_replica.this : name => replica.global_table_arn } == { for name, table in var.tables : name => table.arn }
    error_message = "Each replica is of its table."
  }

  assert {
    condition     = output.table_arns["permissions"] == "arn:aws:dynamodb:eu-west-1:000000000000:table/bbws-access-prod-ddb-permissions"
    error_message = "The ARN of a replica is known at plan time."
  }
}

run "settings_of_its_own" {
  command = plan

  variables {
    kms_key_arn                 = null
    pitr_enabled                = false
    deletion_protection_enabled = false
    table_class                 = "STANDARD_INFREQUENT_ACCESS"
    tables = {
      orders = {
        name             = "shop-live-ddb-orders"
        arn              = "arn:aws:dynamodb:us-east-1:000000000000:table/shop-live-ddb-orders"
        region           = "us-east-1"
        stream_view_type = "NEW_AND_OLD_IMAGES"
      }
    }
  }

  assert {
    condition     = alltrue([for replica in aws_dynamodb_table_replica.this : !replica.point_in_time_recovery && !replica.deletion_protection_enabled && replica.table_class_override == "STANDARD_INFREQUENT_ACCESS"])
    error_message = "Recovery, protection and class of the replicas are inputs."
  }
}
