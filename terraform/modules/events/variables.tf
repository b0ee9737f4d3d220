# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "rules.*"                                      = ["description", "source", "detail_type", "detail_pattern", "schedule", "targets"]
    "dead_letter_policy_statements.*"              = ["effect", "actions", "principals", "conditions"]
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
  description = "AWS region of the bus; null for the provider's."
  type        = string
  default     = null
}

variable "account_id" {
  description = "AWS account that everything belongs to; null for the provider's."
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

variable "event_bus_name" {
  description = "Bus of the rules that wait for events of your own; null to make one, {project_name}-{env_name}-bus. On a bus that another environment shares, each takes the other's events. Rules of AWS services' events and of schedules are on default, wherever the others are."
  type        = string
  default     = null
}

variable "rules" {
  description = "Events that functions take, by a name of your choice: source and detail type, a pattern of the detail (null for any), or instead of waiting for the event a schedule that makes it; and the aliases of the functions, by function."
  type        = any
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.rules : [
      try([for key in keys(value_0) :
        "rules.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["rules.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["rules.*"], ["none"]))})"
      if !contains(local.known_keys["rules.*"], key)], [])
    ]], []))) == 0
    error_message = "rules holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.rules : [
      try([for key in keys(value_0) :
        "rules.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["rules.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["rules.*"], ["none"]))})"
      if !contains(local.known_keys["rules.*"], key)], [])
    ]], [])))}."
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
}

variable "maximum_retry_attempts" {
  description = "Times that EventBridge tries again to hand over an event, before it becomes a dead letter."
  type        = number
  default     = 185
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key that encrypts the dead letters. Its policy must let events.amazonaws.com use it, or dead letters are lost. null for SQS's own encryption."
  type        = string
  default     = null
}

variable "dead_letter_retention_days" {
  description = "Days that dead letters are kept."
  type        = number
  default     = 14
  nullable    = false
}

variable "dead_letter_policy_statements" {
  description = "Further statements of the dead letters' policy, by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is that queue, and the module's own statements stay."
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
