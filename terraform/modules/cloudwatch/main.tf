locals {
  name_prefix = "${var.project_name}-${var.env_name}"
  arn_suffix  = "${local.region}:${local.account_id}"

  log_group_arn_prefix = "arn:${local.partition}:logs:${local.arn_suffix}:log-group:"

  # The names that the writers really use: Lambda by the function's name, API Gateway's execution log by the API's id.
  log_groups = merge(
    {
      for service, function in module.inputs.functions : service => {
        name = "/aws/lambda/${function.function_name}"
        kind = function.log_kind
      }
    },
    {
      for api in module.inputs.api[*] : "api-access" => {
        name = "/aws/apigateway/${local.name_prefix}-apigw/access"
        kind = "audit"
      }
    },
    {
      for api in module.inputs.api[*] : "api-execution" => {
        name = "API-Gateway-Execution-Logs_${api.id}/${api.stage}"
        kind = "service"
      } if api.execution_logging
    },
    module.inputs.log_groups,
  )
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Retention follows the platform's rule, 30 days for services and 90 for audit; the archive keeps what must be kept for years
  for_each = local.log_groups

  name              = each.value.name
  retention_in_days = module.inputs.log_retention_days[each.value.kind]
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

# --- Metrics made from log lines -------------------------------------------------------------------

locals {
  says = { for name, value in module.inputs.log_values : name => "$.${module.inputs.log_fields.message} = \"${value}\"" }

  # The gateway asks the authorizer, then the service decides again; what the first denies never reaches the second.
  denials = {
    for service in keys(module.inputs.functions) : service => join(" && ", [
      "(${service == "authorizer" ? local.says.access_decision : local.says.access_denied})",
      "($.${module.inputs.log_fields.decision} = \"${module.inputs.log_values.denied}\")",
    ])
  }

  # A filter's dimensions come from the line itself, so what tells two environments apart is the namespace.
  metric_namespace = "${var.metric_namespace}/${local.name_prefix}"

  # A metric with dimensions takes no default value, so none has one: no data means that nothing happened.
  access_metrics = {
    for service, denial in local.denials : service => {
      AuthorizationDenied = {
        pattern    = "{ ${denial} }"
        value      = "1"
        unit       = "Count"
        dimensions = { Reason = "$.${module.inputs.log_fields.reason}" }
      }
      OrganisationMismatches = {
        pattern    = "{ ${denial} && ($.${module.inputs.log_fields.reason} = \"${module.inputs.log_values.organisation_mismatch}\") }"
        value      = "1"
        unit       = "Count"
        dimensions = {}
      }
    }
  }

  service_metrics = {
    authorizer = {
      TokenFailures = {
        pattern    = "{ ${local.says.authentication_failed} }"
        value      = "1"
        unit       = "Count"
        dimensions = {}
      }
    }
    invitation = {
      for name, message in {
        InvitationsSent     = "invitation_sent"
        InvitationsAccepted = "invitation_accepted"
        InvitationsFailed   = "invitation_failed"
        } : name => {
        pattern    = "{ ${local.says[message]} }"
        value      = "1"
        unit       = "Count"
        dimensions = {}
      }
    }
    audit = merge(
      {
        for name, message in {
          AuditEventsCaptured = "audit_captured"
          AuditEventsArchived = "audit_archived"
          AuditEventsExported = "audit_exported"
          } : name => {
          pattern    = "{ (${local.says[message]}) && ($.${module.inputs.log_fields.count} >= 0) }"
          value      = "$.${module.inputs.log_fields.count}"
          unit       = "Count"
          dimensions = {}
        }
      },
      {
        AuditArchiveFailures = {
          pattern    = "{ ${local.says.audit_archive_failed} }"
          value      = "1"
          unit       = "Count"
          dimensions = {}
        }
        AuditCompleteness = {
          pattern    = "{ (${local.says.audit_reconciled}) && ($.${module.inputs.log_fields.completeness} >= 0) }"
          value      = "$.${module.inputs.log_fields.completeness}"
          unit       = "Percent"
          dimensions = {}
        }
      },
    )
  }

  # Requests that a service answered with 500 or 503, and messages of a queue that it gave back: Lambda does not count
  # them as errors. The authorizer answers no request.
  fault_metrics = {
    HandledErrors = {
      pattern = join(" || ", [
        "{ ((${local.says.request}) && ($.${module.inputs.log_fields.status} >= 500))",
        "((${local.says.queue_message}) && ($.${module.inputs.log_fields.outcome} = \"${module.inputs.log_values.failure}\")) }",
      ])
      value      = "1"
      unit       = "Count"
      dimensions = { Service = "$.${module.inputs.log_fields.service}" }
    }
  }

  metric_filters = merge([
    for service in keys(module.inputs.functions) : {
      for name, metric in merge(
        local.access_metrics[service],
        try(local.service_metrics[service], {}),
        { for fault, metric in local.fault_metrics : fault => metric if service != "authorizer" },
      ) : "${service}-${name}" => merge(metric, { service = service, name = name })
    }
  ]...)
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.metric_filters

  name           = "${local.name_prefix}-filter-${each.key}"
  log_group_name = aws_cloudwatch_log_group.this[each.value.service].name
  pattern        = each.value.pattern

  metric_transformation {
    name       = each.value.name
    namespace  = local.metric_namespace
    value      = each.value.value
    unit       = each.value.unit
    dimensions = length(each.value.dimensions) > 0 ? each.value.dimensions : null
  }
}

# --- Beyond metrics ----------------------------------------------------------------------------------

locals {
  saved_queries = var.saved_queries_enabled && length(module.inputs.functions) > 0 ? merge(
    {
      for service in keys(module.inputs.functions) : "denials" => {
        groups = keys(module.inputs.functions)
        query  = <<-QUERY
          filter ${module.inputs.log_fields.message} in ["${module.inputs.log_values.access_decision}", "${module.inputs.log_values.access_denied}"] and ${module.inputs.log_fields.decision} = "${module.inputs.log_values.denied}"
          | stats count(*) as denials by ${module.inputs.log_fields.reason}, ${module.inputs.log_fields.organisation}, bin(5m)
          | sort denials desc
        QUERY
      } if service == "authorizer"
    },
    {
      for service in keys(module.inputs.functions) : "token-failures" => {
        groups = [service]
        query  = <<-QUERY
          filter ${module.inputs.log_fields.message} = "${module.inputs.log_values.authentication_failed}"
          | stats count(*) as failures by ${module.inputs.log_fields.reason}, bin(5m)
          | sort failures desc
        QUERY
      } if service == "authorizer"
    },
    {
      errors = {
        groups = keys(module.inputs.functions)
        query  = <<-QUERY
          filter ${module.inputs.log_fields.level} = "${module.inputs.log_values.error_level}" or @message like /Task timed out|Runtime.ExitError/
          | fields @timestamp, ${module.inputs.log_fields.service}, requestId, @message
          | sort @timestamp desc
        QUERY
      }
    },
  ) : {}
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.saved_queries

  name            = "${local.name_prefix}/${each.key}"
  log_group_names = [for service in each.value.groups : aws_cloudwatch_log_group.this[service].name]
  query_string    = each.value.query
}

resource "aws_cloudwatch_log_anomaly_detector" "this" {
  for_each = var.log_anomaly_detection_enabled ? module.inputs.functions : {}

  detector_name        = "${local.name_prefix}-detector-${each.key}"
  log_group_arn_list   = [aws_cloudwatch_log_group.this[each.key].arn]
  evaluation_frequency = "FIFTEEN_MIN"
  enabled              = true
  kms_key_id           = var.log_kms_key_arn
  tags                 = var.tags
}
