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
    condition     = output.rule_names == { order-placed = "bbws-access-dev-rule-order-placed", mail-bounced = "bbws-access-dev-rule-mail-bounced", sweep = "bbws-access-dev-rule-sweep" }
    error_message = "Rules must be named {project}-{env}-rule-{name}."
  }

  assert {
    condition = (
      output.event_bus_name == "bbws-access-dev-bus" && output.event_bus_arn == "arn:aws:events:eu-west-1:123456789012:event-bus/bbws-access-dev-bus"
      && aws_cloudwatch_event_bus.this[0].name == "bbws-access-dev-bus"
      && { for name, rule in aws_cloudwatch_event_rule.this : name => rule.event_bus_name } == { order-placed = "bbws-access-dev-bus", mail-bounced = "default", sweep = "default" }
      && { for name, target in aws_cloudwatch_event_target.this : name => target.event_bus_name } == { order-placed-billing = "bbws-access-dev-bus", order-placed-audit = "bbws-access-dev-bus", mail-bounced-billing = "default", sweep-billing = "default" }
    )
    error_message = "Events of one's own have a bus that no other environment has; AWS services and schedules know the default one only."
  }

  assert {
    condition     = output.watched_rules["order-placed"] == { name = "bbws-access-dev-rule-order-placed", event_bus_name = "bbws-access-dev-bus" } && output.watched_rules["sweep"].event_bus_name == "default"
    error_message = "A rule's metrics are found by its bus."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.this["order-placed"].event_pattern) == { source = ["example.shop"], detail-type = ["OrderPlaced"] }
    error_message = "A rule takes one type of one source."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.this["mail-bounced"].event_pattern).detail == { mail = { tags = { "ses:configuration-set" = ["shop"] } } }
    error_message = "A pattern of the detail narrows the rule."
  }

  assert {
    condition     = aws_cloudwatch_event_rule.this["sweep"].schedule_expression == "rate(1 hour)" && aws_cloudwatch_event_rule.this["sweep"].event_pattern == null
    error_message = "A schedule waits for no event."
  }

  assert {
    condition = jsondecode(replace(aws_cloudwatch_event_target.this["sweep-billing"].input_transformer[0].input_template, "/<(id|time)>/", "\"$1\"")) == {
      version = "0", id = "id", source = "example.shop", detail-type = "Sweep", account = "123456789012", region = "eu-west-1", time = "time", resources = [], detail = {}
    }
    error_message = "What the clock sends has the form of any other event, with the id and the time of the clock's own."
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_event_target.this)) == toset(["order-placed-billing", "order-placed-audit", "mail-bounced-billing", "sweep-billing"]) && keys(aws_lambda_permission.this) == keys(aws_cloudwatch_event_target.this)
    error_message = "Every function of a rule is a target, and may be invoked by that rule."
  }

  assert {
    condition     = alltrue([for target in values(aws_cloudwatch_event_target.this) : target.retry_policy[0].maximum_event_age_in_seconds == 86400 && target.retry_policy[0].maximum_retry_attempts == 185 && length(target.dead_letter_config) == 1])
    error_message = "Every target is tried for a day, and then leaves a dead letter."
  }

  assert {
    condition     = aws_lambda_permission.this["sweep-billing"].function_name == "bbws-access-dev-lambda-billing" && aws_lambda_permission.this["sweep-billing"].qualifier == "live" && aws_lambda_permission.this["sweep-billing"].source_arn == "arn:aws:events:eu-west-1:123456789012:rule/bbws-access-dev-rule-sweep"
    error_message = "A rule may invoke the alias, and that rule only."
  }

  assert {
    condition     = output.dead_letter_queue_names == { events = "bbws-access-dev-queue-events-dead-letters" } && aws_sqs_queue.dead_letters.sqs_managed_sse_enabled && aws_sqs_queue.dead_letters.message_retention_seconds == 1209600
    error_message = "Dead letters are kept 14 days, encrypted without a key of one's own too."
  }

  assert {
    condition = jsonencode(jsondecode(aws_sqs_queue.dead_letters.policy).Statement[1]) == jsonencode({
      Sid       = "DeadLettersOfRules"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-events-dead-letters"
      Condition = { ArnEquals = { "aws:SourceArn" = [for name in ["bbws-access-dev-bus/bbws-access-dev-rule-order-placed", "bbws-access-dev-rule-mail-bounced", "bbws-access-dev-rule-sweep"] : "arn:aws:events:eu-west-1:123456789012:rule/${name}"] } }
    })
    error_message = "EventBridge may leave dead letters of these rules, and of no others."
  }
}

run "sit" {
  command = plan

  variables {
    env_name               = "sit"
    event_bus_name         = "shop"
    maximum_retry_attempts = 3
    rules                  = { order-placed = var.rules.order-placed, sweep = var.rules.sweep }
    kms_key_arn            = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition = output.rule_arns == {
      order-placed = "arn:aws:events:eu-west-1:123456789012:rule/shop/bbws-access-sit-rule-order-placed"
      sweep        = "arn:aws:events:eu-west-1:123456789012:rule/bbws-access-sit-rule-sweep"
    } && length(aws_cloudwatch_event_bus.this) == 0 && output.event_bus_name == "shop"
    error_message = "A rule of another bus has it in its ARN, and that bus is another's to make."
  }

  assert {
    condition     = aws_sqs_queue.dead_letters.kms_master_key_id == "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555" && alltrue([for target in values(aws_cloudwatch_event_target.this) : target.retry_policy[0].maximum_retry_attempts == 3]) && aws_cloudwatch_event_target.this["order-placed-billing"].event_bus_name == "shop"
    error_message = "Key, bus and retries are inputs."
  }
}

run "prod" {
  command = plan

  variables {
    env_name                = "prod"
    maximum_event_age_hours = 6
    rules                   = {}
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.this) == 0 && length(jsondecode(aws_sqs_queue.dead_letters.policy).Statement) == 1 && output.dead_letter_queue_arn == "arn:aws:sqs:eu-west-1:123456789012:bbws-access-prod-queue-events-dead-letters"
    error_message = "Without rules nobody may leave dead letters."
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
      }
      NobodyPurges = { effect = "Deny", actions = ["sqs:PurgeQueue"], principals = { AWS = ["*"] } }
    }
  }

  assert {
    condition = { for statement in jsondecode(aws_sqs_queue.dead_letters.policy).Statement : statement.Sid => statement if !contains(["TlsOnly", "DeadLettersOfRules"], statement.Sid) } == {
      Read = {
        Sid       = "Read"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::999999999999:role/operations" }
        Action    = "sqs:ReceiveMessage"
        Resource  = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-events-dead-letters"
        Condition = { StringEquals = { "aws:PrincipalOrgID" = "o-a1b2c3d4e5" } }
      }
      NobodyPurges = { Sid = "NobodyPurges", Effect = "Deny", Principal = "*", Action = "sqs:PurgeQueue", Resource = "arn:aws:sqs:eu-west-1:123456789012:bbws-access-dev-queue-events-dead-letters" }
    }
    error_message = "Statements of the caller's own stand in the queue's policy, for that queue."
  }

  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue.dead_letters.policy).Statement : statement.Sid if contains(["TlsOnly", "DeadLettersOfRules"], statement.Sid)] == ["TlsOnly", "DeadLettersOfRules"]
    error_message = "The module's own statements stay."
  }
}

# A partner's events are on its own bus; a schedule is on the default one, and its event is what the rule says, whatever the words.
run "partner_and_words_of_the_template" {
  command = plan

  variables {
    event_bus_name = "aws.partner/example.com/shop"
    rules = {
      sold  = merge(var.rules.order-placed, { source = "aws.partner/example.com/shop" })
      sweep = merge(var.rules.sweep, { source = "TIME", detail_type = "ID" })
    }
  }

  assert {
    condition = { for name, rule in aws_cloudwatch_event_rule.this : name => rule.event_bus_name } == {
      sold  = "aws.partner/example.com/shop"
      sweep = "default"
    } && output.rule_arns["sold"] == "arn:aws:events:eu-west-1:123456789012:rule/aws.partner/example.com/shop/bbws-access-dev-rule-sold"
    error_message = "A partner's rule is on the partner's bus."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_event_target.this["sweep-billing"].input_transformer[0].input_template, "\"detail-type\":\"ID\"") && strcontains(aws_cloudwatch_event_target.this["sweep-billing"].input_transformer[0].input_template, "\"source\":\"TIME\"") && strcontains(aws_cloudwatch_event_target.this["sweep-billing"].input_transformer[0].input_template, "\"id\":<id>") && strcontains(aws_cloudwatch_event_target.this["sweep-billing"].input_transformer[0].input_template, "\"time\":<time>")
    error_message = "Only the clock's id and time are filled in."
  }
}
