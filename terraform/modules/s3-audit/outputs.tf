output "bucket_name" {
  description = "Archive bucket's name, known at plan time."
  value       = local.bucket
  depends_on  = [aws_s3_bucket_policy.archive, aws_s3_bucket_object_lock_configuration.archive]
}

output "bucket_arn" {
  description = "Archive bucket's ARN, known at plan time."
  value       = local.bucket_arn
  depends_on  = [aws_s3_bucket_policy.archive, aws_s3_bucket_object_lock_configuration.archive]
}

output "access_log_bucket_name" {
  description = "Name of the bucket that receives the archive's server access logs, known at plan time."
  value       = local.access_log_bucket
  depends_on  = [aws_s3_bucket_policy.access_logs]
}

output "access_log_bucket_arn" {
  description = "ARN of the bucket that receives the archive's server access logs, known at plan time."
  value       = local.access_log_arn
  depends_on  = [aws_s3_bucket_policy.access_logs]
}

output "replication_rule_id" {
  description = "Id of the replication rule, a dimension of its metrics; null where nothing is replicated."
  value       = module.inputs.replication == null ? null : local.replication_rule_id
  depends_on  = [aws_s3_bucket_replication_configuration.archive]
}
