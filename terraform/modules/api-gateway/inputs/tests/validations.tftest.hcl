variables {
  env_name = "dev"

  services = {
    shop = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:shop/invocations"
  }
  authorizer = {
    name                           = "shop-authorizer"
    uri                            = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:authorizer/invocations"
    credentials_arn                = "arn:aws:iam::111122223333:role/authorizer-invocation"
    identity_validation_expression = "^Bearer .+$"
  }
  access_log_group_arn = "arn:aws:logs:eu-west-1:111122223333:log-group:api-access"
  cors                 = { allowed_origins = ["https://shop.example.com"] }
  throttle             = { rate_limit = 10, burst_limit = 5 }

  openapi_document = jsonencode({
    openapi = "3.0.3"
    info    = { title = "Shop", version = "1.0.0" }
    paths = {
      "/orders/{orderId}" = {
        parameters = [{ "$ref" = "#/components/parameters/OrderId" }]
        put = {
          "x-bbws-service" = "shop"
          requestBody      = { required = true, content = { "application/json" = { schema = { "$ref" = "#/components/schemas/OrderRequest" } } } }
          responses        = { "200" = { description = "The order" }, default = { description = "An error" } }
        }
      }
    }
    components = {
      parameters = { OrderId = { name = "orderId", in = "path", required = true, schema = { type = "string" } } }
      schemas    = { OrderRequest = { type = "object", properties = { amount = { type = "integer", minimum = 1 }, example = { type = "string" } } } }
    }
  })
}

run "rejects_wrong_values_first" {
  command = plan
  variables {
    authorizer = {
      name                           = "shop authorizer"
      type                           = "token"
      uri                            = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:authorizer/invocations"
      credentials_arn                = "arn:aws:iam::111122223333:role/authorizer-invocation"
      identity_source                = "method.request.header.Authorization"
      identity_validation_expression = "^Bearer .+$"
      result_ttl_seconds             = 300
    }
    cors                             = { allowed_origins = ["https://shop.example.com/"] }
    custom_domain                    = { domain_name = "*.example.com", certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1" }
    web_acl                          = { managed_rule_groups = { Mine = { priority = 1 } } }
    execution_logging                = { level = "DEBUG" }
    throttle                         = { rate_limit = 0, burst_limit = 5 }
    integration_timeout_milliseconds = 29001
    openapi_document                 = "{"
    project_name                     = "Shop"
    env_name                         = "dev-1"
    stage_name                       = "v1/beta"
    extension_prefix                 = "bbws"
    access_log_group_arn             = "api-access"
    resource_policy                  = "{}"
    services                         = { shop = "arn:aws:lambda:eu-west-1:111122223333:function:shop" }
  }
  expect_failures = [var.authorizer, var.cors, var.custom_domain, var.web_acl, var.execution_logging, var.throttle, var.integration_timeout_milliseconds, var.openapi_document, var.project_name, var.env_name, var.stage_name, var.extension_prefix, var.access_log_group_arn, var.resource_policy, var.services]
}

run "rejects_wrong_values_second" {
  command = plan
  variables {
    authorizer = {
      name                           = "shop-authorizer"
      type                           = "request"
      uri                            = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:authorizer/invocations"
      credentials_arn                = "arn:aws:iam::111122223333:role/authorizer-invocation"
      identity_source                = "method.request.header.Authorization"
      identity_validation_expression = "^Bearer .+$"
      result_ttl_seconds             = 300
    }
    cors                             = { allowed_origins = ["https://*.example.com"] }
    custom_domain                    = { domain_name = "api.example.com", certificate_arn = "1" }
    web_acl                          = { managed_rule_groups = { AWSManagedRulesCommonRuleSet = { priority = 1 }, AWSManagedRulesSQLiRuleSet = { priority = 1 } } }
    execution_logging                = { retention_days = 31 }
    throttle                         = { rate_limit = 10, burst_limit = 1.5 }
    integration_timeout_milliseconds = 49
    openapi_document                 = jsonencode({ openapi = "3.1.0", info = { title = "Shop", version = "1" }, paths = {} })
  }
  expect_failures = [var.authorizer, var.cors, var.custom_domain, var.web_acl, var.execution_logging, var.throttle, var.integration_timeout_milliseconds, var.openapi_document]
}

run "rejects_wrong_values_third" {
  command = plan
  variables {
    authorizer = {
      name                           = "shop-authorizer"
      type                           = "token"
      uri                            = "https://example.com"
      credentials_arn                = "arn:aws:iam::111122223333:role/authorizer-invocation"
      identity_source                = "method.request.header.Authorization"
      identity_validation_expression = "^Bearer .+$"
      result_ttl_seconds             = 300
    }
    cors              = { allowed_origins = ["https://shop.example.com'"] }
    custom_domain     = { domain_name = "api.example.com", certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1", base_path = "a/b" }
    web_acl           = { managed_rule_groups = { AWSManagedRulesCommonRuleSet = { priority = 0 } } }
    execution_logging = { kms_key_arn = "alias/logs" }
    throttle          = { rate_limit = 10001, burst_limit = 5 }
    openapi_document  = jsonencode({ openapi = "3.0.3", info = { title = "Shop", version = "1" } })
  }
  expect_failures = [var.authorizer, var.cors, var.custom_domain, var.web_acl, var.execution_logging, var.throttle, var.openapi_document]
}

run "rejects_wrong_values_fourth" {
  command = plan
  variables {
    authorizer = {
      name                           = "shop-authorizer"
      type                           = "token"
      uri                            = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:authorizer/invocations"
      credentials_arn                = "arn:aws:iam::111122223333:user/somebody"
      identity_source                = "method.request.header.Authorization"
      identity_validation_expression = "^Bearer .+$"
      result_ttl_seconds             = 300
    }
    cors          = { allowed_origins = ["*", "https://shop.example.com"] }
    custom_domain = { domain_name = "api.example.com", certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1", hosted_zone_id = "example.com" }
    web_acl       = { rate_limit = 9 }
    throttle      = { rate_limit = 10, burst_limit = 5001 }
  }
  expect_failures = [var.authorizer, var.cors, var.custom_domain, var.web_acl, var.throttle]
}

run "rejects_wrong_values_fifth" {
  command = plan
  variables {
    authorizer = {
      name                           = "shop-authorizer"
      type                           = "token"
      uri                            = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:authorizer/invocations"
      credentials_arn                = "arn:aws:iam::111122223333:role/authorizer-invocation"
      identity_source                = "method.request.querystring.token"
      identity_validation_expression = "^Bearer .+$"
      result_ttl_seconds             = 300
    }
    cors    = { allowed_origins = ["*"], max_age_seconds = 86401 }
    web_acl = { log_destination_arn = "arn:aws:logs:eu-west-1:111122223333:log-group:waf" }
  }
  expect_failures = [var.authorizer, var.cors, var.web_acl]
}

run "rejects_wrong_values_sixth" {
  command = plan
  variables {
    authorizer = {
      name                           = "shop-authorizer"
      type                           = "token"
      uri                            = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:authorizer/invocations"
      credentials_arn                = "arn:aws:iam::111122223333:role/authorizer-invocation"
      identity_source                = "method.request.header.Authorization"
      identity_validation_expression = "Bearer .+"
      result_ttl_seconds             = 300
    }
  }
  expect_failures = [var.authorizer]
}

run "rejects_wrong_values_seventh" {
  command = plan
  variables {
    authorizer = {
      name                           = "shop-authorizer"
      type                           = "token"
      uri                            = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:authorizer/invocations"
      credentials_arn                = "arn:aws:iam::111122223333:role/authorizer-invocation"
      identity_source                = "method.request.header.Authorization"
      identity_validation_expression = "^Bearer .+$"
      result_ttl_seconds             = 3601
    }
  }
  expect_failures = [var.authorizer]
}

run "rejects_any_page_where_origins_must_be_named" {
  command = plan
  variables {
    require_named_origins = true
    cors                  = { allowed_origins = ["*"] }

    # Without a domain nothing could reach the API.
    disable_execute_api_endpoint = true
  }
  expect_failures = [var.require_named_origins, var.disable_execute_api_endpoint]
}

run "rejects_plain_http_where_origins_must_be_named" {
  command = plan
  variables {
    require_named_origins = true
    cors                  = { allowed_origins = ["http://localhost:3000"] }
  }
  expect_failures = [var.require_named_origins]
}

run "rejects_braces_around_a_secret" {
  command = plan

  variables {
    untraced_path_parameters = ["{orderId}"]
  }

  expect_failures = [var.untraced_path_parameters]
}

run "rejects_region" {
  command = plan

  variables {
    region = "Ireland"
  }

  expect_failures = [var.region]
}

run "rejects_account_id" {
  command = plan

  variables {
    account_id = "12"
  }

  expect_failures = [var.account_id]
}

run "rejects_any_header" {
  command = plan

  variables {
    cors = { allowed_origins = ["https://portal.example.com"], allowed_headers = ["*"] }
  }

  expect_failures = [var.cors]
}

run "rejects_exposed_list_in_one_text" {
  command = plan

  variables {
    cors = { allowed_origins = ["https://portal.example.com"], exposed_headers = ["Location,Retry-After"] }
  }

  expect_failures = [var.cors]
}
