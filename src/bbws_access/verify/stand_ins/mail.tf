locals {
  prefix = "${var.project_name}-${var.env_name}"
  ses    = "arn:aws:ses:${var.region}:${var.account_id}"
}

output "queue_url" {
  value = "https://sqs.${var.region}.amazonaws.com/${var.account_id}/${local.prefix}-queue-mail"
}

output "queue_arn" {
  value = "arn:aws:sqs:${var.region}:${var.account_id}:${local.prefix}-queue-mail"
}

output "queue_names" {
  value = { mail = "${local.prefix}-queue-mail" }
}

output "dead_letter_queue_names" {
  value = { mail = "${local.prefix}-queue-mail-dead-letters" }
}

output "configuration_set_name" {
  value = "${local.prefix}-mail"
}

output "configuration_set_arn" {
  value = "${local.ses}:configuration-set/${local.prefix}-mail"
}

output "template_prefix" {
  value = "${local.prefix}-mail"
}

output "template_arns" {
  value = { for name in keys(var.templates) : name => "${local.ses}:template/${local.prefix}-mail-${name}" }
}

output "identity_arn" {
  value = try("${local.ses}:identity/${var.sender.identity}", null)
}

output "sender" {
  value = try(var.sender.from_address, null)
}

output "identity_verified" {
  value = var.sender != null
}
