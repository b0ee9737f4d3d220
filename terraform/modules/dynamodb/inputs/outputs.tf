# Written by `make inputs` from variables.tf: change that file.

output "tables" {
  description = "The input tables, typed and checked."
  value       = var.tables
}

output "backup" {
  description = "The input backup, typed and checked."
  value       = var.backup
}
