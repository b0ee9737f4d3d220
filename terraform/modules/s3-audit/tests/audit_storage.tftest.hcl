provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

provider "aws" {
  alias                       = "africa"
  region                      = "af-south-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variables {
  env_name    = "dev"
  account_id  = "000000000000"
  tags        = { Component = "audit" }
  kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/11111111-1111-1111-1111-111111111111"
  object_lock = { mode = "GOVERNANCE", days = 1 }
}

run "dev" {
  command = plan

  assert {
    condition = (
      output.bucket_name == "bbws-access-dev-s3-audit-archive"
      && output.bucket_arn == "arn:aws:s3:::bbws-access-dev-s3-audit-archive"
      && output.access_log_bucket_name == "bbws-access-dev-s3-audit-access-logs"
      && output.access_log_bucket_arn == "arn:aws:s3:::bbws-access-dev-s3-audit-access-logs"
      && aws_s3_bucket.archive.bucket == output.bucket_name
      && aws_s3_bucket.access_logs.bucket == output.access_log_bucket_name
    )
    error_message = "Buckets follow the naming pattern, and names and ARNs are known at plan time."
  }

  assert {
    condition = (
      aws_s3_bucket.archive.object_lock_enabled
      && aws_s3_bucket_versioning.archive.versioning_configuration[0].status == "Enabled"
      && aws_s3_bucket_object_lock_configuration.archive.rule[0].default_retention[0].mode == "GOVERNANCE"
      && aws_s3_bucket_object_lock_configuration.archive.rule[0].default_retention[0].days == 1
    )
    error_message = "The archive is versioned and locked."
  }

  assert {
    condition = (
      one(one(aws_s3_bucket_server_side_encryption_configuration.archive.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
      && one(one(aws_s3_bucket_server_side_encryption_configuration.archive.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn
      && one(aws_s3_bucket_server_side_encryption_configuration.archive.rule).bucket_key_enabled
      && one(one(aws_s3_bucket_server_side_encryption_configuration.access_logs.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    )
    error_message = "The archive is encrypted with its own key through a bucket key; access logs with SSE-S3, the only way S3 delivers them."
  }

  assert {
    condition = alltrue([
      for block in [aws_s3_bucket_public_access_block.archive, aws_s3_bucket_public_access_block.access_logs] :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ])
    error_message = "Public access is blocked in all four ways."
  }

  assert {
    condition = alltrue([
      for controls in [aws_s3_bucket_ownership_controls.archive, aws_s3_bucket_ownership_controls.access_logs] :
      controls.rule[0].object_ownership == "BucketOwnerEnforced"
    ])
    error_message = "ACLs are off."
  }

  assert {
    condition     = aws_s3_bucket_logging.archive.target_prefix == "s3/" && aws_s3_bucket_logging.archive.target_object_key_format[0].partitioned_prefix[0].partition_date_source == "EventTime"
    error_message = "Accesses to the archive are logged, by the day of the request."
  }

  assert {
    condition     = length(aws_s3_bucket_replication_configuration.archive) == 0 && output.replication_rule_id == null && length(aws_s3_bucket_notification.archive) == 0
    error_message = "No replication and no notifications unless asked for."
  }

  assert {
    condition     = aws_s3_bucket.archive.tags == tomap({ Component = "audit" }) && aws_s3_bucket.access_logs.tags == tomap({ Component = "audit" })
    error_message = "Buckets are tagged."
  }

  assert {
    condition     = !aws_s3_bucket.archive.force_destroy && !aws_s3_bucket.access_logs.force_destroy
    error_message = "Destroy deletes no bucket that holds anything."
  }
}

run "policies" {
  command = plan

  assert {
    condition = alltrue([
      for policy in [data.aws_iam_policy_document.archive.json, data.aws_iam_policy_document.access_logs.json] : [
        for statement in jsondecode(policy).Statement : [statement.Sid, statement.Effect, statement.Principal, statement.Action, jsonencode(statement.Condition)]
        if contains(["DenyWithoutTls", "DenyOldTls"], statement.Sid)
        ] == [
        ["DenyWithoutTls", "Deny", "*", "s3:*", "{\"Bool\":{\"aws:SecureTransport\":\"false\"}}"],
        ["DenyOldTls", "Deny", "*", "s3:*", "{\"NumericLessThan\":{\"s3:TlsVersion\":\"1.2\"}}"],
      ]
    ])
    error_message = "Both buckets refuse everybody who comes without TLS 1.2."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(data.aws_iam_policy_document.archive.json).Statement :
      statement.Resource == ["arn:aws:s3:::bbws-access-dev-s3-audit-archive/*", "arn:aws:s3:::bbws-access-dev-s3-audit-archive"]
      if contains(["DenyWithoutTls", "DenyOldTls"], statement.Sid)
    ])
    error_message = "TLS is demanded for the bucket and for its objects."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(data.aws_iam_policy_document.archive.json).Statement : statement.Effect == "Deny"])
    error_message = "The archive's policy opens nothing."
  }

  # A header that is missing must pass, because the default encryption then applies; hence Null beside StringNotEquals.
  assert {
    condition = {
      for statement in jsondecode(data.aws_iam_policy_document.archive.json).Statement :
      statement.Sid => jsonencode(statement.Condition) if statement.Action == "s3:PutObject"
      } == {
      DenyOtherEncryption = jsonencode({
        Null            = { "s3:x-amz-server-side-encryption" = "false" }
        StringNotEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
      })
      DenyOtherKey = jsonencode({
        Null            = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
        StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "arn:aws:kms:eu-west-1:000000000000:key/11111111-1111-1111-1111-111111111111" }
      })
      DenyAwsManagedKey = jsonencode({
        Null         = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "true" }
        StringEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
      })
      DenyCustomerProvidedKey = jsonencode({
        Null = { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" }
      })
    }
    error_message = "Whatever asks for another encryption than the archive's key is refused."
  }

  assert {
    condition = [
      for statement in jsondecode(data.aws_iam_policy_document.access_logs.json).Statement : statement if statement.Effect == "Allow"
      ] == [{
        Sid       = "AllowLogDelivery"
        Effect    = "Allow"
        Action    = "s3:PutObject"
        Resource  = "arn:aws:s3:::bbws-access-dev-s3-audit-access-logs/s3/*"
        Principal = { Service = "logging.s3.amazonaws.com" }
        Condition = {
          ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::bbws-access-dev-s3-audit-archive" }
          StringEquals = { "aws:SourceAccount" = "000000000000" }
        }
    }]
    error_message = "S3 delivers the archive's access logs, for this account, and nobody else writes there."
  }
}

run "lifecycle" {
  command = plan

  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.archive.rule : rule.id => rule.status
    } == { tiers = "Enabled", expiry = "Enabled", exports = "Enabled", remains = "Enabled" }
    error_message = "Four rules, all enabled."
  }

  # S3 acts at the first midnight after creation + days, so 30 and 90 begin days 31 and 91.
  assert {
    condition = {
      for transition in aws_s3_bucket_lifecycle_configuration.archive.rule[0].transition : transition.storage_class => transition.days
      } == { STANDARD_IA = 30, GLACIER = 90 } && {
      for transition in aws_s3_bucket_lifecycle_configuration.archive.rule[0].noncurrent_version_transition : transition.storage_class => transition.noncurrent_days
    } == { STANDARD_IA = 30, GLACIER = 90 }
    error_message = "Hot to warm to cold, old versions included."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.archive.rule[0].filter[0].and[0].prefix == "archive/" && aws_s3_bucket_lifecycle_configuration.archive.rule[0].filter[0].and[0].object_size_greater_than == 1
    error_message = "Small objects move as well; without a size S3 would leave those below 128 KB where they are."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.archive.rule[1].expiration[0].days == 2557 && aws_s3_bucket_lifecycle_configuration.archive.rule[1].noncurrent_version_expiration[0].noncurrent_days == 2557 - aws_s3_bucket_object_lock_configuration.archive.rule[0].default_retention[0].days
    error_message = "Seven years; where the lock is shorter, old versions are kept by their age."
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.archive.rule[2].filter[0].prefix == "exports/"
      && aws_s3_bucket_lifecycle_configuration.archive.rule[2].expiration[0].days == 7
      && aws_s3_bucket_lifecycle_configuration.archive.rule[2].noncurrent_version_expiration[0].noncurrent_days == 1
    )
    error_message = "Exports live shorter."
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.archive.rule[3].abort_incomplete_multipart_upload[0].days_after_initiation == 7
      && aws_s3_bucket_lifecycle_configuration.archive.rule[3].expiration[0].expired_object_delete_marker
    )
    error_message = "Incomplete uploads and delete markers of nothing are cleared away."
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.access_logs.rule[0].expiration[0].days == 90
      && aws_s3_bucket_lifecycle_configuration.access_logs.rule[0].noncurrent_version_expiration[0].noncurrent_days == 1
    )
    error_message = "Access logs are kept for 90 days."
  }
}

run "sit" {
  command = plan

  variables {
    env_name                  = "sit"
    bucket_suffix             = "-4711"
    object_lock               = { days = 30 }
    storage_tiers             = { warm_after_days = 60, cold_after_days = 120, expire_after_days = 365 }
    exports_expire_after_days = 1
    access_log_retention_days = 30
    eventbridge_notifications = true
    force_destroy             = true
  }

  assert {
    condition     = output.bucket_name == "bbws-access-sit-s3-audit-archive-4711" && output.access_log_bucket_name == "bbws-access-sit-s3-audit-access-logs-4711"
    error_message = "Bucket names take the suffix."
  }

  assert {
    condition = (
      aws_s3_bucket_object_lock_configuration.archive.rule[0].default_retention[0].mode == "GOVERNANCE"
      && { for transition in aws_s3_bucket_lifecycle_configuration.archive.rule[0].transition : transition.storage_class => transition.days } == { STANDARD_IA = 60, GLACIER = 120 }
      && aws_s3_bucket_lifecycle_configuration.archive.rule[1].expiration[0].days == 365
      && aws_s3_bucket_lifecycle_configuration.archive.rule[1].noncurrent_version_expiration[0].noncurrent_days == 365 - aws_s3_bucket_object_lock_configuration.archive.rule[0].default_retention[0].days
      && aws_s3_bucket_lifecycle_configuration.archive.rule[2].expiration[0].days == 1
      && aws_s3_bucket_lifecycle_configuration.access_logs.rule[0].expiration[0].days == 30
    )
    error_message = "Ages are inputs; the lock is GOVERNANCE unless stated."
  }

  assert {
    condition     = aws_s3_bucket_notification.archive[0].eventbridge && aws_s3_bucket.archive.force_destroy && aws_s3_bucket.access_logs.force_destroy
    error_message = "Events and forced destruction are inputs."
  }
}

run "prod" {
  command = plan

  providers = { aws = aws.africa }

  variables {
    env_name              = "prod"
    kms_key_arn           = "arn:aws:kms:af-south-1:000000000000:key/11111111-1111-1111-1111-111111111111"
    object_lock           = { mode = "COMPLIANCE", days = 2557 }
    allow_compliance_lock = true
    replication = {
      bucket_arn  = "arn:aws:s3:::bbws-access-prod-s3-audit-archive-replica"
      kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/22222222-2222-2222-2222-222222222222"
      role_arn    = "arn:aws:iam::000000000000:role/bbws-access-prod-role-audit-replication"
    }
  }

  assert {
    condition = (
      aws_s3_bucket_object_lock_configuration.archive.rule[0].default_retention[0].mode == "COMPLIANCE"
      && aws_s3_bucket_object_lock_configuration.archive.rule[0].default_retention[0].days == 2557
    )
    error_message = "Nobody deletes an event for seven years."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.archive.rule[1].expiration[0].days == 2557 && aws_s3_bucket_lifecycle_configuration.archive.rule[1].noncurrent_version_expiration[0].noncurrent_days == 1
    error_message = "Each version is locked for seven years, and gone after them: waiting for its noncurrent age as well would keep it for fourteen."
  }

  assert {
    condition = (
      output.replication_rule_id == "bbws-access-prod-rule-audit-archive-replica"
      && aws_s3_bucket_replication_configuration.archive[0].role == var.replication.role_arn
      && aws_s3_bucket_replication_configuration.archive[0].rule[0].id == output.replication_rule_id
      && aws_s3_bucket_replication_configuration.archive[0].rule[0].status == "Enabled"
      && aws_s3_bucket_replication_configuration.archive[0].rule[0].source_selection_criteria[0].sse_kms_encrypted_objects[0].status == "Enabled"
      && aws_s3_bucket_replication_configuration.archive[0].rule[0].delete_marker_replication[0].status == "Disabled"
    )
    error_message = "Everything is replicated, encrypted objects too, and no delete marker."
  }

  assert {
    condition = (
      aws_s3_bucket_replication_configuration.archive[0].rule[0].destination[0].bucket == var.replication.bucket_arn
      && aws_s3_bucket_replication_configuration.archive[0].rule[0].destination[0].encryption_configuration[0].replica_kms_key_id == var.replication.kms_key_arn
      && aws_s3_bucket_replication_configuration.archive[0].rule[0].destination[0].metrics[0].status == "Enabled"
      && aws_s3_bucket_replication_configuration.archive[0].rule[0].destination[0].metrics[0].event_threshold[0].minutes == 15
      && aws_s3_bucket_replication_configuration.archive[0].rule[0].destination[0].replication_time[0].time[0].minutes == 15
    )
    error_message = "Replication uses the key of the other region, within 15 minutes, and is measured."
  }
}

run "prod_replica" {
  command = plan

  variables {
    env_name              = "prod"
    is_replica            = true
    object_lock           = { mode = "COMPLIANCE", days = 2557 }
    allow_compliance_lock = true
    force_destroy         = true
  }

  # Protection can be lifted beside a lock that cannot; what the lock holds stays even so.
  assert {
    condition     = aws_s3_bucket.archive.force_destroy && aws_s3_bucket_object_lock_configuration.archive.rule[0].default_retention[0].mode == "COMPLIANCE"
    error_message = "An archive under a COMPLIANCE lock may be emptied as far as the lock lets it."
  }

  assert {
    condition = (
      output.bucket_name == "bbws-access-prod-s3-audit-archive-replica"
      && output.access_log_bucket_name == "bbws-access-prod-s3-audit-replica-access-logs"
      && aws_s3_bucket_object_lock_configuration.archive.rule[0].default_retention[0].mode == "COMPLIANCE"
      && length(aws_s3_bucket_replication_configuration.archive) == 0
    )
    error_message = "The replica is an archive like the other, under its own name, and ends the chain."
  }
}

run "replication_best_effort" {
  command = plan

  variables {
    replication = {
      bucket_arn   = "arn:aws:s3:::elsewhere"
      kms_key_arn  = "arn:aws:kms:eu-central-1:000000000000:key/22222222-2222-2222-2222-222222222222"
      role_arn     = "arn:aws:iam::000000000000:role/replication"
      time_control = false
    }
  }

  assert {
    condition = (
      length(aws_s3_bucket_replication_configuration.archive[0].rule[0].destination[0].replication_time) == 0
      && length(aws_s3_bucket_replication_configuration.archive[0].rule[0].destination[0].metrics[0].event_threshold) == 0
      && aws_s3_bucket_replication_configuration.archive[0].rule[0].destination[0].metrics[0].status == "Enabled"
    )
    error_message = "Without time control, replication is still measured."
  }
}

run "statements_of_ones_own" {
  command = plan

  variables {
    bucket_policy_statements = {
      ReadByAuditor = {
        actions    = ["s3:GetObject", "s3:ListBucket"]
        principals = { AWS = ["arn:aws:iam::999999999999:role/auditor"] }
        conditions = [{ test = "StringEquals", variable = "aws:PrincipalOrgID", values = ["o-a1b2c3d4e5"] }]
      }
      NobodyLiftsLocks = {
        effect     = "Deny"
        actions    = ["s3:BypassGovernanceRetention"]
        principals = { AWS = ["*"] }
      }
    }
  }

  assert {
    condition = { for statement in jsondecode(data.aws_iam_policy_document.archive.json).Statement : statement.Sid => statement if contains(["NobodyLiftsLocks", "ReadByAuditor"], statement.Sid) } == {
      ReadByAuditor = {
        Sid       = "ReadByAuditor"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::999999999999:role/auditor" }
        Action    = ["s3:ListBucket", "s3:GetObject"]
        Resource  = ["${output.bucket_arn}/*", output.bucket_arn]
        Condition = { StringEquals = { "aws:PrincipalOrgID" = "o-a1b2c3d4e5" } }
      }
      NobodyLiftsLocks = {
        Sid       = "NobodyLiftsLocks"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:BypassGovernanceRetention"
        Resource  = ["${output.bucket_arn}/*", output.bucket_arn]
      }
    }
    error_message = "A statement says what its caller gave, of the archive and its objects."
  }

  assert {
    condition = toset([for statement in jsondecode(data.aws_iam_policy_document.archive.json).Statement : statement.Sid if statement.Effect == "Deny" && statement.Sid != "NobodyLiftsLocks"]) == toset([
      "DenyWithoutTls", "DenyOldTls", "DenyOtherEncryption", "DenyOtherKey", "DenyAwsManagedKey", "DenyCustomerProvidedKey",
    ])
    error_message = "What the module denies stays denied."
  }

  assert {
    condition     = !strcontains(data.aws_iam_policy_document.access_logs.json, "ReadByAuditor")
    error_message = "The bucket of access logs is nobody's but log delivery's."
  }
}
