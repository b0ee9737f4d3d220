# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  project_name                  = var.project_name
  env_name                      = var.env_name
  region                        = local.region
  account_id                    = local.account_id
  partition                     = local.partition
  tags                          = var.tags
  log_kms_key_arn               = var.log_kms_key_arn
  topic_kms_key_arn             = var.topic_kms_key_arn
  functions                     = var.functions
  api                           = var.api
  log_groups                    = var.log_groups
  log_retention_days            = var.log_retention_days
  tables                        = var.tables
  dead_letter_queues            = var.dead_letter_queues
  queues                        = var.queues
  event_rules                   = var.event_rules
  backup_vaults                 = var.backup_vaults
  mail_reputation               = var.mail_reputation
  archive_replication           = var.archive_replication
  thresholds                    = var.thresholds
  lambda_concurrency_limit      = var.lambda_concurrency_limit
  alarms                        = var.alarms
  subscriptions                 = var.subscriptions
  topic_policy_statements       = var.topic_policy_statements
  dashboard_enabled             = var.dashboard_enabled
  saved_queries_enabled         = var.saved_queries_enabled
  log_anomaly_detection_enabled = var.log_anomaly_detection_enabled
  metric_namespace              = var.metric_namespace
  log_fields                    = var.log_fields
  log_values                    = var.log_values
}
