# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "tables.*" = ["name", "arn", "region", "stream_view_type", "kms_key_arn", "deletion_protection_enabled"]
  }
}

variable "region" {
  description = "AWS region of the replicas: the one that the module's provider works in; null for the provider's."
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
  description = "Tags of every replica."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "tables" {
  description = <<-EOT
    Tables to replicate, by a static name: the output replication_sources of the module dynamodb, or part of it.
    `stream_view_type` and `kms_key_arn` are null where the table has no stream and no customer managed key.
  EOT
  type        = any
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

variable "kms_key_arn" {
  description = "Customer managed key of the replicas' region that encrypts them; null where the tables have none either."
  type        = string
  default     = null
}

variable "pitr_enabled" {
  description = "Point-in-time recovery of every replica. It always reaches back 35 days."
  type        = bool
  default     = true
  nullable    = false
}

variable "deletion_protection_enabled" {
  description = "Refuses to delete the replicas; null for what each table says."
  type        = bool
  default     = null
}

variable "table_class" {
  description = "Storage class of the replicas, STANDARD or STANDARD_INFREQUENT_ACCESS; null for that of each table."
  type        = string
  default     = null
}
