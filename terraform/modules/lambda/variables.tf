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
  description = "AWS region of the functions."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, such as eu-west-1."
  }
}

variable "account_id" {
  description = "AWS account that the functions belong to."
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

variable "functions" {
  description = "Functions by name; the name's alias live always points at the newest published version."
  type = map(object({
    description = string
    handler     = string
    role_arn    = string
    # Zip in S3, its key by content: {anything}{SHA-256 in hex}.zip, and the same hash in base64.
    package = object({
      s3_bucket        = string
      s3_key           = string
      source_code_hash = string
    })
    runtime                     = optional(string, "python3.12")
    architecture                = optional(string, "arm64")
    memory_megabytes            = optional(number, 256)
    timeout_seconds             = optional(number, 30)
    ephemeral_storage_megabytes = optional(number, 512)
    environment                 = optional(map(string), {})
    # Must exist before the function first runs: pass the output of whatever makes it.
    log_group_name = string
    # null: the account's unreserved concurrency.
    reserved_concurrency = optional(number)
    # Instances of the alias kept warm.
    provisioned_concurrency = optional(number, 0)
    # Invoked asynchronously (by a topic, a bucket, a rule, a schedule): gets a dead-letter queue and these limits.
    asynchronous              = optional(bool, false)
    maximum_event_age_seconds = optional(number, 3600)
    maximum_retry_attempts    = optional(number, 2)
    # A queue of your own instead of one made here.
    dead_letter_queue_arn = optional(string)
  }))
  nullable = false
}

variable "permissions" {
  description = "Who may invoke which function's alias, by a name of your choice: principal is a service such as apigateway.amazonaws.com, source_arn what it may invoke it for."
  type = map(object({
    function   = string
    principal  = string
    source_arn = string
  }))
  default  = {}
  nullable = false
}

variable "kms_key_arn" {
  description = "Key that encrypts environment variables and dead-letter queues; null for AWS-managed encryption."
  type        = string
  default     = null
}

variable "tracing_enabled" {
  description = "Traces every function with X-Ray (mode Active)."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_format" {
  description = "Format of the lines that Lambda itself logs: JSON or Text."
  type        = string
  default     = "JSON"
  nullable    = false

  validation {
    condition     = contains(["JSON", "Text"], var.log_format)
    error_message = "log_format must be JSON or Text."
  }
}

variable "dead_letter_retention_days" {
  description = "Days that dead letters are kept."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.dead_letter_retention_days >= 1 && var.dead_letter_retention_days <= 14
    error_message = "dead_letter_retention_days must be 1 to 14."
  }
}
