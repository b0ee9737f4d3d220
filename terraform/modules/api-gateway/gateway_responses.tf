# Every answer that the gateway gives itself, in the services' error shape. The texts are fixed: none repeats what an authorizer or an
# integration said.

locals {
  gateway_errors = {
    UNAUTHORIZED  = { status = "401", code = "UNAUTHORIZED", message = "Sign in: the token is missing or not valid." }
    EXPIRED_TOKEN = { status = "401", code = "UNAUTHORIZED", message = "Sign in: the token has expired." }

    ACCESS_DENIED   = { status = "403", code = "FORBIDDEN", message = "You may not do this." }
    INVALID_API_KEY = { status = "403", code = "FORBIDDEN", message = "You may not do this." }
    WAF_FILTERED    = { status = "403", code = "FORBIDDEN", message = "The request was refused by the firewall." }

    # No method here takes an AWS signature, so the gateway looks for one only where no route matches: without a header it misses the
    # token, with a bearer token it finds no signature, for which it has no type but the default.
    RESOURCE_NOT_FOUND           = { status = "404", code = "ROUTE_NOT_FOUND", message = "There is no such route." }
    MISSING_AUTHENTICATION_TOKEN = { status = "404", code = "ROUTE_NOT_FOUND", message = "There is no such route." }
    INVALID_SIGNATURE            = { status = "404", code = "ROUTE_NOT_FOUND", message = "There is no such route." }
    DEFAULT_4XX                  = { status = "404", code = "ROUTE_NOT_FOUND", message = "There is no such route." }

    BAD_REQUEST_BODY       = { status = "400", code = "VALIDATION_ERROR", message = "The body does not fit what this route takes; see the API's contract." }
    BAD_REQUEST_PARAMETERS = { status = "400", code = "VALIDATION_ERROR", message = "A required parameter is missing." }
    UNSUPPORTED_MEDIA_TYPE = { status = "415", code = "VALIDATION_ERROR", message = "Send the body as application/json." }
    REQUEST_TOO_LARGE      = { status = "413", code = "PAYLOAD_TOO_LARGE", message = "The request is too large." }

    THROTTLED      = { status = "429", code = "TOO_MANY_REQUESTS", message = "Too many requests: try again later." }
    QUOTA_EXCEEDED = { status = "429", code = "TOO_MANY_REQUESTS", message = "Too many requests: try again later." }

    AUTHORIZER_FAILURE             = { status = "500", code = "INTERNAL_ERROR", message = "The token could not be checked: try again later." }
    AUTHORIZER_CONFIGURATION_ERROR = { status = "500", code = "INTERNAL_ERROR", message = "The token could not be checked: try again later." }
    API_CONFIGURATION_ERROR        = { status = "500", code = "INTERNAL_ERROR", message = "A fault of ours." }

    INTEGRATION_FAILURE = { status = "502", code = "SERVICE_UNAVAILABLE", message = "The service does not answer: try again later." }
    INTEGRATION_TIMEOUT = { status = "504", code = "SERVICE_UNAVAILABLE", message = "The service took too long: try again later." }

    # No status of its own: the answer keeps the one that the gateway chose, such as 502 for an unusable answer of a service.
    DEFAULT_5XX = { status = null, code = "INTERNAL_ERROR", message = "A fault of ours." }
  }

  # The gateway's own sentence, which names missing parameters, in the services' shape; the variable brings its quotes along. It repeats
  # nothing that was sent, other than validationErrorString, which a quotation mark in a value would make invalid JSON.
  gateway_error_details = {
    for type, rule in { BAD_REQUEST_BODY = "schema", BAD_REQUEST_PARAMETERS = "required" } :
    type => "[{\"field\":\"request\",\"rule\":\"${rule}\",\"message\":$context.error.messageString}]"
  }

  gateway_error_headers = {
    UNAUTHORIZED   = { WWW-Authenticate = "Bearer" }
    EXPIRED_TOKEN  = { WWW-Authenticate = "Bearer" }
    THROTTLED      = { Retry-After = "1" }
    QUOTA_EXCEEDED = { Retry-After = "1" }
  }

  # What a page may read of an answer, beside the few headers that every page may.
  exposed_headers = {
    for type in keys(local.gateway_errors) : type => sort(distinct(concat(keys(lookup(local.gateway_error_headers, type, {})), tolist(module.inputs.cors.exposed_headers))))
  }

  gateway_responses = {
    for type, error in local.gateway_errors : type => merge(
      {
        responseParameters = {
          for name, value in merge(
            { "Cache-Control" = "no-store" },
            local.gateway_cors_headers,
            lookup(local.gateway_error_headers, type, {}),
            { for names in compact([join(",", local.exposed_headers[type])]) : "Access-Control-Expose-Headers" => names if length(local.origins) > 0 },
          ) : "gatewayresponse.header.${name}" => "'${value}'"
        }
        responseTemplates = {
          "application/json" = join("", [
            "{\"error\":{\"code\":${jsonencode(error.code)},\"message\":${jsonencode(error.message)},",
            "\"details\":${lookup(local.gateway_error_details, type, "null")},\"requestId\":\"$context.requestId\"}}",
          ])
        }
      },
      { for status in compact([error.status]) : "statusCode" => status },
    )
  }
}
