# --- Trust -----------------------------------------------------------------------------------------

data "aws_iam_policy_document" "lambda_trust" {
  statement {
    sid     = "Lambda"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    dynamic "condition" {
      for_each = var.restrict_trust_to_account ? [local.account_id] : []

      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value]
      }
    }
  }
}

# API Gateway and S3 document no aws:SourceAccount when they assume a role. A role cannot be passed to a service
# from another account, so nobody outside this account can have them use these.
data "aws_iam_policy_document" "api_gateway_trust" {
  statement {
    sid     = "ApiGateway"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "s3_trust" {
  statement {
    sid     = "S3"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "scheduler_trust" {
  for_each = module.inputs.schedulers

  statement {
    sid     = "Scheduler"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule-group/${each.value.schedule_group}"]
    }
  }
}

# --- Services --------------------------------------------------------------------------------------

locals {
  # DynamoDB actions that each kind of grant gives on leading keys. Scan is in none: IAM does not evaluate leading
  # keys for it. Of BatchGetItem it evaluates all of them: one key of another's refuses the whole batch.
  # TransactWriteItems is no IAM action: each part of a transaction is checked as the action it is.
  read_actions   = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"]
  check_actions  = ["dynamodb:ConditionCheckItem"]
  write_actions  = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
  create_actions = ["dynamodb:PutItem"]

  # A transaction that writes may check what the service may read; a service that writes nothing has no transactions.
  writing_services = toset([
    for service, input in module.inputs.services : service
    if anytrue([for table in values(input.tables) : length(table.write_leading_keys) + length(table.create_leading_keys) > 0])
  ])

  # Per service, a list of {sid, actions, resources, conditions}; conditions are {test, variable, values}.
  table_statements = {
    for service, input in module.inputs.services : service => flatten([
      for name, table in input.tables : [
        for grant in [
          {
            sid          = "Read"
            actions      = contains(local.writing_services, service) ? concat(local.read_actions, local.check_actions) : local.read_actions
            leading_keys = table.read_leading_keys
          },
          {
            sid          = "Write"
            actions      = concat(local.read_actions, local.check_actions, local.write_actions)
            leading_keys = table.write_leading_keys
          },
          {
            sid          = "Create"
            actions      = concat(local.create_actions, local.check_actions)
            leading_keys = table.create_leading_keys
          },
        ] :
        {
          sid          = "${grant.sid} table ${name}"
          actions      = grant.actions
          resources    = [table.arn]
          leading_keys = grant.leading_keys
        }
        if length(grant.leading_keys) > 0
      ]
    ])
  }

  index_statements = {
    for service, input in module.inputs.services : service => flatten([
      for name, table in input.tables : [
        for index, grant in table.indexes : {
          sid          = "Query table ${name} index ${index}"
          actions      = ["dynamodb:Query"]
          resources    = ["${table.arn}/index/${index}"]
          leading_keys = grant.leading_keys
        }
      ]
    ])
  }

  # ForAllValues is true of a request that has no leading key, so Null must demand one.
  dynamodb_statements = {
    for service in keys(module.inputs.services) : service => [
      for statement in concat(local.table_statements[service], local.index_statements[service]) : {
        sid       = statement.sid
        actions   = statement.actions
        resources = statement.resources
        conditions = [
          { test = "ForAllValues:StringLike", variable = "dynamodb:LeadingKeys", values = sort(statement.leading_keys) },
          { test = "Null", variable = "dynamodb:LeadingKeys", values = ["false"] },
        ]
      }
    ]
  }

  stream_statements = {
    for service, input in module.inputs.services : service => [
      for name, table in input.tables : {
        sid     = "Read stream of ${name}"
        actions = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        # A stream's name is the moment it was made.
        resources  = ["${table.arn}/stream/*"]
        conditions = []
      } if table.read_stream
    ]
  }

  bucket_statements = {
    for service, input in module.inputs.services : service => flatten([
      for name, bucket in input.buckets : concat([
        for statement in [
          {
            sid        = "List bucket ${name}"
            actions    = ["s3:ListBucket"]
            resources  = [bucket.arn]
            conditions = [{ test = "StringLike", variable = "s3:prefix", values = sort([for prefix in bucket.read_prefixes : "${prefix}*"]) }]
            granted    = length(bucket.read_prefixes) > 0
          },
          {
            sid        = "Read bucket ${name}"
            actions    = ["s3:GetObject", "s3:GetObjectVersion"]
            resources  = sort([for prefix in bucket.read_prefixes : "${bucket.arn}/${prefix}*"])
            conditions = []
            granted    = length(bucket.read_prefixes) > 0
          },
          {
            sid        = "Write bucket ${name}"
            actions    = ["s3:PutObject", "s3:AbortMultipartUpload"]
            resources  = sort([for prefix in bucket.write_prefixes : "${bucket.arn}/${prefix}*"])
            conditions = []
            granted    = length(bucket.write_prefixes) > 0
          },
        ] :
        { for key, value in statement : key => value if key != "granted" }
        if statement.granted
        ],
        # S3 asks for it too where an object is put with a lock of its own. Without the condition, anybody who may write could lock for a century.
        [
          for prefix, days in bucket.retention_days : {
            sid        = "Retain bucket ${name} ${prefix}"
            actions    = ["s3:PutObjectRetention"]
            resources  = ["${bucket.arn}/${prefix}*"]
            conditions = [{ test = "NumericLessThanEquals", variable = "s3:object-lock-remaining-retention-days", values = [tostring(days)] }]
          }
        ],
      )
    ])
  }

  queue_statements = {
    for service, input in module.inputs.services : service => flatten([
      for name, queue in input.queues : concat(
        queue.send ? [{ sid = "Send to queue ${name}", actions = ["sqs:SendMessage"], resources = [queue.arn], conditions = [] }] : [],
        queue.receive ? [{
          sid        = "Receive from queue ${name}"
          actions    = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
          resources  = [queue.arn]
          conditions = []
        }] : [],
      )
    ])
  }

  other_statements = {
    for service, input in module.inputs.services : service => concat(
      [
        {
          sid     = "Write own log"
          actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
          # The group and its streams. Not CreateLogGroup: a group made by its writer would keep its logs for ever.
          resources = [
            for part in ["", ":*"] : "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:${input.log_group_name}${part}"
          ]
          conditions = []
        },
      ],
      input.tracing ? [
        {
          sid     = "Trace"
          actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
          # X-Ray has no resource to name for these.
          resources  = ["*"]
          conditions = []
        },
      ] : [],
      length(input.topics) == 0 ? [] : [
        { sid = "Publish to topics", actions = ["sns:Publish"], resources = sort(values(input.topics)), conditions = [] },
      ],
      [
        for name, bus in input.event_buses : {
          sid       = "Put events on ${name}"
          actions   = ["events:PutEvents"]
          resources = [bus.arn]
          # Both are asked of every event that a request holds.
          conditions = [
            { test = "StringEquals", variable = "events:source", values = sort(bus.sources) },
            { test = "StringEquals", variable = "events:detail-type", values = sort(bus.detail_types) },
          ]
        }
      ],
      [
        for name, identity in input.email_identities : {
          sid = "Send mail from ${name}"
          # The API's SendEmail is checked as SendTemplatedEmail where it names a template; and each thing that it names is checked.
          actions    = concat(["ses:SendEmail"], length(identity.template_arns) > 0 ? ["ses:SendTemplatedEmail"] : [])
          resources  = concat([identity.arn], sort(identity.configuration_set_arns), sort(identity.template_arns))
          conditions = [{ test = "StringEquals", variable = "ses:FromAddress", values = sort(identity.from_addresses) }]
        }
      ],
      # In the sandbox a recipient is an identity of the account too, and SES asks whether mail may be sent to it with the
      # same action. Whoever writes is still one of the addresses above.
      [
        for name, identity in input.email_identities : {
          sid        = "Send mail from ${name} to verified recipients"
          actions    = concat(["ses:SendEmail"], length(identity.template_arns) > 0 ? ["ses:SendTemplatedEmail"] : [])
          resources  = [replace(identity.arn, "/identity/.*$/", "identity/*")]
          conditions = [{ test = "StringEquals", variable = "ses:FromAddress", values = sort(identity.from_addresses) }]
        } if identity.sandbox
      ],
      length(input.read_log_groups) == 0 ? [] : [
        {
          sid        = "Read logs"
          actions    = ["logs:FilterLogEvents", "logs:GetLogEvents"]
          resources  = sort(flatten([for arn in values(input.read_log_groups) : [for part in ["", ":*"] : "${trimsuffix(arn, ":*")}${part}"]]))
          conditions = []
        },
      ],
    )
  }

  statements = {
    for service in keys(module.inputs.services) : service => concat(
      local.dynamodb_statements[service],
      local.stream_statements[service],
      local.bucket_statements[service],
      local.queue_statements[service],
      local.other_statements[service],
    )
  }
}

data "aws_iam_policy_document" "service" {
  for_each = module.inputs.services

  dynamic "statement" {
    for_each = local.statements[each.key]

    content {
      # Read table permissions → ReadTablePermissions: a statement's id takes letters and digits only.
      sid       = replace(title(replace(statement.value.sid, "/[^A-Za-z0-9]/", " ")), " ", "")
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = statement.value.conditions

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}

# --- Keys and user pools: ARNs known only after they exist ------------------------------------------

locals {
  # Through DynamoDB, S3 or SQS: readers decrypt; writers need the rest as well.
  key_read_actions  = ["kms:Decrypt", "kms:DescribeKey"]
  key_write_actions = ["kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"]

  key_statements = {
    for service, keys in module.inputs.keys : service => {
      for name, key in keys : name => {
        actions      = key.read_only ? local.key_read_actions : concat(local.key_read_actions, local.key_write_actions)
        via_services = sort([for through in key.through : "${through}.${local.region}.${local.dns_suffix}"])
      }
    }
  }

  user_pool_statements = {
    for service, pools in module.inputs.user_pools : service => {
      for name, pool in pools : name => concat(
        ["cognito-idp:AdminGetUser"],
        pool.read_users ? ["cognito-idp:ListUsers"] : [],
        pool.create_users ? ["cognito-idp:AdminCreateUser"] : [],
      )
    }
  }

  # The same documents with stand-ins for the ARNs, so that their size is known at plan time.
  policy_sizes = {
    for service in keys(module.inputs.services) : service => sum(concat(
      [length(data.aws_iam_policy_document.service[service].minified_json)],
      [
        for name, statement in lookup(local.key_statements, service, {}) :
        local.statement_characters + local.arn_characters + length(jsonencode(statement))
      ],
      [
        for name, actions in lookup(local.user_pool_statements, service, {}) :
        local.statement_characters + local.arn_characters + length(jsonencode(actions))
      ],
    ))
  }

  # More than what surrounds the actions, resources and values of a statement, its policy's own frame included.
  statement_characters = 256
}

data "aws_iam_policy_document" "keys" {
  for_each = module.inputs.keys

  dynamic "statement" {
    for_each = each.value

    content {
      sid       = replace(title(replace("Use key ${statement.key}", "/[^A-Za-z0-9]/", " ")), " ", "")
      actions   = local.key_statements[each.key][statement.key].actions
      resources = [statement.value.arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.key_statements[each.key][statement.key].via_services
      }
    }
  }
}

data "aws_iam_policy_document" "user_pools" {
  for_each = module.inputs.user_pools

  dynamic "statement" {
    for_each = each.value

    content {
      sid       = replace(title(replace("Use user pool ${statement.key}", "/[^A-Za-z0-9]/", " ")), " ", "")
      actions   = local.user_pool_statements[each.key][statement.key]
      resources = [statement.value.arn]
    }
  }
}

# --- Platform --------------------------------------------------------------------------------------

data "aws_iam_policy_document" "authorizer_invocation" {
  count = module.inputs.authorizer_invocation == null ? 0 : 1

  statement {
    sid       = "InvokeAuthorizer"
    actions   = ["lambda:InvokeFunction"]
    resources = [module.inputs.authorizer_invocation.alias_arn]
  }
}

data "aws_iam_policy_document" "replication" {
  for_each = module.inputs.replications

  statement {
    sid       = "ReadReplicationConfiguration"
    actions   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
    resources = [each.value.source_bucket_arn]
  }

  statement {
    sid = "ReadVersions"
    actions = [
      "s3:GetObjectVersionForReplication",
      "s3:GetObjectVersionAcl",
      "s3:GetObjectVersionTagging",
      "s3:GetObjectRetention",
      "s3:GetObjectLegalHold",
    ]
    resources = ["${each.value.source_bucket_arn}/*"]
  }

  # No ReplicateDelete: what is deleted at the source stays in the replica.
  statement {
    sid       = "WriteReplicas"
    actions   = ["s3:ReplicateObject", "s3:ReplicateTags"]
    resources = ["${each.value.destination_bucket_arn}/*"]
  }
}

data "aws_iam_policy_document" "replication_keys" {
  for_each = module.inputs.replications

  statement {
    sid       = "DecryptSource"
    actions   = ["kms:Decrypt"]
    resources = [each.value.source_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.${local.dns_suffix}"]
    }
  }

  statement {
    sid       = "EncryptReplicas"
    actions   = ["kms:Encrypt", "kms:GenerateDataKey"]
    resources = [each.value.destination_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${each.value.destination_region}.${local.dns_suffix}"]
    }
  }
}

data "aws_iam_policy_document" "scheduler" {
  for_each = module.inputs.schedulers

  statement {
    sid       = "InvokeFunction"
    actions   = ["lambda:InvokeFunction"]
    resources = [each.value.alias_arn]
  }

  statement {
    sid       = "SendDeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [each.value.dead_letter_queue_arn]
  }
}
