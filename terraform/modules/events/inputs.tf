# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  project_name                  = var.project_name
  env_name                      = var.env_name
  region                        = local.region
  account_id                    = local.account_id
  partition                     = local.partition
  tags                          = var.tags
  event_bus_name                = var.event_bus_name
  rules                         = var.rules
  targets_after                 = var.targets_after
  maximum_event_age_hours       = var.maximum_event_age_hours
  maximum_retry_attempts        = var.maximum_retry_attempts
  kms_key_arn                   = var.kms_key_arn
  dead_letter_retention_days    = var.dead_letter_retention_days
  dead_letter_policy_statements = var.dead_letter_policy_statements
}
