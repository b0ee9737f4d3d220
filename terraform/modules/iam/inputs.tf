# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  project_name              = var.project_name
  env_name                  = var.env_name
  region                    = local.region
  account_id                = local.account_id
  partition                 = local.partition
  tags                      = var.tags
  permissions_boundary_arn  = var.permissions_boundary_arn
  restrict_trust_to_account = var.restrict_trust_to_account
  services                  = var.services
  keys                      = var.keys
  user_pools                = var.user_pools
  authorizer_invocation     = var.authorizer_invocation
  replications              = var.replications
  schedulers                = var.schedulers
}
