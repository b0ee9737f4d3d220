# Mails wait here until they are sent, however long SES is away; what fails for good lies in the dead letters.

locals {
  queue_names = {
    mail         = "${local.name_prefix}-queue-mail"
    dead_letters = "${local.name_prefix}-queue-mail-dead-letters"
  }
  queue_arns = { for key, name in local.queue_names : key => "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${name}" }

  # As Lambda advises: a message must not come again while a function may still be at work on it.
  visibility_timeout = 6 * try(module.inputs.consumer.timeout_seconds, 30)
}

resource "aws_sqs_queue" "mail" {
  # Kept half as long as dead letters: SQS counts their age from the day when they were queued here.
  name                       = local.queue_names.mail
  visibility_timeout_seconds = local.visibility_timeout
  message_retention_seconds  = var.retention_days * 43200
  receive_wait_time_seconds  = 20
  kms_master_key_id          = var.kms_key_arn
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  tags                       = var.tags

  # Both inside the queue: a separate resource waits 25 seconds of its own.
  policy = data.aws_iam_policy_document.queue["mail"].minified_json
  redrive_policy = jsonencode({
    deadLetterTargetArn = local.queue_arns.dead_letters
    maxReceiveCount     = var.maximum_receive_count
  })

  # SQS takes no dead letters' queue that is not there.
  depends_on = [aws_sqs_queue.dead_letters]
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = local.queue_names.dead_letters
  message_retention_seconds = var.retention_days * 86400
  kms_master_key_id         = var.kms_key_arn
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  tags                      = var.tags

  policy = data.aws_iam_policy_document.queue["dead_letters"].minified_json
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.queue_arns.mail]
  })
}

data "aws_iam_policy_document" "queue" {
  for_each = local.queue_arns

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # The caller's own. None of them lifts a Deny of the module's.
  dynamic "statement" {
    for_each = { for sid, statement in module.inputs.queue_policy_statements : sid => statement if contains(statement.queues, each.key) }

    content {
      sid       = statement.key
      effect    = statement.value.effect
      actions   = statement.value.actions
      resources = [each.value]

      dynamic "principals" {
        for_each = statement.value.principals

        content {
          # As the module's own do: everybody, whatever kind.
          type        = contains(principals.value, "*") ? "*" : principals.key
          identifiers = contains(principals.value, "*") ? ["*"] : principals.value
        }
      }

      dynamic "condition" {
        for_each = statement.value.conditions

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}

resource "aws_lambda_event_source_mapping" "mail" {
  for_each = { for consumer in module.inputs.consumer[*] : "consumer" => consumer }

  event_source_arn = local.queue_arns.mail
  function_name    = each.value.alias_arn
  batch_size       = each.value.batch_size
  tags             = var.tags

  # Of a batch only the mails that failed come again.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = each.value.maximum_concurrency
  }

  depends_on = [aws_sqs_queue.mail, var.consumer_after]
}
