# What a file of tests here does not set itself.

env_name   = "dev"
region     = "eu-west-1"
account_id = "123456789012"

services = {
  role = {
    log_group_name = "/aws/lambda/bbws-access-dev-lambda-role"
    tables = {
      permissions = {
        arn                = "arn:aws:dynamodb:eu-west-1:123456789012:table/bbws-access-dev-ddb-permissions"
        read_leading_keys  = ["PERMISSION_SET#ORG#*", "PERMISSION_SET#PLATFORM"]
        write_leading_keys = ["ROLE#ORG#*", "ASSIGNMENT#USER#*"]
        indexes            = { assignments-by-role = { leading_keys = ["ASSIGNMENT#ORG#*"] } }
      }
    }
  }
  invitation = {
    log_group_name = "/aws/lambda/bbws-access-dev-lambda-invitation"
    tables = {
      permissions = {
        arn                 = "arn:aws:dynamodb:eu-west-1:123456789012:table/bbws-access-dev-ddb-permissions"
        read_leading_keys   = ["ROLE#ORG#*"]
        create_leading_keys = ["ASSIGNMENT#USER#*"]
      }
    }
    email_identities = {
      sender = {
        arn                    = "arn:aws:ses:eu-west-1:123456789012:identity/example.com"
        from_addresses         = ["invitations@example.com"]
        template_arns          = ["arn:aws:ses:eu-west-1:123456789012:template/bbws-access-dev-mail-invitation"]
        configuration_set_arns = ["arn:aws:ses:eu-west-1:123456789012:configuration-set/bbws-access-dev-mail"]
      }
    }
  }
  audit = {
    log_group_name = "/aws/lambda/bbws-access-dev-lambda-audit"
    tables = {
      permissions = {
        arn         = "arn:aws:dynamodb:eu-west-1:123456789012:table/bbws-access-dev-ddb-permissions"
        read_stream = true
      }
    }
    buckets = {
      archive = {
        arn            = "arn:aws:s3:::bbws-access-dev-s3-audit-archive"
        read_prefixes  = ["archive/", "exports/"]
        write_prefixes = ["archive/", "exports/"]
        retention_days = { "exports/" = 7 }
      }
    }
    queues = {
      dead-letters = {
        arn  = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-audit-dead-letters"
        send = true
      }
      capture = {
        arn     = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-audit-capture"
        receive = true
      }
    }
    topics          = { critical = "arn:aws:sns:eu-west-1:123456789012:bbws-access-dev-sns-alerts-critical" }
    event_buses     = { default = { arn = "arn:aws:events:eu-west-1:123456789012:event-bus/default", sources = ["example.audit"], detail_types = ["ExportCompleted"] } }
    read_log_groups = { decisions = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/bbws-access-dev-lambda-authorizer" }
  }
  token-claims = {
    role_name      = "token-claims"
    log_group_name = "/aws/lambda/bbws-access-dev-lambda-token-claims"
    tables = {
      permissions = {
        arn               = "arn:aws:dynamodb:eu-west-1:123456789012:table/bbws-access-dev-ddb-permissions"
        read_leading_keys = ["ASSIGNMENT#USER#*"]
      }
    }
  }
}

keys = {
  role = {
    data = {
      arn     = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
      through = ["dynamodb"]
    }
  }
  token-claims = {
    data = {
      arn       = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
      through   = ["dynamodb"]
      read_only = true
    }
  }
}

user_pools = {
  invitation = {
    people = {
      arn          = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_Example01"
      create_users = true
    }
  }
}

authorizer_invocation = {
  alias_arn = "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-authorizer:live"
}

replications = {
  audit = {
    source_bucket_arn      = "arn:aws:s3:::bbws-access-dev-s3-audit-archive"
    source_key_arn         = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    destination_bucket_arn = "arn:aws:s3:::bbws-access-dev-s3-audit-archive-replica"
    destination_key_arn    = "arn:aws:kms:eu-central-1:123456789012:key/66666666-7777-8888-9999-000000000000"
    destination_region     = "eu-central-1"
  }
}

schedulers = {
  audit = {
    alias_arn             = "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-audit:live"
    schedule_group        = "bbws-access-dev-schedules"
    dead_letter_queue_arn = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-audit-dead-letters"
  }
}
