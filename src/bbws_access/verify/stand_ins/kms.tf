output "key_arns" {
  value = {
    for name in keys(var.keys) : name => format(
      "arn:aws:kms:%s:%s:key/%s", var.region, var.account_id,
      uuidv5("dns", "${var.project_name}-${var.env_name}-${var.region}-${name}")
    )
  }
}
