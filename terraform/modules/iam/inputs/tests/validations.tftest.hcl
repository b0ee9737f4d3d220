run "rejects_project_name" {
  command = plan

  variables {
    project_name = "Example_Project"
  }

  expect_failures = [var.project_name]
}

run "rejects_env_name" {
  command = plan

  variables {
    env_name = "DEV"
  }

  expect_failures = [var.env_name]
}

run "rejects_region" {
  command = plan

  variables {
    region = "europe"
  }

  expect_failures = [var.region]
}

run "rejects_account_id" {
  command = plan

  variables {
    account_id = "1234"
  }

  expect_failures = [var.account_id]
}

run "rejects_boundary_that_is_no_policy" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:role/boundary"
  }

  expect_failures = [var.permissions_boundary_arn]
}

run "rejects_role_name" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { role_name = "Role Service" }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_two_services_with_one_role" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { role_name = "same" }), audit = merge(var.services.audit, { role_name = "same" }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_log_group_wildcard" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { log_group_name = "/aws/lambda/*" }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_table_wildcard" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { tables = { permissions = merge(var.services.role.tables.permissions, { arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/*" }) } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_table_without_grants" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { tables = { permissions = { arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/example" } } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_leading_key_with_placeholder" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { tables = { permissions = merge(var.services.role.tables.permissions, { write_leading_keys = ["ROLE#ORG#{orgId}"] }) } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_index_without_leading_keys" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { tables = { permissions = merge(var.services.role.tables.permissions, { indexes = { assignments-by-role = { leading_keys = [] } } }) } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_bucket_wildcard" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { buckets = { archive = { arn = "arn:aws:s3:::*", read_prefixes = ["archive/"] } } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_prefix_without_slash" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { buckets = { archive = { arn = "arn:aws:s3:::example", read_prefixes = ["archive"] } } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_retention_of_what_is_not_written" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { buckets = { archive = { arn = "arn:aws:s3:::example", write_prefixes = ["archive/"], retention_days = { "exports/" = 7 } } } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_queue_without_use" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { queues = { letters = { arn = "arn:aws:sqs:eu-west-1:123456789012:letters" } } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_topic_wildcard" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { topics = { all = "arn:aws:sns:eu-west-1:123456789012:*" } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_sender_wildcard" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { email_identities = { all = { arn = "arn:aws:ses:eu-west-1:123456789012:identity/example.com", from_addresses = ["*@example.com"] } } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_template_wildcard" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { email_identities = { all = { arn = "arn:aws:ses:eu-west-1:123456789012:identity/example.com", from_addresses = ["a@example.com"], template_arns = ["arn:aws:ses:eu-west-1:123456789012:template/*"] } } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_events_of_any_type" {
  command = plan

  variables {
    services   = { role = merge(var.services.role, { event_buses = { default = { arn = "arn:aws:events:eu-west-1:123456789012:event-bus/default", sources = ["example"], detail_types = ["*"] } } }) }
    keys       = {}
    user_pools = {}
  }

  expect_failures = [var.services]
}

run "rejects_key_alias" {
  command = plan

  variables {
    keys = { role = { data = merge(var.keys.role.data, { arn = "arn:aws:kms:eu-west-1:123456789012:alias/data" }) } }
  }

  expect_failures = [var.keys]
}

run "rejects_key_through_unknown_service" {
  command = plan

  variables {
    keys = { role = { data = merge(var.keys.role.data, { through = ["glacier"] }) } }
  }

  expect_failures = [var.keys]
}

run "rejects_pools_of_unknown_service" {
  command = plan

  variables {
    user_pools = { billing = var.user_pools.invitation }
  }

  expect_failures = [var.user_pools]
}

run "rejects_pool_wildcard" {
  command = plan

  variables {
    user_pools = { invitation = { people = { arn = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/*", create_users = true } } }
  }

  expect_failures = [var.user_pools]
}

run "rejects_pool_without_use" {
  command = plan

  variables {
    user_pools = { invitation = { people = { arn = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_Example01" } } }
  }

  expect_failures = [var.user_pools]
}

run "rejects_authorizer_without_alias" {
  command = plan

  variables {
    authorizer_invocation = { alias_arn = "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-authorizer" }
  }

  expect_failures = [var.authorizer_invocation]
}

run "rejects_replication_to_wildcard" {
  command = plan

  variables {
    replications = { audit = merge(var.replications.audit, { destination_bucket_arn = "arn:aws:s3:::*" }) }
  }

  expect_failures = [var.replications]
}

run "rejects_replication_with_key_alias" {
  command = plan

  variables {
    replications = { audit = merge(var.replications.audit, { destination_key_arn = "arn:aws:kms:eu-central-1:123456789012:alias/data" }) }
  }

  expect_failures = [var.replications]
}

run "rejects_replication_region" {
  command = plan

  variables {
    replications = { audit = merge(var.replications.audit, { destination_region = "europe" }) }
  }

  expect_failures = [var.replications]
}

run "rejects_schedule_group_wildcard" {
  command = plan

  variables {
    schedulers = { audit = merge(var.schedulers.audit, { schedule_group = "*" }) }
  }

  expect_failures = [var.schedulers]
}

run "rejects_scheduler_without_alias" {
  command = plan

  variables {
    schedulers = { audit = merge(var.schedulers.audit, { alias_arn = "arn:aws:lambda:eu-west-1:123456789012:function:bbws-access-dev-lambda-audit" }) }
  }

  expect_failures = [var.schedulers]
}

run "rejects_keys_of_unknown_service" {
  command = plan

  variables {
    keys = { billing = var.keys.role }
  }

  expect_failures = [var.keys]
}
