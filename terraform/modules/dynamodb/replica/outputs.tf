output "table_arns" {
  description = "ARN of each replica by the table's static name, known at plan time."
  value = {
    for name, table in module.inputs.tables :
    name => "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${table.name}"
  }
  depends_on = [aws_dynamodb_table_replica.this]
}
