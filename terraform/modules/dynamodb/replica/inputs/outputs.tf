# Written by `make inputs` from variables.tf: change that file.

output "tables" {
  description = "The input tables, typed and checked."
  value       = var.tables
}
