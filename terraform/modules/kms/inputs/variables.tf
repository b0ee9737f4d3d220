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
  description = "AWS region of the keys: the one that the module's provider works in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, such as eu-west-1."
  }
}

variable "account_id" {
  description = "AWS account that owns the keys."
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
  description = "Tags of every key."
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

variable "keys" {
  description = <<-EOT
    Keys to make, by a static name that ends the alias.
    `via_services`: services through which principals of the account use the key, if their own IAM policy lets them, such as dynamodb, s3, sqs or sns.
    `service_principals`: services that use the key by themselves, each with the ARNs it may act for (`source_arns`, wildcards allowed; none means everything of this account).
    `user_arns`: principals that may use the key directly, without a service in between; they must exist.
    `administrator_arns`: principals that may manage the key, beside those to whom the account's IAM gives it; they must exist.
    `policy_statements`: further statements of the key's policy, by their sid: effect (Allow unless it says Deny), actions, principals (lists by AWS and Service), and conditions (test, variable and values). The module's own statements stay.
  EOT
  type = map(object({
    description  = string
    via_services = optional(list(string), [])
    service_principals = optional(map(object({
      source_arns = optional(list(string), [])
    })), {})
    user_arns               = optional(list(string), [])
    administrator_arns      = optional(list(string), [])
    deletion_window_in_days = optional(number, 30)
    rotation_period_in_days = optional(number, 365)
    multi_region            = optional(bool, false)
    policy_statements = optional(map(object({
      effect     = optional(string, "Allow")
      actions    = list(string)
      principals = map(list(string))
      conditions = optional(list(object({
        test     = string
        variable = string
        values   = list(string)
      })), [])
    })), {})
  }))
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.keys) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name))])
    error_message = "keys: each name must be lower-case words joined by hyphens, such as audit-archive."
  }

  validation {
    condition     = alltrue([for key in var.keys : length(trimspace(key.description)) > 0 && length(key.description) <= 8192])
    error_message = "keys: each description must say what the key protects, in 1 to 8,192 characters."
  }

  validation {
    condition     = alltrue([for key in var.keys : key.deletion_window_in_days >= 7 && key.deletion_window_in_days <= 30 && floor(key.deletion_window_in_days) == key.deletion_window_in_days])
    error_message = "keys: deletion_window_in_days must be a whole number from 7 to 30."
  }

  validation {
    condition     = alltrue([for key in var.keys : key.rotation_period_in_days >= 90 && key.rotation_period_in_days <= 2560 && floor(key.rotation_period_in_days) == key.rotation_period_in_days])
    error_message = "keys: rotation_period_in_days must be a whole number from 90 to 2,560."
  }

  validation {
    condition     = alltrue(flatten([for key in var.keys : [for service in key.via_services : can(regex("^[a-z][a-z0-9-]*$", service))]]))
    error_message = "keys: each of via_services must be a service's name alone, such as dynamodb; region and domain are added."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for service in keys(key.service_principals) : contains(["cloudwatch", "delivery.logs", "events", "logs", "s3", "ses", "sns"], service)]
    ]))
    error_message = "keys: service_principals may have the keys cloudwatch, delivery.logs, events, logs, s3, ses and sns; other services use the key through a principal (via_services)."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for grant in key.service_principals : [for arn in grant.source_arns : can(regex("^arn:${var.partition}:[^:]+:[^:]*:[^:]*:.+$", arn))]]
    ]))
    error_message = "keys: each of source_arns must be an ARN; wildcards may stand in its parts."
  }

  validation {
    condition     = alltrue([for key in var.keys : try(length(key.service_principals["events"].source_arns), 0) == 0])
    error_message = "keys: service_principals.events takes no source_arns: EventBridge does not name its source when it publishes to an encrypted topic, so a condition on it would drop every event."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for arn in concat(key.user_arns, key.administrator_arns) : can(regex("^arn:${var.partition}:(iam::[0-9]{12}:(role|user)|sts::[0-9]{12}:assumed-role)/.+$", arn)) && !strcontains(arn, "*")]
    ]))
    error_message = "keys: user_arns and administrator_arns must be ARNs of roles, users or assumed roles without wildcards: an account (root) stands for everybody to whom its IAM gives the key."
  }

  validation {
    condition     = alltrue([for name in keys(var.keys) : length("alias/${var.project_name}-${var.env_name}-key-${name}") <= 256])
    error_message = "keys: a name is too long: alias/{project_name}-{env_name}-key-{name} may have 256 characters."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [
        for grant in key.service_principals : [
          for arn in grant.source_arns : try(split(":", arn)[4] == var.account_id || (split(":", arn)[2] == "s3" && split(":", arn)[4] == "" && !startswith(split(":", arn)[5], "*")), false)
        ]
      ]
    ]))
    error_message = "keys: each of source_arns must name this account, or a bucket: a wildcard there would let the service use the key for any account."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for sid, statement in key.policy_statements : can(regex("^[A-Z][A-Za-z0-9]{0,99}$", sid)) && sid != "AdministrationByAccount" && sid != "AdministrationByPrincipals" && sid != "GrantToServices" && sid != "UseByPrincipals" && !startswith(sid, "UseBy") && sid != "UseThroughServices"]
    ]))
    error_message = "keys: policy_statements: each key is a statement's sid, letters and digits that begin with a capital, and none of the module's own: AdministrationByAccount, AdministrationByPrincipals, GrantToServices, UseByPrincipals, UseBy*, UseThroughServices."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for sid, statement in key.policy_statements : contains(["Allow", "Deny"], statement.effect)]
    ]))
    error_message = "keys: policy_statements: effect must be Allow or Deny."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for sid, statement in key.policy_statements : length(statement.actions) > 0 && alltrue([for action in statement.actions : can(regex("^kms:[A-Za-z*?]+$", action))])]
    ]))
    error_message = "keys: policy_statements: actions must be actions of KMS, such as kms:Decrypt."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for sid, statement in key.policy_statements : length(statement.principals) > 0 && alltrue([
        for kind, names in statement.principals : length(names) > 0 && (!contains(names, "*") || length(flatten(values(statement.principals))) == 1) && alltrue([
          for name in names : can(regex(lookup({
            AWS     = "^([*]|[0-9]{12}|arn:${var.partition}:(iam::[0-9]{12}:(root|(role|user)/[^*?]+)|sts::[0-9]{12}:assumed-role/[^*?]+))$"
            Service = "^[a-z0-9-]+([.][a-z0-9-]+)*[.]amazonaws[.]com$"
          }, kind, "^$"), name))
        ])
      ])]
    ]))
    error_message = "keys: policy_statements: principals must be lists by AWS (account ids, ARNs of roles and users without wildcards, or * alone for everybody) and Service, such as s3.amazonaws.com."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for sid, statement in key.policy_statements : alltrue([
        for condition in statement.conditions :
        can(regex("^((ForAllValues|ForAnyValue):)?(String(Not)?(Equals|EqualsIgnoreCase|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$", condition.test))
        && can(regex("^[A-Za-z0-9-]+:([^*? ]+|[A-Za-z]+Tag/[^*?]+)$", condition.variable)) && length(condition.values) > 0
      ])]
    ]))
    error_message = "keys: policy_statements: each of conditions needs a test that IAM knows, such as StringEquals, a variable, such as aws:SourceAccount, and at least one of values."
  }

  # The provider makes one condition of two on the same key, with the values of both: either is then enough.
  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for sid, statement in key.policy_statements : length(distinct([for condition in statement.conditions : [condition.test, lower(condition.variable)]])) == length(statement.conditions)]
    ]))
    error_message = "keys: policy_statements: two conditions of a statement have the same test and variable, of which either would be enough: give one condition all its values, or another test to what must hold as well."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for sid, statement in key.policy_statements : alltrue([
        for condition in statement.conditions : !can(regex("String(Not)?Equals", condition.test)) || !startswith(lower(condition.variable), "aws:") || !anytrue([for value in condition.values : can(regex("[*?]", value))])
      ])]
    ]))
    error_message = "keys: policy_statements: conditions by StringEquals and its kin take * and ? for characters, so this one never holds (or, negated, always): wildcards need StringLike or ArnLike."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for sid, statement in key.policy_statements : statement.effect != "Allow" || !(contains(keys(statement.principals), "Service") || contains(flatten(values(statement.principals)), "*")) || anytrue([
        for condition in statement.conditions :
        contains(["StringEquals", "StringLike", "ArnEquals", "ArnLike"], condition.test)
        && (startswith(lower(condition.variable), "kms:encryptioncontext:")
          ? !contains(flatten(values(statement.principals)), "*") && alltrue([for value in condition.values : can(regex("^([0-9]{12}|arn:[^:*?$]+:[^:*?$]+:[^:$]*:[0-9]{12}:[^$]+|arn:[^:*?$]+:s3:::[^*?$]+)$", value))])
          : contains(["aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:vpceaccount", "aws:vpceorgid", "kms:calleraccount"], lower(condition.variable)) && alltrue([for value in condition.values : !can(regex("[*?$]", value)) || can(regex("^arn:[^:*?$]+:[^:*?$]+:[^:$]*:[0-9]{12}:[^$]+$", value))])
        )
      ])]
    ]))
    error_message = "keys: policy_statements: an Allow to everybody (*) or to a service needs a condition that says for whom: StringEquals, StringLike, ArnEquals or ArnLike on aws:PrincipalAccount, PrincipalArn, PrincipalOrgID, SourceAccount, SourceArn, SourceOrgID, SourceVpc, SourceVpce, VpceAccount or VpceOrgID, or kms:CallerAccount, with values that name an account or have no wildcards. Of a service also its encryption context, where it names an account or a resource; everybody else chooses that."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for sid, statement in key.policy_statements : statement.effect != "Allow" || alltrue([for name in flatten(values(statement.principals)) : !can(regex("^[*]$|^[0-9]{12}$|:root$", name))]) || anytrue([
        for condition in statement.conditions :
        condition.test == "StringEquals" && (lower(condition.variable) == "kms:viaservice" || startswith(condition.variable, "kms:EncryptionContext:") || lower(condition.variable) == "aws:principalarn")
      ])]
    ]))
    error_message = "keys: policy_statements: an Allow to everybody or to an account lets in everybody to whom its IAM gives the key: name roles, or add a condition StringEquals on kms:ViaService, kms:EncryptionContext:... or aws:PrincipalArn."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for sid, statement in key.policy_statements : statement.effect != "Allow" || (alltrue([for action in statement.actions : can(regex("^kms:((Describe|Get|List)[A-Za-z*?]*|CreateGrant|Decrypt|DeriveSharedSecret|Encrypt|GenerateDataKey([*]|Pair|PairWithoutPlaintext|WithoutPlaintext)?|GenerateMac|ReEncrypt([*]|From|To)|RetireGrant|Sign|Verify|VerifyMac)$", action))]) && (!contains(statement.actions, "kms:CreateGrant") || anytrue([for condition in statement.conditions : condition.test == "Bool" && lower(condition.variable) == "kms:grantisforawsresource" && condition.values == tolist(["true"])])))]
    ]))
    error_message = "keys: policy_statements: what an Allow may give: the key is used and looked at (kms:CreateGrant on the condition Bool kms:GrantIsForAWSResource true); who administers it is said elsewhere."
  }

  validation {
    condition = alltrue(flatten([
      for key in var.keys : [for sid, statement in key.policy_statements : statement.effect != "Deny" || length(statement.conditions) > 0 || !anytrue([for name in flatten(values(statement.principals)) : can(regex("^[*]$|^[0-9]{12}$|:root$|[.]amazonaws[.]com$", name))]) || !anytrue([
        for action in statement.actions : anytrue([for kept in ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey", "kms:PutKeyPolicy"] : can(regex("(?i)^${replace(replace(action, "*", ".*"), "?", ".")}$", kept))])
      ])]
    ]))
    error_message = "keys: policy_statements: a Deny without a condition to everybody, an account or a service must not hold what the module needs itself: kms:CreateGrant, kms:Decrypt, kms:GenerateDataKey, kms:PutKeyPolicy."
  }
}
