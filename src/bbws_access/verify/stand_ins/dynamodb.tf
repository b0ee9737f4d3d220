locals {
  names = { for name in keys(var.tables) : name => "${var.project_name}-${var.env_name}-ddb-${name}" }
}

output "table_names" {
  value = local.names
}

output "replication_sources" {
  value = {
    for name, table in var.tables : name => {
      name                        = local.names[name]
      arn                         = "arn:aws:dynamodb:${var.region}:${var.account_id}:table/${local.names[name]}"
      region                      = var.region
      stream_view_type            = "NEW_AND_OLD_IMAGES"
      kms_key_arn                 = var.kms_key_arn
      deletion_protection_enabled = var.deletion_protection_enabled
    }
  }
}

output "backup_vault_name" {
  value = var.backup == null ? null : "${var.project_name}-${var.env_name}-vault-tables"
}
