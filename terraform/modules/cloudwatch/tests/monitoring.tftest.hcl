provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

provider "aws" {
  alias                       = "africa"
  region                      = "af-south-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

# What DEV and SIT run: the services that exist, in one region.
variables {
  env_name          = "dev"
  region            = "eu-west-1"
  account_id        = "000000000000"
  tags              = { Component = "monitoring" }
  log_kms_key_arn   = "arn:aws:kms:eu-west-1:000000000000:key/11111111-1111-1111-1111-111111111111"
  topic_kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/22222222-2222-2222-2222-222222222222"

  functions = {
    authorizer   = { function_name = "bbws-access-dev-lambda-authorizer", log_kind = "audit" }
    permission   = { function_name = "bbws-access-dev-lambda-permission" }
    role         = { function_name = "bbws-access-dev-lambda-role" }
    token-claims = { function_name = "bbws-access-dev-lambda-token-claims" }
  }
  api = { name = "bbws-access-dev-apigw", stage = "v1" }
  tables = {
    permissions = { name = "bbws-access-dev-ddb-permissions", indexes = ["assignments-by-role"] }
    audit       = { name = "bbws-access-dev-ddb-audit", indexes = ["events-by-user", "events-by-type"] }
  }
  dead_letter_queues = { functions = "bbws-access-dev-queue-functions-dlq" }
}

run "dev" {
  command = plan

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset([
      "authorizer-errors", "authorizer-latency",
      "permission-errors", "permission-latency",
      "role-errors", "role-latency",
      "token-claims-errors", "token-claims-latency",
      "concurrency",
      "api-5xx", "api-4xx",
      "permissions-throttles", "audit-throttles",
      "functions-dead-letters",
    ])
    error_message = "What exists is watched, and nothing that does not exist."
  }

  assert {
    condition     = output.alarm_names["authorizer-errors"] == "bbws-access-dev-alarm-authorizer-errors" && alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name == output.alarm_names[key]])
    error_message = "Alarms follow the naming pattern and are known at plan time."
  }

  assert {
    condition = output.log_group_names == {
      authorizer   = "/aws/lambda/bbws-access-dev-lambda-authorizer"
      permission   = "/aws/lambda/bbws-access-dev-lambda-permission"
      role         = "/aws/lambda/bbws-access-dev-lambda-role"
      token-claims = "/aws/lambda/bbws-access-dev-lambda-token-claims"
      api-access   = "/aws/apigateway/bbws-access-dev-apigw/access"
    } && output.log_group_arns["role"] == "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/bbws-access-dev-lambda-role"
    error_message = "Log groups carry the names that their writers use, known at plan time."
  }

  assert {
    condition = { for key, group in aws_cloudwatch_log_group.this : key => group.retention_in_days } == {
      authorizer = 90, api-access = 90, permission = 30, role = 30, token-claims = 30
    } && alltrue([for group in aws_cloudwatch_log_group.this : group.kms_key_id == var.log_kms_key_arn])
    error_message = "Services keep 30 days of logs, what audit events are captured from 90, all encrypted."
  }

  assert {
    condition     = !anytrue([for filter in aws_cloudwatch_log_metric_filter.this : can(regex("^(Audit(Events|Archive|Completeness)|Invitations)", filter.metric_transformation[0].name))])
    error_message = "Metrics of services that do not exist are not made."
  }

  assert {
    condition     = length(aws_cloudwatch_query_definition.this) == 0 && length(aws_cloudwatch_log_anomaly_detector.this) == 0 && length(aws_sns_topic_subscription.this) == 0
    error_message = "Saved queries, anomaly detection and subscriptions are for those who ask."
  }

  assert {
    condition     = alltrue([for resources in [aws_cloudwatch_metric_alarm.this, aws_cloudwatch_log_group.this, aws_sns_topic.this] : alltrue([for resource in resources : resource.tags == tomap({ Component = "monitoring" })])])
    error_message = "What can carry tags has them."
  }
}

run "log_metrics" {
  command = plan

  assert {
    condition = {
      for key, filter in aws_cloudwatch_log_metric_filter.this : filter.metric_transformation[0].name => [
        filter.log_group_name, filter.pattern, jsonencode(filter.metric_transformation[0].dimensions)
      ] if startswith(key, "authorizer-")
      } == {
      AuthorizationDenied = [
        "/aws/lambda/bbws-access-dev-lambda-authorizer",
        "{ ($.message = \"Access decision\") && ($.decision = \"DENY\") }",
        "{\"Reason\":\"$.reason\"}",
      ]
      OrganisationMismatches = [
        "/aws/lambda/bbws-access-dev-lambda-authorizer",
        "{ ($.message = \"Access decision\") && ($.decision = \"DENY\") && ($.reason = \"NOT_IN_ORGANISATION\") }",
        "null",
      ]
      TokenFailures = [
        "/aws/lambda/bbws-access-dev-lambda-authorizer",
        "{ $.message = \"Authentication failed\" }",
        "null",
      ]
    }
    error_message = "Denials by reason, organisation mismatches and token failures come from the authorizer's lines."
  }

  assert {
    condition = alltrue([
      for filter in aws_cloudwatch_log_metric_filter.this :
      filter.metric_transformation[0].namespace == "BBWS/AccessManagement/bbws-access-dev"
      && !(filter.metric_transformation[0].dimensions != null && filter.metric_transformation[0].default_value != null)
    ])
    error_message = "One namespace, the environment's own; CloudWatch Logs refuses a default value beside dimensions."
  }

  assert {
    condition = {
      for key, filter in aws_cloudwatch_log_metric_filter.this : filter.metric_transformation[0].name => [
        filter.log_group_name, filter.pattern, jsonencode(filter.metric_transformation[0].dimensions)
      ] if startswith(key, "role-")
      } == {
      AuthorizationDenied = [
        "/aws/lambda/bbws-access-dev-lambda-role",
        "{ ($.message = \"Access denied\") && ($.decision = \"DENY\") }",
        "{\"Reason\":\"$.reason\"}",
      ]
      OrganisationMismatches = [
        "/aws/lambda/bbws-access-dev-lambda-role",
        "{ ($.message = \"Access denied\") && ($.decision = \"DENY\") && ($.reason = \"NOT_IN_ORGANISATION\") }",
        "null",
      ]
      HandledErrors = [
        "/aws/lambda/bbws-access-dev-lambda-role",
        "{ (($.message = \"Request\") && ($.status >= 500)) || (($.message = \"Message\") && ($.outcome = \"FAILURE\")) }",
        "{\"Service\":\"$.service\"}",
      ]
    }
    error_message = "A service's second look at access, and its answers of 500 and above, come from its own lines."
  }
}

run "other_log_lines" {
  command = plan

  variables {
    metric_namespace = "Acme/Access"
    log_fields       = { message = "detail.kind", reason = "why" }
    log_values       = { authentication_failed = "bad-token" }
  }

  assert {
    condition = (
      aws_cloudwatch_log_metric_filter.this["authorizer-TokenFailures"].pattern == "{ $.detail.kind = \"bad-token\" }"
      && aws_cloudwatch_log_metric_filter.this["authorizer-AuthorizationDenied"].metric_transformation[0].dimensions == tomap({ Reason = "$.why" })
      && output.metric_namespace == "Acme/Access/bbws-access-dev"
      && anytrue([for query in aws_cloudwatch_metric_alarm.this["authorizer-errors"].metric_query : try(one(query.metric).namespace, "") == "Acme/Access/bbws-access-dev"])
    )
    error_message = "Field names, values and the namespace are inputs."
  }
}

run "alarms" {
  command = plan

  # What AWS rejects and a plan does not see.
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.datapoints_to_alarm <= alarm.evaluation_periods])
    error_message = "No alarm waits for more data points than it looks at."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this :
      (alarm.metric_name != null && alarm.period != null && (alarm.statistic != null) != (alarm.extended_statistic != null) && length(alarm.metric_query) == 0)
      || (alarm.metric_name == null && alarm.period == null && length([for query in alarm.metric_query : query if query.return_data == true]) == 1)
    ])
    error_message = "Every alarm has either a metric with one statistic, or metrics and one expression."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length([for query in alarm.metric_query : query if length(query.metric) > 0]) <= 10])
    error_message = "CloudWatch adds up at most ten metrics."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.ok_actions == alarm.alarm_actions && length(alarm.alarm_actions) > 0 && length(alarm.alarm_description) > 60 && alarm.treat_missing_data == "notBreaching"])
    error_message = "Who hears of trouble hears of its end, and what to do; silence of these metrics means that nothing happened."
  }

  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.this : key => alarm.threshold if endswith(key, "-errors") || endswith(key, "-latency")
      } == {
      authorizer-errors    = 10
      authorizer-latency   = 100
      permission-errors    = 5
      permission-latency   = 500
      role-errors          = 5
      role-latency         = 500
      token-claims-errors  = 5
      token-claims-latency = 500
    }
    error_message = "Thresholds of functions, errors by minute and p95 in milliseconds."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["authorizer-latency"].extended_statistic == "p95"
      && aws_cloudwatch_metric_alarm.this["authorizer-latency"].metric_name == "Duration"
      && aws_cloudwatch_metric_alarm.this["authorizer-latency"].dimensions == tomap({ FunctionName = "bbws-access-dev-lambda-authorizer" })
    )
    error_message = "Latency is the p95 of the function's duration."
  }

  assert {
    condition = { for query in aws_cloudwatch_metric_alarm.this["authorizer-errors"].metric_query : query.id => try("${one(query.metric).metric_name}/${one(query.metric).period}", query.expression) } == {
      errors   = "Errors/60"
      refused  = "TokenFailures/60"
      refusals = "-1 * refused"
      result   = "SUM([errors, refusals])"
    }
    error_message = "A refused token is an error to Lambda, and none of the authorizer's."
  }

  assert {
    condition = { for query in aws_cloudwatch_metric_alarm.this["audit-throttles"].metric_query : query.id => try(join("/", compact([one(query.metric).metric_name, lookup(one(query.metric).dimensions, "GlobalSecondaryIndexName", "")])), query.expression) } == {
      read   = "ReadThrottleEvents"
      read1  = "ReadThrottleEvents/events-by-type"
      read2  = "ReadThrottleEvents/events-by-user"
      write  = "WriteThrottleEvents"
      write1 = "WriteThrottleEvents/events-by-type"
      write2 = "WriteThrottleEvents/events-by-user"
      result = "SUM([read, read1, read2, write, write1, write2])"
    } && aws_cloudwatch_metric_alarm.this["audit-throttles"].threshold == 0
    error_message = "Any throttled read or write of a table or of an index counts."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["concurrency"].threshold == 80 && one([for query in aws_cloudwatch_metric_alarm.this["concurrency"].metric_query : query.expression if query.return_data == true]) == "100 * concurrent / 1000"
    error_message = "80 % of the account's limit."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["functions-dead-letters"].threshold == 0
      && aws_cloudwatch_metric_alarm.this["functions-dead-letters"].statistic == "Maximum"
      && toset(aws_cloudwatch_metric_alarm.this["functions-dead-letters"].alarm_actions) == toset([output.topic_arns["dlq"], output.topic_arns["warning"]])
    )
    error_message = "Any dead letter is told to those who redrive and to those on call."
  }

  assert {
    condition     = !anytrue(flatten([for alarm in aws_cloudwatch_metric_alarm.this : [for query in alarm.metric_query : strcontains(coalesce(query.expression, "-"), "FILL")]]))
    error_message = "No alarm fills the newest minutes, whose data is still to come, with zeros."
  }
}

run "topics" {
  command = plan

  variables {
    subscriptions = {
      on-call   = { topic = "critical", protocol = "https", endpoint = "https://example.com/alerts" }
      engineers = { topic = "warning", protocol = "email", endpoint = "engineers@example.com" }
    }
  }

  assert {
    condition = output.topic_arns == {
      critical = "arn:aws:sns:eu-west-1:000000000000:bbws-access-dev-sns-alerts-critical"
      warning  = "arn:aws:sns:eu-west-1:000000000000:bbws-access-dev-sns-alerts-warning"
      dlq      = "arn:aws:sns:eu-west-1:000000000000:bbws-access-dev-sns-alerts-dlq"
    } && alltrue([for topic in aws_sns_topic.this : topic.kms_master_key_id == var.topic_kms_key_arn && topic.signature_version == 2])
    error_message = "Three topics with an own key, their ARNs known at plan time."
  }

  assert {
    condition = [
      for statement in jsondecode(data.aws_iam_policy_document.topic["critical"].json).Statement : statement if statement.Effect == "Allow"
      ] == [{
        Sid       = "AllowAlarms"
        Effect    = "Allow"
        Action    = "sns:Publish"
        Resource  = "arn:aws:sns:eu-west-1:000000000000:bbws-access-dev-sns-alerts-critical"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Condition = {
          ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:bbws-access-dev-alarm-*" }
          StringEquals = { "aws:SourceAccount" = "000000000000" }
        }
    }]
    error_message = "Only alarms of this environment publish."
  }

  assert {
    condition = [
      for statement in jsondecode(data.aws_iam_policy_document.topic["critical"].json).Statement : statement.Condition if statement.Effect == "Deny"
    ] == [{ Bool = { "aws:SecureTransport" = "false" } }]
    error_message = "Nobody publishes without TLS."
  }

  assert {
    condition     = aws_sns_topic_subscription.this["on-call"].protocol == "https" && aws_sns_topic_subscription.this["engineers"].endpoint == "engineers@example.com"
    error_message = "Subscribers are inputs."
  }
}

run "dashboard" {
  command = plan

  assert {
    condition     = output.dashboard_name == "bbws-access-dev-dashboard" && aws_cloudwatch_dashboard.this[0].dashboard_name == "bbws-access-dev-dashboard"
    error_message = "The dashboard follows the naming pattern."
  }

  assert {
    condition = toset([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget.properties.title]) == toset([
      "Authorizer latency (ms)", "Denied by reason", "Refused tokens and organisation mismatches",
      "Error rate by service (%)", "Concurrent executions of the account", "Active users per hour",
      "API latency (ms)", "API requests by status",
      "DynamoDB consumed capacity", "DynamoDB throttle events", "Dead letters",
    ])
    error_message = "A widget for what exists, and for nothing else."
  }

  assert {
    condition = alltrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets :
      widget.properties.region == "eu-west-1" && widget.x + widget.width <= 24 && contains(["metric", "log"], widget.type)
      && (widget.type == "log" ? startswith(widget.properties.query, "SOURCE '/aws/lambda/") : length(widget.properties.metrics) > 0)
    ])
    error_message = "Widgets have a source and fit the grid."
  }

  assert {
    condition = alltrue(flatten([
      for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : [
        # Strings come in pairs: namespace and metric, then name and value of each dimension.
        for row in try(widget.properties.metrics, []) : length([for part in row : part if can(tostring(part))]) % 2 == 0
      ]
    ]))
    error_message = "A row of a widget is a namespace, a metric, and pairs of dimension and value."
  }

  assert {
    condition = length(distinct([
      for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : "${widget.x}/${widget.y}"
    ])) == length(jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets)
    error_message = "No two widgets share a place."
  }
}

run "sit" {
  command = plan

  variables {
    env_name = "sit"
    functions = {
      authorizer = { function_name = "bbws-access-sit-lambda-authorizer", errors_per_minute = 20, p95_milliseconds = 150 }
      role       = { function_name = "bbws-access-sit-lambda-role", errors_per_minute = 0 }
    }
    api                      = { name = "bbws-access-sit-apigw", stage = "v1", execution_logging = true, id = "a1b2c3d4e5" }
    log_groups               = { deployments = { name = "/bbws/sit/deployments", kind = "audit" } }
    log_retention_days       = { service = 14, audit = 365 }
    thresholds               = { api_5xx_percent = 0.1, concurrency_percent = 50 }
    lambda_concurrency_limit = 10
    tables                   = {}
    dead_letter_queues       = {}
  }

  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.this : key => alarm.threshold } == {
      authorizer-errors  = 20
      authorizer-latency = 150
      role-errors        = 0
      role-latency       = 500
      concurrency        = 50
      api-5xx            = 0.1
      api-4xx            = 25
    }
    error_message = "Thresholds are inputs, zero included."
  }

  assert {
    condition = { for key, group in aws_cloudwatch_log_group.this : group.name => group.retention_in_days } == {
      "/aws/lambda/bbws-access-sit-lambda-authorizer" = 14
      "/aws/lambda/bbws-access-sit-lambda-role"       = 14
      "/aws/apigateway/bbws-access-sit-apigw/access"  = 365
      "API-Gateway-Execution-Logs_a1b2c3d4e5/v1"      = 14
      "/bbws/sit/deployments"                         = 365
    } && aws_cloudwatch_log_group.this["deployments"].name == output.log_group_names["deployments"]
    error_message = "The execution log has the name that API Gateway gives it; further groups are inputs."
  }
}

run "prod" {
  command = plan

  providers = { aws = aws.africa }

  variables {
    env_name          = "prod"
    region            = "af-south-1"
    log_kms_key_arn   = "arn:aws:kms:af-south-1:000000000000:key/11111111-1111-1111-1111-111111111111"
    topic_kms_key_arn = "arn:aws:kms:af-south-1:000000000000:key/22222222-2222-2222-2222-222222222222"
    functions = {
      authorizer = { function_name = "bbws-access-prod-lambda-authorizer", log_kind = "audit" }
      permission = { function_name = "bbws-access-prod-lambda-permission" }
      role       = { function_name = "bbws-access-prod-lambda-role" }
      team       = { function_name = "bbws-access-prod-lambda-team" }
      invitation = { function_name = "bbws-access-prod-lambda-invitation" }
      audit      = { function_name = "bbws-access-prod-lambda-audit", log_kind = "audit" }
    }
    api = { name = "bbws-access-prod-apigw", stage = "v1" }
    tables = {
      permissions = { name = "bbws-access-prod-ddb-permissions", indexes = ["assignments-by-role"], replica_region = "eu-west-1" }
      teams       = { name = "bbws-access-prod-ddb-teams", indexes = ["members-by-team", "teams-by-division"], replica_region = "eu-west-1" }
      invitations = { name = "bbws-access-prod-ddb-invitations", indexes = ["invitations-by-status", "invitations-by-email"], replica_region = "eu-west-1" }
      audit       = { name = "bbws-access-prod-ddb-audit", indexes = ["events-by-user", "events-by-type"], replica_region = "eu-west-1" }
    }
    dead_letter_queues = { capture = "bbws-access-prod-queue-capture-dlq" }
    queues             = { mail = { name = "bbws-access-prod-queue-mail" } }
    event_rules = {
      organisation-created = { name = "bbws-access-prod-rule-organisation-created", event_bus_name = "bbws-access-prod-bus" }
      email-bounced        = { name = "bbws-access-prod-rule-email-bounced" }
    }
    backup_vaults   = { tables = "bbws-access-prod-vault-tables" }
    mail_reputation = true
  }

  # The whole list, and who hears of what.
  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.this :
      key => join(" ", concat([alarm.comparison_operator == "LessThanThreshold" ? "<" : ">", alarm.threshold], sort([for arn in alarm.alarm_actions : regex("[a-z]+$", arn)])))
      } == {
      authorizer-errors           = "> 10 critical"
      authorizer-latency          = "> 100 warning"
      permission-errors           = "> 5 warning"
      permission-latency          = "> 500 warning"
      role-errors                 = "> 5 warning"
      role-latency                = "> 500 warning"
      team-errors                 = "> 5 warning"
      team-latency                = "> 500 warning"
      invitation-errors           = "> 5 warning"
      invitation-latency          = "> 500 warning"
      audit-errors                = "> 5 critical"
      audit-latency               = "> 500 warning"
      audit-archive-failures      = "> 1 critical"
      audit-completeness          = "< 100 critical"
      concurrency                 = "> 80 critical"
      api-5xx                     = "> 1 critical"
      api-4xx                     = "> 25 warning"
      permissions-throttles       = "> 0 warning"
      teams-throttles             = "> 0 warning"
      invitations-throttles       = "> 0 warning"
      audit-throttles             = "> 0 warning"
      permissions-replication-lag = "> 60000 critical"
      teams-replication-lag       = "> 60000 critical"
      invitations-replication-lag = "> 60000 critical"
      audit-replication-lag       = "> 60000 critical"
      capture-dead-letters        = "> 0 dlq warning"
      mail-backlog                = "> 900 warning"
      mail-bounces                = "> 0.05 warning"
      mail-complaints             = "> 0.001 warning"
      tables-backup-failures      = "> 0 warning"

      organisation-created-event-failures = "> 0 warning"
      email-bounced-event-failures        = "> 0 warning"
    }
    error_message = "PROD's alarms, their thresholds and their topics."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["mail-backlog"].metric_name == "ApproximateAgeOfOldestMessage"
      && aws_cloudwatch_metric_alarm.this["mail-backlog"].dimensions == tomap({ QueueName = "bbws-access-prod-queue-mail" })
      && aws_cloudwatch_metric_alarm.this["mail-bounces"].treat_missing_data == "ignore"
      && toset(flatten(aws_cloudwatch_metric_alarm.this["organisation-created-event-failures"].metric_query[*].metric[*].dimensions)) == toset([tomap({ RuleName = "bbws-access-prod-rule-organisation-created", EventBusName = "bbws-access-prod-bus" })])
      && toset(flatten(aws_cloudwatch_metric_alarm.this["email-bounced-event-failures"].metric_query[*].metric[*].dimensions)) == toset([tomap({ RuleName = "bbws-access-prod-rule-email-bounced" })])
      && toset(flatten(aws_cloudwatch_metric_alarm.this["organisation-created-event-failures"].metric_query[*].metric[*].metric_name)) == toset(["FailedInvocations", "InvocationsFailedToBeSentToDlq"])
    )
    error_message = "What waits, what was not handed over and what came back is watched."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.this["tables-backup-failures"].metric_query : query.id => try("${one(query.metric).metric_name} ${one(query.metric).dimensions.BackupVaultName}", query.expression)
      } == {
      failed  = "NumberOfBackupJobsFailed bbws-access-prod-vault-tables"
      aborted = "NumberOfBackupJobsAborted bbws-access-prod-vault-tables"
      result  = "SUM([failed, aborted])"
    }
    error_message = "A backup that failed, or never began, is noticed."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["audit-archive-failures"].period == 3600
      && aws_cloudwatch_metric_alarm.this["audit-archive-failures"].statistic == "Sum"
      && aws_cloudwatch_metric_alarm.this["audit-completeness"].statistic == "Minimum"
      && aws_cloudwatch_metric_alarm.this["audit-completeness"].treat_missing_data == "ignore"
    )
    error_message = "Archive failures are counted by the hour; completeness keeps its verdict until the next night."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["teams-replication-lag"].dimensions == tomap({ TableName = "bbws-access-prod-ddb-teams", ReceivingRegion = "eu-west-1" })
    error_message = "DynamoDB's lag is published for each receiving region."
  }

  assert {
    condition = toset([for filter in aws_cloudwatch_log_metric_filter.this : filter.metric_transformation[0].name]) == toset([
      "AuthorizationDenied", "OrganisationMismatches", "TokenFailures", "HandledErrors",
      "InvitationsSent", "InvitationsAccepted", "InvitationsFailed",
      "AuditEventsCaptured", "AuditEventsArchived", "AuditEventsExported", "AuditArchiveFailures", "AuditCompleteness",
    ])
    error_message = "Metrics of every service that exists."
  }

  assert {
    condition = alltrue([
      for title in ["Invitations", "Audit events per hour", "Audit completeness (%)", "Replication lag of tables (ms)"] :
      contains([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget.properties.title], title)
    ])
    error_message = "PROD's dashboard shows the services that it has."
  }
}

# The further call in the region of the replicas: S3 publishes the lag there.
run "failover_region" {
  command = plan

  variables {
    env_name            = "prod"
    region              = "eu-west-1"
    functions           = {}
    api                 = null
    tables              = {}
    dead_letter_queues  = {}
    dashboard_enabled   = false
    archive_replication = { source_bucket = "archive", destination_bucket = "archive-replica", rule_id = "replica" }
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.this) == ["archive-replication-failures", "archive-replication-lag"] && length(aws_cloudwatch_log_group.this) == 0 && length(aws_cloudwatch_dashboard.this) == 0 && output.dashboard_name == null
    error_message = "In the failover region there is the archive's lag to watch, and nothing else."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["archive-replication-lag"].threshold == 900
      && aws_cloudwatch_metric_alarm.this["archive-replication-lag"].dimensions == tomap({ SourceBucket = "archive", DestinationBucket = "archive-replica", RuleId = "replica" })
      && aws_cloudwatch_metric_alarm.this["archive-replication-lag"].alarm_actions == toset(["arn:aws:sns:eu-west-1:000000000000:bbws-access-prod-sns-alerts-critical"])
    )
    error_message = "The archive's lag is told to the critical topic of the same region: an alarm reaches no other."
  }
}

run "beyond_metrics" {
  command = plan

  variables {
    saved_queries_enabled         = true
    log_anomaly_detection_enabled = true
  }

  assert {
    condition = (
      toset(keys(aws_cloudwatch_query_definition.this)) == toset(["denials", "token-failures", "errors"])
      && toset(keys(aws_cloudwatch_log_anomaly_detector.this)) == toset(keys(var.functions))
      && length(aws_cloudwatch_query_definition.this["errors"].log_group_names) == 4
    )
    error_message = "Saved queries and anomaly detection exist where they are asked for."
  }
}

run "statements_of_ones_own" {
  command = plan

  variables {
    topic_policy_statements = {
      Health = {
        topics     = ["critical"]
        actions    = ["sns:Publish"]
        principals = { Service = ["events.amazonaws.com"] }
        conditions = [{ test = "ArnEquals", variable = "aws:SourceArn", values = ["arn:aws:events:eu-west-1:000000000000:rule/health"] }]
      }
      NobodyDeletes = {
        topics     = ["critical", "dlq"]
        effect     = "Deny"
        actions    = ["sns:DeleteTopic"]
        principals = { AWS = ["*"] }
      }
    }
  }

  assert {
    condition = {
      for topic, policy in data.aws_iam_policy_document.topic : topic => [for statement in jsondecode(policy.json).Statement : statement.Sid]
      } == {
      critical = ["AllowAlarms", "DenyWithoutTls", "Health", "NobodyDeletes"]
      warning  = ["AllowAlarms", "DenyWithoutTls"]
      dlq      = ["AllowAlarms", "DenyWithoutTls", "NobodyDeletes"]
    }
    error_message = "The module's own statements stay, and the caller's stand in the policies of the topics that they name."
  }

  assert {
    condition = { for statement in jsondecode(data.aws_iam_policy_document.topic["critical"].json).Statement : statement.Sid => statement if contains(["Health", "NobodyDeletes"], statement.Sid) } == {
      Health = {
        Sid       = "Health"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = output.topic_arns["critical"]
        Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-west-1:000000000000:rule/health" } }
      }
      NobodyDeletes = { Sid = "NobodyDeletes", Effect = "Deny", Principal = "*", Action = "sns:DeleteTopic", Resource = output.topic_arns["critical"] }
    }
    error_message = "A statement says what its caller gave, of that topic."
  }
}

run "alarms_of_ones_own" {
  command = plan

  variables {
    alarms = {
      orders-stopped = {
        description = "No order in a quarter of an hour"
        severity    = "critical"
        metrics     = { orders = { namespace = "Shop", name = "Orders", dimensions = { Shop = "one" }, stat = "p99.9", period = 300 } }
        comparison  = "LessThanThreshold"
        threshold   = 1
        periods     = 3
        missing     = "breaching"
      }
      payments-refused = {
        description = "More than 10 % of payments were refused"
        severity    = "warning"
        metrics = {
          refused = { namespace = "Shop", name = "Payments", dimensions = { Result = "refused" } }
          paid    = { namespace = "Shop", name = "Payments", dimensions = { Result = "paid" } }
        }
        expressions = { all = "SUM([refused, paid])", result = "100 * refused / all" }
        label       = "Percent refused"
        threshold   = 10
        periods     = 5
        datapoints  = 3
        tags        = { Team = "payments" }
      }
    }
  }

  assert {
    condition = (
      output.alarm_names["orders-stopped"] == "bbws-access-dev-alarm-orders-stopped"
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].alarm_name == "bbws-access-dev-alarm-orders-stopped"
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].alarm_description == "No order in a quarter of an hour"
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].alarm_actions == toset([output.topic_arns["critical"]])
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].ok_actions == toset([output.topic_arns["critical"]])
      && aws_cloudwatch_metric_alarm.this["payments-refused"].alarm_actions == toset([output.topic_arns["warning"]])
      && aws_cloudwatch_metric_alarm.this["payments-refused"].tags == tomap({ Component = "monitoring", Team = "payments" })
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].tags == tomap({ Component = "monitoring" })
    )
    error_message = "An alarm of the caller's own is named, tagged and told of as the module's are."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["orders-stopped"].namespace == "Shop"
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].metric_name == "Orders"
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].dimensions == tomap({ Shop = "one" })
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].period == 300
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].extended_statistic == "p99.9"
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].statistic == null
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].comparison_operator == "LessThanThreshold"
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].threshold == 1
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].evaluation_periods == 3
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].datapoints_to_alarm == 3
      && aws_cloudwatch_metric_alarm.this["orders-stopped"].treat_missing_data == "breaching"
    )
    error_message = "A single metric stands in the alarm itself."
  }

  assert {
    condition = (
      { for query in aws_cloudwatch_metric_alarm.this["payments-refused"].metric_query : query.id => query.return_data } == { all = false, paid = false, refused = false, result = true }
      && { for query in aws_cloudwatch_metric_alarm.this["payments-refused"].metric_query : query.id => query.expression if try(length(query.expression), 0) > 0 } == { all = "SUM([refused, paid])", result = "100 * refused / all" }
      && aws_cloudwatch_metric_alarm.this["payments-refused"].comparison_operator == "GreaterThanThreshold"
      && aws_cloudwatch_metric_alarm.this["payments-refused"].evaluation_periods == 5
      && aws_cloudwatch_metric_alarm.this["payments-refused"].datapoints_to_alarm == 3
      && aws_cloudwatch_metric_alarm.this["payments-refused"].treat_missing_data == "notBreaching"
    )
    error_message = "Several metrics are joined by the expression that is called result."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 16
    error_message = "The module's own alarms are all there."
  }
}

run "rejects_an_alarm_that_the_module_makes" {
  command = plan

  variables {
    alarms = {
      api-5xx = {
        description = "Never goes off"
        severity    = "warning"
        metrics     = { errors = { namespace = "Shop", name = "Errors" } }
        threshold   = 1000000
      }
    }
  }

  expect_failures = [aws_cloudwatch_metric_alarm.this]
}
