# The account's log role, a module of its own.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

run "account_logging" {
  command = plan

  module {
    source = "./account-logging"
  }

  variables {
    env_name                 = "dev"
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
    tags                     = { Component = "api" }
  }

  assert {
    condition = (
      aws_iam_role.this.name == "bbws-access-dev-role-apigw-logging"
      && aws_iam_role.this.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
      && aws_iam_role.this.tags == tomap({ Component = "api" })
      && jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Principal == { Service = "apigateway.amazonaws.com" }
      && aws_iam_role_policy_attachment.this.policy_arn == "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    )
    error_message = "The role must be API Gateway's alone, bounded and able to write logs."
  }
}

run "account_logging_rejects" {
  command = plan

  module {
    source = "./account-logging"
  }

  variables {
    project_name             = "Shop"
    env_name                 = "dev-1"
    permissions_boundary_arn = "boundary"
  }

  expect_failures = [var.project_name, var.env_name, var.permissions_boundary_arn]
}
