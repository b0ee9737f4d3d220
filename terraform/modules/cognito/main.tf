locals {
  name_prefix = "${var.project_name}-${var.env_name}"
  own_pool    = var.existing_user_pool_id == null

  user_pool_id = local.own_pool ? one(aws_cognito_user_pool.this[*].id) : var.existing_user_pool_id
  user_pool_arn = (
    local.own_pool
    ? one(aws_cognito_user_pool.this[*].arn)
    : "arn:${local.partition}:cognito-idp:${local.region}:${local.account_id}:userpool/${var.existing_user_pool_id}"
  )
  issuer = "https://cognito-idp.${local.region}.${local.dns_suffix}/${local.user_pool_id}"

  # An import in overwrite mode drops authorizers that stand beside the API document, so this one travels inside it.
  authorizer = {
    name = "${local.name_prefix}-authorizer"
    type = "token"
    uri = join(":", [
      "arn", split(":", module.inputs.authorizer.function_arn)[1], "apigateway", local.region, "lambda",
      "path/2015-03-31/functions/${module.inputs.authorizer.function_arn}/invocations",
    ])
    credentials_arn                = module.inputs.authorizer.invocation_role_arn
    identity_source                = "method.request.header.${module.inputs.authorizer.header}"
    identity_validation_expression = module.inputs.authorizer.token_pattern
    result_ttl_seconds             = module.inputs.authorizer.result_ttl_seconds
  }
}

resource "aws_cognito_user_pool" "this" {
  count = local.own_pool ? 1 : 0

  name                     = "${local.name_prefix}-userpool"
  user_pool_tier           = var.tier
  deletion_protection      = var.deletion_protection_enabled ? "ACTIVE" : "INACTIVE"
  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]
  mfa_configuration        = var.mfa
  tags                     = var.tags

  username_configuration {
    case_sensitive = false
  }

  admin_create_user_config {
    allow_admin_create_user_only = true

    # Never left out: without the block a plan would show no change, and a mail that is gone would stay.
    invite_message_template {
      email_subject = var.account_mail_subject
      email_message = replace(var.account_mail_html, "{days}", module.inputs.password_policy.temporary_password_validity_days)

      # Nobody has a telephone number here; left out, the provider sends an empty text with an update, which Cognito refuses.
      sms_message = "{username}, your first password is {####}"
    }
  }

  # Cognito never changes or removes an attribute of a pool, and a required custom attribute is refused outright. A changed value here
  # plans as an update and fails at apply, so tests/schema.tftest.hcl freezes this block.
  schema {
    name                     = "organisation_id"
    attribute_data_type      = "String"
    mutable                  = true
    required                 = false
    developer_only_attribute = false

    string_attribute_constraints {
      min_length = 0
      max_length = 64
    }
  }

  password_policy {
    minimum_length                   = module.inputs.password_policy.minimum_length
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = true
    require_uppercase                = true
    temporary_password_validity_days = module.inputs.password_policy.temporary_password_validity_days
    password_history_size            = module.inputs.password_policy.password_history_size
  }

  dynamic "software_token_mfa_configuration" {
    for_each = var.mfa == "OFF" ? [] : [true]

    content {
      enabled = true
    }
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  # The address that a person signs in with changes only after the new one has been proven.
  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }

  dynamic "user_pool_add_ons" {
    for_each = var.threat_protection == "OFF" ? [] : [var.threat_protection]

    content {
      advanced_security_mode = user_pool_add_ons.value
    }
  }

  # Required whenever the pool is made here: taking it out later would show no change in a plan and leave the old trigger in place.
  lambda_config {
    pre_token_generation_config {
      lambda_arn     = var.pre_token_generation_lambda_arn
      lambda_version = var.tier == "LITE" ? "V1_0" : "V2_0"
    }
  }

  # Never left out: without the block a plan would show no change, and a sender that is gone would stay.
  email_configuration {
    email_sending_account  = module.inputs.email == null ? "COGNITO_DEFAULT" : "DEVELOPER"
    source_arn             = try(module.inputs.email.source_arn, null)
    from_email_address     = try(module.inputs.email.from_email_address, null)
    reply_to_email_address = try(module.inputs.email.reply_to_email_address, null)
    configuration_set      = try(module.inputs.email.configuration_set, null)
  }
}

resource "aws_cognito_user_pool_client" "this" {
  for_each = module.inputs.app_clients

  name         = "${local.name_prefix}-client-${each.key}"
  user_pool_id = local.user_pool_id

  generate_secret               = false
  explicit_auth_flows           = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true
  read_attributes               = each.value.read_attributes
  write_attributes              = each.value.write_attributes

  access_token_validity  = each.value.access_token_minutes
  id_token_validity      = each.value.id_token_minutes
  refresh_token_validity = each.value.refresh_token_minutes

  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "minutes"
  }

  allowed_oauth_flows_user_pool_client = each.value.oauth != null
  allowed_oauth_flows                  = each.value.oauth == null ? null : ["code"]
  allowed_oauth_scopes                 = each.value.oauth == null ? null : each.value.oauth.scopes
  callback_urls                        = each.value.oauth == null ? null : each.value.oauth.callback_urls
  logout_urls                          = each.value.oauth == null ? null : each.value.oauth.logout_urls
  supported_identity_providers         = each.value.oauth == null ? null : ["COGNITO"]
}

resource "aws_cognito_user_pool_domain" "this" {
  count = var.domain_prefix == null ? 0 : 1

  domain       = var.domain_prefix
  user_pool_id = local.user_pool_id
}
