# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "services.*"                    = ["role_name", "description", "log_group_name", "tracing", "tables", "buckets", "queues", "topics", "event_buses", "email_identities", "read_log_groups"]
    "services.*.tables.*"           = ["arn", "read_leading_keys", "write_leading_keys", "create_leading_keys", "indexes", "read_stream"]
    "services.*.tables.*.indexes.*" = ["leading_keys"]
    "services.*.buckets.*"          = ["arn", "read_prefixes", "write_prefixes", "retention_days"]
    "services.*.queues.*"           = ["arn", "send", "receive"]
    "services.*.event_buses.*"      = ["arn", "sources", "detail_types"]
    "services.*.email_identities.*" = ["arn", "from_addresses", "template_arns", "configuration_set_arns", "sandbox"]
    "keys.*.*"                      = ["arn", "through", "read_only"]
    "user_pools.*.*"                = ["arn", "read_users", "create_users"]
    "authorizer_invocation"         = ["alias_arn"]
    "replications.*"                = ["source_bucket_arn", "source_key_arn", "destination_bucket_arn", "destination_key_arn", "destination_region"]
    "schedulers.*"                  = ["alias_arn", "schedule_group", "dead_letter_queue_arn"]
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
  description = "AWS region of the log groups and of the services that keys are used through; null for the provider's."
  type        = string
  default     = null
}

variable "account_id" {
  description = "AWS account that the roles belong to; null for the provider's."
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

variable "permissions_boundary_arn" {
  description = "Managed policy that bounds every role; null for none."
  type        = string
  default     = null
}

variable "restrict_trust_to_account" {
  description = "Lets Lambda assume a service role for functions of account_id only (aws:SourceAccount)."
  type        = bool
  default     = true
  nullable    = false
}

variable "services" {
  description = "Roles that functions run as, by service; each names all that the service may reach, and nothing else is allowed."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.services : [
      try([for key in keys(value_0) :
        "services.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*"], ["none"]))})"
      if !contains(local.known_keys["services.*"], key)], []),
      try([for key_1, value_1 in value_0.tables : [
        try([for key in keys(value_1) :
          "services.${key_0}.tables.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.tables.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.tables.*"], ["none"]))})"
        if !contains(local.known_keys["services.*.tables.*"], key)], []),
        try([for key_2, value_2 in value_1.indexes : [
          try([for key in keys(value_2) :
            "services.${key_0}.tables.${key_1}.indexes.${key_2}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.tables.*.indexes.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.tables.*.indexes.*"], ["none"]))})"
          if !contains(local.known_keys["services.*.tables.*.indexes.*"], key)], [])
        ]], [])
      ]], []),
      try([for key_1, value_1 in value_0.buckets : [
        try([for key in keys(value_1) :
          "services.${key_0}.buckets.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.buckets.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.buckets.*"], ["none"]))})"
        if !contains(local.known_keys["services.*.buckets.*"], key)], [])
      ]], []),
      try([for key_1, value_1 in value_0.queues : [
        try([for key in keys(value_1) :
          "services.${key_0}.queues.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.queues.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.queues.*"], ["none"]))})"
        if !contains(local.known_keys["services.*.queues.*"], key)], [])
      ]], []),
      try([for key_1, value_1 in value_0.event_buses : [
        try([for key in keys(value_1) :
          "services.${key_0}.event_buses.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.event_buses.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.event_buses.*"], ["none"]))})"
        if !contains(local.known_keys["services.*.event_buses.*"], key)], [])
      ]], []),
      try([for key_1, value_1 in value_0.email_identities : [
        try([for key in keys(value_1) :
          "services.${key_0}.email_identities.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.email_identities.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.email_identities.*"], ["none"]))})"
        if !contains(local.known_keys["services.*.email_identities.*"], key)], [])
      ]], [])
    ]], []))) == 0
    error_message = "services holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.services : [
      try([for key in keys(value_0) :
        "services.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*"], ["none"]))})"
      if !contains(local.known_keys["services.*"], key)], []),
      try([for key_1, value_1 in value_0.tables : [
        try([for key in keys(value_1) :
          "services.${key_0}.tables.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.tables.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.tables.*"], ["none"]))})"
        if !contains(local.known_keys["services.*.tables.*"], key)], []),
        try([for key_2, value_2 in value_1.indexes : [
          try([for key in keys(value_2) :
            "services.${key_0}.tables.${key_1}.indexes.${key_2}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.tables.*.indexes.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.tables.*.indexes.*"], ["none"]))})"
          if !contains(local.known_keys["services.*.tables.*.indexes.*"], key)], [])
        ]], [])
      ]], []),
      try([for key_1, value_1 in value_0.buckets : [
        try([for key in keys(value_1) :
          "services.${key_0}.buckets.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.buckets.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.buckets.*"], ["none"]))})"
        if !contains(local.known_keys["services.*.buckets.*"], key)], [])
      ]], []),
      try([for key_1, value_1 in value_0.queues : [
        try([for key in keys(value_1) :
          "services.${key_0}.queues.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.queues.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.queues.*"], ["none"]))})"
        if !contains(local.known_keys["services.*.queues.*"], key)], [])
      ]], []),
      try([for key_1, value_1 in value_0.event_buses : [
        try([for key in keys(value_1) :
          "services.${key_0}.event_buses.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.event_buses.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.event_buses.*"], ["none"]))})"
        if !contains(local.known_keys["services.*.event_buses.*"], key)], [])
      ]], []),
      try([for key_1, value_1 in value_0.email_identities : [
        try([for key in keys(value_1) :
          "services.${key_0}.email_identities.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["services.*.email_identities.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["services.*.email_identities.*"], ["none"]))})"
        if !contains(local.known_keys["services.*.email_identities.*"], key)], [])
      ]], [])
    ]], [])))}."
  }
}

variable "keys" {
  description = "KMS keys that a service uses, by service and key, and the AWS services that it may use each through: dynamodb, s3, sqs, sns, lambda, logs, ses, events. read_only: to decrypt only."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.keys : try([for key_1, value_1 in value_0 : [
      try([for key in keys(value_1) :
        "keys.${key_0}.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["keys.*.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["keys.*.*"], ["none"]))})"
      if !contains(local.known_keys["keys.*.*"], key)], [])
    ]], [])], []))) == 0
    error_message = "keys holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.keys : try([for key_1, value_1 in value_0 : [
      try([for key in keys(value_1) :
        "keys.${key_0}.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["keys.*.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["keys.*.*"], ["none"]))})"
      if !contains(local.known_keys["keys.*.*"], key)], [])
    ]], [])], [])))}."
  }
}

variable "user_pools" {
  description = "Cognito user pools that a service uses, by service and pool: each finds a user by name; read_users lists them all, create_users invites new ones."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.user_pools : try([for key_1, value_1 in value_0 : [
      try([for key in keys(value_1) :
        "user_pools.${key_0}.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["user_pools.*.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["user_pools.*.*"], ["none"]))})"
      if !contains(local.known_keys["user_pools.*.*"], key)], [])
    ]], [])], []))) == 0
    error_message = "user_pools holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.user_pools : try([for key_1, value_1 in value_0 : [
      try([for key in keys(value_1) :
        "user_pools.${key_0}.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["user_pools.*.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["user_pools.*.*"], ["none"]))})"
      if !contains(local.known_keys["user_pools.*.*"], key)], [])
    ]], [])], [])))}."
  }
}

variable "authorizer_invocation" {
  description = "Function alias that API Gateway invokes as its authorizer; null for no such role."
  type        = any
  default     = null

  validation {
    condition = length(flatten([
      try([for key in keys(var.authorizer_invocation) :
        "authorizer_invocation.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["authorizer_invocation"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["authorizer_invocation"], ["none"]))})"
      if !contains(local.known_keys["authorizer_invocation"], key)], [])
    ])) == 0
    error_message = "authorizer_invocation holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.authorizer_invocation) :
        "authorizer_invocation.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["authorizer_invocation"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["authorizer_invocation"], ["none"]))})"
      if !contains(local.known_keys["authorizer_invocation"], key)], [])
    ]))}."
  }
}

variable "replications" {
  description = "S3 replications of encrypted buckets, by name: one role each, from one bucket to another."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.replications : [
      try([for key in keys(value_0) :
        "replications.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["replications.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["replications.*"], ["none"]))})"
      if !contains(local.known_keys["replications.*"], key)], [])
    ]], []))) == 0
    error_message = "replications holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.replications : [
      try([for key in keys(value_0) :
        "replications.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["replications.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["replications.*"], ["none"]))})"
      if !contains(local.known_keys["replications.*"], key)], [])
    ]], [])))}."
  }
}

variable "schedulers" {
  description = "Roles that EventBridge Scheduler assumes, by name: the function alias that it invokes, for schedules of one group, and the queue of what could not be delivered."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.schedulers : [
      try([for key in keys(value_0) :
        "schedulers.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["schedulers.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["schedulers.*"], ["none"]))})"
      if !contains(local.known_keys["schedulers.*"], key)], [])
    ]], []))) == 0
    error_message = "schedulers holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.schedulers : [
      try([for key in keys(value_0) :
        "schedulers.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["schedulers.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["schedulers.*"], ["none"]))})"
      if !contains(local.known_keys["schedulers.*"], key)], [])
    ]], [])))}."
  }
}
