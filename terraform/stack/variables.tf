# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "audit_object_lock" = ["mode", "days"]
    "invitation_sender" = ["identity", "from_address", "from_name", "create_identity"]
    "web_acl"           = ["rate_limit", "log_destination_arn"]
    "custom_domain"     = ["domain_name", "certificate_arn", "hosted_zone_id"]
    "packages.*"        = ["s3_key", "source_code_hash", "apis", "words"]
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
  description = "AWS region of everything but the replicas."
  type        = string
  nullable    = false
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
}

variable "failover_region" {
  description = "Region of the replicas; null where nothing is replicated."
  type        = string
  default     = null
}

variable "log_level" {
  description = "Least severe level that the functions log: DEBUG, INFO, WARN or ERROR."
  type        = string
  default     = "INFO"
  nullable    = false
}

variable "api_throttle_rate_limit" {
  description = "Requests per second that the API serves in the long run."
  type        = number
  nullable    = false
}

variable "api_throttle_burst_limit" {
  description = "Requests that may come at once."
  type        = number
  nullable    = false
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
}

variable "authorizer_provisioned_concurrency" {
  description = "Authorizer instances kept warm; 0 for none."
  type        = number
  default     = 0
  nullable    = false
}

variable "lambda_concurrency_limit" {
  description = "Concurrent executions that the account may run in the region, with which an alarm compares. The tool reads it from the account where nobody gives it."
  type        = number
  default     = 1000
  nullable    = false
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
}

variable "user_pool_tier" {
  description = "Feature plan of the user pool: LITE, ESSENTIALS or PLUS. LITE costs a third for each active person. With it the API takes id tokens and no access tokens, for Cognito writes into the latter with the others only, and former passwords are not remembered. Of an existing pool, its plan."
  type        = string
  default     = "ESSENTIALS"
  nullable    = false
}

variable "cors_allowed_origins" {
  description = "Web origins that may call the API from a browser, such as https://admin.example.com; \"*\" for any outside PROD; empty for none."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "audit_object_lock" {
  description = "Object Lock of the audit archive: mode GOVERNANCE or COMPLIANCE, and the days that each version is locked."
  type        = any
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.audit_object_lock) :
        "audit_object_lock.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["audit_object_lock"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["audit_object_lock"], ["none"]))})"
      if !contains(local.known_keys["audit_object_lock"], key)], [])
    ])) == 0
    error_message = "audit_object_lock holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.audit_object_lock) :
        "audit_object_lock.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["audit_object_lock"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["audit_object_lock"], ["none"]))})"
      if !contains(local.known_keys["audit_object_lock"], key)], [])
    ]))}."
  }
}

variable "backup_plan_enabled" {
  description = "Daily AWS Backup of the tables, kept in a vault beside point-in-time recovery."
  type        = bool
  default     = false
  nullable    = false
}

variable "account_id" {
  description = "AWS account that the environment belongs to; the provider refuses any other."
  type        = string
  nullable    = false
}

variable "bucket_suffix" {
  description = "Appended to bucket names, which are global: for example -4711. Empty for none."
  type        = string
  default     = ""
  nullable    = false
}

variable "alert_emails" {
  description = "Addresses that receive alerts, by topic: critical, warning, dlq."
  type        = map(list(string))
  default     = {}
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Managed policy that bounds every role; null for none."
  type        = string
  default     = null
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
}

variable "invitation_sender" {
  description = "SES identity, a domain or an address, the address that invitations are sent from and the name beside it; create_identity is false where the account has the identity already. null while there is none: no mail is sent."
  type        = any
  default     = null

  validation {
    condition = length(flatten([
      try([for key in keys(var.invitation_sender) :
        "invitation_sender.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["invitation_sender"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["invitation_sender"], ["none"]))})"
      if !contains(local.known_keys["invitation_sender"], key)], [])
    ])) == 0
    error_message = "invitation_sender holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.invitation_sender) :
        "invitation_sender.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["invitation_sender"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["invitation_sender"], ["none"]))})"
      if !contains(local.known_keys["invitation_sender"], key)], [])
    ]))}."
  }
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
  type        = any
  default     = null

  validation {
    condition = length(flatten([
      try([for key in keys(var.web_acl) :
        "web_acl.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["web_acl"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["web_acl"], ["none"]))})"
      if !contains(local.known_keys["web_acl"], key)], [])
    ])) == 0
    error_message = "web_acl holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.web_acl) :
        "web_acl.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["web_acl"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["web_acl"], ["none"]))})"
      if !contains(local.known_keys["web_acl"], key)], [])
    ]))}."
  }
}

variable "custom_domain" {
  description = "Domain of the API, its certificate in the same region and its Route 53 zone; null for API Gateway's own address. With a domain, API Gateway's own address is switched off."
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

variable "manage_api_gateway_account" {
  description = "Sets API Gateway's log role. There is one per account and region, shared with every other API there; where nobody has set it yet, the stage cannot be made without it."
  type        = bool
  default     = false
  nullable    = false
}

variable "additional_apis" {
  description = "REST APIs of other services in this account and region that ask the authorizer: the id of each, and the name of its document in the authorizer's package. See docs/another-api.md."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "artifacts_bucket" {
  description = "Bucket that holds the functions' packages, made by `bbws-access bootstrap`."
  type        = string
  nullable    = false
}

variable "packages" {
  description = "Each function's package: its key in artifacts_bucket, its SHA-256 in base64, the other services' APIs whose documents it carries (null: not known, as in a comparison of plans), and the words of their paths, which no id may be."
  type        = any
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.packages : [
      try([for key in keys(value_0) :
        "packages.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["packages.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["packages.*"], ["none"]))})"
      if !contains(local.known_keys["packages.*"], key)], [])
    ]], []))) == 0
    error_message = "packages holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.packages : [
      try([for key in keys(value_0) :
        "packages.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["packages.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["packages.*"], ["none"]))})"
      if !contains(local.known_keys["packages.*"], key)], [])
    ]], [])))}."
  }
}
