# The replica is a second call of this module (is_replica = true) through the failover region's provider; this is the
# rule that fills it.

locals {
  replication_rule_id = "${local.name_prefix}-rule-audit-archive-replica"
}

resource "aws_s3_bucket_replication_configuration" "archive" {
  count = module.inputs.replication == null ? 0 : 1

  bucket = aws_s3_bucket.archive.id
  role   = module.inputs.replication.role_arn

  rule {
    id       = local.replication_rule_id
    priority = 1
    status   = "Enabled"

    filter {}

    # A delete marker hides what is archived. Whoever sets one at the source, by mistake or on purpose, must not hide
    # the replica as well; it has its own expiry.
    delete_marker_replication {
      status = "Disabled"
    }

    source_selection_criteria {
      sse_kms_encrypted_objects {
        status = "Enabled"
      }
    }

    destination {
      bucket        = module.inputs.replication.bucket_arn
      storage_class = "STANDARD"

      encryption_configuration {
        replica_kms_key_id = module.inputs.replication.kms_key_arn
      }

      metrics {
        status = "Enabled"

        dynamic "event_threshold" {
          for_each = module.inputs.replication.time_control ? [15] : []

          content {
            minutes = event_threshold.value
          }
        }
      }

      dynamic "replication_time" {
        for_each = module.inputs.replication.time_control ? [15] : []

        content {
          status = "Enabled"

          time {
            minutes = replication_time.value
          }
        }
      }
    }
  }

  # S3 demands versions at the source; the replica's outputs wait for its own versions and lock.
  depends_on = [aws_s3_bucket_versioning.archive]
}
