# Written by `make inputs` from variables.tf: change that file.

output "object_lock" {
  description = "The input object_lock, typed and checked."
  value       = var.object_lock
}

output "storage_tiers" {
  description = "The input storage_tiers, typed and checked."
  value       = var.storage_tiers
}

output "replication" {
  description = "The input replication, typed and checked."
  value       = var.replication
}

output "bucket_policy_statements" {
  description = "The input bucket_policy_statements, typed and checked."
  value       = var.bucket_policy_statements
}
