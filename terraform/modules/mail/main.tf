locals {
  name_prefix = "${var.project_name}-${var.env_name}"
  ses_arn     = "arn:${local.partition}:ses:${local.region}:${local.account_id}"

  # Every template's name begins with it, so that a function needs to know no more.
  template_prefix    = "${local.name_prefix}-mail"
  template_names     = { for name in keys(module.inputs.templates) : name => "${local.template_prefix}-${name}" }
  configuration_set  = "${local.name_prefix}-mail"
  configuration_arn  = "${local.ses_arn}:configuration-set/${local.configuration_set}"
  created_identities = { for sender in module.inputs.sender[*] : "sender" => sender.identity if sender.create_identity }
}

# SES checks the domain or the address itself: by DNS records (see the output dkim_records), or by a mail to confirm.
resource "aws_sesv2_email_identity" "this" {
  for_each = local.created_identities

  email_identity = each.value
  tags           = var.tags
}

resource "aws_sesv2_configuration_set" "this" {
  configuration_set_name = local.configuration_set
  tags                   = var.tags

  delivery_options {
    tls_policy = "REQUIRE"
  }

  reputation_options {
    reputation_metrics_enabled = true
  }

  sending_options {
    sending_enabled = true
  }

  # An address that bounced or complained is not written to again, by whatever uses this set.
  suppression_options {
    suppressed_reasons = ["BOUNCE", "COMPLAINT"]
  }
}

# SES sends to the default bus only, and needs no role for it.
resource "aws_sesv2_configuration_set_event_destination" "events" {
  configuration_set_name = aws_sesv2_configuration_set.this.configuration_set_name
  event_destination_name = "events"

  event_destination {
    enabled              = true
    matching_event_types = sort(var.event_types)

    event_bridge_destination {
      event_bus_arn = "arn:${local.partition}:events:${local.region}:${local.account_id}:event-bus/default"
    }
  }
}

resource "aws_ses_template" "this" {
  for_each = module.inputs.templates

  name    = local.template_names[each.key]
  subject = trimspace(each.value.subject)
  html    = each.value.html
  text    = each.value.text

  lifecycle {
    precondition {
      condition     = length(local.template_names[each.key]) <= 64
      error_message = "The template's name ${local.template_names[each.key]} is longer than SES's 64 characters: use a shorter key in templates, or a shorter project_name."
    }
  }
}
