provider "aws" {
  region                      = "af-south-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  env_name                 = "prod"
  region                   = "af-south-1"
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  account_id               = "123456789012"

  services = {
    role = {
      log_group_name = "/aws/lambda/bbws-access-prod-lambda-role"
      tables = {
        permissions = {
          arn                = "arn:aws:dynamodb:af-south-1:123456789012:table/bbws-access-prod-ddb-permissions"
          read_leading_keys  = ["PERMISSION_SET#ORG#*", "PERMISSION_SET#PLATFORM"]
          write_leading_keys = ["ROLE#ORG#*", "ASSIGNMENT#USER#*"]
          indexes            = { assignments-by-role = { leading_keys = ["ASSIGNMENT#ORG#*"] } }
        }
      }
    }
    invitation = {
      log_group_name = "/aws/lambda/bbws-access-prod-lambda-invitation"
      tables = {
        permissions = {
          arn                 = "arn:aws:dynamodb:af-south-1:123456789012:table/bbws-access-prod-ddb-permissions"
          read_leading_keys   = ["ROLE#ORG#*"]
          create_leading_keys = ["ASSIGNMENT#USER#*"]
        }
      }
      email_identities = {
        sender = {
          arn                    = "arn:aws:ses:af-south-1:123456789012:identity/example.com"
          from_addresses         = ["invitations@example.com"]
          template_arns          = ["arn:aws:ses:af-south-1:123456789012:template/bbws-access-prod-mail-invitation"]
          configuration_set_arns = ["arn:aws:ses:af-south-1:123456789012:configuration-set/bbws-access-prod-mail"]
        }
      }
    }
    audit = {
      log_group_name = "/aws/lambda/bbws-access-prod-lambda-audit"
      tables = {
        permissions = {
          arn         = "arn:aws:dynamodb:af-south-1:123456789012:table/bbws-access-prod-ddb-permissions"
          read_stream = true
        }
      }
      buckets = {
        archive = {
          arn            = "arn:aws:s3:::bbws-access-prod-s3-audit-archive"
          read_prefixes  = ["archive/", "exports/"]
          write_prefixes = ["archive/", "exports/"]
        }
      }
      queues = {
        dead-letters = {
          arn  = "arn:aws:sqs:af-south-1:123456789012:bbws-access-prod-queue-audit-dead-letters"
          send = true
        }
        capture = {
          arn     = "arn:aws:sqs:af-south-1:123456789012:bbws-access-prod-queue-audit-capture"
          receive = true
        }
      }
      topics          = { critical = "arn:aws:sns:af-south-1:123456789012:bbws-access-prod-sns-alerts-critical" }
      event_buses     = { default = { arn = "arn:aws:events:af-south-1:123456789012:event-bus/default", sources = ["example.audit"], detail_types = ["ExportCompleted"] } }
      read_log_groups = { decisions = "arn:aws:logs:af-south-1:123456789012:log-group:/aws/lambda/bbws-access-prod-lambda-authorizer" }
    }
    token-claims = {
      role_name      = "token-claims"
      log_group_name = "/aws/lambda/bbws-access-prod-lambda-token-claims"
      tables = {
        permissions = {
          arn               = "arn:aws:dynamodb:af-south-1:123456789012:table/bbws-access-prod-ddb-permissions"
          read_leading_keys = ["ASSIGNMENT#USER#*"]
        }
      }
    }
  }

  keys = {
    role = {
      data = {
        arn     = "arn:aws:kms:af-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
        through = ["dynamodb"]
      }
    }
    token-claims = {
      data = {
        arn       = "arn:aws:kms:af-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
        through   = ["dynamodb"]
        read_only = true
      }
    }
  }

  user_pools = {
    invitation = {
      people = {
        arn          = "arn:aws:cognito-idp:af-south-1:123456789012:userpool/af-south-1_Example01"
        create_users = true
      }
    }
  }

  authorizer_invocation = {
    alias_arn = "arn:aws:lambda:af-south-1:123456789012:function:bbws-access-prod-lambda-authorizer:live"
  }

  replications = {
    audit = {
      source_bucket_arn      = "arn:aws:s3:::bbws-access-prod-s3-audit-archive"
      source_key_arn         = "arn:aws:kms:af-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
      destination_bucket_arn = "arn:aws:s3:::bbws-access-prod-s3-audit-archive-replica"
      destination_key_arn    = "arn:aws:kms:eu-west-1:123456789012:key/66666666-7777-8888-9999-000000000000"
      destination_region     = "eu-west-1"
    }
  }

  schedulers = {
    audit = {
      alias_arn             = "arn:aws:lambda:af-south-1:123456789012:function:bbws-access-prod-lambda-audit:live"
      schedule_group        = "bbws-access-prod-schedules"
      dead_letter_queue_arn = "arn:aws:sqs:af-south-1:123456789012:bbws-access-prod-queue-audit-dead-letters"
    }
  }
}

run "prod" {
  command = plan

  assert {
    condition     = output.role_arns["role"] == "arn:aws:iam::123456789012:role/bbws-access-prod-role-role-service"
    error_message = "Roles follow the environment."
  }

  assert {
    condition     = alltrue([for role in concat(values(aws_iam_role.service), aws_iam_role.authorizer_invocation, values(aws_iam_role.replication), values(aws_iam_role.scheduler)) : role.permissions_boundary == var.permissions_boundary_arn])
    error_message = "The boundary bounds every role."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.replication_keys["audit"].policy).Statement[1].Condition.StringEquals["kms:ViaService"] == "s3.eu-west-1.amazonaws.com"
    error_message = "Replicas are encrypted through S3 of the destination's region."
  }
}
