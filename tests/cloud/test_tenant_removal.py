"""A tenant of a deployment is restored and removed, on the emulators.  Run by make test-cloud."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from google.cloud import firestore, storage

from common.config import Settings
from common.errors import BadConfiguration, NotFound
from common.records import organizations as tenants
from common.records.deliveries import CURRENT, Delivery, chunks_path, delivery_path
from common.records.integrations import save_integration
from common.records.parts import Part
from common.runtime.bootstrap import CloudRuntime
from common.tenancy import data as tenant_data
from common.tenancy.schedules import set_sync_interval
from tests.cloud.deployed import missing_peers
from tests.contract.warehouse_cases import charge, write_parquet
from tests.emulators.google_grpc import GoogleServer, environment

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing_peers()), reason=missing_peers())]
NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def rt(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudRuntime]:
    """Two tenants alike, each with a delivery that is shown, and a schedule."""
    server = GoogleServer()
    for name, value in environment(server.address).items():
        monkeypatch.setenv(name, value)
    project = f"tenants-{uuid.uuid4().hex[:8]}"
    made = CloudRuntime(
        Settings(runtime="cloud", project=project, region="us-central1", env="test", bucket=f"{project}-b")
    )
    storage.Client(project=project).create_bucket(f"{project}-b")
    yield made
    server.stop()


def fill(rt: CloudRuntime, org: str, folder: Path, cost: str) -> Delivery:
    """What landing and normalizing leave of a bill of one charge."""
    tenants.add(rt.documents, NOW, org, org)
    save_integration(rt.documents, NOW, org, "aws", "aws", "gs://bills/aws")
    delivery_id = f"d{uuid.uuid4().hex[:8]}"
    row = charge(BilledCost=cost, x_OrgSlug=org, x_IntegrationId="aws", x_DeliveryId=delivery_id)
    delivery = Delivery(
        delivery_id, org, "aws", "aws", "aws_cur", "2026-03", NOW, CURRENT,
        (Part(0, "bill.csv", "gs://x", 1, "sha256:x"),), "run", NOW,
    )  # fmt: skip
    written = write_parquet(folder / f"{org}.parquet", [row])
    uri = rt.objects.put_file(f"focus/{delivery.folder}/00000.parquet", written).uri
    (folder / "raw").write_bytes(b"bill")
    rt.objects.put_file(f"raw/{delivery.folder}/00000", folder / "raw")
    rt.documents.set(delivery_path(org, delivery_id), delivery.as_document())
    rt.documents.set(f"{chunks_path(org, delivery_id)}/00000", {"chunk": 0, "focus_uri": uri, "rows": 1})
    rt.warehouse.replace_slice(delivery.slice, delivery_id, NOW, [uri])
    set_sync_interval(rt, org, 6)
    return delivery


def billed(rt: CloudRuntime, org: str) -> Decimal | None:
    rows = rt.warehouse.query(org, "select sum(BilledCost) as total from cost_data_standard_1_3")
    total = rows[0]["total"]
    assert total is None or isinstance(total, Decimal)
    return total


def paths(client: firestore.Client, org: str) -> list[str]:
    """Every document of a tenant, told by the database itself."""

    def below(document: firestore.DocumentReference) -> Iterator[str]:
        if document.get().exists:
            yield document.path
        for collection in document.collections():
            for one in collection.list_documents():
                yield from below(one)

    return list(below(client.document(f"orgs/{org}")))


def test_a_tenant_is_restored_then_removed_and_its_neighbour_stays(rt: CloudRuntime, tmp_path: Path) -> None:
    for org, cost in (("acme_1", "1.5"), ("other_1", "7")):
        fill(rt, org, tmp_path, cost)
    client = firestore.Client(project=rt.settings.project)
    kept = sorted(paths(client, "other_1"))
    assert rt.warehouse.remove("acme_1") is True, "the dataset is lost"
    (restored,) = tenant_data.restore(rt, "acme_1")
    assert restored.shown and not restored.reason
    assert billed(rt, "acme_1") == Decimal("1.5")

    tenant_data.suspend(rt, "acme_1")
    with pytest.raises(BadConfiguration, match="organization acme_1 is suspended"):
        tenants.check_may_run(rt.documents, "acme_1", plans=False)
    assert [one.name for one in rt.scheduler.list()] == ["sync-other_1"]
    tenant_data.resume(rt, "acme_1")
    assert [one.name for one in rt.scheduler.list()] == ["sync-acme_1", "sync-other_1"]

    removed = tenant_data.remove(rt, "acme_1")
    assert (removed.schedules, removed.dataset, removed.objects) == (1, True, 2) and removed.documents == 12
    assert paths(client, "acme_1") == []
    assert [one.name for one in rt.scheduler.list()] == ["sync-other_1"]
    bucket = storage.Client(project=rt.settings.project).bucket(str(rt.settings.bucket))
    assert {blob.name.split("/")[1] for blob in bucket.list_blobs()} == {"other_1"}
    assert sorted(paths(client, "other_1")) == kept and billed(rt, "other_1") == Decimal(7)
    with pytest.raises(NotFound, match="there is nothing for organization acme_1"):
        tenant_data.remove(rt, "acme_1")
    assert os.environ["COSTWIRE_PROJECT"] != rt.settings.project
