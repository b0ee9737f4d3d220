# Built from names, so that whoever uses a role plans with its real ARN; not from the resources, whose
# ARNs are known only after they exist. depends_on makes a user of the role wait for its permissions.

output "role_arns" {
  description = "ARN of each service's role, by service; known at plan time."
  value       = local.service_role_arns
  depends_on  = [aws_iam_role.service, aws_iam_role_policy.service]
}

output "role_names" {
  description = "Name of each service's role, by service."
  value       = local.service_role_names
  depends_on  = [aws_iam_role.service]
}

output "policies" {
  description = "Policy of each service's role as JSON, by service, without its grants on keys and user pools; known at plan time."
  value       = { for service, document in data.aws_iam_policy_document.service : service => document.minified_json }

  # Here and not at the roles: user pools count, and a user pool may need a role of this module for its trigger.
  precondition {
    condition     = alltrue([for size in values(local.policy_sizes) : size <= local.policy_characters])
    error_message = "The inline policies of a role may have ${local.policy_characters} characters together; too large: ${join(", ", [for service, size in local.policy_sizes : "${service} (${size})" if size > local.policy_characters])}. List fewer or broader leading keys, prefixes or resources."
  }
}

output "authorizer_invocation_role_arn" {
  description = "ARN of the role with which API Gateway invokes the authorizer; null without authorizer_invocation."
  value       = module.inputs.authorizer_invocation == null ? null : local.authorizer_invocation_role_arn
  depends_on  = [aws_iam_role.authorizer_invocation, aws_iam_role_policy.authorizer_invocation]
}

output "replication_role_arns" {
  description = "ARN of each replication's role, by name; known at plan time."
  value       = { for name in keys(module.inputs.replications) : name => "${local.role_arn_prefix}${name}-replication" }
  depends_on  = [aws_iam_role.replication, aws_iam_role_policy.replication, aws_iam_role_policy.replication_keys]
}

output "scheduler_role_arns" {
  description = "ARN of each scheduler's role, by name; known at plan time."
  value       = { for name in keys(module.inputs.schedulers) : name => "${local.role_arn_prefix}${name}-scheduler" }
  depends_on  = [aws_iam_role.scheduler, aws_iam_role_policy.scheduler]
}
