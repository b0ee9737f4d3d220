# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  project_name                 = var.project_name
  env_name                     = var.env_name
  region                       = local.region
  account_id                   = local.account_id
  partition                    = local.partition
  tags                         = var.tags
  tables                       = var.tables
  deletion_protection_enabled  = var.deletion_protection_enabled
  create_kms_key               = var.create_kms_key
  kms_key_arn                  = var.kms_key_arn
  pitr_enabled                 = var.pitr_enabled
  pitr_recovery_period_in_days = var.pitr_recovery_period_in_days
  backup                       = var.backup
  kms_key_policy_statements    = var.kms_key_policy_statements
}
