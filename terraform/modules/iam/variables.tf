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
  description = "AWS region of the log groups and of the services that keys are used through."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, such as eu-west-1."
  }
}

variable "account_id" {
  description = "AWS account that the roles belong to."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be 12 digits."
  }
}

variable "tags" {
  description = "Tags of everything that can carry them, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Managed policy that bounds every role; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a managed policy, or null."
  }
}

variable "restrict_trust_to_account" {
  description = "Lets Lambda assume a service role for functions of account_id only (aws:SourceAccount)."
  type        = bool
  default     = true
  nullable    = false
}

variable "services" {
  description = "Roles that functions run as, by service; each names all that the service may reach, and nothing else is allowed."
  type = map(object({
    # Last part of the role's name; null for "{service}-service".
    role_name   = optional(string)
    description = optional(string)
    # The function's own log group.
    log_group_name = string
    tracing        = optional(bool, true)

    # DynamoDB. A leading key is a partition key's value or pattern, such as ROLE#ORG#*. Nothing listed, nothing allowed.
    tables = optional(map(object({
      arn                 = string
      read_leading_keys   = optional(set(string), [])
      write_leading_keys  = optional(set(string), [])
      create_leading_keys = optional(set(string), [])
      # Queries of an index: its partition key's values or patterns.
      indexes     = optional(map(object({ leading_keys = set(string) })), {})
      read_stream = optional(bool, false)
    })), {})

    # S3 prefixes, such as archive/.
    buckets = optional(map(object({
      arn            = string
      read_prefixes  = optional(set(string), [])
      write_prefixes = optional(set(string), [])
    })), {})

    # SQS: send for dead letters, receive for what an event source mapping consumes.
    queues = optional(map(object({
      arn     = string
      send    = optional(bool, false)
      receive = optional(bool, false)
    })), {})

    # SNS topics published to, and EventBridge buses that events are put on.
    topics      = optional(map(string), {})
    event_buses = optional(map(string), {})

    # SES identities mail is sent from, and the only addresses it may be sent as.
    email_identities = optional(map(object({
      arn            = string
      from_addresses = set(string)
    })), {})

    # Log groups whose events are read.
    read_log_groups = optional(map(string), {})
  }))
  default  = {}
  nullable = false
}

variable "keys" {
  description = "KMS keys that a service uses, by service and key, and the AWS services that it may use each through: dynamodb, s3, sqs, sns, lambda, logs, ses, events."
  type = map(map(object({
    arn     = string
    through = set(string)
  })))
  default  = {}
  nullable = false
}

variable "user_pools" {
  description = "Cognito user pools that a service uses, by service and pool: read_users finds users, create_users also invites new ones."
  type = map(map(object({
    arn          = string
    read_users   = optional(bool, false)
    create_users = optional(bool, false)
  })))
  default  = {}
  nullable = false
}

variable "authorizer_invocation" {
  description = "Function alias that API Gateway invokes as its authorizer; null for no such role."
  type = object({
    alias_arn = string
  })
  default = null
}

variable "replications" {
  description = "S3 replications of encrypted buckets, by name: one role each, from one bucket to another."
  type = map(object({
    source_bucket_arn      = string
    source_key_arn         = string
    destination_bucket_arn = string
    destination_key_arn    = string
    destination_region     = string
  }))
  default  = {}
  nullable = false
}

variable "schedulers" {
  description = "Roles that EventBridge Scheduler assumes, by name: the function alias that it invokes, for schedules of one group, and the queue of what could not be delivered."
  type = map(object({
    alias_arn             = string
    schedule_group        = string
    dead_letter_queue_arn = string
  }))
  default  = {}
  nullable = false
}
