# Reads the contract and reduces it to what API Gateway imports: methods with their parameters, models and security. Everything else,
# descriptions, schemas of answers and extensions that the gateway does not know, stays out, so that an import raises no warning.

locals {
  document = jsondecode(var.openapi_document)
  methods  = ["delete", "get", "head", "patch", "post", "put"]

  # Every operation by its method and path, such as "GET /organisations/{orgId}/roles".
  routes = merge([
    for path, item in local.document.paths : {
      for method, operation in item : "${upper(method)} ${path}" => {
        path    = path
        method  = method
        service = try(tostring(operation["${var.extension_prefix}-service"]), "")

        operation_id = try(tostring(operation.operationId), "")

        # Open only where the contract says so with an empty list; silence means guarded.
        public = try(length(operation.security), length(local.document.security), 1) == 0
        access = try(operation["${var.extension_prefix}-access"], null)

        # An operation's parameter takes the place of the path's parameter of the same name.
        parameters = merge([
          for parameter in concat(try(item.parameters, []), try(operation.parameters, [])) : {
            for resolved in [try(local.document.components.parameters[trimprefix(parameter["$ref"], "#/components/parameters/")], parameter)] :
            "${try(resolved.in, "?")} ${try(resolved.name, try(parameter["$ref"], "?"))}" => {
              name     = try(tostring(resolved.name), "")
              in       = try(tostring(resolved.in), "")
              required = try(tobool(resolved.required), false)
            }
          }
        ]...)

        has_body = can(operation.requestBody)
        model    = try(one(regex("^#/components/schemas/([0-9A-Za-z]+Request)$", operation.requestBody.content["application/json"].schema["$ref"])), "")

        body_required = try(tobool(operation.requestBody.required), false)

        responses = {
          for status, response in try(operation.responses, {}) :
          status => try(local.document.components.responses[trimprefix(response["$ref"], "#/components/responses/")].description, response.description, "Answer")
          if can(regex("^[1-5][0-9][0-9]$", status))
        }
      } if contains(local.methods, method)
    }
  ]...)

  paths_methods = {
    for path in keys(local.document.paths) : path => sort([for route in values(local.routes) : upper(route.method) if route.path == path])
  }

  models = {
    for name in distinct(compact(values(local.routes)[*].model)) : name => local.document.components.schemas[name]
    if can(local.document.components.schemas[name])
  }

  # Every resource that the gateway makes for the paths: each path and all that lie above it, the root included.
  resources = toset(flatten([
    for path in keys(local.document.paths) : [
      for depth in range(length(split("/", trim(path, "/"))) + 1) : "/${join("/", slice(split("/", trim(path, "/")), 0, depth))}"
    ]
  ]))

  # The variables that lie directly under one resource: the gateway takes one.
  sibling_variables = {
    for resource in local.resources : dirname(resource) => resource... if startswith(basename(resource), "{")
  }

  gateway_methods = {
    for key, route in local.routes : key => merge(
      {
        parameters = [
          for parameter in values(route.parameters) : {
            name     = parameter.name
            in       = parameter.in
            required = true
            schema   = { type = "string" }
          } if parameter.required && contains(["path", "query", "header"], parameter.in)
        ]
        responses = { for status, description in route.responses : status => { description = description } }

        # The name, not a variable, so that one of the two lists is empty.
        security = [for name in route.public ? [] : [module.inputs.authorizer.name] : { (name) = [] }]

        "x-amazon-apigateway-request-validator" = "parameters"
        "x-amazon-apigateway-integration"       = local.integrations[key]
      },
      { for id in compact([route.operation_id]) : "operationId" => id },
      {
        for model in compact([route.model]) : "requestBody" => {
          required = route.body_required
          content  = { "application/json" = { schema = { "$ref" = "#/components/schemas/${model}" } } }
        }
      },
    )
  }
}
