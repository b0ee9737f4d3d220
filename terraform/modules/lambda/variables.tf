# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "functions.*"                                  = ["description", "handler", "role_arn", "package", "runtime", "architecture", "memory_megabytes", "timeout_seconds", "ephemeral_storage_megabytes", "environment", "log_group_name", "reserved_concurrency", "provisioned_concurrency", "asynchronous", "maximum_event_age_seconds", "maximum_retry_attempts", "dead_letter_queue_arn"]
    "functions.*.package"                          = ["s3_bucket", "s3_key", "source_code_hash"]
    "permissions.*"                                = ["function", "principal", "source_arn"]
    "dead_letter_policy_statements.*"              = ["effect", "actions", "principals", "conditions", "functions"]
    "dead_letter_policy_statements.*.conditions.*" = ["test", "variable", "values"]
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
  description = "AWS region of the functions; null for the provider's."
  type        = string
  default     = null
}

variable "account_id" {
  description = "AWS account that the functions belong to; null for the provider's."
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

variable "functions" {
  description = "Functions by name; the name's alias live always points at the newest published version."
  type        = any
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.functions : [
      try([for key in keys(value_0) :
        "functions.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["functions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["functions.*"], ["none"]))})"
      if !contains(local.known_keys["functions.*"], key)], []),
      [
        try([for key in keys(value_0.package) :
          "functions.${key_0}.package.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["functions.*.package"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["functions.*.package"], ["none"]))})"
        if !contains(local.known_keys["functions.*.package"], key)], [])
      ]
    ]], []))) == 0
    error_message = "functions holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.functions : [
      try([for key in keys(value_0) :
        "functions.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["functions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["functions.*"], ["none"]))})"
      if !contains(local.known_keys["functions.*"], key)], []),
      [
        try([for key in keys(value_0.package) :
          "functions.${key_0}.package.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["functions.*.package"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["functions.*.package"], ["none"]))})"
        if !contains(local.known_keys["functions.*.package"], key)], [])
      ]
    ]], [])))}."
  }
}

variable "late_environment" {
  description = "More environment variables, by function: those whose values other resources make, such as the id of a user pool. Whatever stands in functions, the queues of dead letters wait for it too, and they take half a minute."
  type        = map(map(string))
  default     = {}
  nullable    = false
}

variable "permissions" {
  description = "Who may invoke which function's alias, by a name of your choice: principal is a service such as apigateway.amazonaws.com, source_arn what it may invoke it for."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.permissions : [
      try([for key in keys(value_0) :
        "permissions.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["permissions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["permissions.*"], ["none"]))})"
      if !contains(local.known_keys["permissions.*"], key)], [])
    ]], []))) == 0
    error_message = "permissions holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.permissions : [
      try([for key in keys(value_0) :
        "permissions.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["permissions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["permissions.*"], ["none"]))})"
      if !contains(local.known_keys["permissions.*"], key)], [])
    ]], [])))}."
  }
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
}

variable "system_log_level" {
  description = "Which of Lambda's own lines are kept, with log_format JSON: WARN those of invocations that failed or took too long, INFO two more for every invocation, DEBUG all."
  type        = string
  default     = "WARN"
  nullable    = false
}

variable "dead_letter_retention_days" {
  description = "Days that dead letters are kept."
  type        = number
  default     = 14
  nullable    = false
}

variable "dead_letter_policy_statements" {
  description = "Further statements of the policies of the queues of dead letters that the module makes, each for those of the functions that it names, by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is that queue, and the module's own statements stay."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.dead_letter_policy_statements : [
      try([for key in keys(value_0) :
        "dead_letter_policy_statements.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["dead_letter_policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["dead_letter_policy_statements.*"], ["none"]))})"
      if !contains(local.known_keys["dead_letter_policy_statements.*"], key)], []),
      try([for key_1, value_1 in value_0.conditions : [
        try([for key in keys(value_1) :
          "dead_letter_policy_statements.${key_0}.conditions.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["dead_letter_policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["dead_letter_policy_statements.*.conditions.*"], ["none"]))})"
        if !contains(local.known_keys["dead_letter_policy_statements.*.conditions.*"], key)], [])
      ]], [])
    ]], []))) == 0
    error_message = "dead_letter_policy_statements holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.dead_letter_policy_statements : [
      try([for key in keys(value_0) :
        "dead_letter_policy_statements.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["dead_letter_policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["dead_letter_policy_statements.*"], ["none"]))})"
      if !contains(local.known_keys["dead_letter_policy_statements.*"], key)], []),
      try([for key_1, value_1 in value_0.conditions : [
        try([for key in keys(value_1) :
          "dead_letter_policy_statements.${key_0}.conditions.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["dead_letter_policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["dead_letter_policy_statements.*.conditions.*"], ["none"]))})"
        if !contains(local.known_keys["dead_letter_policy_statements.*.conditions.*"], key)], [])
      ]], [])
    ]], [])))}."
  }
}
