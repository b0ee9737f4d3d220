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

  assert {
    condition = [
      for statement in jsondecode(data.aws_iam_policy_document.service["audit"].json).Statement :
      [statement.Resource, statement.Condition.NumericLessThanEquals["s3:object-lock-remaining-retention-days"]] if statement.Action == "s3:PutObjectRetention"
    ] == [["arn:aws:s3:::bbws-access-dev-s3-audit-archive/exports/*", "7"]]
    error_message = "A lock of an object's own is granted for the named prefix and days only."
  }

  assert {
    condition = output.role_names == {
      audit        = "bbws-access-dev-role-audit-service"
      invitation   = "bbws-access-dev-role-invitation-service"
      role         = "bbws-access-dev-role-role-service"
      token-claims = "bbws-access-dev-role-token-claims"
    }
    error_message = "Roles must be named {project}-{env}-role-{service}-service, or by role_name."
  }

  assert {
    condition     = output.role_arns["role"] == "arn:aws:iam::123456789012:role/bbws-access-dev-role-role-service"
    error_message = "A role's ARN must be known at plan time."
  }

  assert {
    condition     = toset([for statement in jsondecode(output.policies["role"]).Statement : statement.Sid]) == toset(["ReadTablePermissions", "WriteTablePermissions", "QueryTablePermissionsIndexAssignmentsByRole", "WriteOwnLog", "Trace"])
    error_message = "A policy has a statement for each thing that is listed, and no other."
  }

  assert {
    condition = alltrue([
      for statement in flatten([for policy in values(output.policies) : jsondecode(policy).Statement]) :
      statement.Condition["Null"]["dynamodb:LeadingKeys"] == "false" && contains(keys(statement.Condition), "ForAllValues:StringLike")
      if can(regex("Table", statement.Sid))
    ])
    error_message = "Every grant on a table is held to leading keys, and demands that there is one."
  }

  assert {
    condition     = alltrue([for policy in values(output.policies) : !strcontains(policy, "Scan") && !strcontains(policy, "BatchWrite") && !strcontains(policy, "PartiQL") && !strcontains(policy, "dynamodb:*")])
    error_message = "Nothing may go round the leading keys."
  }

  assert {
    condition = alltrue([
      for statement in flatten([for policy in values(output.policies) : jsondecode(policy).Statement]) :
      statement.Sid == "Trace" if contains(flatten([statement.Resource]), "*")
    ])
    error_message = "X-Ray alone has no resource to name."
  }

  assert {
    condition     = !strcontains(output.policies["token-claims"], "ConditionCheckItem") && strcontains(output.policies["invitation"], "ConditionCheckItem")
    error_message = "Only a service that writes may check items in transactions."
  }

  assert {
    condition     = jsondecode(aws_iam_role.service["role"].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "Lambda assumes the role for functions of this account only."
  }

  assert {
    condition     = contains(jsondecode(aws_iam_role_policy.keys["role"].policy).Statement[0].Action, "kms:Encrypt") && !contains(jsondecode(aws_iam_role_policy.keys["token-claims"].policy).Statement[0].Action, "kms:Encrypt")
    error_message = "A key that is read_only only decrypts."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.keys["role"].policy).Statement[0].Condition.StringEquals["kms:ViaService"] == "dynamodb.eu-west-1.amazonaws.com"
    error_message = "A key is used through the named services only."
  }

  assert {
    condition     = toset(jsondecode(aws_iam_role_policy.user_pools["invitation"].policy).Statement[0].Action) == toset(["cognito-idp:AdminCreateUser", "cognito-idp:AdminGetUser"])
    error_message = "Creating users takes these two actions, on the pool."
  }

  assert {
    condition     = output.authorizer_invocation_role_arn == "arn:aws:iam::123456789012:role/bbws-access-dev-role-api-gateway-authorizer" && jsondecode(aws_iam_role_policy.authorizer_invocation[0].policy).Statement[0].Resource == "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-authorizer:live"
    error_message = "API Gateway invokes the authorizer's alias and nothing else."
  }

  assert {
    condition     = output.replication_role_arns["audit"] == "arn:aws:iam::123456789012:role/bbws-access-dev-role-audit-replication" && !strcontains(aws_iam_role_policy.replication["audit"].policy, "ReplicateDelete")
    error_message = "What is deleted at the source must stay in the replica."
  }

  assert {
    condition     = output.scheduler_role_arns["audit"] == "arn:aws:iam::123456789012:role/bbws-access-dev-role-audit-scheduler" && jsondecode(aws_iam_role.scheduler["audit"].assume_role_policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/bbws-access-dev-schedules"
    error_message = "Scheduler assumes the role for one schedule group only."
  }

  assert {
    condition     = alltrue([for role in concat(values(aws_iam_role.service), aws_iam_role.authorizer_invocation, values(aws_iam_role.replication), values(aws_iam_role.scheduler)) : role.permissions_boundary == null])
    error_message = "Without a boundary given, there is none."
  }
}

run "sit" {
  command = plan

  variables {
    env_name                  = "sit"
    keys                      = {}
    user_pools                = {}
    authorizer_invocation     = null
    replications              = {}
    schedulers                = {}
    restrict_trust_to_account = false
    services                  = { role = merge(var.services.role, { tracing = false }) }
  }

  assert {
    condition     = output.role_arns == { role = "arn:aws:iam::123456789012:role/bbws-access-sit-role-role-service" }
    error_message = "Roles follow the environment."
  }

  assert {
    condition     = output.authorizer_invocation_role_arn == null && length(output.replication_role_arns) == 0 && length(output.scheduler_role_arns) == 0
    error_message = "Nothing is made that is not asked for."
  }

  assert {
    condition     = !strcontains(output.policies["role"], "xray") && !can(jsondecode(aws_iam_role.service["role"].assume_role_policy).Statement[0].Condition)
    error_message = "Tracing and the trust's condition are inputs."
  }
}

run "in_the_sandbox_of_ses" {
  command = plan

  variables {
    keys       = {}
    user_pools = {}
    services = {
      mailer = {
        log_group_name = "/aws/lambda/mailer"
        email_identities = {
          sender = {
            arn            = "arn:aws:ses:eu-west-1:123456789012:identity/example.com"
            from_addresses = ["invitations@example.com"]
            template_arns  = ["arn:aws:ses:eu-west-1:123456789012:template/invitation"]
            sandbox        = true
          }
        }
      }
    }
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_role_policy.service["mailer"].policy).Statement : statement if startswith(statement.Sid, "SendMail")]) == jsonencode([
      {
        Sid       = "SendMailFromSender"
        Effect    = "Allow"
        Action    = ["ses:SendTemplatedEmail", "ses:SendEmail"]
        Resource  = ["arn:aws:ses:eu-west-1:123456789012:template/invitation", "arn:aws:ses:eu-west-1:123456789012:identity/example.com"]
        Condition = { StringEquals = { "ses:FromAddress" = "invitations@example.com" } }
      },
      {
        Sid       = "SendMailFromSenderToVerifiedRecipients"
        Effect    = "Allow"
        Action    = ["ses:SendTemplatedEmail", "ses:SendEmail"]
        Resource  = "arn:aws:ses:eu-west-1:123456789012:identity/*"
        Condition = { StringEquals = { "ses:FromAddress" = "invitations@example.com" } }
      },
    ])
    error_message = "In the sandbox SES asks for the recipient's identity too; whoever writes stays the same."
  }
}
