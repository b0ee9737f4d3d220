provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

run "dev" {
  command = plan

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
    )
    error_message = "The role must have its name, its bound and its tags."
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [
      { Action = "sts:AssumeRole", Effect = "Allow", Principal = { Service = "apigateway.amazonaws.com" } }
    ]
    error_message = "API Gateway alone may take the role."
  }

  assert {
    condition     = aws_iam_role_policy_attachment.this.policy_arn == "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    error_message = "The role must be able to write logs."
  }
}

run "sit" {
  command = plan

  variables {
    env_name = "sit"
  }

  assert {
    condition     = aws_iam_role.this.name == "bbws-access-sit-role-apigw-logging" && aws_iam_role.this.permissions_boundary == null
    error_message = "The role must have its name, and no bound unless one is given."
  }
}

run "prod" {
  command = plan

  variables {
    project_name = "billing"
    env_name     = "prod"
  }

  assert {
    condition     = aws_iam_role.this.name == "billing-prod-role-apigw-logging"
    error_message = "Another project must get its own name."
  }
}

run "rejects" {
  command = plan

  variables {
    project_name             = "Shop"
    env_name                 = "dev-1"
    permissions_boundary_arn = "boundary"
  }

  expect_failures = [var.project_name, var.env_name, var.permissions_boundary_arn]
}
