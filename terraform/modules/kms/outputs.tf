output "key_arns" {
  description = "ARN of each key by its name; known after apply."
  value       = { for name, key in aws_kms_key.this : name => key.arn }
}

output "key_ids" {
  description = "Id of each key by its name; known after apply."
  value       = { for name, key in aws_kms_key.this : name => key.key_id }
}

output "alias_names" {
  description = "Alias of each key by the key's name, known at plan time."
  value       = local.alias_names
  depends_on  = [aws_kms_alias.this]
}

output "alias_arns" {
  description = "ARN of each key's alias by the key's name, known at plan time."
  value       = local.alias_arns
  depends_on  = [aws_kms_alias.this]
}
