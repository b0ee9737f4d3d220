# Widgets for what exists only: a widget without a source would look like a quiet system.

locals {
  dashboard_name = "${local.name_prefix}-dashboard"
  services       = keys(module.inputs.functions)

  rule_dimension_pairs = {
    for key, dimensions in local.rule_dimensions : key => flatten([for name, value in dimensions : [name, value]])
  }

  metric_widgets = concat(
    [
      for service in local.services : {
        title = "Authorizer latency (ms)"
        stat  = "p95"
        metrics = [
          for stat in ["p50", "p95", "p99"] :
          ["AWS/Lambda", "Duration", "FunctionName", module.inputs.functions[service].function_name, { stat = stat, label = stat }]
        ]
        lines = [{ label = "Target of p95", value = local.function_thresholds[service].p95_milliseconds }]
      } if service == "authorizer"
    ],
    [
      for service in local.services : {
        title = "Denied by reason"
        stat  = "Sum"
        metrics = [[{
          expression = "SEARCH('{\"${local.metric_namespace}\",Reason} MetricName=\"AuthorizationDenied\"', 'Sum', 300)"
          label      = "$${PROP('Dim.Reason')}"
          id         = "denied"
        }]]
        lines = []
      } if service == "authorizer"
    ],
    [
      for service in local.services : {
        title = "Refused tokens and organisation mismatches"
        stat  = "Sum"
        metrics = [
          [local.metric_namespace, "TokenFailures", { label = "Refused tokens" }],
          [local.metric_namespace, "OrganisationMismatches", { label = "Organisation mismatches" }],
        ]
        lines = []
      } if service == "authorizer"
    ],
    [
      for watched in [length(module.inputs.functions) > 0] : {
        title = "Error rate by service (%)"
        stat  = "Sum"
        metrics = concat([
          for index, service in local.services : concat(
            # As in the alarms: a refused token counts as an error of the authorizer and is none.
            [[{
              expression = "100 * (FILL(e${index}, 0) ${service == "authorizer" ? "-" : "+"} FILL(h${index}, 0)) / n${index}"
              label      = service
              id         = "r${index}"
            }]],
            [["AWS/Lambda", "Errors", "FunctionName", module.inputs.functions[service].function_name, { id = "e${index}", visible = false }]],
            [concat(
              service == "authorizer" ? [local.metric_namespace, "TokenFailures"] : [local.metric_namespace, "HandledErrors", "Service", service],
              [{ id = "h${index}", visible = false }],
            )],
            [["AWS/Lambda", "Invocations", "FunctionName", module.inputs.functions[service].function_name, { id = "n${index}", visible = false }]],
          )
        ]...)
        lines = []
      } if watched
    ],
    [
      for watched in [length(module.inputs.functions) > 0] : {
        title   = "Concurrent executions of the account"
        stat    = "Maximum"
        metrics = [["AWS/Lambda", "ConcurrentExecutions", { label = "Concurrent executions" }]]
        lines   = [{ label = "Limit", value = var.lambda_concurrency_limit }]
      } if watched
    ],
    [
      for api in module.inputs.api[*] : {
        title = "API latency (ms)"
        stat  = "p95"
        metrics = concat(
          [
            for stat in ["p50", "p95", "p99"] :
            ["AWS/ApiGateway", "Latency", "ApiName", api.name, "Stage", api.stage, { stat = stat, label = stat }]
          ],
          [["AWS/ApiGateway", "IntegrationLatency", "ApiName", api.name, "Stage", api.stage, { label = "p95 of the integration" }]],
        )
        lines = []
      }
    ],
    [
      for api in module.inputs.api[*] : {
        title = "API requests by status"
        stat  = "Sum"
        metrics = [
          for name in ["Count", "4XXError", "5XXError"] :
          ["AWS/ApiGateway", name, "ApiName", api.name, "Stage", api.stage, { label = name == "Count" ? "All" : name }]
        ]
        lines = []
      }
    ],
    [
      for service in local.services : {
        title   = "Invitations"
        stat    = "Sum"
        metrics = [for name in sort(keys(local.service_metrics.invitation)) : [local.metric_namespace, name, { label = name }]]
        lines   = []
      } if service == "invitation"
    ],
    [
      for service in local.services : {
        title = "Audit events per hour"
        stat  = "Sum"
        metrics = [
          for name in ["AuditEventsCaptured", "AuditEventsArchived", "AuditEventsExported", "AuditArchiveFailures"] :
          [local.metric_namespace, name, { label = name, period = 3600 }]
        ]
        lines = []
      } if service == "audit"
    ],
    [
      for service in local.services : {
        title   = "Audit completeness (%)"
        stat    = "Minimum"
        metrics = [[local.metric_namespace, "AuditCompleteness", { label = "Archived", period = 3600 }]]
        lines   = [{ label = "Target", value = 100 }]
      } if service == "audit"
    ],
    [
      for watched in [length(module.inputs.tables) > 0] : {
        title = "DynamoDB consumed capacity"
        stat  = "Sum"
        metrics = flatten([
          for key in keys(module.inputs.tables) : [
            for name in ["Read", "Write"] : [{
              row = ["AWS/DynamoDB", "Consumed${name}CapacityUnits", "TableName", module.inputs.tables[key].name, { label = "${key} ${lower(name)}" }]
            }]
          ]
        ])[*].row
        lines = []
      } if watched
    ],
    [
      for watched in [length(module.inputs.tables) > 0] : {
        title = "DynamoDB throttle events"
        stat  = "Sum"
        metrics = flatten([
          for key in keys(module.inputs.tables) : [
            for id, metric in local.throttle_metrics[key] : [{
              row = concat(
                [metric.namespace, metric.name],
                flatten([for name, value in metric.dimensions : [name, value]]),
                [{ label = join(" ", compact([key, try(metric.dimensions.GlobalSecondaryIndexName, ""), startswith(id, "read") ? "read" : "write"])) }],
              )
            }]
          ]
        ])[*].row
        lines = []
      } if watched
    ],
    [
      for replicated in [anytrue([for table in values(module.inputs.tables) : table.replica_region != null])] : {
        title = "Replication lag of tables (ms)"
        stat  = "Average"
        metrics = [
          for key, table in module.inputs.tables :
          ["AWS/DynamoDB", "ReplicationLatency", "TableName", table.name, "ReceivingRegion", table.replica_region, { label = key }]
          if table.replica_region != null
        ]
        lines = [{ label = "Alarm", value = module.inputs.thresholds.table_replication_seconds * 1000 }]
      } if replicated
    ],
    [
      for replication in module.inputs.archive_replication[*] : {
        title = "Replication lag of the archive (s)"
        stat  = "Maximum"
        metrics = [[
          "AWS/S3", "ReplicationLatency", "SourceBucket", replication.source_bucket,
          "DestinationBucket", replication.destination_bucket, "RuleId", replication.rule_id, { label = "Lag" },
        ]]
        lines = [{ label = "Alarm", value = module.inputs.thresholds.archive_replication_seconds }]
      }
    ],
    [
      for watched in [length(module.inputs.queues) > 0] : {
        title = "Age of the oldest message (s)"
        stat  = "Maximum"
        metrics = [
          for key, queue in module.inputs.queues :
          ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue.name, { label = key }]
        ]
        lines = [for seconds in sort(distinct(values(module.inputs.queues)[*].oldest_seconds)) : { label = "Alarm", value = tonumber(seconds) }]
      } if watched
    ],
    [
      for watched in [length(module.inputs.event_rules) > 0] : {
        title = "Events handed over, and not"
        stat  = "Sum"
        metrics = concat(
          [for key in keys(module.inputs.event_rules) : concat(["AWS/Events", "Invocations"], local.rule_dimension_pairs[key], [{ label = key }])],
          [for key in keys(module.inputs.event_rules) : concat(["AWS/Events", "FailedInvocations"], local.rule_dimension_pairs[key], [{ label = "${key} failed" }])],
        )
        lines = []
      } if watched
    ],
    [
      for watched in [length(var.dead_letter_queues) > 0] : {
        title = "Dead letters"
        stat  = "Maximum"
        metrics = [
          for key, queue in var.dead_letter_queues :
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, { label = key }]
        ]
        lines = []
      } if watched
    ],
  )

  # A metric of distinct users would need a dimension for each user, so their number comes from the log.
  log_widgets = [
    for service in local.services : {
      title = "Active users per hour"
      query = join(" | ", [
        "SOURCE '${local.log_groups[service].name}'",
        "filter ${module.inputs.log_fields.message} = \"${module.inputs.log_values.access_decision}\"",
        "stats count_distinct(${module.inputs.log_fields.user}) as activeUsers by bin(1h)",
      ])
    } if service == "authorizer"
  ]

  widgets = concat(
    [
      for widget in local.metric_widgets : {
        type = "metric"
        properties = jsonencode({
          title       = widget.title
          region      = local.region
          view        = "timeSeries"
          stat        = widget.stat
          period      = 300
          metrics     = widget.metrics
          annotations = { horizontal = widget.lines }
        })
      }
    ],
    [
      for widget in local.log_widgets : {
        type = "log"
        properties = jsonencode({
          title  = widget.title
          region = local.region
          view   = "timeSeries"
          query  = widget.query
        })
      }
    ],
  )

  # Two in a row: CloudWatch's grid is 24 wide.
  dashboard = {
    widgets = [
      for index, widget in local.widgets : {
        type       = widget.type
        x          = 12 * (index % 2)
        y          = 6 * floor(index / 2)
        width      = 12
        height     = 6
        properties = jsondecode(widget.properties)
      }
    ]
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard_enabled ? 1 : 0

  dashboard_name = local.dashboard_name
  dashboard_body = jsonencode(local.dashboard)

  lifecycle {
    precondition {
      condition     = length(local.widgets) > 0
      error_message = "The dashboard would be empty: pass functions, api, tables or dead_letter_queues, or set dashboard_enabled = false."
    }
  }
}
