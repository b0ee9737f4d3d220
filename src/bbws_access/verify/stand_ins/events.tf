output "rule_names" {
  value = { for name in keys(var.rules) : name => "${var.project_name}-${var.env_name}-rule-${name}" }
}

output "dead_letter_queue_names" {
  value = { events = "${var.project_name}-${var.env_name}-queue-events-dead-letters" }
}
