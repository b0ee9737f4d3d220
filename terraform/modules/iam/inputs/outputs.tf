# Written by `make inputs` from variables.tf: change that file.

output "services" {
  description = "The input services, typed and checked."
  value       = var.services
}

output "keys" {
  description = "The input keys, typed and checked."
  value       = var.keys
}

output "user_pools" {
  description = "The input user_pools, typed and checked."
  value       = var.user_pools
}

output "authorizer_invocation" {
  description = "The input authorizer_invocation, typed and checked."
  value       = var.authorizer_invocation
}

output "replications" {
  description = "The input replications, typed and checked."
  value       = var.replications
}

output "schedulers" {
  description = "The input schedulers, typed and checked."
  value       = var.schedulers
}
