# Every validation and precondition refuses what it is there for. A run may hold wrong values of several inputs: each must be refused.
# environments.tftest.hcl holds the runs that are accepted.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

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

run "accepts_another_contract" {
  command = plan

  assert {
    condition = (
      jsondecode(output.body).paths["/orders/{orderId}"].put.parameters == [{ in = "path", name = "orderId", required = true, schema = { type = "string" } }]
      && length(jsondecode(output.body).paths["/orders/{orderId}"].put.security) == 1
      && keys(jsondecode(output.body).paths["/orders/{orderId}"].put.responses) == ["200"]
    )
    error_message = "The path's parameters belong to its operations, silence about security means guarded, and only statuses are answers."
  }
}

run "rejects_options_of_the_contract" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { get = { "x-bbws-service" = "shop", responses = {} }, options = { "x-bbws-service" = "shop" } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_methods_that_the_gateway_has_not" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { get = { "x-bbws-service" = "shop", responses = {} }, trace = { "x-bbws-service" = "shop" } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_trailing_slash" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders/" = { get = { "x-bbws-service" = "shop", responses = {} } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_variable_inside_a_segment" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders-{orderId}" = { parameters = [{ name = "orderId", in = "path", required = true }], get = { "x-bbws-service" = "shop", responses = {} } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_reserved_path" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/ping" = { get = { "x-bbws-service" = "shop", responses = {} } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_two_variables_below_one_path" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders/{orderId}"  = { parameters = [{ name = "orderId", in = "path", required = true }], get = { "x-bbws-service" = "shop", responses = {} } }
        "/orders/{id}/lines" = { parameters = [{ name = "id", in = "path", required = true }], get = { "x-bbws-service" = "shop", responses = {} } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_too_many_resources" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths   = { for number in range(300) : "/orders-${number}" => { get = { "x-bbws-service" = "shop", responses = {} } } }
    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "accepts_as_many_resources_as_there_may_be" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths   = { for number in range(299) : "/orders-${number}" => { get = { "x-bbws-service" = "shop", responses = {} } } }
    })
  }
  assert {
    condition     = length(output.routes) == 299
    error_message = "299 paths and the root make 300 resources."
  }
}

run "rejects_operation_of_an_unknown_service" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { get = { "x-bbws-service" = "shop" }, put = { "x-bbws-service" = "stock" } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_operation_without_service" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { get = { "x-bbws-service" = "shop" }, put = {} }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_service_without_operation" {
  command = plan
  variables {
    services = {
      shop  = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:shop/invocations"
      stock = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:stock/invocations"
    }
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_open_route_that_needs_a_permission" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { get = { "x-bbws-service" = "shop", "x-bbws-access" = [{ permission = "order:read" }], security = [] } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_public_route_that_is_guarded" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { get = { "x-bbws-service" = "shop", "x-bbws-access" = "public" } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_variable_without_parameter" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders/{orderId}" = { get = { "x-bbws-service" = "shop", responses = {} } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_parameter_that_does_not_resolve" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { get = { "x-bbws-service" = "shop", parameters = [{ "$ref" = "#/components/parameters/Nowhere" }] } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_body_without_model" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { post = { "x-bbws-service" = "shop", requestBody = { content = { "application/json" = { schema = { type = "object" } } } } } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_body_whose_model_is_missing" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { post = { "x-bbws-service" = "shop", requestBody = { content = { "application/json" = { schema = { "$ref" = "#/components/schemas/OrderRequest" } } } } } }
      }

    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_model_name" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { post = { "x-bbws-service" = "shop", requestBody = { content = { "application/json" = { schema = { "$ref" = "#/components/schemas/Order_Request" } } } } } }
      }
      components = { schemas = { Order_Request = { type = "object" } } }
    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_model_with_reference" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { post = { "x-bbws-service" = "shop", requestBody = { content = { "application/json" = { schema = { "$ref" = "#/components/schemas/OrderRequest" } } } } } }
      }
      components = { schemas = { OrderRequest = { type = "object", properties = { field = { "$ref" = "#/components/schemas/Order" } } } } }
    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_model_with_const" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { post = { "x-bbws-service" = "shop", requestBody = { content = { "application/json" = { schema = { "$ref" = "#/components/schemas/OrderRequest" } } } } } }
      }
      components = { schemas = { OrderRequest = { type = "object", properties = { field = { type = "string", const = "x" } } } } }
    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_model_with_exclusive_number" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { post = { "x-bbws-service" = "shop", requestBody = { content = { "application/json" = { schema = { "$ref" = "#/components/schemas/OrderRequest" } } } } } }
      }
      components = { schemas = { OrderRequest = { type = "object", properties = { field = { type = "number", exclusiveMinimum = 0 } } } } }
    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_model_with_number_format" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { post = { "x-bbws-service" = "shop", requestBody = { content = { "application/json" = { schema = { "$ref" = "#/components/schemas/OrderRequest" } } } } } }
      }
      components = { schemas = { OrderRequest = { type = "object", properties = { field = { type = "integer", format = "int64" } } } } }
    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_model_with_discriminator" {
  command = plan
  variables {
    openapi_document = jsonencode({
      openapi = "3.0.3"
      info    = { title = "Shop", version = "1" }
      paths = {
        "/orders" = { post = { "x-bbws-service" = "shop", requestBody = { content = { "application/json" = { schema = { "$ref" = "#/components/schemas/OrderRequest" } } } } } }
      }
      components = { schemas = { OrderRequest = { type = "object", properties = { field = { type = "object", discriminator = { propertyName = "kind" } } } } } }
    })
  }
  expect_failures = [aws_api_gateway_rest_api.this]
}

run "rejects_long_name_of_a_sampling_rule" {
  command = plan

  variables {
    project_name             = "shop-with-a-very-long-name"
    untraced_path_parameters = ["orderId"]
  }

  expect_failures = [aws_xray_sampling_rule.untraced]
}
