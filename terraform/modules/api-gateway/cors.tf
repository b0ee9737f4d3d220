locals {
  origins         = sort(tolist(module.inputs.cors.allowed_origins))
  several_origins = length(local.origins) > 1

  # A browser keeps an answer that names one origin apart from those for other origins only when it is told to.
  vary_headers = { for name in length(setsubtract(local.origins, ["*"])) == 0 ? [] : ["Vary"] : name => "Origin" }

  # With several origins the preflight names the one that asks, if it is on the list; a header of HTTP/2 comes in lower case.
  echo_origin_template = <<-EOT
    #set($origin = $input.params("origin"))
    #if($origin == "")#set($origin = $input.params("Origin"))#end
    #set($allowed = ${jsonencode(local.origins)})
    #if($allowed.contains($origin))#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end
  EOT

  # What a page may send along: the token's header, what the document's operations take in headers, and what cors adds. Names of headers have
  # no case, so one that is written twice counts once, as it was written first.
  allowed_headers = {
    for path in keys(local.paths_methods) : path => sort([
      for names in values({
        for name in concat(
          [local.token_header, "Content-Type"],
          tolist(module.inputs.cors.allowed_headers),
          flatten([for route in values(local.routes) : [for parameter in values(route.parameters) : parameter.name if parameter.in == "header"] if route.path == path]),
        ) : lower(name) => name...
      }) : names[0]
    ])
  }

  preflight_headers = {
    for path, methods in local.paths_methods : path => merge(
      {
        "Access-Control-Allow-Headers" = join(",", local.allowed_headers[path])
        "Access-Control-Allow-Methods" = join(",", sort(concat(methods, ["OPTIONS"])))
        "Access-Control-Max-Age"       = tostring(module.inputs.cors.max_age_seconds)
      },
      { for origin in local.several_origins ? [] : local.origins : "Access-Control-Allow-Origin" => origin },
      local.vary_headers,
    )
  }

  preflights = {
    for path, headers in local.preflight_headers : path => {
      parameters = [
        for variable in flatten(regexall("\\{([^{}+]+)\\+?\\}", path)) : { name = variable, in = "path", required = true, schema = { type = "string" } }
      ]
      responses = {
        "204" = {
          description = "Which origins, methods and headers are allowed"
          headers = {
            for name in setunion(keys(headers), ["Access-Control-Allow-Origin"]) : name => { schema = { type = "string" } }
          }
        }
      }
      security = []

      "x-amazon-apigateway-integration" = {
        type                = "mock"
        passthroughBehavior = "never"
        requestTemplates    = { "application/json" = jsonencode({ statusCode = 204 }) }
        responses = {
          default = merge(
            {
              statusCode         = "204"
              responseParameters = { for name, value in headers : "method.response.header.${name}" => "'${value}'" }
            },
            { for template in local.several_origins ? [local.echo_origin_template] : [] : "responseTemplates" => { "application/json" = template } },
          )
        }
      }
    }
  }

  # What the gateway itself answers has no template language: its headers are fixed texts or copies of the request's. With several origins it
  # could name all of them or none, and a copy of the request's origin is all of them.
  gateway_cors_headers = merge(
    { for origin in local.several_origins ? [] : local.origins : "Access-Control-Allow-Origin" => origin },
    local.several_origins ? {} : local.vary_headers,
  )
}
