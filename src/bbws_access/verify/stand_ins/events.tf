locals {
  bus = "${var.project_name}-${var.env_name}-bus"
}

output "event_bus_name" {
  value = local.bus
}

output "event_bus_arn" {
  value = "arn:aws:events:${var.region}:${var.account_id}:event-bus/${local.bus}"
}

output "watched_rules" {
  value = {
    for name, rule in var.rules : name => {
      name           = "${var.project_name}-${var.env_name}-rule-${name}"
      event_bus_name = rule.schedule != null || startswith(rule.source, "aws.") ? "default" : local.bus
    }
  }
}

output "dead_letter_queue_names" {
  value = { events = "${var.project_name}-${var.env_name}-queue-events-dead-letters" }
}
