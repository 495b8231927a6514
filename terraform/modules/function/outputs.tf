output "member" {
  description = "The function's account, as an IAM member"
  value       = google_service_account.this.member
}

output "name" {
  description = "Name of the function, and of its Cloud Run service"
  value       = google_cloudfunctions2_function.this.name
}

output "uri" {
  description = "Address of the function"
  value       = google_cloudfunctions2_function.this.service_config[0].uri
}
