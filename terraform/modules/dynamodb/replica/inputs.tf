# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  region                      = local.region
  account_id                  = local.account_id
  partition                   = local.partition
  tags                        = var.tags
  tables                      = var.tables
  kms_key_arn                 = var.kms_key_arn
  pitr_enabled                = var.pitr_enabled
  deletion_protection_enabled = var.deletion_protection_enabled
  table_class                 = var.table_class
}
