output "log_group_names" {
  description = "Names of the log groups, known at plan time: by service for functions, api-access, api-execution, and by the keys of log_groups. api-execution is known at plan time where the API's id is."
  value       = { for key, group in local.log_groups : key => group.name }
  depends_on  = [aws_cloudwatch_log_group.this]
}

output "log_group_arns" {
  description = "ARNs of the log groups, by the same keys, known at plan time; without the trailing :* that policies for log streams need."
  value       = { for key, group in local.log_groups : key => "${local.log_group_arn_prefix}${group.name}" }
  depends_on  = [aws_cloudwatch_log_group.this]
}

output "topic_arns" {
  description = "ARNs of the topics critical, warning and dlq, known at plan time."
  value       = local.topic_arns
  depends_on  = [aws_sns_topic_policy.this]
}

output "alarm_names" {
  description = "Names of the alarms, by their part after {project_name}-{env_name}-alarm-, known at plan time."
  value       = local.alarm_names
  depends_on  = [aws_cloudwatch_metric_alarm.this]
}

output "dashboard_name" {
  description = "Dashboard's name, known at plan time; null where there is none."
  value       = var.dashboard_enabled ? local.dashboard_name : null
  depends_on  = [aws_cloudwatch_dashboard.this]
}

output "metric_namespace" {
  description = "Namespace of the metrics that are made from log lines."
  value       = local.metric_namespace
}
