# Written by `make inputs` from inputs/variables.tf: change that file.

module "inputs" {
  source = "./inputs"

  project_name = var.project_name
  env_name     = var.env_name
  region       = local.region
  account_id   = local.account_id
  partition    = local.partition
  tags         = var.tags
  keys         = var.keys
}
