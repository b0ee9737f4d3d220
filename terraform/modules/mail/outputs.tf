# Built from names, so that functions and policies are known at plan time.

output "queue_url" {
  description = "URL of the queue; known at plan time."
  value       = "https://sqs.${local.region}.${local.dns_suffix}/${local.account_id}/${local.queue_names.mail}"
}

output "queue_arn" {
  description = "ARN of the queue; known at plan time."
  value       = local.queue_arns.mail
}

output "queue_names" {
  description = "Name of the queue: mail; known at plan time."
  value       = { mail = local.queue_names.mail }
}

output "dead_letter_queue_names" {
  description = "Name of the queue of dead letters: mail; known at plan time."
  value       = { mail = local.queue_names.dead_letters }
}

output "configuration_set_name" {
  description = "Name of the SES configuration set; known at plan time."
  value       = local.configuration_set
}

output "configuration_set_arn" {
  description = "ARN of the SES configuration set; known at plan time."
  value       = local.configuration_arn
}

output "template_prefix" {
  description = "What every template's name begins with: {template_prefix}-{name}; known at plan time."
  value       = local.template_prefix
}

output "template_names" {
  description = "Name of each template, by its key; known at plan time."
  value       = local.template_names
}

output "template_arns" {
  description = "ARN of each template, by its key; known at plan time."
  value       = { for name, template in local.template_names : name => "${local.ses_arn}:template/${template}" }
}

output "identity_arn" {
  description = "ARN of the SES identity; null without a sender. Known at plan time."
  value       = one([for sender in module.inputs.sender[*] : "${local.ses_arn}:identity/${sender.identity}"])
}

output "sender" {
  description = "From header of the mails; null without a sender. Known at plan time."
  value       = one([for sender in module.inputs.sender[*] : sender.from_name == null ? sender.from_address : "${sender.from_name} <${sender.from_address}>"])
}

output "identity_verified" {
  description = "Whether SES may send as the identity: false without a sender, true for one that the account has already. Known after apply where it is made here."
  value       = try(module.inputs.sender.create_identity, false) ? one(values(aws_sesv2_email_identity.this)[*].verified_for_sending_status) : module.inputs.sender != null
}

output "dkim_records" {
  description = "CNAME records by which SES checks a domain that was made here, name to value; empty for an address. Known after apply."
  value = merge([
    for identity in aws_sesv2_email_identity.this : {
      for token in try(identity.dkim_signing_attributes[0].tokens, []) :
      "${token}._domainkey.${identity.email_identity}" => "${token}.dkim.amazonses.com"
    }
  ]...)
}
