locals {
  pool = coalesce(var.existing_user_pool_id, "${var.region}_StandIn01")
}

output "user_pool_id" {
  value = local.pool
}

output "user_pool_arn" {
  value = "arn:aws:cognito-idp:${var.region}:${var.account_id}:userpool/${local.pool}"
}

output "client_ids" {
  value = { for name in keys(var.app_clients) : name => substr(sha256(name), 0, 26) }
}

output "authorizer" {
  value = {
    name                           = "${var.project_name}-${var.env_name}-authorizer"
    uri                            = "arn:aws:apigateway:${var.region}:lambda:path/2015-03-31/functions/${var.authorizer.function_arn}/invocations"
    credentials_arn                = var.authorizer.invocation_role_arn
    identity_source                = "method.request.header.${try(var.authorizer.header, "Authorization")}"
    identity_validation_expression = try(var.authorizer.token_pattern, "^[Bb][Ee][Aa][Rr][Ee][Rr] +[0-9A-Za-z_-]+\\.[0-9A-Za-z_-]+\\.[0-9A-Za-z_-]*$")
    result_ttl_seconds             = try(var.authorizer.result_ttl_seconds, 300)
  }
}

output "token_use" {
  value = var.tier == "LITE" ? "id" : "access"
}
