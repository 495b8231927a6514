"""Messages, tenants and chunks that are not what they should be: refused in one clear line, and replayed once the cause is gone."""

from __future__ import annotations

import urllib.error
import urllib.request
import uuid
from decimal import Decimal

import pytest
from google.cloud import bigquery, firestore, storage

from common.messages import BillLanded, IngestBill, SyncRequested, as_data
from common.ports.bus import DeadLetter
from common.records import organizations as tenants
from common.records.integrations import save_integration
from common.records.runs import FAILED, queue_run
from common.telemetry.work import DEAD_LETTERED
from tests.cloud.deployed import missing_peers
from tests.cloud.flow import wait_until
from tests.cloud.refused_world import (
    GOOD,
    LINES,
    PATIENCE_SECONDS,
    World,
    blob_of,
    body_of,
    dead_run,
    ends_well,
    is_clear,
    land,
    of,
    replay,
    untouched,
)
from tests.support import cur_text

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing_peers()), reason=missing_peers())]

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
        "bill-landed", body_of(SyncRequested("r", "manual")), "normalize_focus takes BillLanded or DeliveryMapped, got SyncRequested",
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
    reason = f"organization {org} is suspended; costwire tenants resume {org} reactivates it"
    assert reason in world.bring(org, cur_text(LINES[:4]), status=1), "refused before anything is requested"
    world.rt.bus.publish(SyncRequested("late", "manual", org, "bill"))  # on its way when it was suspended
    assert dead_run(world, org, "sync-requested") == reason
    assert world.billed(org) == {"USD": Decimal("25")}, "what it has stays readable"
    world.costwire("tenants", "resume", org)
    replay(world, "sync-requested")
    world.bring(org, cur_text(LINES[:4]))
    ends_well(world, org, "5")


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
    reason = dead_run(world, org, "delivery-mapped")
    assert reason in error and f"dataset {world.dataset(org)} is in EU, expected us-central1" in reason
    assert list(world.client().list_tables(world.dataset(org), timeout=30, retry=None)) == []
    world.client().delete_dataset(wanted, timeout=30, retry=None)
    replay(world, "delivery-mapped")
    ends_well(world, org)
