variable "region" {
  description = "AWS region of the replicas: the one that the module's provider works in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, such as eu-west-1."
  }
}

variable "account_id" {
  description = "AWS account that owns the tables."
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
  description = "Tags of every replica."
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

variable "tables" {
  description = <<-EOT
    Tables to replicate, by a static name: the output replication_sources of the module dynamodb, or part of it.
    `stream_view_type` and `kms_key_arn` are null where the table has no stream and no customer managed key.
  EOT
  type = map(object({
    name                        = string
    arn                         = string
    region                      = string
    stream_view_type            = optional(string)
    kms_key_arn                 = optional(string)
    deletion_protection_enabled = optional(bool, true)
  }))
  nullable = false

  validation {
    condition     = alltrue([for table in var.tables : can(regex("^arn:${var.partition}:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[a-zA-Z0-9_.-]+$", table.arn))])
    error_message = "tables: arn must be the ARN of a table."
  }

  validation {
    condition     = alltrue([for table in var.tables : table.region != var.region])
    error_message = "tables: a replica must be in another region than its table."
  }

  validation {
    condition     = alltrue([for table in var.tables : try(table.stream_view_type == "NEW_AND_OLD_IMAGES", false)])
    error_message = "tables: a replicated table needs a stream with NEW_AND_OLD_IMAGES; DynamoDB replicates from it."
  }

  validation {
    condition     = alltrue([for table in var.tables : try(split(":", table.arn)[3] == table.region && endswith(table.arn, ":table/${table.name}"), false)])
    error_message = "tables: arn, region and name must be those of one table."
  }

  validation {
    condition     = alltrue([for table in var.tables : try(split(":", table.arn)[4] == var.account_id, false)])
    error_message = "tables: a table must be of the same account as its replica."
  }
}

variable "kms_key_arn" {
  description = "Customer managed key of the replicas' region that encrypts them; null where the tables have none either."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (no alias) in the replicas' region."
  }

  validation {
    condition     = alltrue([for table in var.tables : (table.kms_key_arn == null) == (var.kms_key_arn == null)])
    error_message = "kms_key_arn goes together with the tables' own: DynamoDB takes a customer managed key for every copy of a table or for none."
  }
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

  validation {
    condition     = var.table_class == null ? true : contains(["STANDARD", "STANDARD_INFREQUENT_ACCESS"], var.table_class)
    error_message = "table_class must be STANDARD, STANDARD_INFREQUENT_ACCESS or null."
  }
}
