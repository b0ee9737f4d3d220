locals {
  groups = merge(
    { for name, function in coalesce(var.functions, {}) : name => "/aws/lambda/${function.function_name}" },
    { for api in var.api[*] : "api-access" => "/aws/apigateway/${api.name}/access" },
  )
}

output "log_group_names" {
  value = local.groups
}

output "log_group_arns" {
  value = { for name, group in local.groups : name => "arn:aws:logs:${var.region}:${var.account_id}:log-group:${group}" }
}

output "topic_arns" {
  value = {}
}
