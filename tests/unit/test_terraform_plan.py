"""What Terraform makes of terraform/: planned and applied by the real tool, with a stand-in for Google's provider."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.adapters.gcp import firestore_indexes
from common.config import Settings
from common.domain.channels import read_hosts
from common.messages import BudgetCheckRequested, CleanUpRequested, Message
from common.messages.scheduled import template
from common.messages.subscriptions import DEAD, SUBSCRIPTIONS
from common.telemetry import work
from common.telemetry.metrics import METRICS
from tests.terraform import permissions
from tests.terraform.planning import PROJECT, TOOL, Planned, Workspace, changed, resources

pytestmark = [
    pytest.mark.skipif(TOOL is None, reason="not run: terraform is not installed on this machine"),
    pytest.mark.slow,
]
MEMBERS = {"operators": "group:ops@example.com", "custodians": "group:keys@example.com"}
CUSTOMER_KEY = "projects/my-keys/locations/us-central1/keyRings/costwire/cryptoKeys/stores"
BY_KEYS = ("api", "manual_sync")
BY_HTTP = (*BY_KEYS, "provider_webhook", "stripe_webhook")
GRANTS = ("grant", "named", "bucket", "folder")
FILLED = {
    "operators": [MEMBERS["operators"]],
    "custodians": [MEMBERS["custodians"]],
    "alert_email": "ops@example.com",
    "billing_account": "012345-6789AB-CDEF01",
    "customer_key": CUSTOMER_KEY,
    "egress": {"hosts": {"chat.example.com": 8443}},
    "mail": {"host": "smtp.example.com", "sender": "costwire@example.com", "recipients": "finops@example.com"},
}


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.make(tmp_path_factory.mktemp("production"), "production.tfvars", **FILLED)


@pytest.fixture(scope="module")
def plan(production: Workspace) -> dict[str, Any]:
    return production.plan()


@pytest.fixture(scope="module")
def planned(plan: dict[str, Any]) -> list[Planned]:
    return resources(plan)


def of(planned: list[Planned], type_: str, name: str | None = None) -> Iterator[Planned]:
    found = [one for one in planned if one.type == type_ and name in (None, one.name)]
    assert found, type_
    yield from found


def test_functions_get_settings_that_the_code_reads(planned: list[Planned]) -> None:
    mail = {"COSTWIRE_SMTP_HOST": "smtp.example.com", "COSTWIRE_SMTP_PORT": "587", "COSTWIRE_SMTP_STARTTLS": "true"}
    for one in of(planned, "google_cloudfunctions2_function"):
        (build,), (service,) = one.values["build_config"], one.values["service_config"]
        assert one.values["name"] == build["entry_point"].replace("_", "-")
        given = service["environment_variables"]
        own = {name: value for name, value in given.items() if name.startswith("COSTWIRE_")}
        settings = Settings(**{name.removeprefix("COSTWIRE_").lower(): value for name, value in own.items()})
        assert (settings.project, settings.region, settings.env) == (PROJECT, "us-central1", "prod")
        assert settings.bucket == f"{PROJECT}-costwire"
        assert read_hosts(settings.slack_hosts) == ("hooks.slack.com", "hooks.slack-gov.com")
        assert (mail.items() <= given.items()) == (build["entry_point"] == "send_notifications")
        assert "COSTWIRE_SMTP_USER" not in given  # null variables are left out, not made empty
        by_http = build["entry_point"] in BY_HTTP
        assert service["ingress_settings"] == ("ALLOW_ALL" if by_http else "ALLOW_INTERNAL_ONLY")
        # more than one request in an instance needs a whole vCPU
        shared = by_http and float(service["available_cpu"]) >= 1
        assert service["max_instance_request_concurrency"] == (16 if shared else 1)
        assert given.get("ENVIRONMENT") == ("production" if build["entry_point"] in BY_KEYS else None)
        deadlines = [
            each.ack_deadline_seconds
            for table in SUBSCRIPTIONS.values()
            for each in table
            if each.function == build["entry_point"]
        ]
        assert by_http != bool(deadlines)
        assert service["timeout_seconds"] >= max([60, *deadlines])


def test_subscriptions_are_those_of_the_table(planned: list[Planned]) -> None:
    found = {
        (
            one.values["name"], one.values["ack_deadline_seconds"], one.values["enable_message_ordering"],
            one.values["retry_policy"][0]["minimum_backoff"], one.values["retry_policy"][0]["maximum_backoff"],
            one.values["dead_letter_policy"][0]["max_delivery_attempts"],
        )
        for one in of(planned, "google_pubsub_subscription", "this")
    }  # fmt: skip
    assert found == {
        (
            one.name, one.ack_deadline_seconds, one.ordered, f"{one.minimum_backoff_seconds}s", f"{one.maximum_backoff_seconds}s", 100,
        )
        for table in SUBSCRIPTIONS.values()
        for one in table
    }  # fmt: skip
    dead = {one.values["name"] for one in of(planned, "google_pubsub_subscription", "dead")}
    assert dead == {topic + DEAD for topic in SUBSCRIPTIONS}
    topics = {one.values["name"] for one in of(planned, "google_pubsub_topic")}
    assert topics == set(SUBSCRIPTIONS) | dead


def test_bindings_are_the_grants_and_no_other(planned: list[Planned], plan: dict[str, Any]) -> None:
    bound = {one.key for one in planned if one.type.endswith("_iam_member") and one.name in GRANTS}
    wanted = {f"{role} {on} {MEMBERS.get(account, account)}" for account, role, on, _ in permissions.grants()}
    assert bound == wanted
    assert len(bound) == len([one for one in planned if one.name in GRANTS and one.key])


def test_databases_and_datasets_are_told_by_a_condition(planned: list[Planned]) -> None:
    found = {}
    for one in of(planned, "google_project_iam_member", "named"):
        (condition,) = one.values["condition"]
        assert condition["title"] == str(one.key).split(" ")[1].replace(":", " ")
        found[condition["title"]] = condition["expression"]
    databases = {"documents": "(default)", "credentials": "credentials", "processed": "processed"}
    for store, name in databases.items():
        assert found.pop(f"database {store}") == f'resource.name == "projects/{PROJECT}/databases/{name}"'
    of_dataset = 'resource.type == "bigquery.googleapis.com/Dataset" && resource.name.endsWith("_prod")'
    of_table = 'resource.name.extract("/datasets/{dataset}/").endsWith("_prod")'
    assert found == {"datasets": f"({of_dataset}) || {of_table}"}


def test_folders_are_told_by_a_condition(planned: list[Planned]) -> None:
    for one in of(planned, "google_storage_bucket_iam_member", "folder"):
        (condition,) = one.values["condition"]
        folder = str(one.key).split(" ")[1].removeprefix("objects:")
        assert (
            condition["expression"]
            == f'resource.name.startsWith("projects/_/buckets/{PROJECT}-costwire/objects/{folder}")'
        )


@pytest.mark.parametrize(
    ("name", "message"), [("budget_check", BudgetCheckRequested("")), ("clean_up", CleanUpRequested(""))]
)
def test_a_tick_is_published_as_the_code_reads_it(planned: list[Planned], name: str, message: Message) -> None:
    (job,) = of(planned, "google_cloud_scheduler_job", name)
    (target,) = job.values["pubsub_target"]
    assert json.loads(base64.b64decode(target["data"])) == template(message)
    assert target["attributes"] == {"scheduled": "true"}


def test_metrics_are_those_of_the_code(planned: list[Planned]) -> None:
    found = {one.values["name"]: one.values for one in of(planned, "google_logging_metric")}
    assert set(found) == {metric.name for metric in METRICS}
    for metric in METRICS:
        made = found[metric.name]
        assert (made["filter"], made["value_extractor"]) == (metric.filter, metric.value_extractor)
        assert {one["key"] for one in made["metric_descriptor"][0]["labels"]} == set(metric.labels)
        assert len(made["bucket_options"]) == (metric.buckets is not None)


def test_each_field_is_in_the_database_of_its_collection(planned: list[Planned]) -> None:
    names = {"documents": "(default)", "credentials": "credentials", "processed": "processed"}
    for one in of(planned, "google_firestore_field"):
        assert one.values["database"] == names[firestore_indexes.database_of(one.values["collection"])]


def test_fields_of_firestore_lose_their_indexes_and_expire(planned: list[Planned]) -> None:
    fields = list(of(planned, "google_firestore_field"))
    for name, block in (("EXEMPTIONS", "index_config"), ("EXPIRATIONS", "ttl_config")):
        found = {(one.values["collection"], one.values["field"]) for one in fields if one.values[block]}
        assert found == {(one.collection, one.field) for one in getattr(firestore_indexes, name)}
    assert not [one for one in fields if one.values["index_config"] and one.values["index_config"][0]["indexes"]]


def test_production_keeps_what_can_be_lost(planned: list[Planned]) -> None:
    databases = {one.values["name"]: one.values for one in of(planned, "google_firestore_database")}
    assert set(databases) == {"(default)", "credentials", "processed"}
    assert {one["delete_protection_state"] for one in databases.values()} == {"DELETE_PROTECTION_ENABLED"}
    recoverable = {
        name for name, one in databases.items() if one["point_in_time_recovery_enablement"].endswith("_ENABLED")
    }
    backups = {
        one.values["database"]: one.values["retention"] for one in of(planned, "google_firestore_backup_schedule")
    }
    assert backups == {"(default)": "1209600s", "credentials": "1209600s"}
    assert recoverable == set(backups)
    (bucket,) = of(planned, "google_storage_bucket", "data")
    assert bucket.values["force_destroy"] is False
    rules = {
        (rule["condition"][0]["matches_prefix"] or [None])[0]: rule["condition"][0]["age"]
        for rule in bucket.values["lifecycle_rule"]
    }
    assert rules == {"uploads/": 7, None: 2}
    assert len(list(of(planned, "google_monitoring_alert_policy"))) == 6
    (oldest,) = of(planned, "google_monitoring_alert_policy", "oldest_message")
    watched = oldest.values["conditions"][0]["condition_prometheus_query_language"][0]["query"]
    assert all(one.name in watched for table in SUBSCRIPTIONS.values() for one in table)
    assert len(list(of(planned, "google_billing_budget"))) == 1


STORES = {
    "google_artifact_registry_repository": ("kms_key_name",),
    "google_cloudfunctions2_function": ("kms_key_name",),
    "google_firestore_database": ("cmek_config", "kms_key_name"),
    "google_pubsub_topic": ("kms_key_name",),
    "google_secret_manager_secret": (
        "replication", "user_managed", "replicas", "customer_managed_encryption", "kms_key_name",
    ),
    "google_storage_bucket": ("encryption", "default_kms_key_name"),
}  # fmt: skip
"""Type of a store -> where its key stands."""


def test_every_store_has_the_customers_key_and_its_service_may_use_it(planned: list[Planned]) -> None:
    for type_, (*blocks, name) in STORES.items():
        for one in of(planned, type_):
            values = one.values
            for block in blocks:
                (values,) = values[block]
            assert values[name] == CUSTOMER_KEY, one.address
    bound = {one.key for one in of(planned, "google_kms_crypto_key_iam_member", "store")}
    assert bound == {
        "storage", "bigquery", "pubsub", "firestore", "secrets", "images", "functions", "functions_runs",
    }  # fmt: skip
    for one in of(planned, "google_cloudfunctions2_function"):
        assert one.values["service_config"][0]["environment_variables"]["COSTWIRE_CUSTOMER_KEY"] == CUSTOMER_KEY


def test_what_notifies_reaches_hosts_of_the_list_and_nothing_else(planned: list[Planned]) -> None:
    rules = sorted(
        of(planned, "google_compute_network_firewall_policy_rule"), key=lambda one: int(one.values["priority"])
    )
    allowed, (last,) = rules[:-1], rules[-1:]
    assert all((one.values["action"], one.values["direction"]) == ("allow", "EGRESS") for one in allowed)
    match = last.values["match"][0]
    assert (last.values["action"], match["dest_ip_ranges"], match["layer4_configs"][0]["ip_protocol"]) == (
        "deny", ["0.0.0.0/0"], "all",
    )  # fmt: skip
    hosts = {one.key: one.values["match"][0]["layer4_configs"][0]["ports"] for one in allowed if one.name == "host"}
    assert hosts == {"hooks.slack.com": ["443"], "smtp.example.com": ["587"], "chat.example.com": ["8443"]}
    assert all(one.values["match"][0]["dest_fqdns"] == [one.key] for one in allowed if one.name == "host")
    assert len({one.values["priority"] for one in rules}) == len(rules)
    for one in of(planned, "google_cloudfunctions2_function"):
        settings = one.values["service_config"][0]["vpc_connector_egress_settings"]
        assert settings == ("ALL_TRAFFIC" if one.values["name"] == "send-notifications" else None)


def test_data_access_is_logged(planned: list[Planned]) -> None:
    logged = {
        one.values["service"]: {each["log_type"] for each in one.values["audit_log_config"]}
        for one in of(planned, "google_project_iam_audit_config")
    }
    assert {"cloudkms.googleapis.com", "firestore.googleapis.com", "storage.googleapis.com"} < set(logged)
    assert {frozenset(one) for one in logged.values()} == {frozenset({"ADMIN_READ", "DATA_READ", "DATA_WRITE"})}


def test_alerts_need_no_metric_that_does_not_exist_yet(planned: list[Planned]) -> None:
    queries = {}
    for policy in of(planned, "google_monitoring_alert_policy"):
        (condition,) = policy.values["conditions"]
        assert not condition["condition_threshold"], "refused while the project lacks the metric's descriptor"
        for one in condition["condition_prometheus_query_language"]:
            assert one["disable_metric_validation"] is True
            assert one["query"].count("(") == one["query"].count(")") and "%" not in one["query"]
            queries[policy.name] = one["query"]
    assert set(queries) == {"dead_letters", "oldest_message", "errors", "too_few_instances", "nothing_shown"}
    assert f'subscription_id=~".*{DEAD}"' in queries["dead_letters"]
    (watched,) = re.findall(r'subscription_id=~"([^"]+)"', queries["oldest_message"])
    assert set(watched.split("|")) == {one.name for table in SUBSCRIPTIONS.values() for one in table}
    assert 'response_code="429"' in queries["too_few_instances"]
    assert f'outcome="{work.DONE}"' in queries["nothing_shown"] and "[1d]" in queries["nothing_shown"]


def test_an_evaluation_is_made_upgraded_and_removed(tmp_path: Path) -> None:
    evaluation = Workspace.make(tmp_path, "evaluation.tfvars")
    evaluation.run("validate")
    evaluation.apply()
    again = evaluation.plan()
    assert changed(again) == {}, "a second plan must be empty"
    types = {one.type for one in resources(again)}
    assert not types & {"google_monitoring_alert_policy", "google_billing_budget", "google_firestore_backup_schedule"}
    assert not types & {"google_compute_network", "google_vpc_access_connector", "google_compute_router_nat"}

    evaluation.archive.write_bytes(b"functions of tomorrow")
    upgrade = changed(evaluation.plan())
    assert {address.split("[")[0] for address in upgrade} == {
        "google_storage_bucket_object.functions",
        "google_cloud_run_v2_job.this",  # its image is that of the functions
        "module.function",
    }
    assert all("google_cloudfunctions2_function.this" in one or "object" in one or "job" in one for one in upgrade)

    evaluation.destroy()
    assert json.loads(evaluation.run("show", "-json")).get("values", {}).get("root_module", {}) == {}


def test_production_is_not_destroyed_by_mistake(tmp_path: Path) -> None:
    deployed = Workspace.make(tmp_path, "production.tfvars")
    deployed.apply()
    refused = deployed.attempt("plan", "-destroy", "-refresh=false", *deployed.inputs())
    assert refused.returncode == 1
    assert "google_kms_crypto_key.protected" in refused.stderr
    unprotected = deployed.attempt("plan", "-refresh=false", *deployed.inputs(delete_protection=False))
    assert "google_kms_crypto_key.protected" in unprotected.stderr  # a key is not remade in passing
    # the two steps of docs/operations.md
    deployed.run("state", "mv", "google_kms_crypto_key.protected[0]", "google_kms_crypto_key.disposable[0]")
    left = changed(deployed.plan(delete_protection=False))
    assert left == {
        "google_firestore_database.documents": ["update"],
        'google_firestore_database.separate["credentials"]': ["update"],
        'google_firestore_database.separate["processed"]': ["update"],
        "google_storage_bucket.data": ["update"],
        # its image is asked for once all that the functions depend on is as planned, so that it is that of the new ones
        'google_cloud_run_v2_job.this["unpack_files"]': ["update"],
    }


def test_wrong_variables_are_refused(production: Workspace) -> None:
    wrong = {
        "env": ("Prod", "env must have 1 to 20 lower-case letters"),
        "project": ("Costwire", "project must be a project id"),
        "soft_delete_days": (3, "soft_delete_days must be 0, or 7 to 90"),
        "backup_retention_days": (99, "backup_retention_days must be 0 to 98"),
        "dead_letter_days": (60, "dead_letter_days must be 1 to 31"),
        "traces": ("everywhere", "traces must be cloud or off"),
        "customer_key": ("stores", "customer_key must be projects/<p>/locations"),
        "cpu_quota": (19, "max_instances asks for 20 vCPU, cpu_quota allows 19"),
    }
    refused = production.attempt("plan", *production.inputs(**{name: value for name, (value, _) in wrong.items()}))
    assert refused.returncode == 1
    said = " ".join(refused.stderr.replace("│", " ").split())
    for _, words in wrong.values():
        assert words in said
