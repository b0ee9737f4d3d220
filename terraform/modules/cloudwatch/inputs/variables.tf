variable "project_name" {
  description = "First part of every name."
  type        = string
  default     = "bbws-access"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.project_name)) && length(var.project_name) <= 24
    error_message = "project_name must be lower-case words joined by hyphens, at most 24 characters, such as bbws-access."
  }
}

variable "env_name" {
  description = "Second part of every name: dev, sit or prod, or a short name of your own."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.env_name))
    error_message = "env_name must be 2 to 10 lower-case letters and digits that start with a letter."
  }
}

variable "region" {
  description = "AWS region of log groups, topics and alarms; the widgets of the dashboard show it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, such as eu-west-1."
  }
}

variable "account_id" {
  description = "AWS account that everything belongs to; the topics accept messages of this account only."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be 12 digits."
  }
}

variable "partition" {
  description = "Partition of the region. Comes from the provider alone."
  type        = string
  default     = "aws"
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that can carry them, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.tags :
      can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$", key)) && can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{0,256}$", value)) && !startswith(lower(key), "aws:")
    ]) && length(var.tags) <= 50
    error_message = "tags: at most 50, keys of 1 to 128 and values of up to 256 letters, digits, spaces and _ . : / = + - @; keys that begin with aws: are AWS's own."
  }
}

variable "log_kms_key_arn" {
  description = "KMS key of the log groups. Its policy must let logs.{region}.amazonaws.com use it for log groups of this account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[A-Za-z0-9-]+$", var.log_kms_key_arn))
    error_message = "log_kms_key_arn must be the ARN of a KMS key of the module's region (arn:aws:kms:{region}:{account}:key/{id}), not an alias or an id alone."
  }
}

variable "topic_kms_key_arn" {
  description = "Customer managed KMS key of the topics. Its policy must let cloudwatch.amazonaws.com, events.amazonaws.com and s3.amazonaws.com use it: through the AWS managed key of SNS, alarms are dropped in silence."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[A-Za-z0-9-]+$", var.topic_kms_key_arn))
    error_message = "topic_kms_key_arn must be the ARN of a KMS key of the module's region (arn:aws:kms:{region}:{account}:key/{id}), not an alias or an id alone."
  }
}

# --- What is watched -------------------------------------------------------------------------------

variable "functions" {
  description = "Lambda functions, by service. Each gets its log group, /aws/lambda/{function_name}, of log_kind service or audit, and alarms for errors and p95 latency; null thresholds mean the module's: see the README. The services authorizer, invitation and audit get their own alarms and metrics besides."
  type = map(object({
    function_name     = string
    log_kind          = optional(string, "service")
    errors_per_minute = optional(number)
    p95_milliseconds  = optional(number)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for service in keys(var.functions) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", service))])
    error_message = "functions must have keys of lower-case words joined by hyphens: they become part of alarm names."
  }

  validation {
    condition     = alltrue([for function in values(var.functions) : can(regex("^[A-Za-z0-9_-]{1,64}$", function.function_name))])
    error_message = "functions[*].function_name must be a function's name, at most 64 letters, digits, hyphens and underscores; no ARN."
  }

  validation {
    condition     = alltrue([for function in values(var.functions) : contains(["service", "audit"], function.log_kind)])
    error_message = "functions[*].log_kind must be service or audit."
  }

  validation {
    condition = alltrue([
      for function in values(var.functions) :
      coalesce(function.p95_milliseconds, 1) > 0 && coalesce(function.p95_milliseconds, 1) < 900000
    ])
    error_message = "functions[*].p95_milliseconds must be more than 0 and less than 900,000: Lambda ends every function after 15 minutes."
  }

  # Lambda starts at most ten invocations a second for each execution that may run at once.
  validation {
    condition = alltrue([
      for function in values(var.functions) :
      coalesce(function.errors_per_minute, 0) >= 0 && coalesce(function.errors_per_minute, 0) < 600 * var.lambda_concurrency_limit
    ])
    error_message = "functions[*].errors_per_minute must be 0 or more, and less than 600 times lambda_concurrency_limit: no more invocations are started in a minute."
  }

  validation {
    condition     = !contains(keys(var.functions), "api-access") && !contains(keys(var.functions), "api-execution")
    error_message = "functions must not have the keys api-access and api-execution: those are the API's log groups."
  }

  validation {
    condition     = length(distinct([for function in values(var.functions) : function.function_name])) == length(var.functions)
    error_message = "functions: two services have the same function_name: they would have one log group between them."
  }
}

variable "api" {
  description = "REST API: the name and the stage that its metrics carry, and whether API Gateway publishes them for each method too (detailed_metrics), without which no alarm may read those. id, where the stage's execution logging is on, adds the log group that API Gateway then writes to; execution_logging must say so, because an id may be unknown before the API exists. null for no API."
  type = object({
    name              = string
    stage             = string
    execution_logging = optional(bool, false)
    detailed_metrics  = optional(bool, false)
    id                = optional(string)
  })
  default = null

  validation {
    condition     = var.api == null || try(length(var.api.name) > 0 && can(regex("^[A-Za-z0-9_-]{1,128}$", var.api.stage)), false)
    error_message = "api needs a name, and a stage of letters, digits, hyphens and underscores."
  }

  validation {
    condition     = var.api == null || try(!var.api.execution_logging || var.api.id != null, false)
    error_message = "api.execution_logging needs api.id: API Gateway writes to API-Gateway-Execution-Logs_{id}/{stage}."
  }
}

variable "log_groups" {
  description = "Further log groups, by a static name: the name that their writer really uses, and their kind, service or audit."
  type = map(object({
    name = string
    kind = optional(string, "service")
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for group in values(var.log_groups) : can(regex("^[A-Za-z0-9_/.#-]{1,512}$", group.name)) && !startswith(group.name, "aws/")])
    error_message = "log_groups[*].name must be 1 to 512 letters, digits and _ - / . #, and must not start with aws/."
  }

  validation {
    condition     = alltrue([for group in values(var.log_groups) : contains(["service", "audit"], group.kind)])
    error_message = "log_groups[*].kind must be service or audit."
  }

  validation {
    condition = alltrue([
      for key in keys(var.log_groups) : !contains(concat(keys(var.functions), ["api-access", "api-execution"]), key)
    ])
    error_message = "log_groups must not use api-access, api-execution or a key of functions: the module makes those groups itself."
  }

  validation {
    condition     = length(distinct([for group in values(var.log_groups) : group.name])) == length(var.log_groups) && alltrue([for group in values(var.log_groups) : !contains([for function in values(var.functions) : "/aws/lambda/${function.function_name}"], group.name)])
    error_message = "log_groups: each name stands once, and /aws/lambda/{function_name} is made for each of functions."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept, by kind: service, and audit for those that audit events are captured from (the API's access log among them)."
  type = object({
    service = optional(number, 30)
    audit   = optional(number, 90)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for days in values(var.log_retention_days) :
      contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], days)
    ])
    error_message = "log_retention_days must be values that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }

  validation {
    condition     = var.log_retention_days.audit >= var.log_retention_days.service
    error_message = "log_retention_days.audit must be at least log_retention_days.service."
  }
}

variable "tables" {
  description = "DynamoDB tables, by a static name: the table's name, its index names, and the region that it is replicated to (null for none)."
  type = map(object({
    name           = string
    indexes        = optional(set(string), [])
    replica_region = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.tables) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", key))])
    error_message = "tables must have keys of lower-case words joined by hyphens: they become part of alarm names."
  }

  validation {
    condition     = alltrue([for table in values(var.tables) : length(table.indexes) <= 4])
    error_message = "tables[*].indexes may have 4 names: an alarm adds up at most 10 metrics, two of the table and two of each index."
  }

  validation {
    condition     = alltrue([for table in values(var.tables) : try(table.replica_region, null) == null || table.replica_region != var.region])
    error_message = "tables[*].replica_region must be another region than region."
  }

  validation {
    condition     = alltrue([for table in values(var.tables) : can(regex("^[A-Za-z0-9_.-]{3,255}$", table.name)) && alltrue([for index in table.indexes : can(regex("^[A-Za-z0-9_.-]{3,255}$", index))])])
    error_message = "tables[*].name and indexes must be names of a table and its indexes, 3 to 255 letters, digits and _ . -, no ARNs."
  }

  validation {
    condition     = alltrue([for table in values(var.tables) : table.replica_region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", table.replica_region))])
    error_message = "tables[*].replica_region must be an AWS region, such as eu-west-1, or null."
  }
}

variable "dead_letter_queues" {
  description = "Names of dead-letter queues, by a static name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.dead_letter_queues) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", key))])
    error_message = "dead_letter_queues must have keys of lower-case words joined by hyphens: they become part of alarm names."
  }

  validation {
    condition     = alltrue([for name in values(var.dead_letter_queues) : can(regex("^[A-Za-z0-9_-]{1,80}([.]fifo)?$", name))])
    error_message = "dead_letter_queues must be queue names, not URLs or ARNs."
  }
}

variable "queues" {
  description = "Queues of work, by a static name: the queue's name, and the seconds that a message may wait before somebody should look."
  type = map(object({
    name           = string
    oldest_seconds = optional(number, 900)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.queues) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", key))])
    error_message = "queues must have keys of lower-case words joined by hyphens: they become part of alarm names."
  }

  validation {
    condition     = alltrue([for queue in values(var.queues) : can(regex("^[A-Za-z0-9_-]{1,80}([.]fifo)?$", queue.name))])
    error_message = "queues[*].name must be a queue's name, no URL or ARN."
  }

  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.oldest_seconds >= 60 && queue.oldest_seconds < 1209600])
    error_message = "queues[*].oldest_seconds must be 60 or more, and less than 1,209,600: SQS tells the age once a minute, and keeps a message for 14 days at most."
  }
}

variable "event_rules" {
  description = "EventBridge rules by a static name: the rule's name and its bus."
  type = map(object({
    name           = string
    event_bus_name = optional(string, "default")
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.event_rules) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", key))])
    error_message = "event_rules must have keys of lower-case words joined by hyphens: they become part of alarm names."
  }

  validation {
    condition     = alltrue([for rule in values(var.event_rules) : can(regex("^[A-Za-z0-9_.-]{1,64}$", rule.name)) && can(regex("^[A-Za-z0-9_.-]{1,256}$", rule.event_bus_name))])
    error_message = "event_rules must hold names of rules and of buses, not ARNs."
  }
}

variable "backup_vaults" {
  description = "Names of AWS Backup's vaults, by a static name."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.backup_vaults) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", key))])
    error_message = "backup_vaults must have keys of lower-case words joined by hyphens: they become part of alarm names."
  }

  validation {
    condition     = alltrue([for name in values(var.backup_vaults) : can(regex("^[A-Za-z0-9_-]{2,50}$", name))])
    error_message = "backup_vaults must be names of vaults, not ARNs."
  }
}

variable "mail_reputation" {
  description = "Watches the account's rates of bounced mails and of complaints: SES pauses an account whose rates are too high."
  type        = bool
  default     = false
  nullable    = false
}

variable "archive_replication" {
  description = "Replication of the audit archive: both buckets and the rule's id; null for none. S3 publishes its lag in the region of the destination bucket, so give this to the call of the module that runs in that region."
  type = object({
    source_bucket      = string
    destination_bucket = string
    rule_id            = string
  })
  default = null

  validation {
    condition     = var.archive_replication == null || try(alltrue([for bucket in [var.archive_replication.source_bucket, var.archive_replication.destination_bucket] : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", bucket))]) && var.archive_replication.source_bucket != var.archive_replication.destination_bucket && can(regex("^.{1,255}$", var.archive_replication.rule_id)), false)
    error_message = "archive_replication needs the names (no ARNs) of two different buckets, and the id of the rule."
  }
}

# --- Thresholds --------------------------------------------------------------------------------------

variable "thresholds" {
  description = "Thresholds that are not of one function: percentages of requests, of the limit or of mails, seconds of lag, and the requests in five minutes below which a rate of client errors means nothing."
  type = object({
    api_5xx_percent             = optional(number, 1)
    api_4xx_percent             = optional(number, 25)
    api_4xx_least_requests      = optional(number, 20)
    concurrency_percent         = optional(number, 80)
    table_replication_seconds   = optional(number, 60)
    archive_replication_seconds = optional(number, 900)
    mail_bounces_percent        = optional(number, 5)
    mail_complaints_percent     = optional(number, 0.1)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name, value in var.thresholds : value >= 0])
    error_message = "thresholds must be 0 or more: ${join(", ", [for name, value in var.thresholds : name if value < 0])}."
  }

  # Alarms go off above their threshold. SES pauses an account at rates of 10 % and 0.5 %: after that there is nothing to warn of.
  validation {
    condition = alltrue([
      for name, value in var.thresholds : value < lookup({ mail_bounces_percent = 10, mail_complaints_percent = 0.5 }, name, 100) if endswith(name, "_percent")
    ])
    error_message = "thresholds of percentages must be less than 100, mail_bounces_percent than 10 and mail_complaints_percent than 0.5, where SES pauses the account; the alarm would not go off in time: ${join(", ", [for name, value in var.thresholds : name if endswith(name, "_percent") && value >= lookup({ mail_bounces_percent = 10, mail_complaints_percent = 0.5 }, name, 100)])}."
  }

  # Writes take their time, so 0 would always alarm; a day behind is no replica any more.
  validation {
    condition     = alltrue([for name, value in var.thresholds : value > 0 && value <= 86400 if endswith(name, "_replication_seconds")])
    error_message = "thresholds: table_replication_seconds and archive_replication_seconds must be more than 0, and at most 86,400."
  }

  validation {
    condition     = var.thresholds.api_4xx_least_requests <= 3000000
    error_message = "thresholds.api_4xx_least_requests must be at most 3,000,000: API Gateway takes no more requests of an account in five minutes."
  }
}

variable "lambda_concurrency_limit" {
  description = "Concurrent executions that the account may run in the region. 1,000 is the quota of an established account; a new one may have as few as 10: see aws lambda get-account-settings."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.lambda_concurrency_limit >= 1 && floor(var.lambda_concurrency_limit) == var.lambda_concurrency_limit
    error_message = "lambda_concurrency_limit must be a whole number, 1 or more."
  }
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
  type = map(object({
    description = string
    severity    = string
    metrics = map(object({
      namespace  = string
      name       = string
      dimensions = optional(map(string), {})
      stat       = optional(string, "Sum")
      period     = optional(number, 60)
    }))
    expressions = optional(map(string), {})
    label       = optional(string)
    threshold   = number
    comparison  = optional(string, "GreaterThanThreshold")
    periods     = optional(number, 1)
    datapoints  = optional(number)
    missing     = optional(string, "notBreaching")
    tags        = optional(map(string), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.alarms) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", key)) && length(key) <= 200])
    error_message = "alarms must have keys of lower-case words joined by hyphens, at most 200 characters: they become part of alarm names."
  }

  validation {
    condition     = alltrue([for alarm in values(var.alarms) : length(trimspace(alarm.description)) > 0 && length(alarm.description) <= 1024])
    error_message = "alarms[*].description must say, in 1 to 1,024 characters, what happened and what to look at: whoever is woken reads it."
  }

  validation {
    condition = try(var.api.detailed_metrics, true) || alltrue(flatten([
      for alarm in values(var.alarms) : [
        for metric in values(alarm.metrics) : metric.namespace != "AWS/ApiGateway" || lookup(metric.dimensions, "ApiName", "") != try(var.api.name, "") || !contains(keys(metric.dimensions), "Method") && !contains(keys(metric.dimensions), "Resource")
      ]
    ]))
    error_message = "alarms: API Gateway publishes metrics of a method only where api.detailed_metrics says so, so an alarm on one would stay silent."
  }

  validation {
    condition     = alltrue([for alarm in values(var.alarms) : contains(["critical", "warning"], alarm.severity)])
    error_message = "alarms[*].severity must be critical or warning."
  }

  validation {
    condition     = alltrue([for alarm in values(var.alarms) : contains(["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"], alarm.comparison)])
    error_message = "alarms[*].comparison must be GreaterThanThreshold, GreaterThanOrEqualToThreshold, LessThanThreshold or LessThanOrEqualToThreshold."
  }

  validation {
    condition     = alltrue([for alarm in values(var.alarms) : contains(["notBreaching", "breaching", "ignore", "missing"], alarm.missing)])
    error_message = "alarms[*].missing must be notBreaching, breaching, ignore or missing."
  }

  validation {
    condition = alltrue([
      for alarm in values(var.alarms) : alarm.periods >= 1 && floor(alarm.periods) == alarm.periods && coalesce(alarm.datapoints, alarm.periods) >= 1 && coalesce(alarm.datapoints, alarm.periods) <= alarm.periods && floor(coalesce(alarm.datapoints, 1)) == coalesce(alarm.datapoints, 1)
    ])
    error_message = "alarms[*].periods and datapoints must be whole numbers from 1, and datapoints not more than periods."
  }

  validation {
    condition     = alltrue([for alarm in values(var.alarms) : length(alarm.metrics) >= 1 && length(alarm.metrics) <= 10 && alltrue([for id in keys(alarm.metrics) : can(regex("^[a-z][A-Za-z0-9_]{0,254}$", id)) && id != "result"])])
    error_message = "alarms[*].metrics must be 1 to 10, by ids of letters, digits and _ that begin with a small letter; result is the id of an expression."
  }

  validation {
    condition = alltrue(flatten([
      for alarm in values(var.alarms) : [
        for metric in alarm.metrics :
        can(regex("^[A-Za-z0-9_./#:-]{1,255}$", metric.namespace)) && !startswith(metric.namespace, ":") && can(regex("^[!-~]([ -~]{0,253}[!-~])?$", metric.name)) && length(metric.dimensions) <= 30 && alltrue([for name, value in metric.dimensions : can(regex("^[!-9;-~][ -~]{0,254}$", name)) && can(regex("^[ -~]*[!-~][ -~]*$", value)) && length(value) <= 1024])
      ]
    ]))
    error_message = "alarms[*].metrics[*] must have a namespace, such as AWS/SQS or one of your own, a name, and at most 30 dimensions, none of them empty."
  }

  validation {
    condition = alltrue(flatten([
      for alarm in values(var.alarms) : [
        for metric in alarm.metrics : can(regex("^(SampleCount|Average|Sum|Minimum|Maximum|(p|tm|tc|ts|wm)(100|[0-9]{1,2}([.][0-9]{1,10})?))$", metric.stat))
      ]
    ]))
    error_message = "alarms[*].metrics[*].stat must be SampleCount, Average, Sum, Minimum, Maximum, or a percentile such as p95 (tm, tc, ts and wm likewise)."
  }

  validation {
    condition = alltrue([
      for alarm in values(var.alarms) :
      length(distinct([for metric in alarm.metrics : metric.period])) <= 1 && alltrue([for metric in alarm.metrics : metric.period >= 60 && metric.period <= 86400 ? metric.period % 60 == 0 : contains([10, 30], metric.period) && !startswith(metric.namespace, "AWS/")])
    ])
    error_message = "alarms[*].metrics must have one period between them: 60 seconds or a multiple, up to 86,400; of metrics of your own also 10 or 30."
  }

  validation {
    condition = alltrue(flatten([
      for alarm in values(var.alarms) : [for metric in alarm.metrics : metric.period * alarm.periods <= (metric.period >= 3600 ? 604800 : 86400)]
    ]))
    error_message = "alarms: periods times the period may be a day, or a week where the period is an hour or longer."
  }

  validation {
    condition = alltrue([
      for alarm in values(var.alarms) : length(alarm.expressions) == 0 ? length(alarm.metrics) == 1 && alarm.label == null : contains(keys(alarm.expressions), "result")
    ])
    error_message = "alarms[*].expressions must have one with the id result, which is compared; without expressions there is one metric, and no label."
  }

  # What AWS would say when it is applied, and what it would not: a metric that no expression looks at.
  validation {
    condition = alltrue(flatten([
      for alarm in values(var.alarms) : [
        for id, expression in alarm.expressions :
        can(regex("^[a-z][A-Za-z0-9_]{0,254}$", id)) && !contains(keys(alarm.metrics), id) && length(expression) <= 1024 && !can(regex("SEARCH|ANOMALY_DETECTION_BAND|SELECT", expression)) && length(regexall("\\b[a-z][A-Za-z0-9_]*\\b", expression)) > 0 && length(setsubtract(regexall("\\b[a-z][A-Za-z0-9_]*\\b", expression), setsubtract(concat(keys(alarm.metrics), keys(alarm.expressions)), [id, "result"]))) == 0
      ]
      ])) && alltrue([
      for alarm in values(var.alarms) : length(alarm.expressions) == 0 || length(setsubtract(
        setsubtract(concat(keys(alarm.metrics), keys(alarm.expressions)), ["result"]),
        flatten([for expression in values(alarm.expressions) : regexall("\\b[a-z][A-Za-z0-9_]*\\b", expression)])
      )) == 0
    ])
    error_message = "alarms[*].expressions must be metric math on ids of that alarm's metrics and expressions, all of which are used; an alarm takes no SEARCH, SELECT or ANOMALY_DETECTION_BAND."
  }

  validation {
    condition = alltrue(flatten([
      for alarm in values(var.alarms) : [
        length(merge(var.tags, alarm.tags)) <= 50,
        [for key, value in alarm.tags : can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{1,128}$", key)) && can(regex("^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]{0,256}$", value)) && !startswith(lower(key), "aws:")],
      ]
    ]))
    error_message = "alarms[*].tags: at most 50 with those of the module, keys of 1 to 128 and values of up to 256 letters, digits, spaces and _ . : / = + - @; keys that begin with aws: are AWS's own."
  }
}

# --- Whom it tells -----------------------------------------------------------------------------------

variable "subscriptions" {
  description = "Subscribers of the topics, by a static name: topic (critical, warning or dlq), protocol and endpoint. E-mail addresses must confirm before they receive anything."
  type = map(object({
    topic    = string
    protocol = string
    endpoint = string
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for subscription in values(var.subscriptions) : contains(["critical", "warning", "dlq"], subscription.topic)])
    error_message = "subscriptions[*].topic must be critical, warning or dlq."
  }

  validation {
    condition     = alltrue([for subscription in values(var.subscriptions) : contains(["email", "email-json", "https", "lambda", "sqs"], subscription.protocol)])
    error_message = "subscriptions[*].protocol must be email, email-json, https, lambda or sqs; http would carry alerts in clear text."
  }

  validation {
    condition = alltrue([
      for subscription in values(var.subscriptions) :
      can(regex({
        email  = "^[^@\\s,;<>]+@[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)+$", email-json = "^[^@\\s,;<>]+@[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)+$", https = "^https://[0-9A-Za-z.-]+[^\\s]*$",
        lambda = "^arn:${var.partition}:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$", sqs = "^arn:${var.partition}:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$"
      }[subscription.protocol], subscription.endpoint))
    ])
    error_message = "subscriptions[*].endpoint must fit its protocol: one e-mail address, an https:// address, or the ARN of a function or of a queue that is not FIFO."
  }

  validation {
    condition     = length(distinct([for subscription in values(var.subscriptions) : [subscription.topic, subscription.protocol, subscription.endpoint]])) == length(var.subscriptions)
    error_message = "subscriptions: SNS has one subscription for a topic and an endpoint, so each may stand once."
  }
}

variable "topic_policy_statements" {
  description = "Further statements of the topics' policies, each for those that topics names (critical, warning, dlq), by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is that topic, and the module's own statements stay."
  type = map(object({
    effect     = optional(string, "Allow")
    actions    = list(string)
    principals = map(list(string))
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
    topics = set(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for sid, statement in var.topic_policy_statements : can(regex("^[A-Z][A-Za-z0-9]{0,99}$", sid)) && sid != "AllowAlarms" && sid != "DenyWithoutTls"
    ])
    error_message = "topic_policy_statements: each key is a statement's sid, letters and digits that begin with a capital, and none of the module's own: AllowAlarms, DenyWithoutTls."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.topic_policy_statements : contains(["Allow", "Deny"], statement.effect)
    ])
    error_message = "topic_policy_statements: effect must be Allow or Deny."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.topic_policy_statements : length(statement.actions) > 0 && alltrue([for action in statement.actions : can(regex("^sns:(AddPermission|DeleteTopic|GetTopicAttributes|ListSubscriptionsByTopic|Publish|RemovePermission|SetTopicAttributes|Subscribe)$", action))])
    ])
    error_message = "topic_policy_statements: actions must be actions of SNS that a topic's policy takes, such as sns:Publish; SNS takes no wildcard there."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.topic_policy_statements : length(statement.principals) > 0 && alltrue([
        for kind, names in statement.principals : length(names) > 0 && (!contains(names, "*") || length(flatten(values(statement.principals))) == 1) && alltrue([
          for name in names : can(regex(lookup({
            AWS     = "^([*]|[0-9]{12}|arn:${var.partition}:(iam::[0-9]{12}:(root|(role|user)/[^*?]+)|sts::[0-9]{12}:assumed-role/[^*?]+))$"
            Service = "^[a-z0-9-]+([.][a-z0-9-]+)*[.]amazonaws[.]com$"
          }, kind, "^$"), name))
        ])
      ])
    ])
    error_message = "topic_policy_statements: principals must be lists by AWS (account ids, ARNs of roles and users without wildcards, or * alone for everybody) and Service, such as s3.amazonaws.com."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.topic_policy_statements : alltrue([
        for condition in statement.conditions :
        can(regex("^((ForAllValues|ForAnyValue):)?(String(Not)?(Equals|EqualsIgnoreCase|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$", condition.test))
        && can(regex("^[A-Za-z0-9-]+:([^*? ]+|[A-Za-z]+Tag/[^*?]+)$", condition.variable)) && length(condition.values) > 0
      ])
    ])
    error_message = "topic_policy_statements: each of conditions needs a test that IAM knows, such as StringEquals, a variable, such as aws:SourceAccount, and at least one of values."
  }

  # The provider makes one condition of two on the same key, with the values of both: either is then enough.
  validation {
    condition = alltrue([
      for sid, statement in var.topic_policy_statements : length(distinct([for condition in statement.conditions : [condition.test, lower(condition.variable)]])) == length(statement.conditions)
    ])
    error_message = "topic_policy_statements: two conditions of a statement have the same test and variable, of which either would be enough: give one condition all its values, or another test to what must hold as well."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.topic_policy_statements : alltrue([
        for condition in statement.conditions : !can(regex("String(Not)?Equals", condition.test)) || !startswith(lower(condition.variable), "aws:") || !anytrue([for value in condition.values : can(regex("[*?]", value))])
      ])
    ])
    error_message = "topic_policy_statements: conditions by StringEquals and its kin take * and ? for characters, so this one never holds (or, negated, always): wildcards need StringLike or ArnLike."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.topic_policy_statements : statement.effect != "Allow" || !(contains(keys(statement.principals), "Service") || contains(flatten(values(statement.principals)), "*")) || anytrue([
        for condition in statement.conditions :
        contains(["StringEquals", "StringLike", "ArnEquals", "ArnLike"], condition.test)
        && contains(["aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount", "aws:vpceorgid"], lower(condition.variable))
        && alltrue([for value in condition.values : !can(regex("[*?$]", value)) || can(regex("^arn:[^:*?$]+:[^:*?$]+:[^:$]*:[0-9]{12}:[^$]+$", value))])
      ])
    ])
    error_message = "topic_policy_statements: an Allow to everybody (*) or to a service needs a condition that says for whom: StringEquals, StringLike, ArnEquals or ArnLike on aws:PrincipalAccount, PrincipalArn, PrincipalOrgID, SourceAccount, SourceArn, SourceOrgID, SourceVpc, SourceVpce, VpceAccount or VpceOrgID, with values that name an account or have no wildcards."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.topic_policy_statements : statement.effect != "Allow" || (alltrue([for action in statement.actions : can(regex("^sns:(GetTopicAttributes|ListSubscriptionsByTopic|Publish|Subscribe)$", action))]))
    ])
    error_message = "topic_policy_statements: what an Allow may give: a topic is published to, subscribed to and looked at; its attributes and permissions stay with its owner."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.topic_policy_statements : statement.effect != "Deny" || length(statement.conditions) > 0 || !anytrue([for name in flatten(values(statement.principals)) : can(regex("^[*]$|^[0-9]{12}$|:root$|[.]amazonaws[.]com$", name))]) || !anytrue([
        for action in statement.actions : anytrue([for kept in ["sns:Publish", "sns:SetTopicAttributes"] : can(regex("(?i)^${replace(replace(action, "*", ".*"), "?", ".")}$", kept))])
      ])
    ])
    error_message = "topic_policy_statements: a Deny without a condition to everybody, an account or a service must not hold what the module needs itself: sns:Publish, sns:SetTopicAttributes."
  }

  validation {
    condition     = alltrue([for statement in values(var.topic_policy_statements) : length(statement.topics) > 0 && alltrue([for one in statement.topics : contains(["critical", "warning", "dlq"], one)])])
    error_message = "topic_policy_statements: topics must name critical, warning or dlq."
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

# --- What the log lines look like ------------------------------------------------------------------

variable "metric_namespace" {
  description = "First part of the namespace of the metrics that are made from log lines; {project_name}-{env_name} follows, so that no environment counts another's."
  type        = string
  default     = "BBWS/AccessManagement"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_./#:-]{1,219}$", var.metric_namespace)) && !startswith(var.metric_namespace, "AWS/")
    error_message = "metric_namespace must be 1 to 219 letters, digits and . _ - / # :, and must not start with AWS/, which is AWS's own."
  }
}

variable "log_fields" {
  description = "Fields of the JSON lines that functions log, from which metrics and queries are made."
  type = object({
    message      = optional(string, "message")
    decision     = optional(string, "decision")
    reason       = optional(string, "reason")
    status       = optional(string, "status")
    outcome      = optional(string, "outcome")
    level        = optional(string, "level")
    service      = optional(string, "service")
    user         = optional(string, "principal")
    organisation = optional(string, "organisationId")
    count        = optional(string, "count")
    completeness = optional(string, "completeness")
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for field in values(var.log_fields) : can(regex("^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*$", field))])
    error_message = "log_fields must be names of JSON fields, joined by dots where they are nested."
  }
}

variable "log_values" {
  description = "Values of those fields: the messages, the decision, the reason and the level that metrics and queries look for."
  type = object({
    access_decision       = optional(string, "Access decision")
    access_denied         = optional(string, "Access denied")
    authentication_failed = optional(string, "Authentication failed")
    request               = optional(string, "Request")
    queue_message         = optional(string, "Message")
    denied                = optional(string, "DENY")
    failure               = optional(string, "FAILURE")
    organisation_mismatch = optional(string, "NOT_IN_ORGANISATION")
    error_level           = optional(string, "ERROR")
    invitation_sent       = optional(string, "Invitation sent")
    invitation_accepted   = optional(string, "Invitation accepted")
    invitation_failed     = optional(string, "Invitation failed")
    audit_captured        = optional(string, "Audit events captured")
    audit_archived        = optional(string, "Audit events archived")
    audit_exported        = optional(string, "Audit events exported")
    audit_archive_failed  = optional(string, "Audit archive failed")
    audit_reconciled      = optional(string, "Audit reconciled")
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for value in values(var.log_values) : can(regex("^[A-Za-z0-9 ._-]+$", value))])
    error_message = "log_values must be letters, digits, spaces and . _ -: they stand between quotes in filter patterns."
  }
}
