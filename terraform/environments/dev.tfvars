env_name                 = "dev"
region                   = "eu-west-1"
pitr_enabled             = true
cross_region_replication = false

log_level                  = "DEBUG"
api_throttle_rate_limit    = 100
api_throttle_burst_limit   = 50
service_log_retention_days = 30
audit_log_retention_days   = 90

authorizer_provisioned_concurrency = 0
deletion_protection                = false
multi_factor_authentication        = "OPTIONAL"
cors_allowed_origins               = ["*"]

web_acl             = null
backup_plan_enabled = false

audit_object_lock = {
  mode = "GOVERNANCE"
  days = 1
}
