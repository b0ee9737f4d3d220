variables {
  project_name              = "other-project-with-names"
  env_name                  = "dev"
  account_id                = "000000000000"
  bucket_suffix             = "-4711"
  kms_key_arn               = "arn:aws:kms:eu-west-1:000000000000:key/mrk-11111111111111111111111111111111"
  object_lock               = { mode = "COMPLIANCE", days = 62 }
  allow_compliance_lock     = true
  storage_tiers             = { warm_after_days = 30, cold_after_days = 60, expire_after_days = 62 }
  exports_expire_after_days = 62
  access_log_retention_days = 1
  replication = {
    bucket_arn  = "arn:aws:s3:::elsewhere"
    kms_key_arn = "arn:aws:kms:eu-central-1:000000000000:key/22222222-2222-2222-2222-222222222222"
    role_arn    = "arn:aws:iam::000000000000:role/replication"
  }
}

run "project_name" {
  command = plan

  variables {
    project_name = "Other_Project"
  }

  expect_failures = [var.project_name]
}

run "env_name" {
  command = plan

  variables {
    env_name = "Production-1"
  }

  expect_failures = [var.env_name]
}

run "account_id" {
  command = plan

  variables {
    account_id = "123"
  }

  expect_failures = [var.account_id]
}

run "bucket_suffix" {
  command = plan

  variables {
    bucket_suffix = "_4711"
  }

  expect_failures = [var.bucket_suffix]
}

run "bucket_name_too_long" {
  command = plan

  variables {
    bucket_suffix = "-far-too-long-for-this"
  }

  expect_failures = [var.bucket_suffix]
}

run "key_alias" {
  command = plan

  variables {
    kms_key_arn = "alias/audit"
  }

  expect_failures = [var.kms_key_arn]
}

run "lock_mode" {
  command = plan

  variables {
    object_lock = { mode = "LEGAL_HOLD", days = 1 }
  }

  expect_failures = [var.object_lock]
}

run "lock_days" {
  command = plan

  variables {
    object_lock = { days = 0 }
  }

  expect_failures = [var.object_lock]
}

run "compliance_unconfirmed" {
  command = plan

  variables {
    allow_compliance_lock = false
  }

  expect_failures = [var.object_lock]
}

run "lock_longer_than_life" {
  command = plan

  variables {
    object_lock = { days = 63 }
  }

  expect_failures = [var.object_lock]
}

run "fraction_of_a_day" {
  command = plan

  variables {
    storage_tiers = { warm_after_days = 30, cold_after_days = 60.5, expire_after_days = 62 }
  }

  expect_failures = [var.storage_tiers]
}

run "warm_too_early" {
  command = plan

  variables {
    storage_tiers = { warm_after_days = 29, cold_after_days = 60, expire_after_days = 62 }
  }

  expect_failures = [var.storage_tiers]
}

run "cold_too_early" {
  command = plan

  variables {
    storage_tiers = { warm_after_days = 31, cold_after_days = 60, expire_after_days = 62 }
  }

  expect_failures = [var.storage_tiers]
}

run "expiry_before_cold" {
  command = plan

  variables {
    storage_tiers = { warm_after_days = 30, cold_after_days = 62, expire_after_days = 62 }
  }

  expect_failures = [var.storage_tiers]
}

run "exports_longer_than_archive" {
  command = plan

  variables {
    exports_expire_after_days = 63
  }

  expect_failures = [var.exports_expire_after_days]
}

run "access_log_retention" {
  command = plan

  variables {
    access_log_retention_days = 0
  }

  expect_failures = [var.access_log_retention_days]
}

run "replica_of_a_replica" {
  command = plan

  variables {
    is_replica = true
  }

  expect_failures = [var.replication]
}

run "replica_bucket_name" {
  command = plan

  variables {
    replication = {
      bucket_arn  = "elsewhere"
      kms_key_arn = "arn:aws:kms:eu-central-1:000000000000:key/22222222-2222-2222-2222-222222222222"
      role_arn    = "arn:aws:iam::000000000000:role/replication"
    }
  }

  expect_failures = [var.replication]
}

run "replica_key_alias" {
  command = plan

  variables {
    replication = {
      bucket_arn  = "arn:aws:s3:::elsewhere"
      kms_key_arn = "alias/audit"
      role_arn    = "arn:aws:iam::000000000000:role/replication"
    }
  }

  expect_failures = [var.replication]
}

run "replica_role_name" {
  command = plan

  variables {
    replication = {
      bucket_arn  = "arn:aws:s3:::elsewhere"
      kms_key_arn = "arn:aws:kms:eu-central-1:000000000000:key/22222222-2222-2222-2222-222222222222"
      role_arn    = "replication"
    }
  }

  expect_failures = [var.replication]
}

run "replica_key_of_the_same_region" {
  command = plan

  variables {
    replication = {
      bucket_arn  = "arn:aws:s3:::elsewhere"
      kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/22222222-2222-2222-2222-222222222222"
      role_arn    = "arn:aws:iam::000000000000:role/replication"
    }
  }

  expect_failures = [var.replication]
}

run "rejects_region" {
  command = plan

  variables {
    region = "Ireland"
  }

  expect_failures = [var.region]
}
