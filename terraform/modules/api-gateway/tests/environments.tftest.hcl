# Plans of the three environments with the real contract, and what the gateway's document made from it holds.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  openapi_document = file("../../../contract/openapi.json")

  services = {
    for service in ["permission", "role", "team", "invitation"] : service =>
    "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:${service}:live/invocations"
  }
  authorizer = {
    name                           = "bbws-access-dev-authorizer"
    uri                            = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:authorizer:live/invocations"
    credentials_arn                = "arn:aws:iam::111122223333:role/authorizer-invocation"
    identity_validation_expression = "^[Bb][Ee][Aa][Rr][Ee][Rr] +[0-9A-Za-z_-]+\\.[0-9A-Za-z_-]+\\.[0-9A-Za-z_-]*$"
  }
  access_log_group_arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/bbws-access/dev/api-access:*"
  env_name             = "dev"
  cors                 = { allowed_origins = ["*"] }
  throttle             = { rate_limit = 100, burst_limit = 50 }
}

run "dev" {
  command = plan

  variables {
    execution_logging = { level = "INFO", retention_days = 30 }
    tags              = { Component = "api" }
  }

  assert {
    condition     = aws_api_gateway_rest_api.this.name == "bbws-access-dev-apigw" && output.name == "bbws-access-dev-apigw"
    error_message = "The API's name must follow the convention."
  }

  assert {
    condition = (
      aws_api_gateway_rest_api.this.fail_on_warnings
      && aws_api_gateway_rest_api.this.put_rest_api_mode != "merge"
      && aws_api_gateway_rest_api.this.endpoint_configuration[0].types[0] == "REGIONAL"
      && aws_api_gateway_rest_api.this.body == output.body
      && output.body == jsonencode(local.gateway_document)
      && jsonencode(local.document) == jsonencode(jsondecode(var.openapi_document))
    )
    error_message = "The API must be regional and imported whole, failing on warnings."
  }

  assert {
    condition     = aws_api_gateway_rest_api.this.tags == tomap({ Component = "api" }) && aws_api_gateway_stage.this.tags == tomap({ Component = "api" })
    error_message = "API and stage must carry the tags."
  }

  assert {
    condition = (
      toset(flatten([for path, item in local.gateway_document.paths : [for method in keys(item) : "${upper(method)} ${path}" if method != "options"]]))
      == toset(flatten([for path, item in local.document.paths : [for method in keys(item) : "${upper(method)} ${path}"]]))
    )
    error_message = "The gateway must serve exactly the routes of the contract."
  }

  assert {
    condition     = toset(keys(output.routes)) == toset(flatten([for path, item in local.document.paths : [for method in keys(item) : "${upper(method)} ${path}"]]))
    error_message = "The output routes must be the routes of the contract."
  }

  assert {
    condition = alltrue(flatten([
      for path, item in local.gateway_document.paths : [
        for method, operation in item : (
          method == "options" || try(local.document.paths[path][method]["x-bbws-access"] == "public", false)
          ? length(operation.security) == 0
          : length(operation.security) == 1 && keys(operation.security[0])[0] == "bbws-access-dev-authorizer"
        )
      ]
    ]))
    error_message = "Every operation that is not public, and no other, must be guarded by the authorizer."
  }

  assert {
    condition     = toset([for key, route in output.routes : key if route.public]) == toset(["GET /health", "GET /invitations/{token}", "POST /invitations/{token}/accept", "POST /invitations/{token}/decline"])
    error_message = "Health and what an invitation's token opens must be public, and nothing else."
  }

  assert {
    condition = alltrue(flatten([
      for path, item in local.gateway_document.paths : [
        for method, operation in item : operation["x-amazon-apigateway-request-validator"] == "parameters" if method != "options"
      ]
    ])) && local.gateway_document["x-amazon-apigateway-request-validators"].parameters == { validateRequestBody = false, validateRequestParameters = true }
    error_message = "Every operation must have its parameters checked, and leave its body to the function, which names the field."
  }

  assert {
    condition = alltrue(flatten([
      for path, item in local.gateway_document.paths : [
        for method, operation in item : (
          operation["x-amazon-apigateway-integration"].type == "aws_proxy"
          && operation["x-amazon-apigateway-integration"].httpMethod == "POST"
          && operation["x-amazon-apigateway-integration"].timeoutInMillis == 29000
          && operation["x-amazon-apigateway-integration"].uri == var.services[local.document.paths[path][method]["x-bbws-service"]]
        ) if method != "options"
      ]
    ]))
    error_message = "Every operation must go to the function of its service."
  }

  assert {
    condition = alltrue(flatten([
      for path, item in local.document.paths : [
        for method, operation in item : (
          local.gateway_document.paths[path][method].requestBody.content["application/json"].schema["$ref"]
          == operation.requestBody.content["application/json"].schema["$ref"]
        ) if can(operation.requestBody)
      ]
    ]))
    error_message = "Every operation that takes a body must name the contract's model."
  }

  assert {
    condition = alltrue([
      for name, schema in local.gateway_document.components.schemas : jsonencode(schema) == jsonencode(local.document.components.schemas[name])
    ]) && alltrue([for name in keys(local.gateway_document.components.schemas) : endswith(name, "Request")])
    error_message = "The models must be the contract's request schemas, unchanged."
  }

  assert {
    condition = alltrue(flatten([
      for path, item in local.gateway_document.paths : [
        for method, operation in item : [
          for variable in flatten(regexall("\\{([^}]+)\\}", path)) :
          contains([for parameter in operation.parameters : parameter.name if parameter.in == "path" && parameter.required], variable)
        ]
      ]
    ]))
    error_message = "Every variable of a path must be a required parameter."
  }

  assert {
    condition = alltrue([
      for extension in distinct(flatten(regexall("\"(x-[0-9a-z-]+)\":", output.body))) : startswith(extension, "x-amazon-apigateway-")
    ])
    error_message = "Only extensions that API Gateway knows may be in its document."
  }

  assert {
    condition = local.gateway_document.components.securitySchemes["bbws-access-dev-authorizer"] == {
      type                           = "apiKey"
      in                             = "header"
      name                           = "Authorization"
      "x-amazon-apigateway-authtype" = "custom"
      "x-amazon-apigateway-authorizer" = {
        type                         = "token"
        authorizerUri                = var.authorizer.uri
        authorizerCredentials        = var.authorizer.credentials_arn
        authorizerResultTtlInSeconds = 300
        identityValidationExpression = var.authorizer.identity_validation_expression
      }
    }
    error_message = "The authorizer must stand inside the document."
  }

  # Preflight

  assert {
    condition = alltrue([
      for path, item in local.gateway_document.paths : (
        item.options["x-amazon-apigateway-integration"].type == "mock"
        && item.options["x-amazon-apigateway-integration"].responses.default.responseParameters == {
          "method.response.header.Access-Control-Allow-Headers" = "'Authorization,Content-Type'"
          "method.response.header.Access-Control-Allow-Methods" = "'${join(",", sort(concat([for method in keys(item) : upper(method) if method != "options"], ["OPTIONS"])))}'"
          "method.response.header.Access-Control-Allow-Origin"  = "'*'"
          "method.response.header.Access-Control-Max-Age"       = "'600'"
        }
        && !can(item.options["x-amazon-apigateway-integration"].responses.default.responseTemplates)
      )
    ])
    error_message = "Every path must answer the preflight with its own methods."
  }

  # The gateway's own answers

  assert {
    condition = toset(keys(local.gateway_document["x-amazon-apigateway-gateway-responses"])) == toset([
      "ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE", "BAD_REQUEST_BODY",
      "BAD_REQUEST_PARAMETERS", "DEFAULT_4XX", "DEFAULT_5XX", "EXPIRED_TOKEN", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT",
      "INVALID_API_KEY", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE",
      "RESOURCE_NOT_FOUND", "THROTTLED", "UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED",
    ])
    error_message = "Every type of answer that the gateway has must be in our shape."
  }

  assert {
    condition = alltrue([
      for type, response in local.gateway_document["x-amazon-apigateway-gateway-responses"] :
      response.responseParameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
    ])
    error_message = "Every answer of the gateway must be readable by the pages that may call the API."
  }

  assert {
    condition = {
      for type, response in local.gateway_document["x-amazon-apigateway-gateway-responses"] :
      type => response.responseParameters["gatewayresponse.header.Access-Control-Expose-Headers"]
      if can(response.responseParameters["gatewayresponse.header.Access-Control-Expose-Headers"])
      } == {
      UNAUTHORIZED   = "'WWW-Authenticate'"
      EXPIRED_TOKEN  = "'WWW-Authenticate'"
      THROTTLED      = "'Retry-After'"
      QUOTA_EXCEEDED = "'Retry-After'"
    }
    error_message = "Pages must be able to read the headers that an answer is about, and no others."
  }

  assert {
    condition = alltrue([
      for type, response in local.gateway_document["x-amazon-apigateway-gateway-responses"] : (
        keys(jsondecode(replace(response.responseTemplates["application/json"], "$context.error.messageString", "\"text\"")).error)
        == ["code", "details", "message", "requestId"]
        && jsondecode(replace(response.responseTemplates["application/json"], "$context.error.messageString", "\"text\"")).error.requestId == "$context.requestId"
        && contains(
          local.document.components.schemas.Error.properties.error.properties.code.enum,
          jsondecode(replace(response.responseTemplates["application/json"], "$context.error.messageString", "\"text\"")).error.code
        )
      )
    ])
    error_message = "Every answer of the gateway must have the contract's error shape and one of its codes."
  }

  assert {
    condition = {
      for type, response in local.gateway_document["x-amazon-apigateway-gateway-responses"] : type => try(response.statusCode, "-")
      if contains(["UNAUTHORIZED", "ACCESS_DENIED", "MISSING_AUTHENTICATION_TOKEN", "DEFAULT_4XX", "BAD_REQUEST_BODY", "REQUEST_TOO_LARGE", "THROTTLED", "AUTHORIZER_FAILURE", "DEFAULT_5XX"], type)
      } == {
      UNAUTHORIZED                 = "401"
      ACCESS_DENIED                = "403"
      MISSING_AUTHENTICATION_TOKEN = "404"
      DEFAULT_4XX                  = "404"
      BAD_REQUEST_BODY             = "400"
      REQUEST_TOO_LARGE            = "413"
      THROTTLED                    = "429"
      AUTHORIZER_FAILURE           = "500"
      DEFAULT_5XX                  = "-"
    }
    error_message = "The gateway's own answers must have the statuses of the contract."
  }

  assert {
    condition = !can(regex("\\$context\\.(authorizer|integration)|\\$context\\.error\\.(message[^S]|validation)", join("", [
      for type, response in local.gateway_document["x-amazon-apigateway-gateway-responses"] : response.responseTemplates["application/json"]
    ])))
    error_message = "No answer of the gateway may repeat what the authorizer or a service said."
  }

  # Stage

  assert {
    condition     = aws_api_gateway_stage.this.stage_name == "v1" && aws_api_gateway_stage.this.xray_tracing_enabled
    error_message = "The stage must be v1, traced."
  }

  assert {
    condition = (
      aws_api_gateway_stage.this.access_log_settings[0].destination_arn == "arn:aws:logs:eu-west-1:111122223333:log-group:/bbws-access/dev/api-access"
      && jsondecode(aws_api_gateway_stage.this.access_log_settings[0].format) == output.access_log_fields
      && alltrue([for field, variable in output.access_log_fields : startswith(variable, "$context.")])
      && length(aws_api_gateway_stage.this.access_log_settings[0].format) <= 3072
    )
    error_message = "The access log must be JSON of at most 3 KB, every value quoted, in the given group."
  }

  assert {
    condition = alltrue([
      for field in ["requestId", "requestTimeEpoch", "ip", "userAgent", "principal", "route", "method", "status", "responseLatency", "error", "cause"] :
      contains(keys(output.access_log_fields), field)
    ])
    error_message = "The access log must hold who, from where, what, when, with which result and why, and how long it took."
  }

  assert {
    condition = alltrue([
      for variable in ["error.responseType", "error.message", "authorizer.error", "integration.error"] :
      length(regexall("\\$context\\.${variable}( |$)", "${output.access_log_fields["error"]} ${output.access_log_fields["cause"]}")) == 1
    ])
    error_message = "The access log must say what went wrong: for the caller, in the authorizer, and in the integration."
  }

  assert {
    condition     = length(values(output.access_log_fields)) == length(distinct(values(output.access_log_fields))) && length(aws_api_gateway_stage.this.access_log_settings[0].format) <= 520
    error_message = "CloudWatch charges for each byte of each request: nothing may stand in its line twice, nor what its other lines have."
  }

  assert {
    condition     = !contains(values(output.access_log_fields), "$context.path")
    error_message = "The access log must hold no path, which may hold a token."
  }

  assert {
    condition     = length(aws_xray_sampling_rule.untraced) == 0
    error_message = "Every request may be traced, unless told otherwise."
  }

  assert {
    condition     = aws_api_gateway_deployment.this.triggers == tomap({ content = sha1(jsonencode([output.body, false])) })
    error_message = "A deployment must be made anew whenever the document changes."
  }

  assert {
    condition = (
      aws_api_gateway_method_settings.all.method_path == "*/*"
      && aws_api_gateway_method_settings.all.settings[0].throttling_rate_limit == 100
      && aws_api_gateway_method_settings.all.settings[0].throttling_burst_limit == 50
      && !aws_api_gateway_method_settings.all.settings[0].metrics_enabled
      && aws_api_gateway_method_settings.all.settings[0].logging_level == "INFO"
      && !aws_api_gateway_method_settings.all.settings[0].data_trace_enabled
      && !aws_api_gateway_method_settings.all.settings[0].caching_enabled
    )
    error_message = "Every method must be throttled, measured with the stage and not by itself, and no request or answer traced into a log."
  }

  assert {
    condition     = aws_cloudwatch_log_group.execution[0].retention_in_days == 30
    error_message = "The gateway's own log must have a retention."
  }

  assert {
    condition     = length(aws_wafv2_web_acl.this) == 0 && length(aws_api_gateway_domain_name.this) == 0 && length(aws_route53_record.this) == 0
    error_message = "Web ACL and domain are made only where they are asked for."
  }
}

run "dev_without_traces_of_secrets" {
  command = plan

  variables {
    untraced_path_parameters = ["orgId"]
  }

  assert {
    condition = (
      toset(keys(aws_xray_sampling_rule.untraced)) == toset(["/v1/organisations/*", "/organisations/*"])
      && toset(values(aws_xray_sampling_rule.untraced)[*].rule_name) == toset(["bbws-access-dev-secret-1", "bbws-access-dev-secret-2"])
      && alltrue([for rule in values(aws_xray_sampling_rule.untraced) : rule.fixed_rate == 0 && rule.reservoir_size == 0 && rule.url_path != "*"])
    )
    error_message = "Of a request whose path holds a secret nothing is traced."
  }
}

run "sit" {
  command = plan

  variables {
    env_name          = "sit"
    cors              = { allowed_origins = ["http://localhost:3000", "https://portal.sit.example.com"], max_age_seconds = 60 }
    throttle          = { rate_limit = 500, burst_limit = 200 }
    execution_logging = { level = "OFF" }
  }

  assert {
    condition     = output.name == "bbws-access-sit-apigw" && length(aws_cloudwatch_log_group.execution) == 0
    error_message = "Without its own log the gateway needs no group for it."
  }

  assert {
    condition = alltrue([
      for path, item in local.gateway_document.paths : (
        !can(item.options["x-amazon-apigateway-integration"].responses.default.responseParameters["method.response.header.Access-Control-Allow-Origin"])
        && item.options["x-amazon-apigateway-integration"].responses.default.responseParameters["method.response.header.Vary"] == "'Origin'"
        && strcontains(
          item.options["x-amazon-apigateway-integration"].responses.default.responseTemplates["application/json"],
          "#set($allowed = [\"http://localhost:3000\",\"https://portal.sit.example.com\"])"
        )
      )
    ])
    error_message = "With several origins the preflight must name the one that asks, if it is on the list."
  }

  assert {
    condition = alltrue([
      for type, response in local.gateway_document["x-amazon-apigateway-gateway-responses"] :
      !can(response.responseParameters["gatewayresponse.header.Access-Control-Allow-Origin"])
    ])
    error_message = "With several origins the gateway's own answers must not be readable by all."
  }
}

run "prod" {
  command = plan

  variables {
    env_name              = "prod"
    cors                  = { allowed_origins = ["https://portal.example.com"] }
    require_named_origins = true
    throttle              = { rate_limit = 1000, burst_limit = 500 }
    execution_logging     = { level = "ERROR", retention_days = 90, kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1b2c3d4e" }

    disable_execute_api_endpoint     = true
    integration_timeout_milliseconds = 10000

    custom_domain = {
      domain_name     = "access.example.com"
      certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/9f8e7d6c"
      hosted_zone_id  = "Z0123456789ABC"
    }
    web_acl = {
      rate_limit          = 1000
      log_destination_arn = "arn:aws:logs:eu-west-1:111122223333:log-group:aws-waf-logs-bbws-access-prod:*"
    }
    resource_policy = jsonencode({
      Version = "2012-10-17"
      Statement = [
        { Effect = "Allow", Principal = "*", Action = "execute-api:Invoke", Resource = "execute-api:/*" },
        { Effect = "Deny", Principal = "*", Action = "execute-api:Invoke", Resource = "execute-api:/*", Condition = { NotIpAddress = { "aws:SourceIp" = "192.0.2.0/24" } } },
      ]
    })
  }

  assert {
    condition = alltrue(concat(
      [
        for path, item in local.gateway_document.paths : (
          item.options["x-amazon-apigateway-integration"].responses.default.responseParameters["method.response.header.Access-Control-Allow-Origin"] == "'https://portal.example.com'"
          && item.options["x-amazon-apigateway-integration"].responses.default.responseParameters["method.response.header.Vary"] == "'Origin'"
        )
      ],
      [
        for type, response in local.gateway_document["x-amazon-apigateway-gateway-responses"] : (
          response.responseParameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'https://portal.example.com'"
          && response.responseParameters["gatewayresponse.header.Vary"] == "'Origin'"
        )
      ],
    )) && !strcontains(output.body, "'*'")
    error_message = "With one named origin every answer must name it, and no answer any page."
  }

  assert {
    condition = (
      aws_api_gateway_rest_api.this.policy == replace(var.resource_policy, "execute-api:/", "arn:aws:execute-api:*:*:*/")
      && jsonencode(local.gateway_document["x-amazon-apigateway-policy"]) == aws_api_gateway_rest_api.this.policy
    )
    error_message = "The resource policy must stand at the API, where it outlives an import, and inside the document."
  }

  assert {
    condition = (
      aws_api_gateway_domain_name.this[0].security_policy == "TLS_1_2"
      && aws_api_gateway_domain_name.this[0].endpoint_configuration[0].types[0] == "REGIONAL"
      && aws_api_gateway_base_path_mapping.this[0].base_path == "v1"
      && toset(keys(aws_route53_record.this)) == toset(["A", "AAAA"])
      && aws_api_gateway_rest_api.this.disable_execute_api_endpoint
      && output.invoke_url == "https://access.example.com/v1"
    )
    error_message = "The domain must speak TLS 1.2, carry the stage under its base path and be the only way in."
  }

  assert {
    condition = (
      aws_wafv2_web_acl.this[0].scope == "REGIONAL"
      && toset(aws_wafv2_web_acl.this[0].rule[*].name) == toset(["rate-limit", "AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"])
      && length(aws_wafv2_web_acl_association.this) == 1
      && toset([for field in aws_wafv2_web_acl_logging_configuration.this[0].redacted_fields : length(field.uri_path) > 0 ? "path" : field.single_header[0].name]) == toset(["authorization", "path"])
      && !anytrue([for config in concat(aws_wafv2_web_acl.this[0].visibility_config, flatten(aws_wafv2_web_acl.this[0].rule[*].visibility_config)) : config.sampled_requests_enabled])
      && aws_wafv2_web_acl_logging_configuration.this[0].log_destination_configs == toset(["arn:aws:logs:eu-west-1:111122223333:log-group:aws-waf-logs-bbws-access-prod"])
    )
    error_message = "The web ACL must hold the managed rules and the limit per address, and log no token."
  }

  assert {
    condition = {
      for rule in aws_wafv2_web_acl.this[0].rule : rule.name => [
        for override in rule.statement[0].managed_rule_group_statement[0].rule_action_override : override.name if length(override.action_to_use[0].count) == 1
      ] if rule.name != "rate-limit"
      } == {
      AWSManagedRulesAmazonIpReputationList = []
      AWSManagedRulesCommonRuleSet          = ["SizeRestrictions_BODY"]
      AWSManagedRulesKnownBadInputsRuleSet  = []
    }
    error_message = "Bodies above 8 KB must be let through."
  }

  assert {
    condition     = aws_wafv2_web_acl.this[0].association_config[0].request_body[0].api_gateway[0].default_size_inspection_limit == "KB_64"
    error_message = "Rules must see as much of a body as they can."
  }

  assert {
    condition     = aws_api_gateway_method_settings.all.settings[0].throttling_rate_limit == 1000 && aws_cloudwatch_log_group.execution[0].kms_key_id == "arn:aws:kms:eu-west-1:111122223333:key/1b2c3d4e"
    error_message = "PROD's throttle and log key must be those that are given."
  }

  assert {
    condition = alltrue(flatten([
      for path, item in local.gateway_document.paths : [for method, operation in item : operation["x-amazon-apigateway-integration"].timeoutInMillis == 10000 if method != "options"]
    ]))
    error_message = "The timeout must be the one that is given."
  }
}

run "another_project" {
  command = plan

  variables {
    project_name = "billing"
    env_name     = "qa"
    stage_name   = "live"
    cors         = { allowed_origins = [] }
    web_acl      = { managed_rule_groups = { AWSManagedRulesCommonRuleSet = { priority = 1, count_only = true } }, rate_limit = 0 }
  }

  assert {
    condition     = output.name == "billing-qa-apigw" && aws_api_gateway_stage.this.stage_name == "live"
    error_message = "Another project must get its own names."
  }

  assert {
    condition     = !strcontains(output.body, "header.Access-Control-Allow-Origin\"") && !strcontains(output.body, "Access-Control-Expose-Headers")
    error_message = "Without origins no answer may let any page read it."
  }

  assert {
    condition = (
      length(aws_wafv2_web_acl.this[0].rule) == 1
      && alltrue([for rule in aws_wafv2_web_acl.this[0].rule : length(rule.override_action[0].count) == 1])
      && length(aws_wafv2_web_acl_logging_configuration.this) == 0
    )
    error_message = "A managed group may only count, and the limit and the log are optional."
  }
}

run "headers_of_its_own" {
  command = plan

  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Notes", version = "1.0.0" }
      paths = {
        "/notes" = {
          parameters = [{ "$ref" = "#/components/parameters/Trace" }, { name = "page", in = "query", schema = { type = "string" } }]
          get        = { operationId = "listNotes", "x-bbws-service" = "notes", security = [{ token = [] }], responses = { "200" = { description = "Notes" } } }
        }
        "/notes/{noteId}" = {
          parameters = [{ name = "noteId", in = "path", required = true, schema = { type = "string" } }]
          put = {
            operationId      = "updateNote"
            "x-bbws-service" = "notes"
            security         = [{ token = [] }]
            parameters = [
              { name = "If-Match", in = "header", required = true, schema = { type = "string" } },
              { name = "content-type", in = "header", schema = { type = "string" } },
            ]
            responses = { "200" = { description = "The note" } }
          }
        }
      }
      components = { parameters = { Trace = { name = "X-Trace", in = "header", schema = { type = "string" } } } }
    })
    services = {
      notes = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:notes:live/invocations"
    }
    authorizer = {
      name                           = "notes-authorizer"
      uri                            = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:authorizer:live/invocations"
      credentials_arn                = "arn:aws:iam::111122223333:role/authorizer-invocation"
      identity_source                = "method.request.header.X-Access-Token"
      identity_validation_expression = "^Bearer .+$"
    }
    cors = { allowed_origins = ["https://portal.example.com"], allowed_headers = ["X-Feature", "x-trace"], exposed_headers = ["X-Request-Id"] }
  }

  assert {
    condition = {
      for path, item in local.gateway_document.paths :
      path => item.options["x-amazon-apigateway-integration"].responses.default.responseParameters["method.response.header.Access-Control-Allow-Headers"]
      } == {
      "/notes"          = "'Content-Type,X-Access-Token,X-Feature,x-trace'"
      "/notes/{noteId}" = "'Content-Type,If-Match,X-Access-Token,X-Feature,x-trace'"
    }
    error_message = "A page may send the token's header, what the path's operations take, what cors adds, each once, and nothing else."
  }

  assert {
    condition = alltrue([
      for type, response in local.gateway_document["x-amazon-apigateway-gateway-responses"] :
      strcontains(response.responseParameters["gatewayresponse.header.Access-Control-Expose-Headers"], "X-Request-Id")
    ]) && local.gateway_document["x-amazon-apigateway-gateway-responses"].THROTTLED.responseParameters["gatewayresponse.header.Access-Control-Expose-Headers"] == "'Retry-After,X-Request-Id'"
    error_message = "Further headers must be readable on every answer of the gateway."
  }
}
