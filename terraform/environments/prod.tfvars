env_name                 = "prod"
region                   = "af-south-1"
pitr_enabled             = true
cross_region_replication = true
failover_region          = "eu-west-1"

log_level                  = "WARN"
api_throttle_rate_limit    = 1000
api_throttle_burst_limit   = 500
service_log_retention_days = 30
audit_log_retention_days   = 90

authorizer_provisioned_concurrency = 2
deletion_protection                = true
multi_factor_authentication        = "ON"
cors_allowed_origins               = []

# In five minutes, half of what the API serves then: many people may stand behind one address, and none takes all.
web_acl             = { rate_limit = 150000 }
backup_plan_enabled = true

audit_object_lock = {
  mode = "COMPLIANCE"
  days = 2557
}
