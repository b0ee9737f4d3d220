# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  project_name              = var.project_name
  env_name                  = var.env_name
  region                    = local.region
  account_id                = local.account_id
  bucket_suffix             = var.bucket_suffix
  partition                 = local.partition
  tags                      = var.tags
  kms_key_arn               = var.kms_key_arn
  object_lock               = var.object_lock
  allow_compliance_lock     = var.allow_compliance_lock
  storage_tiers             = var.storage_tiers
  exports_expire_after_days = var.exports_expire_after_days
  access_log_retention_days = var.access_log_retention_days
  eventbridge_notifications = var.eventbridge_notifications
  force_destroy             = var.force_destroy
  is_replica                = var.is_replica
  replication               = var.replication
  bucket_policy_statements  = var.bucket_policy_statements
}
