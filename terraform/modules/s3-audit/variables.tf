# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "object_lock"                             = ["mode", "days"]
    "storage_tiers"                           = ["warm_after_days", "cold_after_days", "expire_after_days"]
    "replication"                             = ["bucket_arn", "kms_key_arn", "role_arn", "time_control"]
    "bucket_policy_statements.*"              = ["effect", "actions", "principals", "conditions"]
    "bucket_policy_statements.*.conditions.*" = ["test", "variable", "values"]
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
  description = "AWS region that the module works in; null for the provider's."
  type        = string
  default     = null
}

variable "account_id" {
  description = "AWS account that the buckets belong to; S3 log delivery is accepted for this account only; null for the provider's."
  type        = string
  default     = null
}

variable "check_account" {
  description = "Asks AWS whether account_id is the account that the provider works in. False where the provider itself refuses any other (allowed_account_ids), or has no credentials while planning."
  type        = bool
  default     = true
  nullable    = false
}

variable "bucket_suffix" {
  description = "Appended to bucket names, which are global: for example -4711. Empty for none."
  type        = string
  default     = ""
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that can carry them, beside the provider's default tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "kms_key_arn" {
  description = "Customer managed KMS key, in the archive's region, that encrypts the archive. The full ARN: the bucket policy compares it."
  type        = string
  nullable    = false
}

variable "object_lock" {
  description = "Retention that every new object version gets: mode GOVERNANCE or COMPLIANCE, and days."
  type        = any
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.object_lock) :
        "object_lock.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["object_lock"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["object_lock"], ["none"]))})"
      if !contains(local.known_keys["object_lock"], key)], [])
    ])) == 0
    error_message = "object_lock holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.object_lock) :
        "object_lock.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["object_lock"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["object_lock"], ["none"]))})"
      if !contains(local.known_keys["object_lock"], key)], [])
    ]))}."
  }
}

variable "allow_compliance_lock" {
  description = "Confirms that object_lock.mode may be COMPLIANCE, which nobody can undo."
  type        = bool
  default     = false
  nullable    = false
}

variable "storage_tiers" {
  description = "Age in days, counted from the event, at which archive/ moves to STANDARD_IA (warm) and to GLACIER (cold), and at which everything expires."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.storage_tiers) :
        "storage_tiers.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["storage_tiers"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["storage_tiers"], ["none"]))})"
      if !contains(local.known_keys["storage_tiers"], key)], [])
    ])) == 0
    error_message = "storage_tiers holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.storage_tiers) :
        "storage_tiers.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["storage_tiers"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["storage_tiers"], ["none"]))})"
      if !contains(local.known_keys["storage_tiers"], key)], [])
    ]))}."
  }
}

variable "exports_expire_after_days" {
  description = "Days after which files under exports/ expire; their download links last 24 hours."
  type        = number
  default     = 7
  nullable    = false
}

variable "access_log_retention_days" {
  description = "Days that the server access logs of the archive are kept."
  type        = number
  default     = 90
  nullable    = false
}

variable "eventbridge_notifications" {
  description = "Sends the archive's object events to the default EventBridge bus."
  type        = bool
  default     = false
  nullable    = false
}

variable "force_destroy" {
  description = "Lets destroy delete the buckets with what is in them, GOVERNANCE-locked versions too. What a COMPLIANCE lock holds, nobody can delete: then the archive stays, and destroy fails there."
  type        = bool
  default     = false
  nullable    = false
}

variable "is_replica" {
  description = "Makes the bucket that an archive in another region replicates to: the same, under the name -audit-archive-replica."
  type        = bool
  default     = false
  nullable    = false
}

variable "replication" {
  description = "Where the archive is replicated to: the replica's bucket, the KMS key of its region, the role that S3 replicates with; null for no replication. time_control replicates within 15 minutes, at a higher price; without it replication is best effort. Metrics exist either way."
  type        = any
  default     = null

  # Checked here, because a validation of is_replica would make the buckets' names wait for the replica.

  validation {
    condition = length(flatten([
      try([for key in keys(var.replication) :
        "replication.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["replication"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["replication"], ["none"]))})"
      if !contains(local.known_keys["replication"], key)], [])
    ])) == 0
    error_message = "replication holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.replication) :
        "replication.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["replication"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["replication"], ["none"]))})"
      if !contains(local.known_keys["replication"], key)], [])
    ]))}."
  }
}

variable "bucket_policy_statements" {
  description = "Further statements of the archive's policy, by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is the bucket and its objects, and the module's own statements stay."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.bucket_policy_statements : [
      try([for key in keys(value_0) :
        "bucket_policy_statements.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["bucket_policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["bucket_policy_statements.*"], ["none"]))})"
      if !contains(local.known_keys["bucket_policy_statements.*"], key)], []),
      try([for key_1, value_1 in value_0.conditions : [
        try([for key in keys(value_1) :
          "bucket_policy_statements.${key_0}.conditions.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["bucket_policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["bucket_policy_statements.*.conditions.*"], ["none"]))})"
        if !contains(local.known_keys["bucket_policy_statements.*.conditions.*"], key)], [])
      ]], [])
    ]], []))) == 0
    error_message = "bucket_policy_statements holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.bucket_policy_statements : [
      try([for key in keys(value_0) :
        "bucket_policy_statements.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["bucket_policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["bucket_policy_statements.*"], ["none"]))})"
      if !contains(local.known_keys["bucket_policy_statements.*"], key)], []),
      try([for key_1, value_1 in value_0.conditions : [
        try([for key in keys(value_1) :
          "bucket_policy_statements.${key_0}.conditions.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["bucket_policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["bucket_policy_statements.*.conditions.*"], ["none"]))})"
        if !contains(local.known_keys["bucket_policy_statements.*.conditions.*"], key)], [])
      ]], [])
    ]], [])))}."
  }
}
