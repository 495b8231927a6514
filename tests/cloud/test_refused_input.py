"""What bad input gets in the cloud: one clear line, nothing half-written, and a replay that succeeds once the cause is gone.

One deployment on the emulators serves all cases, each with a tenant of its own.  Run by make test-cloud.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, firestore, kms_v1, pubsub_v1, storage

from common.adapters.gcp import clients, kms
from common.adapters.gcp.pubsub import PubSubBus
from common.adapters.shared.system_clock import SystemClock
from common.messages import BillLanded, IngestBill, Message, SyncRequested, as_data
from common.messages.cloudevent import encode
from common.ports.bus import DeadLetter
from common.records import organizations as tenants
from common.records.integrations import save_integration
from common.records.runs import FAILED, SUCCEEDED, queue_run
from common.runtime import bootstrap
from common.runtime.bootstrap import CloudRuntime
from common.telemetry.work import DEAD_LETTERED
from functions.ingest_aws.main import ingest_aws
from tests.cloud.deployed import Deployment, deployed, missing_peers
from tests.cloud.refusals import HttpRefuser, Refusal
from tests.cloud.test_end_to_end import wait_until
from tests.emulators.google_grpc import GoogleServer, environment
from tests.support import cur_line, cur_text

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing_peers()), reason=missing_peers())]
LINES = [cur_line(number, "1.25") for number in range(20)]
GOOD = cur_text(LINES)
SECRET = "t3.medium"  # stands in every line of a bill, and must stand in no message
RING = "projects/p/locations/us-central1/keyRings/costwire"
PATIENCE_SECONDS = 60


@dataclass
class World:
    """The deployment, and what stands between it and its services."""

    made: Deployment
    rt: CloudRuntime
    bigquery: HttpRefuser
    storage: HttpRefuser
    letters: PubSubBus
    keys: Any

    def tenant(self) -> str:
        """A new organization."""
        org = f"org_{uuid.uuid4().hex[:8]}"
        tenants.add(self.rt.documents, self.rt.clock.now(), org, org)
        return org

    def costwire(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """A command as an operator gives it; where it fails, the reason is one line."""
        return costwire(self.made.settings, self.made.folder, *words, status=status)

    def bring(self, org: str, content: str, integration: str = "bill", status: int = 0) -> str:
        """Import a bill; returns stderr."""
        path = self.made.folder / "in" / org / "bill.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        more = ("--provider", "aws", "--integration", integration, "--org", org)
        return self.costwire("import", str(path), *more, status=status).stderr

    def publish(self, topic: str, body: bytes) -> None:
        publisher = pubsub_v1.PublisherClient()
        publisher.publish(publisher.topic_path(self.rt.settings.project, topic), body).result(timeout=10)

    def letter(self, topic: str, fits: Callable[[DeadLetter], bool]) -> DeadLetter:
        """The dead letter, when it is there; there must be one alone."""
        (found,) = wait_until(lambda: [one for one in self.letters.dead_letters(topic) if fits(one)], PATIENCE_SECONDS)
        assert isinstance(found, DeadLetter)
        return found

    def discard(self, *topics: str) -> None:
        """Throw dead letters away that no replay can help."""
        with pubsub_v1.SubscriberClient() as subscriber:
            for topic in topics:
                name = subscriber.subscription_path(self.rt.settings.project, f"{topic}-dead")
                found = subscriber.pull(subscription=name, max_messages=100, timeout=10).received_messages
                subscriber.acknowledge(subscription=name, ack_ids=[one.ack_id for one in found])

    def told(self, reason: str) -> list[dict[str, Any]]:
        """The lines of the functions' logs with this reason."""
        lines = [line for line in self.made.logs().splitlines() if line.startswith("{")]
        entries = [json.loads(line) for line in lines]
        return [one for one in entries if one["message"].endswith(reason)]

    def runs(self, org: str) -> list[dict[str, Any]]:
        found = [document for _, document in self.rt.documents.list(f"orgs/{org}/runs")]
        return sorted(found, key=lambda one: str(one["started_at"]))

    def states(self, org: str) -> list[str]:
        return sorted(str(one["state"]) for _, one in self.rt.documents.list(f"orgs/{org}/deliveries"))

    def billed(self, org: str) -> dict[str, Decimal]:
        rows = self.rt.warehouse.query(
            org, "select BillingCurrency, sum(BilledCost) as billed from cost_data_standard_1_3 group by 1"
        )
        return {row["BillingCurrency"]: row["billed"] for row in rows}

    def client(self) -> bigquery.Client:
        return bigquery.Client(str(self.rt.settings.project), credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]

    def dataset(self, org: str) -> str:
        return f"{org}_{self.rt.settings.env}"

    def leftovers(self, org: str) -> list[str]:
        """Staging tables of a tenant, and the pointers of slices that have no rows."""
        tables = self.client().list_tables(self.dataset(org), timeout=30, retry=None)
        return [one.table_id for one in tables if one.table_id.startswith("costwire_")]


def costwire(
    settings: dict[str, str], folder: Path, *words: str, status: int = 0, seconds: int = 200
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "costwire", *words],
        env={**os.environ, **settings}, cwd=folder, capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr + done.stdout
    if status == 1:
        assert done.stderr.startswith("costwire: ") and is_clear(done.stderr.strip()), done.stderr
    return done


def is_clear(line: str) -> bool:
    return "\n" not in line and "Traceback" not in line and SECRET not in line and len(line) < 600


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("bad")
    server = GoogleServer()
    refusers = {name: HttpRefuser(port_of(name)) for name in ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")}
    own = environment(server.address) | {name: one.url for name, one in refusers.items()}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment(server.address).items():
            patched.setenv(name, value)
        client = clients.connect_client(kms_v1.KeyManagementServiceClient, "test", kms.EMULATOR_VARIABLE)
        client.create_crypto_key(parent=RING, crypto_key_id="credentials", crypto_key=kms_v1.CryptoKey())
        with deployed("bad", folder, only={**own, "COSTWIRE_KMS_KEY": f"{RING}/cryptoKeys/credentials"}) as made:
            letters = PubSubBus.connect(made.settings["COSTWIRE_PROJECT"], SystemClock(), patience_seconds=0.5)
            yield World(made, made.runtime(), *refusers.values(), letters, client)
    for refuser in refusers.values():
        refuser.close()
    server.stop()


@pytest.fixture(scope="module")
def steady(world: World) -> str:
    """A tenant of several cases, since a dataset of its own takes its time."""
    return world.tenant()


def port_of(variable: str) -> int:
    return int(os.environ[variable].rpartition(":")[2].strip("/"))


def body_of(message: Message, **changes: Any) -> bytes:
    """The event of a message; changes name attributes of the event, or of its data."""
    event = encode(message, uuid.uuid4().hex, datetime.now(UTC))
    for name, value in changes.items():
        (event if name in event else event["data"])[name] = value
    return json.dumps(event).encode()


LANDED = BillLanded(
    "ghost_1", "bill", "aws", "aws_cur", "2026-03", "d1", "2026-04-01T00:00:00Z", 0, 1, "gs://b/raw/x", 1, "sha256:x", "run1"
)  # fmt: skip
MESSAGES: dict[str, tuple[str, bytes, str]] = {
    "no JSON": ("bill-landed", b"{oops", "a message of 5 bytes is not valid JSON, expected a structured CloudEvent"),
    "no bytes": ("bill-landed", b" ", "a message of 1 bytes is not valid JSON, expected a structured CloudEvent"),
    "a JSON list": ("sync-requested", b"[1, 2]", "a message is a JSON list, expected a structured CloudEvent"),
    "no CloudEvent": ("ingest-aws", b'{"a": 1}', "event type is None, expected costwire.<topic>.v1"),
    "no data": (
        "bill-landed", b'{"type": "costwire.bill-landed.v1", "id": "x"}', "costwire.bill-landed.v1 carries no JSON object as data",
    ),
    "a type of others": (
        "bill-landed", body_of(LANDED, type="com.example.thing"), "event type is 'com.example.thing', expected costwire.<topic>.v1",
    ),
    "an unknown type": (
        "bill-landed", body_of(LANDED, type="costwire.bill-lost.v1"),
        "event type costwire.bill-lost.v1 is not a Costwire event type",
    ),
    "an unknown version": (
        "bill-landed", body_of(LANDED, type="costwire.bill-landed.v9"), "event bill-landed has version v9, this release reads v1",
    ),
    "a field of the wrong type": ("bill-landed", body_of(LANDED, chunk="one"), "costwire.bill-landed.v1 has a field chunk of type str"),
    "a message of another topic": (
        "bill-landed", body_of(SyncRequested("r", "manual")), "normalize_focus takes BillLanded, got SyncRequested",
    ),
    "a tenant that is not there": (
        "bill-landed", body_of(LANDED, org_slug="ghost_2"), "there is no organization ghost_2; costwire tenants list shows them",
    ),
    "a tenant that is no name": (
        "bill-landed", body_of(LANDED, org_slug="../../etc"),
        "organization is '../../etc', expected 3 to 50 letters, digits or underscores",
    ),
    "a sync of a tenant that is not there": (
        "sync-requested", body_of(SyncRequested("r", "manual", "ghost_3")),
        "there is no organization ghost_3; costwire tenants list shows them",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def published(world: World) -> dict[str, DeadLetter]:
    """The dead letters of all bad messages at once, by their reasons."""
    before = sorted(org for org, _ in world.rt.documents.list("orgs"))
    for topic, body, _ in MESSAGES.values():
        world.publish(topic, body)

    def dead() -> list[DeadLetter]:
        return [
            one
            for topic in ("bill-landed", "sync-requested", "ingest-aws")
            for one in world.letters.dead_letters(topic)
        ]

    found = wait_until(lambda: letters if len(letters := dead()) >= len(MESSAGES) else None, PATIENCE_SECONDS)
    assert len(found) == len(MESSAGES)
    assert sorted(org for org, _ in world.rt.documents.list("orgs")) == before
    world.discard("bill-landed", "sync-requested", "ingest-aws")
    return {one.reason: one for one in found}


@pytest.mark.parametrize("case", MESSAGES)
def test_a_bad_message_is_dead_lettered_with_one_clear_line(
    world: World, published: dict[str, DeadLetter], case: str
) -> None:
    topic, _, reason = MESSAGES[case]
    assert reason in published, sorted(published)
    assert published[reason].topic == topic and is_clear(reason)
    (line,) = world.told(reason)
    assert (line["severity"], line["outcome"]) == ("ERROR", DEAD_LETTERED)


@pytest.mark.parametrize("ghost", ["ghost_1", "ghost_2", "ghost_3"])
def test_a_tenant_that_does_not_exist_gets_nothing(world: World, published: dict[str, DeadLetter], ghost: str) -> None:
    project = world.rt.settings.project
    assert list(firestore.Client(project=project).document(f"orgs/{ghost}").collections()) == []
    assert [
        one.dataset_id for one in world.client().list_datasets(timeout=30, retry=None) if ghost in one.dataset_id
    ] == []
    assert [kind for kind in ("raw", "focus", "quarantine") if world.rt.objects.list(f"{kind}/{ghost}/")] == []


@pytest.mark.parametrize("body", [b"{oops", b"", b'{"message": 3}'])
def test_a_push_that_is_none_gets_400_or_is_dead_lettered_and_the_function_lives(world: World, body: bytes) -> None:
    url = f"http://127.0.0.1:{world.made.ports['normalize_focus']}/projects/p/topics/bill-landed"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == 400
    answer = refused.value.read().decode()
    assert "Traceback" not in answer and len(answer) < 1000


def make_run(world: World, org: str, location: str = "gs://nowhere/x") -> IngestBill:
    """A run of an integration, asked for; the message that would begin it."""
    save_integration(world.rt.documents, world.rt.clock.now(), org, "bill", "aws", location, keep_location=True)
    run_id = f"{uuid.uuid4().hex[:8]}.bill"
    queue_run(world.rt.documents, world.rt.clock, org, run_id, "bill", "manual", location)
    return IngestBill("aws", org, "bill", run_id)


class Held:
    """A bus that keeps what is published."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def publish(self, message: Message) -> str:
        self.messages.append(message)
        return "held"


def of_an_account_of_its_own() -> str:
    """GOOD, of a billing account that no other integration of the tenant brings."""
    account = str(uuid.uuid4().int)[:12]
    return cur_text([line | {"PayerAccountId": account} for line in LINES])


def land(world: World, org: str, content: str = GOOD) -> BillLanded:
    """Land a bill by the real function; the message to normalize_focus is kept back and returned."""
    rt = world.made.runtime()
    bucket = storage.Client(project=rt.settings.project).create_bucket(f"bills-{uuid.uuid4().hex[:8]}")
    bucket.blob("cur/bill.csv").upload_from_string(content.encode())
    message = make_run(world, org, f"gs://{bucket.name}/cur")
    held = Held()
    rt.__dict__["bus"] = held
    bootstrap.use(rt)
    try:
        ingest_aws(message)
    finally:
        bootstrap.use(None)
    (landed,) = held.messages
    assert isinstance(landed, BillLanded)
    return landed


def replay(world: World, topic: str) -> None:
    world.costwire("replay", "--topic", topic)


def of(org: str) -> Callable[[DeadLetter], bool]:
    return lambda one: bool((one.event.get("data") or {}).get("org_slug") == org)


def dead_run(world: World, org: str, topic: str) -> str:
    """The reason, told alike by the one dead letter, the newest run and one line of the log."""
    reason = world.letter(topic, of(org)).reason
    run = world.runs(org)[-1]
    assert (run["status"], run["error"]) == (FAILED, reason)
    assert is_clear(reason), reason
    lines = [one for one in world.told(reason) if one.get("org_slug") == org]
    assert [(one["severity"], one["outcome"]) for one in lines] == [("ERROR", DEAD_LETTERED)]
    return reason


def ends_well(world: World, org: str, total: str = "25") -> None:
    """The delivery is shown, its run has succeeded, and nothing of the tenant is left behind."""
    wait_until(lambda: world.runs(org)[-1]["status"] == SUCCEEDED, PATIENCE_SECONDS)
    assert world.runs(org)[-1]["error"] is None
    assert "landed" not in world.states(org)
    assert world.billed(org) == {"USD": Decimal(total)}
    assert world.leftovers(org) == []
    for topic in ("bill-landed", "ingest-aws", "sync-requested"):
        assert [one for one in world.letters.dead_letters(topic) if of(org)(one)] == []


def test_a_tenant_that_is_made_later_gets_what_was_replayed(world: World) -> None:
    org = f"late_{uuid.uuid4().hex[:8]}"
    landed = land(world, real := world.tenant())
    world.publish("bill-landed", body_of(landed, org_slug=org))
    assert world.letter("bill-landed", of(org)).reason.startswith(f"there is no organization {org}")
    assert list(firestore.Client(project=world.rt.settings.project).document(f"orgs/{org}").collections()) == []
    tenants.add(world.rt.documents, world.rt.clock.now(), org, org)
    replay(world, "bill-landed")
    reason = f"there is no delivery {landed.delivery_id} in {org}; sync the integration again"
    assert world.letter("bill-landed", lambda one: of(org)(one) and one.reason == reason)
    world.rt.bus.publish(landed)
    ends_well(world, real)


def test_an_integration_that_is_not_there_and_then_is(world: World) -> None:
    org = world.tenant()
    bucket = storage.Client(project=world.rt.settings.project).create_bucket(f"bills-{uuid.uuid4().hex[:8]}")
    bucket.blob("cur/bill.csv").upload_from_string(GOOD.encode())
    run_id = "r1.bill"
    queue_run(world.rt.documents, world.rt.clock, org, run_id, "bill", "manual")
    world.rt.bus.publish(IngestBill("aws", org, "bill", run_id))
    assert dead_run(world, org, "ingest-aws") == f"there is no integration bill in {org}; known: none yet"
    assert world.rt.documents.list(f"orgs/{org}/integrations") == [], "the failure made one"
    save_integration(world.rt.documents, world.rt.clock.now(), org, "bill", "aws", f"gs://{bucket.name}/cur")
    replay(world, "ingest-aws")
    ends_well(world, org)


def test_a_suspended_tenant_runs_again_once_it_is_resumed(world: World) -> None:
    org = world.tenant()
    world.bring(org, GOOD)
    world.costwire("tenants", "suspend", org)
    error = world.bring(org, cur_text(LINES[:4]), status=1)
    reason = f"organization {org} is suspended; costwire tenants resume {org} reactivates it"
    assert reason in error and dead_run(world, org, "sync-requested") == reason
    assert world.billed(org) == {"USD": Decimal("25")}, "what it has stays readable"
    world.costwire("tenants", "resume", org)
    replay(world, "sync-requested")
    ends_well(world, org, "5")


def blob_of(world: World, uri: str) -> storage.Blob:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return storage.Client(project=world.rt.settings.project).bucket(bucket).blob(name)


def untouched(world: World, org: str, landed: BillLanded) -> None:
    """Nothing of the delivery is written, and the dataset of the tenant does not even begin to exist."""
    assert world.states(org) == ["landed"]
    assert world.rt.documents.list(f"orgs/{org}/deliveries/{landed.delivery_id}/chunks") == []
    assert [kind for kind in ("focus", "quarantine") if world.rt.objects.list(f"{kind}/{org}/")] == []
    assert world.dataset(org) not in {one.dataset_id for one in world.client().list_datasets(timeout=30, retry=None)}


def test_a_chunk_whose_object_is_gone_is_normalized_once_it_is_back(world: World) -> None:
    org = world.tenant()
    landed = land(world, org)
    blob_of(world, landed.uri).delete()
    world.rt.bus.publish(landed)
    assert f"object {landed.uri}, chunk 0 of the delivery, is missing: restore" in dead_run(world, org, "bill-landed")
    untouched(world, org, landed)
    blob_of(world, landed.uri).upload_from_string(GOOD.encode())
    replay(world, "bill-landed")
    ends_well(world, org)


def test_a_chunk_with_other_bytes_than_were_landed_is_refused(world: World) -> None:
    org = world.tenant()
    landed = land(world, org)
    blob_of(world, landed.uri).upload_from_string(cur_text(LINES[:4]).encode())
    world.rt.bus.publish(landed)
    reason = dead_run(world, org, "bill-landed")
    assert "has different content than was landed" in reason and landed.digest in reason
    untouched(world, org, landed)
    blob_of(world, landed.uri).upload_from_string(GOOD.encode())
    replay(world, "bill-landed")
    ends_well(world, org)


def test_a_message_that_contradicts_the_delivery_is_refused(world: World) -> None:
    org = world.tenant()
    landed = land(world, org)
    for name, value in {"digest": "sha256:0", "uri": "gs://elsewhere/raw/x", "size_bytes": 1, "chunk": 7}.items():
        world.rt.bus.publish(BillLanded(**(as_data(landed) | {name: value})))
        letter = world.letter("bill-landed", of(org))
        assert name in letter.reason and landed.delivery_id in letter.reason and is_clear(letter.reason)
        assert len(world.told(letter.reason)) == 1
        world.discard("bill-landed")
    assert world.runs(org)[-1]["status"] == FAILED and "digest" in world.runs(org)[-1]["error"], (
        "the first reason stays"
    )
    untouched(world, org, landed)
    world.costwire("replay", "--delivery", landed.delivery_id, "--org", org)
    ends_well(world, org)


def test_a_dataset_in_another_location_is_named_and_left_alone(world: World) -> None:
    org = world.tenant()
    wanted = bigquery.Dataset(f"{world.rt.settings.project}.{world.dataset(org)}")
    wanted.location = "EU"
    world.client().create_dataset(wanted, timeout=30, retry=None)
    error = world.bring(org, GOOD, status=1)
    reason = dead_run(world, org, "bill-landed")
    assert reason in error and f"dataset {world.dataset(org)} is in EU, expected us-central1" in reason
    assert list(world.client().list_tables(world.dataset(org), timeout=30, retry=None)) == []
    world.client().delete_dataset(wanted, timeout=30, retry=None)
    replay(world, "bill-landed")
    ends_well(world, org)


LOAD, ASK = r"POST .*/jobs", r"POST .*/(jobs|queries)"
WRITE = r"POST /upload/.*"


@pytest.mark.parametrize(
    ("service", "request_", "role"),
    [
        ("bigquery", LOAD, r"roles/bigquery.dataEditor"),
        ("bigquery", ASK, r"roles/bigquery"),
        ("storage", WRITE, "roles/storage.objectUser"),
    ],
)
def test_a_missing_permission_is_named_with_its_role(
    world: World, steady: str, service: str, request_: str, role: str
) -> None:
    org = world.tenant()
    world.bring(org, cur_text(LINES[:4]))
    refuser: HttpRefuser = getattr(world, service)
    about = world.dataset(org) if service == "bigquery" else f"focus/{org}/"
    with refuser.refusing(Refusal(403, "accessDenied" if service == "bigquery" else "forbidden", request_, about)):
        error = world.bring(org, GOOD, status=1)
        assert refuser.refused
        reason = dead_run(world, org, "bill-landed")
        assert reason in error and "permission denied" in reason and role in reason
        world.bring(steady, of_an_account_of_its_own(), f"beside-{service}-{len(request_)}")
    assert world.billed(org) == {"USD": Decimal("5")} and world.leftovers(org) == []
    replay(world, "bill-landed")
    ends_well(world, org)


@pytest.mark.parametrize(
    ("service", "status", "reason"),
    [
        ("bigquery", 403, "rateLimitExceeded"),
        ("bigquery", 403, "quotaExceeded"),
        ("bigquery", 429, "rateLimitExceeded"),
        ("storage", 403, "rateLimitExceeded"),
        ("storage", 429, "rateLimitExceeded"),
    ],
)
def test_a_quota_that_is_used_up_for_a_while_costs_time_alone(
    world: World, steady: str, service: str, status: int, reason: str
) -> None:
    refuser: HttpRefuser = getattr(world, service)
    integration = f"{service}-{status}-{reason}".lower()
    request, about = (
        (LOAD, world.dataset(steady)) if service == "bigquery" else (WRITE, f"focus/{steady}/{integration}/")
    )
    with refuser.refusing(Refusal(status, reason, request, about, times=2)):
        world.bring(steady, of_an_account_of_its_own(), integration)
        assert len(refuser.refused) == 2
    rows = "select sum(BilledCost) as billed from cost_data_standard_1_3 where x_IntegrationId = @one"
    (row,) = world.rt.warehouse.query(steady, rows, {"one": integration})
    assert row["billed"] == 25 and world.leftovers(steady) == []


def test_a_quota_that_stays_used_up_is_told_and_replayed(world: World) -> None:
    org = world.tenant()
    with world.bigquery.refusing(Refusal(403, "quotaExceeded", LOAD, world.dataset(org))):
        world.bring(org, GOOD, status=1)
        reason = world.letter("bill-landed", of(org)).reason
        assert "quotaExceeded; given up after 5 tries; run costwire replay" in reason and is_clear(reason)
        assert (world.runs(org)[-1]["status"], world.runs(org)[-1]["error"]) == (FAILED, reason)
    assert world.states(org) == ["landed"]
    replay(world, "bill-landed")
    ends_well(world, org)


def test_credentials_are_left_as_they_are_while_the_key_is_disabled(world: World) -> None:
    org = world.tenant()
    bucket = storage.Client(project=world.rt.settings.project).create_bucket(f"bills-{uuid.uuid4().hex[:8]}")
    bucket.blob("cur/bill.csv").upload_from_string(GOOD.encode())
    secret = world.made.folder / "secret.json"
    secret.write_text('{"key": "hush"}', encoding="utf-8")
    world.costwire(
        "connect", "aws", "--location", f"gs://{bucket.name}/cur", "--org", org, "--credential", str(secret)
    )  # fmt: skip
    kept = world.rt.documents.list(f"orgs/{org}/credentials")
    old = f"{RING}/cryptoKeys/credentials/cryptoKeyVersions/1"
    world.costwire("keys", "rotate")
    disabled = kms_v1.CryptoKeyVersion(name=old, state=kms_v1.CryptoKeyVersion.CryptoKeyVersionState.DISABLED)
    world.keys.update_crypto_key_version(crypto_key_version=disabled, update_mask={"paths": ["state"]})
    error = world.costwire("keys", "reencrypt", "--org", org, status=1).stderr
    assert "is disabled or destroyed" in error and "gcloud kms keys versions" in error and "hush" not in error
    assert world.rt.documents.list(f"orgs/{org}/credentials") == kept
    enabled = kms_v1.CryptoKeyVersion(name=old, state=kms_v1.CryptoKeyVersion.CryptoKeyVersionState.ENABLED)
    world.keys.update_crypto_key_version(crypto_key_version=enabled, update_mask={"paths": ["state"]})
    assert "1 re-encrypted" in world.costwire("keys", "reencrypt", "--org", org).stdout


BILLS: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "an empty file": [("", ())],
    "a wrong format": [(GOOD, ()), ("a,b\nx,y\n", ())],
    "another currency than before": [(GOOD, ()), (cur_text([cur_line(1, "7", CurrencyCode="EUR")]), ())],
    "the same bill twice": [(GOOD, ()), (GOOD, ())],
    "an older bill late": [
        (GOOD, ("--delivered-at", "2026-04-02")),
        (cur_text(LINES[:5]), ("--delivered-at", "2026-04-01")),
    ],
    "a line that cannot be mapped": [(cur_text([*LINES, cur_line(30, "much")]), ())],
}


@pytest.mark.parametrize("case", BILLS)
def test_a_bill_that_is_bad_ends_as_on_the_laptop(world: World, tmp_path: Path, case: str) -> None:
    org = world.tenant()
    laptop = {"COSTWIRE_RUNTIME": "embedded", "COSTWIRE_HOME": str(tmp_path / "home")}
    outcomes = []
    costwire(laptop, tmp_path, "tenants", "add", org, "--slug", org)
    for settings in (laptop, world.made.settings):
        told = []
        for number, (content, words) in enumerate(BILLS[case]):
            path = tmp_path / "bill.csv"
            path.write_text(content, encoding="utf-8")
            os.utime(path, (1_775_000_000 + number, 1_775_000_000 + number))
            whose = ("--provider", "aws", "--integration", "bill", "--org", org, *words)
            told.append(imported(settings, tmp_path, str(path), *whose))
        for command in ("deliveries", "costs"):
            told.append(facts(costwire(settings, tmp_path, command, "--json", "--org", org).stdout))
        outcomes.append(told)
    assert outcomes[0] == outcomes[1]


def imported(settings: dict[str, str], folder: Path, *words: str) -> tuple[int, str]:
    """Exit status and the line on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "costwire", "import", *words],
        env={**os.environ, **settings}, cwd=folder, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0 or is_clear(done.stderr.strip()), done.stderr
    return done.returncode, done.stderr


def facts(text: str) -> Any:
    """What a command prints, without places, times and names of runs."""
    gone = {"uri", "landed_at", "proved_at", "run_id", "delivered_at", "seen_at", "version", "difference_at"}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(one) for name, one in sorted(value.items()) if name not in gone}
        return sorted((plain(one) for one in value), key=json.dumps) if isinstance(value, list) else value

    return plain(json.loads(text))
