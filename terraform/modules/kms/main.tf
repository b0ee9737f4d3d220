locals {
  name_prefix = "${var.project_name}-${var.env_name}"
  account_arn = "arn:${local.partition}:iam::${local.account_id}:root"

  alias_names = { for name in keys(module.inputs.keys) : name => "alias/${local.name_prefix}-key-${name}" }
  alias_arns  = { for name, alias in local.alias_names : name => "arn:${local.partition}:kms:${local.region}:${local.account_id}:${alias}" }

  administration = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:Delete*",
    "kms:Describe*",
    "kms:Disable*",
    "kms:Enable*",
    "kms:Get*",
    "kms:List*",
    "kms:Put*",
    "kms:ReplicateKey",
    "kms:Revoke*",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:Update*",
  ]
  usage = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
  ]

  via_services = {
    for name, key in module.inputs.keys : name => [for service in key.via_services : "${service}.${local.region}.${local.dns_suffix}"]
  }

  # What each service needs that uses the key by itself, and how the request shows for whom it acts.
  service_actions = {
    for name, key in module.inputs.keys : name => {
      for service, grant in key.service_principals : service => {
        principal = service == "logs" ? "logs.${local.region}.amazonaws.com" : "${service}.amazonaws.com"
        actions   = service == "logs" ? local.usage : ["kms:Decrypt", "kms:GenerateDataKey*"]
        # CloudWatch Logs names the log group in the encryption context. EventBridge names nothing: any condition
        # on the source would silently drop its events.
        conditions = concat(
          service == "logs" ? [{
            test     = "ArnLike"
            variable = "kms:EncryptionContext:aws:logs:arn"
            values   = length(grant.source_arns) > 0 ? grant.source_arns : ["arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:*"]
          }] : [],
          contains(["logs", "events"], service) ? [] : [{
            test     = "StringEquals"
            variable = "aws:SourceAccount"
            values   = [local.account_id]
          }],
          service != "logs" && length(grant.source_arns) > 0 ? [{
            test     = "ArnLike"
            variable = "aws:SourceArn"
            values   = grant.source_arns
          }] : [],
        )
      }
    }
  }
}

data "aws_iam_policy_document" "this" {
  #checkov:skip=CKV_AWS_111:In a key's own policy the resource "*" is the key that it is attached to
  #checkov:skip=CKV_AWS_356:In a key's own policy the resource "*" is the key that it is attached to
  for_each = module.inputs.keys

  # Administration is the account's to delegate by IAM, so that the key can never become unmanageable. Use is not:
  # it takes one of the statements below, whatever IAM says. Hence no CreateGrant here, which would give use away.
  statement {
    sid       = "AdministrationByAccount"
    actions   = local.administration
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [local.account_arn]
    }
  }

  dynamic "statement" {
    for_each = length(each.value.administrator_arns) > 0 ? [each.value.administrator_arns] : []

    content {
      sid       = "AdministrationByPrincipals"
      actions   = local.administration
      resources = ["*"]

      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }

  dynamic "statement" {
    for_each = length(each.value.via_services) > 0 ? [1] : []

    content {
      sid = "UseThroughServices"
      # AWS Backup retires its grant again when it makes a vault.
      actions   = concat(local.usage, ["kms:RetireGrant"])
      resources = ["*"]

      principals {
        type        = "AWS"
        identifiers = [local.account_arn]
      }

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.via_services[each.key]
      }
    }
  }

  # Services such as DynamoDB work on with a grant when the principal who called them is gone.
  dynamic "statement" {
    for_each = length(each.value.via_services) > 0 ? [1] : []

    content {
      sid       = "GrantToServices"
      actions   = ["kms:CreateGrant"]
      resources = ["*"]

      principals {
        type        = "AWS"
        identifiers = [local.account_arn]
      }

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.via_services[each.key]
      }

      condition {
        test     = "Bool"
        variable = "kms:GrantIsForAWSResource"
        values   = ["true"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(each.value.user_arns) > 0 ? [each.value.user_arns] : []

    content {
      sid       = "UseByPrincipals"
      actions   = local.usage
      resources = ["*"]

      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }

  dynamic "statement" {
    for_each = local.service_actions[each.key]

    content {
      sid       = "UseBy${join("", [for part in split(".", statement.key) : title(part)])}"
      actions   = statement.value.actions
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = [statement.value.principal]
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

  # The caller's own. None of them lifts a Deny of the module's.
  dynamic "statement" {
    for_each = each.value.policy_statements

    content {
      sid       = statement.key
      effect    = statement.value.effect
      actions   = statement.value.actions
      resources = ["*"]

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

resource "aws_kms_key" "this" {
  for_each = module.inputs.keys

  description             = each.value.description
  policy                  = data.aws_iam_policy_document.this[each.key].json
  enable_key_rotation     = true
  rotation_period_in_days = each.value.rotation_period_in_days
  deletion_window_in_days = each.value.deletion_window_in_days
  multi_region            = each.value.multi_region
  tags                    = var.tags

}

resource "aws_kms_alias" "this" {
  for_each = module.inputs.keys

  name          = local.alias_names[each.key]
  target_key_id = aws_kms_key.this[each.key].key_id
}
