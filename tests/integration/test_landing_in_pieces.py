"""A long landing is cut into messages: the end is that of one that was not, and nothing is copied or read twice."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from common.adapters.locations.files import FileLocation
from common.ingestion import landing, progress, reading
from common.messages import IngestBill
from common.ports import ObjectStore
from common.records.integrations import load_integration, save_integration
from common.records.organizations import ensure_default
from common.records.runs import queue_run, run_path
from costwire.worker import deliver, subscribe_all, work
from tests.support import Laptop, cur_line, cur_text, laptop

BILLS = Path(__file__).parents[1] / "fixtures" / "bills"
RUN = "run-1"
APRIL = {"BillingPeriodStartDate": "2026-04-01T00:00:00Z", "BillingPeriodEndDate": "2026-05-01T00:00:00Z"}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1_775_000_000, 1_775_000_000))


def with_net(text: str, net: str) -> str:
    rows = list(csv.reader(io.StringIO(text)))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [*row, net if number else "lineItem/NetUnblendedCost"] for number, row in enumerate(rows)
    )
    return out.getvalue()


def aws_folder(place: Path) -> None:
    """Net costs in every part, lines of two months in one, another currency, a column of nobody's, a part without lines."""
    changes: list[list[dict[str, str]]] = [[{}, {}], [APRIL], [{"CurrencyCode": "EUR"}, APRIL], []]
    for number, lines in enumerate(changes):
        text = cur_text([cur_line(10 * number + n, "7.10", **line) for n, line in enumerate(lines)])
        write(place / f"part-{number}.csv", with_net(text, f"6.{number}5"))
    write(place / "part-4.csv", with_net(cur_text([cur_line(99, "1")]), "0.5").replace("RateId", "Rate of ours"))


def azure_folder(place: Path) -> None:
    for source in (BILLS / "azure" / "twins").iterdir():
        if source.suffix == ".csv":
            write(place / source.name, source.read_text(encoding="utf-8"))


def gcp_folder(place: Path) -> None:
    """Two extracts in shards, so two deliveries, and between them a third that cannot be read."""
    for extract, name in (("a", "detailed_nise_2026-03_usd.csv"), ("c", "standard_koku_2020-11.csv")):
        with (BILLS / "gcp" / name).open(encoding="utf-8", newline="") as file:
            header, *lines = csv.reader(file)
        for shard in range(2):
            out = io.StringIO()
            csv.writer(out, lineterminator="\n").writerows([header, *lines[shard:40:2]])
            write(place / f"{extract}-{shard:012d}.csv", out.getvalue())
    write(place / "b-000000000000.csv", "no,bill\n1,2\n")


FOLDERS: dict[str, Callable[[Path], None]] = {"aws": aws_folder, "azure": azure_folder, "gcp": gcp_folder}


def small_folder(place: Path) -> None:
    for number, changes in enumerate(({}, APRIL)):
        write(place / f"part-{number}.csv", with_net(cur_text([cur_line(number, "3", **changes)]), f"2.{number}"))


def order(rt: Laptop, place: Path, provider: str = "aws") -> IngestBill:
    """An integration that reads the place, and the order to do so."""
    ensure_default(rt.documents, rt.clock.now())
    save_integration(rt.documents, rt.clock.now(), "default", "bill", provider, place.as_uri())
    subscribe_all(rt)
    queue_run(rt.documents, rt.clock, "default", RUN, "bill", "test")
    return IngestBill(provider, "default", "bill", RUN)


def run_all(rt: Laptop, message: IngestBill) -> Counter[str]:
    """How many messages of each topic were delivered until none was left; none may fail."""
    rt.bus.publish(message)
    outcomes = list(work(rt, rt.clock.sleep))
    assert [one.error for one in outcomes if one.error] == []
    return Counter(one.delivery.topic for one in outcomes)


def timeless(value: Any) -> Any:
    """Without the moments at which something was done here."""
    if isinstance(value, dict):
        own = (
            "at",
            "landed_at",
            "proved_at",
            "started_at",
            "ended_at",
            "last_sync",
            "updated_at",
            "created_at",
            "replaced_at",
            "until",
        )
        return {name: timeless(one) for name, one in value.items() if name not in own}
    return [timeless(one) for one in value] if isinstance(value, list | tuple) else value


def everything(rt: Laptop) -> dict[str, Any]:
    """All documents of the tenant, all objects, and all rows."""
    folders = ["deliveries", "runs", "integrations", "slices", "landings", "alerts", "notifications"]
    folders += [f"deliveries/{one['delivery_id']}/chunks" for one in rt.deliveries()]
    documents = {folder: timeless(list(rt.documents.list(f"orgs/default/{folder}"))) for folder in folders}
    objects = [(one.uri, rt.objects.stat(one.uri).digest) for one in rt.objects.list("raw/")]
    return {"documents": documents, "objects": objects, "rows": sorted(map(str, rt.exported()))}


@pytest.mark.parametrize("provider", list(FOLDERS))
def test_a_landing_in_pieces_ends_as_one_in_a_whole(tmp_path: Path, provider: str) -> None:
    place = tmp_path / "bills"
    FOLDERS[provider](place)
    found = {}
    for seconds in (None, 0):
        with laptop(tmp_path / f"home-{seconds}", work_seconds=seconds) as rt:
            counts = run_all(rt, order(rt, place, provider))
            found[seconds] = everything(rt)
            parts = len(list(place.iterdir()))
            assert (counts[f"ingest-{provider}"] == 1) is (seconds is None)
            assert counts[f"ingest-{provider}"] <= 4 * parts + 3
            assert found[seconds]["documents"]["landings"] == []
            assert not [uri for uri, _ in found[seconds]["objects"] if "incoming" in uri]
    assert found[None] == found[0]
    assert found[0]["rows"]
    if provider == "aws":
        assert {
            one["extra"] if "extra" in one else one["cost_column"] for _, one in found[0]["documents"]["deliveries"]
        } == {"line_item_net_unblended_cost"}


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each part is opened at its location, and added up."""
    counts: Counter[str] = Counter()
    open_, control_totals = FileLocation.open, reading.control_totals

    def opened(self: FileLocation, name: str, version: str | None = None) -> BinaryIO:
        counts[f"open {name}"] += 1
        return open_(self, name, version)

    def added_up(container: Any, matched: Any, label: str) -> Any:
        counts[f"read {label}"] += 1
        return control_totals(container, matched, label)

    with monkeypatch.context() as patch:
        patch.setattr(FileLocation, "open", opened)
        patch.setattr(reading, "control_totals", added_up)
        yield counts


def test_no_part_is_copied_or_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "bills"
    aws_folder(place)
    with laptop(tmp_path / "home", work_seconds=0) as rt, counted(monkeypatch) as counts:
        messages = run_all(rt, order(rt, place))
        # fetch, look whole, cost facts and totals of each part, then the delivery, one a message
        assert messages["ingest-aws"] == 5 * 4 + 1
    assert set(counts.values()) == {1}
    assert len(counts) == 10


def test_a_landing_that_failed_is_taken_up_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "bills"
    aws_folder(place)
    with laptop(tmp_path / "home") as rt, counted(monkeypatch) as counts:
        message = order(rt, place)
        whole = landing.read_all
        monkeypatch.setattr(landing, "read_all", lambda *_, **__: 1 / 0)
        rt.bus.publish(message)
        delivery = rt.bus.pull()
        assert delivery is not None and deliver(rt, delivery).error
        monkeypatch.setattr(landing, "read_all", whole)
        list(work(rt, rt.clock.sleep))
        assert {one["state"] for one in rt.deliveries()} == {"current"}
    assert set(counts.values()) == {1}


def pieces(rt: Laptop, message: IngestBill) -> Iterator[str | None]:
    """Deliver the messages of the landing one by one, and then all others; what each failed with."""
    rt.bus.publish(message)
    name = f"ingest_{message.provider}"
    while rt.bus.pending():
        due = rt.bus.pull([name]) or rt.bus.pull()
        if due is None:
            rt.clock.sleep(5)
            continue
        outcome = deliver(rt, due)
        if due.subscription == name:
            yield outcome.error


def incoming(objects: ObjectStore) -> list[str]:
    return [one.uri for one in objects.list("raw/default/bill/incoming/")]


def test_a_part_that_changes_meanwhile_is_read_anew(tmp_path: Path) -> None:
    place = tmp_path / "bills"
    for number in range(3):
        write(place / f"part-{number}.csv", cur_text([cur_line(number, "1")]))
    with laptop(tmp_path / "home", work_seconds=0) as rt:
        for number, error in enumerate(pieces(rt, order(rt, place))):
            assert error is None
            if number == 7:
                (place / "part-0.csv").write_text(cur_text([cur_line(0, "100")]))
        assert {str(cost) for cost in rt.billed().values()} == {"102.000000000000000000000000"}
        assert len(rt.deliveries()) == 1
        assert incoming(rt.objects) == []
        assert rt.documents.list("orgs/default/landings") == []


def test_files_that_never_stop_changing_end_the_landing(tmp_path: Path) -> None:
    place = tmp_path / "bills"
    for number in range(3):
        write(place / f"part-{number}.csv", cur_text([cur_line(number, "1")]))
    with laptop(tmp_path / "home", work_seconds=0) as rt:
        errors = []
        for number, error in enumerate(pieces(rt, order(rt, place))):
            errors.append(error)
            (place / "part-0.csv").write_text(cur_text([cur_line(0, str(number + 2))]))
            assert number < 200, "the messages do not end"
        assert errors.count(None) <= progress.MOST_CHANGES + 1
        assert "changed 6 times during landing" in str(next(filter(None, errors)))
        run = rt.documents.get(run_path("default", RUN)) or {}
        assert run["status"] == "failed" and "during landing" in run["error"]
        assert "during landing" in load_integration(rt.documents, "default", "bill")["error_message"]


def test_a_landing_that_does_not_get_on_ends(tmp_path: Path) -> None:
    place = tmp_path / "bills"
    write(place / "part-0.csv", cur_text([cur_line(0, "1")]))
    with laptop(tmp_path / "home", work_seconds=0) as rt:
        for number, error in enumerate(pieces(rt, order(rt, place))):
            for uri in incoming(rt.objects):  # as if somebody cleaned up behind it
                rt.objects.delete(uri)
            last = error
            assert number < 200, "the messages do not end"
        assert last is not None and "messages and is not finished" in last


def test_a_mark_whose_copy_is_gone_counts_no_more(tmp_path: Path) -> None:
    place = tmp_path / "bills"
    for number in range(2):
        write(place / f"part-{number}.csv", cur_text([cur_line(number, "1")]))
    with laptop(tmp_path / "home", work_seconds=0) as rt:
        for number, error in enumerate(pieces(rt, order(rt, place))):
            assert error is None
            if number == 5:
                rt.objects.delete(incoming(rt.objects)[0])
        assert {str(cost) for cost in rt.billed().values()} == {"2.000000000000000000000000"}


@pytest.mark.parametrize("seed", [1, 2])
def test_repeated_and_shuffled_messages_change_nothing(tmp_path: Path, seed: int) -> None:
    place = tmp_path / "bills"
    small_folder(place)
    found = []
    for settings in ({}, {"work_seconds": 0, "fault_seed": seed}):
        with laptop(tmp_path / f"home-{len(found)}", **settings) as rt:
            message = order(rt, place)
            rt.bus.publish(message)
            run_all(rt, message)
            found.append(everything(rt))
    assert found[0] == found[1]


def test_two_workers_at_once_end_as_one_alone(tmp_path: Path) -> None:
    place = tmp_path / "bills"
    small_folder(place)
    found = []
    for workers in (1, 2):
        with laptop(tmp_path / f"home-{workers}", work_seconds=0) as rt:
            message = order(rt, place)
            for _ in range(workers):
                rt.bus.publish(message)
            with ThreadPoolExecutor(workers) as pool:
                done = list(pool.map(lambda _: list(work(rt, rt.clock.sleep)), range(workers)))
            assert not [one.error for outcomes in done for one in outcomes if one.final]
            found.append(everything(rt))
    assert found[0] == found[1]


def test_a_message_of_a_landing_that_is_over_copies_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "bills"
    aws_folder(place)
    with laptop(tmp_path / "home") as rt, counted(monkeypatch) as counts:
        message = order(rt, place)
        run_all(rt, message)
        before = everything(rt)
        run_all(rt, message)
        assert everything(rt) == before
    assert set(counts.values()) == {1}


def test_a_run_does_not_end_before_its_landing_does(tmp_path: Path) -> None:
    place = tmp_path / "bills"
    gcp_folder(place)
    (place / "b-000000000000.csv").unlink()
    seen = set()
    with laptop(tmp_path / "home", work_seconds=0) as rt:
        rt.bus.publish(order(rt, place, "gcp"))
        while rt.bus.pending():
            due = rt.bus.pull(["normalize_focus", "evaluate_budgets"]) or rt.bus.pull()
            assert due is not None
            assert deliver(rt, due).error is None
            states = {one["state"] for one in rt.deliveries()}
            run = rt.documents.get(run_path("default", RUN)) or {}
            if "current" in states and rt.documents.list("orgs/default/landings"):
                seen.add(run["status"])
        assert seen == {"running"}
        assert (run["status"], run["records"]) == ("succeeded", len(rt.exported())) and "landing" not in run


def test_a_delivery_of_too_many_files_is_refused_before_anything_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "MOST_FILES", 4)
    place = tmp_path / "bills"
    aws_folder(place)
    with laptop(tmp_path / "home") as rt:
        run_all(rt, order(rt, place))
        assert rt.deliveries() == [] and list(rt.objects.list("raw/")) == []
        run = rt.documents.get(run_path("default", RUN)) or {}
        assert (run["status"], run["error"]) == (
            "rejected",
            "the delivery has 5 files, at most 4 are accepted: export larger files, or one day or account at a time",
        )


def test_a_month_of_too_many_files_is_refused_and_others_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "MOST_PARTS", 2)
    place = tmp_path / "bills"
    for number in range(5):
        write(place / f"part-{number}.csv", cur_text([cur_line(number, "1", **(APRIL if number > 1 else {}))]))
    with laptop(tmp_path / "home") as rt:
        run_all(rt, order(rt, place))
        run = rt.documents.get(run_path("default", RUN)) or {}
        assert run["status"] == "rejected"
        assert run["error"].startswith("2026-04: the delivery has 3 files, at most")
        assert rt.billed() == {"USD": 2}
        assert incoming(rt.objects) == []
