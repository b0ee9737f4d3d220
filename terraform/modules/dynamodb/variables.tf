# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "tables.*"                                                 = ["hash_key", "range_key", "attribute_types", "ttl_attribute", "ttl_enabled", "stream_enabled", "stream_view_type", "table_class", "deletion_protection_enabled", "on_demand_throughput", "global_secondary_indexes"]
    "tables.*.on_demand_throughput"                            = ["max_read_request_units", "max_write_request_units"]
    "tables.*.global_secondary_indexes.*"                      = ["hash_key", "range_key", "projection_type", "non_key_attributes", "on_demand_throughput"]
    "tables.*.global_secondary_indexes.*.on_demand_throughput" = ["max_read_request_units", "max_write_request_units"]
    "backup"                                                   = ["schedule", "start_window_minutes", "completion_window_minutes", "delete_after_days", "cold_storage_after_days", "vault_kms_key_arn", "vault_lock", "force_destroy", "permissions_boundary_arn"]
    "backup.vault_lock"                                        = ["min_retention_days", "max_retention_days", "changeable_for_days"]
    "kms_key_policy_statements.*"                              = ["effect", "actions", "principals", "conditions"]
    "kms_key_policy_statements.*.conditions.*"                 = ["test", "variable", "values"]
  }
}

variable "project_name" {
  description = "First part of every name."
  type        = string
  default     = "bbws-access"
  nullable    = false
}

variable "env_name" {
  description = "Second part of every name, such as dev, sit or prod."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS region of the tables: the one that the module's provider works in; null for the provider's."
  type        = string
  default     = null
}

variable "account_id" {
  description = "AWS account that owns the tables; null for the provider's."
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
  description = "Tags of everything that the module makes."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "tables" {
  description = <<-EOT
    Tables to make, by a static name that ends the table's name.
    `range_key`: "" for a table without one.
    `attribute_types`: types of key attributes (S, N or B) that are not strings.
    `ttl_attribute`: attribute with the epoch second after which an item expires; null for none. To stop expiry later, set `ttl_enabled` to false and
    keep the name: DynamoDB wants it to switch expiry off.
    `deletion_protection_enabled`: null for what the module's input of that name says.
    `on_demand_throughput`: most request units per second that the table takes; null for the account's limit.
    `global_secondary_indexes`: indexes by their name; `non_key_attributes` belong to the projection INCLUDE.
  EOT
  type        = any
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.tables : [
      try([for key in keys(value_0) :
        "tables.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["tables.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["tables.*"], ["none"]))})"
      if !contains(local.known_keys["tables.*"], key)], []),
      [
        try([for key in keys(value_0.on_demand_throughput) :
          "tables.${key_0}.on_demand_throughput.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["tables.*.on_demand_throughput"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["tables.*.on_demand_throughput"], ["none"]))})"
        if !contains(local.known_keys["tables.*.on_demand_throughput"], key)], [])
      ],
      try([for key_1, value_1 in value_0.global_secondary_indexes : [
        try([for key in keys(value_1) :
          "tables.${key_0}.global_secondary_indexes.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["tables.*.global_secondary_indexes.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["tables.*.global_secondary_indexes.*"], ["none"]))})"
        if !contains(local.known_keys["tables.*.global_secondary_indexes.*"], key)], []),
        [
          try([for key in keys(value_1.on_demand_throughput) :
            "tables.${key_0}.global_secondary_indexes.${key_1}.on_demand_throughput.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["tables.*.global_secondary_indexes.*.on_demand_throughput"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["tables.*.global_secondary_indexes.*.on_demand_throughput"], ["none"]))})"
          if !contains(local.known_keys["tables.*.global_secondary_indexes.*.on_demand_throughput"], key)], [])
        ]
      ]], [])
    ]], []))) == 0
    error_message = "tables holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.tables : [
      try([for key in keys(value_0) :
        "tables.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["tables.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["tables.*"], ["none"]))})"
      if !contains(local.known_keys["tables.*"], key)], []),
      [
        try([for key in keys(value_0.on_demand_throughput) :
          "tables.${key_0}.on_demand_throughput.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["tables.*.on_demand_throughput"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["tables.*.on_demand_throughput"], ["none"]))})"
        if !contains(local.known_keys["tables.*.on_demand_throughput"], key)], [])
      ],
      try([for key_1, value_1 in value_0.global_secondary_indexes : [
        try([for key in keys(value_1) :
          "tables.${key_0}.global_secondary_indexes.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["tables.*.global_secondary_indexes.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["tables.*.global_secondary_indexes.*"], ["none"]))})"
        if !contains(local.known_keys["tables.*.global_secondary_indexes.*"], key)], []),
        [
          try([for key in keys(value_1.on_demand_throughput) :
            "tables.${key_0}.global_secondary_indexes.${key_1}.on_demand_throughput.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["tables.*.global_secondary_indexes.*.on_demand_throughput"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["tables.*.global_secondary_indexes.*.on_demand_throughput"], ["none"]))})"
          if !contains(local.known_keys["tables.*.global_secondary_indexes.*.on_demand_throughput"], key)], [])
        ]
      ]], [])
    ]], [])))}."
  }
}

variable "deletion_protection_enabled" {
  description = "Refuses to delete the tables; a table may say otherwise."
  type        = bool
  default     = true
  nullable    = false
}

variable "create_kms_key" {
  description = "Makes a customer managed key for the tables."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key_arn" {
  description = "Customer managed key that encrypts the tables; null for the key that AWS manages, or for the module's own (create_kms_key)."
  type        = string
  default     = null
}

variable "pitr_enabled" {
  description = "Point-in-time recovery of every table."
  type        = bool
  default     = true
  nullable    = false
}

variable "pitr_recovery_period_in_days" {
  description = "Days back that a table can be restored to, second by second."
  type        = number
  default     = 35
  nullable    = false
}

variable "backup" {
  description = <<-EOT
    Scheduled AWS Backup of every table, beside point-in-time recovery; null for none.
    `delete_after_days`: days that a backup is kept. `cold_storage_after_days`: days until it moves to cold storage; null for never.
    `vault_kms_key_arn`: key of the vault; null for the key that AWS manages.
    `vault_lock`: retention that nobody may undercut; with `changeable_for_days` nobody, not even the root user, can lift the lock when those days are over; null for no lock.
    `force_destroy`: deletes the vault together with its backups.
    `permissions_boundary_arn`: managed policy that bounds the backup's role; null for none.
  EOT
  type        = any
  default     = null

  validation {
    condition = length(flatten([
      try([for key in keys(var.backup) :
        "backup.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["backup"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["backup"], ["none"]))})"
      if !contains(local.known_keys["backup"], key)], []),
      [
        try([for key in keys(var.backup.vault_lock) :
          "backup.vault_lock.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["backup.vault_lock"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["backup.vault_lock"], ["none"]))})"
        if !contains(local.known_keys["backup.vault_lock"], key)], [])
      ]
    ])) == 0
    error_message = "backup holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.backup) :
        "backup.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["backup"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["backup"], ["none"]))})"
      if !contains(local.known_keys["backup"], key)], []),
      [
        try([for key in keys(var.backup.vault_lock) :
          "backup.vault_lock.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["backup.vault_lock"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["backup.vault_lock"], ["none"]))})"
        if !contains(local.known_keys["backup.vault_lock"], key)], [])
      ]
    ]))}."
  }
}

variable "kms_key_policy_statements" {
  description = "Further statements of the policy of the key that create_kms_key makes, by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is that key, and the module's own statements stay."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.kms_key_policy_statements : [
      try([for key in keys(value_0) :
        "kms_key_policy_statements.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["kms_key_policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["kms_key_policy_statements.*"], ["none"]))})"
      if !contains(local.known_keys["kms_key_policy_statements.*"], key)], []),
      try([for key_1, value_1 in value_0.conditions : [
        try([for key in keys(value_1) :
          "kms_key_policy_statements.${key_0}.conditions.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["kms_key_policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["kms_key_policy_statements.*.conditions.*"], ["none"]))})"
        if !contains(local.known_keys["kms_key_policy_statements.*.conditions.*"], key)], [])
      ]], [])
    ]], []))) == 0
    error_message = "kms_key_policy_statements holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.kms_key_policy_statements : [
      try([for key in keys(value_0) :
        "kms_key_policy_statements.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["kms_key_policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["kms_key_policy_statements.*"], ["none"]))})"
      if !contains(local.known_keys["kms_key_policy_statements.*"], key)], []),
      try([for key_1, value_1 in value_0.conditions : [
        try([for key in keys(value_1) :
          "kms_key_policy_statements.${key_0}.conditions.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["kms_key_policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["kms_key_policy_statements.*.conditions.*"], ["none"]))})"
        if !contains(local.known_keys["kms_key_policy_statements.*.conditions.*"], key)], [])
      ]], [])
    ]], [])))}."
  }
}
