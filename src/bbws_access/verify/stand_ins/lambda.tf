locals {
  names = { for name in keys(var.functions) : name => "${var.project_name}-${var.env_name}-lambda-${name}" }
  aliases = {
    for name, function in local.names :
    name => "arn:aws:lambda:${var.region}:${var.account_id}:function:${function}:live"
  }
}

output "function_names" {
  value = local.names
}

output "alias_arns" {
  value = local.aliases
}

output "invoke_arns" {
  value = {
    for name, arn in local.aliases :
    name => "arn:aws:apigateway:${var.region}:lambda:path/2015-03-31/functions/${arn}/invocations"
  }
}

output "dead_letter_queue_names" {
  value = {
    for name, input in var.functions : name => "${var.project_name}-${var.env_name}-queue-${name}-dead-letters"
    if try(input.asynchronous, false)
  }
}
