# A trace holds a request's whole address. Requests whose path holds a secret are never sampled, so nothing of theirs is traced.

locals {
  # Everything from the secret on: /invitations/{token} and /invitations/{token}/accept are both /invitations/*.
  untraced_prefixes = toset([
    for path in keys(local.document.paths) : replace(path, "/\\{(${join("|", var.untraced_path_parameters)})\\}.*$/", "")
    if anytrue([for parameter in var.untraced_path_parameters : strcontains(path, "{${parameter}}")])
  ])

  # With the stage as callers see it, and without.
  untraced_paths = flatten([for prefix in sort(local.untraced_prefixes) : ["/${var.stage_name}${prefix}*", "${prefix}*"]])
}

resource "aws_xray_sampling_rule" "untraced" {
  for_each = { for index, path in local.untraced_paths : path => index }

  rule_name      = "${local.name_prefix}-secret-${each.value + 1}"
  priority       = 1 + each.value
  version        = 1
  fixed_rate     = 0
  reservoir_size = 0
  service_type   = "AWS::ApiGateway::Stage"
  resource_arn   = aws_api_gateway_stage.this.arn
  url_path       = each.key
  service_name   = "*"
  host           = "*"
  http_method    = "*"
  tags           = var.tags

  lifecycle {
    precondition {
      condition     = length("${local.name_prefix}-secret-${each.value + 1}") <= 32
      error_message = "The sampling rule's name ${local.name_prefix}-secret-${each.value + 1} is longer than X-Ray's 32 characters: use a shorter project_name, or no untraced_path_parameters."
    }
  }
}
