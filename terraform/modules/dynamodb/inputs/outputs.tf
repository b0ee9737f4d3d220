# Written by `make inputs` from variables.tf: change that file.

output "tables" {
  description = "The input tables, typed and checked."
  value       = var.tables
}

output "backup" {
  description = "The input backup, typed and checked."
  value       = var.backup
}

output "kms_key_policy_statements" {
  description = "The input kms_key_policy_statements, typed and checked."
  value       = var.kms_key_policy_statements
}
