# What API Gateway would refuse only at apply, or accept and serve wrongly: lists of offenders, for the preconditions of the API.

locals {
  unknown_path_items = sort(flatten([
    for path, item in local.document.paths : [
      for key in keys(item) : "${key} of ${path}"
      if !contains(concat(local.methods, ["parameters", "summary", "description"]), key) && !startswith(key, "x-")
    ]
  ]))

  bad_paths = sort([
    for path in keys(local.document.paths) : path
    if !can(regex("^/$|^(/([0-9A-Za-z._:,-]+|\\{[0-9A-Za-z._-]+\\+?\\}))+$", path)) || can(regex("^/s?ping$", path))
  ])

  sibling_conflicts = sort([
    for parent, children in local.sibling_variables : join(" and ", sort(distinct(children))) if length(distinct(children)) > 1
  ])

  unserved_routes = sort([for key, route in local.routes : key if !contains(keys(var.services), route.service)])

  idle_services = sort(setsubtract(keys(var.services), values(local.routes)[*].service))

  # A contract without the extension leaves the decision to security alone.
  contradicting_routes = sort([
    for key, route in local.routes : key if route.access == null ? false : (route.access == "public") != route.public
  ])

  bad_parameters = sort(flatten([
    for key, route in local.routes : concat(
      [for id, parameter in route.parameters : "${id} of ${key}" if parameter.name == "" || !contains(["path", "query", "header", "cookie"], parameter.in)],
      [for id, parameter in route.parameters : "${id} of ${key}" if parameter.in == "header" && !can(regex("^[0-9A-Za-z_-]+$", parameter.name))],
      [
        for variable in flatten(regexall("\\{([^{}+]+)\\+?\\}", route.path)) : "path ${variable} of ${key}"
        if !try(route.parameters["path ${variable}"].required, false)
      ],
    )
  ]))

  bad_bodies = sort([for key, route in local.routes : key if route.has_body && !can(local.models[route.model])])

  bad_models = sort([
    for name, schema in local.models : name
    if can(regex(join("|", [
      "\"(\\$ref|readOnly|writeOnly|nullable|const|discriminator|example|examples)\":[^{]",
      "\"discriminator\":\\{\"(mapping|propertyName)\"",
      "\"exclusive(Minimum|Maximum)\":[-0-9]",
      "\"format\":\"(int32|int64|float|double|decimal)\"",
    ]), jsonencode(schema)))
  ])
}
