# What a file of tests here does not set itself.

env_name   = "dev"
region     = "eu-west-1"
account_id = "123456789012"

functions = {
  authorizer = {
    description      = "Decides what a token may call"
    handler          = "bbws_access.authorizer.handler.handler"
    role_arn         = "arn:aws:iam::123456789012:role/bbws-access-dev-role-authorizer-service"
    log_group_name   = "/aws/lambda/bbws-access-dev-lambda-authorizer"
    memory_megabytes = 512
    timeout_seconds  = 10
    environment      = { ENVIRONMENT = "dev", LOG_LEVEL = "DEBUG" }
    package = {
      s3_bucket        = "bbws-access-dev-s3-artifacts"
      s3_key           = "packages/authorizer/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.zip"
      source_code_hash = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
    }
  }
  audit = {
    description    = "Captures and archives audit events"
    handler        = "bbws_access.audit.handler.handler"
    role_arn       = "arn:aws:iam::123456789012:role/bbws-access-dev-role-audit-service"
    log_group_name = "/aws/lambda/bbws-access-dev-lambda-audit"
    asynchronous   = true
    package = {
      s3_bucket        = "bbws-access-dev-s3-artifacts"
      s3_key           = "packages/audit/486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7.zip"
      source_code_hash = "SG6kYiTRu0+2gPNPfJrZao8k7Ii+c+qOWmxlJg6cuKc="
    }
  }
}

permissions = {
  api = {
    function   = "authorizer"
    principal  = "apigateway.amazonaws.com"
    source_arn = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/authorizers/*"
  }
  archive = {
    function   = "audit"
    principal  = "s3.amazonaws.com"
    source_arn = "arn:aws:s3:::bbws-access-dev-s3-audit-archive"
  }
}
