# Plans of the three environments, and what a pool, its clients and the authorizer's definition hold.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

provider "aws" {
  alias                       = "africa"
  region                      = "af-south-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  env_name   = "dev"
  region     = "eu-west-1"
  account_id = "111122223333"

  pre_token_generation_lambda_arn = "arn:aws:lambda:eu-west-1:111122223333:function:bbws-access-dev-lambda-token-claims:live"

  app_clients = { main = {} }
  authorizer = {
    function_arn        = "arn:aws:lambda:eu-west-1:111122223333:function:bbws-access-dev-lambda-authorizer:live"
    invocation_role_arn = "arn:aws:iam::111122223333:role/bbws-access-dev-role-authorizer-invocation"
  }
}

run "dev" {
  command = plan

  variables {
    deletion_protection_enabled = false
    tags                        = { Component = "sign-in" }
  }

  assert {
    condition = (
      aws_cognito_user_pool.this[0].name == "bbws-access-dev-userpool"
      && aws_cognito_user_pool.this[0].user_pool_tier == "ESSENTIALS"
      && aws_cognito_user_pool.this[0].deletion_protection == "INACTIVE"
      && aws_cognito_user_pool.this[0].tags == tomap({ Component = "sign-in" })
    )
    error_message = "The pool must have its name, tier, protection and tags."
  }

  assert {
    condition = (
      aws_cognito_user_pool.this[0].username_attributes == toset(["email"])
      && aws_cognito_user_pool.this[0].auto_verified_attributes == toset(["email"])
      && !aws_cognito_user_pool.this[0].username_configuration[0].case_sensitive
      && aws_cognito_user_pool.this[0].user_attribute_update_settings[0].attributes_require_verification_before_update == toset(["email"])
    )
    error_message = "People must sign in by a verified e-mail address, whatever the case of its letters."
  }

  assert {
    condition     = aws_cognito_user_pool.this[0].admin_create_user_config[0].allow_admin_create_user_only
    error_message = "Nobody may sign up by themselves."
  }

  assert {
    condition = (
      aws_cognito_user_pool.this[0].admin_create_user_config[0].invite_message_template[0].email_subject == "Your new account"
      && strcontains(aws_cognito_user_pool.this[0].admin_create_user_config[0].invite_message_template[0].email_message, "valid for 3 days")
    )
    error_message = "The first mail must say how long its password is valid, as the pool has it."
  }

  assert {
    condition = (
      aws_cognito_user_pool.this[0].password_policy[0].minimum_length == 12
      && aws_cognito_user_pool.this[0].password_policy[0].require_lowercase
      && aws_cognito_user_pool.this[0].password_policy[0].require_uppercase
      && aws_cognito_user_pool.this[0].password_policy[0].require_numbers
      && aws_cognito_user_pool.this[0].password_policy[0].require_symbols
      && aws_cognito_user_pool.this[0].password_policy[0].temporary_password_validity_days == 3
      && aws_cognito_user_pool.this[0].password_policy[0].password_history_size == 5
    )
    error_message = "Passwords must be long, mixed and new."
  }

  assert {
    condition = (
      aws_cognito_user_pool.this[0].mfa_configuration == "OPTIONAL"
      && aws_cognito_user_pool.this[0].software_token_mfa_configuration[0].enabled
      && length(aws_cognito_user_pool.this[0].user_pool_add_ons) == 0
    )
    error_message = "A second factor must be possible."
  }

  assert {
    condition = (
      aws_cognito_user_pool.this[0].email_configuration[0].email_sending_account == "COGNITO_DEFAULT"
      && aws_cognito_user_pool.this[0].email_configuration[0].source_arn == null
      && aws_cognito_user_pool.this[0].email_configuration[0].from_email_address == null
    )
    error_message = "Without an identity Cognito itself must be said to send, or a plan would not show that an earlier one is gone."
  }

  assert {
    condition     = [for mechanism in aws_cognito_user_pool.this[0].account_recovery_setting[0].recovery_mechanism : mechanism.name] == ["verified_email"]
    error_message = "An account must be recovered through the verified address alone."
  }

  assert {
    condition = (
      aws_cognito_user_pool.this[0].lambda_config[0].pre_token_generation_config[0].lambda_version == "V2_0" && output.token_use == "access"
      && aws_cognito_user_pool.this[0].lambda_config[0].pre_token_generation_config[0].lambda_arn == var.pre_token_generation_lambda_arn
    )
    error_message = "The trigger must be of the version that can write into access tokens."
  }

  assert {
    condition = (
      aws_cognito_user_pool_client.this["main"].name == "bbws-access-dev-client-main"
      && aws_cognito_user_pool_client.this["main"].explicit_auth_flows == toset(["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"])
      && !aws_cognito_user_pool_client.this["main"].generate_secret
      && aws_cognito_user_pool_client.this["main"].prevent_user_existence_errors == "ENABLED"
      && aws_cognito_user_pool_client.this["main"].enable_token_revocation
      && !aws_cognito_user_pool_client.this["main"].allowed_oauth_flows_user_pool_client
    )
    error_message = "A client must sign in by SRP alone, without a secret, and not tell who exists."
  }

  assert {
    condition = (
      !contains(aws_cognito_user_pool_client.this["main"].write_attributes, "custom:organisation_id")
      && length(aws_cognito_user_pool_client.this["main"].write_attributes) > 0
      && contains(aws_cognito_user_pool_client.this["main"].read_attributes, "custom:organisation_id")
    )
    error_message = "A client may read a person's organisation and never write it."
  }

  assert {
    condition = (
      aws_cognito_user_pool_client.this["main"].access_token_validity == 60
      && aws_cognito_user_pool_client.this["main"].id_token_validity == 60
      && aws_cognito_user_pool_client.this["main"].refresh_token_validity == 1440
      && alltrue([for units in aws_cognito_user_pool_client.this["main"].token_validity_units : units.access_token == "minutes" && units.id_token == "minutes" && units.refresh_token == "minutes"])
    )
    error_message = "Tokens must live for the minutes that are given."
  }

  assert {
    condition = output.authorizer == {
      name                           = "bbws-access-dev-authorizer"
      type                           = "token"
      uri                            = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:bbws-access-dev-lambda-authorizer:live/invocations"
      credentials_arn                = "arn:aws:iam::111122223333:role/bbws-access-dev-role-authorizer-invocation"
      identity_source                = "method.request.header.Authorization"
      identity_validation_expression = "^[Bb][Ee][Aa][Rr][Ee][Rr] +[0-9A-Za-z_-]+\\.[0-9A-Za-z_-]+\\.[0-9A-Za-z_-]*$"
      result_ttl_seconds             = 300
    }
    error_message = "The authorizer's definition must be whole, and known before anything is applied."
  }

  assert {
    condition = alltrue([
      for header in ["Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-_", "Bearer a.b.", "bearer a.b.c", "BEARER a.b.c", "Bearer  a.b.c"] : can(regex(output.authorizer.identity_validation_expression, header))
      ]) && alltrue([
      for header in ["", "Bearer ", "Bearer abc", "Bearer a.b", "Bearer a..c", "Bearer a.b.c.d", "Bearera.b.c", "Basic a.b.c", "Bearer a.b.c ", "Bearer\ta.b.c", "Bearer a.b.c\n", "Bearer a+b.c.d", "x Bearer a.b.c"] :
      !can(regex(output.authorizer.identity_validation_expression, header))
    ])
    error_message = "The token pattern must admit three base64url parts and nothing else."
  }

  assert {
    condition     = output.domain == null && length(aws_cognito_user_pool_domain.this) == 0
    error_message = "Sign-in pages are made only where they are asked for."
  }
}

run "sit" {
  command = plan

  variables {
    env_name = "sit"
    mfa      = "OFF"
    app_clients = {
      portal = {
        access_token_minutes  = 15
        id_token_minutes      = 15
        refresh_token_minutes = 480
        write_attributes      = ["name", "custom:theme"]
        oauth                 = { callback_urls = ["https://portal.sit.example.com/signed-in"], logout_urls = ["https://portal.sit.example.com/"] }
      }
      tool = {}
    }
    domain_prefix = "access-sit"
    email         = { source_arn = "arn:aws:ses:eu-west-1:111122223333:identity/example.com", from_email_address = "Access <access@example.com>" }
  }

  assert {
    condition = (
      aws_cognito_user_pool_client.this["portal"].allowed_oauth_flows_user_pool_client
      && aws_cognito_user_pool_client.this["portal"].allowed_oauth_flows == toset(["code"])
      && aws_cognito_user_pool_client.this["portal"].allowed_oauth_scopes == toset(["email", "openid", "profile"])
      && aws_cognito_user_pool_client.this["portal"].callback_urls == toset(["https://portal.sit.example.com/signed-in"])
      && aws_cognito_user_pool_client.this["portal"].access_token_validity == 15
      && !aws_cognito_user_pool_client.this["tool"].allowed_oauth_flows_user_pool_client
    )
    error_message = "Only a client that asks for it may use the hosted pages, and by code alone."
  }

  assert {
    condition     = output.domain == "https://access-sit.auth.eu-west-1.amazoncognito.com"
    error_message = "The hosted pages must have an address."
  }

  assert {
    condition = (
      aws_cognito_user_pool.this[0].email_configuration[0].email_sending_account == "DEVELOPER"
      && aws_cognito_user_pool.this[0].email_configuration[0].source_arn == "arn:aws:ses:eu-west-1:111122223333:identity/example.com"
    )
    error_message = "E-mail must be sent by the given identity."
  }

  assert {
    condition     = aws_cognito_user_pool.this[0].mfa_configuration == "OFF" && length(aws_cognito_user_pool.this[0].software_token_mfa_configuration) == 0
    error_message = "The second factor must be what is given."
  }
}

run "prod" {
  command = plan

  providers = {
    aws = aws.africa
  }

  variables {
    env_name                        = "prod"
    region                          = "af-south-1"
    mfa                             = "ON"
    tier                            = "PLUS"
    threat_protection               = "ENFORCED"
    pre_token_generation_lambda_arn = "arn:aws:lambda:af-south-1:111122223333:function:bbws-access-prod-lambda-token-claims:live"
    password_policy                 = { minimum_length = 16, temporary_password_validity_days = 1, password_history_size = 24 }
    authorizer                      = merge(var.authorizer, { function_arn = "arn:aws:lambda:af-south-1:111122223333:function:bbws-access-prod-lambda-authorizer:live" })
  }

  assert {
    condition = (
      aws_cognito_user_pool.this[0].deletion_protection == "ACTIVE"
      && aws_cognito_user_pool.this[0].mfa_configuration == "ON"
      && aws_cognito_user_pool.this[0].user_pool_tier == "PLUS"
      && aws_cognito_user_pool.this[0].user_pool_add_ons[0].advanced_security_mode == "ENFORCED"
      && aws_cognito_user_pool.this[0].password_policy[0].minimum_length == 16
    )
    error_message = "PROD's pool must be protected, with a second factor for everyone."
  }

  assert {
    condition     = startswith(output.authorizer.uri, "arn:aws:apigateway:af-south-1:lambda:path/")
    error_message = "The authorizer must be called in the region of its API."
  }
}

run "lite" {
  command = plan

  variables {
    tier            = "LITE"
    password_policy = { password_history_size = 0 }
  }

  assert {
    condition = (
      aws_cognito_user_pool.this[0].user_pool_tier == "LITE"
      && aws_cognito_user_pool.this[0].lambda_config[0].pre_token_generation_config[0].lambda_version == "V1_0"
      && aws_cognito_user_pool.this[0].password_policy[0].password_history_size == 0
    )
    error_message = "LITE runs the trigger that writes into id tokens, and remembers no former passwords."
  }

  assert {
    condition     = output.token_use == "id"
    error_message = "Whoever checks tokens must hear that it is id tokens that carry the organisation."
  }
}

run "existing_pool" {
  command = plan

  variables {
    existing_user_pool_id           = "eu-west-1_aBcDeFgHi"
    pre_token_generation_lambda_arn = null
    app_clients                     = { main = { oauth = { callback_urls = ["https://portal.example.com/"] } } }
  }

  assert {
    condition = (
      length(aws_cognito_user_pool.this) == 0
      && aws_cognito_user_pool_client.this["main"].user_pool_id == "eu-west-1_aBcDeFgHi"
      && output.user_pool_id == "eu-west-1_aBcDeFgHi"
      && output.user_pool_arn == "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_aBcDeFgHi"
      && output.issuer == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_aBcDeFgHi"
      && output.jwks_uri == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_aBcDeFgHi/.well-known/jwks.json"
    )
    error_message = "The clients of an existing pool must be made in it, and no pool beside it."
  }
}
