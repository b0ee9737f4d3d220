output "api_url" {
  description = "Address of the API, with the stage."
  value       = module.api_gateway.invoke_url
}

output "rest_api_id" {
  description = "Id of the REST API."
  value       = module.api_gateway.rest_api_id
}

output "stage_name" {
  description = "Stage of the API."
  value       = module.api_gateway.stage_name
}

output "authorizer_uri" {
  description = "The authorizer, in the form that the API of another service takes; see docs/another-api.md."
  value       = module.authorizer.invoke_arns["authorizer"]
}

output "reserved_ids" {
  description = "Words of the paths of other services' APIs, which no id may be."
  value       = local.reserved_ids
}

output "user_pool_id" {
  description = "User pool that people sign in to."
  value       = module.cognito.user_pool_id
}

output "client_id" {
  description = "App client that people sign in through."
  value       = module.cognito.client_ids["main"]
}

output "event_bus_name" {
  description = "EventBridge bus that the platform puts its events on, OrganisationCreated and UserDeactivated among them."
  value       = module.events.event_bus_name
}

output "table_names" {
  description = "Name of each table, by table."
  value       = module.dynamodb.table_names
}

output "bucket_names" {
  description = "Name of each bucket, by purpose."
  value = merge(
    {
      audit-archive     = module.s3_audit.bucket_name
      audit-access-logs = module.s3_audit.access_log_bucket_name
    },
    { for name, replica in module.s3_audit_replica : "audit-archive-replica" => replica.bucket_name }
  )
}

output "function_names" {
  description = "Name of each function, by function."
  value       = merge(module.functions.function_names, module.authorizer.function_names, module.token_claims.function_names)
}

output "role_arns" {
  description = "ARN of each service's role, by service."
  value       = module.iam.role_arns
}

output "log_group_names" {
  description = "Name of each log group, by its writer."
  value       = module.cloudwatch.log_group_names
}

output "topic_arns" {
  description = "ARN of each alert topic, by topic."
  value       = module.cloudwatch.topic_arns
}

output "region" {
  description = "Region of everything but the replicas."
  value       = var.region
}

output "failover_region" {
  description = "Region of the replicas; null where nothing is replicated."
  value       = var.cross_region_replication ? var.failover_region : null
}

output "token_use" {
  description = "Which of the user pool's tokens the API takes: access or id."
  value       = module.cognito.token_use
}
