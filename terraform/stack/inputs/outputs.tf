# Written by `make inputs` from variables.tf: change that file.

output "audit_object_lock" {
  description = "The input audit_object_lock, typed and checked."
  value       = var.audit_object_lock
}

output "invitation_sender" {
  description = "The input invitation_sender, typed and checked."
  value       = var.invitation_sender
}

output "web_acl" {
  description = "The input web_acl, typed and checked."
  value       = var.web_acl
}

output "custom_domain" {
  description = "The input custom_domain, typed and checked."
  value       = var.custom_domain
}

output "packages" {
  description = "The input packages, typed and checked."
  value       = var.packages
}
