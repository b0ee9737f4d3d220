provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

# What the other files plan is accepted; each of these is one step away from it.

run "rejects_too_long_role_name" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { role_name = "a-role-whose-name-is-longer-than-identity-management-takes" }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [aws_iam_role.service]
}

run "rejects_too_large_policies" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { tables = { permissions = merge(var.services.role.tables.permissions, { write_leading_keys = [for number in range(600) : "PARTITION#${number}#*"] }) } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [output.policies]
}
