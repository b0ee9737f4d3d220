provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

run "late_values" {
  command = plan

  variables {
    late_environment = { authorizer = { POOL = "pool" }, audit = { POOL = "pool" } }
  }

  assert {
    condition     = aws_lambda_function.this["authorizer"].environment[0].variables == tomap({ ENVIRONMENT = "dev", LOG_LEVEL = "DEBUG", POOL = "pool" }) && aws_lambda_function.this["audit"].environment[0].variables == tomap({ POOL = "pool" })
    error_message = "Late variables are added to a function's own, and are its environment where it has none."
  }
}

run "dev" {
  command = plan

  assert {
    condition     = output.function_names == { audit = "bbws-access-dev-lambda-audit", authorizer = "bbws-access-dev-lambda-authorizer" }
    error_message = "Functions must be named {project}-{env}-lambda-{name}."
  }

  assert {
    condition     = output.alias_arns["authorizer"] == "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-authorizer:live"
    error_message = "The alias's ARN must be known at plan time."
  }

  assert {
    condition     = output.invoke_arns["authorizer"] == "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-authorizer:live/invocations"
    error_message = "API Gateway's form of the alias's ARN must be known at plan time."
  }

  assert {
    condition = alltrue([
      for function in values(aws_lambda_function.this) :
      function.publish && function.runtime == "python3.12" && tolist(function.architectures) == tolist(["arm64"]) && function.tracing_config[0].mode == "Active"
    ])
    error_message = "Every function publishes versions, runs Python 3.12 on arm64 and is traced."
  }

  assert {
    condition     = aws_lambda_function.this["authorizer"].memory_size == 512 && aws_lambda_function.this["authorizer"].timeout == 10 && aws_lambda_function.this["authorizer"].environment[0].variables == tomap({ ENVIRONMENT = "dev", LOG_LEVEL = "DEBUG" })
    error_message = "Memory, timeout and environment must be the given ones."
  }

  assert {
    condition     = aws_lambda_function.this["authorizer"].logging_config[0].log_group == "/aws/lambda/bbws-access-dev-lambda-authorizer" && aws_lambda_function.this["authorizer"].logging_config[0].log_format == "JSON" && aws_lambda_function.this["authorizer"].logging_config[0].application_log_level == "TRACE" && aws_lambda_function.this["authorizer"].logging_config[0].system_log_level == "WARN"
    error_message = "A function logs to the given group, in JSON, and Lambda drops none of its lines."
  }

  assert {
    condition     = output.dead_letter_queue_arns == { audit = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-audit-dead-letters" } && output.dead_letter_queue_names == { audit = "bbws-access-dev-queue-audit-dead-letters" }
    error_message = "Exactly the asynchronous functions have a dead-letter queue, named {project}-{env}-queue-{name}-dead-letters."
  }

  assert {
    condition     = aws_lambda_function.this["audit"].dead_letter_config[0].target_arn == output.dead_letter_queue_arns["audit"] && length(aws_lambda_function.this["authorizer"].dead_letter_config) == 0
    error_message = "An asynchronous function sends its dead letters to its queue."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.live["audit"].maximum_retry_attempts == 2 && aws_lambda_function_event_invoke_config.live["audit"].maximum_event_age_in_seconds == 3600 && aws_lambda_function_event_invoke_config.live["audit"].qualifier == "live"
    error_message = "Retries and age of asynchronous events are limited on the alias, which is what is invoked."
  }

  assert {
    condition     = aws_sqs_queue.dead_letters["audit"].message_retention_seconds == 1209600 && aws_sqs_queue.dead_letters["audit"].sqs_managed_sse_enabled
    error_message = "Dead letters are kept 14 days, encrypted without a key of one's own too."
  }

  assert {
    condition = jsonencode(jsondecode(aws_sqs_queue.dead_letters["audit"].policy).Statement[0]) == jsonencode({
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-audit-dead-letters"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    })
    error_message = "A dead-letter queue refuses everything that comes without TLS."
  }

  assert {
    condition     = aws_lambda_permission.live["api"].qualifier == "live" && aws_lambda_permission.live["api"].function_name == "bbws-access-dev-lambda-authorizer" && aws_lambda_permission.live["api"].source_account == null
    error_message = "Callers may invoke the alias."
  }

  assert {
    condition     = aws_lambda_permission.live["archive"].source_account == "123456789012"
    error_message = "A bucket's ARN names no account, so the permission must."
  }

  assert {
    condition     = length(aws_lambda_provisioned_concurrency_config.live) == 0
    error_message = "Nothing is kept warm unless asked for."
  }
}

run "sit" {
  command = plan

  variables {
    env_name        = "sit"
    tracing_enabled = false
    log_format      = "Text"
    functions = {
      audit = merge(var.functions.audit, { dead_letter_queue_arn = "arn:aws:sqs:eu-west-1:123456789012:everything-dead" })
    }
    permissions = {}
  }

  assert {
    condition     = aws_lambda_function.this["audit"].function_name == "bbws-access-sit-lambda-audit" && aws_lambda_function.this["audit"].tracing_config[0].mode == "PassThrough"
    error_message = "Environment and tracing are inputs."
  }

  assert {
    condition     = aws_lambda_function.this["audit"].dead_letter_config[0].target_arn == "arn:aws:sqs:eu-west-1:123456789012:everything-dead" && length(output.dead_letter_queue_arns) == 0 && length(aws_sqs_queue.dead_letters) == 0
    error_message = "A queue that is given is used, and none is made."
  }

  assert {
    condition     = aws_lambda_function.this["audit"].logging_config[0].log_format == "Text" && aws_lambda_function.this["audit"].logging_config[0].application_log_level == null && aws_lambda_function.this["audit"].logging_config[0].system_log_level == null
    error_message = "Lambda takes log levels with JSON only."
  }
}

run "no_permissions" {
  command = plan

  variables {
    permissions = {}
  }

  assert {
    condition     = length(aws_lambda_permission.live) == 0
    error_message = "Nobody may invoke a function unless named."
  }
}

run "statements_of_ones_own" {
  command = plan

  variables {
    dead_letter_policy_statements = {
      Read = {
        actions    = ["sqs:ReceiveMessage"]
        principals = { AWS = ["arn:aws:iam::999999999999:role/operations"] }
        conditions = [{ test = "StringEquals", variable = "aws:PrincipalOrgID", values = ["o-a1b2c3d4e5"] }]
        functions  = ["audit"]
      }
      NobodyPurges = { effect = "Deny", actions = ["sqs:PurgeQueue"], principals = { AWS = ["*"] }, functions = ["audit"] }
    }
  }

  assert {
    condition = { for statement in jsondecode(aws_sqs_queue.dead_letters["audit"].policy).Statement : statement.Sid => statement if !contains(["TlsOnly"], statement.Sid) } == {
      Read = {
        Sid       = "Read"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::999999999999:role/operations" }
        Action    = "sqs:ReceiveMessage"
        Resource  = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-audit-dead-letters"
        Condition = { StringEquals = { "aws:PrincipalOrgID" = "o-a1b2c3d4e5" } }
      }
      NobodyPurges = { Sid = "NobodyPurges", Effect = "Deny", Principal = "*", Action = "sqs:PurgeQueue", Resource = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-audit-dead-letters" }
    }
    error_message = "Statements of the caller's own stand in the queue's policy, for that queue."
  }

  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue.dead_letters["audit"].policy).Statement : statement.Effect if statement.Sid == "TlsOnly"] == ["Deny"]
    error_message = "The module's own statement stays."
  }
}
