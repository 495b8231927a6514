"""A deployment for tests of what is refused: its services refuse on demand, and its dead letters are read."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, pubsub_v1, storage

from common.adapters.gcp.pubsub import PubSubBus
from common.messages import BillLanded, IngestBill, Message
from common.messages.cloudevent import encode
from common.ports.bus import DeadLetter
from common.records import organizations as tenants
from common.records.integrations import save_integration
from common.records.runs import FAILED, SUCCEEDED, queue_run
from common.runtime import bootstrap
from common.runtime.bootstrap import CloudRuntime
from common.telemetry.work import DEAD_LETTERED
from functions.ingest_aws.main import ingest_aws
from tests import commands
from tests.cloud.deployed import Deployment
from tests.cloud.flow import wait_until
from tests.cloud.refusals import HttpRefuser
from tests.support import cur_line, cur_text

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
    done = commands.run(*words, env={**os.environ, **settings}, cwd=folder, timeout=seconds)
    assert done.returncode == status, done.stderr + done.stdout
    if status == 1:
        assert done.stderr.startswith("costwire: ") and is_clear(done.stderr.strip()), done.stderr
    return done


def is_clear(line: str) -> bool:
    return "\n" not in line and "Traceback" not in line and SECRET not in line and len(line) < 600


def port_of(variable: str) -> int:
    return int(os.environ[variable].rpartition(":")[2].strip("/"))


def body_of(message: Message, **changes: Any) -> bytes:
    """The event of a message; changes name attributes of the event, or of its data."""
    event = encode(message, uuid.uuid4().hex, datetime.now(UTC))
    for name, value in changes.items():
        (event if name in event else event["data"])[name] = value
    return json.dumps(event).encode()


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

    def publish_all(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)


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
    for topic in ("bill-landed", "delivery-mapped", "ingest-aws", "sync-requested"):
        assert [one for one in world.letters.dead_letters(topic) if of(org)(one)] == []


def blob_of(world: World, uri: str) -> storage.Blob:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return storage.Client(project=world.rt.settings.project).bucket(bucket).blob(name)


def untouched(world: World, org: str, landed: BillLanded) -> None:
    """Nothing of the delivery is written, and the dataset of the tenant does not even begin to exist."""
    assert world.states(org) == ["landed"]
    assert world.rt.documents.list(f"orgs/{org}/deliveries/{landed.delivery_id}/chunks") == []
    assert [kind for kind in ("focus", "quarantine") if world.rt.objects.list(f"{kind}/{org}/")] == []
    assert world.dataset(org) not in {one.dataset_id for one in world.client().list_datasets(timeout=30, retry=None)}
