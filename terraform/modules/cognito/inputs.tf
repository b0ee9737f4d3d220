# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  project_name                    = var.project_name
  env_name                        = var.env_name
  region                          = local.region
  account_id                      = local.account_id
  partition                       = local.partition
  tags                            = var.tags
  existing_user_pool_id           = var.existing_user_pool_id
  tier                            = var.tier
  threat_protection               = var.threat_protection
  pre_token_generation_lambda_arn = var.pre_token_generation_lambda_arn
  password_policy                 = var.password_policy
  mfa                             = var.mfa
  deletion_protection_enabled     = var.deletion_protection_enabled
  email                           = var.email
  account_mail_subject            = var.account_mail_subject
  account_mail_html               = var.account_mail_html
  app_clients                     = var.app_clients
  domain_prefix                   = var.domain_prefix
  authorizer                      = var.authorizer
}
