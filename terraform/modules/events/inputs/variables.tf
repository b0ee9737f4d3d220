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
  description = "AWS region of the bus."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, such as eu-west-1."
  }
}

variable "account_id" {
  description = "AWS account that everything belongs to."
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

variable "event_bus_name" {
  description = "Bus of the rules that wait for events of your own; null to make one, {project_name}-{env_name}-bus. On a bus that another environment shares, each takes the other's events. Rules of AWS services' events and of schedules are on default, wherever the others are."
  type        = string
  default     = null

  validation {
    condition     = var.event_bus_name == null || can(regex("^([A-Za-z0-9_.-]{1,256}|aws[.]partner(/[A-Za-z0-9_.-]+){2,})$", var.event_bus_name))
    error_message = "event_bus_name must be the name of an event bus: letters, digits and . _ -, or a partner's, such as aws.partner/example.com/orders."
  }
}

variable "rules" {
  description = "Events that functions take, by a name of your choice: source and detail type, a pattern of the detail (null for any), or instead of waiting for the event a schedule that makes it; and the aliases of the functions, by function."
  type = map(object({
    description = string
    source      = string
    detail_type = string
    # JSON of an EventBridge pattern for the detail.
    detail_pattern = optional(string)
    # rate(...) or cron(...): the event is made by the clock, with an empty detail.
    schedule = optional(string)
    targets  = map(string)
  }))
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.rules) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name))])
    error_message = "Keys of rules must be lower-case words joined by hyphens."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : can(regex("^[A-Za-z0-9._/-]{1,256}$", rule.source)) && can(regex("^[^\\x00-\\x1f<>]{1,128}$", rule.detail_type)) && trimspace(rule.detail_type) != ""])
    error_message = "A rule needs a source, such as example.orders, and a detail_type, such as OrderPlaced: a line without < and >, in which EventBridge's templates hold what they fill in."
  }

  # A partner's events arrive on the bus that is named as they are, and nowhere else.
  validation {
    condition     = alltrue([for rule in values(var.rules) : !startswith(rule.source, "aws.partner/") || rule.schedule != null || rule.source == coalesce(var.event_bus_name, "-")])
    error_message = "A rule for a partner's events needs event_bus_name to be the partner's bus, which has the name of the source."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : rule.detail_pattern == null || can(keys(jsondecode(rule.detail_pattern)))])
    error_message = "detail_pattern must be a JSON object, such as {\"state\": [\"open\"]}."
  }

  # Every system of the account that sends mails, say, has its events on the default bus.
  validation {
    condition     = alltrue([for rule in values(var.rules) : rule.detail_pattern != null || rule.schedule != null || !startswith(rule.source, "aws.") || startswith(rule.source, "aws.partner/")])
    error_message = "Events of AWS services are those of the whole account: a rule for them needs a detail_pattern that says which are yours, such as {\"mail\": {\"tags\": {\"ses:configuration-set\": [\"shop\"]}}}."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : rule.schedule == null || can(regex("^(cron\\((\\*|[0-5]?[0-9])([-/,][0-9]+)* (\\*|1?[0-9]|2[0-3])([-/,][0-9]+)* (\\? (\\*|0?[1-9]|1[0-2]|[A-Z]{3})([-/,]([0-9]+|[A-Z]{3}))* (\\*|L|[1-7](L|#[1-5])?|[A-Z]{3})([-/,]([1-7]|[A-Z]{3}))*|(\\*|LW?|(0?[1-9]|[12][0-9]|3[01])W?)([-/,][0-9]+)* (\\*|0?[1-9]|1[0-2]|[A-Z]{3})([-/,]([0-9]+|[A-Z]{3}))* \\?) (\\*|19[7-9][0-9]|2[01][0-9]{2})([-/,][0-9]+)*\\)|rate\\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\\))$", rule.schedule))])
    error_message = "schedule must be rate(...), such as rate(1 hour) or rate(5 minutes), or cron(...) with six fields of cron (minute, hour, day of month, month, day of week, year; one of the two days is ?), in UTC."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : rule.schedule == null || rule.detail_pattern == null])
    error_message = "A rule with a schedule waits for no event: it takes no detail_pattern."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : length(rule.targets) >= 1 && length(rule.targets) <= 5])
    error_message = "A rule needs 1 to 5 targets."
  }

  validation {
    condition = alltrue(flatten([
      for rule in values(var.rules) : [
        for name, arn in rule.targets : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name)) && can(regex("^arn:${var.partition}:lambda:${var.region}:${var.account_id}:function:[A-Za-z0-9_-]+:[A-Za-z0-9_-]+$", arn))
      ]
    ]))
    error_message = "targets must be keyed by lower-case words joined by hyphens, each with the ARN of the alias of a function of the module's account and region: the module gives the rule leave to invoke it there."
  }

  # Whatever the alias: two of one function are still that function.
  validation {
    condition     = alltrue([for rule in values(var.rules) : length(distinct([for arn in values(rule.targets) : try(split(":", arn)[6], arn)])) == length(rule.targets)])
    error_message = "A rule names a function twice, if by two aliases: it would be invoked twice for each event."
  }

  validation {
    condition = length(distinct(flatten([
      for rule in values(var.rules) : [
        for arn in values(rule.targets) : jsonencode([rule.source, rule.detail_type, try(jsonencode(jsondecode(rule.detail_pattern)), rule.detail_pattern), rule.schedule, try(split(":", arn)[6], arn)])
      ]
    ]))) == sum(concat([0], [for rule in values(var.rules) : length(rule.targets)]))
    error_message = "Two targets are one function that gets the same event: it would be invoked twice. Two rules that wait for the same event need different functions."
  }

  # Their addresses in state: of two that are equal, one would not be made.
  validation {
    condition = length(distinct(flatten([
      for name, rule in var.rules : [for target in keys(rule.targets) : "${name}-${target}"]
    ]))) == sum(concat([0], [for rule in values(var.rules) : length(rule.targets)]))
    error_message = "Two targets are called the same, by the names of rule and target joined by a hyphen, such as the target left-role of the rule user and role of user-left: give one of them another name."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : length(trimspace(rule.description)) > 0 && length(rule.description) <= 512])
    error_message = "A description must say what the rule is for, in 1 to 512 characters."
  }

  validation {
    condition     = alltrue([for rule in values(var.rules) : rule.detail_pattern == null || try(length(jsondecode(rule.detail_pattern)) > 0 && alltrue([for part in values(jsondecode(rule.detail_pattern)) : can(part[0]) || can(keys(part))]), false)])
    error_message = "In detail_pattern each field must be a list of what it may be, such as {\"state\": [\"open\"]}: EventBridge takes no bare value."
  }
}

variable "targets_after" {
  description = "What must exist before rules hand events to their targets: outputs of the functions. With targets built from names, the queue of dead letters, which takes half a minute, is made meanwhile."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "maximum_event_age_hours" {
  description = "Hours for which EventBridge tries to hand an event to a function that cannot take it, before it becomes a dead letter."
  type        = number
  default     = 24
  nullable    = false

  validation {
    condition     = var.maximum_event_age_hours >= 1 && var.maximum_event_age_hours <= 24 && floor(var.maximum_event_age_hours) == var.maximum_event_age_hours
    error_message = "maximum_event_age_hours must be a whole number from 1 to 24."
  }
}

variable "maximum_retry_attempts" {
  description = "Times that EventBridge tries again to hand over an event, before it becomes a dead letter."
  type        = number
  default     = 185
  nullable    = false

  validation {
    condition     = var.maximum_retry_attempts >= 0 && var.maximum_retry_attempts <= 185 && floor(var.maximum_retry_attempts) == var.maximum_retry_attempts
    error_message = "maximum_retry_attempts must be a whole number from 0 to 185."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the dead letters. Its policy must let events.amazonaws.com use it, or dead letters are lost. null for SQS's own encryption."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key of the module's region, not an alias, or null."
  }
}

variable "dead_letter_retention_days" {
  description = "Days that dead letters are kept."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.dead_letter_retention_days >= 1 && var.dead_letter_retention_days <= 14 && floor(var.dead_letter_retention_days) == var.dead_letter_retention_days
    error_message = "dead_letter_retention_days must be a whole number from 1 to 14."
  }
}

variable "dead_letter_policy_statements" {
  description = "Further statements of the dead letters' policy, by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is that queue, and the module's own statements stay."
  type = map(object({
    effect     = optional(string, "Allow")
    actions    = list(string)
    principals = map(list(string))
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : can(regex("^[A-Z][A-Za-z0-9]{0,99}$", sid)) && sid != "TlsOnly" && sid != "DeadLettersOfRules"
    ])
    error_message = "dead_letter_policy_statements: each key is a statement's sid, letters and digits that begin with a capital, and none of the module's own: TlsOnly, DeadLettersOfRules."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : contains(["Allow", "Deny"], statement.effect)
    ])
    error_message = "dead_letter_policy_statements: effect must be Allow or Deny."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : length(statement.actions) > 0 && length(statement.actions) <= 7 && alltrue([for action in statement.actions : can(regex("^sqs:([*]|AddPermission|ChangeMessageVisibility|DeleteMessage|DeleteQueue|GetQueueAttributes|GetQueueUrl|ListDeadLetterSourceQueues|PurgeQueue|ReceiveMessage|RemovePermission|SendMessage|SetQueueAttributes)$", action))])
    ])
    error_message = "dead_letter_policy_statements: actions must be actions of SQS that a queue's policy takes, such as sqs:SendMessage, or sqs:* in a Deny; at most 7 of them."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : length(statement.principals) > 0 && alltrue([
        for kind, names in statement.principals : length(names) > 0 && (!contains(names, "*") || length(flatten(values(statement.principals))) == 1) && alltrue([
          for name in names : can(regex(lookup({
            AWS     = "^([*]|[0-9]{12}|arn:${var.partition}:(iam::[0-9]{12}:(root|(role|user)/[^*?]+)|sts::[0-9]{12}:assumed-role/[^*?]+))$"
            Service = "^[a-z0-9-]+([.][a-z0-9-]+)*[.]amazonaws[.]com$"
          }, kind, "^$"), name))
        ])
      ])
    ])
    error_message = "dead_letter_policy_statements: principals must be lists by AWS (account ids, ARNs of roles and users without wildcards, or * alone for everybody) and Service, such as s3.amazonaws.com."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : alltrue([
        for condition in statement.conditions :
        can(regex("^((ForAllValues|ForAnyValue):)?(String(Not)?(Equals|EqualsIgnoreCase|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$", condition.test))
        && can(regex("^[A-Za-z0-9-]+:([^*? ]+|[A-Za-z]+Tag/[^*?]+)$", condition.variable)) && length(condition.values) > 0
      ])
    ])
    error_message = "dead_letter_policy_statements: each of conditions needs a test that IAM knows, such as StringEquals, a variable, such as aws:SourceAccount, and at least one of values."
  }

  # The provider makes one condition of two on the same key, with the values of both: either is then enough.
  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : length(distinct([for condition in statement.conditions : [condition.test, lower(condition.variable)]])) == length(statement.conditions)
    ])
    error_message = "dead_letter_policy_statements: two conditions of a statement have the same test and variable, of which either would be enough: give one condition all its values, or another test to what must hold as well."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : alltrue([
        for condition in statement.conditions : !can(regex("String(Not)?Equals", condition.test)) || !startswith(lower(condition.variable), "aws:") || !anytrue([for value in condition.values : can(regex("[*?]", value))])
      ])
    ])
    error_message = "dead_letter_policy_statements: conditions by StringEquals and its kin take * and ? for characters, so this one never holds (or, negated, always): wildcards need StringLike or ArnLike."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : statement.effect != "Allow" || !(contains(keys(statement.principals), "Service") || contains(flatten(values(statement.principals)), "*")) || anytrue([
        for condition in statement.conditions :
        contains(["StringEquals", "StringLike", "ArnEquals", "ArnLike"], condition.test)
        && contains(["aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount", "aws:vpceorgid"], lower(condition.variable))
        && alltrue([for value in condition.values : !can(regex("[*?$]", value)) || can(regex("^arn:[^:*?$]+:[^:*?$]+:[^:$]*:[0-9]{12}:[^$]+$", value))])
      ])
    ])
    error_message = "dead_letter_policy_statements: an Allow to everybody (*) or to a service needs a condition that says for whom: StringEquals, StringLike, ArnEquals or ArnLike on aws:PrincipalAccount, PrincipalArn, PrincipalOrgID, SourceAccount, SourceArn, SourceOrgID, SourceVpc, SourceVpce, VpceAccount or VpceOrgID, with values that name an account or have no wildcards."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : statement.effect != "Allow" || (alltrue([for action in statement.actions : can(regex("^sqs:(ChangeMessageVisibility|DeleteMessage|GetQueueAttributes|GetQueueUrl|ListDeadLetterSourceQueues|ReceiveMessage|SendMessage)$", action))]))
    ])
    error_message = "dead_letter_policy_statements: what an Allow may give: messages are sent, received, deleted and looked at; the queue's attributes, its permissions and purging it stay with its owner."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.dead_letter_policy_statements : statement.effect != "Deny" || length(statement.conditions) > 0 || !anytrue([for name in flatten(values(statement.principals)) : can(regex("^[*]$|^[0-9]{12}$|:root$|[.]amazonaws[.]com$", name))]) || !anytrue([
        for action in statement.actions : anytrue([for kept in ["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage", "sqs:SetQueueAttributes"] : can(regex("(?i)^${replace(replace(action, "*", ".*"), "?", ".")}$", kept))])
      ])
    ])
    error_message = "dead_letter_policy_statements: a Deny without a condition to everybody, an account or a service must not hold what the module needs itself: sqs:DeleteMessage, sqs:ReceiveMessage, sqs:SendMessage, sqs:SetQueueAttributes."
  }
}
