# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "authorizer"                    = ["name", "type", "uri", "credentials_arn", "identity_source", "identity_validation_expression", "result_ttl_seconds"]
    "cors"                          = ["allowed_origins", "allowed_headers", "exposed_headers", "max_age_seconds"]
    "execution_logging"             = ["level", "retention_days", "kms_key_arn"]
    "throttle"                      = ["rate_limit", "burst_limit"]
    "web_acl"                       = ["managed_rule_groups", "rate_limit", "log_destination_arn"]
    "web_acl.managed_rule_groups.*" = ["priority", "count_only", "counted_rules"]
    "custom_domain"                 = ["domain_name", "certificate_arn", "base_path", "hosted_zone_id"]
  }
}

variable "project_name" {
  description = "Project that the API belongs to: first part of every name."
  type        = string
  default     = "bbws-access"
  nullable    = false
}

variable "env_name" {
  description = "Environment, such as dev, sit or prod: second part of every name."
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS region that the module works in; null for the provider's."
  type        = string
  default     = null
}

variable "account_id" {
  description = "AWS account that the module works in; null for the provider's."
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
  description = "Tags of everything that carries tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "openapi_document" {
  description = "The API's contract: an OpenAPI 3.0 document as a JSON string. Every operation names its service (see extension_prefix) and is guarded by the authorizer unless its security is an empty list."
  type        = string
  nullable    = false
}

variable "extension_prefix" {
  description = "Prefix of the contract's own extensions: PREFIX-service names an operation's service, PREFIX-access (optional) is \"public\" exactly where security is an empty list."
  type        = string
  default     = "x-bbws"
  nullable    = false
}

variable "services" {
  description = "Invoke ARN of the function of every service that the document's operations name, built from names and not taken from a resource (see stage_after): arn:PARTITION:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION_ARN/invocations."
  type        = map(string)
  nullable    = false
}

variable "integration_timeout_milliseconds" {
  description = "How long the gateway waits for a service: 50 to 29000, the default quota."
  type        = number
  default     = 29000
  nullable    = false
}

variable "authorizer" {
  description = "Definition of the Lambda authorizer of type token, as the cognito module puts it out: its name, invoke URI, the role that API Gateway assumes to call it, the header with the token, the pattern that the header must match, and the seconds that an answer is kept for a token."
  type        = any
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.authorizer) :
        "authorizer.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["authorizer"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["authorizer"], ["none"]))})"
      if !contains(local.known_keys["authorizer"], key)], [])
    ])) == 0
    error_message = "authorizer holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.authorizer) :
        "authorizer.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["authorizer"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["authorizer"], ["none"]))})"
      if !contains(local.known_keys["authorizer"], key)], [])
    ]))}."
  }
}

variable "cors" {
  description = <<-EOT
    Origins whose pages may call the API (an empty list lets none, ["*"] every page), and the seconds (0 to 86400) that a browser may keep the
    preflight's answer. Pages may send the header with the token, Content-Type, and the headers that the document's operations take as parameters;
    allowed_headers adds to them on every path. exposed_headers: what pages may read of the gateway's own answers, beside Retry-After and
    WWW-Authenticate; which headers of a service's answer they may read, that answer says.
  EOT
  type        = any
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.cors) :
        "cors.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["cors"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["cors"], ["none"]))})"
      if !contains(local.known_keys["cors"], key)], [])
    ])) == 0
    error_message = "cors holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.cors) :
        "cors.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["cors"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["cors"], ["none"]))})"
      if !contains(local.known_keys["cors"], key)], [])
    ]))}."
  }
}

variable "require_named_origins" {
  description = "Whether cors.allowed_origins must be named https origins; true in production."
  type        = bool
  default     = false
  nullable    = false
}

variable "stage_name" {
  description = "Name of the stage, which is also the first part of every path."
  type        = string
  default     = "v1"
  nullable    = false
}

variable "stage_after" {
  description = "What must exist before the stage leads anybody to the API: outputs of functions, roles and the account's log role, whose names services and authorizer hold. A reference there would reach the deployment, and with it create_before_destroy everything behind it."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "access_log_group_arn" {
  description = "ARN of the log group that receives one JSON line for every request."
  type        = string
  nullable    = false
}

variable "execution_logging" {
  description = "Gateway's own log: level OFF, ERROR or INFO, the days it is kept and the KMS key that encrypts it (null: the service's own). Requests and answers are never traced into it."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.execution_logging) :
        "execution_logging.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["execution_logging"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["execution_logging"], ["none"]))})"
      if !contains(local.known_keys["execution_logging"], key)], [])
    ])) == 0
    error_message = "execution_logging holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.execution_logging) :
        "execution_logging.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["execution_logging"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["execution_logging"], ["none"]))})"
      if !contains(local.known_keys["execution_logging"], key)], [])
    ]))}."
  }
}

variable "detailed_metrics_enabled" {
  description = "Whether API Gateway publishes its metrics for each method as well, each of which CloudWatch charges for: five for each method. Those of the API and its stage are always there, and alarms and dashboard read no others."
  type        = bool
  default     = false
  nullable    = false
}

variable "xray_tracing_enabled" {
  description = "Whether requests are traced with X-Ray."
  type        = bool
  default     = true
  nullable    = false
}

variable "untraced_path_parameters" {
  description = "Variables of paths that are secrets, such as the token of a link: requests to paths with one of them are not traced."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "throttle" {
  description = "Requests per second that every method serves, and how many may come at once (at most 10000 and 5000, the account's default quota)."
  type        = any
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.throttle) :
        "throttle.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["throttle"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["throttle"], ["none"]))})"
      if !contains(local.known_keys["throttle"], key)], [])
    ])) == 0
    error_message = "throttle holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.throttle) :
        "throttle.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["throttle"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["throttle"], ["none"]))})"
      if !contains(local.known_keys["throttle"], key)], [])
    ]))}."
  }
}

variable "resource_policy" {
  description = "Resource policy of the API as a JSON string; it may name the API as execute-api:/*; null lets everybody ask, and leaves the API to its authorizer."
  type        = string
  default     = null
}

variable "web_acl" {
  description = <<-EOT
    Web ACL before the stage; null makes none. `managed_rule_groups` are AWS managed rule groups in order of `priority`, counting only where
    `count_only`, or the rules in `counted_rules`: by default the one that blocks every body above 8 KB; `rate_limit` is the number of requests (10 to 2000000000) that one address may make in five minutes, 0 for no limit;
    `log_destination_arn` is a log group, bucket or stream whose name begins with aws-waf-logs-, null for none. The Authorization header and the path are never logged.
  EOT
  type        = any
  default     = null

  validation {
    condition = length(flatten([
      try([for key in keys(var.web_acl) :
        "web_acl.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["web_acl"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["web_acl"], ["none"]))})"
      if !contains(local.known_keys["web_acl"], key)], []),
      try([for key_0, value_0 in var.web_acl.managed_rule_groups : [
        try([for key in keys(value_0) :
          "web_acl.managed_rule_groups.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["web_acl.managed_rule_groups.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["web_acl.managed_rule_groups.*"], ["none"]))})"
        if !contains(local.known_keys["web_acl.managed_rule_groups.*"], key)], [])
      ]], [])
    ])) == 0
    error_message = "web_acl holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.web_acl) :
        "web_acl.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["web_acl"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["web_acl"], ["none"]))})"
      if !contains(local.known_keys["web_acl"], key)], []),
      try([for key_0, value_0 in var.web_acl.managed_rule_groups : [
        try([for key in keys(value_0) :
          "web_acl.managed_rule_groups.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["web_acl.managed_rule_groups.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["web_acl.managed_rule_groups.*"], ["none"]))})"
        if !contains(local.known_keys["web_acl.managed_rule_groups.*"], key)], [])
      ]], [])
    ]))}."
  }
}

variable "custom_domain" {
  description = "Domain of the API: its name, the ARN of its certificate in the same region, the path under which the stage appears, and the Route 53 zone that gets its records (null: made elsewhere); null keeps the gateway's own address."
  type        = any
  default     = null

  validation {
    condition = length(flatten([
      try([for key in keys(var.custom_domain) :
        "custom_domain.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["custom_domain"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["custom_domain"], ["none"]))})"
      if !contains(local.known_keys["custom_domain"], key)], [])
    ])) == 0
    error_message = "custom_domain holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.custom_domain) :
        "custom_domain.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["custom_domain"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["custom_domain"], ["none"]))})"
      if !contains(local.known_keys["custom_domain"], key)], [])
    ]))}."
  }
}

variable "disable_execute_api_endpoint" {
  description = "Whether the gateway's own address is shut, so that the custom domain is the only way in."
  type        = bool
  default     = false
  nullable    = false
}
