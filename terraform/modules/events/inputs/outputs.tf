# Written by `make inputs` from variables.tf: change that file.

output "rules" {
  description = "The input rules, typed and checked."
  value       = var.rules
}

output "dead_letter_policy_statements" {
  description = "The input dead_letter_policy_statements, typed and checked."
  value       = var.dead_letter_policy_statements
}
