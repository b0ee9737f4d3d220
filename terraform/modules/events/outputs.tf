output "event_bus_name" {
  description = "Bus that your own events are put on; known at plan time."
  value       = local.bus_name
  depends_on  = [aws_cloudwatch_event_bus.this]
}

output "event_bus_arn" {
  description = "ARN of that bus; known at plan time."
  value       = "${local.events_arn}:event-bus/${local.bus_name}"
  depends_on  = [aws_cloudwatch_event_bus.this]
}

output "watched_rules" {
  description = "Name and bus of each rule, by its key: what the module cloudwatch takes as event_rules; known at plan time."
  value       = { for name, rule in local.rule_names : name => { name = rule, event_bus_name = local.rule_buses[name] } }
  depends_on  = [aws_cloudwatch_event_target.this]
}

output "rule_names" {
  description = "Name of each rule, by its key; known at plan time."
  value       = local.rule_names
  depends_on  = [aws_cloudwatch_event_target.this]
}

output "rule_arns" {
  description = "ARN of each rule, by its key; known at plan time."
  value       = local.rule_arns
  depends_on  = [aws_cloudwatch_event_target.this]
}

output "dead_letter_queue_names" {
  description = "Name of the queue of events that no function took: events; known at plan time."
  value       = { events = local.dead_letter_queue_name }
}

output "dead_letter_queue_arn" {
  description = "ARN of that queue; known at plan time."
  value       = local.dead_letter_queue_arn
}
