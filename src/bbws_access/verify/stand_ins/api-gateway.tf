# An id that nobody chooses, known here so that what holds it can be read.
locals {
  id     = "a1b2c3d4e5"
  place  = slice(split(":", var.access_log_group_arn), 3, 5)
  region = local.place[0]
}

output "rest_api_id" {
  value = local.id
}

output "stage_name" {
  value = "v1"
}

output "execution_arn" {
  value = "arn:aws:execute-api:${join(":", local.place)}:${local.id}"
}

output "invoke_url" {
  value = "https://${local.id}.execute-api.${local.region}.amazonaws.com/v1"
}
