locals {
  name_prefix = "${var.project_name}-${var.env_name}"

  # Built from names, so that policies elsewhere are known before the buckets exist.
  arn_prefix        = "arn:${local.partition}:s3:::"
  bucket            = "${local.name_prefix}-s3-audit-archive${var.is_replica ? "-replica" : ""}${var.bucket_suffix}"
  bucket_arn        = "${local.arn_prefix}${local.bucket}"
  access_log_bucket = "${local.name_prefix}-s3-audit-${var.is_replica ? "replica-" : ""}access-logs${var.bucket_suffix}"
  access_log_prefix = "s3/"
  access_log_arn    = "${local.arn_prefix}${local.access_log_bucket}"
}

# --- Archive -----------------------------------------------------------------------------------

resource "aws_s3_bucket" "archive" {
  bucket              = local.bucket
  object_lock_enabled = true
  force_destroy       = var.force_destroy
  tags                = var.tags
}

resource "aws_s3_bucket_versioning" "archive" {
  bucket = aws_s3_bucket.archive.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    default_retention {
      mode = module.inputs.object_lock.mode
      days = module.inputs.object_lock.days
    }
  }

  # S3 refuses a lock on a bucket without versions.
  depends_on = [aws_s3_bucket_versioning.archive]
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "archive" {
  bucket = aws_s3_bucket.archive.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket                  = aws_s3_bucket.archive.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "archive" {
  bucket = aws_s3_bucket.archive.id
  policy = data.aws_iam_policy_document.archive.json

  # S3 answers 409 to two changes of a bucket's access at once.
  depends_on = [aws_s3_bucket_public_access_block.archive]
}

data "aws_iam_policy_document" "archive" {
  source_policy_documents = [data.aws_iam_policy_document.tls_only["archive"].json]

  dynamic "statement" {
    for_each = local.encryption_denials

    content {
      sid       = statement.key
      effect    = "Deny"
      actions   = ["s3:PutObject"]
      resources = ["${local.bucket_arn}/*"]

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      dynamic "condition" {
        for_each = statement.value

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = [condition.value.value]
        }
      }
    }
  }

  # The caller's own. None of them lifts a Deny of the module's.
  dynamic "statement" {
    for_each = module.inputs.bucket_policy_statements

    content {
      sid       = statement.key
      effect    = statement.value.effect
      actions   = statement.value.actions
      resources = [local.bucket_arn, "${local.bucket_arn}/*"]

      dynamic "principals" {
        for_each = statement.value.principals

        content {
          # As the module's own do: everybody, whatever kind.
          type        = contains(principals.value, "*") ? "*" : principals.key
          identifiers = contains(principals.value, "*") ? ["*"] : principals.value
        }
      }

      dynamic "condition" {
        for_each = statement.value.conditions

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}

resource "aws_s3_bucket_logging" "archive" {
  bucket        = aws_s3_bucket.archive.id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = local.access_log_prefix

  # One folder a day, by the time of the request, so that a search of one day reads one day.
  target_object_key_format {
    partitioned_prefix {
      partition_date_source = "EventTime"
    }
  }

  # S3 checks that it may write to the target.
  depends_on = [aws_s3_bucket_policy.access_logs]
}

resource "aws_s3_bucket_notification" "archive" {
  count = var.eventbridge_notifications ? 1 : 0

  bucket      = aws_s3_bucket.archive.id
  eventbridge = true
}

locals {
  # The policy is judged before the bucket's default encryption is applied: a request without encryption headers
  # carries none, and gets our key by default, so it must pass. What is refused is a header that asks for anything
  # else. Hence the Null conditions: StringNotEquals alone is true for a missing header.
  encryption_denials = {
    DenyOtherEncryption = [
      { test = "StringNotEquals", variable = "s3:x-amz-server-side-encryption", value = "aws:kms" },
      { test = "Null", variable = "s3:x-amz-server-side-encryption", value = "false" },
    ]
    DenyOtherKey = [
      { test = "StringNotEquals", variable = "s3:x-amz-server-side-encryption-aws-kms-key-id", value = var.kms_key_arn },
      { test = "Null", variable = "s3:x-amz-server-side-encryption-aws-kms-key-id", value = "false" },
    ]
    # aws:kms without a key id means the AWS managed key, not the bucket's default key.
    DenyAwsManagedKey = [
      { test = "StringEquals", variable = "s3:x-amz-server-side-encryption", value = "aws:kms" },
      { test = "Null", variable = "s3:x-amz-server-side-encryption-aws-kms-key-id", value = "true" },
    ]
    DenyCustomerProvidedKey = [
      { test = "Null", variable = "s3:x-amz-server-side-encryption-customer-algorithm", value = "false" },
    ]
  }
}

# --- Server access logs ------------------------------------------------------------------------------

resource "aws_s3_bucket" "access_logs" {
  #checkov:skip=CKV_AWS_18:A bucket of access logs that logs its own accesses would never stop
  #checkov:skip=CKV_AWS_145:S3 delivers server access logs only to buckets encrypted with SSE-S3
  #checkov:skip=CKV2_AWS_62:Nothing waits for access logs: they are read when something is looked into
  #checkov:skip=CKV_AWS_144:Access logs are no audit events; the archive they describe is what is replicated
  bucket        = local.access_log_bucket
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_versioning" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  versioning_configuration {
    status = "Enabled"
  }
}

# SSE-S3 and no Object Lock: S3 delivers server access logs to no bucket with SSE-KMS or with a default retention.
resource "aws_s3_bucket_server_side_encryption_configuration" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "access_logs" {
  bucket                  = aws_s3_bucket.access_logs.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id
  policy = data.aws_iam_policy_document.access_logs.json

  depends_on = [aws_s3_bucket_public_access_block.access_logs]
}

data "aws_iam_policy_document" "access_logs" {
  source_policy_documents = [data.aws_iam_policy_document.tls_only["access_logs"].json]

  statement {
    sid       = "AllowLogDelivery"
    actions   = ["s3:PutObject"]
    resources = ["${local.access_log_arn}/${local.access_log_prefix}*"]

    principals {
      type        = "Service"
      identifiers = ["logging.s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.bucket_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

# --- What the policies of both buckets say ---------------------------------------------------------

data "aws_iam_policy_document" "tls_only" {
  for_each = {
    archive     = local.bucket_arn
    access_logs = local.access_log_arn
  }

  statement {
    sid       = "DenyWithoutTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value, "${each.value}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "DenyOldTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value, "${each.value}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "NumericLessThan"
      variable = "s3:TlsVersion"
      values   = ["1.2"]
    }
  }
}
