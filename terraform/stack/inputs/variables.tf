# --- What an environment is: terraform/environments/*.tfvars -------------------------------------

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
  description = "AWS region of everything but the replicas."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, such as eu-west-1."
  }
}

variable "pitr_enabled" {
  description = "Point-in-time recovery of every table."
  type        = bool
  default     = true
  nullable    = false
}

variable "cross_region_replication" {
  description = "Replicates the tables and the audit archive to failover_region."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.cross_region_replication || var.failover_region != null
    error_message = "cross_region_replication needs a failover_region."
  }
}

variable "failover_region" {
  description = "Region of the replicas; null where nothing is replicated."
  type        = string
  default     = null

  validation {
    condition     = var.failover_region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.failover_region))
    error_message = "failover_region must be an AWS region, such as eu-west-1, or null."
  }

  validation {
    condition     = var.failover_region != var.region
    error_message = "failover_region must be another region than region."
  }
}

variable "log_level" {
  description = "Least severe level that the functions log: DEBUG, INFO, WARN or ERROR."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARN or ERROR."
  }
}

variable "api_throttle_rate_limit" {
  description = "Requests per second that the API serves in the long run."
  type        = number
  nullable    = false

  validation {
    condition     = var.api_throttle_rate_limit >= 1 && var.api_throttle_rate_limit <= 10000
    error_message = "api_throttle_rate_limit must lie between 1 and 10,000 requests per second, the account's limit."
  }
}

variable "api_throttle_burst_limit" {
  description = "Requests that may come at once."
  type        = number
  nullable    = false

  validation {
    condition     = var.api_throttle_burst_limit >= 1 && var.api_throttle_burst_limit <= 5000 && floor(var.api_throttle_burst_limit) == var.api_throttle_burst_limit
    error_message = "api_throttle_burst_limit must be a whole number from 1 to 5,000 requests, the account's limit."
  }
}

variable "service_log_retention_days" {
  description = "Days that the logs of services and of the API are kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "audit_log_retention_days" {
  description = "Days that the logs from which audit events are captured are kept."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.audit_log_retention_days >= var.service_log_retention_days
    error_message = "audit_log_retention_days must be at least service_log_retention_days."
  }
}

variable "authorizer_provisioned_concurrency" {
  description = "Authorizer instances kept warm; 0 for none."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.authorizer_provisioned_concurrency >= 0 && floor(var.authorizer_provisioned_concurrency) == var.authorizer_provisioned_concurrency
    error_message = "authorizer_provisioned_concurrency must be a whole number, 0 or more."
  }
}

variable "lambda_concurrency_limit" {
  description = "Concurrent executions that the account may run in the region, with which an alarm compares. The tool reads it from the account where nobody gives it."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.lambda_concurrency_limit >= 1 && floor(var.lambda_concurrency_limit) == var.lambda_concurrency_limit
    error_message = "lambda_concurrency_limit must be a whole number, 1 or more: see aws lambda get-account-settings."
  }
}

variable "deletion_protection" {
  description = "Protects the tables, the user pool, and the archive and the vault of backups while anything is in them, from deletion. To take an environment down: apply with false, then destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "multi_factor_authentication" {
  description = "Multi-factor authentication of the user pool: OFF, OPTIONAL or ON."
  type        = string
  default     = "ON"
  nullable    = false

  validation {
    condition     = contains(["OFF", "OPTIONAL", "ON"], var.multi_factor_authentication)
    error_message = "multi_factor_authentication must be OFF, OPTIONAL or ON."
  }
}

variable "user_pool_tier" {
  description = "Feature plan of the user pool: LITE, ESSENTIALS or PLUS. LITE costs a third for each active person. With it the API takes id tokens and no access tokens, for Cognito writes into the latter with the others only, and former passwords are not remembered. Of an existing pool, its plan."
  type        = string
  default     = "ESSENTIALS"
  nullable    = false

  validation {
    condition     = contains(["LITE", "ESSENTIALS", "PLUS"], var.user_pool_tier)
    error_message = "user_pool_tier must be LITE, ESSENTIALS or PLUS."
  }
}

variable "cors_allowed_origins" {
  description = "Web origins that may call the API from a browser, such as https://admin.example.com; \"*\" for any outside PROD; empty for none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = !(var.env_name == "prod" && contains(var.cors_allowed_origins, "*"))
    error_message = "In prod, cors_allowed_origins must name the origins; \"*\" is not allowed."
  }
}

variable "audit_object_lock" {
  description = "Object Lock of the audit archive: mode GOVERNANCE or COMPLIANCE, and the days that each version is locked."
  type = object({
    mode = string
    days = number
  })
  nullable = false

  validation {
    condition     = contains(["GOVERNANCE", "COMPLIANCE"], var.audit_object_lock.mode)
    error_message = "audit_object_lock.mode must be GOVERNANCE or COMPLIANCE."
  }

  validation {
    condition     = var.audit_object_lock.mode != "COMPLIANCE" || var.env_name == "prod"
    error_message = "audit_object_lock.mode COMPLIANCE is for prod only: nobody can undo it, not even the account's root user."
  }
}

variable "backup_plan_enabled" {
  description = "Daily AWS Backup of the tables, kept in a vault beside point-in-time recovery."
  type        = bool
  default     = false
  nullable    = false
}

# --- Where it goes: never written in the code ------------------------------------------------------

variable "account_id" {
  description = "AWS account that the environment belongs to; the provider refuses any other."
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
}

variable "alert_emails" {
  description = "Addresses that receive alerts, by topic: critical, warning, dlq."
  type        = map(list(string))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for topic in keys(var.alert_emails) : contains(["critical", "warning", "dlq"], topic)])
    error_message = "alert_emails may have the keys critical, warning and dlq."
  }

  validation {
    condition     = alltrue(flatten([for addresses in values(var.alert_emails) : [for address in addresses : can(regex("^[^@\\s,;<>]+@[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)+$", address))]])) && alltrue([for addresses in values(var.alert_emails) : length(distinct(addresses)) == length(addresses)])
    error_message = "alert_emails must hold one e-mail address each, and none twice for a topic."
  }
}

variable "permissions_boundary_arn" {
  description = "Managed policy that bounds every role; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::(${var.account_id}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of a managed policy of the account or of AWS, or null."
  }
}

variable "existing_user_pool_id" {
  description = "Id of a user pool that exists already; null to create one."
  type        = string
  default     = null
}

variable "token_issuers" {
  description = "How tokens name the user pool (iss); empty: both ways that Cognito has, https://cognito-idp.REGION.amazonaws.com/POOL and https://issuer-cognito-idp.REGION.amazonaws.com/POOL with this region. Needed for a pool that is replicated from another region. Any other issuer is refused."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for issuer in var.token_issuers : can(regex("^https://(issuer-)?cognito-idp\\.[a-z0-9-]+\\.amazonaws\\.com/[a-z0-9-]+_[0-9A-Za-z]+$", issuer))])
    error_message = "token_issuers must be https://cognito-idp.REGION.amazonaws.com/POOL or https://issuer-cognito-idp.REGION.amazonaws.com/POOL."
  }
}

variable "invitation_sender" {
  description = "SES identity, a domain or an address, the address that invitations are sent from and the name beside it; create_identity is false where the account has the identity already. null while there is none: no mail is sent."
  type = object({
    identity        = string
    from_address    = string
    from_name       = optional(string)
    create_identity = optional(bool, true)
  })
  default = null
}

variable "ses_sandbox" {
  description = "Whether the account is still in SES's sandbox in this region: mails reach verified addresses only, and SES asks whether the sender may write to them. To be switched off with SES's production access."
  type        = bool
  default     = false
  nullable    = false
}

variable "invitation_link" {
  description = "Page that the link in an invitation opens; the token follows it as #token=..., which no server sees. null while there is none; an invitation_sender needs one."
  type        = string
  default     = null

  validation {
    condition     = var.invitation_link == null || can(regex("^https://[^#?\\s]+$", var.invitation_link))
    error_message = "invitation_link must be an https:// address without # and ?."
  }

  validation {
    condition     = var.invitation_sender == null || var.invitation_link != null
    error_message = "invitation_link is needed with an invitation_sender: an invitation without a link cannot be accepted."
  }
}

variable "api_detailed_metrics_enabled" {
  description = "Whether API Gateway publishes its metrics for each method too: CloudWatch charges for five of each, about 77 USD a month. No alarm and no dashboard reads them; the access log says what happened to which route."
  type        = bool
  default     = false
  nullable    = false
}

variable "xray_sampling_rules_enabled" {
  description = "Keeps requests whose path holds an invitation's token out of X-Ray. To be switched off only where there is no X-Ray."
  type        = bool
  default     = true
  nullable    = false
}

variable "web_acl" {
  description = "Web ACL with AWS's managed rules before the API: the requests that one address may make in five minutes (0 for no limit; many people may share an address), and a log group, bucket or stream for its log, whose name begins with aws-waf-logs-. null for none."
  type = object({
    rate_limit          = number
    log_destination_arn = optional(string)
  })
  default = null
}

variable "custom_domain" {
  description = "Domain of the API, its certificate in the same region and its Route 53 zone; null for API Gateway's own address. With a domain, API Gateway's own address is switched off."
  type = object({
    domain_name     = string
    certificate_arn = string
    hosted_zone_id  = optional(string)
  })
  default = null
}

variable "manage_api_gateway_account" {
  description = "Sets API Gateway's log role. There is one per account and region, shared with every other API there; where nobody has set it yet, the stage cannot be made without it."
  type        = bool
  default     = false
  nullable    = false
}

# --- Who else asks the authorizer ---------------------------------------------------------------------

variable "additional_apis" {
  description = "REST APIs of other services in this account and region that ask the authorizer: the id of each, and the name of its document in the authorizer's package. See docs/another-api.md."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for id in keys(var.additional_apis) : can(regex("^[a-z0-9]+$", id))])
    error_message = "additional_apis: the id of a REST API is lower-case letters and digits."
  }

  validation {
    condition     = alltrue([for name in values(var.additional_apis) : try(contains(coalesce(var.packages["authorizer"].apis, [name]), name), false)])
    error_message = "additional_apis: the authorizer's package holds no document for ${join(", ", [for name in values(var.additional_apis) : name if !try(contains(var.packages["authorizer"].apis, name), false)])}; put NAME.json in contract/apis, or in the folder that BBWS_ACCESS_APIS names, and package again."
  }
}

# --- What is deployed: written by `bbws-access package` ---------------------------------------------

variable "artifacts_bucket" {
  description = "Bucket that holds the functions' packages, made by `bbws-access bootstrap`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.artifacts_bucket))
    error_message = "artifacts_bucket must be the name of a bucket."
  }
}

variable "packages" {
  description = "Each function's package: its key in artifacts_bucket, its SHA-256 in base64, the other services' APIs whose documents it carries (null: not known, as in a comparison of plans), and the words of their paths, which no id may be."
  type = map(object({
    s3_key           = string
    source_code_hash = string
    apis             = optional(list(string))
    words            = optional(list(string), [])
  }))
  nullable = false
}
