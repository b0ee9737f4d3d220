# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  project_name            = var.project_name
  env_name                = var.env_name
  region                  = local.region
  account_id              = local.account_id
  partition               = local.partition
  tags                    = var.tags
  sender                  = var.sender
  templates               = var.templates
  event_types             = var.event_types
  consumer                = var.consumer
  consumer_after          = var.consumer_after
  maximum_receive_count   = var.maximum_receive_count
  retention_days          = var.retention_days
  kms_key_arn             = var.kms_key_arn
  queue_policy_statements = var.queue_policy_statements
}
