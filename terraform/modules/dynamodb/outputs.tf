output "table_names" {
  description = "Name of each table by its static name, known at plan time."
  value       = local.table_names
  depends_on  = [aws_dynamodb_table.this]
}

output "table_arns" {
  description = "ARN of each table by its static name, known at plan time."
  value       = local.table_arns
  depends_on  = [aws_dynamodb_table.this]
}

output "index_arns" {
  description = "ARN of each index by the table's static name and the index's name, known at plan time."
  value       = local.index_arns
  depends_on  = [aws_dynamodb_table.this]
}

output "stream_arns" {
  description = "ARN of each table's stream by the table's static name, where it has one; known after apply."
  value       = { for name, table in module.inputs.tables : name => aws_dynamodb_table.this[name].stream_arn if table.stream_enabled }
}

output "replication_sources" {
  description = "What the module dynamodb/replica needs to know of each table, by its static name."
  value = {
    for name, table in module.inputs.tables : name => {
      name                        = local.table_names[name]
      arn                         = aws_dynamodb_table.this[name].arn
      region                      = local.region
      stream_view_type            = table.stream_enabled ? table.stream_view_type : null
      kms_key_arn                 = local.kms_key_arn
      deletion_protection_enabled = local.deletion_protection[name]
    }
  }
}

output "kms_key_arn" {
  description = "Customer managed key of the tables, given or made here; null where AWS manages the key."
  value       = local.kms_key_arn
}

output "backup_vault_arn" {
  description = "ARN of the backup vault, known at plan time; null without a backup."
  value       = module.inputs.backup == null ? null : local.backup_vault_arn
  depends_on  = [aws_backup_vault.this]
}

output "backup_vault_name" {
  description = "Name of the backup vault, known at plan time; null without a backup."
  value       = module.inputs.backup == null ? null : local.backup_vault_name
  depends_on  = [aws_backup_vault.this]
}
