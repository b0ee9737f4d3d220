# Written by `make inputs` from variables.tf: change that file.

output "functions" {
  description = "The input functions, typed and checked."
  value       = var.functions
}

output "permissions" {
  description = "The input permissions, typed and checked."
  value       = var.permissions
}

output "dead_letter_policy_statements" {
  description = "The input dead_letter_policy_statements, typed and checked."
  value       = var.dead_letter_policy_statements
}
