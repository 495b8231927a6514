"""costwire doctor against the emulators: each thing is broken there and found.  Run by make test-cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import PublisherClient, SubscriberClient

from common.adapters.gcp.doctor.bigquery import look_at_datasets
from common.adapters.gcp.doctor.firestore import firestore_client
from common.adapters.gcp.doctor.notes import Deployment, Notes
from common.adapters.gcp.doctor.pubsub import look_at_pubsub
from common.adapters.gcp.doctor.storage import look_at_bucket
from common.adapters.gcp.doctor.tenants import Tenant, look_at_tenants
from common.config import Settings
from common.messages.subscriptions import DEAD, SUBSCRIPTIONS, Subscription
from common.ports.bus import MAX_PUSHES
from common.ports.inspection import Finding
from common.records import organizations as tenants
from common.records.integrations import note_sync, save_integration
from common.runtime.bootstrap import CloudRuntime


def needs(*names: str) -> pytest.MarkDecorator:
    missing = [name for name in names if not os.environ.get(name)]
    return pytest.mark.skipif(bool(missing), reason=f"needs make test-cloud: {', '.join(missing)} not set")


pytestmark = pytest.mark.slow
WITH_PUBSUB, WITH_FIRESTORE = needs("PUBSUB_EMULATOR_HOST"), needs("FIRESTORE_EMULATOR_HOST")
WITH_STORAGE, WITH_BIGQUERY = needs("STORAGE_EMULATOR_HOST"), needs("BIGQUERY_EMULATOR_HOST")
NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def settings() -> Settings:
    """A project that nobody has used."""
    project = f"doctor-{uuid.uuid4().hex[:10]}"
    return Settings(runtime="cloud", project=project, region="us", env="test", bucket=f"{project}-bucket")


def run(settings: Settings, look: Callable[[Notes], Any]) -> list[Finding]:
    return Notes(Deployment(settings, None), "service", "service.googleapis.com", "roles/viewer").run(look)


def faults(found: list[Finding]) -> dict[str, str]:
    return {one.what: one.found for one in found if one.well is False}


class Topics:
    """Topics and subscriptions on the emulator, as terraform/ makes them."""

    def __init__(self, project: str) -> None:
        deployment = Deployment(Settings(project=project), None)
        self.project = f"projects/{project}"
        self.publisher = deployment.client(PublisherClient, "PUBSUB_EMULATOR_HOST")
        self.subscriber = deployment.client(SubscriberClient, "PUBSUB_EMULATOR_HOST")
        for topic in SUBSCRIPTIONS:
            for name in (topic, topic + DEAD):
                self.publisher.create_topic(name=self.topic(name))
            self.subscribe(topic + DEAD, topic + DEAD)
        for one in (one for several in SUBSCRIPTIONS.values() for one in several):
            self.push(one)

    def topic(self, name: str) -> str:
        return f"{self.project}/topics/{name}"

    def path(self, name: str) -> str:
        return f"{self.project}/subscriptions/{name}"

    def subscribe(self, name: str, topic: str, **more: Any) -> None:
        self.subscriber.create_subscription(request={"name": self.path(name), "topic": self.topic(topic), **more})

    def push(self, one: Subscription, **changes: Any) -> None:
        wanted: dict[str, Any] = {
            "ack_deadline_seconds": one.ack_deadline_seconds,
            "enable_message_ordering": one.ordered,
            "push_config": {"push_endpoint": "http://127.0.0.1:9/", "oidc_token": {"service_account_email": "push@p"}},
            "dead_letter_policy": {
                "dead_letter_topic": self.topic(one.topic + DEAD),
                "max_delivery_attempts": MAX_PUSHES,
            },
            "retry_policy": {
                "minimum_backoff": Duration(seconds=one.minimum_backoff_seconds),
                "maximum_backoff": Duration(seconds=one.maximum_backoff_seconds),
            },
        }
        self.subscribe(one.name, one.topic, **(wanted | changes))


@pytest.fixture
def topics(settings: Settings) -> Topics:
    return Topics(str(settings.project))


@WITH_PUBSUB
def test_topics_as_terraform_makes_them_are_well(settings: Settings, topics: Topics) -> None:
    found = run(settings, look_at_pubsub)
    assert not faults(found)
    assert {one.what for one in found if one.well is None} == {"permission to publish"}, (
        "the emulator knows no permissions"
    )
    assert len(found) > 2 * len(SUBSCRIPTIONS)


@WITH_PUBSUB
def test_what_is_missing_or_differs_is_named(settings: Settings, topics: Topics) -> None:
    topics.publisher.delete_topic(topic=topics.topic("charges-normalized"))
    topics.publisher.delete_topic(topic=topics.topic(f"sync-requested{DEAD}"))
    topics.subscriber.delete_subscription(subscription=topics.path("ingest_gcp"))
    topics.subscriber.delete_subscription(subscription=topics.path(f"ingest-oci{DEAD}"))
    (changed,) = SUBSCRIPTIONS["alert-raised"]
    topics.subscriber.delete_subscription(subscription=topics.path(changed.name))
    topics.push(changed, push_config={}, enable_message_ordering=False, ack_deadline_seconds=30)
    found = faults(run(settings, look_at_pubsub))
    assert found.pop("topic charges-normalized") == "does not exist"
    assert found.pop("subscription evaluate_budgets") == "is detached from its topic"
    assert found.pop(f"topic sync-requested{DEAD}") == "does not exist"
    assert "what fails is lost" in found.pop("dead letters of sync-requested")
    assert found.pop("subscription ingest_gcp") == "does not exist"
    assert "what fails is lost" in found.pop("dead letters of ingest-oci")
    several = found.pop(f"subscription {changed.name}")
    assert "has no push endpoint" in several and "is not ordered" in several and "waits 30 s" in several
    assert not found


@WITH_PUBSUB
def test_dead_letters_are_told_and_stay_for_a_replay(settings: Settings, topics: Topics) -> None:
    from common.ports.bus import Undeliverable

    bus = CloudRuntime(settings).bus
    reasons = ["the bucket is gone", "later"]
    for reason in reasons:
        bus.dead_letter(Undeliverable("bill-landed", "normalize_focus", b"{}", reason, ""))
    for _ in range(2):  # looking again finds them again
        found = faults(run(settings, look_at_pubsub))
        assert list(found) == [f"bill-landed{DEAD}"]
        assert (
            found[f"bill-landed{DEAD}"].startswith("2 waiting") and "the bucket is gone" in found[f"bill-landed{DEAD}"]
        )
    assert bus.replay("bill-landed") == 2  # type: ignore[attr-defined]
    assert not faults(run(settings, look_at_pubsub))


@WITH_FIRESTORE
def test_tenants_are_read_as_they_are(settings: Settings) -> None:
    rt = CloudRuntime(settings)
    tenants.add(rt.documents, NOW, "Acme", "acme_1")
    tenants.add(rt.documents, NOW, "Rest", "rest_1")
    tenants.suspend(rt.documents, NOW, "rest_1")
    for name in ("well", "broken", "off"):
        save_integration(rt.documents, NOW, "acme_1", name, "aws", "gs://bills/aws")
    note_sync(rt.documents, NOW, "acme_1", "broken", "bucket bills is gone")
    off = rt.documents.get("orgs/acme_1/integrations/off") or {}
    rt.documents.set("orgs/acme_1/integrations/off", {**off, "status": "disabled"})
    for name, state in (("d1", "current"), ("d2", "replaced"), ("d3", "current")):
        rt.documents.set(f"orgs/acme_1/deliveries/{name}", {"state": state})
    rt.documents.set("orgs/rest_1/settings/general", {"sync_interval_hours": 0})
    told: list[Any] = []
    deployment = Deployment(settings, None)
    found = run(settings, lambda notes: told.append(look_at_tenants(notes, firestore_client(deployment))))
    assert told == [[Tenant("acme_1", True, 2, ("broken",), 2, True), Tenant("rest_1", False, 0, (), 0, False)]]
    assert faults(found) == {"integration broken of acme_1": "its last synchronization failed"}
    assert "2 tenants, 1 of them may run" in found[0].found


@WITH_STORAGE
def test_a_bucket_is_mended_step_by_step(settings: Settings) -> None:
    name = str(settings.bucket)
    assert faults(run(settings, look_at_bucket)) == {f"bucket {name}": "does not exist"}
    bucket = storage.Client(project=settings.project).create_bucket(name)
    (told,) = faults(run(settings, look_at_bucket)).values()
    assert told == "has permissions of single objects; can be made public; stores uploads and raw files indefinitely"
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.patch()
    assert list(faults(run(settings, look_at_bucket)).values()) == ["stores uploads and raw files indefinitely"]
    bucket.add_lifecycle_delete_rule(age=90)
    bucket.patch()
    assert [one.well for one in run(settings, look_at_bucket)] == [True, True]
    elsewhere = settings.model_copy(update={"region": "europe-west3"})
    assert "is in us, the functions in europe-west3" in faults(run(elsewhere, look_at_bucket))[f"bucket {name}"]


@pytest.fixture
def client(settings: Settings) -> Iterator[bigquery.Client]:
    made = bigquery.Client(project=settings.project, credentials=AnonymousCredentials())
    yield made
    made.close()


def datasets(settings: Settings, shown: int = 1) -> list[Finding]:
    known = [Tenant("acme_1", True, 1, (), shown, True)]
    return run(settings, lambda notes: look_at_datasets(notes, known))


@WITH_BIGQUERY
@WITH_FIRESTORE
@WITH_STORAGE
def test_a_dataset_that_is_lost_cut_or_elsewhere_is_told(settings: Settings, client: bigquery.Client) -> None:
    what, name = "dataset acme_1_test", f"{settings.project}.acme_1_test"
    assert [one.found for one in datasets(settings, shown=0)] == ["is created by the first delivery"]
    (lost,) = datasets(settings)
    assert (lost.well, lost.found, lost.fix) == (False, "does not exist", "costwire tenants restore acme_1")
    CloudRuntime(settings).warehouse.query("acme_1", "select 1 as one")
    (well,) = datasets(settings)
    assert well.well, well
    dataset = client.get_dataset(name, timeout=30, retry=None)
    label = dict(dataset.labels)
    dataset.labels = {**label, "costwire_layout": "older"}
    client.update_dataset(dataset, ["labels"], timeout=30, retry=None)
    (older,) = datasets(settings)
    assert older.found == "has tables and views of another version" and older.fix == "costwire costs --org acme_1"
    client.delete_table(f"{name}.cost_summary", timeout=30, retry=None)
    (cut,) = datasets(settings)
    assert cut.found == "lacks cost_summary" and cut.fix.startswith("bq update --clear_label costwire_layout ")
    client.delete_table(f"{name}.restatements", timeout=30, retry=None)
    (gone,) = datasets(settings)
    assert gone.found == "lacks cost_summary, restatements"
    assert gone.fix == f"bq rm -r -f -d {settings.project}:acme_1_test && costwire tenants restore acme_1 --history"
    elsewhere = settings.model_copy(update={"region": "europe-west3"})
    assert faults(datasets(elsewhere))[what].startswith("is in us, expected europe-west3")


@WITH_PUBSUB
@WITH_FIRESTORE
def test_the_command_prints_findings_and_ends_with_1_and_no_traceback(
    settings: Settings, topics: Topics, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "COSTWIRE_RUNTIME": "cloud",
        "COSTWIRE_PROJECT": str(settings.project),
        "COSTWIRE_REGION": "us",
        "NO_GCE_CHECK": "true",
    }
    for flag in (["--json"], []):
        done = subprocess.run(
            [sys.executable, "-m", "costwire", "doctor", *flag],
            env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (1, "")
        if flag:
            found = {one["what"]: one for one in json.loads(done.stdout)}
    assert found["COSTWIRE_BUCKET"]["well"] is False and found["COSTWIRE_PROJECT"]["well"] is True
    assert found["subscription normalize_focus"]["well"] is True
    assert found["credentials"]["fix"] == "gcloud auth application-default login"
    assert found["Firestore database"]["well"] is None
    assert "can be read: 0 tenants" in found["Firestore documents"]["found"]
