provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

run "dev" {
  command = plan

  assert {
    condition     = output.queue_arn == "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-mail" && output.queue_url == "https://sqs.eu-west-1.amazonaws.com/123456789012/bbws-access-dev-queue-mail" && output.queue_names == { mail = "bbws-access-dev-queue-mail" } && output.dead_letter_queue_names == { mail = "bbws-access-dev-queue-mail-dead-letters" }
    error_message = "Queues must be named {project}-{env}-queue-{name}, and known at plan time."
  }

  assert {
    condition     = output.template_names == { welcome = "bbws-access-dev-mail-welcome" } && output.template_arns == { welcome = "arn:aws:ses:eu-west-1:123456789012:template/bbws-access-dev-mail-welcome" } && output.template_prefix == "bbws-access-dev-mail" && output.configuration_set_arn == "arn:aws:ses:eu-west-1:123456789012:configuration-set/bbws-access-dev-mail" && output.configuration_set_name == "bbws-access-dev-mail"
    error_message = "Templates and the configuration set must be known at plan time."
  }

  assert {
    condition     = output.sender == "Example access <access@mail.example.com>" && output.identity_arn == "arn:aws:ses:eu-west-1:123456789012:identity/mail.example.com" && aws_sesv2_email_identity.this["sender"].email_identity == "mail.example.com"
    error_message = "Mails come from the given address of the given identity."
  }

  assert {
    condition     = aws_ses_template.this["welcome"].subject == "Welcome, {{name}}" && aws_ses_template.this["welcome"].html == "<p>Welcome, {{nameHtml}}</p>" && aws_ses_template.this["welcome"].text == "Welcome, {{name}}"
    error_message = "A template has a subject, HTML and text."
  }

  assert {
    condition = (
      aws_sesv2_configuration_set.this.delivery_options[0].tls_policy == "REQUIRE"
      && aws_sesv2_configuration_set.this.reputation_options[0].reputation_metrics_enabled
      && toset(aws_sesv2_configuration_set.this.suppression_options[0].suppressed_reasons) == toset(["BOUNCE", "COMPLAINT"])
    )
    error_message = "Mails travel encrypted, their reputation is measured, and who bounced or complained is not written to again."
  }

  assert {
    condition = (
      aws_sesv2_configuration_set_event_destination.events.event_destination[0].event_bridge_destination[0].event_bus_arn == "arn:aws:events:eu-west-1:123456789012:event-bus/default"
      && toset(aws_sesv2_configuration_set_event_destination.events.event_destination[0].matching_event_types) == toset(["BOUNCE", "COMPLAINT", "REJECT", "RENDERING_FAILURE"])
    )
    error_message = "What goes wrong with a mail is told to the default bus."
  }

  assert {
    condition     = aws_sqs_queue.mail.visibility_timeout_seconds == 180 && aws_sqs_queue.mail.message_retention_seconds == 604800 && aws_sqs_queue.dead_letters.message_retention_seconds == 1209600 && aws_sqs_queue.mail.sqs_managed_sse_enabled && aws_sqs_queue.dead_letters.sqs_managed_sse_enabled
    error_message = "A message stays away for six times the function's timeout, and everything is encrypted."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.dead_letters.redrive_allow_policy) == {
      redrivePermission = "byQueue", sourceQueueArns = ["arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-mail"]
    }
    error_message = "The dead letters are those of this queue only."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.mail, aws_sqs_queue.dead_letters] : jsondecode(queue.policy).Statement[0].Sid == "TlsOnly" && jsondecode(queue.policy).Statement[0].Effect == "Deny"])
    error_message = "Queues refuse everything that comes without TLS."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.mail["consumer"].function_name == var.consumer.alias_arn
      && aws_lambda_event_source_mapping.mail["consumer"].function_response_types == toset(["ReportBatchItemFailures"])
      && aws_lambda_event_source_mapping.mail["consumer"].scaling_config[0].maximum_concurrency == 2
      && aws_lambda_event_source_mapping.mail["consumer"].batch_size == 3
    )
    error_message = "The function takes a few mails at once, and gives back those that failed."
  }
}

run "sit" {
  command = plan

  variables {
    env_name    = "sit"
    sender      = { identity = "access@example.com", from_address = "access@example.com", create_identity = false }
    event_types = ["BOUNCE"]
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    consumer    = merge(var.consumer, { timeout_seconds = 10, batch_size = 10, maximum_concurrency = 20 })
  }

  assert {
    condition     = length(aws_sesv2_email_identity.this) == 0 && output.sender == "access@example.com" && output.identity_arn == "arn:aws:ses:eu-west-1:123456789012:identity/access@example.com" && output.identity_verified && output.dkim_records == {}
    error_message = "An identity that is there already is used as it is."
  }

  assert {
    condition     = aws_sqs_queue.mail.kms_master_key_id == var.kms_key_arn && aws_sqs_queue.dead_letters.kms_master_key_id == var.kms_key_arn && aws_sqs_queue.mail.visibility_timeout_seconds == 60
    error_message = "Key and visibility timeout follow the inputs."
  }
}

run "prod" {
  command = plan

  variables {
    env_name  = "prod"
    sender    = null
    consumer  = null
    templates = {}
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.mail) == 0 && length(aws_sesv2_email_identity.this) == 0 && length(aws_ses_template.this) == 0 && output.sender == null && output.identity_arn == null && !output.identity_verified
    error_message = "Without sender, templates and function there are the queue and the configuration set."
  }
}

run "statements_of_ones_own" {
  command = plan

  variables {
    queue_policy_statements = {
      Read = {
        actions    = ["sqs:ReceiveMessage"]
        principals = { AWS = ["arn:aws:iam::999999999999:role/operations"] }
        conditions = [{ test = "StringEquals", variable = "aws:PrincipalOrgID", values = ["o-a1b2c3d4e5"] }]
        queues     = ["mail"]
      }
      NobodyPurges = { effect = "Deny", actions = ["sqs:PurgeQueue"], principals = { AWS = ["*"] }, queues = ["mail"] }
    }
  }

  assert {
    condition = { for statement in jsondecode(aws_sqs_queue.mail.policy).Statement : statement.Sid => statement if !contains(["TlsOnly"], statement.Sid) } == {
      Read = {
        Sid       = "Read"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::999999999999:role/operations" }
        Action    = "sqs:ReceiveMessage"
        Resource  = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-mail"
        Condition = { StringEquals = { "aws:PrincipalOrgID" = "o-a1b2c3d4e5" } }
      }
      NobodyPurges = { Sid = "NobodyPurges", Effect = "Deny", Principal = "*", Action = "sqs:PurgeQueue", Resource = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-mail" }
    }
    error_message = "Statements of the caller's own stand in the queue's policy, for that queue."
  }

  assert {
    condition     = [for queue in [aws_sqs_queue.mail, aws_sqs_queue.dead_letters] : [for statement in jsondecode(queue.policy).Statement : statement.Sid]] == [["TlsOnly", "NobodyPurges", "Read"], ["TlsOnly"]]
    error_message = "The module's own statement stays, and a queue that is not named has no other."
  }
}
