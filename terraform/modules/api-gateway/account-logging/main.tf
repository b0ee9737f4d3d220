data "aws_partition" "current" {}

resource "aws_iam_role" "this" {
  name                 = "${var.project_name}-${var.env_name}-role-apigw-logging"
  description          = "Lets API Gateway write the logs of every API of this account and region"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "apigateway.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

# AWS's own policy for this purpose: the role serves every API of the account, so no log group can be named.
resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = aws_iam_role.this.arn

  # API Gateway tries the role when it is set.
  depends_on = [aws_iam_role_policy_attachment.this]
}
