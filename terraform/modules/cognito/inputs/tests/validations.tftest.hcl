variables {
  env_name   = "dev"
  region     = "eu-west-1"
  account_id = "111122223333"

  pre_token_generation_lambda_arn = "arn:aws:lambda:eu-west-1:111122223333:function:token-claims:live"

  domain_prefix = "access-dev"
  app_clients   = { main = {} }
  authorizer = {
    function_arn        = "arn:aws:lambda:eu-west-1:111122223333:function:authorizer:live"
    invocation_role_arn = "arn:aws:iam::111122223333:role/authorizer-invocation"
  }
}

run "rejects_no_client" {
  command = plan
  variables {
    project_name                    = "Shop"
    env_name                        = "dev-1"
    mfa                             = "SMS"
    threat_protection               = "BLOCK"
    password_policy                 = { minimum_length = 11 }
    email                           = { source_arn = "example.com", from_email_address = "access@example.com" }
    app_clients                     = {}
    authorizer                      = { function_arn = "authorizer", invocation_role_arn = "arn:aws:iam::111122223333:role/authorizer-invocation" }
    pre_token_generation_lambda_arn = "token-claims"
  }
  expect_failures = [var.project_name, var.env_name, var.mfa, var.threat_protection, var.password_policy, var.email, var.app_clients, var.authorizer, var.pre_token_generation_lambda_arn]
}

run "rejects_client_name" {
  command = plan
  variables {
    threat_protection               = "AUDIT"
    password_policy                 = { temporary_password_validity_days = 31 }
    email                           = { source_arn = "arn:aws:ses:eu-west-1:111122223333:identity/example.com", from_email_address = "access" }
    app_clients                     = { Main = {} }
    authorizer                      = { function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:authorizer:live", invocation_role_arn = "arn:aws:iam::111122223333:user/somebody" }
    pre_token_generation_lambda_arn = null
  }
  expect_failures = [var.threat_protection, var.password_policy, var.email, var.app_clients, var.authorizer, var.pre_token_generation_lambda_arn]
}

run "rejects_with_lite_what_it_lacks" {
  command = plan
  variables {
    tier            = "LITE"
    password_policy = { password_history_size = 1 }
    app_clients     = { main = {}, portal = { read_attributes = ["custom:organisation_id", "email"] } }
  }
  expect_failures = [var.password_policy, var.app_clients]
}

run "rejects_short_access_token" {
  command = plan
  variables {
    app_clients = { main = { access_token_minutes = 4 } }
    authorizer  = { function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:authorizer:live", invocation_role_arn = "arn:aws:iam::111122223333:role/authorizer-invocation", result_ttl_seconds = 3601 }
  }
  expect_failures = [var.app_clients, var.authorizer]
}

run "rejects_long_id_token" {
  command = plan
  variables {
    password_policy = { password_history_size = 25 }
    app_clients     = { main = { id_token_minutes = 1441, refresh_token_minutes = 2000 } }
    authorizer      = { function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:authorizer:live", invocation_role_arn = "arn:aws:iam::111122223333:role/authorizer-invocation", header = "Authorization,Cookie" }
  }
  expect_failures = [var.password_policy, var.app_clients, var.authorizer]
}

run "rejects_short_refresh_token" {
  command = plan
  variables {
    app_clients = { main = { refresh_token_minutes = 59, access_token_minutes = 5, id_token_minutes = 5 } }
    authorizer  = { function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:authorizer:live", invocation_role_arn = "arn:aws:iam::111122223333:role/authorizer-invocation", token_pattern = "Bearer .+" }
  }
  expect_failures = [var.app_clients, var.authorizer]
}

run "rejects_long_refresh_token" {
  command = plan
  variables {
    app_clients = { main = { refresh_token_minutes = 5256001 } }
    authorizer  = { function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:authorizer:live", invocation_role_arn = "arn:aws:iam::111122223333:role/authorizer-invocation", token_pattern = "^Bearer ($" }
  }
  expect_failures = [var.app_clients, var.authorizer]
}

run "rejects_refresh_token_that_is_not_longer" {
  command = plan
  variables {
    app_clients = { main = { access_token_minutes = 120, refresh_token_minutes = 120 } }
  }
  expect_failures = [var.app_clients]
}

run "rejects_writable_organisation" {
  command = plan
  variables {
    app_clients = { main = { write_attributes = ["name", "custom:organisation_id"] } }
  }
  expect_failures = [var.app_clients]
}

run "rejects_every_attribute_writable" {
  command = plan
  variables {
    app_clients = { main = { write_attributes = [] } }
  }
  expect_failures = [var.app_clients]
}

run "rejects_unwritable_attribute" {
  command = plan
  variables {
    app_clients = { main = { write_attributes = ["email_verified"] } }
  }
  expect_failures = [var.app_clients]
}

run "rejects_unknown_attribute" {
  command = plan
  variables {
    app_clients = { main = { read_attributes = ["password"] } }
  }
  expect_failures = [var.app_clients]
}

run "rejects_no_callback" {
  command = plan
  variables {
    domain_prefix = "access-dev"

    app_clients = { main = { oauth = { callback_urls = [] } } }
  }
  expect_failures = [var.app_clients]
}

run "rejects_plain_http_callback" {
  command = plan
  variables {
    domain_prefix = "access-dev"

    app_clients = { main = { oauth = { callback_urls = ["http://portal.example.com/"] } } }
  }
  expect_failures = [var.app_clients]
}

run "rejects_wildcard_logout" {
  command = plan
  variables {
    domain_prefix = "access-dev"

    app_clients = { main = { oauth = { callback_urls = ["https://portal.example.com/"], logout_urls = ["https://*.example.com/"] } } }
  }
  expect_failures = [var.app_clients]
}

run "rejects_scopes_without_openid" {
  command = plan
  variables {
    domain_prefix = "access-dev"

    app_clients = { main = { oauth = { callback_urls = ["https://portal.example.com/"], scopes = ["email"] } } }
  }
  expect_failures = [var.app_clients]
}

run "rejects_unknown_scope" {
  command = plan
  variables {
    domain_prefix = "access-dev"

    app_clients = { main = { oauth = { callback_urls = ["https://portal.example.com/"], scopes = ["openid", "admin"] } } }
  }
  expect_failures = [var.app_clients]
}

run "rejects_hosted_pages_without_domain" {
  command = plan
  variables {
    domain_prefix = null
    app_clients   = { main = { oauth = { callback_urls = ["https://portal.example.com/"] } } }
  }
  expect_failures = [var.app_clients]
}

run "rejects_region" {
  command = plan
  variables {
    region = "Ireland"
  }
  expect_failures = [var.region]
}

run "rejects_domain" {
  command = plan
  variables {
    domain_prefix = "Access"
  }
  expect_failures = [var.domain_prefix]
}

run "rejects_existing_pool_of_another_region" {
  command = plan
  variables {
    existing_user_pool_id           = "us-east-1_aBcDeFgHi"
    pre_token_generation_lambda_arn = null
    domain_prefix                   = null
  }
  expect_failures = [var.existing_user_pool_id]
}

run "rejects_trigger_and_domain_of_an_existing_pool" {
  command = plan
  variables {
    existing_user_pool_id = "eu-west-1_aBcDeFgHi"
    domain_prefix         = "access-dev"
  }
  expect_failures = [var.pre_token_generation_lambda_arn, var.domain_prefix]
}

run "rejects_reserved_domain" {
  command = plan
  variables {
    domain_prefix = "my-cognito"
  }
  expect_failures = [var.domain_prefix]
}

run "rejects_account_id" {
  command = plan
  variables {
    account_id = "1234"
    tier       = "FREE"
  }
  expect_failures = [var.account_id, var.tier]
}
