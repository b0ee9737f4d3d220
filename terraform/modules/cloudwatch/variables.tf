# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "functions.*"                            = ["function_name", "log_kind", "errors_per_minute", "p95_milliseconds"]
    "api"                                    = ["name", "stage", "execution_logging", "detailed_metrics", "id"]
    "log_groups.*"                           = ["name", "kind"]
    "log_retention_days"                     = ["service", "audit"]
    "tables.*"                               = ["name", "indexes", "replica_region"]
    "queues.*"                               = ["name", "oldest_seconds"]
    "event_rules.*"                          = ["name", "event_bus_name"]
    "archive_replication"                    = ["source_bucket", "destination_bucket", "rule_id"]
    "thresholds"                             = ["api_5xx_percent", "api_4xx_percent", "api_4xx_least_requests", "concurrency_percent", "table_replication_seconds", "archive_replication_seconds", "mail_bounces_percent", "mail_complaints_percent"]
    "alarms.*"                               = ["description", "severity", "metrics", "expressions", "label", "threshold", "comparison", "periods", "datapoints", "missing", "tags"]
    "alarms.*.metrics.*"                     = ["namespace", "name", "dimensions", "stat", "period"]
    "subscriptions.*"                        = ["topic", "protocol", "endpoint"]
    "topic_policy_statements.*"              = ["effect", "actions", "principals", "conditions", "topics"]
    "topic_policy_statements.*.conditions.*" = ["test", "variable", "values"]
    "log_fields"                             = ["message", "decision", "reason", "status", "outcome", "level", "service", "user", "organisation", "count", "completeness"]
    "log_values"                             = ["access_decision", "access_denied", "authentication_failed", "request", "queue_message", "denied", "failure", "organisation_mismatch", "error_level", "invitation_sent", "invitation_accepted", "invitation_failed", "audit_captured", "audit_archived", "audit_exported", "audit_archive_failed", "audit_reconciled"]
  }
}

variable "project_name" {
  description = "First part of every name."
  type        = string
  default     = "bbws-access"
  nullable    = false
}

variable "env_name" {
  description = "Second part of every name: dev, sit or prod, or a short name of your own."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS region of log groups, topics and alarms; the widgets of the dashboard show it; null for the provider's."
  type        = string
  default     = null
}

variable "account_id" {
  description = "AWS account that everything belongs to; the topics accept messages of this account only; null for the provider's."
  type        = string
  default     = null
}

variable "check_account" {
  description = "Asks AWS whether account_id is the account that the provider works in. False where the provider itself refuses any other (allowed_account_ids), or has no credentials while planning."
  type        = bool
  default     = true
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that can carry them, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "log_kms_key_arn" {
  description = "KMS key of the log groups. Its policy must let logs.{region}.amazonaws.com use it for log groups of this account."
  type        = string
  nullable    = false
}

variable "topic_kms_key_arn" {
  description = "Customer managed KMS key of the topics. Its policy must let cloudwatch.amazonaws.com, events.amazonaws.com and s3.amazonaws.com use it: through the AWS managed key of SNS, alarms are dropped in silence."
  type        = string
  nullable    = false
}

variable "functions" {
  description = "Lambda functions, by service. Each gets its log group, /aws/lambda/{function_name}, of log_kind service or audit, and alarms for errors and p95 latency; null thresholds mean the module's: see the README. The services authorizer, invitation and audit get their own alarms and metrics besides."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.functions : [
      try([for key in keys(value_0) :
        "functions.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["functions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["functions.*"], ["none"]))})"
      if !contains(local.known_keys["functions.*"], key)], [])
    ]], []))) == 0
    error_message = "functions holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.functions : [
      try([for key in keys(value_0) :
        "functions.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["functions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["functions.*"], ["none"]))})"
      if !contains(local.known_keys["functions.*"], key)], [])
    ]], [])))}."
  }
}

variable "api" {
  description = "REST API: the name and the stage that its metrics carry, and whether API Gateway publishes them for each method too (detailed_metrics), without which no alarm may read those. id, where the stage's execution logging is on, adds the log group that API Gateway then writes to; execution_logging must say so, because an id may be unknown before the API exists. null for no API."
  type        = any
  default     = null

  validation {
    condition = length(flatten([
      try([for key in keys(var.api) :
        "api.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["api"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["api"], ["none"]))})"
      if !contains(local.known_keys["api"], key)], [])
    ])) == 0
    error_message = "api holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.api) :
        "api.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["api"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["api"], ["none"]))})"
      if !contains(local.known_keys["api"], key)], [])
    ]))}."
  }
}

variable "log_groups" {
  description = "Further log groups, by a static name: the name that their writer really uses, and their kind, service or audit."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.log_groups : [
      try([for key in keys(value_0) :
        "log_groups.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["log_groups.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["log_groups.*"], ["none"]))})"
      if !contains(local.known_keys["log_groups.*"], key)], [])
    ]], []))) == 0
    error_message = "log_groups holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.log_groups : [
      try([for key in keys(value_0) :
        "log_groups.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["log_groups.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["log_groups.*"], ["none"]))})"
      if !contains(local.known_keys["log_groups.*"], key)], [])
    ]], [])))}."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept, by kind: service, and audit for those that audit events are captured from (the API's access log among them)."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.log_retention_days) :
        "log_retention_days.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["log_retention_days"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["log_retention_days"], ["none"]))})"
      if !contains(local.known_keys["log_retention_days"], key)], [])
    ])) == 0
    error_message = "log_retention_days holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.log_retention_days) :
        "log_retention_days.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["log_retention_days"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["log_retention_days"], ["none"]))})"
      if !contains(local.known_keys["log_retention_days"], key)], [])
    ]))}."
  }
}

variable "tables" {
  description = "DynamoDB tables, by a static name: the table's name, its index names, and the region that it is replicated to (null for none)."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.tables : [
      try([for key in keys(value_0) :
        "tables.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["tables.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["tables.*"], ["none"]))})"
      if !contains(local.known_keys["tables.*"], key)], [])
    ]], []))) == 0
    error_message = "tables holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.tables : [
      try([for key in keys(value_0) :
        "tables.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["tables.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["tables.*"], ["none"]))})"
      if !contains(local.known_keys["tables.*"], key)], [])
    ]], [])))}."
  }
}

variable "dead_letter_queues" {
  description = "Names of dead-letter queues, by a static name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "queues" {
  description = "Queues of work, by a static name: the queue's name, and the seconds that a message may wait before somebody should look."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.queues : [
      try([for key in keys(value_0) :
        "queues.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["queues.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["queues.*"], ["none"]))})"
      if !contains(local.known_keys["queues.*"], key)], [])
    ]], []))) == 0
    error_message = "queues holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.queues : [
      try([for key in keys(value_0) :
        "queues.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["queues.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["queues.*"], ["none"]))})"
      if !contains(local.known_keys["queues.*"], key)], [])
    ]], [])))}."
  }
}

variable "event_rules" {
  description = "EventBridge rules by a static name: the rule's name and its bus."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.event_rules : [
      try([for key in keys(value_0) :
        "event_rules.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["event_rules.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["event_rules.*"], ["none"]))})"
      if !contains(local.known_keys["event_rules.*"], key)], [])
    ]], []))) == 0
    error_message = "event_rules holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.event_rules : [
      try([for key in keys(value_0) :
        "event_rules.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["event_rules.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["event_rules.*"], ["none"]))})"
      if !contains(local.known_keys["event_rules.*"], key)], [])
    ]], [])))}."
  }
}

variable "backup_vaults" {
  description = "Names of AWS Backup's vaults, by a static name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "mail_reputation" {
  description = "Watches the account's rates of bounced mails and of complaints: SES pauses an account whose rates are too high."
  type        = bool
  default     = false
  nullable    = false
}

variable "archive_replication" {
  description = "Replication of the audit archive: both buckets and the rule's id; null for none. S3 publishes its lag in the region of the destination bucket, so give this to the call of the module that runs in that region."
  type        = any
  default     = null

  validation {
    condition = length(flatten([
      try([for key in keys(var.archive_replication) :
        "archive_replication.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["archive_replication"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["archive_replication"], ["none"]))})"
      if !contains(local.known_keys["archive_replication"], key)], [])
    ])) == 0
    error_message = "archive_replication holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.archive_replication) :
        "archive_replication.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["archive_replication"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["archive_replication"], ["none"]))})"
      if !contains(local.known_keys["archive_replication"], key)], [])
    ]))}."
  }
}

variable "thresholds" {
  description = "Thresholds that are not of one function: percentages of requests, of the limit or of mails, seconds of lag, and the requests in five minutes below which a rate of client errors means nothing."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.thresholds) :
        "thresholds.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["thresholds"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["thresholds"], ["none"]))})"
      if !contains(local.known_keys["thresholds"], key)], [])
    ])) == 0
    error_message = "thresholds holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.thresholds) :
        "thresholds.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["thresholds"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["thresholds"], ["none"]))})"
      if !contains(local.known_keys["thresholds"], key)], [])
    ]))}."
  }
}

variable "lambda_concurrency_limit" {
  description = "Concurrent executions that the account may run in the region. 1,000 is the quota of an established account; a new one may have as few as 10: see aws lambda get-account-settings."
  type        = number
  default     = 1000
  nullable    = false
}

variable "alarms" {
  description = <<-EOT
    Alarms of your own, by the last part of their name: {project_name}-{env_name}-alarm-{key}.
    `severity`: the topic that hears of it, critical or warning.
    `metrics`: by an id, each with its namespace and name and, if wanted, dimensions, stat (Sum) and period in seconds (60).
    `expressions`: metric math on those ids, by an id of its own; the one called `result` is compared. None where a single metric is compared as it is. `label`: what the result is called; null for its id.
    `threshold`, `comparison` (GreaterThanThreshold), and in how many of how many periods: `datapoints` (null for all of them) of `periods` (1).
    `missing`: what no data means: notBreaching (nothing happened), breaching, ignore (the last verdict stands) or missing.
    `tags`: beside those of the module.
  EOT
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.alarms : [
      try([for key in keys(value_0) :
        "alarms.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["alarms.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["alarms.*"], ["none"]))})"
      if !contains(local.known_keys["alarms.*"], key)], []),
      try([for key_1, value_1 in value_0.metrics : [
        try([for key in keys(value_1) :
          "alarms.${key_0}.metrics.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["alarms.*.metrics.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["alarms.*.metrics.*"], ["none"]))})"
        if !contains(local.known_keys["alarms.*.metrics.*"], key)], [])
      ]], [])
    ]], []))) == 0
    error_message = "alarms holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.alarms : [
      try([for key in keys(value_0) :
        "alarms.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["alarms.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["alarms.*"], ["none"]))})"
      if !contains(local.known_keys["alarms.*"], key)], []),
      try([for key_1, value_1 in value_0.metrics : [
        try([for key in keys(value_1) :
          "alarms.${key_0}.metrics.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["alarms.*.metrics.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["alarms.*.metrics.*"], ["none"]))})"
        if !contains(local.known_keys["alarms.*.metrics.*"], key)], [])
      ]], [])
    ]], [])))}."
  }
}

variable "subscriptions" {
  description = "Subscribers of the topics, by a static name: topic (critical, warning or dlq), protocol and endpoint. E-mail addresses must confirm before they receive anything."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.subscriptions : [
      try([for key in keys(value_0) :
        "subscriptions.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["subscriptions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["subscriptions.*"], ["none"]))})"
      if !contains(local.known_keys["subscriptions.*"], key)], [])
    ]], []))) == 0
    error_message = "subscriptions holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.subscriptions : [
      try([for key in keys(value_0) :
        "subscriptions.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["subscriptions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["subscriptions.*"], ["none"]))})"
      if !contains(local.known_keys["subscriptions.*"], key)], [])
    ]], [])))}."
  }
}

variable "topic_policy_statements" {
  description = "Further statements of the topics' policies, each for those that topics names (critical, warning, dlq), by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is that topic, and the module's own statements stay."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.topic_policy_statements : [
      try([for key in keys(value_0) :
        "topic_policy_statements.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["topic_policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["topic_policy_statements.*"], ["none"]))})"
      if !contains(local.known_keys["topic_policy_statements.*"], key)], []),
      try([for key_1, value_1 in value_0.conditions : [
        try([for key in keys(value_1) :
          "topic_policy_statements.${key_0}.conditions.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["topic_policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["topic_policy_statements.*.conditions.*"], ["none"]))})"
        if !contains(local.known_keys["topic_policy_statements.*.conditions.*"], key)], [])
      ]], [])
    ]], []))) == 0
    error_message = "topic_policy_statements holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.topic_policy_statements : [
      try([for key in keys(value_0) :
        "topic_policy_statements.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["topic_policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["topic_policy_statements.*"], ["none"]))})"
      if !contains(local.known_keys["topic_policy_statements.*"], key)], []),
      try([for key_1, value_1 in value_0.conditions : [
        try([for key in keys(value_1) :
          "topic_policy_statements.${key_0}.conditions.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["topic_policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["topic_policy_statements.*.conditions.*"], ["none"]))})"
        if !contains(local.known_keys["topic_policy_statements.*.conditions.*"], key)], [])
      ]], [])
    ]], [])))}."
  }
}

variable "dashboard_enabled" {
  description = "Makes the dashboard. Dashboards are one per account, not per region: false for a further call of the module in another region."
  type        = bool
  default     = true
  nullable    = false
}

variable "saved_queries_enabled" {
  description = "Saves queries of CloudWatch Logs Insights for denials, token failures and errors."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_anomaly_detection_enabled" {
  description = "Lets CloudWatch Logs look for unusual patterns in the logs of each function; billed by volume."
  type        = bool
  default     = false
  nullable    = false
}

variable "metric_namespace" {
  description = "First part of the namespace of the metrics that are made from log lines; {project_name}-{env_name} follows, so that no environment counts another's."
  type        = string
  default     = "BBWS/AccessManagement"
  nullable    = false
}

variable "log_fields" {
  description = "Fields of the JSON lines that functions log, from which metrics and queries are made."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.log_fields) :
        "log_fields.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["log_fields"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["log_fields"], ["none"]))})"
      if !contains(local.known_keys["log_fields"], key)], [])
    ])) == 0
    error_message = "log_fields holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.log_fields) :
        "log_fields.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["log_fields"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["log_fields"], ["none"]))})"
      if !contains(local.known_keys["log_fields"], key)], [])
    ]))}."
  }
}

variable "log_values" {
  description = "Values of those fields: the messages, the decision, the reason and the level that metrics and queries look for."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.log_values) :
        "log_values.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["log_values"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["log_values"], ["none"]))})"
      if !contains(local.known_keys["log_values"], key)], [])
    ])) == 0
    error_message = "log_values holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.log_values) :
        "log_values.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["log_values"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["log_values"], ["none"]))})"
      if !contains(local.known_keys["log_values"], key)], [])
    ]))}."
  }
}
