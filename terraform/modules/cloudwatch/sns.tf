locals {
  topics      = toset(["critical", "warning", "dlq"])
  topic_names = { for topic in local.topics : topic => "${local.name_prefix}-sns-alerts-${topic}" }
  topic_arns = {
    for topic, name in local.topic_names : topic => "arn:${local.partition}:sns:${local.arn_suffix}:${name}"
  }
}

resource "aws_sns_topic" "this" {
  for_each = local.topics

  name              = local.topic_names[each.key]
  display_name      = "${local.name_prefix} ${each.key}"
  kms_master_key_id = var.topic_kms_key_arn
  # Subscribers verify messages with SHA-256 instead of SHA-1.
  signature_version = 2
  tags              = var.tags
}

# Principals of the account still need IAM to publish; nobody else than CloudWatch's alarms gets it from here.
data "aws_iam_policy_document" "topic" {
  for_each = local.topics

  statement {
    sid       = "AllowAlarms"
    actions   = ["sns:Publish"]
    resources = [local.topic_arns[each.key]]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:cloudwatch:${local.arn_suffix}:alarm:${local.name_prefix}-alarm-*"]
    }
  }

  statement {
    sid       = "DenyWithoutTls"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [local.topic_arns[each.key]]

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
    for_each = { for sid, statement in module.inputs.topic_policy_statements : sid => statement if contains(statement.topics, each.key) }

    content {
      sid       = statement.key
      effect    = statement.value.effect
      actions   = statement.value.actions
      resources = [local.topic_arns[each.key]]

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

resource "aws_sns_topic_policy" "this" {
  for_each = aws_sns_topic.this

  arn    = each.value.arn
  policy = data.aws_iam_policy_document.topic[each.key].json
}

resource "aws_sns_topic_subscription" "this" {
  for_each = module.inputs.subscriptions

  # By its name, so that a plan shows who hears of what.
  topic_arn = local.topic_arns[each.value.topic]
  protocol  = each.value.protocol
  endpoint  = each.value.endpoint

  # A subscriber hears nothing before the topic says who may publish.
  depends_on = [aws_sns_topic_policy.this]
}
