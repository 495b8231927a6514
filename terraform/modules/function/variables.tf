variable "project" {
  description = "Project of the function"
  type        = string
}

variable "region" {
  description = "Region of the function"
  type        = string
}

variable "entry_point" {
  description = "The function's name in the code; its own name has dashes instead of underscores"
  type        = string
}

variable "trigger" {
  description = "What starts it: `message`, pushed by Pub/Sub, or `http`, called by others"
  type        = string

  validation {
    condition     = contains(["message", "http"], var.trigger)
    error_message = "The trigger is message or http."
  }
}

variable "description" {
  description = "What the function does"
  type        = string
}

variable "runtime" {
  description = "Runtime, as python311"
  type        = string
}

variable "build" {
  description = "What it is built from (bucket, object), by which account, and the repository of its image"
  type = object({
    bucket     = string
    object     = string
    account    = string
    repository = string
  })
}

variable "size" {
  description = "Memory and processors of an instance, messages at a time in one, most instances"
  type = object({
    memory        = string
    cpu           = string
    concurrency   = number
    max_instances = number
  })
}

variable "environment" {
  description = "Environment variables"
  type        = map(string)
}

variable "subscriptions" {
  description = "Name -> what the function receives, and how"
  type = map(object({
    topic                   = string
    ack_deadline_seconds    = number
    minimum_backoff_seconds = number
    maximum_backoff_seconds = number
    ordered                 = bool
  }))
}

variable "topics" {
  description = "Topic -> its full name, and that of its dead letters"
  type = map(object({
    id      = string
    dead_id = string
  }))
}

variable "max_delivery_attempts" {
  description = "Pushes after which Pub/Sub gives a message up by itself; the function does so after five tries of its own count"
  type        = number
}

variable "push_account" {
  description = "E-mail of the account whose token a push carries"
  type        = string
}

variable "pubsub_agent" {
  description = "Pub/Sub's own account in the project, as an IAM member"
  type        = string
}

variable "customer_key" {
  description = "Key of Cloud KMS that encrypts it, null for Google's own"
  type        = string
}

variable "connector" {
  description = "VPC connector by which everything that it sends leaves, null for none"
  type        = string
}
