"""A location is listed once a run, and what is known of its files stays from run to run: nothing is done twice for an unchanged bill."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from common.config import Settings
from common.messages import IngestBill, SyncRequested
from common.ports import DocumentStore, FoundObject, Location, Source
from common.records.integrations import load_integration, save_integration
from common.records.organizations import ensure_default
from common.records.runs import load_run, queue_run
from common.runtime import bootstrap
from common.tenancy.integrations import remove
from costwire.worker import deliver, subscribe_all, work
from deployment.cost_counting import CountingDocuments, Counts
from tests.support import Laptop, cur_line, cur_text

MONTHS = {"2026-03": ("20260301-20260401", {}), "2026-04": ("20260401-20260501", {
    "BillingPeriodStartDate": "2026-04-01T00:00:00Z", "BillingPeriodEndDate": "2026-05-01T00:00:00Z",
})}  # fmt: skip


class Watched(Laptop):
    """Counts document reads, listings, and the files that are opened."""

    @cached_property
    def counts(self) -> Counts:
        return Counts()

    @cached_property
    def looked(self) -> Counter[str]:
        return Counter()

    @cached_property
    def documents(self) -> DocumentStore:
        return CountingDocuments(super().documents, self.counts)

    def source(self, integration: Source) -> Location:
        return _Watched(super().source(integration), self.looked)

    def sync(self, integration: str = "bill") -> dict[str, Any]:
        """Ask for what is new, as the schedule does, until nothing is left to do; returns the run."""
        run = f"run-{len(self.documents.list('orgs/default/runs'))}"
        queue_run(self.documents, self.clock, "default", f"{run}.{integration}", integration, "schedule")
        self.looked.clear()
        self.counts.clear()
        self.bus.publish(SyncRequested(run, "schedule", "default", integration))
        assert [one.error for one in work(self, self.clock.sleep) if one.error] == []
        found = load_run(self.documents, "default", f"{run}.{integration}")
        assert found is not None
        return found.as_document()


class _Watched:
    def __init__(self, behind: Location, looked: Counter[str]) -> None:
        self._behind, self.uri, self._looked = behind, behind.uri, looked

    def list(self, prefix: str = "") -> list[FoundObject]:
        self._looked["listings"] += 1
        return list(self._behind.list(prefix))

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        self._looked[name] += 1
        return self._behind.open(name, version)


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(Settings(home=tmp_path / "home"))
    bootstrap.use(made)
    ensure_default(made.documents, made.clock.now())
    subscribe_all(made)
    yield made
    bootstrap.use(None)


def connect(rt: Watched, place: Path, integration: str = "bill", **settings: Any) -> None:
    save_integration(rt.documents, rt.clock.now(), "default", integration, "aws", place.as_uri(), **settings)


def write_month(place: Path, month: str, cost: str, version: str = "v1", parts: int = 1) -> None:
    """A month of a legacy report with its manifest, as AWS delivers it."""
    folder, dates = MONTHS[month]
    keys = []
    for part in range(parts):
        file = place / folder / version / f"report-{part:05d}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(cur_text([cur_line(part, cost, **dates)]))
        keys.append(f"{folder}/{version}/{file.name}")
    start = folder[:8]
    manifest = {
        "assemblyId": version, "reportName": "report", "reportKeys": keys,
        "billingPeriod": {"start": f"{start}T000000.000Z"},
    }  # fmt: skip
    (place / folder / "report-Manifest.json").write_text(json.dumps(manifest))


def test_a_sync_that_finds_nothing_new_takes_one_listing_and_three_reads(rt: Watched, tmp_path: Path) -> None:
    for month in MONTHS:
        write_month(tmp_path / "place", month, "5")
    connect(rt, tmp_path / "place")
    assert rt.sync()["status"] == "succeeded"
    rt.counts.clear()
    rt.looked.clear()
    queue_run(rt.documents, rt.clock, "default", "again", "bill", "schedule")
    rt.counts.clear()
    rt.bus.publish(IngestBill("aws", "default", "bill", "again"))
    message = rt.bus.pull()
    assert message is not None and deliver(rt, message).error is None
    assert dict(rt.looked) == {"listings": 1}
    assert rt.counts.documents["tick"]["reads"] == 3
    run = load_run(rt.documents, "default", "again")
    assert run is not None and (run.status, run.unchanged, run.delivery_ids) == ("succeeded", True, [])
    assert load_integration(rt.documents, "default", "bill")["last_sync"] > run.started_at


def test_years_of_history_cost_an_unchanged_sync_nothing_more(rt: Watched, tmp_path: Path) -> None:
    place = tmp_path / "place"
    write_month(place, "2026-03", "5")
    connect(rt, place)
    rt.sync()
    rt.sync()
    short = (dict(rt.looked), dict(rt.counts.documents["tick"]))
    for year in range(2016, 2026):
        name = f"{year}-01"
        MONTHS[name] = (f"{year}0101-{year}0201", {"BillingPeriodStartDate": f"{name}-01T00:00:00Z"})
        write_month(place, name, "1")
    try:
        rt.sync()
        rt.sync()
        assert (dict(rt.looked), dict(rt.counts.documents["tick"])) == short
        # a month that is new opens its own files, and no manifest of a closed one
        write_month(place, "2026-04", "2")
        rt.sync()
        assert set(rt.looked) == {
            "listings", "20260401-20260501/report-Manifest.json", "20260401-20260501/v1/report-00000.csv",
        }  # fmt: skip
        assert rt.billed() == {"USD": Decimal(17)}
    finally:
        for name in [name for name in MONTHS if name < "2026"]:
            del MONTHS[name]


def test_only_files_that_changed_are_opened(rt: Watched, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    for number in range(3):
        (place / f"part-{number}.csv").write_text(cur_text([cur_line(number, "1")]))
    connect(rt, place)
    rt.sync()
    (place / "part-1.csv").write_text(cur_text([cur_line(1, "10")]))
    rt.sync()
    assert set(rt.looked) == {"listings", "part-1.csv"}
    assert rt.billed() == {"USD": Decimal(12)}
    assert sorted(one["state"] for one in rt.deliveries()) == ["current", "replaced"]


def test_files_of_every_month_that_landed_in_one_run_are_known(rt: Watched, tmp_path: Path) -> None:
    place = tmp_path / "place"
    months = sorted(MONTHS)[:2]
    for month in months:
        write_month(place, month, "1")
    connect(rt, place)
    rt.sync()
    manifest = place / MONTHS[months[-1]][0] / "report-Manifest.json"
    told = json.loads(manifest.read_text())
    (first,) = told["reportKeys"]
    more = first.replace("00000", "00001")
    shutil.copy(place / first, place / more)
    manifest.write_text(json.dumps({**told, "reportKeys": [first, more]}))
    rt.sync()
    assert rt.looked[more] == 1
    assert rt.looked[first] == 0, "it was read in the run before"


def test_what_no_longer_lies_there_is_forgotten(rt: Watched, tmp_path: Path) -> None:
    place = tmp_path / "place"
    for number in range(5):
        shutil.rmtree(place, ignore_errors=True)
        write_month(place, "2026-03", str(number), f"v{number}")
        if number == 0:
            connect(rt, place)
        rt.sync()
        known = [
            len(rt.documents.list(f"orgs/default/integrations/bill/{name}"))
            for name in ("known_files", "known_deliveries")
        ]
        assert known == [1, 1]
    assert rt.objects.list("raw/default/bill/incoming/") == []


def test_the_same_bytes_under_a_new_version_are_no_new_delivery(rt: Watched, tmp_path: Path) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text(cur_text([cur_line(1, "5")]))
    connect(rt, bill)
    rt.sync()
    before = len(rt.objects.list("raw/"))
    os.utime(bill, (1_775_000_000, 1_775_000_000))
    assert rt.sync()["status"] == "succeeded"
    assert rt.looked["bill.csv"] == 1
    assert len(rt.deliveries()) == 1 and len(rt.objects.list("raw/")) == before
    assert rt.sync()["unchanged"] is True


def test_a_file_whose_copy_is_gone_is_fetched_again(rt: Watched, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    for number in range(2):
        (place / f"part-{number}.csv").write_text(cur_text([cur_line(number, "1")]))
    connect(rt, place)
    rt.sync()
    for item in rt.objects.list("raw/"):
        rt.objects.delete(item.uri)
    (place / "part-1.csv").write_text(cur_text([cur_line(1, "10")]))
    queue_run(rt.documents, rt.clock, "default", "late.bill", "bill", "schedule")
    rt.bus.publish(SyncRequested("late", "schedule", "default", "bill"))
    errors = [one.error for one in work(rt, rt.clock.sleep) if one.error]
    assert len(errors) == 1 and "is fetched again" in str(errors[0])
    assert rt.billed() == {"USD": Decimal(11)}


def test_a_bill_that_is_refused_is_refused_by_every_sync(rt: Watched, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "bill.csv").write_text("no,bill\n1,2\n")
    connect(rt, place)
    for _ in range(2):
        run = rt.sync()
        assert (run["status"] == "rejected" and "not known" in run["error"]) or run["error"]
    (place / "bill.csv").write_text(cur_text([cur_line(1, "5")]))
    assert rt.sync()["status"] == "succeeded"
    assert load_integration(rt.documents, "default", "bill")["error_message"] is None


def test_a_delivery_that_was_held_is_shown_once_the_other_one_is_withdrawn(rt: Watched, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bill.csv").write_text(cur_text([cur_line(1, "5")]))
        connect(rt, tmp_path / name, name)
    rt.sync("one")
    rt.sync("two")
    assert [one["state"] for one in rt.deliveries(integration_id="two")] == ["held"]
    from common.normalization.withdrawing import withdraw

    (shown,) = rt.deliveries(integration_id="one")
    withdraw(rt, "default", shown["delivery_id"])
    list(work(rt, rt.clock.sleep))
    rt.sync("two")
    assert [one["state"] for one in rt.deliveries(integration_id="two")] == ["current"]


def test_an_integration_that_was_removed_leaves_nothing_known(rt: Watched, tmp_path: Path) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text(cur_text([cur_line(1, "5")]))
    connect(rt, bill)
    rt.sync()
    remove(rt, "default", "bill")
    assert rt.documents.list("orgs/default/integrations/bill/known_files") == []
    assert rt.documents.list("orgs/default/integrations/bill/known_deliveries") == []
    connect(rt, bill)
    rt.sync()
    assert rt.looked["bill.csv"] == 1 and len(rt.deliveries()) == 1


def test_another_place_is_read_whole(rt: Watched, tmp_path: Path) -> None:
    for name, cost in (("one", "5"), ("two", "7")):
        write_month(tmp_path / name, "2026-03", cost, version=name)
    connect(rt, tmp_path / "one")
    rt.sync()
    connect(rt, tmp_path / "two")
    rt.sync()
    assert rt.billed() == {"USD": Decimal(7)}
    assert rt.sync()["unchanged"] is True


def test_months_that_were_not_asked_for_are_fetched_when_they_are(rt: Watched, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    for number, month in enumerate(MONTHS):
        (place / f"part-{number}.csv").write_text(cur_text([cur_line(number, "5", **MONTHS[month][1])]))
    (place / "part-9.csv").write_text(cur_text([]))
    connect(rt, place)
    queue_run(rt.documents, rt.clock, "default", "march.bill", "bill", "manual")
    rt.bus.publish(SyncRequested("march", "manual", "default", "bill", ("2026-03",)))
    assert [one.error for one in work(rt, rt.clock.sleep) if one.error] == []
    assert rt.billed() == {"USD": Decimal(5)}
    assert rt.sync()["status"] == "succeeded"
    assert rt.looked == {"listings": 1, "part-1.csv": 1}
    assert rt.billed() == {"USD": Decimal(10)}
    assert rt.sync()["unchanged"] is True
