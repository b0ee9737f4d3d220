locals {
  name_prefix = "${var.project_name}-${var.env_name}"

  events_arn = "arn:${local.partition}:events:${local.region}:${local.account_id}"

  # A bus of the environment's own: what is put on it reaches the rules of this environment and of no other.
  own_bus_name = "${local.name_prefix}-bus"
  bus_name     = coalesce(var.event_bus_name, local.own_bus_name)

  rule_names = { for name in keys(module.inputs.rules) : name => "${local.name_prefix}-rule-${name}" }
  # Schedules exist on the default bus only, and AWS services put their events on no other.
  rule_buses = {
    for name, rule in module.inputs.rules : name => rule.schedule != null || (startswith(rule.source, "aws.") && !startswith(rule.source, "aws.partner/")) ? "default" : local.bus_name
  }
  # Rules of the default bus have no bus in their ARN.
  rule_arns = {
    for name, rule in local.rule_names :
    name => "${local.events_arn}:rule/${local.rule_buses[name] == "default" ? "" : "${local.rule_buses[name]}/"}${rule}"
  }

  targets = merge([
    for name, rule in module.inputs.rules : {
      for target, arn in rule.targets : "${name}-${target}" => { rule = name, name = target, alias_arn = arn, scheduled = rule.schedule != null }
    }
  ]...)

  dead_letter_queue_name = "${local.name_prefix}-queue-events-dead-letters"
  dead_letter_queue_arn  = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${local.dead_letter_queue_name}"
}

resource "aws_cloudwatch_event_bus" "this" {
  count = var.event_bus_name == null ? 1 : 0

  name = local.own_bus_name
  tags = var.tags
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = module.inputs.rules

  name                = local.rule_names[each.key]
  description         = each.value.description
  event_bus_name      = local.rule_buses[each.key]
  schedule_expression = each.value.schedule
  tags                = var.tags

  event_pattern = each.value.schedule != null ? null : jsonencode(merge(
    { source = [each.value.source], "detail-type" = [each.value.detail_type] },
    { for pattern in each.value.detail_pattern[*] : "detail" => jsondecode(pattern) },
  ))

  depends_on = [aws_cloudwatch_event_bus.this]

  lifecycle {
    precondition {
      condition     = length(local.rule_names[each.key]) <= 64
      error_message = "The rule's name ${local.rule_names[each.key]} is longer than EventBridge's 64 characters: use a shorter key in rules, or a shorter project_name."
    }
  }
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.targets

  rule           = aws_cloudwatch_event_rule.this[each.value.rule].name
  event_bus_name = local.rule_buses[each.value.rule]
  target_id      = each.value.name
  arn            = each.value.alias_arn

  # The clock's own event says nothing but that it is time; the function gets the event that it knows.
  dynamic "input_transformer" {
    for_each = each.value.scheduled ? [module.inputs.rules[each.value.rule]] : []

    content {
      # No source and no detail type holds < or >, so nothing else is taken for what is filled in.
      input_paths = { id = "$.id", time = "$.time" }
      input_template = replace(replace(jsonencode({
        version       = "0"
        id            = "<id>"
        source        = input_transformer.value.source
        "detail-type" = input_transformer.value.detail_type
        account       = local.account_id
        region        = local.region
        time          = "<time>"
        resources     = []
        detail        = {}
      }), "\"\\u003cid\\u003e\"", "<id>"), "\"\\u003ctime\\u003e\"", "<time>")
    }
  }

  retry_policy {
    maximum_event_age_in_seconds = var.maximum_event_age_hours * 3600
    maximum_retry_attempts       = var.maximum_retry_attempts
  }

  dead_letter_config {
    arn = local.dead_letter_queue_arn
  }

  depends_on = [aws_lambda_permission.this, aws_sqs_queue.dead_letters]
}

resource "aws_lambda_permission" "this" {
  for_each = local.targets

  statement_id  = "events-${each.value.rule}"
  action        = "lambda:InvokeFunction"
  function_name = regex("function:([^:]+):", each.value.alias_arn)[0]
  qualifier     = regex("[^:]+$", each.value.alias_arn)
  principal     = "events.amazonaws.com"
  source_arn    = local.rule_arns[each.value.rule]

  # Lambda takes no permission for an alias that is not there. The targets wait for the permissions.
  depends_on = [var.targets_after]
}

# What no function would take. What a function took and failed at is in the function's own dead letters.
resource "aws_sqs_queue" "dead_letters" {
  name                      = local.dead_letter_queue_name
  message_retention_seconds = var.dead_letter_retention_days * 86400
  kms_master_key_id         = var.kms_key_arn
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  tags                      = var.tags

  # Inside the queue: a separate policy resource waits 25 seconds of its own.
  policy = data.aws_iam_policy_document.dead_letters.minified_json
}

data "aws_iam_policy_document" "dead_letters" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [local.dead_letter_queue_arn]

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

  dynamic "statement" {
    for_each = length(local.rule_arns) > 0 ? [sort(values(local.rule_arns))] : []

    content {
      sid       = "DeadLettersOfRules"
      actions   = ["sqs:SendMessage"]
      resources = [local.dead_letter_queue_arn]

      principals {
        type        = "Service"
        identifiers = ["events.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value
      }
    }
  }

  # The caller's own. None of them lifts a Deny of the module's.
  dynamic "statement" {
    for_each = module.inputs.dead_letter_policy_statements

    content {
      sid       = statement.key
      effect    = statement.value.effect
      actions   = statement.value.actions
      resources = [local.dead_letter_queue_arn]

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
