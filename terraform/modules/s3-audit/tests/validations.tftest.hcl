provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

# Accepted, at the edges of what the validations let through; each run below breaks one of them.
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

run "accepted" {
  command = plan

  assert {
    condition     = length(output.access_log_bucket_name) <= 63 && startswith(output.bucket_name, "other-project-with-names-dev-s3-audit-archive")
    error_message = "A project of another name can use the module."
  }
}
