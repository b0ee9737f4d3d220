# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  project_name                       = var.project_name
  env_name                           = var.env_name
  region                             = var.region
  pitr_enabled                       = var.pitr_enabled
  cross_region_replication           = var.cross_region_replication
  failover_region                    = var.failover_region
  log_level                          = var.log_level
  api_throttle_rate_limit            = var.api_throttle_rate_limit
  api_throttle_burst_limit           = var.api_throttle_burst_limit
  service_log_retention_days         = var.service_log_retention_days
  audit_log_retention_days           = var.audit_log_retention_days
  authorizer_provisioned_concurrency = var.authorizer_provisioned_concurrency
  lambda_concurrency_limit           = var.lambda_concurrency_limit
  deletion_protection                = var.deletion_protection
  multi_factor_authentication        = var.multi_factor_authentication
  user_pool_tier                     = var.user_pool_tier
  cors_allowed_origins               = var.cors_allowed_origins
  audit_object_lock                  = var.audit_object_lock
  backup_plan_enabled                = var.backup_plan_enabled
  account_id                         = var.account_id
  bucket_suffix                      = var.bucket_suffix
  alert_emails                       = var.alert_emails
  permissions_boundary_arn           = var.permissions_boundary_arn
  existing_user_pool_id              = var.existing_user_pool_id
  token_issuers                      = var.token_issuers
  invitation_sender                  = var.invitation_sender
  ses_sandbox                        = var.ses_sandbox
  invitation_link                    = var.invitation_link
  api_detailed_metrics_enabled       = var.api_detailed_metrics_enabled
  xray_sampling_rules_enabled        = var.xray_sampling_rules_enabled
  web_acl                            = var.web_acl
  custom_domain                      = var.custom_domain
  manage_api_gateway_account         = var.manage_api_gateway_account
  additional_apis                    = var.additional_apis
  artifacts_bucket                   = var.artifacts_bucket
  packages                           = var.packages
}
