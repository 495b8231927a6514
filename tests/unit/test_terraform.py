"""terraform/ and the code name the same things: functions, topics, settings, secrets, fields, metrics; nothing stands alone."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from string import Template

import pytest

from common.adapters.gcp import firestore_indexes
from common.adapters.gcp.doctor.audit import LOGGED
from common.config import ServiceSettings, Settings
from common.messages import BudgetCheckRequested, CleanUpRequested, SubscriptionChanged
from common.messages.scheduled import from_template, identified
from common.messages.subscriptions import SUBSCRIPTIONS
from common.ports.documents import Order
from common.records.sizes import OBJECTS
from common.retention.inventory import OF_DELIVERIES
from common.telemetry.metrics import METRICS
from common.tenancy.schedules import clean_up_schedule, plans_schedule
from deployment import facts
from deployment.preflight import GIB_PER_VCPU
from tests.terraform import hcl

ROOT = Path(__file__).parents[2]
WRITTEN = json.loads(facts.TARGET.read_text(encoding="utf-8"))
LOCALS = hcl.local_values(hcl.ROOT)
FUNCTIONS = set(facts.functions())
BY_MESSAGE = {name for name, one in facts.functions().items() if one["trigger"] == "message"}
NOT_FOR_THE_COMMAND = {
    f"COSTWIRE_{name}" for name in ("PUSH_AUTH", "TRACES", "WORK_SECONDS", "CHUNK_BYTES", "PACKED_BYTES")
}
NOT_FOR_FUNCTIONS = {
    "home": "state of the embedded runtime",
    "threads": "DuckDB takes the processors that the instance has",
    "push_audience": "Cloud Run checks the token, see COSTWIRE_PUSH_AUTH",
    "push_service_account": "Cloud Run checks the token, see COSTWIRE_PUSH_AUTH",
    "allow_private_channels": "webhooks of tenants must not reach what the functions can",
    "webhook_url": "an output of functions, which the command prints",
    "fault_seed": "tests only",
}


def resource(type_: str, name: str) -> hcl.Body:
    (found,) = [one.body for one in hcl.resources() if (one.type, one.name) == (type_, name)]
    return found


def nested(body: hcl.Body, name: str) -> hcl.Body:
    (found,) = [content for label, content in hcl.blocks(body) if label == name]
    return found


def test_the_facts_are_those_of_the_code() -> None:
    assert facts.TARGET.read_text(encoding="utf-8") == facts.text(), "terraform/facts.json is stale: run make facts"


def test_every_fact_is_used() -> None:
    text = hcl.text(hcl.ROOT)
    for name in WRITTEN:
        assert f"local.facts.{name}" in text, name


def test_functions_are_deployed_each_and_no_other() -> None:
    assert set(LOCALS["functions"]) == FUNCTIONS
    assert {one["function"] for one in WRITTEN["subscriptions"].values()} == BY_MESSAGE


def test_jobs_are_deployed_each_and_run_code_of_ours() -> None:
    assert {name.replace("_", "-") for name in LOCALS["jobs"]} == set(WRITTEN["jobs"]["names"])
    for one in LOCALS["jobs"].values():
        assert callable(import_module(one["module"]).main)


def test_every_topic_has_its_subscriptions_and_dead_letters() -> None:
    assert {one["topic"] for one in WRITTEN["subscriptions"].values()} == set(SUBSCRIPTIONS)
    dead = resource("google_pubsub_subscription", "dead")
    assert dead["topic"] == "${google_pubsub_topic.dead.id}"
    pushed = resource("google_pubsub_subscription", "this")
    assert nested(pushed, "dead_letter_policy")["dead_letter_topic"] == "${var.topics[each.value.topic].dead_id}"
    for one in (dead, pushed):
        assert nested(one, "expiration_policy")["ttl"] == "", (
            "a subscription without traffic would be deleted after 31 days"
        )


@pytest.mark.parametrize(
    ("attribute", "field"),
    [
        ("ack_deadline_seconds", "ack_deadline_seconds"),
        ("enable_message_ordering", "ordered"),
        ("retry_policy.minimum_backoff", "minimum_backoff_seconds"),
        ("retry_policy.maximum_backoff", "maximum_backoff_seconds"),
    ],
)
def test_a_subscription_takes_what_the_table_says(attribute: str, field: str) -> None:
    body = resource("google_pubsub_subscription", "this")
    *blocks, name = attribute.split(".")
    for block in blocks:
        body = nested(body, block)
    assert body[name] in (f"${{each.value.{field}}}", f"${{each.value.{field}}}s")


def test_subscriptions_stay_within_what_pubsub_takes() -> None:
    for name, one in WRITTEN["subscriptions"].items():
        assert 10 <= one["ack_deadline_seconds"] <= 600, name
        assert 0 <= one["minimum_backoff_seconds"] <= one["maximum_backoff_seconds"] <= 600, name


def test_settings_reach_the_functions_each_and_no_other() -> None:
    given = {*LOCALS["environment"], *LOCALS["mail_environment"], *LOCALS["customer_environment"]}
    given |= set(LOCALS["sign_in_environment"])
    assert set(LOCALS["service_environment"]) <= {name.upper() for name in ServiceSettings.model_fields}
    expected = set(Settings.model_fields) - set(NOT_FOR_FUNCTIONS) - set(facts.secret_settings())
    assert given == {f"COSTWIRE_{name.upper()}" for name in expected}
    assert set(LOCALS["own_environment"]) <= FUNCTIONS


def test_fixed_settings_have_values_that_the_code_takes() -> None:
    fixed = {name: value for name, value in LOCALS["environment"].items() if "${" not in value}
    assert set(fixed) == {"COSTWIRE_RUNTIME", "COSTWIRE_PUSH_AUTH", "COSTWIRE_WORK_SECONDS"}
    settings = Settings(**{name.removeprefix("COSTWIRE_").lower(): value for name, value in fixed.items()})
    assert (settings.runtime, settings.push_auth) == ("cloud", "platform")
    deadlines = [
        one["ack_deadline_seconds"] for name, one in WRITTEN["subscriptions"].items() if name.startswith("ingest_")
    ]
    assert settings.work_seconds is not None
    assert settings.work_seconds <= min(deadlines) - 120


def test_what_the_command_needs_is_put_out() -> None:
    named = re.findall(r'"(COSTWIRE_\w+)"', hcl.named(hcl.ROOT, "output")["environment"]["value"])
    assert set(named) == set(LOCALS["environment"]) - NOT_FOR_THE_COMMAND


def test_secrets_have_a_container_and_no_value() -> None:
    assert WRITTEN["secrets"] == sorted(f"costwire-{one.replace('_', '-')}" for one in facts.secret_settings())
    assert not [one for one in hcl.resources() if one.type == "google_secret_manager_secret_version"]


def test_firestore_has_the_fields_and_indexes_of_the_manifest() -> None:
    fields = {(one["collection"], one["field"]): one for one in WRITTEN["firestore"]["fields"]}
    as_pairs = {"exempt": firestore_indexes.EXEMPTIONS, "expiring": firestore_indexes.EXPIRATIONS}
    pairs = {name: {(one.collection, one.field) for one in some} for name, some in as_pairs.items()}
    assert {pair for pair, one in fields.items() if not one["indexed"]} == pairs["exempt"]
    assert {pair for pair, one in fields.items() if one["expires"]} == pairs["expiring"]
    assert len(WRITTEN["firestore"]["fields"]) == len(fields)  # two resources of one field would undo each other
    assert len(WRITTEN["firestore"]["indexes"]) == len(firestore_indexes.COMPOSITE_INDEXES)


def test_a_composite_index_is_told_with_its_directions() -> None:
    index = firestore_indexes.Index("runs", ("status",), Order("started_at", descending=True))
    fields = [{"field": "status", "order": "ASCENDING"}, {"field": "started_at", "order": "DESCENDING"}]
    assert facts.index_facts(index) == {"database": "documents", "collection": "runs", "fields": fields}


def test_the_budget_check_is_a_message_of_ours() -> None:
    check = WRITTEN["budget_check"]
    assert identified(from_template(check["event"]), "1") == BudgetCheckRequested("1")
    assert check["topic"] in SUBSCRIPTIONS
    assert len(base64.b64encode(json.dumps(check["event"]).encode())) < 1000


def test_metrics_in_alerts_and_charts_exist() -> None:
    known = {metric.name for metric in METRICS}
    text = hcl.text(hcl.ROOT) + (hcl.ROOT / "dashboard.json.tftpl").read_text(encoding="utf-8")
    named = set(
        re.findall(r'(?:logging\.googleapis\.com/user/|logging_googleapis_com:user_|facts\.metrics\[\\?")(\w+)', text)
    )
    assert named
    assert named <= known


def test_the_dashboard_is_json_whose_charts_do_not_overlap() -> None:
    template = Template((hcl.ROOT / "dashboard.json.tftpl").read_text(encoding="utf-8"))
    dashboard = json.loads(template.substitute(dead_suffix="-dead", database="(default)", env="eval"))
    layout = dashboard["mosaicLayout"]
    taken: set[tuple[int, int]] = set()
    for tile in layout["tiles"]:
        columns = range(tile["xPos"], tile["xPos"] + tile["width"])
        cells = {(x, y) for x in columns for y in range(tile["yPos"], tile["yPos"] + tile["height"])}
        assert not cells & taken, tile["widget"]["title"]
        assert max(columns) < layout["columns"], tile["widget"]["title"]
        taken |= cells


def test_folders_of_the_bucket_are_those_of_the_code() -> None:
    granted = {
        on.removeprefix("objects:")
        for one in LOCALS["grants"].values()
        for on in one["on"]
        if on.startswith("objects:")
    }
    assert granted <= {f"{kind}/" for kind in OBJECTS}
    assert set(WRITTEN["retention"]["lifecycle_days"]) <= set(OBJECTS) - set(OF_DELIVERIES), (
        "age alone does not tell which bills are current"
    )


def test_the_tick_of_plans_is_a_message_of_ours() -> None:
    tick = WRITTEN["plans"]
    assert identified(from_template(tick["event"]), "1") == SubscriptionChanged("1", "schedule")
    assert (tick["topic"], tick["cron"]) == ("subscription-changed", plans_schedule().cron)


def test_the_tick_of_clean_up_is_a_message_of_ours() -> None:
    tick = WRITTEN["retention"]
    assert identified(from_template(tick["event"]), "1") == CleanUpRequested("1")
    assert tick["topic"] in SUBSCRIPTIONS
    assert tick["cron"] == clean_up_schedule().cron


@pytest.mark.parametrize("folder", hcl.folders(), ids=lambda folder: folder.name)
def test_what_is_declared_is_used_and_the_other_way_round(folder: Path) -> None:
    text = hcl.text(folder)
    declared = {"var": set(hcl.named(folder, "variable")), "local": set(hcl.local_values(folder)) - {"__is_block__"}}
    declared["module"] = set(hcl.named(folder, "module"))
    for kind, names in declared.items():
        assert set(re.findall(rf"\b{kind}\.(\w+)", text)) == names, kind
    own = {f"{one.type}.{one.name}" for one in hcl.resources() if one.folder == folder}
    referred = set(re.findall(r"(?<!data\.)\b((?:google|random|time)_\w+\.\w+)", text))
    assert {one for one in referred if not one.startswith("google_project.")} <= own


def test_modules_get_what_they_declare_and_give_what_is_asked() -> None:
    calls = hcl.named(hcl.ROOT, "module")
    assert {call["source"] for call in calls.values()} == {
        f"./{folder.relative_to(hcl.ROOT)}" for folder in hcl.folders() if folder != hcl.ROOT
    }
    for name, call in calls.items():
        folder = hcl.ROOT / call["source"]
        given = {key for key in call if key not in {"source", "__is_block__"} | hcl.META}
        assert given == set(hcl.named(folder, "variable")), name
        asked = set(re.findall(rf"module\.{name}\[[^\]]*\]\.(\w+)", hcl.text(hcl.ROOT)))
        assert asked <= set(hcl.named(folder, "output")), name


@pytest.mark.parametrize("settings", sorted(hcl.ROOT.glob("*.tfvars")), ids=lambda path: path.stem)
def test_settings_of_a_deployment_fit_the_variables(settings: Path) -> None:
    given, declared = set(hcl.read_variables(settings)), hcl.named(hcl.ROOT, "variable")
    assert given <= set(declared)
    assert {name for name, one in declared.items() if "default" not in one} - given == {"project"}


def test_an_evaluation_leaves_nothing_behind_and_has_nothing_always_on() -> None:
    given = hcl.read_variables(hcl.ROOT / "evaluation.tfvars")
    assert given["delete_protection"] is False
    assert (given["point_in_time_recovery"], given["backup_retention_days"], given["soft_delete_days"]) == (False, 0, 0)
    service = nested(resource("google_cloudfunctions2_function", "this"), "service_config")
    assert service["min_instance_count"] == 0


def test_doctor_looks_for_logs_that_terraform_switches_on() -> None:
    assert set(LOGGED) <= set(hcl.named(hcl.ROOT, "variable")["data_access_logs"]["default"])


def test_functions_fit_the_quotas_of_a_new_project() -> None:
    sizes = [(float(one["cpu"]), one["memory"], one["max_instances"]) for one in LOCALS["functions"].values()]
    default = hcl.named(hcl.ROOT, "variable")["cpu_quota"]["default"]
    assert sum(cpus * count for cpus, _, count in sizes) <= default == 20
    for cpus, memory, _ in sizes:
        size, unit = float(memory[:-2]), memory[-2:]
        gib = size if unit == "Gi" else size / 1024
        assert gib <= cpus * GIB_PER_VCPU, "the preflight computes memory from processors"


def test_production_is_protected() -> None:
    given = hcl.read_variables(hcl.ROOT / "production.tfvars")
    assert given["delete_protection"] is True
    assert given["point_in_time_recovery"] is True
    protected, disposable = (resource("google_kms_crypto_key", name) for name in ("protected", "disposable"))
    assert nested(protected, "lifecycle") == {"prevent_destroy": True, "__is_block__": True}
    same = {name for name in hcl.attributes(protected) if name != "count"}
    assert {name: protected[name] for name in same} == {name: disposable[name] for name in same}


def test_terraform_is_formatted() -> None:
    tool = shutil.which("terraform")
    if tool is None:
        pytest.skip("terraform is not installed on this machine")
    done = subprocess.run(
        [tool, "fmt", "-check", "-recursive", "-diff", hcl.ROOT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
