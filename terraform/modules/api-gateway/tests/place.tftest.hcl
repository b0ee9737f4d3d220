# The module works where its provider does, and says so where it is told something else.

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

run "works_where_its_provider_does" {
  command = plan

  variables {
    region        = null
    account_id    = null
    check_account = true
  }

  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "111122223333" }
  }

  assert {
    condition     = local.region == "eu-west-1" && local.account_id == "111122223333" && local.partition == "aws"
    error_message = "Region, account and partition are the provider's."
  }
}

run "rejects_provider_of_another_region" {
  command = plan

  variables {
    region = "eu-central-1"
  }

  expect_failures = [data.aws_region.current]
}

run "rejects_provider_of_another_account" {
  command = plan

  variables {
    account_id    = "111122223333"
    check_account = true
  }

  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "999999999999" }
  }

  expect_failures = [data.aws_caller_identity.current]
}
