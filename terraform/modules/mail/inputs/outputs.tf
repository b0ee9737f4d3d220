# Written by `make inputs` from variables.tf: change that file.

output "sender" {
  description = "The input sender, typed and checked."
  value       = var.sender
}

output "templates" {
  description = "The input templates, typed and checked."
  value       = var.templates
}

output "consumer" {
  description = "The input consumer, typed and checked."
  value       = var.consumer
}

output "queue_policy_statements" {
  description = "The input queue_policy_statements, typed and checked."
  value       = var.queue_policy_statements
}
