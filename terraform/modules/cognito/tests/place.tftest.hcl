# The module works where its provider does, and says so where it is told something else.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  env_name   = "dev"
  region     = "eu-west-1"
  account_id = "111122223333"

  pre_token_generation_lambda_arn = "arn:aws:lambda:eu-west-1:111122223333:function:bbws-access-dev-lambda-token-claims:live"

  app_clients = { main = {} }
  authorizer = {
    function_arn        = "arn:aws:lambda:eu-west-1:111122223333:function:bbws-access-dev-lambda-authorizer:live"
    invocation_role_arn = "arn:aws:iam::111122223333:role/bbws-access-dev-role-authorizer-invocation"
  }
}

run "works_where_its_provider_does" {
  command = plan

  variables {
    region        = null
    account_id    = null
    check_account = true
  }

  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "111122223333" }
  }

  assert {
    condition     = local.region == "eu-west-1" && local.account_id == "111122223333" && local.partition == "aws"
    error_message = "Region, account and partition are the provider's."
  }
}

run "rejects_provider_of_another_region" {
  command = plan

  variables {
    region = "eu-central-1"
  }

  expect_failures = [data.aws_region.current]
}

run "rejects_provider_of_another_account" {
  command = plan

  variables {
    account_id    = "111122223333"
    check_account = true
  }

  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "999999999999" }
  }

  expect_failures = [data.aws_caller_identity.current]
}
