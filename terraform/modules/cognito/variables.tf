# Written by `make inputs` from inputs/variables.tf: change that file.

# A type would drop every key that it does not know before anything could look at it. So objects come as they are,
# and their keys are held against those of the types in inputs/variables.tf.
locals {
  known_keys = {
    "password_policy"     = ["minimum_length", "temporary_password_validity_days", "password_history_size"]
    "email"               = ["source_arn", "from_email_address", "reply_to_email_address", "configuration_set"]
    "app_clients.*"       = ["access_token_minutes", "id_token_minutes", "refresh_token_minutes", "read_attributes", "write_attributes", "oauth"]
    "app_clients.*.oauth" = ["callback_urls", "logout_urls", "scopes"]
    "authorizer"          = ["function_arn", "invocation_role_arn", "result_ttl_seconds", "header", "token_pattern"]
  }
}

variable "project_name" {
  description = "Project that the pool belongs to: first part of every name."
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
  description = "Region of the pool; part of the issuer that tokens name; null for the provider's."
  type        = string
  default     = null
}

variable "account_id" {
  description = "Account of the pool, 12 digits; used for the ARN of an existing pool; null for the provider's."
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
  description = "Tags of the user pool."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "existing_user_pool_id" {
  description = "Id of a pool that is managed elsewhere; the app clients are made in it; null makes a pool. The owner of an existing pool must give it the attribute custom:organisation_id (string, mutable, not required) and the trigger."
  type        = string
  default     = null
}

variable "tier" {
  description = "Feature plan of the pool: LITE, ESSENTIALS or PLUS. LITE writes nothing into access tokens, so the API must take id tokens then (output token_use), and it remembers no former passwords."
  type        = string
  default     = "ESSENTIALS"
  nullable    = false
}

variable "threat_protection" {
  description = "Threat protection of sign-in: OFF, AUDIT or ENFORCED; anything but OFF needs the tier PLUS."
  type        = string
  default     = "OFF"
  nullable    = false
}

variable "pre_token_generation_lambda_arn" {
  description = "ARN of the function (with its alias) that writes the organisation into access tokens, called with trigger event V2_0; with the tier LITE into id tokens, with V1_0. Required for a pool made here; must be null for an existing pool, whose owner sets it."
  type        = string
  default     = null
}

variable "password_policy" {
  description = "Least length (12 to 99), days that a temporary password lives (1 to 30) and how many former passwords are refused (0 to 24). Upper and lower case, a digit and a symbol are always required."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition = length(flatten([
      try([for key in keys(var.password_policy) :
        "password_policy.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["password_policy"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["password_policy"], ["none"]))})"
      if !contains(local.known_keys["password_policy"], key)], [])
    ])) == 0
    error_message = "password_policy holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.password_policy) :
        "password_policy.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["password_policy"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["password_policy"], ["none"]))})"
      if !contains(local.known_keys["password_policy"], key)], [])
    ]))}."
  }
}

variable "mfa" {
  description = "Second factor by authenticator app: OFF, OPTIONAL or ON (everyone must)."
  type        = string
  default     = "OPTIONAL"
  nullable    = false
}

variable "deletion_protection_enabled" {
  description = "Whether the pool, and with it every user, is protected from deletion."
  type        = bool
  default     = true
  nullable    = false
}

variable "email" {
  description = "SES identity that sends the pool's e-mail: its ARN, the From address, optionally Reply-To and a configuration set; null uses Cognito's own sender, which is limited to about 50 messages a day."
  type        = any
  default     = null

  validation {
    condition = length(flatten([
      try([for key in keys(var.email) :
        "email.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["email"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["email"], ["none"]))})"
      if !contains(local.known_keys["email"], key)], [])
    ])) == 0
    error_message = "email holds keys that mean nothing here: ${join("; ", flatten([
      try([for key in keys(var.email) :
        "email.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["email"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["email"], ["none"]))})"
      if !contains(local.known_keys["email"], key)], [])
    ]))}."
  }
}

variable "account_mail_subject" {
  description = "Subject of the mail that brings a new account its first password, 1 to 140 characters."
  type        = string
  default     = "Your new account"
  nullable    = false
}

variable "account_mail_html" {
  description = "That mail, as HTML; Cognito sends it as it is, without a text part. It must hold {username} and {####}, in whose places Cognito puts the address and the password; {days} stands for how long the password is valid. At most 20,000 characters."
  type        = string
  default     = "<p>An account was made for you. Sign in with {username} and this password, and choose your own: <b>{####}</b></p><p>The password is valid for {days} days.</p>"
  nullable    = false
}

variable "app_clients" {
  description = <<-EOT
    App clients by a name of your choice. Every client signs in by SRP and renews by refresh token; password flows are never enabled.
    `access_token_minutes` and `id_token_minutes` 5 to 1440, `refresh_token_minutes` 60 to 5256000 and longer than both,
    None has a client secret, which would lie in Terraform's state. `write_attributes` are the attributes that the signed-in person may change through
    this client, never custom:organisation_id. `oauth` switches on the code grant of the hosted sign-in pages with https addresses,
    those of localhost (for development), or of an app's own scheme (com.example.app://).
  EOT
  type        = any
  nullable    = false

  validation {
    condition = length(flatten(try([for key_0, value_0 in var.app_clients : [
      try([for key in keys(value_0) :
        "app_clients.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["app_clients.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["app_clients.*"], ["none"]))})"
      if !contains(local.known_keys["app_clients.*"], key)], []),
      [
        try([for key in keys(value_0.oauth) :
          "app_clients.${key_0}.oauth.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["app_clients.*.oauth"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["app_clients.*.oauth"], ["none"]))})"
        if !contains(local.known_keys["app_clients.*.oauth"], key)], [])
      ]
    ]], []))) == 0
    error_message = "app_clients holds keys that mean nothing here: ${join("; ", flatten(try([for key_0, value_0 in var.app_clients : [
      try([for key in keys(value_0) :
        "app_clients.${key_0}.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["app_clients.*"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["app_clients.*"], ["none"]))})"
      if !contains(local.known_keys["app_clients.*"], key)], []),
      [
        try([for key in keys(value_0.oauth) :
          "app_clients.${key_0}.oauth.${key} (known: ${join(", ", coalescelist([for known in local.known_keys["app_clients.*.oauth"] : known if substr(known, 0, 2) == substr(key, 0, 2)], local.known_keys["app_clients.*.oauth"], ["none"]))})"
        if !contains(local.known_keys["app_clients.*.oauth"], key)], [])
      ]
    ]], [])))}."
  }
}

variable "domain_prefix" {
  description = "Prefix of the Cognito domain of the hosted sign-in pages, unique in the region; null makes none. Only for a pool made here."
  type        = string
  default     = null
}

variable "authorizer" {
  description = <<-EOT
    The Lambda authorizer that judges this pool's tokens for the API: ARN of the function (with its alias), ARN of the role that API Gateway
    assumes to call it, seconds that the gateway may keep an answer for a token (0 to 3600), the header that carries the token, and the
    pattern that a header must match before the function is called at all; the default admits a bearer token of three base64url parts and no more, with the scheme in any case (RFC 9110). The third may be empty, so that the function sees and logs an unsigned token.
  EOT
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
