output "user_pool_id" {
  description = "Id of the user pool, made here or existing."
  value       = local.user_pool_id
}

output "user_pool_arn" {
  description = "ARN of the user pool; of a pool made here it is known after apply."
  value       = local.user_pool_arn
}

output "client_ids" {
  description = "Ids of the app clients by their name in app_clients; the authorizer accepts tokens of these only."
  value       = { for name, client in aws_cognito_user_pool_client.this : name => client.id }
}

output "issuer" {
  description = "Issuer that the pool's tokens name in iss."
  value       = local.issuer
}

output "jwks_uri" {
  description = "Address of the pool's public keys."
  value       = "${local.issuer}/.well-known/jwks.json"
}

output "domain" {
  description = "Address of the hosted sign-in pages; null without domain_prefix."
  value       = one([for domain in aws_cognito_user_pool_domain.this : "https://${domain.domain}.auth.${local.region}.amazoncognito.com"])
}

output "authorizer" {
  description = "Definition of the Lambda authorizer as the API document carries it: name, type, uri, credentials_arn, identity_source, identity_validation_expression, result_ttl_seconds. Known at plan time."
  value       = local.authorizer
}

output "token_use" {
  description = "Which of the pool's tokens carry a person's organisation, so which the API takes: access, or id with the tier LITE."
  value       = var.tier == "LITE" ? "id" : "access"
}
