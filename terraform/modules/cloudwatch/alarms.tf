# Every alarm is one entry of local.alarms. missing says what no data means:
#   notBreaching  nothing happened: these metrics appear only when there is something to count
#   ignore        reported now and then (once a night, or with mails): the last verdict stands until the next
#
# Metrics arrive up to two minutes late, and some exist only after their first event. SUM([...]) adds up what there is.
# FILL would make up zeros for the newest minutes, which are then judged instead of the real ones that come after, and
# a plain + has no result where one side has none: both would keep an alarm silent.

locals {
  # Errors in a minute and p95 in milliseconds above which a function's alarms go off.
  function_defaults = {
    authorizer = { errors_per_minute = 10, p95_milliseconds = 100 }
    others     = { errors_per_minute = 5, p95_milliseconds = 500 }
  }
  function_thresholds = {
    for service, function in module.inputs.functions : service => {
      for name, default in try(local.function_defaults[service], local.function_defaults.others) :
      name => coalesce(function[name], default)
    }
  }

  function_alarms = merge(
    # The authorizer answers a bad token by raising Unauthorized, which Lambda counts as an error. A client's bad
    # token is no fault of ours, so those are taken off; each has left its line in the log.
    {
      for service, function in module.inputs.functions : "${service}-errors" => {
        description = "More than ${local.function_thresholds[service].errors_per_minute} invocations of ${function.function_name} failed in a minute, refused tokens not counted: callers get 500. Read its log group for the error, then roll its alias back if it came with a release."
        topics      = ["critical"]
        threshold   = local.function_thresholds[service].errors_per_minute
        periods     = 1
        datapoints  = 1
        missing     = "notBreaching"
        expressions = { refusals = "-1 * refused", result = "SUM([errors, refusals])" }
        label       = "Errors without refused tokens"
        metrics = {
          errors  = { namespace = "AWS/Lambda", name = "Errors", dimensions = { FunctionName = function.function_name }, stat = "Sum", period = 60 }
          refused = { namespace = local.metric_namespace, name = "TokenFailures", dimensions = {}, stat = "Sum", period = 60 }
        }
      } if service == "authorizer"
    },
    {
      for service, function in module.inputs.functions : "${service}-errors" => {
        description = "More than ${local.function_thresholds[service].errors_per_minute} faults of ${function.function_name} in a minute: crashes, timeouts, and requests that it answered with 500. Read its log group for the error, then roll its alias back if it came with a release."
        topics      = [service == "audit" ? "critical" : "warning"]
        threshold   = local.function_thresholds[service].errors_per_minute
        periods     = 1
        datapoints  = 1
        missing     = "notBreaching"
        expressions = { result = "SUM([errors, handled])" }
        label       = "Crashes and handled faults"
        metrics = {
          errors  = { namespace = "AWS/Lambda", name = "Errors", dimensions = { FunctionName = function.function_name }, stat = "Sum", period = 60 }
          handled = { namespace = local.metric_namespace, name = "HandledErrors", dimensions = { Service = service }, stat = "Sum", period = 60 }
        }
      } if service != "authorizer"
    },
    {
      for service, function in module.inputs.functions : "${service}-latency" => {
        description = "p95 of ${function.function_name} was above ${local.function_thresholds[service].p95_milliseconds} ms in two of three periods of five minutes. Compare its X-Ray traces with the latency of DynamoDB and with its cold starts."
        topics      = ["warning"]
        threshold   = local.function_thresholds[service].p95_milliseconds
        # A single cold start in a quiet period is no incident.
        periods     = 3
        datapoints  = 2
        missing     = "notBreaching"
        expressions = {}
        label       = null
        metrics = {
          duration = { namespace = "AWS/Lambda", name = "Duration", dimensions = { FunctionName = function.function_name }, stat = "p95", period = 300 }
        }
      }
    },
    {
      for watched in [length(module.inputs.functions) > 0] : "concurrency" => {
        description = "Lambda functions of the account use more than ${module.inputs.thresholds.concurrency_percent} % of ${var.lambda_concurrency_limit} concurrent executions; at the limit every function of the region is throttled. Find the function that grew, and ask Service Quotas for more."
        topics      = ["critical"]
        threshold   = module.inputs.thresholds.concurrency_percent
        periods     = 3
        datapoints  = 2
        missing     = "notBreaching"
        expressions = { result = "100 * concurrent / ${var.lambda_concurrency_limit}" }
        label       = "Percent of the concurrency limit"
        metrics = {
          # Without a dimension: all functions of the account in the region, which share the limit.
          concurrent = { namespace = "AWS/Lambda", name = "ConcurrentExecutions", dimensions = {}, stat = "Maximum", period = 60 }
        }
      } if watched
    },
  )

  audit_alarms = merge(
    {
      for service in keys(module.inputs.functions) : "audit-archive-failures" => {
        description = "Audit events could not be written to the archive more than once in an hour. They stay in DynamoDB and in the dead-letter queue: restore access to the bucket and its key, then redrive the queue."
        topics      = ["critical"]
        threshold   = 1
        periods     = 1
        datapoints  = 1
        missing     = "notBreaching"
        expressions = {}
        label       = null
        metrics = {
          failures = { namespace = local.metric_namespace, name = "AuditArchiveFailures", dimensions = {}, stat = "Sum", period = 3600 }
        }
      } if service == "audit"
    },
    {
      for service in keys(module.inputs.functions) : "audit-completeness" => {
        description = "The nightly reconciliation found audit events that are not in the archive. Its log names organisation and day; it repairs what DynamoDB still holds, so look first at what it could not repair."
        topics      = ["critical"]
        threshold   = 100
        periods     = 1
        datapoints  = 1
        missing     = "ignore"
        expressions = {}
        label       = null
        metrics = {
          completeness = { namespace = local.metric_namespace, name = "AuditCompleteness", dimensions = {}, stat = "Minimum", period = 3600 }
        }
        comparison = "LessThanThreshold"
      } if service == "audit"
    },
  )

  api_alarms = merge(
    {
      for api in module.inputs.api[*] : "api-5xx" => {
        description = "More than ${module.inputs.thresholds.api_5xx_percent} % of the requests to ${api.name} failed with a server error in three of five minutes. The access log names the route and the integration's or authorizer's error."
        topics      = ["critical"]
        threshold   = module.inputs.thresholds.api_5xx_percent
        periods     = 5
        datapoints  = 3
        missing     = "notBreaching"
        expressions = { result = "100 * errors / requests" }
        label       = "Percent of requests"
        metrics = {
          errors   = { namespace = "AWS/ApiGateway", name = "5XXError", dimensions = { ApiName = api.name, Stage = api.stage }, stat = "Sum", period = 60 }
          requests = { namespace = "AWS/ApiGateway", name = "Count", dimensions = { ApiName = api.name, Stage = api.stage }, stat = "Sum", period = 60 }
        }
      }
    },
    {
      for api in module.inputs.api[*] : "api-4xx" => {
        description = "More than ${module.inputs.thresholds.api_4xx_percent} % of the requests to ${api.name} were refused for a quarter of an hour: a client that broke, or somebody who tries. The access log shows principals, addresses and routes."
        topics      = ["warning"]
        threshold   = module.inputs.thresholds.api_4xx_percent
        periods     = 3
        datapoints  = 3
        missing     = "notBreaching"
        # One refusal of two requests is no rate.
        expressions = { result = "IF(requests >= ${module.inputs.thresholds.api_4xx_least_requests}, 100 * errors / requests, 0)" }
        label       = "Percent of requests"
        metrics = {
          errors   = { namespace = "AWS/ApiGateway", name = "4XXError", dimensions = { ApiName = api.name, Stage = api.stage }, stat = "Sum", period = 300 }
          requests = { namespace = "AWS/ApiGateway", name = "Count", dimensions = { ApiName = api.name, Stage = api.stage }, stat = "Sum", period = 300 }
        }
      }
    },
  )

  # DynamoDB publishes throttle events for a table and for each of its indexes apart, and ThrottledRequests only for
  # each operation, so the events are what adds up to a table.
  throttle_metrics = {
    for key, table in module.inputs.tables : key => merge([
      for index in concat([null], sort(tolist(table.indexes))) : {
        for name in ["Read", "Write"] :
        "${lower(name)}${index == null ? "" : index(sort(tolist(table.indexes)), index) + 1}" => {
          namespace = "AWS/DynamoDB"
          name      = "${name}ThrottleEvents"
          dimensions = merge(
            { TableName = table.name },
            index == null ? {} : { GlobalSecondaryIndexName = index },
          )
          stat   = "Sum"
          period = 60
        }
      }
    ]...)
  }

  table_alarms = merge(
    {
      for key, table in module.inputs.tables : "${key}-throttles" => {
        description = "DynamoDB throttled reads or writes of ${table.name} or its indexes. On-demand tables throttle on a sudden doubling of traffic or on a hot partition key: CloudWatch Contributor Insights names the key."
        topics      = ["warning"]
        threshold   = 0
        periods     = 1
        datapoints  = 1
        missing     = "notBreaching"
        expressions = { result = "SUM([${join(", ", keys(local.throttle_metrics[key]))}])" }
        label       = "Throttle events"
        metrics     = local.throttle_metrics[key]
      }
    },
    {
      for key, table in module.inputs.tables : "${key}-replication-lag" => {
        description = "Writes to ${table.name} take more than ${module.inputs.thresholds.table_replication_seconds} s to reach ${table.replica_region}. A failover now would lose that much: do not fail over before it has caught up, see the AWS Health Dashboard of both regions, and follow docs/operations.md."
        topics      = ["critical"]
        # The metric is in milliseconds.
        threshold   = module.inputs.thresholds.table_replication_seconds * 1000
        periods     = 5
        datapoints  = 3
        missing     = "notBreaching"
        expressions = {}
        label       = null
        metrics = {
          lag = { namespace = "AWS/DynamoDB", name = "ReplicationLatency", dimensions = { TableName = table.name, ReceivingRegion = table.replica_region }, stat = "Average", period = 60 }
        }
      } if table.replica_region != null
    },
  )

  queue_alarms = {
    for key, queue in module.inputs.queues : "${key}-backlog" => {
      description = "The oldest message of ${queue.name} has waited more than ${queue.oldest_seconds} s. Its function's log says why: what it works with (SES, for mails) is away, or refuses. Nothing is lost; what fails too often goes to the dead letters."
      topics      = ["warning"]
      threshold   = queue.oldest_seconds
      periods     = 3
      datapoints  = 2
      missing     = "notBreaching"
      expressions = {}
      label       = null
      metrics = {
        age = { namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = queue.name }, stat = "Maximum", period = 60 }
      }
    }
  }

  # Of a rule on another bus than the default one, EventBridge publishes its metrics with the bus.
  rule_dimensions = {
    for key, rule in module.inputs.event_rules : key => merge(
      { RuleName = rule.name },
      { for bus in [rule.event_bus_name] : "EventBusName" => bus if bus != "default" },
    )
  }

  rule_alarms = {
    for key, rule in module.inputs.event_rules : "${key}-event-failures" => {
      description = "EventBridge could not hand over events of ${rule.name}: the function's alias or its permission is gone, or a dead letter could not be kept. Compare the rule's target with the function, then send the dead letters again as docs/operations.md says."
      topics      = ["warning"]
      threshold   = 0
      periods     = 1
      datapoints  = 1
      missing     = "notBreaching"
      expressions = { result = "SUM([failed, lost])" }
      label       = "Events not handed over"
      metrics = {
        failed = { namespace = "AWS/Events", name = "FailedInvocations", dimensions = local.rule_dimensions[key], stat = "Sum", period = 60 }
        lost   = { namespace = "AWS/Events", name = "InvocationsFailedToBeSentToDlq", dimensions = local.rule_dimensions[key], stat = "Sum", period = 60 }
      }
    }
  }

  vault_alarms = {
    for key, vault in var.backup_vaults : "${key}-backup-failures" => {
      description = "A backup into ${vault} failed or did not start, so that a day may be missing there; recovery to a point in time is not touched. AWS Backup's list of jobs says why; see docs/operations.md."
      topics      = ["warning"]
      threshold   = 0
      periods     = 1
      datapoints  = 1
      missing     = "notBreaching"
      expressions = { result = "SUM([failed, aborted])" }
      label       = "Backups that are missing"
      metrics = {
        failed  = { namespace = "AWS/Backup", name = "NumberOfBackupJobsFailed", dimensions = { BackupVaultName = vault }, stat = "Sum", period = 3600 }
        aborted = { namespace = "AWS/Backup", name = "NumberOfBackupJobsAborted", dimensions = { BackupVaultName = vault }, stat = "Sum", period = 3600 }
      }
    }
  }

  # SES acts on the account's rates, whichever of its systems sent the mails.
  mail_alarms = {
    for key, alarm in {
      mail-bounces    = { metric = "Reputation.BounceRate", percent = module.inputs.thresholds.mail_bounces_percent, what = "bounce" }
      mail-complaints = { metric = "Reputation.ComplaintRate", percent = module.inputs.thresholds.mail_complaints_percent, what = "are called spam" }
      } : key => {
      description = "More than ${alarm.percent} % of the account's mails ${alarm.what}. SES reviews an account from here on and may pause it: find who invites addresses that do not exist or did not ask, and stop them."
      topics      = ["warning"]
      # The metric is a fraction.
      threshold   = alarm.percent / 100
      periods     = 1
      datapoints  = 1
      missing     = "ignore"
      expressions = {}
      label       = null
      metrics = {
        rate = { namespace = "AWS/SES", name = alarm.metric, dimensions = {}, stat = "Average", period = 3600 }
      }
    } if var.mail_reputation
  }

  other_alarms = merge(
    {
      for key, queue in var.dead_letter_queues : "${key}-dead-letters" => {
        description = "${queue} holds messages, or did not take one: work that failed for good. Read one for its error, mend the cause, then send them again as docs/operations.md says. What it did not take stands in its function's log only."
        # The dlq topic is for those who redrive; whoever is on call hears of it as well.
        topics      = ["warning", "dlq"]
        threshold   = 0
        periods     = 1
        datapoints  = 1
        missing     = "notBreaching"
        expressions = { for function in [key] : "result" => "SUM([messages, lost])" if can(var.functions[function]) }
        label       = "Messages, and those that were lost"
        metrics = merge(
          { messages = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = queue }, stat = "Maximum", period = 60 } },
          {
            for function in [key] : "lost" => { namespace = "AWS/Lambda", name = "DeadLetterErrors", dimensions = { FunctionName = var.functions[function].function_name }, stat = "Sum", period = 60 }
            if can(var.functions[function])
          },
        )
      }
    },
    {
      for replication in module.inputs.archive_replication[*] : "archive-replication-lag" => {
        description = "${replication.destination_bucket} is more than ${module.inputs.thresholds.archive_replication_seconds} s behind ${replication.source_bucket}. Look for objects with the replication status FAILED; the usual causes are the replication role's rights and the replica's key."
        topics      = ["critical"]
        threshold   = module.inputs.thresholds.archive_replication_seconds
        periods     = 3
        datapoints  = 3
        missing     = "notBreaching"
        expressions = {}
        label       = null
        metrics = {
          lag = {
            namespace = "AWS/S3"
            name      = "ReplicationLatency"
            dimensions = {
              SourceBucket      = replication.source_bucket
              DestinationBucket = replication.destination_bucket
              RuleId            = replication.rule_id
            }
            stat   = "Maximum"
            period = 300
          }
        }
      }
    },
    {
      for replication in var.archive_replication[*] : "archive-replication-failures" => {
        description = "Objects of ${replication.source_bucket} could not be replicated to ${replication.destination_bucket}, and S3 does not try again. Look for the replication status FAILED, mend the replication role's rights or the replica's key, then copy those objects in place."
        topics      = ["critical"]
        threshold   = 0
        periods     = 1
        datapoints  = 1
        missing     = "notBreaching"
        expressions = {}
        label       = null
        metrics = {
          failed = {
            namespace = "AWS/S3"
            name      = "OperationsFailedReplication"
            dimensions = {
              SourceBucket      = replication.source_bucket
              DestinationBucket = replication.destination_bucket
              RuleId            = replication.rule_id
            }
            stat   = "Sum"
            period = 300
          }
        }
      }
    },
  )

  own_alarms = {
    for key, alarm in module.inputs.alarms : key => merge(alarm, { topics = [alarm.severity], datapoints = coalesce(alarm.datapoints, alarm.periods) })
  }

  made_alarms = merge(local.function_alarms, local.audit_alarms, local.api_alarms, local.table_alarms, local.queue_alarms, local.rule_alarms, local.vault_alarms, local.mail_alarms, local.other_alarms)
  alarms      = merge(local.made_alarms, local.own_alarms)
  # Of two with one key, merge keeps the last without a word.
  made_keys      = concat(keys(local.function_alarms), keys(local.audit_alarms), keys(local.api_alarms), keys(local.table_alarms), keys(local.queue_alarms), keys(local.rule_alarms), keys(local.vault_alarms), keys(local.mail_alarms), keys(local.other_alarms))
  single_metrics = { for key, alarm in local.alarms : key => one(values(alarm.metrics)) if length(alarm.expressions) == 0 }

  alarm_names = { for key in keys(local.alarms) : key => "${local.name_prefix}-alarm-${key}" }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = local.alarm_names[each.key]
  alarm_description   = each.value.description
  comparison_operator = try(each.value.comparison, "GreaterThanThreshold")
  threshold           = each.value.threshold
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.datapoints
  treat_missing_data  = each.value.missing
  alarm_actions       = [for topic in each.value.topics : local.topic_arns[topic]]
  ok_actions          = [for topic in each.value.topics : local.topic_arns[topic]]
  tags                = merge(var.tags, try(each.value.tags, {}))

  # One metric stands in the alarm itself; several are joined by the expression.
  namespace          = try(local.single_metrics[each.key].namespace, null)
  metric_name        = try(local.single_metrics[each.key].name, null)
  dimensions         = try(local.single_metrics[each.key].dimensions, null)
  period             = try(local.single_metrics[each.key].period, null)
  statistic          = try(regex("^[A-Z].*$", local.single_metrics[each.key].stat), null)
  extended_statistic = try(regex("^[a-z].*$", local.single_metrics[each.key].stat), null)

  dynamic "metric_query" {
    for_each = length(each.value.expressions) == 0 ? {} : each.value.metrics

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = metric_query.value.period
      }
    }
  }

  dynamic "metric_query" {
    for_each = each.value.expressions

    content {
      id          = metric_query.key
      expression  = metric_query.value
      label       = metric_query.key == "result" ? each.value.label : null
      return_data = metric_query.key == "result"
    }
  }

  depends_on = [aws_sns_topic_policy.this]

  lifecycle {
    precondition {
      condition     = !(contains(keys(local.made_alarms), each.key) && contains(keys(local.own_alarms), each.key))
      error_message = "alarms: ${each.key} is the name of an alarm that the module makes itself: choose another key."
    }

    precondition {
      condition     = length([for key in local.made_keys : key if key == each.key]) <= 1
      error_message = "Two of the alarms that the module makes itself are called ${each.key}: give the table, queue, rule or function behind one of them another key."
    }
  }
}
