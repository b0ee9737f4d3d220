# Objects are written within five minutes of the events that they hold, so their age is the age of the events.
# S3 acts at the first midnight UTC after creation + days: 30 days moves an object on its 31st calendar day, 90 on its
# 91st, which is where the warm and the cold tier begin. Seven years hold one or two leap days, so 2,557 days
# (7 x 365 + 2) are never less than seven years.
#
# The lifecycle configurations depend on nothing but their bucket: the provider waits about a minute for each to
# settle, and this minute passes beside everything else.

locals {
  # Expiry of a versioned object puts a delete marker on it; what it held goes when it has been noncurrent long enough.
  # A version that was overwritten or deleted early is kept by its lock, and from the lock's end on by its noncurrent age
  # alone: that makes up for the days by which the lock is shorter, and no more. A full noncurrent age beside a lock that
  # is a day shorter than the expiry would keep every version for twice its time.
  noncurrent_days = max(1, module.inputs.storage_tiers.expire_after_days - module.inputs.object_lock.days)

  archive_prefix = "archive/"
  exports_prefix = "exports/"
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id

  # Small objects are not moved by default. The archive of a quiet organisation's day is small, and its age counts too.
  rule {
    id     = "tiers"
    status = "Enabled"

    filter {
      and {
        prefix                   = local.archive_prefix
        object_size_greater_than = 1
      }
    }

    transition {
      days          = module.inputs.storage_tiers.warm_after_days
      storage_class = "STANDARD_IA"
    }

    transition {
      days          = module.inputs.storage_tiers.cold_after_days
      storage_class = "GLACIER"
    }

    noncurrent_version_transition {
      noncurrent_days = module.inputs.storage_tiers.warm_after_days
      storage_class   = "STANDARD_IA"
    }

    noncurrent_version_transition {
      noncurrent_days = module.inputs.storage_tiers.cold_after_days
      storage_class   = "GLACIER"
    }
  }

  rule {
    id     = "expiry"
    status = "Enabled"

    filter {}

    expiration {
      days = module.inputs.storage_tiers.expire_after_days
    }

    noncurrent_version_expiration {
      noncurrent_days = local.noncurrent_days
    }
  }

  # Where rules overlap, S3 follows the one that expires earlier.
  rule {
    id     = "exports"
    status = "Enabled"

    filter {
      prefix = local.exports_prefix
    }

    expiration {
      days = var.exports_expire_after_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  rule {
    id     = "remains"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    expiration {
      expired_object_delete_marker = true
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  rule {
    id     = "expiry"
    status = "Enabled"

    filter {}

    expiration {
      days = var.access_log_retention_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  rule {
    id     = "remains"
    status = "Enabled"

    filter {}

    expiration {
      expired_object_delete_marker = true
    }
  }
}
