output "name" {
  description = "Name of the API, the dimension ApiName of its metrics. Known at plan time."
  value       = local.name
  depends_on  = [aws_api_gateway_rest_api.this]
}

output "rest_api_id" {
  description = "Id of the REST API."
  value       = aws_api_gateway_rest_api.this.id
}

output "rest_api_arn" {
  description = "ARN of the REST API."
  value       = aws_api_gateway_rest_api.this.arn
}

output "execution_arn" {
  description = "Execution ARN of the API; {execution_arn}/*/* is the source of invocations in a function's permission."
  value       = aws_api_gateway_rest_api.this.execution_arn
}

output "stage_name" {
  description = "Name of the stage."
  value       = aws_api_gateway_stage.this.stage_name
}

output "stage_arn" {
  description = "ARN of the stage, to which a web ACL can be attached."
  value       = aws_api_gateway_stage.this.arn
}

output "deployment_id" {
  description = "Id of the deployment that the stage serves; it changes with the content of the API."
  value       = aws_api_gateway_deployment.this.id
}

output "invoke_url" {
  description = "Address of the API: of the custom domain where there is one, else the gateway's own."
  value       = module.inputs.custom_domain == null ? aws_api_gateway_stage.this.invoke_url : "https://${module.inputs.custom_domain.domain_name}/${module.inputs.custom_domain.base_path}"
}

output "body" {
  description = "The document that the gateway imports, as a JSON string. Known at plan time."
  value       = local.body
}

output "routes" {
  description = "Every operation by its method and path: service and whether it is public. Known at plan time."
  value       = { for key, route in local.routes : key => { service = route.service, public = route.public } }
}

output "execution_log_group_name" {
  description = "Name of the log group of the gateway's own log; null when its level is OFF."
  value       = one(aws_cloudwatch_log_group.execution[*].name)
}

output "access_log_fields" {
  description = "Fields of a line of the access log with the gateway's variable that fills each, for metric filters and queries. Known at plan time."
  value       = local.access_log_fields
}

output "web_acl_arn" {
  description = "ARN of the web ACL; null without one."
  value       = one(aws_wafv2_web_acl.this[*].arn)
}

output "custom_domain_target" {
  description = "Name and zone to which a DNS record of the custom domain points; null without one."
  value = one([
    for domain in aws_api_gateway_domain_name.this : { name = domain.regional_domain_name, zone_id = domain.regional_zone_id }
  ])
}
