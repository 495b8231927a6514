terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source = "hashicorp/google"
      # exactly the version whose schema tests/terraform/provider_schema.json holds
      version = "6.50.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
  }

  # bucket and prefix are given by `make deploy`: one state bucket a project
  backend "gcs" {}
}

provider "google" {
  project = var.project
  region  = var.region

  # calls with a person's credentials count against this project, which billing budgets ask for
  user_project_override = true
  billing_project       = var.project

  default_labels = {
    app = "costwire"
    env = var.env
  }
}
