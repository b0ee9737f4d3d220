# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "keys.*"                                  = ["description", "via_services", "service_principals", "user_arns", "administrator_arns", "deletion_window_in_days", "rotation_period_in_days", "multi_region", "policy_statements"]
    "keys.*.service_principals.*"             = ["source_arns"]
    "keys.*.policy_statements.*"              = ["effect", "actions", "principals", "conditions"]
    "keys.*.policy_statements.*.conditions.*" = ["test", "variable", "values"]
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
  description = "AWS region of the keys: the one that the module's provider works in; null for the provider's."
  type        = string
  default     = null
}

variable "account_id" {
  description = "AWS account that owns the keys; null for the provider's."
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
  description = "Tags of every key."
  type        = map(string)
  default     = {}
  nullable    = false
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
  type        = any
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.keys : [
      try([for key in keys(value_0) :
        "keys.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["keys.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["keys.*"], ["none"]))})"
      if !contains(local.known_keys["keys.*"], key)], []),
      try([for key_1, value_1 in value_0.service_principals : [
        try([for key in keys(value_1) :
          "keys.${key_0}.service_principals.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["keys.*.service_principals.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["keys.*.service_principals.*"], ["none"]))})"
        if !contains(local.known_keys["keys.*.service_principals.*"], key)], [])
      ]], []),
      try([for key_1, value_1 in value_0.policy_statements : [
        try([for key in keys(value_1) :
          "keys.${key_0}.policy_statements.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["keys.*.policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["keys.*.policy_statements.*"], ["none"]))})"
        if !contains(local.known_keys["keys.*.policy_statements.*"], key)], []),
        try([for key_2, value_2 in value_1.conditions : [
          try([for key in keys(value_2) :
            "keys.${key_0}.policy_statements.${key_1}.conditions.${key_2}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["keys.*.policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["keys.*.policy_statements.*.conditions.*"], ["none"]))})"
          if !contains(local.known_keys["keys.*.policy_statements.*.conditions.*"], key)], [])
        ]], [])
      ]], [])
    ]], []))) == 0
    error_message = "keys holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.keys : [
      try([for key in keys(value_0) :
        "keys.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["keys.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["keys.*"], ["none"]))})"
      if !contains(local.known_keys["keys.*"], key)], []),
      try([for key_1, value_1 in value_0.service_principals : [
        try([for key in keys(value_1) :
          "keys.${key_0}.service_principals.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["keys.*.service_principals.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["keys.*.service_principals.*"], ["none"]))})"
        if !contains(local.known_keys["keys.*.service_principals.*"], key)], [])
      ]], []),
      try([for key_1, value_1 in value_0.policy_statements : [
        try([for key in keys(value_1) :
          "keys.${key_0}.policy_statements.${key_1}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["keys.*.policy_statements.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["keys.*.policy_statements.*"], ["none"]))})"
        if !contains(local.known_keys["keys.*.policy_statements.*"], key)], []),
        try([for key_2, value_2 in value_1.conditions : [
          try([for key in keys(value_2) :
            "keys.${key_0}.policy_statements.${key_1}.conditions.${key_2}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["keys.*.policy_statements.*.conditions.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["keys.*.policy_statements.*.conditions.*"], ["none"]))})"
          if !contains(local.known_keys["keys.*.policy_statements.*.conditions.*"], key)], [])
        ]], [])
      ]], [])
    ]], [])))}."
  }
}
