variables {
  env_name   = "dev"
  region     = "eu-west-1"
  account_id = "000000000000"
  tags       = { Component = "keys" }
  keys = {
    data = {
      description  = "Tables"
      via_services = ["dynamodb", "backup"]
    }
    alerts = {
      description  = "Alert topics"
      via_services = ["sns"]
      service_principals = {
        cloudwatch = { source_arns = ["arn:aws:cloudwatch:eu-west-1:000000000000:alarm:bbws-access-dev-*"] }
        events     = {}
        s3         = {}
      }
    }
    logs = {
      description        = "Log groups"
      service_principals = { logs = { source_arns = ["arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/bbws-access-dev-*"] } }
    }
    every-log = {
      description        = "Log groups of anything"
      service_principals = { logs = {} }
    }
    signing = {
      description        = "Used directly"
      user_arns          = ["arn:aws:iam::000000000000:role/signer"]
      administrator_arns = ["arn:aws:iam::000000000000:role/custodian"]
    }
  }
}

run "rejects_project_name" {
  command = plan

  variables {
    project_name = "other-project-of-somebody"
    keys         = {}
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
    region = "Ireland"
  }

  expect_failures = [var.region]
}

run "rejects_account_id" {
  command = plan

  variables {
    account_id = "0000"
  }

  expect_failures = [var.account_id]
}

run "rejects_key_name" {
  command = plan

  variables {
    keys = { "Data Key" = { description = "Tables" } }
  }

  expect_failures = [var.keys]
}

run "rejects_empty_description" {
  command = plan

  variables {
    keys = { data = { description = " " } }
  }

  expect_failures = [var.keys]
}

run "rejects_deletion_window" {
  command = plan

  variables {
    keys = { data = { description = "Tables", deletion_window_in_days = 6 } }
  }

  expect_failures = [var.keys]
}

run "rejects_rotation_period" {
  command = plan

  variables {
    keys = { data = { description = "Tables", rotation_period_in_days = 30 } }
  }

  expect_failures = [var.keys]
}

run "rejects_service_with_domain" {
  command = plan

  variables {
    keys = { data = { description = "Tables", via_services = ["dynamodb.amazonaws.com"] } }
  }

  expect_failures = [var.keys]
}

run "rejects_unknown_service_principal" {
  command = plan

  variables {
    keys = { data = { description = "Tables", service_principals = { lambda = {} } } }
  }

  expect_failures = [var.keys]
}

run "rejects_source_that_is_no_arn" {
  command = plan

  variables {
    keys = { data = { description = "Topics", service_principals = { cloudwatch = { source_arns = ["alarm"] } } } }
  }

  expect_failures = [var.keys]
}

run "rejects_source_of_events" {
  command = plan

  variables {
    keys = { data = { description = "Topics", service_principals = { events = { source_arns = ["arn:aws:events:eu-west-1:000000000000:rule/nightly"] } } } }
  }

  expect_failures = [var.keys]
}

run "rejects_wildcard_principal" {
  command = plan

  variables {
    keys = { data = { description = "Tables", user_arns = ["arn:aws:iam::000000000000:role/*"] } }
  }

  expect_failures = [var.keys]
}
