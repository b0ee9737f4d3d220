# Written by `make inputs` from variables.tf: change that file.

output "rules" {
  description = "The input rules, typed and checked."
  value       = var.rules
}
