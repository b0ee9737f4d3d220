# Written by `make inputs` from variables.tf: change that file.

output "functions" {
  description = "The input functions, typed and checked."
  value       = var.functions
}

output "api" {
  description = "The input api, typed and checked."
  value       = var.api
}

output "log_groups" {
  description = "The input log_groups, typed and checked."
  value       = var.log_groups
}

output "log_retention_days" {
  description = "The input log_retention_days, typed and checked."
  value       = var.log_retention_days
}

output "tables" {
  description = "The input tables, typed and checked."
  value       = var.tables
}

output "queues" {
  description = "The input queues, typed and checked."
  value       = var.queues
}

output "event_rules" {
  description = "The input event_rules, typed and checked."
  value       = var.event_rules
}

output "archive_replication" {
  description = "The input archive_replication, typed and checked."
  value       = var.archive_replication
}

output "thresholds" {
  description = "The input thresholds, typed and checked."
  value       = var.thresholds
}

output "alarms" {
  description = "The input alarms, typed and checked."
  value       = var.alarms
}

output "subscriptions" {
  description = "The input subscriptions, typed and checked."
  value       = var.subscriptions
}

output "topic_policy_statements" {
  description = "The input topic_policy_statements, typed and checked."
  value       = var.topic_policy_statements
}

output "log_fields" {
  description = "The input log_fields, typed and checked."
  value       = var.log_fields
}

output "log_values" {
  description = "The input log_values, typed and checked."
  value       = var.log_values
}
