# Where the module works: what its provider says, unless the caller says the same.

data "aws_partition" "current" {}

data "aws_region" "current" {
  lifecycle {
    postcondition {
      condition     = var.region == null || split(".", self.endpoint)[1] == var.region
      error_message = "region is ${coalesce(var.region, "null")}, but the module's provider works in ${split(".", self.endpoint)[1]}: pass the provider of that region, or leave region out."
    }
  }
}

# Asked only where it tells something, so that a plan needs no credentials where account_id is given and known to be right.
data "aws_caller_identity" "current" {
  count = var.account_id == null || var.check_account ? 1 : 0

  lifecycle {
    postcondition {
      condition     = var.account_id == null || self.account_id == var.account_id
      error_message = "account_id is ${coalesce(var.account_id, "null")}, but the module's provider works in the account ${self.account_id}: pass the provider of that account, or leave account_id out."
    }
  }
}

locals {
  partition  = data.aws_partition.current.partition
  dns_suffix = data.aws_partition.current.dns_suffix

  # The endpoint is ec2.{region}.{domain}. The attribute for the region itself has another name in version 6 of the
  # provider than in version 5, and each warns of, or does not know, the other's.
  provider_region = split(".", data.aws_region.current.endpoint)[1]

  region     = coalesce(var.region, local.provider_region)
  account_id = var.account_id == null ? data.aws_caller_identity.current[0].account_id : var.account_id
}
