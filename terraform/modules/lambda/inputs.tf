# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  project_name                  = var.project_name
  env_name                      = var.env_name
  region                        = local.region
  account_id                    = local.account_id
  partition                     = local.partition
  tags                          = var.tags
  functions                     = var.functions
  late_environment              = var.late_environment
  permissions                   = var.permissions
  kms_key_arn                   = var.kms_key_arn
  tracing_enabled               = var.tracing_enabled
  log_format                    = var.log_format
  system_log_level              = var.system_log_level
  dead_letter_retention_days    = var.dead_letter_retention_days
  dead_letter_policy_statements = var.dead_letter_policy_statements
}
