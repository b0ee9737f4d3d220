env_name                 = "sit"
region                   = "eu-west-1"
pitr_enabled             = true
cross_region_replication = false

log_level                  = "INFO"
api_throttle_rate_limit    = 500
api_throttle_burst_limit   = 200
service_log_retention_days = 30
audit_log_retention_days   = 90

authorizer_provisioned_concurrency = 0
deletion_protection                = false
multi_factor_authentication        = "OPTIONAL"
cors_allowed_origins               = ["*"]

# As in PROD, so that its rules meet every request here first: in five minutes, half of what the API serves then.
web_acl             = { rate_limit = 75000 }
backup_plan_enabled = false

audit_object_lock = {
  mode = "GOVERNANCE"
  days = 7
}
