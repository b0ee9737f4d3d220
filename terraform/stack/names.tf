# Names of what more than one module has to know before it exists.

data "aws_partition" "current" {}

locals {
  name_prefix = "${var.project_name}-${var.env_name}"
  partition   = data.aws_partition.current.partition

  table_names = { for table in keys(local.tables) : table => "${local.name_prefix}-ddb-${table}" }
  table_arns = {
    for table, name in local.table_names : table => "arn:${local.partition}:dynamodb:${var.region}:${var.account_id}:table/${name}"
  }

  function_names = {
    for name in concat(keys(local.services), ["token-claims"]) : name => "${local.name_prefix}-lambda-${name}"
  }
  # What the API's document holds is built from names. A reference would make the API's deployment depend on functions, roles and
  # queues, and its create_before_destroy theirs: the replacement of a queue that an interrupted apply left half made is the same queue by
  # its name, and is then destroyed. The authorizer knows the id of the API, too, so the API cannot wait for it.
  alias_arns = {
    for name, function in local.function_names : name => "arn:${local.partition}:lambda:${var.region}:${var.account_id}:function:${function}:live"
  }
  invoke_arns = {
    for name, alias in local.alias_arns : name => "arn:${local.partition}:apigateway:${var.region}:lambda:path/2015-03-31/functions/${alias}/invocations"
  }
  authorizer_invocation_role_arn = "arn:${local.partition}:iam::${var.account_id}:role/${local.name_prefix}-role-api-gateway-authorizer"

  dead_letter_arns = {
    for name in keys(local.function_names) : name => "arn:${local.partition}:sqs:${var.region}:${var.account_id}:${local.name_prefix}-queue-${name}-dead-letters"
  }
  function_log_groups = { for name, function in local.function_names : name => "/aws/lambda/${function}" }

  tags = {
    Project     = "BBWS"
    CostCenter  = "BBWS-ACCESS"
    Environment = var.env_name
    ManagedBy   = "Terraform"
  }
}
