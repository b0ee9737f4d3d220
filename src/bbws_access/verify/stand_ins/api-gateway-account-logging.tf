output "role_arn" {
  value = null
}
