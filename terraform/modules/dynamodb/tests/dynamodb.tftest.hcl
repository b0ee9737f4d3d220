provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

provider "aws" {
  alias                       = "africa"
  region                      = "af-south-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  region     = "eu-west-1"
  account_id = "000000000000"
  tags       = { Component = "tables" }

  deletion_protection_enabled = false

  tables = {
    permissions = {
      ttl_attribute = "ttl"
      global_secondary_indexes = {
        assignments-by-role = { hash_key = "GSI1PK", range_key = "GSI1SK" }
      }
    }
    teams = {
      global_secondary_indexes = {
        members-by-team   = { hash_key = "GSI1PK", range_key = "GSI1SK", projection_type = "KEYS_ONLY" }
        teams-by-division = { hash_key = "GSI2PK", range_key = "GSI1SK", projection_type = "INCLUDE", non_key_attributes = ["name", "active"] }
      }
    }
  }
}

run "dev" {
  command = plan

  variables {
    env_name = "dev"
  }

  assert {
    condition = alltrue([
      for table in aws_dynamodb_table.this :
      table.billing_mode == "PAY_PER_REQUEST" && table.hash_key == "PK" && table.range_key == "SK" && table.stream_view_type == "NEW_AND_OLD_IMAGES" && table.tags == tomap({ Component = "tables" })
    ])
    error_message = "Tables are on demand, with the usual keys, both images in the stream, and tagged."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.point_in_time_recovery[0].enabled && table.point_in_time_recovery[0].recovery_period_in_days == 35])
    error_message = "Tables can be restored to any second of 35 days."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.server_side_encryption[0].enabled && !table.deletion_protection_enabled])
    error_message = "Tables are encrypted by KMS; development's may be deleted."
  }

  assert {
    condition     = { for name, table in aws_dynamodb_table.this : name => table.ttl[0].enabled } == { permissions = true, teams = false } && aws_dynamodb_table.this["permissions"].ttl[0].attribute_name == "ttl"
    error_message = "Items expire where a table names the attribute."
  }

  assert {
    condition = { for name, table in aws_dynamodb_table.this : name => { for attribute in table.attribute : attribute.name => attribute.type } } == {
      permissions = { PK = "S", SK = "S", GSI1PK = "S", GSI1SK = "S" }
      teams       = { PK = "S", SK = "S", GSI1PK = "S", GSI1SK = "S", GSI2PK = "S" }
    }
    error_message = "Each key attribute is defined once."
  }

  assert {
    condition = { for index in aws_dynamodb_table.this["teams"].global_secondary_index : index.name => [index.hash_key, index.range_key, index.projection_type, length(coalesce(index.non_key_attributes, []))] } == {
      members-by-team   = ["GSI1PK", "GSI1SK", "KEYS_ONLY", 0]
      teams-by-division = ["GSI2PK", "GSI1SK", "INCLUDE", 2]
    }
    error_message = "Each index has its own keys and projection."
  }

  assert {
    condition = output.table_names == { permissions = "bbws-access-dev-ddb-permissions", teams = "bbws-access-dev-ddb-teams" } && output.table_arns == {
      permissions = "arn:aws:dynamodb:eu-west-1:000000000000:table/bbws-access-dev-ddb-permissions"
      teams       = "arn:aws:dynamodb:eu-west-1:000000000000:table/bbws-access-dev-ddb-teams"
    }
    error_message = "Names and ARNs follow the naming pattern and are known at plan time."
  }

  assert {
    condition     = output.index_arns["permissions"]["assignments-by-role"] == "arn:aws:dynamodb:eu-west-1:000000000000:table/bbws-access-dev-ddb-permissions/index/assignments-by-role"
    error_message = "The ARN of an index is known at plan time."
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && length(aws_backup_vault.this) == 0 && output.backup_vault_arn == null && output.backup_vault_name == null
    error_message = "An own key and a backup are made only when asked for."
  }
}

run "sit" {
  command = plan

  variables {
    env_name                     = "sit"
    pitr_recovery_period_in_days = 7
    kms_key_arn                  = "arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = output.table_names["teams"] == "bbws-access-sit-ddb-teams" && aws_dynamodb_table.this["teams"].point_in_time_recovery[0].recovery_period_in_days == 7
    error_message = "The environment is part of the name; the recovery window is an input."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.server_side_encryption[0].kms_key_arn == var.kms_key_arn]) && output.kms_key_arn == var.kms_key_arn
    error_message = "The given key encrypts every table."
  }
}

run "prod" {
  command = plan

  providers = {
    aws = aws.africa
  }

  variables {
    env_name                    = "prod"
    region                      = "af-south-1"
    deletion_protection_enabled = true
    kms_key_arn                 = "arn:aws:kms:af-south-1:000000000000:key/11111111-2222-3333-4444-555555555555"
    backup = {
      cold_storage_after_days = 30
      delete_after_days       = 365
      vault_lock              = { min_retention_days = 30, max_retention_days = 400 }
    }
  }

  assert {
    condition     = alltrue([for source in output.replication_sources : source.stream_view_type == "NEW_AND_OLD_IMAGES" && source.deletion_protection_enabled && source.kms_key_arn == var.kms_key_arn])
    error_message = "The replicas are told of the stream, the protection and the key."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.deletion_protection_enabled])
    error_message = "Production's tables are protected from deletion."
  }

  assert {
    condition     = one(aws_backup_plan.this["tables"].rule).lifecycle[0].cold_storage_after == 30 && one(aws_backup_plan.this["tables"].rule).lifecycle[0].delete_after == 365
    error_message = "Backups move to cold storage and expire as said."
  }

  assert {
    condition     = aws_backup_vault_lock_configuration.this["tables"].min_retention_days == 30 && aws_backup_vault_lock_configuration.this["tables"].max_retention_days == 400
    error_message = "The vault is locked to its retention."
  }

  assert {
    condition     = aws_backup_selection.this["tables"].resources == toset(values(output.table_arns)) && output.backup_vault_arn == "arn:aws:backup:af-south-1:000000000000:backup-vault:bbws-access-prod-vault-tables" && output.backup_vault_name == "bbws-access-prod-vault-tables"
    error_message = "The plan backs up exactly these tables, into the vault."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.backup["tables"].policy).Statement : [
        for resource in flatten([statement.Resource]) : anytrue([for arn in concat(values(output.table_arns), [output.backup_vault_arn]) : startswith(resource, arn)])
      ] if statement.Sid != "TagRecoveryPoints"
    ]))
    error_message = "The backup's role reaches these tables and this vault."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.backup["tables"].policy).Statement : [statement.Action, statement.Resource] if statement.Sid == "TagRecoveryPoints"] == [
      ["backup:TagResource", "arn:aws:backup:af-south-1:000000000000:recovery-point:*"]
    ]
    error_message = "The backup's role tags recovery points, and no vault or plan."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.backup_keys["tables"].policy).Statement[0].Resource == var.kms_key_arn
    error_message = "The backup's role uses the tables' key and no other."
  }
}

run "another_project" {
  command = plan

  providers = {
    aws = aws.africa
  }

  variables {
    project_name   = "shop"
    env_name       = "live"
    region         = "af-south-1"
    create_kms_key = true
    backup         = {}
    tables = {
      orders = {
        hash_key                    = "orderId"
        range_key                   = ""
        attribute_types             = { createdAt = "N" }
        deletion_protection_enabled = true
        on_demand_throughput        = { max_read_request_units = 100 }
        global_secondary_indexes = {
          by-day = { hash_key = "day", range_key = "createdAt", on_demand_throughput = { max_write_request_units = 50 } }
        }
      }
      sessions = {
        ttl_attribute  = "ttl"
        ttl_enabled    = false
        stream_enabled = false
        table_class    = "STANDARD_INFREQUENT_ACCESS"
      }
    }
  }

  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation && aws_kms_alias.this[0].name == "alias/shop-live-key-tables"
    error_message = "The tables have a rotating key of their own."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement.Condition.StringEquals["kms:ViaService"] if statement.Sid != "AdministrationByAccount"
    ] == [["backup.af-south-1.amazonaws.com", "dynamodb.af-south-1.amazonaws.com"], ["backup.af-south-1.amazonaws.com", "dynamodb.af-south-1.amazonaws.com"]]
    error_message = "An own key is used through its region's services only."
  }

  assert {
    condition     = aws_dynamodb_table.this["orders"].hash_key == "orderId" && aws_dynamodb_table.this["orders"].range_key == null && { for attribute in aws_dynamodb_table.this["orders"].attribute : attribute.name => attribute.type } == { orderId = "S", day = "S", createdAt = "N" }
    error_message = "Keys and their types are inputs."
  }

  assert {
    condition     = aws_dynamodb_table.this["orders"].on_demand_throughput[0].max_read_request_units == 100 && one(aws_dynamodb_table.this["orders"].global_secondary_index).on_demand_throughput[0].max_write_request_units == 50
    error_message = "Throughput can be capped, of a table and of an index."
  }

  assert {
    condition     = !aws_dynamodb_table.this["sessions"].stream_enabled && aws_dynamodb_table.this["sessions"].table_class == "STANDARD_INFREQUENT_ACCESS" && keys(output.stream_arns) == ["orders"]
    error_message = "A table may do without a stream, and be of another class."
  }

  assert {
    condition     = !aws_dynamodb_table.this["sessions"].ttl[0].enabled
    error_message = "Expiry can be switched off while the attribute keeps its name."
  }

  assert {
    condition     = [for name in ["orders", "sessions"] : aws_dynamodb_table.this[name].deletion_protection_enabled] == [true, false]
    error_message = "A table's own deletion protection comes first."
  }
}

run "no_recovery" {
  command = plan

  variables {
    env_name     = "dev"
    pitr_enabled = false
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : !table.point_in_time_recovery[0].enabled])
    error_message = "Point-in-time recovery is an input."
  }
}

run "statements_of_ones_own" {
  command = plan

  variables {
    env_name       = "dev"
    tables         = { orders = {} }
    create_kms_key = true
    kms_key_policy_statements = {
      Reader = {
        actions    = ["kms:Decrypt"]
        principals = { AWS = ["arn:aws:iam::999999999999:root"] }
        conditions = [{ test = "StringEquals", variable = "kms:ViaService", values = ["s3.eu-west-1.amazonaws.com"] }]
      }
      NobodyDeletes = { effect = "Deny", actions = ["kms:ScheduleKeyDeletion"], principals = { AWS = ["*"] } }
    }
  }

  assert {
    condition = { for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement.Sid => statement if !contains(["AdministrationByAccount", "UseThroughServices", "GrantToServices"], statement.Sid) } == {
      Reader = {
        Sid       = "Reader"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::999999999999:root" }
        Action    = "kms:Decrypt"
        Resource  = "*"
        Condition = { StringEquals = { "kms:ViaService" = "s3.eu-west-1.amazonaws.com" } }
      }
      NobodyDeletes = { Sid = "NobodyDeletes", Effect = "Deny", Principal = "*", Action = "kms:ScheduleKeyDeletion", Resource = "*" }
    }
    error_message = "A statement of the caller's own says what was given, of the key."
  }

  assert {
    condition     = [for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement.Sid if contains(["AdministrationByAccount", "UseThroughServices", "GrantToServices"], statement.Sid)] == ["AdministrationByAccount", "UseThroughServices", "GrantToServices"]
    error_message = "The module's own statements stay."
  }
}
