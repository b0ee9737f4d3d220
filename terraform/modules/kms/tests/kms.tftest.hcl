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
  env_name   = "dev"
  region     = "eu-west-1"
  account_id = "000000000000"
  tags       = { Component = "keys" }
  keys = {
    data = {
      description  = "Tables"
      via_services = ["dynamodb", "backup"]
    }
    alerts = {
      description  = "Alert topics"
      via_services = ["sns"]
      service_principals = {
        cloudwatch = { source_arns = ["arn:aws:cloudwatch:eu-west-1:000000000000:alarm:bbws-access-dev-*"] }
        events     = {}
        s3         = {}
      }
    }
    logs = {
      description        = "Log groups"
      service_principals = { logs = { source_arns = ["arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/bbws-access-dev-*"] } }
    }
    every-log = {
      description        = "Log groups of anything"
      service_principals = { logs = {} }
    }
    signing = {
      description        = "Used directly"
      user_arns          = ["arn:aws:iam::000000000000:role/signer"]
      administrator_arns = ["arn:aws:iam::000000000000:role/custodian"]
    }
  }
}

run "dev" {
  command = plan

  assert {
    condition     = alltrue([for key in aws_kms_key.this : key.enable_key_rotation && key.rotation_period_in_days == 365 && key.deletion_window_in_days == 30 && !key.multi_region])
    error_message = "A key rotates every year and leaves 30 days to think again."
  }

  assert {
    condition     = alltrue([for key in aws_kms_key.this : key.tags == tomap({ Component = "keys" })])
    error_message = "Every key is tagged."
  }

  assert {
    condition     = output.alias_names["data"] == "alias/bbws-access-dev-key-data" && output.alias_arns["data"] == "arn:aws:kms:eu-west-1:000000000000:alias/bbws-access-dev-key-data"
    error_message = "Alias names and ARNs follow the naming pattern and are known at plan time."
  }

  assert {
    condition     = aws_kms_alias.this["every-log"].name == "alias/bbws-access-dev-key-every-log"
    error_message = "The alias carries its key's name."
  }
}

run "policies" {
  command = plan

  assert {
    condition = alltrue([
      for key in aws_kms_key.this : [
        for statement in jsondecode(key.policy).Statement : statement.Principal if statement.Sid == "AdministrationByAccount"
      ] == [{ AWS = "arn:aws:iam::000000000000:root" }]
    ])
    error_message = "The account keeps every key manageable."
  }

  assert {
    condition = alltrue(flatten([
      for key in aws_kms_key.this : [
        for statement in jsondecode(key.policy).Statement : [
          for action in flatten([statement.Action]) : !contains(["kms:*", "kms:Create*", "kms:CreateGrant", "kms:Decrypt", "kms:Encrypt"], action)
        ] if startswith(statement.Sid, "Administration")
      ]
    ]))
    error_message = "Administration neither uses the key nor gives its use away."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this["data"].policy).Statement : statement.Condition if statement.Sid == "UseThroughServices"
    ] == [{ StringEquals = { "kms:ViaService" = ["dynamodb.eu-west-1.amazonaws.com", "backup.eu-west-1.amazonaws.com"] } }]
    error_message = "Principals of the account use the key through the named services of its region only."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this["alerts"].policy).Statement : statement.Condition if statement.Sid == "GrantToServices"
    ] == [{ Bool = { "kms:GrantIsForAWSResource" = "true" }, StringEquals = { "kms:ViaService" = "sns.eu-west-1.amazonaws.com" } }]
    error_message = "Grants are for AWS services, made through them."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this["alerts"].policy).Statement : statement if statement.Sid == "UseByCloudwatch"
      ] == [{
        Sid       = "UseByCloudwatch"
        Effect    = "Allow"
        Action    = ["kms:GenerateDataKey*", "kms:Decrypt"]
        Resource  = "*"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Condition = {
          ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:bbws-access-dev-*" }
          StringEquals = { "aws:SourceAccount" = "000000000000" }
        }
    }]
    error_message = "CloudWatch publishes to encrypted topics for the named alarms of this account."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this["alerts"].policy).Statement : statement.Condition if statement.Sid == "UseByS3"
    ] == [{ StringEquals = { "aws:SourceAccount" = "000000000000" } }]
    error_message = "S3 acts for buckets of this account."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this["alerts"].policy).Statement : can(statement.Condition) if statement.Sid == "UseByEvents"
    ] == [false]
    error_message = "EventBridge gets no condition that its requests cannot meet."
  }

  assert {
    condition = [
      for name in ["logs", "every-log"] : [
        for statement in jsondecode(aws_kms_key.this[name].policy).Statement : {
          service = statement.Principal.Service
          context = statement.Condition.ArnLike["kms:EncryptionContext:aws:logs:arn"]
        } if statement.Sid == "UseByLogs"
      ]
      ] == [
      [{ service = "logs.eu-west-1.amazonaws.com", context = "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/bbws-access-dev-*" }],
      [{ service = "logs.eu-west-1.amazonaws.com", context = "arn:aws:logs:eu-west-1:000000000000:log-group:*" }],
    ]
    error_message = "CloudWatch Logs encrypts the named log groups, of this account and region in any case."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_kms_key.this["signing"].policy).Statement : statement.Sid => statement.Principal.AWS
      } == {
      AdministrationByAccount    = "arn:aws:iam::000000000000:root"
      AdministrationByPrincipals = "arn:aws:iam::000000000000:role/custodian"
      UseByPrincipals            = "arn:aws:iam::000000000000:role/signer"
    }
    error_message = "Users and administrators are the named ones."
  }
}

run "sit" {
  command = plan

  variables {
    env_name = "sit"
  }

  assert {
    condition     = output.alias_names["data"] == "alias/bbws-access-sit-key-data"
    error_message = "The environment is part of the name."
  }
}

run "prod" {
  command = plan

  providers = {
    aws = aws.africa
  }

  variables {
    env_name = "prod"
    region   = "af-south-1"
    keys = {
      data = {
        description             = "Tables"
        via_services            = ["dynamodb"]
        multi_region            = true
        deletion_window_in_days = 7
        rotation_period_in_days = 90
      }
    }
  }

  assert {
    condition     = output.alias_arns["data"] == "arn:aws:kms:af-south-1:000000000000:alias/bbws-access-prod-key-data"
    error_message = "The alias is of the region."
  }

  assert {
    condition     = strcontains(aws_kms_key.this["data"].policy, "dynamodb.af-south-1.amazonaws.com") && aws_kms_key.this["data"].multi_region
    error_message = "The policy names the region's services; the key may be replicated."
  }
}

run "names_of_another_project" {
  command = plan

  variables {
    project_name = "shop"
  }

  assert {
    condition     = output.alias_names["data"] == "alias/shop-dev-key-data"
    error_message = "The project is part of the name."
  }
}

run "statements_of_ones_own" {
  command = plan

  variables {
    keys = { data = { description = "Tables", via_services = ["dynamodb"], policy_statements = {
      Reader = {
        actions    = ["kms:Decrypt"]
        principals = { AWS = ["arn:aws:iam::999999999999:root"] }
        conditions = [{ test = "StringEquals", variable = "kms:ViaService", values = ["s3.eu-west-1.amazonaws.com"] }]
      }
      NobodyDeletes = { effect = "Deny", actions = ["kms:ScheduleKeyDeletion"], principals = { AWS = ["*"] } }
    } } }
  }

  assert {
    condition = { for statement in jsondecode(aws_kms_key.this["data"].policy).Statement : statement.Sid => statement if !contains(["AdministrationByAccount", "UseThroughServices", "GrantToServices"], statement.Sid) } == {
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
    condition     = [for statement in jsondecode(aws_kms_key.this["data"].policy).Statement : statement.Sid if contains(["AdministrationByAccount", "UseThroughServices", "GrantToServices"], statement.Sid)] == ["AdministrationByAccount", "UseThroughServices", "GrantToServices"]
    error_message = "The module's own statements stay."
  }
}
