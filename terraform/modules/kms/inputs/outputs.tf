# Written by `make inputs` from variables.tf: change that file.

output "keys" {
  description = "The input keys, typed and checked."
  value       = var.keys
}
