variable "project_name" {
  description = "Project that the API belongs to: first part of every name."
  type        = string
  default     = "bbws-access"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.project_name))
    error_message = "project_name must be 3 to 32 lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen."
  }
}

variable "env_name" {
  description = "Environment, such as dev, sit or prod: second part of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.env_name))
    error_message = "env_name must be 2 to 10 lower-case letters and digits, starting with a letter."
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
  description = "AWS account that the module works in."
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
  description = "Tags of everything that carries tags."
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

variable "openapi_document" {
  description = "The API's contract: an OpenAPI 3.0 document as a JSON string. Every operation names its service (see extension_prefix) and is guarded by the authorizer unless its security is an empty list."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^3\\.0\\.[0-9]+$", jsondecode(var.openapi_document).openapi)) && can(jsondecode(var.openapi_document).info.version) && can(keys(jsondecode(var.openapi_document).paths))
    error_message = "openapi_document must be a JSON document of OpenAPI 3.0 with openapi, info.version and paths; API Gateway imports no later version."
  }
}

variable "extension_prefix" {
  description = "Prefix of the contract's own extensions: PREFIX-service names an operation's service, PREFIX-access (optional) is \"public\" exactly where security is an empty list."
  type        = string
  default     = "x-bbws"
  nullable    = false

  validation {
    condition     = can(regex("^x-[a-z0-9]+(-[a-z0-9]+)*$", var.extension_prefix))
    error_message = "extension_prefix must begin with x- and hold lower-case letters, digits and hyphens."
  }
}

variable "services" {
  description = "Invoke ARN of the function of every service that the document's operations name, built from names and not taken from a resource (see stage_after): arn:PARTITION:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION_ARN/invocations."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for arn in values(var.services) : can(regex("^arn:${var.partition}:apigateway:${var.region}:lambda:path/2015-03-31/functions/arn:${var.partition}:lambda:${var.region}:[0-9]{12}:function:[0-9A-Za-z_-]+(:[0-9A-Za-z_-]+)?/invocations$", arn))])
    error_message = "services must hold invoke ARNs of functions of the module's region, or of their aliases: arn:PARTITION:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION_ARN/invocations."
  }
}

variable "integration_timeout_milliseconds" {
  description = "How long the gateway waits for a service: 50 to 29000, the default quota."
  type        = number
  default     = 29000
  nullable    = false

  validation {
    condition     = var.integration_timeout_milliseconds >= 50 && var.integration_timeout_milliseconds <= 29000 && floor(var.integration_timeout_milliseconds) == var.integration_timeout_milliseconds
    error_message = "integration_timeout_milliseconds must be a whole number from 50 to 29000."
  }
}

variable "authorizer" {
  description = "Definition of the Lambda authorizer of type token, as the cognito module puts it out: its name, invoke URI, the role that API Gateway assumes to call it, the header with the token, the pattern that the header must match, and the seconds that an answer is kept for a token."
  type = object({
    name                           = string
    type                           = optional(string, "token")
    uri                            = string
    credentials_arn                = string
    identity_source                = optional(string, "method.request.header.Authorization")
    identity_validation_expression = string
    result_ttl_seconds             = optional(number, 300)
  })
  nullable = false

  validation {
    condition     = can(regex("^[0-9A-Za-z._-]{1,128}$", var.authorizer.name))
    error_message = "authorizer.name must be 1 to 128 letters, digits, dots, hyphens and underscores."
  }

  validation {
    condition     = var.authorizer.type == "token"
    error_message = "authorizer.type must be token: the policy is cached under the token alone."
  }

  validation {
    condition     = can(regex("^arn:${var.partition}:apigateway:${var.region}:lambda:path/2015-03-31/functions/arn:${var.partition}:lambda:${var.region}:[0-9]{12}:function:[0-9A-Za-z_-]+(:[0-9A-Za-z_-]+)?/invocations$", var.authorizer.uri))
    error_message = "authorizer.uri must be the invoke ARN of a function of the module's region, or of its alias: arn:PARTITION:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION_ARN/invocations."
  }

  validation {
    condition     = can(regex("^arn:${var.partition}:iam::${var.account_id}:role/.+$", var.authorizer.credentials_arn))
    error_message = "authorizer.credentials_arn must be the ARN of an IAM role of the same account."
  }

  validation {
    condition     = can(regex("^method\\.request\\.header\\.[0-9A-Za-z-]+$", var.authorizer.identity_source))
    error_message = "authorizer.identity_source must be one header, such as method.request.header.Authorization."
  }

  validation {
    condition     = startswith(var.authorizer.identity_validation_expression, "^") && endswith(var.authorizer.identity_validation_expression, "$") && can(regexall(var.authorizer.identity_validation_expression, ""))
    error_message = "authorizer.identity_validation_expression must be a regular expression anchored by ^ and $."
  }

  validation {
    condition     = var.authorizer.result_ttl_seconds >= 0 && var.authorizer.result_ttl_seconds <= 3600 && floor(var.authorizer.result_ttl_seconds) == var.authorizer.result_ttl_seconds
    error_message = "authorizer.result_ttl_seconds must be a whole number from 0 to 3600."
  }
}

variable "cors" {
  description = <<-EOT
    Origins whose pages may call the API (an empty list lets none, ["*"] every page), and the seconds (0 to 86400) that a browser may keep the
    preflight's answer. Pages may send the header with the token, Content-Type, and the headers that the document's operations take as parameters;
    allowed_headers adds to them on every path. exposed_headers: what pages may read of the gateway's own answers, beside Retry-After and
    WWW-Authenticate; which headers of a service's answer they may read, that answer says.
  EOT
  type = object({
    allowed_origins = set(string)
    allowed_headers = optional(set(string), [])
    exposed_headers = optional(set(string), [])
    max_age_seconds = optional(number, 600)
  })
  nullable = false

  validation {
    condition = alltrue([
      for origin in var.cors.allowed_origins : origin == "*" || can(regex("^https?://[0-9a-z]([0-9a-z.-]*[0-9a-z])?(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$", origin))
    ])
    error_message = "cors.allowed_origins must be origins: scheme, host in lower case and port only, such as https://portal.example.com, or \"*\"."
  }

  validation {
    condition     = !contains(var.cors.allowed_origins, "*") || length(var.cors.allowed_origins) == 1
    error_message = "cors.allowed_origins: \"*\" stands alone."
  }

  validation {
    condition     = alltrue([for name in setunion(var.cors.allowed_headers, var.cors.exposed_headers) : can(regex("^[0-9A-Za-z_-]+$", name))])
    error_message = "cors.allowed_headers and cors.exposed_headers must be names of headers: letters, digits, hyphens and underscores; \"*\" never covers a token's header."
  }

  validation {
    condition     = var.cors.max_age_seconds >= 0 && var.cors.max_age_seconds <= 86400 && floor(var.cors.max_age_seconds) == var.cors.max_age_seconds
    error_message = "cors.max_age_seconds must be a whole number from 0 to 86400."
  }
}

variable "require_named_origins" {
  description = "Whether cors.allowed_origins must be named https origins; true in production."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.require_named_origins || alltrue([for origin in var.cors.allowed_origins : startswith(origin, "https://")])
    error_message = "require_named_origins: every one of cors.allowed_origins must be a named https:// origin."
  }
}

variable "stage_name" {
  description = "Name of the stage, which is also the first part of every path."
  type        = string
  default     = "v1"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,128}$", var.stage_name))
    error_message = "stage_name must be 1 to 128 letters, digits, hyphens and underscores."
  }
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

  validation {
    condition     = can(regex("^arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:[0-9A-Za-z_/.#-]+(:\\*)?$", var.access_log_group_arn))
    error_message = "access_log_group_arn must be the ARN of a CloudWatch log group of the same account and region."
  }
}

variable "execution_logging" {
  description = "Gateway's own log: level OFF, ERROR or INFO, the days it is kept and the KMS key that encrypts it (null: the service's own). Requests and answers are never traced into it."
  type = object({
    level          = optional(string, "ERROR")
    retention_days = optional(number, 30)
    kms_key_arn    = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["OFF", "ERROR", "INFO"], var.execution_logging.level)
    error_message = "execution_logging.level must be OFF, ERROR or INFO."
  }

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.execution_logging.retention_days)
    error_message = "execution_logging.retention_days must be a retention that CloudWatch Logs knows, such as 30 or 90."
  }

  validation {
    condition     = var.execution_logging.kms_key_arn == null ? true : can(regex("^arn:${var.partition}:kms:${var.region}:[0-9]{12}:key/[A-Za-z0-9-]+$", var.execution_logging.kms_key_arn))
    error_message = "execution_logging.kms_key_arn must be the ARN of a KMS key of the module's region, not an alias."
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

  validation {
    condition     = alltrue([for parameter in var.untraced_path_parameters : can(regex("^[A-Za-z][A-Za-z0-9]*$", parameter))])
    error_message = "untraced_path_parameters must be names of path variables, without braces, such as token."
  }

  validation {
    condition     = alltrue([for parameter in var.untraced_path_parameters : strcontains(replace(jsonencode(try(keys(jsondecode(var.openapi_document).paths), [])), "+}", "}"), "{${parameter}}")])
    error_message = "untraced_path_parameters: no path of openapi_document has a variable of that name, so nothing would be kept out of the traces: ${join(", ", [for parameter in var.untraced_path_parameters : parameter if !strcontains(replace(jsonencode(try(keys(jsondecode(var.openapi_document).paths), [])), "+}", "}"), "{${parameter}}")])}."
  }
}

variable "throttle" {
  description = "Requests per second that every method serves, and how many may come at once (at most 10000 and 5000, the account's default quota)."
  type = object({
    rate_limit  = number
    burst_limit = number
  })
  nullable = false

  validation {
    condition     = var.throttle.rate_limit > 0 && var.throttle.rate_limit <= 10000
    error_message = "throttle.rate_limit must be above 0 and at most 10000."
  }

  validation {
    condition     = var.throttle.burst_limit >= 1 && var.throttle.burst_limit <= 5000 && floor(var.throttle.burst_limit) == var.throttle.burst_limit
    error_message = "throttle.burst_limit must be a whole number from 1 to 5000."
  }
}

variable "resource_policy" {
  description = "Resource policy of the API as a JSON string; it may name the API as execute-api:/*; null lets everybody ask, and leaves the API to its authorizer."
  type        = string
  default     = null

  validation {
    condition     = var.resource_policy == null ? true : can(jsondecode(var.resource_policy).Statement)
    error_message = "resource_policy must be a policy document in JSON with Statement."
  }
}

variable "web_acl" {
  description = <<-EOT
    Web ACL before the stage; null makes none. `managed_rule_groups` are AWS managed rule groups in order of `priority`, counting only where
    `count_only`, or the rules in `counted_rules`: by default the one that blocks every body above 8 KB; `rate_limit` is the number of requests (10 to 2000000000) that one address may make in five minutes, 0 for no limit;
    `log_destination_arn` is a log group, bucket or stream whose name begins with aws-waf-logs-, null for none. The Authorization header and the path are never logged.
  EOT
  type = object({
    managed_rule_groups = optional(map(object({
      priority      = number
      count_only    = optional(bool, false)
      counted_rules = optional(set(string), [])
      })), {
      AWSManagedRulesAmazonIpReputationList = { priority = 10 }
      AWSManagedRulesCommonRuleSet          = { priority = 20, counted_rules = ["SizeRestrictions_BODY"] }
      AWSManagedRulesKnownBadInputsRuleSet  = { priority = 30 }
    })
    rate_limit          = optional(number, 2000)
    log_destination_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.web_acl == null ? true : alltrue([for name in keys(var.web_acl.managed_rule_groups) : can(regex("^AWSManagedRules[0-9A-Za-z]+$", name))])
    error_message = "web_acl.managed_rule_groups: keys must be names of AWS managed rule groups, such as AWSManagedRulesCommonRuleSet."
  }

  validation {
    condition = var.web_acl == null ? true : (
      length(distinct(values(var.web_acl.managed_rule_groups)[*].priority)) == length(var.web_acl.managed_rule_groups)
      && alltrue([for group in values(var.web_acl.managed_rule_groups) : group.priority >= 1 && floor(group.priority) == group.priority])
    )
    error_message = "web_acl.managed_rule_groups: every priority must be a whole number of its own, 1 or above; 0 is the rate limit's."
  }

  validation {
    condition     = var.web_acl == null ? true : var.web_acl.rate_limit == 0 || (var.web_acl.rate_limit >= 10 && var.web_acl.rate_limit <= 2000000000 && floor(var.web_acl.rate_limit) == var.web_acl.rate_limit)
    error_message = "web_acl.rate_limit must be a whole number, 10 to 2000000000 requests in five minutes, or 0 for no limit."
  }

  validation {
    condition     = var.web_acl == null ? true : var.web_acl.rate_limit != 0 || length(var.web_acl.managed_rule_groups) > 0
    error_message = "web_acl without managed_rule_groups and with rate_limit 0 stops nothing: give it either, or leave it out."
  }

  validation {
    condition     = try(var.web_acl.log_destination_arn, null) == null ? true : can(regex("^arn:${var.partition}:(logs:${var.region}:${var.account_id}:log-group:|s3:::|firehose:${var.region}:${var.account_id}:deliverystream/)aws-waf-logs-[^*:]+(:\\*)?$", var.web_acl.log_destination_arn))
    error_message = "web_acl.log_destination_arn must be the ARN of a log group or delivery stream of the same account and region, or of a bucket, whose name begins with aws-waf-logs-."
  }
}

variable "custom_domain" {
  description = "Domain of the API: its name, the ARN of its certificate in the same region, the path under which the stage appears, and the Route 53 zone that gets its records (null: made elsewhere); null keeps the gateway's own address."
  type = object({
    domain_name     = string
    certificate_arn = string
    base_path       = optional(string, "v1")
    hosted_zone_id  = optional(string)
  })
  default = null

  validation {
    condition     = var.custom_domain == null ? true : can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.custom_domain.domain_name))
    error_message = "custom_domain.domain_name must be a domain name in lower case."
  }

  validation {
    condition     = var.custom_domain == null ? true : can(regex("^arn:${var.partition}:acm:${var.region}:${var.account_id}:certificate/.+$", var.custom_domain.certificate_arn))
    error_message = "custom_domain.certificate_arn must be the ARN of a certificate of ACM in the same account and region."
  }

  validation {
    condition     = var.custom_domain == null ? true : can(regex("^[0-9A-Za-z._-]{1,128}$", var.custom_domain.base_path))
    error_message = "custom_domain.base_path must be one path segment of letters, digits, dots, hyphens and underscores."
  }

  validation {
    condition     = try(var.custom_domain.hosted_zone_id, null) == null ? true : can(regex("^Z[0-9A-Z]{1,31}$", var.custom_domain.hosted_zone_id))
    error_message = "custom_domain.hosted_zone_id must be the id of a Route 53 zone."
  }
}

variable "disable_execute_api_endpoint" {
  description = "Whether the gateway's own address is shut, so that the custom domain is the only way in."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.disable_execute_api_endpoint || var.custom_domain != null
    error_message = "disable_execute_api_endpoint needs custom_domain: nothing could reach the API otherwise."
  }
}
