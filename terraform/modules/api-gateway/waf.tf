resource "aws_wafv2_web_acl" "this" {
  # checkov:skip=CKV2_AWS_31:Logging is an input; see web_acl.log_destination_arn
  # checkov:skip=CKV2_AWS_77:A rule for a Java library; no service here runs Java
  count = module.inputs.web_acl == null ? 0 : 1

  # No samples: they would show whole requests, with tokens in paths and headers.
  name  = "${local.name}-acl"
  scope = "REGIONAL"
  tags  = var.tags

  default_action {
    allow {}
  }

  # Rules see this much of a body, at most 64 KB; without it 16 KB, and what an attacker writes behind them is let through.
  association_config {
    request_body {
      api_gateway {
        default_size_inspection_limit = "KB_64"
      }
    }
  }

  dynamic "rule" {
    for_each = module.inputs.web_acl.rate_limit == 0 ? [] : [module.inputs.web_acl.rate_limit]

    content {
      name     = "rate-limit"
      priority = 0

      action {
        block {}
      }

      statement {
        rate_based_statement {
          limit              = rule.value
          aggregate_key_type = "IP"
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "rate-limit"
        sampled_requests_enabled   = false
      }
    }
  }

  dynamic "rule" {
    for_each = module.inputs.web_acl.managed_rule_groups

    content {
      name     = rule.key
      priority = rule.value.priority

      override_action {
        dynamic "none" {
          for_each = rule.value.count_only ? [] : [true]
          content {}
        }

        dynamic "count" {
          for_each = rule.value.count_only ? [true] : []
          content {}
        }
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.key

          dynamic "rule_action_override" {
            for_each = rule.value.counted_rules

            content {
              name = rule_action_override.value

              action_to_use {
                count {}
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = rule.key
        sampled_requests_enabled   = false
      }
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = "${local.name}-acl"
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  count = module.inputs.web_acl == null ? 0 : 1

  web_acl_arn  = aws_wafv2_web_acl.this[0].arn
  resource_arn = aws_api_gateway_stage.this.arn
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  count = try(module.inputs.web_acl.log_destination_arn, null) == null ? 0 : 1

  resource_arn            = aws_wafv2_web_acl.this[0].arn
  log_destination_configs = [trimsuffix(module.inputs.web_acl.log_destination_arn, ":*")]

  redacted_fields {
    single_header {
      name = lower(local.security_scheme.name)
    }
  }

  redacted_fields {
    uri_path {}
  }
}
