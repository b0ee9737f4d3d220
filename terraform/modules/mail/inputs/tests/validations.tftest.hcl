run "rejects_wrong_values_first" {
  command = plan

  variables {
    project_name   = "Example_Project"
    env_name       = "DEV"
    sender         = { identity = "*", from_address = "access@mail.example.com" }
    templates      = { Welcome_1 = var.templates.welcome }
    event_types    = ["OPEN"]
    consumer       = merge(var.consumer, { alias_arn = "arn:aws:lambda:eu-west-1:123456789012:function:mailer" })
    retention_days = 15
    kms_key_arn    = "arn:aws:kms:eu-west-1:123456789012:alias/example"
  }

  expect_failures = [var.project_name, var.env_name, var.sender, var.templates, var.event_types, var.consumer, var.retention_days, var.kms_key_arn]
}

run "rejects_wrong_values_second" {
  command = plan

  variables {
    sender    = merge(var.sender, { from_address = "access@example.com" })
    templates = { welcome = merge(var.templates.welcome, { text = " " }) }
    consumer  = merge(var.consumer, { timeout_seconds = 0 })
  }

  expect_failures = [var.sender, var.templates, var.consumer]
}

run "rejects_wrong_values_third" {
  command = plan

  variables {
    sender    = merge(var.sender, { from_name = "Example, access" })
    templates = { welcome = merge(var.templates.welcome, { text = join("", [for i in range(1000) : format("%0600d", i)]) }) }
    consumer  = merge(var.consumer, { batch_size = 11 })
  }

  expect_failures = [var.sender, var.templates, var.consumer]
}

run "rejects_wrong_values_fourth" {
  command = plan

  variables {
    consumer = merge(var.consumer, { maximum_concurrency = 1 })
  }

  expect_failures = [var.consumer]
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

# Apart: it is judged by the consumer and the days, where those are right.
run "rejects_too_few_tries" {
  command = plan

  variables {
    maximum_receive_count = 2
  }

  expect_failures = [var.maximum_receive_count]
}

# Tries six timeouts apart, in a queue that keeps a mail for half of the days.
run "rejects_tries_that_outlast_the_queue" {
  command = plan

  variables {
    consumer              = merge(var.consumer, { timeout_seconds = 900 })
    maximum_receive_count = 8
    retention_days        = 1
  }

  expect_failures = [var.maximum_receive_count]
}

run "rejects_tries_that_outlast_the_queue_without_a_consumer" {
  command = plan

  variables {
    consumer              = null
    maximum_receive_count = 240
    retention_days        = 1
  }

  expect_failures = [var.maximum_receive_count]
}

run "accepts_tries_that_end_in_time" {
  command = plan

  variables {
    consumer              = merge(var.consumer, { timeout_seconds = 900 })
    maximum_receive_count = 7
    retention_days        = 1
  }
}
