# An id that nobody knows before the API exists.
resource "terraform_data" "api" {}

output "rest_api_id" {
  value = terraform_data.api.id
}

output "stage_name" {
  value = "v1"
}

output "execution_arn" {
  value = "arn:aws:execute-api:${terraform_data.api.id}"
}

output "invoke_url" {
  value = "https://${terraform_data.api.id}"
}
