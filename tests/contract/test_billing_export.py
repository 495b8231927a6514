"""Google's billing export in BigQuery, on its peer: from the table to proved months, and what changes in it."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from common.adapters.gcp import billing_export
from common.adapters.gcp.bigquery_jobs import Jobs
from common.adapters.gcp.billing_export import BillingExportLocation
from common.adapters.locations import open_source
from common.errors import BadConfiguration, Changed, NotFound, NotReady
from common.ingestion import landing
from common.ingestion.checking import check_integration
from common.ingestion.connecting import Connection, connect
from common.ingestion.syncing import sync
from common.ports import Location, Source
from common.providers.gcp.discovery import discover
from costwire.worker import work
from tests import export_peer
from tests.accounts import ORG, subscribed, synced
from tests.contract.backends import chosen
from tests.export_peer import COLUMNS, DETAILED
from tests.support import Laptop

if "bigquery" not in chosen("WAREHOUSES", "duckdb"):
    pytest.skip("CONTRACT_WAREHOUSES does not name bigquery", allow_module_level=True)

TABLE = f"billing.{DETAILED}"
PLANTED = "planted-secret-of-a-test"
KEY = json.dumps(
    {"type": "service_account", "client_email": "reader@bills.example", "private_key_id": "1", "private_key": PLANTED}
).encode()


@pytest.fixture
def client(tmp_path: Path) -> bigquery.Client:
    return export_peer.client(tmp_path)


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    """Of March; some of them as if they belonged to February's invoice."""
    found = export_peer.sample()[::4]
    for line in found[:25]:
        line["invoice"] = {"month": "202602"}
    return found


@pytest.fixture
def export(client: bigquery.Client, lines: list[dict[str, Any]]) -> str:
    export_peer.make(client, TABLE, COLUMNS)
    export_peer.add(client, TABLE, lines)
    return f"bq://{client.project}/billing/{DETAILED}"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with subscribed(tmp_path / "home") as made:
        yield made


def place(uri: str, provider: str = "gcp", **more: Any) -> Location:
    return open_source(Source(uri, provider=provider, **more), lambda: KEY)


def read(location: Location, name: str, version: str | None = None) -> list[dict[str, Any]]:
    with location.open(name, version) as stream:
        return list(pq.read_table(stream).to_pylist())


def statuses(rt: Laptop) -> list[str]:
    return [run["status"] for run in synced(rt)]


def net(lines: list[dict[str, Any]]) -> Decimal:
    amounts = [amount for line in lines for amount in (line["cost"], *(one["amount"] for one in line["credits"]))]
    return sum((Decimal(repr(amount)) for amount in amounts), Decimal(0))


def late(line: dict[str, Any], day: str = "2026-04-07", month: str = "202603", cost: float = 0.1) -> dict[str, Any]:
    """A correction that was exported later."""
    return {
        **copy.deepcopy(line),
        "export_time": f"{day} 05:36:00 UTC",
        "invoice": {"month": month},
        "cost": cost,
        "credits": [],
    }


def test_each_month_and_day_of_the_export_is_a_file(export: str, lines: list[dict[str, Any]]) -> None:
    location = place(export)
    found = location.list()
    days = {(line["invoice"]["month"], line["export_time"][:10]) for line in lines}
    assert [item.name for item in found] == sorted(
        f"{DETAILED}/invoice_month={month[:4]}-{month[4:]}/{day}.parquet" for month, day in days
    )
    rows = [row for item in found for row in read(location, item.name, item.version)]
    assert len(rows) == len(lines)
    assert sum((Decimal(repr(row["cost"])) for row in rows), Decimal(0)) == sum(
        (Decimal(repr(line["cost"])) for line in lines), Decimal(0)
    )
    one = found[-1]
    assert max(row["export_time"] for row in read(location, one.name)) == one.modified_at


def test_the_dry_run_of_an_export_tries_each_role_and_reads_no_line(rt: Laptop, export: str) -> None:
    connect(rt, Connection(ORG, "gcp", export, secret=KEY))
    found = {one.name: one for one in check_integration(rt, ORG, "gcp").checks}
    tried = ("identity", "listing", "querying", "reading", "export")
    assert {name: found[name].outcome for name in tried} == dict.fromkeys(tried, "passed"), found
    assert found["identity"].found == "service account reader@bills.example"
    assert f"{DETAILED} (standard or detailed export)" in found["listing"].found
    assert [found[name].permission for name in tried[1:4]] == [
        "roles/bigquery.dataViewer", "roles/bigquery.jobUser", "roles/bigquery.readSessionUser"
    ]  # fmt: skip
    assert found["delivery"].found.startswith("2 deliveries; the newest delivery is of 2026-03")


def test_a_connected_table_becomes_proved_months(rt: Laptop, export: str, lines: list[dict[str, Any]]) -> None:
    connect(rt, Connection(ORG, "gcp", export, secret=KEY, requested_by="a test"))
    assert rt.sealed.list(f"orgs/{ORG}/credentials")[0][1]["credential_type"] == "service_account"
    assert statuses(rt) == ["succeeded"]
    shown = rt.deliveries(state="current")
    assert sorted(one["billing_period"] for one in shown) == ["2026-02", "2026-03"]
    assert {entry["difference"] for one in shown for entry in one["proof"]} == {"0"}
    newest = max(line["export_time"] for line in lines if line["invoice"]["month"] == "202603")
    (march,) = [one for one in shown if one["billing_period"] == "2026-03"]
    assert str(march["delivered_at"])[:19].replace("T", " ") == newest[:19]
    assert rt.billed() == {"USD": net(lines)}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that are extracted from here on."""
    names: list[str] = []
    there = BillingExportLocation.open

    def noted(self: BillingExportLocation, name: str, version: str | None = None) -> Any:
        names.append(name)
        return there(self, name, version)

    monkeypatch.setattr(BillingExportLocation, "open", noted)
    return names


def test_many_days_are_read_by_a_message_each(
    rt: Laptop, export: str, lines: list[dict[str, Any]], opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "SMALL_BYTES", -1)
    connect(rt, Connection(ORG, "gcp", export, secret=KEY))
    assert statuses(rt) == ["succeeded"]
    assert sorted(opened) == sorted({item.name for item in place(export).list()})
    assert rt.billed() == {"USD": net(lines)}


def test_a_late_line_is_all_that_is_read_again(
    rt: Laptop, client: bigquery.Client, export: str, lines: list[dict[str, Any]], opened: list[str]
) -> None:
    connect(rt, Connection(ORG, "gcp", export, secret=KEY))
    statuses(rt)
    before = {one["delivery_id"] for one in rt.deliveries(state="current")}
    opened.clear()
    more = late(lines[-1])
    export_peer.add(client, TABLE, [more])
    rt.clock.sleep(60)
    statuses(rt)
    assert opened == [f"{DETAILED}/invoice_month=2026-03/2026-04-07.parquet"]
    assert rt.billed() == {"USD": net([*lines, more])}
    new = [one for one in rt.deliveries(state="current") if one["delivery_id"] not in before]
    assert [one["billing_period"] for one in new] == ["2026-03"], "February is as it was"
    assert str(new[0]["delivered_at"]).startswith("2026-04-07T05:36")


def test_where_nothing_is_new_one_question_is_asked_and_nothing_read(
    rt: Laptop, export: str, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(rt, Connection(ORG, "gcp", export, secret=KEY))
    statuses(rt)
    opened.clear()
    asked: list[str] = []
    there = Jobs.start

    def noted(self: Jobs, sql: str, *given: Any, **options: Any) -> Any:
        asked.append("dry run" if options.get("dry_run") else sql)
        return there(self, sql, *given, **options)

    monkeypatch.setattr(Jobs, "start", noted)
    deliveries = rt.deliveries()
    assert statuses(rt) == ["succeeded", "succeeded"]
    assert (asked[0], len(asked), opened, rt.deliveries()) == ("dry run", 2, [], deliveries)
    listed = place(export)
    listed.list()
    assert asked[3] == asked[1], "the very same text, which BigQuery answers from its cache"


def test_a_table_that_changes_after_it_was_listed_is_told(
    client: bigquery.Client, export: str, lines: list[dict[str, Any]]
) -> None:
    location = place(export)
    last = location.list()[-1]
    export_peer.add(client, TABLE, [late(lines[-1], last.name[-18:-8])])
    with pytest.raises(Changed, match=r"changed since it was listed; it is read again"):
        location.open(last.name, last.version)
    (now,) = [one for one in location.list() if one.name == last.name]
    assert len(read(location, now.name, now.version)) == len(read(location, last.name)) > 1


def test_a_line_that_comes_while_others_are_extracted_is_told(
    client: bigquery.Client, export: str, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    location = place(export)
    last = location.list()[-1]
    there = billing_export.begin_reading

    def meanwhile(*given: Any) -> Any:
        session = there(*given)
        export_peer.add(client, TABLE, [late(lines[-1], last.name[-18:-8])])
        return session

    monkeypatch.setattr(billing_export, "begin_reading", meanwhile)
    with pytest.raises(Changed, match="changed since it was listed"):
        location.open(last.name, last.version)


@pytest.mark.parametrize("lost", ["a line", "some money"])
def test_what_was_extracted_is_what_bigquery_counted(export: str, monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    there = billing_export.batches_of

    def fewer(*given: Any) -> Iterator[pa.RecordBatch]:
        for batch in there(*given):
            at = batch.schema.get_field_index("cost")
            cheaper = batch.set_column(at, "cost", pc.subtract(batch.column("cost"), 1e-6))
            yield batch.slice(1) if lost == "a line" else cheaper

    location = place(export)
    first = location.list()[0]
    monkeypatch.setattr(billing_export, "batches_of", fewer)
    with pytest.raises(Changed, match="has other lines than were counted"):
        location.open(first.name, first.version)


def test_a_sync_reads_again_what_changed_after_it_was_listed(
    rt: Laptop, client: bigquery.Client, export: str, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(rt, Connection(ORG, "gcp", export, secret=KEY))
    there, more = BillingExportLocation.list, late(lines[-1], lines[-1]["export_time"][:10])
    added: list[str] = []

    def meanwhile(self: BillingExportLocation, prefix: str = "") -> Any:
        found = there(self, prefix)
        if not added:
            added.append(found[-1].name)
            export_peer.add(client, TABLE, [more])
        return found

    monkeypatch.setattr(BillingExportLocation, "list", meanwhile)
    sync(rt, ORG)
    errors = [str(one.error) for one in work(rt, rt.clock.sleep) if one.error]
    assert len(errors) == 1 and "changed since it was listed" in errors[0]
    assert rt.billed() == {"USD": net([*lines, more])}


def test_a_dataset_gives_every_account_once_and_detailed_before_standard(
    rt: Laptop, client: bigquery.Client, export: str, lines: list[dict[str, Any]]
) -> None:
    standard = {name: kind for name, kind in COLUMNS.items() if name != "resource"}
    other = [{**line, "billing_account_id": "020022-ABCDEF-012345"} for line in lines[:50]]
    for account, rows in ((export_peer.ACCOUNT, lines), ("020022_ABCDEF_012345", other)):
        export_peer.make(client, f"billing.gcp_billing_export_v1_{account}", standard)
        export_peer.add(client, f"billing.gcp_billing_export_v1_{account}", rows, standard)
    export_peer.make(client, "billing.cloud_pricing_export", {"sku": "string"})
    whole = export.rpartition("/")[0]
    assert {item.name.split("/")[0] for item in place(whole).list()} == {
        DETAILED, "gcp_billing_export_v1_020022_ABCDEF_012345",
    }  # fmt: skip
    connect(rt, Connection(ORG, "gcp", whole, secret=KEY))
    assert statuses(rt) == ["succeeded"]
    assert rt.billed() == {"USD": net([*lines, *other])}
    accounts = rt.ask("select distinct BillingAccountId as id from cost_data_standard_1_3 order by id")
    assert [row["id"] for row in accounts] == ["010011-ABCDEF-012345", "020022-ABCDEF-012345"]


def test_the_focus_export_is_read_to_the_last_digit(rt: Laptop, client: bigquery.Client) -> None:
    table = "billing.gcp_billing_export_focus_010011_ABCDEF_012345"
    export_peer.make(client, table, export_peer.FOCUS_COLUMNS)
    line = {
        "BilledCost": "0.000000001", "EffectiveCost": "0.000000000000000000000001", "BillingAccountId": "010011", "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-03-01 08:00:00 UTC", "BillingPeriodEnd": "2026-04-01 07:00:00 UTC", "ChargeCategory": "Usage",
        "ChargePeriodStart": "2026-03-02 00:00:00 UTC", "ChargePeriodEnd": "2026-03-02 01:00:00 UTC", "ServiceName": "Compute Engine",
        "ChargeDescription": "N1", "ProviderName": "Google Cloud", "x_ExportTime": "2026-03-03 05:00:00 UTC",
    }  # fmt: skip
    export_peer.add(
        client, table, [line, {**line, "BilledCost": "12345678901234.123456789"}], export_peer.FOCUS_COLUMNS
    )
    connect(rt, Connection(ORG, "focus", f"bq://{client.project}/billing", secret=KEY))
    assert statuses(rt) == ["succeeded"]
    assert rt.billed() == {"USD": Decimal("12345678901234.123456790")}
    (row,) = rt.ask("select sum(EffectiveCost) as spent from cost_data_standard_1_3")
    assert row["spent"] == Decimal("2e-24")


@pytest.mark.parametrize(
    ("partition", "day"), [("", "whole"), ("date(export_time)", "2026-03-02"), ("_PARTITIONDATE", "streamed")]
)
def test_every_way_of_partitioning_keeps_every_line(
    client: bigquery.Client, lines: list[dict[str, Any]], partition: str, day: str
) -> None:
    export_peer.make(client, TABLE, COLUMNS, partition)
    column = "_PARTITIONTIME, " if day == "streamed" else ""
    value = "null, " if column else ""
    export_peer.run(
        client,
        f"insert into `{TABLE}` ({column}export_time, cost, currency, credits, invoice) values "
        f"({value}timestamp '2026-03-02 05:00:00', 0.1, 'USD', [], struct('202603' as month, 'GOOGLE' as publisher_type)), "
        f"({value}timestamp '2026-03-02 06:00:00', 0.2, 'USD', [], struct('none' as month, 'GOOGLE' as publisher_type))",
    )
    location = place(f"bq://{client.project}/billing/{DETAILED}")
    found = location.list()
    assert [item.name for item in found] == [
        f"{DETAILED}/invoice_month={month}/{day}.parquet" for month in ("2026-03", "none")
    ]
    assert [[row["cost"] for row in read(location, item.name, item.version)] for item in found] == [[0.1], [0.2]]
    (delivery,) = discover(location)
    assert len(delivery.parts) == 2, "a line without a month goes with the oldest"


def test_only_the_months_that_are_asked_for_are_delivered(export: str) -> None:
    (delivery,) = discover(place(export), ["2026-02"])
    assert {part.name.split("/")[1] for part in delivery.parts} == {"invoice_month=2026-02"}


def test_an_export_that_has_no_lines_yet_is_waited_for(rt: Laptop, client: bigquery.Client, export: str) -> None:
    connect(rt, Connection(ORG, "gcp", export, secret=KEY))
    export_peer.run(client, f"truncate table `{TABLE}`")
    assert statuses(rt) == ["waiting"]
    (run,) = [run for _, run in rt.documents.list(f"orgs/{ORG}/runs")]
    assert "has no lines yet; a new export has its first lines within 48 hours" in run["error"]
    export_peer.make(client, "empty.other", {"x": "string"})
    with pytest.raises(NotReady, match=r"dataset empty of location .* has no table called as"):
        place(f"bq://{client.project}/empty").list()


def test_what_is_not_there_or_no_export_is_named(client: bigquery.Client, export: str) -> None:
    project = client.project
    with pytest.raises(BadConfiguration, match=r"dataset absent of location .* does not exist"):
        place(f"bq://{project}/absent").list()
    with pytest.raises(BadConfiguration, match=r"table absent of location .* does not exist"):
        place(f"bq://{project}/billing/absent").list()
    export_peer.make(client, "billing.other", {"cost": "float64"})
    with pytest.raises(BadConfiguration, match=r"table other of .* is not a billing export"):
        place(f"bq://{project}/billing/other").list()
    for name in (
        "x",
        f"{DETAILED}/invoice_month=2031-01/whole.parquet",
        "other/invoice_month=2026-03/2026-03-01.parquet",
    ):
        with pytest.raises(NotFound, match="there is no"):
            place(export).open(name)


def test_a_question_beyond_the_limit_is_not_asked(export: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer estimates no query's bytes, but those of a session."""
    name = place(export).list()[0].name
    with pytest.raises(
        BadConfiguration, match=r"extraction of .* would scan [\d,]+ bytes, COSTWIRE_MAXIMUM_BYTES_BILLED allows 5;"
    ):
        place(export, maximum_bytes=5).open(name)
    asked: list[Any] = []

    class Estimate:
        total_bytes_processed = 6

    monkeypatch.setattr(Jobs, "start", lambda self, sql, dataset, **options: asked.append(options) or Estimate())
    with pytest.raises(BadConfiguration, match=r"looking for new lines in .* would scan 6 bytes"):
        place(export, maximum_bytes=5).list()
    assert asked == [{"dry_run": True}]


def test_the_credential_is_in_no_line_that_is_logged_or_stored(
    rt: Laptop, export: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        connect(rt, Connection(ORG, "gcp", export, secret=KEY))
        statuses(rt)
    stored = [rt.documents.list(f"orgs/{ORG}/{name}") for name in ("integrations", "runs", "deliveries")]
    assert PLANTED not in caplog.text + json.dumps(stored, default=str)
