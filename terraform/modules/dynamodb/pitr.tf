# Point-in-time recovery itself is part of each table and replica (main.tf). This is the scheduled backup beside it.

locals {
  backups             = module.inputs.backup == null ? {} : { tables = module.inputs.backup }
  backup_vault_name   = "${local.name_prefix}-vault-tables"
  recovery_point_arns = "arn:${local.partition}:backup:${local.region}:${local.account_id}:recovery-point:*"
  backup_vault_arn    = "arn:${local.partition}:backup:${local.region}:${local.account_id}:backup-vault:${local.backup_vault_name}"
}

resource "aws_backup_vault" "this" {
  for_each = local.backups

  name          = local.backup_vault_name
  kms_key_arn   = each.value.vault_kms_key_arn
  force_destroy = each.value.force_destroy
  tags          = var.tags
}

resource "aws_backup_vault_lock_configuration" "this" {
  for_each = { for name, backup in local.backups : name => backup.vault_lock if backup.vault_lock != null }

  backup_vault_name   = aws_backup_vault.this[each.key].name
  min_retention_days  = each.value.min_retention_days
  max_retention_days  = each.value.max_retention_days
  changeable_for_days = each.value.changeable_for_days
}

resource "aws_backup_plan" "this" {
  for_each = local.backups

  name = "${local.name_prefix}-plan-tables"
  tags = var.tags

  rule {
    rule_name           = "tables"
    target_vault_name   = aws_backup_vault.this[each.key].name
    schedule            = each.value.schedule
    start_window        = each.value.start_window_minutes
    completion_window   = each.value.completion_window_minutes
    recovery_point_tags = var.tags

    lifecycle {
      delete_after       = each.value.delete_after_days
      cold_storage_after = each.value.cold_storage_after_days
    }
  }
}

resource "aws_backup_selection" "this" {
  for_each = local.backups

  name         = "${local.name_prefix}-tables"
  plan_id      = aws_backup_plan.this[each.key].id
  iam_role_arn = aws_iam_role.backup[each.key].arn
  resources    = [for name in keys(module.inputs.tables) : local.table_arns[name]]

  # A backup that starts before its role may do anything fails.
  depends_on = [aws_dynamodb_table.this, aws_iam_role_policy.backup, aws_iam_role_policy.backup_keys]
}

data "aws_iam_policy_document" "backup_trust" {
  for_each = local.backups

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["backup.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role" "backup" {
  for_each = local.backups

  name                 = "${local.name_prefix}-role-table-backup"
  description          = "AWS Backup of the tables of ${local.name_prefix}"
  assume_role_policy   = data.aws_iam_policy_document.backup_trust[each.key].json
  permissions_boundary = each.value.permissions_boundary_arn
  tags                 = var.tags
}

# AWS's own policy for the role reaches every table, database and volume of the account; this one reaches these tables.
data "aws_iam_policy_document" "backup" {
  for_each = local.backups

  statement {
    sid       = "BackUpTables"
    actions   = ["dynamodb:CreateBackup", "dynamodb:DescribeTable", "dynamodb:ListTagsOfResource", "dynamodb:StartAwsBackupJob"]
    resources = values(local.table_arns)
  }

  statement {
    sid       = "ExpireBackups"
    actions   = ["dynamodb:DeleteBackup", "dynamodb:DescribeBackup"]
    resources = [for arn in values(local.table_arns) : "${arn}/backup/*"]
  }

  statement {
    sid       = "WriteToVault"
    actions   = ["backup:CopyIntoBackupVault", "backup:DescribeBackupVault"]
    resources = [local.backup_vault_arn]
  }

  # A job that adds tags, from the plan or from the table, fails without it. A recovery point gets its id from AWS
  # Backup, and its ARN names neither vault nor table.
  statement {
    sid       = "TagRecoveryPoints"
    actions   = ["backup:TagResource"]
    resources = [local.recovery_point_arns]
  }
}

resource "aws_iam_role_policy" "backup" {
  for_each = local.backups

  name   = "tables"
  role   = aws_iam_role.backup[each.key].name
  policy = data.aws_iam_policy_document.backup[each.key].json
}

# Apart from the tables' policy, which stays known at plan time while the ARN of a new key is not.
data "aws_iam_policy_document" "backup_keys" {
  for_each = local.backups

  statement {
    sid     = "UseKeysThroughServices"
    actions = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"]
    # Where AWS manages the keys there is no ARN to name; their own policies hold them to their service.
    resources = coalescelist(
      compact([local.kms_key_arn, each.value.vault_kms_key_arn]),
      ["arn:${local.partition}:kms:${local.region}:${local.account_id}:key/*"],
    )

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = [for service in ["backup", "dynamodb"] : "${service}.${local.region}.${local.dns_suffix}"]
    }
  }
}

resource "aws_iam_role_policy" "backup_keys" {
  for_each = local.backups

  name   = "keys"
  role   = aws_iam_role.backup[each.key].name
  policy = data.aws_iam_policy_document.backup_keys[each.key].json
}
