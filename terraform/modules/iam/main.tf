locals {
  name_prefix = "${var.project_name}-${var.env_name}"

  role_name_prefix = "${local.name_prefix}-role-"
  role_arn_prefix  = "arn:${local.partition}:iam::${local.account_id}:role/${local.role_name_prefix}"

  service_role_names = {
    for service, input in module.inputs.services :
    service => "${local.role_name_prefix}${coalesce(input.role_name, "${service}-service")}"
  }
  service_role_arns = {
    for service, name in local.service_role_names :
    service => "arn:${local.partition}:iam::${local.account_id}:role/${name}"
  }

  # Characters that IAM allows all inline policies of a role together.
  policy_characters = 10240

  # Longer than any ARN of a key or user pool: stands in for those that are not known at plan time.
  arn_characters = 128
}

# --- Services --------------------------------------------------------------------------------------

resource "aws_iam_role" "service" {
  for_each = module.inputs.services

  name                 = local.service_role_names[each.key]
  description          = coalesce(each.value.description, "What the function ${each.key} of ${local.name_prefix} may do")
  assume_role_policy   = data.aws_iam_policy_document.lambda_trust.minified_json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  lifecycle {
    precondition {
      condition     = length(local.service_role_names[each.key]) <= 64
      error_message = "The role's name ${local.service_role_names[each.key]} is longer than IAM's 64 characters: give services[\"${each.key}\"] a shorter role_name."
    }
  }
}

# Inline, not managed: each policy belongs to exactly one role, goes when the role goes, can be attached to
# nothing else, and all of a role's may have 10,240 characters together where one managed policy has 6,144.
resource "aws_iam_role_policy" "service" {
  for_each = module.inputs.services

  name   = "service"
  role   = aws_iam_role.service[each.key].name
  policy = data.aws_iam_policy_document.service[each.key].minified_json
}

# On their own, because the ARNs of keys and user pools are known only after these exist: the rest of a role's
# permissions can be read in the plan.
resource "aws_iam_role_policy" "keys" {
  for_each = module.inputs.keys

  name   = "keys"
  role   = aws_iam_role.service[each.key].name
  policy = data.aws_iam_policy_document.keys[each.key].minified_json
}

resource "aws_iam_role_policy" "user_pools" {
  for_each = module.inputs.user_pools

  name   = "user-pools"
  role   = aws_iam_role.service[each.key].name
  policy = data.aws_iam_policy_document.user_pools[each.key].minified_json
}

# --- API Gateway → authorizer ----------------------------------------------------------------------

locals {
  authorizer_invocation_role_name = "${local.role_name_prefix}api-gateway-authorizer"
  authorizer_invocation_role_arn  = "${local.role_arn_prefix}api-gateway-authorizer"
}

resource "aws_iam_role" "authorizer_invocation" {
  count = module.inputs.authorizer_invocation == null ? 0 : 1

  name                 = local.authorizer_invocation_role_name
  description          = "API Gateway of ${local.name_prefix} invokes the authorizer"
  assume_role_policy   = data.aws_iam_policy_document.api_gateway_trust.minified_json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "authorizer_invocation" {
  count = module.inputs.authorizer_invocation == null ? 0 : 1

  name   = "authorizer"
  role   = aws_iam_role.authorizer_invocation[0].name
  policy = data.aws_iam_policy_document.authorizer_invocation[0].minified_json
}

# --- S3 replication --------------------------------------------------------------------------------

resource "aws_iam_role" "replication" {
  for_each = module.inputs.replications

  name                 = "${local.role_name_prefix}${each.key}-replication"
  description          = "S3 replicates the bucket ${each.key} of ${local.name_prefix}"
  assume_role_policy   = data.aws_iam_policy_document.s3_trust.minified_json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "replication" {
  for_each = module.inputs.replications

  name   = "buckets"
  role   = aws_iam_role.replication[each.key].name
  policy = data.aws_iam_policy_document.replication[each.key].minified_json
}

resource "aws_iam_role_policy" "replication_keys" {
  for_each = module.inputs.replications

  name   = "keys"
  role   = aws_iam_role.replication[each.key].name
  policy = data.aws_iam_policy_document.replication_keys[each.key].minified_json
}

# --- EventBridge Scheduler → function ---------------------------------------------------------------

resource "aws_iam_role" "scheduler" {
  for_each = module.inputs.schedulers

  name                 = "${local.role_name_prefix}${each.key}-scheduler"
  description          = "EventBridge Scheduler of ${local.name_prefix} invokes the function ${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.scheduler_trust[each.key].minified_json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "scheduler" {
  for_each = module.inputs.schedulers

  name   = "schedule"
  role   = aws_iam_role.scheduler[each.key].name
  policy = data.aws_iam_policy_document.scheduler[each.key].minified_json
}
