# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  project_name                     = var.project_name
  env_name                         = var.env_name
  region                           = local.region
  account_id                       = local.account_id
  partition                        = local.partition
  tags                             = var.tags
  openapi_document                 = var.openapi_document
  extension_prefix                 = var.extension_prefix
  services                         = var.services
  integration_timeout_milliseconds = var.integration_timeout_milliseconds
  authorizer                       = var.authorizer
  cors                             = var.cors
  require_named_origins            = var.require_named_origins
  stage_name                       = var.stage_name
  stage_after                      = var.stage_after
  access_log_group_arn             = var.access_log_group_arn
  execution_logging                = var.execution_logging
  detailed_metrics_enabled         = var.detailed_metrics_enabled
  xray_tracing_enabled             = var.xray_tracing_enabled
  untraced_path_parameters         = var.untraced_path_parameters
  throttle                         = var.throttle
  resource_policy                  = var.resource_policy
  web_acl                          = var.web_acl
  custom_domain                    = var.custom_domain
  disable_execute_api_endpoint     = var.disable_execute_api_endpoint
}
