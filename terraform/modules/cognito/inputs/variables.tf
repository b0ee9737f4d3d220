variable "project_name" {
  description = "Project that the pool belongs to: first part of every name."
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
  description = "Region of the pool; part of the issuer that tokens name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region code such as eu-west-1."
  }
}

variable "account_id" {
  description = "Account of the pool, 12 digits; used for the ARN of an existing pool."
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
  description = "Tags of the user pool."
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

variable "existing_user_pool_id" {
  description = "Id of a pool that is managed elsewhere; the app clients are made in it; null makes a pool. The owner of an existing pool must give it the attribute custom:organisation_id (string, mutable, not required) and the trigger."
  type        = string
  default     = null

  validation {
    condition     = var.existing_user_pool_id == null ? true : can(regex("^${var.region}_[0-9A-Za-z]{1,46}$", var.existing_user_pool_id))
    error_message = "existing_user_pool_id must be the id of a pool in region, such as eu-west-1_aBcDeFgHi."
  }
}

variable "tier" {
  description = "Feature plan of the pool: LITE, ESSENTIALS or PLUS. LITE writes nothing into access tokens, so the API must take id tokens then (output token_use), and it remembers no former passwords."
  type        = string
  default     = "ESSENTIALS"
  nullable    = false

  validation {
    condition     = contains(["LITE", "ESSENTIALS", "PLUS"], var.tier)
    error_message = "tier must be LITE, ESSENTIALS or PLUS."
  }
}

variable "threat_protection" {
  description = "Threat protection of sign-in: OFF, AUDIT or ENFORCED; anything but OFF needs the tier PLUS."
  type        = string
  default     = "OFF"
  nullable    = false

  validation {
    condition     = contains(["OFF", "AUDIT", "ENFORCED"], var.threat_protection)
    error_message = "threat_protection must be OFF, AUDIT or ENFORCED."
  }

  validation {
    condition     = var.threat_protection == "OFF" || var.tier == "PLUS"
    error_message = "threat_protection needs tier = \"PLUS\"."
  }
}

variable "pre_token_generation_lambda_arn" {
  description = "ARN of the function (with its alias) that writes the organisation into access tokens, called with trigger event V2_0; with the tier LITE into id tokens, with V1_0. Required for a pool made here; must be null for an existing pool, whose owner sets it."
  type        = string
  default     = null

  validation {
    condition     = (var.pre_token_generation_lambda_arn == null) == (var.existing_user_pool_id != null)
    error_message = "A pool made here needs pre_token_generation_lambda_arn (access tokens carry no organisation without it); with existing_user_pool_id leave it null, the pool's owner sets the trigger."
  }

  validation {
    condition     = var.pre_token_generation_lambda_arn == null ? true : can(regex("^arn:${var.partition}:lambda:${var.region}:[0-9]{12}:function:[0-9A-Za-z_-]+(:[0-9A-Za-z_-]+)?$", var.pre_token_generation_lambda_arn))
    error_message = "pre_token_generation_lambda_arn must be the ARN of a Lambda function of the pool's region or of its alias."
  }
}

variable "password_policy" {
  description = "Least length (12 to 99), days that a temporary password lives (1 to 30) and how many former passwords are refused (0 to 24). Upper and lower case, a digit and a symbol are always required."
  type = object({
    minimum_length                   = optional(number, 12)
    temporary_password_validity_days = optional(number, 3)
    password_history_size            = optional(number, 5)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.password_policy.password_history_size == 0 || var.tier != "LITE"
    error_message = "password_policy.password_history_size must be 0 with tier = \"LITE\", which remembers no former passwords."
  }

  validation {
    condition     = var.password_policy.minimum_length >= 12 && var.password_policy.minimum_length <= 99 && floor(var.password_policy.minimum_length) == var.password_policy.minimum_length
    error_message = "password_policy.minimum_length must be a whole number from 12 to 99."
  }

  validation {
    condition     = var.password_policy.temporary_password_validity_days >= 1 && var.password_policy.temporary_password_validity_days <= 30 && floor(var.password_policy.temporary_password_validity_days) == var.password_policy.temporary_password_validity_days
    error_message = "password_policy.temporary_password_validity_days must be a whole number from 1 to 30."
  }

  validation {
    condition     = var.password_policy.password_history_size >= 0 && var.password_policy.password_history_size <= 24 && floor(var.password_policy.password_history_size) == var.password_policy.password_history_size
    error_message = "password_policy.password_history_size must be a whole number from 0 to 24."
  }
}

variable "mfa" {
  description = "Second factor by authenticator app: OFF, OPTIONAL or ON (everyone must)."
  type        = string
  default     = "OPTIONAL"
  nullable    = false

  validation {
    condition     = contains(["OFF", "OPTIONAL", "ON"], var.mfa)
    error_message = "mfa must be OFF, OPTIONAL or ON."
  }
}

variable "deletion_protection_enabled" {
  description = "Whether the pool, and with it every user, is protected from deletion."
  type        = bool
  default     = true
  nullable    = false
}

variable "email" {
  description = "SES identity that sends the pool's e-mail: its ARN, the From address, optionally Reply-To and a configuration set; null uses Cognito's own sender, which is limited to about 50 messages a day."
  type = object({
    source_arn             = string
    from_email_address     = string
    reply_to_email_address = optional(string)
    configuration_set      = optional(string)
  })
  default = null

  validation {
    condition     = var.email == null ? true : can(regex("^arn:${var.partition}:ses:[a-z0-9-]+:[0-9]{12}:identity/.+$", var.email.source_arn))
    error_message = "email.source_arn must be the ARN of an SES identity."
  }

  validation {
    condition     = var.email == null ? true : can(regex("^([^<>]+ <)?[^<>@\\s]+@[^<>@\\s]+\\.[^<>@\\s]+>?$", var.email.from_email_address))
    error_message = "email.from_email_address must be an address, or Name <address>."
  }

  validation {
    condition = var.email == null ? true : alltrue([
      for address in [trimsuffix(element(split("<", var.email.from_email_address), length(split("<", var.email.from_email_address)) - 1), ">")] : alltrue([
        for name in [element(split(":identity/", var.email.source_arn), 1)] : address == name || endswith(address, "@${name}") || (!strcontains(name, "@") && endswith(address, ".${name}"))
      ])
    ])
    error_message = "email.from_email_address must be of the identity in source_arn: the address itself, or an address of its domain or a subdomain; SES sends no other."
  }

  validation {
    condition     = try(var.email.reply_to_email_address, null) == null ? true : can(regex("^[^<>@\\s,;]+@[^<>@\\s,;]+\\.[^<>@\\s,;]+$", var.email.reply_to_email_address))
    error_message = "email.reply_to_email_address must be one address, or null."
  }

  validation {
    condition     = try(var.email.configuration_set, null) == null ? true : can(regex("^[0-9A-Za-z_-]{1,64}$", var.email.configuration_set))
    error_message = "email.configuration_set must be the name of a configuration set, 1 to 64 letters, digits, hyphens and underscores, no ARN; or null."
  }
}

variable "account_mail_subject" {
  description = "Subject of the mail that brings a new account its first password, 1 to 140 characters."
  type        = string
  default     = "Your new account"
  nullable    = false

  validation {
    condition     = length(var.account_mail_subject) >= 1 && length(var.account_mail_subject) <= 140 && !can(regex("[\\r\\n]", var.account_mail_subject))
    error_message = "account_mail_subject must be one line of 1 to 140 characters: Cognito takes no longer one."
  }
}

variable "account_mail_html" {
  description = "That mail, as HTML; Cognito sends it as it is, without a text part. It must hold {username} and {####}, in whose places Cognito puts the address and the password; {days} stands for how long the password is valid. At most 20,000 characters."
  type        = string
  default     = "<p>An account was made for you. Sign in with {username} and this password, and choose your own: <b>{####}</b></p><p>The password is valid for {days} days.</p>"
  nullable    = false

  validation {
    condition     = strcontains(var.account_mail_html, "{username}") && strcontains(var.account_mail_html, "{####}")
    error_message = "account_mail_html must hold {username} and {####}: Cognito takes no mail without them, and nobody could sign in."
  }

  validation {
    condition     = length(var.account_mail_html) <= 19900
    error_message = "account_mail_html must have at most 19,900 characters: Cognito takes 20,000, and {days} may become longer."
  }
}

variable "app_clients" {
  description = <<-EOT
    App clients by a name of your choice. Every client signs in by SRP and renews by refresh token; password flows are never enabled.
    `access_token_minutes` and `id_token_minutes` 5 to 1440, `refresh_token_minutes` 60 to 5256000 and longer than both,
    None has a client secret, which would lie in Terraform's state. `write_attributes` are the attributes that the signed-in person may change through
    this client, never custom:organisation_id. `oauth` switches on the code grant of the hosted sign-in pages with https addresses,
    those of localhost (for development), or of an app's own scheme (com.example.app://).
  EOT
  type = map(object({
    access_token_minutes  = optional(number, 60)
    id_token_minutes      = optional(number, 60)
    refresh_token_minutes = optional(number, 1440)
    read_attributes       = optional(set(string), ["custom:organisation_id", "email", "email_verified", "family_name", "given_name", "locale", "name"])
    write_attributes      = optional(set(string), ["family_name", "given_name", "locale", "name"])
    oauth = optional(object({
      callback_urls = set(string)
      logout_urls   = optional(set(string), [])
      scopes        = optional(set(string), ["email", "openid", "profile"])
    }))
  }))
  nullable = false

  validation {
    condition     = length(var.app_clients) > 0 && alltrue([for name in keys(var.app_clients) : can(regex("^[a-z][a-z0-9-]{0,40}$", name))])
    error_message = "app_clients needs at least one client, and names of lower-case letters, digits and hyphens, at most 41 characters."
  }

  validation {
    condition = alltrue(flatten([
      for client in values(var.app_clients) : [for minutes in [client.access_token_minutes, client.id_token_minutes] : minutes >= 5 && minutes <= 1440 && floor(minutes) == minutes]
    ]))
    error_message = "app_clients: access_token_minutes and id_token_minutes must be whole numbers from 5 to 1440."
  }

  validation {
    condition     = alltrue([for client in values(var.app_clients) : client.refresh_token_minutes >= 60 && client.refresh_token_minutes <= 5256000 && floor(client.refresh_token_minutes) == client.refresh_token_minutes])
    error_message = "app_clients: refresh_token_minutes must be a whole number from 60 to 5256000 (ten years)."
  }

  validation {
    condition = alltrue([
      for client in values(var.app_clients) : client.refresh_token_minutes > max(client.access_token_minutes, client.id_token_minutes)
    ])
    error_message = "app_clients: refresh_token_minutes must be longer than access_token_minutes and id_token_minutes."
  }

  validation {
    condition     = alltrue([for client in values(var.app_clients) : !contains(client.write_attributes, "custom:organisation_id")])
    error_message = "app_clients: no client may write custom:organisation_id; the platform alone sets a person's organisation."
  }

  validation {
    condition     = alltrue([for client in values(var.app_clients) : length(client.write_attributes) > 0 && length(client.read_attributes) > 0])
    error_message = "app_clients: read_attributes and write_attributes must not be empty: Cognito takes an empty list as leave for every attribute, custom:organisation_id included."
  }

  validation {
    condition = alltrue(flatten([
      for client in values(var.app_clients) : [
        for attribute in client.write_attributes : can(regex("^custom:[0-9A-Za-z_-]{1,20}$", attribute)) || contains([
          "address", "birthdate", "email", "family_name", "gender", "given_name", "locale", "middle_name", "name", "nickname",
          "phone_number", "picture", "preferred_username", "profile", "updated_at", "website", "zoneinfo",
        ], attribute)
      ]
    ]))
    error_message = "app_clients: write_attributes must be standard attributes that Cognito lets a client write, or custom:NAME."
  }

  validation {
    condition = alltrue(flatten([
      for client in values(var.app_clients) : [
        for attribute in client.read_attributes : can(regex("^custom:[0-9A-Za-z_-]{1,20}$", attribute)) || contains([
          "address", "birthdate", "email", "email_verified", "family_name", "gender", "given_name", "locale", "middle_name", "name", "nickname",
          "phone_number", "phone_number_verified", "picture", "preferred_username", "profile", "updated_at", "website", "zoneinfo",
        ], attribute)
      ]
    ]))
    error_message = "app_clients: read_attributes must be standard attributes or custom:NAME."
  }

  validation {
    condition = var.tier != "LITE" || alltrue([
      for client in values(var.app_clients) : length(setsubtract(["custom:organisation_id", "email", "email_verified"], client.read_attributes)) == 0
    ])
    error_message = "app_clients: with tier = \"LITE\" read_attributes must contain custom:organisation_id, email and email_verified: an id token, which the API takes then, says no more of a person than its client may read."
  }

  validation {
    condition = alltrue(flatten([
      for client in values(var.app_clients) : client.oauth == null ? [] : concat(
        [length(client.oauth.callback_urls) > 0],
        [for url in setunion(client.oauth.callback_urls, client.oauth.logout_urls) : can(regex("^(https://[^\\s#*]+|http://(localhost|127[.]0[.]0[.]1)(:[0-9]{1,5})?(/[^\\s#*]*)?|[a-z][a-z0-9-]*([.][a-z0-9-]+)+:/[^\\s#*]+)$", url))],
      )
    ]))
    error_message = "app_clients: oauth needs at least one callback URL, and every callback and logout URL must be https:// without fragment or wildcard; http:// on localhost or 127.0.0.1, and an app's own scheme with a dot, such as com.example.app://, are taken too."
  }

  validation {
    condition = alltrue(flatten([
      for client in values(var.app_clients) : client.oauth == null ? [] : concat(
        [contains(client.oauth.scopes, "openid")],
        [for scope in client.oauth.scopes : contains(["aws.cognito.signin.user.admin", "email", "openid", "phone", "profile"], scope)],
      )
    ]))
    error_message = "app_clients: oauth.scopes must contain openid and may add email, phone, profile and aws.cognito.signin.user.admin."
  }

  validation {
    condition = (
      var.existing_user_pool_id != null || var.domain_prefix != null || alltrue([for client in values(var.app_clients) : client.oauth == null])
    )
    error_message = "app_clients: oauth needs domain_prefix, where the hosted sign-in pages live."
  }
}

variable "domain_prefix" {
  description = "Prefix of the Cognito domain of the hosted sign-in pages, unique in the region; null makes none. Only for a pool made here."
  type        = string
  default     = null

  validation {
    condition     = var.domain_prefix == null ? true : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.domain_prefix))
    error_message = "domain_prefix must be 1 to 63 lower-case letters, digits and hyphens, not starting or ending with a hyphen."
  }

  validation {
    condition     = var.domain_prefix == null ? true : !can(regex("aws|amazon|cognito", var.domain_prefix))
    error_message = "domain_prefix must not contain aws, amazon or cognito: Cognito reserves them."
  }

  validation {
    condition     = var.domain_prefix == null || var.existing_user_pool_id == null
    error_message = "domain_prefix belongs to a pool made here; the owner of an existing pool sets its domain."
  }
}

variable "authorizer" {
  description = <<-EOT
    The Lambda authorizer that judges this pool's tokens for the API: ARN of the function (with its alias), ARN of the role that API Gateway
    assumes to call it, seconds that the gateway may keep an answer for a token (0 to 3600), the header that carries the token, and the
    pattern that a header must match before the function is called at all; the default admits a bearer token of three base64url parts and no more, with the scheme in any case (RFC 9110). The third may be empty, so that the function sees and logs an unsigned token.
  EOT
  type = object({
    function_arn        = string
    invocation_role_arn = string
    result_ttl_seconds  = optional(number, 300)
    header              = optional(string, "Authorization")
    token_pattern       = optional(string, "^[Bb][Ee][Aa][Rr][Ee][Rr] +[0-9A-Za-z_-]+\\.[0-9A-Za-z_-]+\\.[0-9A-Za-z_-]*$")
  })
  nullable = false

  validation {
    condition     = can(regex("^arn:${var.partition}:lambda:${var.region}:[0-9]{12}:function:[0-9A-Za-z_-]+(:[0-9A-Za-z_-]+)?$", var.authorizer.function_arn))
    error_message = "authorizer.function_arn must be the ARN of a Lambda function of the API's region or of its alias."
  }

  validation {
    condition     = can(regex("^arn:${var.partition}:iam::${var.account_id}:role/.+$", var.authorizer.invocation_role_arn))
    error_message = "authorizer.invocation_role_arn must be the ARN of an IAM role of the same account."
  }

  validation {
    condition     = var.authorizer.result_ttl_seconds >= 0 && var.authorizer.result_ttl_seconds <= 3600 && floor(var.authorizer.result_ttl_seconds) == var.authorizer.result_ttl_seconds
    error_message = "authorizer.result_ttl_seconds must be a whole number from 0 to 3600."
  }

  validation {
    condition     = can(regex("^[A-Za-z][0-9A-Za-z-]*$", var.authorizer.header))
    error_message = "authorizer.header must be the name of a header."
  }

  validation {
    condition     = startswith(var.authorizer.token_pattern, "^") && endswith(var.authorizer.token_pattern, "$") && can(regexall(var.authorizer.token_pattern, ""))
    error_message = "authorizer.token_pattern must be a regular expression anchored by ^ and $."
  }
}
