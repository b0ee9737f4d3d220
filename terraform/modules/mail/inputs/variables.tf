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
  description = "AWS region of queue and identity."
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

variable "sender" {
  description = "Who the mails come from: the SES identity (a domain, or one address), the address that they are sent as, and the name shown beside it. create_identity is false where the account has the identity already. null while there is none: mails wait in the queue for nobody to send them."
  type = object({
    identity        = string
    from_address    = string
    from_name       = optional(string)
    create_identity = optional(bool, true)
  })
  default = null

  validation {
    condition     = var.sender == null || can(regex("^([^@*? ]+@)?[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.sender.identity))
    error_message = "sender.identity must be a domain, such as example.com, or an e-mail address."
  }

  validation {
    condition     = var.sender == null || try(can(regex("^[^@\\s,;<>\"]+@[^@\\s,;<>]+$", var.sender.from_address)) && (var.sender.from_address == var.sender.identity || endswith(var.sender.from_address, "@${var.sender.identity}") || (!strcontains(var.sender.identity, "@") && endswith(var.sender.from_address, ".${var.sender.identity}"))), false)
    error_message = "sender.from_address must be one address alone: the identity itself, or an address of its domain or a subdomain; SES sends no other."
  }

  validation {
    condition     = var.sender == null || can(regex("^[A-Za-z0-9 ._-]{1,64}$", coalesce(var.sender.from_name, "-")))
    error_message = "sender.from_name must be at most 64 letters, digits, spaces and . _ -, which need no quotes in a From header."
  }
}

variable "templates" {
  description = "Mails by name: subject, and the body as HTML and as text, with SES's {{placeholders}}. SES does not escape what it fills in."
  type = map(object({
    subject = string
    html    = string
    text    = string
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.templates) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name))])
    error_message = "Keys of templates must be lower-case words joined by hyphens."
  }

  validation {
    condition     = alltrue([for template in values(var.templates) : trimspace(template.subject) != "" && !strcontains(trimspace(template.subject), "\n") && trimspace(template.html) != "" && trimspace(template.text) != ""])
    error_message = "A template needs a subject of one line, and a body both as html and as text."
  }

  validation {
    condition     = alltrue([for template in values(var.templates) : length(template.subject) + length(template.html) + length(template.text) <= 500 * 1024])
    error_message = "A template may have 500 KB in all."
  }
}

variable "event_types" {
  description = "What SES tells EventBridge's default bus about a mail: BOUNCE, COMPLAINT, DELIVERY, DELIVERY_DELAY, REJECT, RENDERING_FAILURE or SEND. OPEN and CLICK would rewrite links and are not taken."
  type        = set(string)
  default     = ["BOUNCE", "COMPLAINT", "REJECT", "RENDERING_FAILURE"]
  nullable    = false

  validation {
    condition     = length(var.event_types) > 0 && length(setsubtract(var.event_types, ["BOUNCE", "COMPLAINT", "DELIVERY", "DELIVERY_DELAY", "REJECT", "RENDERING_FAILURE", "SEND"])) == 0
    error_message = "event_types must be one or more of BOUNCE, COMPLAINT, DELIVERY, DELIVERY_DELAY, REJECT, RENDERING_FAILURE and SEND."
  }
}

variable "consumer" {
  description = "The function that sends the queued mails: its alias's ARN, its timeout, the messages it is given at once, and how many instances may do so at the same time (2 to 1,000). null for none."
  type = object({
    alias_arn           = string
    timeout_seconds     = number
    batch_size          = optional(number, 3)
    maximum_concurrency = optional(number, 2)
  })
  default = null

  validation {
    condition     = var.consumer == null || can(regex("^arn:${var.partition}:lambda:${var.region}:${var.account_id}:function:[A-Za-z0-9_-]+:[A-Za-z0-9_-]+$", var.consumer.alias_arn))
    error_message = "consumer.alias_arn must be the ARN of the alias of a function of the module's account and region, such as arn:aws:lambda:eu-west-1:123456789012:function:example:live."
  }

  validation {
    condition     = var.consumer == null || try(var.consumer.timeout_seconds >= 1 && var.consumer.timeout_seconds <= 900 && floor(var.consumer.timeout_seconds) == var.consumer.timeout_seconds, false)
    error_message = "consumer.timeout_seconds must be the function's timeout, a whole number from 1 to 900."
  }

  validation {
    condition     = var.consumer == null || try(var.consumer.batch_size >= 1 && var.consumer.batch_size <= 10 && floor(var.consumer.batch_size) == var.consumer.batch_size, false)
    error_message = "consumer.batch_size must be a whole number from 1 to 10."
  }

  validation {
    condition     = var.consumer == null || try(var.consumer.maximum_concurrency >= 2 && var.consumer.maximum_concurrency <= 1000 && floor(var.consumer.maximum_concurrency) == var.consumer.maximum_concurrency, false)
    error_message = "consumer.maximum_concurrency must be a whole number from 2 to 1,000."
  }
}

variable "consumer_after" {
  description = "What must exist before the consumer is given messages: outputs of its function and role. With consumer.alias_arn built from names, the queue, which takes half a minute, is made meanwhile."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "maximum_receive_count" {
  description = "Times that a mail is tried before it becomes a dead letter; between two of them lies the visibility timeout, six times the consumer's."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.maximum_receive_count >= 3 && var.maximum_receive_count <= 1000 && floor(var.maximum_receive_count) == var.maximum_receive_count
    error_message = "maximum_receive_count must be a whole number from 3 to 1,000: fewer would turn a hiccup into a dead letter."
  }

  # SQS deletes what grows too old, in silence: a mail must have become a dead letter before.
  validation {
    condition     = var.maximum_receive_count * 6 * try(var.consumer.timeout_seconds, 30) < var.retention_days * 43200
    error_message = "maximum_receive_count tries, six of the consumer's timeout_seconds apart, must be over before half of retention_days: the queue keeps a mail no longer, and what it drops becomes no dead letter."
  }
}

variable "retention_days" {
  description = "Days that dead letters are kept; queued mails are kept half as long, within which all tries must be over."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 14 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days must be a whole number from 1 to 14."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the queue and its dead letters; null for SQS's own encryption."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key of the module's region, not an alias, or null."
  }
}

variable "queue_policy_statements" {
  description = "Further statements of the queues' policies, each for those that queues names (mail, dead_letters), by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is that queue, and the module's own statements stay."
  type = map(object({
    effect     = optional(string, "Allow")
    actions    = list(string)
    principals = map(list(string))
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
    queues = set(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for sid, statement in var.queue_policy_statements : can(regex("^[A-Z][A-Za-z0-9]{0,99}$", sid)) && sid != "TlsOnly"
    ])
    error_message = "queue_policy_statements: each key is a statement's sid, letters and digits that begin with a capital, and none of the module's own: TlsOnly."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.queue_policy_statements : contains(["Allow", "Deny"], statement.effect)
    ])
    error_message = "queue_policy_statements: effect must be Allow or Deny."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.queue_policy_statements : length(statement.actions) > 0 && length(statement.actions) <= 7 && alltrue([for action in statement.actions : can(regex("^sqs:([*]|AddPermission|ChangeMessageVisibility|DeleteMessage|DeleteQueue|GetQueueAttributes|GetQueueUrl|ListDeadLetterSourceQueues|PurgeQueue|ReceiveMessage|RemovePermission|SendMessage|SetQueueAttributes)$", action))])
    ])
    error_message = "queue_policy_statements: actions must be actions of SQS that a queue's policy takes, such as sqs:SendMessage, or sqs:* in a Deny; at most 7 of them."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.queue_policy_statements : length(statement.principals) > 0 && alltrue([
        for kind, names in statement.principals : length(names) > 0 && (!contains(names, "*") || length(flatten(values(statement.principals))) == 1) && alltrue([
          for name in names : can(regex(lookup({
            AWS     = "^([*]|[0-9]{12}|arn:${var.partition}:(iam::[0-9]{12}:(root|(role|user)/[^*?]+)|sts::[0-9]{12}:assumed-role/[^*?]+))$"
            Service = "^[a-z0-9-]+([.][a-z0-9-]+)*[.]amazonaws[.]com$"
          }, kind, "^$"), name))
        ])
      ])
    ])
    error_message = "queue_policy_statements: principals must be lists by AWS (account ids, ARNs of roles and users without wildcards, or * alone for everybody) and Service, such as s3.amazonaws.com."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.queue_policy_statements : alltrue([
        for condition in statement.conditions :
        can(regex("^((ForAllValues|ForAnyValue):)?(String(Not)?(Equals|EqualsIgnoreCase|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$", condition.test))
        && can(regex("^[A-Za-z0-9-]+:([^*? ]+|[A-Za-z]+Tag/[^*?]+)$", condition.variable)) && length(condition.values) > 0
      ])
    ])
    error_message = "queue_policy_statements: each of conditions needs a test that IAM knows, such as StringEquals, a variable, such as aws:SourceAccount, and at least one of values."
  }

  # The provider makes one condition of two on the same key, with the values of both: either is then enough.
  validation {
    condition = alltrue([
      for sid, statement in var.queue_policy_statements : length(distinct([for condition in statement.conditions : [condition.test, lower(condition.variable)]])) == length(statement.conditions)
    ])
    error_message = "queue_policy_statements: two conditions of a statement have the same test and variable, of which either would be enough: give one condition all its values, or another test to what must hold as well."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.queue_policy_statements : alltrue([
        for condition in statement.conditions : !can(regex("String(Not)?Equals", condition.test)) || !startswith(lower(condition.variable), "aws:") || !anytrue([for value in condition.values : can(regex("[*?]", value))])
      ])
    ])
    error_message = "queue_policy_statements: conditions by StringEquals and its kin take * and ? for characters, so this one never holds (or, negated, always): wildcards need StringLike or ArnLike."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.queue_policy_statements : statement.effect != "Allow" || !(contains(keys(statement.principals), "Service") || contains(flatten(values(statement.principals)), "*")) || anytrue([
        for condition in statement.conditions :
        contains(["StringEquals", "StringLike", "ArnEquals", "ArnLike"], condition.test)
        && contains(["aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount", "aws:vpceorgid"], lower(condition.variable))
        && alltrue([for value in condition.values : !can(regex("[*?$]", value)) || can(regex("^arn:[^:*?$]+:[^:*?$]+:[^:$]*:[0-9]{12}:[^$]+$", value))])
      ])
    ])
    error_message = "queue_policy_statements: an Allow to everybody (*) or to a service needs a condition that says for whom: StringEquals, StringLike, ArnEquals or ArnLike on aws:PrincipalAccount, PrincipalArn, PrincipalOrgID, SourceAccount, SourceArn, SourceOrgID, SourceVpc, SourceVpce, VpceAccount or VpceOrgID, with values that name an account or have no wildcards."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.queue_policy_statements : statement.effect != "Allow" || (alltrue([for action in statement.actions : can(regex("^sqs:(ChangeMessageVisibility|DeleteMessage|GetQueueAttributes|GetQueueUrl|ListDeadLetterSourceQueues|ReceiveMessage|SendMessage)$", action))]))
    ])
    error_message = "queue_policy_statements: what an Allow may give: messages are sent, received, deleted and looked at; the queue's attributes, its permissions and purging it stay with its owner."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.queue_policy_statements : statement.effect != "Deny" || length(statement.conditions) > 0 || !anytrue([for name in flatten(values(statement.principals)) : can(regex("^[*]$|^[0-9]{12}$|:root$|[.]amazonaws[.]com$", name))]) || !anytrue([
        for action in statement.actions : anytrue([for kept in ["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage", "sqs:SetQueueAttributes"] : can(regex("(?i)^${replace(replace(action, "*", ".*"), "?", ".")}$", kept))])
      ])
    ])
    error_message = "queue_policy_statements: a Deny without a condition to everybody, an account or a service must not hold what the module needs itself: sqs:DeleteMessage, sqs:ReceiveMessage, sqs:SendMessage, sqs:SetQueueAttributes."
  }

  validation {
    condition     = alltrue([for statement in values(var.queue_policy_statements) : length(statement.queues) > 0 && alltrue([for one in statement.queues : contains(["mail", "dead_letters"], one)])])
    error_message = "queue_policy_statements: queues must name mail, dead_letters or both."
  }
}
