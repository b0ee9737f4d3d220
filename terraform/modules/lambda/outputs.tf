# Built from names, so that policies and the API's definition are known at plan time. depends_on makes whoever
# uses a function wait for it.

output "function_names" {
  description = "Name of each function, by function."
  value       = local.function_names
  depends_on  = [aws_lambda_function.this]
}

output "function_arns" {
  description = "Unqualified ARN of each function, by function; known at plan time."
  value       = local.function_arns
  depends_on  = [aws_lambda_function.this]
}

output "alias_name" {
  description = "Name of every function's alias."
  value       = local.alias_name
}

output "alias_arns" {
  description = "ARN of each function's alias, which is what callers invoke, by function; known at plan time."
  value       = local.alias_arns
  depends_on  = [aws_lambda_alias.live]
}

output "invoke_arns" {
  description = "ARN of each function's alias in the form that API Gateway's integrations and authorizers take, by function; known at plan time."
  value       = local.invoke_arns
  depends_on  = [aws_lambda_alias.live]
}

output "versions" {
  description = "Published version that each alias points at, by function; known after apply where the code changed."
  value       = { for name, alias in aws_lambda_alias.live : name => alias.function_version }
}

output "dead_letter_queue_arns" {
  description = "ARN of each dead-letter queue made here, by function; known at plan time."
  value       = { for name in keys(local.dead_letter_queue_names) : name => local.dead_letter_queue_arns[name] }
  depends_on  = [aws_sqs_queue.dead_letters]
}

output "dead_letter_queue_names" {
  description = "Name of each dead-letter queue made here, by function."
  value       = local.dead_letter_queue_names
  depends_on  = [aws_sqs_queue.dead_letters]
}
