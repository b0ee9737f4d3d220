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

run "rejects_region" {
  command = plan

  variables {
    region      = "Ireland"
    kms_key_arn = null
    tables      = {}
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

run "rejects_name_for_an_arn" {
  command = plan

  variables {
    kms_key_arn = null
    tables      = { permissions = { name = "permissions", arn = "permissions", region = "af-south-1", stream_view_type = "NEW_AND_OLD_IMAGES" } }
  }

  expect_failures = [var.tables]
}

run "rejects_replica_in_the_tables_region" {
  command = plan

  variables {
    kms_key_arn = null
    tables = {
      permissions = {
        name             = "permissions"
        arn              = "arn:aws:dynamodb:eu-west-1:000000000000:table/permissions"
        region           = "eu-west-1"
        stream_view_type = "NEW_AND_OLD_IMAGES"
      }
    }
  }

  expect_failures = [var.tables]
}

run "rejects_table_without_a_stream" {
  command = plan

  variables {
    kms_key_arn = null
    tables      = { permissions = { name = "permissions", arn = "arn:aws:dynamodb:af-south-1:000000000000:table/permissions", region = "af-south-1" } }
  }

  expect_failures = [var.tables]
}

run "rejects_key_of_another_region" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:af-south-1:000000000000:key/11111111-2222-3333-4444-555555555555"
  }

  expect_failures = [var.kms_key_arn]
}

run "rejects_no_key_where_the_tables_have_one" {
  command = plan

  variables {
    kms_key_arn = null
  }

  expect_failures = [var.kms_key_arn]
}

run "rejects_table_class" {
  command = plan

  variables {
    table_class = "COLD"
  }

  expect_failures = [var.table_class]
}
