output "table_arns" {
  description = "ARN of each replica by the table's static name, known at plan time."
  value = {
    for name, table in var.tables :
    name => "arn:${data.aws_partition.current.partition}:dynamodb:${var.region}:${var.account_id}:table/${table.name}"
  }
  depends_on = [aws_dynamodb_table_replica.this]
}
