variable "project" {
  description = "Project of the topic"
  type        = string
}

variable "name" {
  description = "Name of the topic"
  type        = string
}

variable "dead" {
  description = "Name of its dead-letter topic, and of the subscription to that"
  type        = string
}

variable "dead_letter_days" {
  description = "How long dead letters are stored"
  type        = number
}

variable "pubsub_agent" {
  description = "Pub/Sub's own account in the project, as an IAM member"
  type        = string
}

variable "customer_key" {
  description = "Key of Cloud KMS that encrypts it, null for Google's own"
  type        = string
}
