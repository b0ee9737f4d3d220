locals {
  name_prefix = "${var.project_name}-${var.env_name}"
  alias_name  = "live"

  function_names = { for name in keys(module.inputs.functions) : name => "${local.name_prefix}-lambda-${name}" }
  function_arns  = { for name, function_name in local.function_names : name => "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${function_name}" }
  alias_arns     = { for name, arn in local.function_arns : name => "${arn}:${local.alias_name}" }
  invoke_arns    = { for name, arn in local.alias_arns : name => "arn:${local.partition}:apigateway:${local.region}:lambda:path/2015-03-31/functions/${arn}/invocations" }

  # Functions invoked asynchronously that bring no dead-letter queue of their own.
  dead_letter_queue_names = {
    for name, input in module.inputs.functions : name => "${local.name_prefix}-queue-${name}-dead-letters"
    if input.asynchronous && input.dead_letter_queue_arn == null
  }
  dead_letter_queue_arns = {
    for name, input in module.inputs.functions : name => (
      input.dead_letter_queue_arn != null
      ? input.dead_letter_queue_arn
      : "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${local.name_prefix}-queue-${name}-dead-letters"
    )
    if input.asynchronous
  }

  # By its names, which are known while values are not yet.
  has_environment = { for name, input in module.inputs.functions : name => length(input.environment) + length(lookup(var.late_environment, name, {})) > 0 }

  # A hash in base64 → in hex, six bits per character, to hold it against the package's key.
  base64_bits = {
    for value, character in split("", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") :
    character => format("%06b", value)
  }
  package_hashes = {
    for name, input in module.inputs.functions : name => format("%064x", parseint(substr(join("", [
      for character in split("", input.package.source_code_hash) : lookup(local.base64_bits, character, "")
    ]), 0, 256), 2))
  }
}

resource "aws_lambda_function" "this" {
  for_each = module.inputs.functions

  #checkov:skip=CKV_AWS_115:Reserving concurrency for a function takes it from all others of the account; reserved_concurrency is an input for accounts that have enough.
  #checkov:skip=CKV_AWS_116:Only asynchronous invocations leave dead letters; functions marked asynchronous have a queue.
  #checkov:skip=CKV_AWS_117:The functions call AWS services only; a VPC would add a NAT gateway and protect nothing.
  #checkov:skip=CKV_AWS_272:A package's key is its hash, which is checked here and by Lambda; signing needs a service that its users may not have.

  function_name = local.function_names[each.key]
  description   = each.value.description
  role          = each.value.role_arn

  package_type     = "Zip"
  s3_bucket        = each.value.package.s3_bucket
  s3_key           = each.value.package.s3_key
  source_code_hash = each.value.package.source_code_hash
  handler          = each.value.handler
  runtime          = each.value.runtime
  architectures    = [each.value.architecture]
  publish          = true

  memory_size                    = each.value.memory_megabytes
  timeout                        = each.value.timeout_seconds
  reserved_concurrent_executions = each.value.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  ephemeral_storage {
    size = each.value.ephemeral_storage_megabytes
  }

  dynamic "environment" {
    for_each = local.has_environment[each.key] ? [merge(each.value.environment, lookup(var.late_environment, each.key, {}))] : []

    content {
      variables = environment.value
    }
  }

  logging_config {
    log_group  = each.value.log_group_name
    log_format = var.log_format

    # What a function logs is its own LOG_LEVEL's to say; Lambda's filter would drop more.
    application_log_level = var.log_format == "JSON" ? "TRACE" : null
    system_log_level      = var.log_format == "JSON" ? var.system_log_level : null
  }

  tracing_config {
    mode = var.tracing_enabled ? "Active" : "PassThrough"
  }

  dynamic "dead_letter_config" {
    for_each = each.value.asynchronous ? [local.dead_letter_queue_arns[each.key]] : []

    content {
      target_arn = dead_letter_config.value
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.function_names[each.key]) <= 64
      error_message = "The function's name ${local.function_names[each.key]} is longer than Lambda's 64 characters: use a shorter key in functions, or a shorter project_name."
    }

    precondition {
      condition     = endswith(each.value.package.s3_key, "${local.package_hashes[each.key]}.zip")
      error_message = "The package of ${each.key} has the SHA-256 ${local.package_hashes[each.key]}, but its key ${each.value.package.s3_key} does not end in that hash and .zip: package again, so that key and hash belong to the same file."
    }
  }

  # The queue must be there when Lambda checks that the role may send to it.
  depends_on = [aws_sqs_queue.dead_letters]
}

resource "aws_lambda_alias" "live" {
  for_each = module.inputs.functions

  name             = local.alias_name
  description      = "The version in use"
  function_name    = aws_lambda_function.this[each.key].function_name
  function_version = aws_lambda_function.this[each.key].version
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  for_each = { for name, input in module.inputs.functions : name => input if input.provisioned_concurrency > 0 }

  function_name                     = aws_lambda_function.this[each.key].function_name
  qualifier                         = aws_lambda_alias.live[each.key].name
  provisioned_concurrent_executions = each.value.provisioned_concurrency
}

resource "aws_lambda_function_event_invoke_config" "live" {
  for_each = { for name, input in module.inputs.functions : name => input if input.asynchronous }

  function_name                = aws_lambda_function.this[each.key].function_name
  qualifier                    = aws_lambda_alias.live[each.key].name
  maximum_event_age_in_seconds = each.value.maximum_event_age_seconds
  maximum_retry_attempts       = each.value.maximum_retry_attempts
}

resource "aws_lambda_permission" "live" {
  for_each = module.inputs.permissions

  statement_id  = each.key
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this[each.value.function].function_name
  qualifier     = aws_lambda_alias.live[each.value.function].name
  principal     = each.value.principal
  source_arn    = each.value.source_arn

  # A bucket's ARN names no account: another account could take the name of a deleted bucket.
  source_account = split(":", each.value.source_arn)[4] == "" ? local.account_id : null
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = local.dead_letter_queue_names

  name                      = each.value
  message_retention_seconds = var.dead_letter_retention_days * 86400
  kms_master_key_id         = var.kms_key_arn
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  tags                      = var.tags

  # Inside the queue: a separate policy resource waits 25 seconds of its own.
  policy = data.aws_iam_policy_document.dead_letters[each.key].minified_json
}

data "aws_iam_policy_document" "dead_letters" {
  for_each = local.dead_letter_queue_names

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = ["arn:${local.partition}:sqs:${local.region}:${local.account_id}:${each.value}"]

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
    for_each = { for sid, statement in module.inputs.dead_letter_policy_statements : sid => statement if contains(statement.functions, each.key) }

    content {
      sid       = statement.key
      effect    = statement.value.effect
      actions   = statement.value.actions
      resources = ["arn:${local.partition}:sqs:${local.region}:${local.account_id}:${each.value}"]

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
