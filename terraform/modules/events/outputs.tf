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
