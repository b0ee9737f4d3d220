provider "aws" {
  region                      = "af-south-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  env_name    = "prod"
  region      = "af-south-1"
  kms_key_arn = "arn:aws:kms:af-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  account_id  = "123456789012"

  functions = {
    authorizer = {
      description             = "Decides what a token may call"
      handler                 = "bbws_access.authorizer.handler.handler"
      role_arn                = "arn:aws:iam::123456789012:role/bbws-access-prod-role-authorizer-service"
      log_group_name          = "/aws/lambda/bbws-access-prod-lambda-authorizer"
      memory_megabytes        = 512
      provisioned_concurrency = 2
      reserved_concurrency    = 100
      timeout_seconds         = 10
      environment             = { ENVIRONMENT = "prod", LOG_LEVEL = "WARN" }
      package = {
        s3_bucket        = "bbws-access-prod-s3-artifacts"
        s3_key           = "packages/authorizer/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.zip"
        source_code_hash = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
      }
    }
    audit = {
      description    = "Captures and archives audit events"
      handler        = "bbws_access.audit.handler.handler"
      role_arn       = "arn:aws:iam::123456789012:role/bbws-access-prod-role-audit-service"
      log_group_name = "/aws/lambda/bbws-access-prod-lambda-audit"
      asynchronous   = true
      package = {
        s3_bucket        = "bbws-access-prod-s3-artifacts"
        s3_key           = "packages/audit/486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7.zip"
        source_code_hash = "SG6kYiTRu0+2gPNPfJrZao8k7Ii+c+qOWmxlJg6cuKc="
      }
    }
  }

  permissions = {
    api = {
      function   = "authorizer"
      principal  = "apigateway.amazonaws.com"
      source_arn = "arn:aws:execute-api:af-south-1:123456789012:a1b2c3d4e5/authorizers/*"
    }
    archive = {
      function   = "audit"
      principal  = "s3.amazonaws.com"
      source_arn = "arn:aws:s3:::bbws-access-prod-s3-audit-archive"
    }
  }
}

run "prod" {
  command = plan

  assert {
    condition     = output.alias_arns["authorizer"] == "arn:aws:lambda:af-south-1:123456789012:function:bbws-access-prod-lambda-authorizer:live" && output.dead_letter_queue_arns["audit"] == "arn:aws:sqs:af-south-1:123456789012:bbws-access-prod-queue-audit-dead-letters"
    error_message = "Names and ARNs follow the environment and its region."
  }

  assert {
    condition     = keys(aws_lambda_provisioned_concurrency_config.live) == ["authorizer"] && aws_lambda_provisioned_concurrency_config.live["authorizer"].provisioned_concurrent_executions == 2 && aws_lambda_provisioned_concurrency_config.live["authorizer"].qualifier == "live"
    error_message = "The authorizer's alias keeps two instances warm."
  }

  assert {
    condition     = aws_lambda_function.this["authorizer"].reserved_concurrent_executions == 100 && aws_lambda_function.this["audit"].reserved_concurrent_executions == -1
    error_message = "Concurrency is reserved only where asked for."
  }

  assert {
    condition     = alltrue([for function in values(aws_lambda_function.this) : function.kms_key_arn == var.kms_key_arn]) && aws_sqs_queue.dead_letters["audit"].kms_master_key_id == var.kms_key_arn
    error_message = "The given key encrypts environments and dead letters."
  }
}
