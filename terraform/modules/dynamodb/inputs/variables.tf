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
  description = "Second part of every name, such as dev, sit or prod."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.env_name))
    error_message = "env_name must be 2 to 10 lower-case letters and digits that start with a letter."
  }
}

variable "region" {
  description = "AWS region of the tables: the one that the module's provider works in."
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
  description = "Tags of everything that the module makes."
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

# --- Tables ------------------------------------------------------------------------------------------

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
  type = map(object({
    hash_key                    = optional(string, "PK")
    range_key                   = optional(string, "SK")
    attribute_types             = optional(map(string), {})
    ttl_attribute               = optional(string)
    ttl_enabled                 = optional(bool, true)
    stream_enabled              = optional(bool, true)
    stream_view_type            = optional(string, "NEW_AND_OLD_IMAGES")
    table_class                 = optional(string, "STANDARD")
    deletion_protection_enabled = optional(bool)
    on_demand_throughput = optional(object({
      max_read_request_units  = optional(number)
      max_write_request_units = optional(number)
    }))
    global_secondary_indexes = optional(map(object({
      hash_key           = string
      range_key          = optional(string)
      projection_type    = optional(string, "ALL")
      non_key_attributes = optional(list(string), [])
      on_demand_throughput = optional(object({
        max_read_request_units  = optional(number)
        max_write_request_units = optional(number)
      }))
    })), {})
  }))
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.tables) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name)) && length(name) <= 64])
    error_message = "tables: each name must be lower-case words joined by hyphens, at most 64 characters, such as audit-exports."
  }

  validation {
    condition = alltrue(flatten([
      for table in var.tables : [
        for key in concat([{ hash = table.hash_key, range = table.range_key }], [for index in table.global_secondary_indexes : { hash = index.hash_key, range = index.range_key == null ? "" : index.range_key }]) :
        trimspace(key.hash) == key.hash && trimspace(key.range) == key.range && length(key.hash) > 0 && length(key.hash) <= 255 && length(key.range) <= 255 && key.hash != key.range
      ]
    ]))
    error_message = "tables: hash_key and range_key must be two different attribute names of 1 to 255 characters without spaces around them, in a table and in an index."
  }

  validation {
    condition = alltrue(flatten([
      for table in var.tables : [
        for attribute, type in table.attribute_types : contains(["S", "N", "B"], type) && contains(concat(
          [table.hash_key, table.range_key],
          flatten([for index in table.global_secondary_indexes : [index.hash_key, index.range_key]]),
        ), attribute)
      ]
    ]))
    error_message = "tables: attribute_types gives S, N or B to attributes that are keys of the table or of an index; DynamoDB takes no other definitions."
  }

  validation {
    condition     = alltrue([for table in var.tables : table.ttl_attribute == null || try(length(table.ttl_attribute) > 0 && length(table.ttl_attribute) <= 255, false)])
    error_message = "tables: ttl_attribute must be an attribute name of 1 to 255 characters, or null."
  }

  validation {
    condition     = alltrue([for table in var.tables : contains(["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"], table.stream_view_type)])
    error_message = "tables: stream_view_type must be KEYS_ONLY, NEW_IMAGE, OLD_IMAGE or NEW_AND_OLD_IMAGES."
  }

  validation {
    condition     = alltrue([for table in var.tables : contains(["STANDARD", "STANDARD_INFREQUENT_ACCESS"], table.table_class)])
    error_message = "tables: table_class must be STANDARD or STANDARD_INFREQUENT_ACCESS."
  }

  validation {
    condition = alltrue(flatten([
      for table in var.tables : [
        for throughput in concat([table.on_demand_throughput], [for index in table.global_secondary_indexes : index.on_demand_throughput]) : [
          for units in values(throughput == null ? {} : throughput) : units == null || try(units >= 1 && floor(units) == units, false)
        ]
      ]
    ]))
    error_message = "tables: max_read_request_units and max_write_request_units must be whole numbers of 1 or more; leave them out for no limit."
  }

  validation {
    condition     = alltrue([for table in var.tables : length(table.global_secondary_indexes) <= 20])
    error_message = "tables: a table has at most 20 global secondary indexes."
  }

  validation {
    condition     = alltrue(flatten([for table in var.tables : [for name in keys(table.global_secondary_indexes) : can(regex("^[a-zA-Z0-9_.-]{3,255}$", name))]]))
    error_message = "tables: an index's name has 3 to 255 letters, digits, underscores, hyphens and dots."
  }

  validation {
    condition     = alltrue(flatten([for table in var.tables : [for index in table.global_secondary_indexes : contains(["ALL", "KEYS_ONLY", "INCLUDE"], index.projection_type)]]))
    error_message = "tables: projection_type must be ALL, KEYS_ONLY or INCLUDE."
  }

  validation {
    condition     = alltrue(flatten([for table in var.tables : [for index in table.global_secondary_indexes : (index.projection_type == "INCLUDE") == (length(index.non_key_attributes) > 0)]]))
    error_message = "tables: the projection INCLUDE needs non_key_attributes, and no other projection takes them."
  }

  validation {
    condition     = alltrue([for table in var.tables : length(flatten([for index in table.global_secondary_indexes : index.non_key_attributes])) <= 100])
    error_message = "tables: the indexes of a table may include at most 100 non_key_attributes between them."
  }

  validation {
    condition = alltrue([
      for table in var.tables : table.ttl_attribute == null ? true : trimspace(table.ttl_attribute) == table.ttl_attribute && !contains(flatten([
        [table.hash_key, table.range_key], [for index in table.global_secondary_indexes : [index.hash_key, coalesce(index.range_key, "-")]],
      ]), table.ttl_attribute) || try(table.attribute_types[table.ttl_attribute] == "N", false)
    ])
    error_message = "tables: ttl_attribute must be a number: where it is a key as well, attribute_types must say N, or nothing expires."
  }

  validation {
    condition = alltrue(flatten([
      for table in var.tables : [
        for index in table.global_secondary_indexes : concat(
          [length(distinct(index.non_key_attributes)) == length(index.non_key_attributes)],
          [for attribute in index.non_key_attributes : trimspace(attribute) == attribute && length(attribute) >= 1 && length(attribute) <= 255],
          [for attribute in index.non_key_attributes : !contains([table.hash_key, table.range_key, index.hash_key, coalesce(index.range_key, "-")], attribute)],
        )
      ]
    ]))
    error_message = "tables: non_key_attributes must be names of 1 to 255 characters, each once; the keys of table and index are there anyway."
  }
}

variable "deletion_protection_enabled" {
  description = "Refuses to delete the tables; a table may say otherwise."
  type        = bool
  default     = true
  nullable    = false
}

# --- Encryption --------------------------------------------------------------------------------------

variable "create_kms_key" {
  description = "Makes a customer managed key for the tables."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.create_kms_key || var.kms_key_arn == null
    error_message = "create_kms_key makes the key itself: leave out kms_key_arn, or set create_kms_key to false."
  }
}

variable "kms_key_arn" {
  description = "Customer managed key that encrypts the tables; null for the key that AWS manages, or for the module's own (create_kms_key)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (no alias) in the tables' region."
  }
}

# --- Recovery ----------------------------------------------------------------------------------------

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

  validation {
    condition     = var.pitr_recovery_period_in_days >= 1 && var.pitr_recovery_period_in_days <= 35 && floor(var.pitr_recovery_period_in_days) == var.pitr_recovery_period_in_days
    error_message = "pitr_recovery_period_in_days must be a whole number from 1 to 35."
  }
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
  type = object({
    schedule                  = optional(string, "cron(0 1 * * ? *)")
    start_window_minutes      = optional(number, 60)
    completion_window_minutes = optional(number, 360)
    delete_after_days         = optional(number, 35)
    cold_storage_after_days   = optional(number)
    vault_kms_key_arn         = optional(string)
    vault_lock = optional(object({
      min_retention_days  = number
      max_retention_days  = optional(number)
      changeable_for_days = optional(number)
    }))
    force_destroy            = optional(bool, false)
    permissions_boundary_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.backup == null || can(regex("^(cron\\((\\*|[0-5]?[0-9])([-/,][0-9]+)* (\\*|1?[0-9]|2[0-3])([-/,][0-9]+)* (\\? (\\*|0?[1-9]|1[0-2]|[A-Z]{3})([-/,]([0-9]+|[A-Z]{3}))* (\\*|L|[1-7](L|#[1-5])?|[A-Z]{3})([-/,]([1-7]|[A-Z]{3}))*|(\\*|LW?|(0?[1-9]|[12][0-9]|3[01])W?)([-/,][0-9]+)* (\\*|0?[1-9]|1[0-2]|[A-Z]{3})([-/,]([0-9]+|[A-Z]{3}))* \\?) (\\*|19[7-9][0-9]|2[01][0-9]{2})([-/,][0-9]+)*\\)|rate\\((1 (hour|day)|([2-9]|[1-9][0-9]+) (hours|days))\\))$", var.backup.schedule))
    error_message = "backup.schedule must be cron(...) with six fields of cron (minute, hour, day of month, month, day of week, year; one of the two days is ?), in UTC, or rate(...) of hours or days."
  }

  validation {
    condition     = var.backup == null || try(var.backup.start_window_minutes >= 60 && var.backup.completion_window_minutes >= var.backup.start_window_minutes + 60 && floor(var.backup.start_window_minutes) == var.backup.start_window_minutes && floor(var.backup.completion_window_minutes) == var.backup.completion_window_minutes, false)
    error_message = "backup.start_window_minutes must be whole minutes, 60 or more, and backup.completion_window_minutes at least 60 more than that."
  }

  validation {
    condition     = var.backup == null || try(var.backup.delete_after_days >= 1 && var.backup.delete_after_days <= 36500 && floor(var.backup.delete_after_days) == var.backup.delete_after_days, false)
    error_message = "backup.delete_after_days must be a whole number from 1 to 36,500."
  }

  validation {
    condition = var.backup == null || try(var.backup.cold_storage_after_days == null, false) || try(
      var.backup.cold_storage_after_days >= 1 && floor(var.backup.cold_storage_after_days) == var.backup.cold_storage_after_days && var.backup.delete_after_days >= var.backup.cold_storage_after_days + 90, false
    )
    error_message = "backup.delete_after_days must be at least 90 more than backup.cold_storage_after_days: cold storage keeps a backup for 90 days."
  }

  validation {
    condition = var.backup == null || try(var.backup.vault_lock == null, false) || try(
      var.backup.vault_lock.min_retention_days >= 1 && var.backup.vault_lock.min_retention_days <= coalesce(var.backup.vault_lock.max_retention_days, 36500), false
    )
    error_message = "backup.vault_lock.min_retention_days must be 1 or more and not above max_retention_days, which ends at 36,500."
  }

  validation {
    condition = var.backup == null || try(var.backup.vault_lock == null, false) || try(
      var.backup.delete_after_days >= var.backup.vault_lock.min_retention_days && var.backup.delete_after_days <= coalesce(var.backup.vault_lock.max_retention_days, 36500), false
    )
    error_message = "backup.delete_after_days must lie within the retention that backup.vault_lock allows, or every backup fails."
  }

  validation {
    condition     = var.backup == null || try(var.backup.vault_lock.changeable_for_days == null, true) || try(var.backup.vault_lock.changeable_for_days >= 3 && var.backup.vault_lock.changeable_for_days <= 36500 && floor(var.backup.vault_lock.changeable_for_days) == var.backup.vault_lock.changeable_for_days, false)
    error_message = "backup.vault_lock.changeable_for_days must be a whole number from 3 to 36,500."
  }

  validation {
    condition     = var.backup == null || try(length(var.tables) > 0, false)
    error_message = "backup needs tables: a selection of none backs up nothing."
  }

  validation {
    condition     = try(var.backup.vault_kms_key_arn, null) == null || can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.backup.vault_kms_key_arn))
    error_message = "backup.vault_kms_key_arn must be the ARN of a key (no alias) in the tables' region, or null."
  }

  validation {
    condition     = try(var.backup.permissions_boundary_arn, null) == null || can(regex("^arn:${var.partition}:iam::(${var.account_id}|aws):policy/.+$", var.backup.permissions_boundary_arn))
    error_message = "backup.permissions_boundary_arn must be the ARN of a managed policy of this account or of AWS, or null."
  }
}

variable "kms_key_policy_statements" {
  description = "Further statements of the policy of the key that create_kms_key makes, by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The resource is that key, and the module's own statements stay."
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
      for sid, statement in var.kms_key_policy_statements : can(regex("^[A-Z][A-Za-z0-9]{0,99}$", sid)) && sid != "AdministrationByAccount" && sid != "UseThroughServices" && sid != "GrantToServices"
    ])
    error_message = "kms_key_policy_statements: each key is a statement's sid, letters and digits that begin with a capital, and none of the module's own: AdministrationByAccount, UseThroughServices, GrantToServices."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.kms_key_policy_statements : contains(["Allow", "Deny"], statement.effect)
    ])
    error_message = "kms_key_policy_statements: effect must be Allow or Deny."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.kms_key_policy_statements : length(statement.actions) > 0 && alltrue([for action in statement.actions : can(regex("^kms:[A-Za-z*?]+$", action))])
    ])
    error_message = "kms_key_policy_statements: actions must be actions of KMS, such as kms:Decrypt."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.kms_key_policy_statements : length(statement.principals) > 0 && alltrue([
        for kind, names in statement.principals : length(names) > 0 && (!contains(names, "*") || length(flatten(values(statement.principals))) == 1) && alltrue([
          for name in names : can(regex(lookup({
            AWS     = "^([*]|[0-9]{12}|arn:${var.partition}:(iam::[0-9]{12}:(root|(role|user)/[^*?]+)|sts::[0-9]{12}:assumed-role/[^*?]+))$"
            Service = "^[a-z0-9-]+([.][a-z0-9-]+)*[.]amazonaws[.]com$"
          }, kind, "^$"), name))
        ])
      ])
    ])
    error_message = "kms_key_policy_statements: principals must be lists by AWS (account ids, ARNs of roles and users without wildcards, or * alone for everybody) and Service, such as s3.amazonaws.com."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.kms_key_policy_statements : alltrue([
        for condition in statement.conditions :
        can(regex("^((ForAllValues|ForAnyValue):)?(String(Not)?(Equals|EqualsIgnoreCase|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$", condition.test))
        && can(regex("^[A-Za-z0-9-]+:([^*? ]+|[A-Za-z]+Tag/[^*?]+)$", condition.variable)) && length(condition.values) > 0
      ])
    ])
    error_message = "kms_key_policy_statements: each of conditions needs a test that IAM knows, such as StringEquals, a variable, such as aws:SourceAccount, and at least one of values."
  }

  # The provider makes one condition of two on the same key, with the values of both: either is then enough.
  validation {
    condition = alltrue([
      for sid, statement in var.kms_key_policy_statements : length(distinct([for condition in statement.conditions : [condition.test, lower(condition.variable)]])) == length(statement.conditions)
    ])
    error_message = "kms_key_policy_statements: two conditions of a statement have the same test and variable, of which either would be enough: give one condition all its values, or another test to what must hold as well."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.kms_key_policy_statements : alltrue([
        for condition in statement.conditions : !can(regex("String(Not)?Equals", condition.test)) || !startswith(lower(condition.variable), "aws:") || !anytrue([for value in condition.values : can(regex("[*?]", value))])
      ])
    ])
    error_message = "kms_key_policy_statements: conditions by StringEquals and its kin take * and ? for characters, so this one never holds (or, negated, always): wildcards need StringLike or ArnLike."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.kms_key_policy_statements : statement.effect != "Allow" || !(contains(keys(statement.principals), "Service") || contains(flatten(values(statement.principals)), "*")) || anytrue([
        for condition in statement.conditions :
        contains(["StringEquals", "StringLike", "ArnEquals", "ArnLike"], condition.test)
        && (startswith(lower(condition.variable), "kms:encryptioncontext:")
          ? !contains(flatten(values(statement.principals)), "*") && alltrue([for value in condition.values : can(regex("^([0-9]{12}|arn:[^:*?$]+:[^:*?$]+:[^:$]*:[0-9]{12}:[^$]+|arn:[^:*?$]+:s3:::[^*?$]+)$", value))])
          : contains(["aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount", "aws:vpceorgid", "kms:calleraccount"], lower(condition.variable)) && alltrue([for value in condition.values : !can(regex("[*?$]", value)) || can(regex("^arn:[^:*?$]+:[^:*?$]+:[^:$]*:[0-9]{12}:[^$]+$", value))])
        )
      ])
    ])
    error_message = "kms_key_policy_statements: an Allow to everybody (*) or to a service needs a condition that says for whom: StringEquals, StringLike, ArnEquals or ArnLike on aws:PrincipalAccount, PrincipalArn, PrincipalOrgID, SourceAccount, SourceArn, SourceOrgID, SourceVpc, SourceVpce, VpceAccount or VpceOrgID, or kms:CallerAccount, with values that name an account or have no wildcards. Of a service also its encryption context, where it names an account or a resource; everybody else chooses that."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.kms_key_policy_statements : statement.effect != "Allow" || alltrue([for name in flatten(values(statement.principals)) : !can(regex("^[*]$|^[0-9]{12}$|:root$", name))]) || anytrue([
        for condition in statement.conditions :
        condition.test == "StringEquals" && (lower(condition.variable) == "kms:viaservice" || startswith(condition.variable, "kms:EncryptionContext:") || lower(condition.variable) == "aws:principalarn")
      ])
    ])
    error_message = "kms_key_policy_statements: an Allow to everybody or to an account lets in everybody to whom its IAM gives the key: name roles, or add a condition StringEquals on kms:ViaService, kms:EncryptionContext:... or aws:PrincipalArn."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.kms_key_policy_statements : statement.effect != "Allow" || (alltrue([for action in statement.actions : can(regex("^kms:((Describe|Get|List)[A-Za-z*?]*|CreateGrant|Decrypt|DeriveSharedSecret|Encrypt|GenerateDataKey([*]|Pair|PairWithoutPlaintext|WithoutPlaintext)?|GenerateMac|ReEncrypt([*]|From|To)|RetireGrant|Sign|Verify|VerifyMac)$", action))]) && (!contains(statement.actions, "kms:CreateGrant") || anytrue([for condition in statement.conditions : condition.test == "Bool" && lower(condition.variable) == "kms:grantisforawsresource" && condition.values == tolist(["true"])])))
    ])
    error_message = "kms_key_policy_statements: what an Allow may give: the key is used and looked at (kms:CreateGrant on the condition Bool kms:GrantIsForAWSResource true); who administers it is said elsewhere."
  }

  validation {
    condition = alltrue([
      for sid, statement in var.kms_key_policy_statements : statement.effect != "Deny" || length(statement.conditions) > 0 || !anytrue([for name in flatten(values(statement.principals)) : can(regex("^[*]$|^[0-9]{12}$|:root$|[.]amazonaws[.]com$", name))]) || !anytrue([
        for action in statement.actions : anytrue([for kept in ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey", "kms:PutKeyPolicy"] : can(regex("(?i)^${replace(replace(action, "*", ".*"), "?", ".")}$", kept))])
      ])
    ])
    error_message = "kms_key_policy_statements: a Deny without a condition to everybody, an account or a service must not hold what the module needs itself: kms:CreateGrant, kms:Decrypt, kms:GenerateDataKey, kms:PutKeyPolicy."
  }

  validation {
    condition     = length(var.kms_key_policy_statements) == 0 || var.create_kms_key
    error_message = "kms_key_policy_statements needs create_kms_key = true: the policy of a key that is given is its owner's."
  }
}
