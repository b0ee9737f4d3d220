locals {
  # Keyed by a static name, so that for_each decides by it whether there is anything in the failover region.
  failover = toset(var.cross_region_replication ? ["failover"] : [])

  # Lambda's own lines say of every invocation that it began and ended. Each is charged for, so they are there where DEBUG asks for all;
  # elsewhere those remain of invocations that failed or took too long.
  system_log_level = var.log_level == "DEBUG" ? "INFO" : "WARN"
}

# --- Keys ---------------------------------------------------------------------------------------------

locals {
  # Of this environment's log groups alone: another's in the account has a key of its own.
  log_group_arns = [
    for group in ["lambda/${local.name_prefix}-lambda-*", "apigateway/${local.name_prefix}-apigw/*"] :
    "arn:${local.partition}:logs:%s:${var.account_id}:log-group:/aws/${group}"
  ]
  topic_publishers = {
    cloudwatch = {}
    events     = {}
    s3         = {}
  }
}

module "keys" {
  source        = "../modules/kms"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "encryption" }

  keys = {
    data = { description = "Tables and their backups", via_services = ["dynamodb", "backup"] }
    functions = {
      description        = "Functions' settings, queues and dead letters"
      via_services       = ["lambda", "sqs"]
      service_principals = { events = {} }
    }
    logs = {
      description        = "Log groups"
      service_principals = { logs = { source_arns = [for arn in local.log_group_arns : format(arn, var.region)] } }
    }
    alerts = {
      description        = "Alert topics"
      via_services       = ["sns"]
      service_principals = local.topic_publishers
    }
  }
}

module "failover_keys" {
  for_each  = local.failover
  source    = "../modules/kms"
  providers = { aws = aws.failover }

  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.failover_region
  tags          = { Component = "encryption" }

  keys = {
    data = { description = "Replicas of the tables", via_services = ["dynamodb"] }
    logs = {
      description        = "Log groups"
      service_principals = { logs = { source_arns = [for arn in local.log_group_arns : format(arn, var.failover_region)] } }
    }
    alerts = {
      description        = "Alert topics"
      via_services       = ["sns"]
      service_principals = local.topic_publishers
    }
  }
}

# Apart from the other keys: where a compliance lock holds the archive after everything else is destroyed, its keys stay
# with it, and no others.
module "archive_keys" {
  source        = "../modules/kms"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "encryption" }

  keys = { audit-archive = { description = "Audit archive", via_services = ["s3"] } }
}

module "failover_archive_keys" {
  for_each  = local.failover
  source    = "../modules/kms"
  providers = { aws = aws.failover }

  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.failover_region
  tags          = { Component = "encryption" }

  keys = { audit-archive = { description = "Replica of the audit archive", via_services = ["s3"] } }
}

moved {
  from = module.keys.aws_kms_key.this["audit-archive"]
  to   = module.archive_keys.aws_kms_key.this["audit-archive"]
}

moved {
  from = module.keys.aws_kms_alias.this["audit-archive"]
  to   = module.archive_keys.aws_kms_alias.this["audit-archive"]
}

moved {
  from = module.failover_keys["failover"].aws_kms_key.this["audit-archive"]
  to   = module.failover_archive_keys["failover"].aws_kms_key.this["audit-archive"]
}

moved {
  from = module.failover_keys["failover"].aws_kms_alias.this["audit-archive"]
  to   = module.failover_archive_keys["failover"].aws_kms_alias.this["audit-archive"]
}

# --- Data ---------------------------------------------------------------------------------------------

module "dynamodb" {
  source        = "../modules/dynamodb"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "tables" }

  tables                      = local.tables
  kms_key_arn                 = module.keys.key_arns["data"]
  pitr_enabled                = var.pitr_enabled
  deletion_protection_enabled = var.deletion_protection
  backup = var.backup_plan_enabled ? {
    vault_kms_key_arn        = module.keys.key_arns["data"]
    force_destroy            = !var.deletion_protection
    permissions_boundary_arn = var.permissions_boundary_arn
  } : null
}

module "dynamodb_replica" {
  for_each  = local.failover
  source    = "../modules/dynamodb/replica"
  providers = { aws = aws.failover }

  region        = var.failover_region
  account_id    = var.account_id
  check_account = false
  tags          = { Component = "tables" }
  tables        = module.dynamodb.replication_sources
  kms_key_arn   = module.failover_keys["failover"].key_arns["data"]
  pitr_enabled  = var.pitr_enabled
}

module "s3_audit" {
  source        = "../modules/s3-audit"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  tags          = { Component = "audit" }

  bucket_suffix             = var.bucket_suffix
  kms_key_arn               = module.archive_keys.key_arns["audit-archive"]
  object_lock               = module.inputs.audit_object_lock
  allow_compliance_lock     = module.inputs.audit_object_lock.mode == "COMPLIANCE"
  exports_expire_after_days = local.exports_days
  force_destroy             = !var.deletion_protection
  replication = var.cross_region_replication ? {
    bucket_arn  = module.s3_audit_replica["failover"].bucket_arn
    kms_key_arn = module.failover_archive_keys["failover"].key_arns["audit-archive"]
    role_arn    = module.iam.replication_role_arns["audit"]
  } : null
}

module "s3_audit_replica" {
  for_each  = local.failover
  source    = "../modules/s3-audit"
  providers = { aws = aws.failover }

  project_name  = var.project_name
  env_name      = var.env_name
  region        = var.failover_region
  account_id    = var.account_id
  check_account = false
  tags          = { Component = "audit" }

  is_replica                = true
  bucket_suffix             = var.bucket_suffix
  kms_key_arn               = module.failover_archive_keys["failover"].key_arns["audit-archive"]
  object_lock               = module.inputs.audit_object_lock
  allow_compliance_lock     = module.inputs.audit_object_lock.mode == "COMPLIANCE"
  exports_expire_after_days = local.exports_days
  force_destroy             = !var.deletion_protection
}

# --- Who may do what ------------------------------------------------------------------------------------

locals {
  archive_bucket = "${local.name_prefix}-s3-audit-archive${var.bucket_suffix}"
  archive_arn    = "arn:${local.partition}:s3:::${local.archive_bucket}"
  # How long files of exports live; none is locked longer.
  exports_days = 7

  # What each role reaches beside its tables.
  service_grants = {
    audit = {
      buckets = {
        archive = {
          arn            = local.archive_arn
          read_prefixes  = ["archive/", "exports/"]
          write_prefixes = ["archive/", "exports/"]
          retention_days = { "exports/" = local.exports_days }
        }
      }
      read_log_groups = {
        for name in [local.function_log_groups["authorizer"], local.access_log_group] :
        trimprefix(name, "/aws/") => "arn:${local.partition}:logs:${var.region}:${var.account_id}:log-group:${name}"
      }
      # The stream of every table but its own: the committed change is the event.
      streams = ["permissions", "teams", "invitations"]
    }
  }

  # The service that queues mails also sends them.
  mail_grants = {
    queues = { mail = { arn = module.mail.queue_arn, send = true, receive = true } }
    email_identities = {
      for arn in module.mail.identity_arn[*] : "sender" => {
        arn                    = arn
        from_addresses         = [module.inputs.invitation_sender.from_address]
        template_arns          = values(module.mail.template_arns)
        configuration_set_arns = [module.mail.configuration_set_arn]
        sandbox                = var.ses_sandbox
      }
    }
  }

  # What a function took and failed at for good.
  dead_letter_grants = {
    for service in local.event_consumers : service => { dead-letters = { arn = local.dead_letter_arns[service], send = true } }
  }

  bus_grants = {
    for service, sent in local.sent_events : service => {
      for detail_types in [keys(sent)] : "own" => {
        arn          = module.events.event_bus_arn
        sources      = toset(values(sent))
        detail_types = toset(detail_types)
      } if length(detail_types) > 0
    }
  }

  # A key is used through the service that it encrypts for, never directly.
  role_keys = {
    for name in keys(local.function_names) : name => merge(
      {
        data = {
          arn       = module.keys.key_arns["data"]
          through   = ["dynamodb"]
          read_only = contains(["authorizer", "token-claims"], name)
        }
        functions = { arn = module.keys.key_arns["functions"], through = ["lambda", "sqs"] }
      },
      name == "audit" ? { audit-archive = { arn = module.archive_keys.key_arns["audit-archive"], through = ["s3"] } } : {}
    )
  }
}

module "iam" {
  source        = "../modules/iam"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "access" }

  permissions_boundary_arn = var.permissions_boundary_arn

  services = merge(
    {
      for service in keys(local.services) : service => {
        log_group_name = local.function_log_groups[service]
        tables = merge(
          local.table_grants[service],
          {
            for table in try(local.service_grants[service].streams, []) : table => {
              arn         = local.table_arns[table]
              read_stream = true
            }
          }
        )
        buckets          = try(local.service_grants[service].buckets, {})
        queues           = merge(service == local.mail_service ? local.mail_grants.queues : {}, lookup(local.dead_letter_grants, service, {}))
        event_buses      = local.bus_grants[service]
        email_identities = service == local.mail_service ? local.mail_grants.email_identities : {}
        read_log_groups  = try(local.service_grants[service].read_log_groups, {})
      }
    },
    {
      token-claims = {
        role_name      = "token-claims"
        log_group_name = local.function_log_groups["token-claims"]
        # Which organisations a person belongs to, and nothing about them.
        tables = {
          permissions = { arn = local.table_arns["permissions"], read_leading_keys = [local.leading_keys["UserRoleAssignment"]] }
          teams       = { arn = local.table_arns["teams"], read_leading_keys = [local.leading_keys["TeamMember"]] }
        }
      }
    }
  )

  keys = local.role_keys
  user_pools = {
    invitation = { people = { arn = module.cognito.user_pool_arn, create_users = true } }
  }
  authorizer_invocation = { alias_arn = local.alias_arns["authorizer"] }
  replications = var.cross_region_replication ? {
    audit = {
      source_bucket_arn      = local.archive_arn
      source_key_arn         = module.archive_keys.key_arns["audit-archive"]
      destination_bucket_arn = module.s3_audit_replica["failover"].bucket_arn
      destination_key_arn    = module.failover_archive_keys["failover"].key_arns["audit-archive"]
      destination_region     = var.failover_region
    }
  } : {}
}

# --- Functions --------------------------------------------------------------------------------------------

locals {
  packages = {
    for name, package in module.inputs.packages : name => {
      s3_bucket        = var.artifacts_bucket
      s3_key           = package.s3_key
      source_code_hash = package.source_code_hash
    }
  }

  # Each knows the tables that its role reaches, and no others.
  function_tables = merge(
    { for service, grants in local.table_grants : service => keys(grants) },
    { token-claims = ["permissions", "teams"] }
  )
  reserved_ids = try(module.inputs.packages["authorizer"].words, [])
  function_environment = {
    for name, tables in local.function_tables : name => merge(
      {
        SERVICE_NAME = name
        ENVIRONMENT  = var.env_name
        LOG_LEVEL    = var.log_level
      },
      length(local.reserved_ids) > 0 ? { RESERVED_IDS = join(",", local.reserved_ids) } : {},
      { for table in tables : "${upper(table)}_TABLE" => local.table_names[table] }
    )
  }
}

locals {
  mail_environment = {
    for name, value in {
      MAIL_QUEUE_URL         = module.mail.queue_url
      MAIL_SENDER            = module.mail.sender
      MAIL_CONFIGURATION_SET = module.mail.configuration_set_name
      MAIL_TEMPLATE_PREFIX   = module.mail.template_prefix
      INVITATION_LINK        = var.invitation_link
    } : name => value if value != null
  }
}

module "functions" {
  source        = "../modules/lambda"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "services" }

  kms_key_arn      = module.keys.key_arns["functions"]
  system_log_level = local.system_log_level

  functions = {
    for service in local.api_services : service => {
      description      = "${title(service)} service"
      handler          = "bbws_access.${service}.handler.handler"
      role_arn         = module.iam.role_arns[service]
      package          = local.packages[service]
      memory_megabytes = local.services[service].memoryMegabytes
      timeout_seconds  = local.services[service].timeoutSeconds
      log_group_name   = module.cloudwatch.log_group_names[service]
      asynchronous     = contains(local.event_consumers, service)
      environment = merge(
        local.function_environment[service],
        service == local.mail_service ? local.mail_environment : {},
        length(local.sent_events[service]) > 0 ? { EVENT_BUS_NAME = module.events.event_bus_name } : {},
        { ALLOWED_ORIGINS = join(",", var.cors_allowed_origins) }
      )
    }
  }

  # The user pool is made late: it waits for its trigger. The queues of dead letters need not wait for either.
  late_environment = {
    for service in local.api_services : service => { USER_POOL_ID = module.cognito.user_pool_id } if service == local.mail_service
  }

  permissions = {
    for service in local.api_services : "api-${service}" => {
      function   = service
      principal  = "apigateway.amazonaws.com"
      source_arn = "${module.api_gateway.execution_arn}/*/*"
    }
  }
}

# Apart from the other functions: it knows the id of the API, and the API knows them.
module "authorizer" {
  source        = "../modules/lambda"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "services" }

  kms_key_arn      = module.keys.key_arns["functions"]
  system_log_level = local.system_log_level

  functions = {
    authorizer = {
      description             = "Authorizer service"
      handler                 = "bbws_access.authorizer.handler.handler"
      role_arn                = module.iam.role_arns["authorizer"]
      package                 = local.packages["authorizer"]
      memory_megabytes        = local.services["authorizer"].memoryMegabytes
      timeout_seconds         = local.services["authorizer"].timeoutSeconds
      log_group_name          = module.cloudwatch.log_group_names["authorizer"]
      provisioned_concurrency = var.authorizer_provisioned_concurrency
      environment = merge(
        local.function_environment["authorizer"],
        {
          USER_POOL_ID = module.cognito.user_pool_id
          CLIENT_IDS   = join(",", values(module.cognito.client_ids))
          APIS         = join(",", concat(["${module.api_gateway.rest_api_id}=access"], [for id, name in var.additional_apis : "${id}=${name}"]))
        },
        { for use in [module.cognito.token_use] : "TOKEN_USE" => use if use != "access" },
        { for issuers in compact([join(",", sort(tolist(var.token_issuers)))]) : "ISSUERS" => issuers },
      )
    }
  }

  # This API invokes it through a role. An API of another service needs none: its id is enough, and can be taken away.
  permissions = {
    for id, name in var.additional_apis : "api-${name}-${id}" => {
      function   = "authorizer"
      principal  = "apigateway.amazonaws.com"
      source_arn = "arn:${local.partition}:execute-api:${var.region}:${var.account_id}:${id}/authorizers/*"
    }
  }
}

moved {
  from = module.functions.aws_lambda_function.this["authorizer"]
  to   = module.authorizer.aws_lambda_function.this["authorizer"]
}

moved {
  from = module.functions.aws_lambda_alias.live["authorizer"]
  to   = module.authorizer.aws_lambda_alias.live["authorizer"]
}

moved {
  from = module.functions.aws_lambda_provisioned_concurrency_config.live["authorizer"]
  to   = module.authorizer.aws_lambda_provisioned_concurrency_config.live["authorizer"]
}

# Apart too: the user pool needs this one, and the authorizer needs the user pool.
module "token_claims" {
  source        = "../modules/lambda"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "sign-in" }

  kms_key_arn      = module.keys.key_arns["functions"]
  system_log_level = local.system_log_level

  functions = {
    token-claims = {
      description    = "Writes a person's organisation into the access token"
      handler        = "bbws_access.authorizer.token_claims.handler"
      role_arn       = module.iam.role_arns["token-claims"]
      package        = local.packages["token-claims"]
      log_group_name = module.cloudwatch.log_group_names["token-claims"]
      # Cognito waits five seconds for a trigger.
      timeout_seconds = 5
      environment     = local.function_environment["token-claims"]
    }
  }

  permissions = {
    user-pool = {
      function   = "token-claims"
      principal  = "cognito-idp.amazonaws.com"
      source_arn = module.cognito.user_pool_arn
    }
  }
}

# --- What happens outside requests ---------------------------------------------------------------------------

module "events" {
  source        = "../modules/events"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "events" }

  kms_key_arn = module.keys.key_arns["functions"]

  rules = {
    for name, event in local.events : name => {
      description = event.description
      source      = event.source
      detail_type = event.detail_type
      schedule    = event.schedule
      # Built from names: the queue of dead letters is made while the functions are.
      targets = { for service in event.consumers : service => local.alias_arns[service] }
      # Other systems of the account send mails too, and so do other environments.
      detail_pattern = event.source == "aws.ses" ? jsonencode({
        mail = { tags = { "ses:configuration-set" = [module.mail.configuration_set_name] } }
      }) : null
    }
  }
  targets_after = values(module.functions.alias_arns)
}

module "mail" {
  source        = "../modules/mail"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "mail" }

  kms_key_arn = module.keys.key_arns["functions"]
  sender      = module.inputs.invitation_sender
  templates   = local.mails
  consumer = one([
    for service in local.mail_consumer : {
      # Built from names: the queue is made while the function is.
      alias_arn       = local.alias_arns[service]
      timeout_seconds = local.services[service].timeoutSeconds
    }
  ])
  consumer_after = [for service in local.mail_consumer : module.functions.alias_arns[service]]
}

# --- Who is asking -----------------------------------------------------------------------------------------

module "cognito" {
  source        = "../modules/cognito"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "sign-in" }

  existing_user_pool_id           = var.existing_user_pool_id
  pre_token_generation_lambda_arn = var.existing_user_pool_id == null ? module.token_claims.alias_arns["token-claims"] : null
  mfa                             = var.multi_factor_authentication
  tier                            = var.user_pool_tier
  password_policy                 = var.user_pool_tier == "LITE" ? { password_history_size = 0 } : {}
  deletion_protection_enabled     = var.deletion_protection
  app_clients                     = { main = {} }

  account_mail_subject = local.account_mail.subject
  account_mail_html    = local.account_mail.html

  # Cognito refuses an identity that is not verified: one that is made by this apply becomes the sender with the next.
  email = module.mail.identity_verified ? {
    source_arn         = module.mail.identity_arn
    from_email_address = module.mail.sender
  } : null

  authorizer = {
    function_arn        = local.alias_arns["authorizer"]
    invocation_role_arn = local.authorizer_invocation_role_arn
  }
}

# --- The way in ----------------------------------------------------------------------------------------------

module "api_gateway_account" {
  count  = var.manage_api_gateway_account ? 1 : 0
  source = "../modules/api-gateway/account-logging"

  project_name             = var.project_name
  env_name                 = var.env_name
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = { Component = "api" }
}

module "api_gateway" {
  source        = "../modules/api-gateway"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "api" }

  openapi_document = local.openapi_document
  services         = { for service in local.api_services : service => local.invoke_arns[service] }
  authorizer       = module.cognito.authorizer

  cors                  = { allowed_origins = var.cors_allowed_origins }
  require_named_origins = var.env_name == "prod"
  throttle              = { rate_limit = var.api_throttle_rate_limit, burst_limit = var.api_throttle_burst_limit }

  access_log_group_arn = module.cloudwatch.log_group_arns["api-access"]
  execution_logging    = { level = "OFF" }
  web_acl              = module.inputs.web_acl
  custom_domain        = module.inputs.custom_domain

  detailed_metrics_enabled = var.api_detailed_metrics_enabled
  untraced_path_parameters = var.xray_sampling_rules_enabled ? ["token"] : []

  disable_execute_api_endpoint = module.inputs.custom_domain != null

  # Nobody is led to the API before whatever it calls is there, and the account can log.
  stage_after = concat(
    values(module.functions.alias_arns),
    values(module.authorizer.alias_arns),
    [module.iam.authorizer_invocation_role_arn],
    module.api_gateway_account[*].role_arn,
  )
}

# --- What is watched -------------------------------------------------------------------------------------------

locals {
  access_log_group = "/aws/apigateway/${local.name_prefix}-apigw/access"
  # Logs from which audit events are captured are kept longer.
  log_kinds = { authorizer = "audit" }

  subscriptions = merge([
    for topic, addresses in var.alert_emails : {
      for address in addresses : "${topic}-${address}" => { topic = topic, protocol = "email", endpoint = address }
    }
  ]...)
}

module "cloudwatch" {
  source        = "../modules/cloudwatch"
  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.region
  tags          = { Component = "monitoring" }

  log_kms_key_arn   = module.keys.key_arns["logs"]
  topic_kms_key_arn = module.keys.key_arns["alerts"]
  log_retention_days = {
    service = var.service_log_retention_days
    audit   = var.audit_log_retention_days
  }

  functions = {
    for name in setunion(local.function_services, ["token-claims"]) : name => {
      function_name = local.function_names[name]
      log_kind      = lookup(local.log_kinds, name, "service")
    }
  }
  api = { name = "${local.name_prefix}-apigw", stage = "v1", detailed_metrics = var.api_detailed_metrics_enabled }
  tables = {
    for table, definition in local.tables : table => {
      name           = local.table_names[table]
      indexes        = keys(definition.global_secondary_indexes)
      replica_region = var.cross_region_replication ? var.failover_region : null
    }
  }
  lambda_concurrency_limit = var.lambda_concurrency_limit
  dead_letter_queues = merge(
    module.functions.dead_letter_queue_names,
    module.token_claims.dead_letter_queue_names,
    module.mail.dead_letter_queue_names,
    module.events.dead_letter_queue_names,
  )
  queues          = { for key, name in module.mail.queue_names : key => { name = name } }
  event_rules     = module.events.watched_rules
  mail_reputation = module.inputs.invitation_sender != null
  backup_vaults   = { for name in module.dynamodb.backup_vault_name[*] : "tables" => name }
  subscriptions   = local.subscriptions
}

# S3 publishes the lag of a replication where the replica is, and an alarm can only notify a topic of its own region.
module "failover_cloudwatch" {
  for_each  = local.failover
  source    = "../modules/cloudwatch"
  providers = { aws = aws.failover }

  project_name  = var.project_name
  env_name      = var.env_name
  account_id    = var.account_id
  check_account = false
  region        = var.failover_region
  tags          = { Component = "monitoring" }

  log_kms_key_arn   = module.failover_keys["failover"].key_arns["logs"]
  topic_kms_key_arn = module.failover_keys["failover"].key_arns["alerts"]
  archive_replication = {
    source_bucket      = module.s3_audit.bucket_name
    destination_bucket = module.s3_audit_replica["failover"].bucket_name
    rule_id            = module.s3_audit.replication_rule_id
  }
  dashboard_enabled = false
  subscriptions     = local.subscriptions
}
