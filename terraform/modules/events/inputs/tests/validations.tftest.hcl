run "rejects_wrong_values_first" {
  command = plan

  variables {
    project_name               = "Example_Project"
    env_name                   = "DEV"
    event_bus_name             = "a/b"
    rules                      = { one = var.rules.order-placed }
    maximum_event_age_hours    = 25
    maximum_retry_attempts     = 186
    kms_key_arn                = "arn:aws:kms:eu-west-1:123456789012:alias/example"
    dead_letter_retention_days = 15
  }

  expect_failures = [var.project_name, var.env_name, var.event_bus_name, var.maximum_event_age_hours, var.maximum_retry_attempts, var.kms_key_arn, var.dead_letter_retention_days]
}

run "rejects_wrong_values_second" {
  command = plan

  variables {
    rules = { "Bad_Name" = var.rules.sweep }
  }

  expect_failures = [var.rules]
}

run "rejects_wrong_values_third" {
  command = plan

  variables {
    rules = { one = merge(var.rules.sweep, { source = "" }) }
  }

  expect_failures = [var.rules]
}

run "rejects_wrong_values_fourth" {
  command = plan

  variables {
    rules = { one = merge(var.rules.mail-bounced, { detail_pattern = "mail" }) }
  }

  expect_failures = [var.rules]
}

run "rejects_wrong_values_fifth" {
  command = plan

  variables {
    rules = { one = merge(var.rules.sweep, { schedule = "hourly" }) }
  }

  expect_failures = [var.rules]
}

run "rejects_wrong_values_sixth" {
  command = plan

  variables {
    rules = { one = merge(var.rules.sweep, { detail_pattern = jsonencode({ a = ["b"] }) }) }
  }

  expect_failures = [var.rules]
}

run "rejects_wrong_values_seventh" {
  command = plan

  variables {
    rules = { one = merge(var.rules.sweep, { targets = {} }) }
  }

  expect_failures = [var.rules]
}

run "rejects_wrong_values_eighth" {
  command = plan

  variables {
    rules = { one = merge(var.rules.sweep, { targets = { one = "arn:aws:lambda:eu-west-1:123456789012:function:one" } }) }
  }

  expect_failures = [var.rules]
}

# Apart: what is wrong elsewhere is not judged where region and account are wrong.
run "rejects_region_and_account" {
  command = plan

  variables {
    region     = "europe"
    account_id = "1234"
  }

  expect_failures = [var.region, var.account_id]
}

run "rejects_wrong_values_ninth" {
  command = plan

  variables {
    rules = { one = merge(var.rules.mail-bounced, { detail_pattern = null }) }
  }

  expect_failures = [var.rules]
}
