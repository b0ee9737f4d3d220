provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

# What the other files plan is accepted; each of these is one step away from it.

run "rejects_package_under_another_hash" {
  command = plan

  variables {
    functions   = { authorizer = merge(var.functions.authorizer, { package = merge(var.functions.authorizer.package, { source_code_hash = var.functions.audit.package.source_code_hash }) }) }
    permissions = {}
  }

  expect_failures = [aws_lambda_function.this]
}

run "rejects_too_long_function_name" {
  command = plan

  variables {
    project_name = "a-project-of-24-characte"
    functions    = { "a-function-with-a-name-that-is-too-long" = var.functions.authorizer }
    permissions  = {}
  }

  expect_failures = [aws_lambda_function.this]
}
