# What send_notifications may connect to: a network of its own that lets out to the hosts of an allow-list and to Google's services.
# Nothing here without var.egress.

locals {
  egress = var.egress == null ? 0 : 1
  # https://cloud.google.com/vpc/docs/configure-private-google-access: private.googleapis.com
  google_addresses = ["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"]

  allowed_hosts = merge(
    { "hooks.slack.com" = 443 },
    var.mail == null ? {} : { (var.mail.host) = var.mail.port },
    try(var.egress.hosts, {}),
  )
}

resource "google_compute_network" "egress" {
  # checkov:skip=CKV2_GCP_18: its firewall is a policy, since classic rules know no host names
  count = local.egress

  project                                   = local.project
  name                                      = "costwire-egress"
  auto_create_subnetworks                   = false
  network_firewall_policy_enforcement_order = "BEFORE_CLASSIC_FIREWALL"
}

resource "google_compute_subnetwork" "egress" {
  count = local.egress

  project                  = local.project
  region                   = var.region
  name                     = "costwire-egress"
  network                  = google_compute_network.egress[0].id
  ip_cidr_range            = "10.8.0.0/28" # the size that a connector takes
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
  }
}

resource "google_vpc_access_connector" "egress" {
  count = local.egress

  project       = local.project
  region        = var.region
  name          = "costwire-egress"
  machine_type  = "e2-micro"
  min_instances = 2
  max_instances = 3

  subnet {
    name = google_compute_subnetwork.egress[0].name
  }
}

locals {
  # by name, which is known before it is made
  connector = [for one in google_vpc_access_connector.egress : "projects/${var.project}/locations/${var.region}/connectors/${one.name}"]
}

resource "google_compute_router" "egress" {
  count = local.egress

  project = local.project
  region  = var.region
  name    = "costwire-egress"
  network = google_compute_network.egress[0].id
}

resource "google_compute_router_nat" "egress" {
  count = local.egress

  project                            = local.project
  region                             = var.region
  name                               = "costwire-egress"
  router                             = google_compute_router.egress[0].name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"

  log_config {
    enable = true
    filter = "ALL"
  }
}

# Google's services have many addresses; in this network their names lead to four
resource "google_dns_managed_zone" "google" {
  count = local.egress

  project    = local.project
  name       = "costwire-googleapis"
  dns_name   = "googleapis.com."
  visibility = "private"

  private_visibility_config {
    networks {
      network_url = google_compute_network.egress[0].id
    }
  }
}

resource "google_dns_record_set" "google" {
  for_each = local.egress == 0 ? {} : {
    "private.googleapis.com." = { type = "A", rrdatas = local.google_addresses }
    "*.googleapis.com."       = { type = "CNAME", rrdatas = ["private.googleapis.com."] }
  }

  project      = local.project
  managed_zone = google_dns_managed_zone.google[0].name
  name         = each.key
  type         = each.value.type
  ttl          = 300
  rrdatas      = each.value.rrdatas
}

resource "google_compute_network_firewall_policy" "egress" {
  count = local.egress

  project = local.project
  name    = "costwire-egress"
}

resource "google_compute_network_firewall_policy_rule" "google" {
  count = local.egress

  project         = local.project
  firewall_policy = google_compute_network_firewall_policy.egress[0].name
  priority        = 100
  direction       = "EGRESS"
  action          = "allow"
  rule_name       = "google-services"

  match {
    dest_ip_ranges = formatlist("%s/32", local.google_addresses)

    layer4_configs {
      ip_protocol = "tcp"
      ports       = ["443"]
    }
  }
}

resource "google_compute_network_firewall_policy_rule" "host" {
  for_each = local.egress == 0 ? {} : local.allowed_hosts

  project         = local.project
  firewall_policy = google_compute_network_firewall_policy.egress[0].name
  priority        = 1000 + index(sort(keys(local.allowed_hosts)), each.key)
  direction       = "EGRESS"
  action          = "allow"
  rule_name       = "host-${replace(each.key, ".", "-")}"

  match {
    dest_fqdns = [each.key]

    layer4_configs {
      ip_protocol = "tcp"
      ports       = [tostring(each.value)]
    }
  }
}

resource "google_compute_network_firewall_policy_rule" "nothing_else" {
  count = local.egress

  project         = local.project
  firewall_policy = google_compute_network_firewall_policy.egress[0].name
  priority        = 65000
  direction       = "EGRESS"
  action          = "deny"
  rule_name       = "nothing-else"
  enable_logging  = true

  match {
    dest_ip_ranges = ["0.0.0.0/0"]

    layer4_configs {
      ip_protocol = "all"
    }
  }
}

# last, so that nothing runs in the network before it is closed
resource "google_compute_network_firewall_policy_association" "egress" {
  count = local.egress

  project           = local.project
  name              = "costwire-egress"
  firewall_policy   = google_compute_network_firewall_policy.egress[0].name
  attachment_target = google_compute_network.egress[0].id

  depends_on = [
    google_compute_network_firewall_policy_rule.google,
    google_compute_network_firewall_policy_rule.host,
    google_compute_network_firewall_policy_rule.nothing_else,
  ]
}
