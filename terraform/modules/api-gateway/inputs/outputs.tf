# Written by `make inputs` from variables.tf: change that file.

output "authorizer" {
  description = "The input authorizer, typed and checked."
  value       = var.authorizer
}

output "cors" {
  description = "The input cors, typed and checked."
  value       = var.cors
}

output "execution_logging" {
  description = "The input execution_logging, typed and checked."
  value       = var.execution_logging
}

output "throttle" {
  description = "The input throttle, typed and checked."
  value       = var.throttle
}

output "web_acl" {
  description = "The input web_acl, typed and checked."
  value       = var.web_acl
}

output "custom_domain" {
  description = "The input custom_domain, typed and checked."
  value       = var.custom_domain
}
