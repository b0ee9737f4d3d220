# Written by `make inputs` from variables.tf: change that file.

output "password_policy" {
  description = "The input password_policy, typed and checked."
  value       = var.password_policy
}

output "email" {
  description = "The input email, typed and checked."
  value       = var.email
}

output "app_clients" {
  description = "The input app_clients, typed and checked."
  value       = var.app_clients
}

output "authorizer" {
  description = "The input authorizer, typed and checked."
  value       = var.authorizer
}
