locals {
  # Every route goes to its service whole (proxy), so the services see the request as it came.
  integrations = {
    for key, route in local.routes : key => {
      type                = "aws_proxy"
      httpMethod          = "POST"
      uri                 = lookup(var.services, route.service, "")
      passthroughBehavior = "when_no_match"
      timeoutInMillis     = var.integration_timeout_milliseconds
    }
  }

  token_header = element(split(".", module.inputs.authorizer.identity_source), 3)

  # The authorizer travels inside the document: an import in overwrite mode drops authorizers that stand beside it.
  security_scheme = {
    type                           = "apiKey"
    in                             = "header"
    name                           = local.token_header
    "x-amazon-apigateway-authtype" = "custom"
    "x-amazon-apigateway-authorizer" = {
      type                         = module.inputs.authorizer.type
      authorizerUri                = module.inputs.authorizer.uri
      authorizerCredentials        = module.inputs.authorizer.credentials_arn
      authorizerResultTtlInSeconds = module.inputs.authorizer.result_ttl_seconds
      identityValidationExpression = module.inputs.authorizer.identity_validation_expression
    }
  }
}
