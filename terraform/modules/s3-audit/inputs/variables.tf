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
  description = "AWS region that the module works in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, such as eu-west-1."
  }
}

variable "account_id" {
  description = "AWS account that the buckets belong to; S3 log delivery is accepted for this account only."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be 12 digits."
  }
}

variable "bucket_suffix" {
  description = "Appended to bucket names, which are global: for example -4711. Empty for none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(-[a-z0-9]+)*$", var.bucket_suffix))
    error_message = "bucket_suffix must be empty, or a hyphen followed by lower-case letters and digits."
  }

  validation {
    condition     = length("${var.project_name}-${var.env_name}-s3-audit-replica-access-logs${var.bucket_suffix}") <= 63
    error_message = "project_name, env_name and bucket_suffix are too long together: {project_name}-{env_name}-s3-audit-replica-access-logs{bucket_suffix} may have 63 characters, S3's limit for a bucket name."
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

variable "kms_key_arn" {
  description = "Customer managed KMS key, in the archive's region, that encrypts the archive. The full ARN: the bucket policy compares it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key of the bucket's region (arn:aws:kms:{region}:{account}:key/{id}), not an alias or an id alone."
  }
}

variable "object_lock" {
  description = "Retention that every new object version gets: mode GOVERNANCE or COMPLIANCE, and days."
  type = object({
    mode = optional(string, "GOVERNANCE")
    days = number
  })
  nullable = false

  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], var.object_lock.mode)
    error_message = "object_lock.mode must be GOVERNANCE or COMPLIANCE."
  }

  validation {
    condition     = var.object_lock.days >= 1 && var.object_lock.days <= 36500 && floor(var.object_lock.days) == var.object_lock.days
    error_message = "object_lock.days must be a whole number of days, from 1 to 36,500."
  }

  validation {
    condition     = var.object_lock.mode != "COMPLIANCE" || var.allow_compliance_lock
    error_message = "object_lock.mode COMPLIANCE cannot be undone by anybody, not even the account's root user, before the days are over. Set allow_compliance_lock = true to confirm it."
  }

  validation {
    condition     = var.object_lock.days <= var.storage_tiers.expire_after_days
    error_message = "object_lock.days must not be more than storage_tiers.expire_after_days: S3 cannot expire a version that is still locked."
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
  type = object({
    warm_after_days   = optional(number, 30)
    cold_after_days   = optional(number, 90)
    expire_after_days = optional(number, 2557)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for days in values(var.storage_tiers) : floor(days) == days])
    error_message = "storage_tiers must be whole numbers of days."
  }

  validation {
    condition     = var.storage_tiers.warm_after_days >= 30
    error_message = "storage_tiers.warm_after_days must be at least 30: S3 moves nothing to STANDARD_IA earlier."
  }

  validation {
    condition     = var.storage_tiers.cold_after_days >= var.storage_tiers.warm_after_days + 30
    error_message = "storage_tiers.cold_after_days must be at least 30 more than warm_after_days: S3 keeps objects in STANDARD_IA for 30 days."
  }

  validation {
    condition     = var.storage_tiers.expire_after_days > var.storage_tiers.cold_after_days
    error_message = "storage_tiers.expire_after_days must be more than cold_after_days."
  }
}

variable "exports_expire_after_days" {
  description = "Days after which files under exports/ expire; their download links last 24 hours."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition = (
      var.exports_expire_after_days >= 1
      && var.exports_expire_after_days <= var.storage_tiers.expire_after_days
      && floor(var.exports_expire_after_days) == var.exports_expire_after_days
    )
    error_message = "exports_expire_after_days must be a whole number of days, from 1 to storage_tiers.expire_after_days."
  }
}

variable "access_log_retention_days" {
  description = "Days that the server access logs of the archive are kept."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.access_log_retention_days >= 1 && floor(var.access_log_retention_days) == var.access_log_retention_days
    error_message = "access_log_retention_days must be a whole number of days, 1 or more."
  }
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
  type = object({
    bucket_arn   = string
    kms_key_arn  = string
    role_arn     = string
    time_control = optional(bool, true)
  })
  default = null

  # Checked here, because a validation of is_replica would make the buckets' names wait for the replica.
  validation {
    condition     = var.replication == null || !var.is_replica
    error_message = "replication and is_replica exclude each other: a replica is not replicated again."
  }

  validation {
    condition     = var.replication == null || can(regex("^arn:${var.partition}:s3:::[a-z0-9.-]+$", var.replication.bucket_arn))
    error_message = "replication.bucket_arn must be the ARN of a bucket (arn:aws:s3:::{bucket})."
  }

  validation {
    condition     = var.replication == null || can(regex("^arn:${var.partition}:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.replication.kms_key_arn))
    error_message = "replication.kms_key_arn must be the ARN of a KMS key (arn:aws:kms:{region}:{account}:key/{id}), not an alias or an id alone."
  }

  validation {
    condition     = var.replication == null || can(regex("^arn:${var.partition}:iam::${var.account_id}:role/.+$", var.replication.role_arn))
    error_message = "replication.role_arn must be the ARN of an IAM role of the same account."
  }

  validation {
    condition     = var.replication == null || try(split(":", var.replication.kms_key_arn)[3] != split(":", var.kms_key_arn)[3], true)
    error_message = "replication.kms_key_arn must be a key of another region than kms_key_arn: S3 encrypts a replica with a key of the replica's own region."
  }

  validation {
    condition     = try(var.replication.bucket_arn, "") != "arn:${var.partition}:s3:::${var.project_name}-${var.env_name}-s3-audit-archive${var.bucket_suffix}"
    error_message = "replication.bucket_arn is the archive itself: it must be another bucket."
  }
}

variable "bucket_policy_statements" {
  description = "Further statements of the archive's policy, by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is the bucket and its objects, and the module's own statements stay."
  type = map(object({
    effect     = optional(string, "Allow")
    actions    = list(string)
    principals = map(list(string))
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for sid, statement in var.bucket_policy_statements : can(regex("^[A-Z][A-Za-z0-9]{0,99}$", sid)) && sid != "DenyWithoutTls" && sid != "DenyOldTls" && sid != "DenyOtherEncryption" && sid != "DenyOtherKey" && sid != "DenyAwsManagedKey" && sid != "DenyCustomerProvidedKey"
    ])
    error_message = "bucket_policy_statements: each key is a statement's sid, letters and digits that begin with a capital, and none of the module's own: DenyWithoutTls, DenyOldTls, DenyOtherEncryption, DenyOtherKey, DenyAwsManagedKey, DenyCustomerProvidedKey."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.bucket_policy_statements : contains(["Allow", "Deny"], statement.effect)
    ])
    error_message = "bucket_policy_statements: effect must be Allow or Deny."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.bucket_policy_statements : length(statement.actions) > 0 && alltrue([for action in statement.actions : can(regex("^s3:[A-Za-z*?]+$", action))])
    ])
    error_message = "bucket_policy_statements: actions must be actions of S3, such as s3:GetObject."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.bucket_policy_statements : length(statement.principals) > 0 && alltrue([
        for kind, names in statement.principals : length(names) > 0 && (!contains(names, "*") || length(flatten(values(statement.principals))) == 1) && alltrue([
          for name in names : can(regex(lookup({
            AWS     = "^([*]|[0-9]{12}|arn:${var.partition}:(iam::[0-9]{12}:(root|(role|user)/[^*?]+)|sts::[0-9]{12}:assumed-role/[^*?]+))$"
            Service = "^[a-z0-9-]+([.][a-z0-9-]+)*[.]amazonaws[.]com$"
          }, kind, "^$"), name))
        ])
      ])
    ])
    error_message = "bucket_policy_statements: principals must be lists by AWS (account ids, ARNs of roles and users without wildcards, or * alone for everybody) and Service, such as s3.amazonaws.com."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.bucket_policy_statements : alltrue([
        for condition in statement.conditions :
        can(regex("^((ForAllValues|ForAnyValue):)?(String(Not)?(Equals|EqualsIgnoreCase|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$", condition.test))
        && can(regex("^[A-Za-z0-9-]+:([^*? ]+|[A-Za-z]+Tag/[^*?]+)$", condition.variable)) && length(condition.values) > 0
      ])
    ])
    error_message = "bucket_policy_statements: each of conditions needs a test that IAM knows, such as StringEquals, a variable, such as aws:SourceAccount, and at least one of values."
  }

  # The provider makes one condition of two on the same key, with the values of both: either is then enough.
  validation {
    condition = alltrue([
      for sid, statement in var.bucket_policy_statements : length(distinct([for condition in statement.conditions : [condition.test, lower(condition.variable)]])) == length(statement.conditions)
    ])
    error_message = "bucket_policy_statements: two conditions of a statement have the same test and variable, of which either would be enough: give one condition all its values, or another test to what must hold as well."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.bucket_policy_statements : alltrue([
        for condition in statement.conditions : !can(regex("String(Not)?Equals", condition.test)) || !startswith(lower(condition.variable), "aws:") || !anytrue([for value in condition.values : can(regex("[*?]", value))])
      ])
    ])
    error_message = "bucket_policy_statements: conditions by StringEquals and its kin take * and ? for characters, so this one never holds (or, negated, always): wildcards need StringLike or ArnLike."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.bucket_policy_statements : statement.effect != "Allow" || !(contains(keys(statement.principals), "Service") || contains(flatten(values(statement.principals)), "*")) || anytrue([
        for condition in statement.conditions :
        contains(["StringEquals", "StringLike", "ArnEquals", "ArnLike"], condition.test)
        && contains(["aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount", "aws:vpceorgid"], lower(condition.variable))
        && alltrue([for value in condition.values : !can(regex("[*?$]", value)) || can(regex("^arn:[^:*?$]+:[^:*?$]+:[^:$]*:[0-9]{12}:[^$]+$", value))])
      ])
    ])
    error_message = "bucket_policy_statements: an Allow to everybody (*) or to a service needs a condition that says for whom: StringEquals, StringLike, ArnEquals or ArnLike on aws:PrincipalAccount, PrincipalArn, PrincipalOrgID, SourceAccount, SourceArn, SourceOrgID, SourceVpc, SourceVpce, VpceAccount or VpceOrgID, with values that name an account or have no wildcards."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.bucket_policy_statements : statement.effect != "Allow" || (alltrue([for action in statement.actions : can(regex("^s3:((Get|List)[A-Za-z*?]*|AbortMultipartUpload|DeleteObject|PutObject|PutObjectRetention|PutObjectTagging|ReplicateObject|ReplicateTags|RestoreObject)$", action))]))
    ])
    error_message = "bucket_policy_statements: what an Allow may give: objects are read, listed, written, hidden and restored; the lock, versions, encryption, lifecycle and policy stay with the bucket's owner."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.bucket_policy_statements : statement.effect != "Deny" || length(statement.conditions) > 0 || !anytrue([for name in flatten(values(statement.principals)) : can(regex("^[*]$|^[0-9]{12}$|:root$|[.]amazonaws[.]com$", name))]) || !anytrue([
        for action in statement.actions : anytrue([for kept in ["s3:GetObject", "s3:PutBucketPolicy", "s3:PutObject"] : can(regex("(?i)^${replace(replace(action, "*", ".*"), "?", ".")}$", kept))])
      ])
    ])
    error_message = "bucket_policy_statements: a Deny without a condition to everybody, an account or a service must not hold what the module needs itself: s3:GetObject, s3:PutBucketPolicy, s3:PutObject."
  }
}
