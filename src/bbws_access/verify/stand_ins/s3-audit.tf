locals {
  kind        = coalesce(var.is_replica, false) ? "audit-archive-replica" : "audit-archive"
  bucket      = "${var.project_name}-${var.env_name}-s3-${local.kind}${var.bucket_suffix}"
  replication = var.replication == null ? null : "${var.project_name}-${var.env_name}-rule-audit-archive-replica"
}

output "bucket_name" {
  value = local.bucket
}

output "bucket_arn" {
  value = "arn:aws:s3:::${local.bucket}"
}

output "access_log_bucket_name" {
  value = "${var.project_name}-${var.env_name}-s3-audit-access-logs${var.bucket_suffix}"
}

output "replication_rule_id" {
  value = local.replication
}
