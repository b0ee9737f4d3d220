locals {
  role = "arn:aws:iam::${var.account_id}:role/${var.project_name}-${var.env_name}-role-"
}

output "role_arns" {
  value = { for name, input in var.services : name => "${local.role}${try(input.role_name, "${name}-service")}" }
}

output "authorizer_invocation_role_arn" {
  value = "${local.role}api-gateway-authorizer"
}

output "replication_role_arns" {
  value = { for name in keys(var.replications) : name => "${local.role}${name}-replication" }
}
