locals {
  name_prefix = "${var.project_name}-${var.env_name}"
  name        = "${local.name_prefix}-apigw"

  gateway_document = {
    openapi = local.document.openapi
    info    = { title = local.name, version = local.document.info.version }
    paths = {
      for path in keys(local.document.paths) : path => merge(
        { for key, route in local.routes : route.method => local.gateway_methods[key] if route.path == path },
        { options = local.preflights[path] },
      )
    }
    components = {
      securitySchemes = { (module.inputs.authorizer.name) = local.security_scheme }
      schemas         = local.models
    }
    "x-amazon-apigateway-request-validators" = {
      # Not bodies: of a body the gateway says that it is invalid, and never where. Its functions check bodies, and name field, rule and value.
      parameters = { validateRequestBody = false, validateRequestParameters = true }
    }
    "x-amazon-apigateway-gateway-responses" = local.gateway_responses
    # Here too: between the import and the update that sets the policy again, the API is not without one.
    "x-amazon-apigateway-policy" = jsondecode(local.resource_policy)
  }
  body = jsonencode(local.gateway_document)

  # Always a policy, and always as an argument of the API. The provider keeps what nobody sets there as it is in the state, and up to 6.47 puts it
  # back over a policy that the document alone changes or drops; a resource of its own loses it with an import from 6.48 on. API Gateway
  # writes the API's ARN where a policy says execute-api:/, which would be a change in every plan: every API's stands for it, because
  # the policy belongs to this one.
  resource_policy = var.resource_policy == null ? local.open_policy : replace(
    var.resource_policy, "\"execute-api:/", "\"arn:${local.partition}:execute-api:*:*:*/"
  )
  open_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "execute-api:Invoke"
      Resource  = "arn:${local.partition}:execute-api:*:*:*/*"
    }]
  })

  # One JSON line for every request; API Gateway takes at most 3 KB of format. All values are quoted: a variable without a value is
  # rendered as a bare hyphen, which is no JSON. The route and not the path, which may hold a secret, such as a token in a link: so the
  # organisation of the path is not here. CloudWatch charges for each byte of each request, so nothing stands here twice, nor what the
  # service's line, the authorizer's or the trace has under the same requestId; and what hardly any request has, as errors, shares a field.
  access_log_fields = {
    requestId        = "$context.requestId"
    requestTimeEpoch = "$context.requestTimeEpoch"
    ip               = "$context.identity.sourceIp"
    userAgent        = "$context.identity.userAgent"
    principal        = "$context.authorizer.principalId"
    method           = "$context.httpMethod"
    route            = "$context.resourcePath"
    status           = "$context.status"
    responseLatency  = "$context.responseLatency"
    error            = "$context.error.responseType $context.error.message"
    cause            = "$context.authorizer.error $context.integration.error"
  }
  access_log_format = jsonencode(local.access_log_fields)
}

resource "aws_api_gateway_rest_api" "this" {
  name                         = local.name
  body                         = local.body
  policy                       = local.resource_policy
  put_rest_api_mode            = "overwrite"
  fail_on_warnings             = true
  disable_execute_api_endpoint = var.disable_execute_api_endpoint
  tags                         = var.tags

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = length(local.unknown_path_items) == 0
      error_message = "openapi_document: a path may hold parameters and the methods ${join(", ", local.methods)} only (the module adds OPTIONS itself): ${join(", ", local.unknown_path_items)}."
    }

    precondition {
      condition     = length(local.bad_paths) == 0
      error_message = "openapi_document: segments of a path must be {variable} or letters, digits and - . _ : , without an empty one at the end, and /ping and /sping are the gateway's: ${join(", ", local.bad_paths)}."
    }

    precondition {
      condition     = length(local.sibling_conflicts) == 0
      error_message = "openapi_document: API Gateway takes one variable below a path, so name it alike everywhere: ${join(", ", local.sibling_conflicts)}."
    }

    precondition {
      condition     = length(local.resources) <= 300
      error_message = "openapi_document: the paths need ${length(local.resources)} resources; an API has at most 300."
    }

    precondition {
      condition     = length(local.unserved_routes) == 0
      error_message = "openapi_document: every operation needs ${var.extension_prefix}-service that is a key of services: ${join(", ", local.unserved_routes)}."
    }

    precondition {
      condition     = length(local.idle_services) == 0
      error_message = "services: no operation of the document belongs to ${join(", ", local.idle_services)}."
    }

    precondition {
      condition     = length(local.contradicting_routes) == 0
      error_message = "openapi_document: security must be an empty list exactly where ${var.extension_prefix}-access is \"public\": ${join(", ", local.contradicting_routes)}."
    }

    precondition {
      condition     = length(local.bad_parameters) == 0
      error_message = "openapi_document: every parameter must resolve to a name and a place, a header to letters, digits, hyphens and underscores, and every variable of a path must be a required parameter: ${join(", ", local.bad_parameters)}."
    }

    precondition {
      condition     = length(local.bad_bodies) == 0
      error_message = "openapi_document: a request body must be application/json with a $ref to a component schema whose name is letters and digits and ends in Request: ${join(", ", local.bad_bodies)}."
    }

    precondition {
      condition     = length(local.bad_models) == 0
      error_message = "openapi_document: a request schema must hold no $ref, const, nullable, readOnly, writeOnly, example, discriminator, exclusive bounds by number or formats of numbers; API Gateway models know none of them: ${join(", ", local.bad_models)}."
    }
  }
}

# The gateway would make this group itself, kept for ever and unencrypted.
resource "aws_cloudwatch_log_group" "execution" {
  # checkov:skip=CKV_AWS_338:Kept for the days that the environment's retention says
  # checkov:skip=CKV_AWS_158:Encrypted with the key that is given; without one with the service's own
  count = module.inputs.execution_logging.level == "OFF" ? 0 : 1

  name              = "API-Gateway-Execution-Logs_${aws_api_gateway_rest_api.this.id}/${var.stage_name}"
  retention_in_days = module.inputs.execution_logging.retention_days
  kms_key_id        = module.inputs.execution_logging.kms_key_arn
  tags              = var.tags
}

# Terraform creates whatever a deployment depends on before it destroys it, too, since a stage holds on to its deployment. So the
# deployment, and the API with its document, may depend on nothing that is known by a fixed name: its replacement would be the same
# thing by its name, and then be destroyed. What a stage needs stands in stage_after.
resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id

  # A deployment is a snapshot: it must be made anew whenever anything that it captures changes.
  triggers = {
    content = sha1(jsonencode([local.body, var.disable_execute_api_endpoint]))
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "this" {
  # checkov:skip=CKV_AWS_120:Answers differ by caller and tenant; a cache could mix them up
  # checkov:skip=CKV2_AWS_51:A client certificate says nothing to a Lambda integration
  # checkov:skip=CKV2_AWS_29:The web ACL is an input; see web_acl
  # checkov:skip=CKV2_AWS_77:A rule for a Java library; no service here runs Java
  # checkov:skip=CKV2_AWS_4:The level of the gateway's own log is an input; see execution_logging
  rest_api_id          = aws_api_gateway_rest_api.this.id
  deployment_id        = aws_api_gateway_deployment.this.id
  stage_name           = var.stage_name
  xray_tracing_enabled = var.xray_tracing_enabled
  tags                 = var.tags

  access_log_settings {
    destination_arn = trimsuffix(var.access_log_group_arn, ":*")
    format          = local.access_log_format
  }

  depends_on = [aws_cloudwatch_log_group.execution, var.stage_after]
}

resource "aws_api_gateway_method_settings" "all" {
  # checkov:skip=CKV_AWS_225:Answers differ by caller and tenant; a cache could mix them up
  # checkov:skip=CKV_AWS_308:There is no cache to encrypt
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = var.detailed_metrics_enabled
    logging_level          = module.inputs.execution_logging.level
    data_trace_enabled     = false
    caching_enabled        = false
    throttling_rate_limit  = module.inputs.throttle.rate_limit
    throttling_burst_limit = module.inputs.throttle.burst_limit
  }
}
