"""A file that is cut into ranges gives what the whole gives: rows and their numbers, totals, quarantine; whatever cuts and faults."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from common.formats import cutting
from common.normalization import normalize as normalizing
from common.records.deliveries import Delivery
from tests.support import Laptop, cur_line, cur_text, laptop

BILLS = Path(__file__).parents[1] / "fixtures" / "bills"
FEW = settings(
    max_examples=3, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=[HealthCheck.too_slow]
)
WHOLE = 1 << 30
CHUNK = 9_000
TEXTS = st.sampled_from(["plain", "two\nlines", 'a "quoted, word', "two\r\nlines", "a,\n\n,b", '"', "\n"])
KINDS = st.sampled_from(["Usage", "Usage", "Usage", "Tax", "Brand New Kind", ""])
COSTS = st.sampled_from(["0.25", "1e-05", "-3.125", "0.000000000000000000000001", "", "1,5", "12345678901234567890"])
ODD = st.sampled_from(["", "", "", "", "ragged", "unended", "\ufeff", " ", "stray", "blank"])
LINES = st.lists(st.tuples(COSTS, KINDS, TEXTS, ODD), min_size=8, max_size=24)


def bill_of(drawn: list[tuple[str, str, str, str]]) -> str:
    """A CUR in which some lines have a cell too many, a quote that is none, blank lines, or text behind a quoted cell."""
    header, _ = cur_text([]).split("\n", 1)
    text = header + "\n"
    for number, (cost, kind, words, odd) in enumerate(drawn):
        month = {"BillingPeriodStartDate": "2026-04-01T00:00:00Z", "BillingPeriodEndDate": "2026-05-01T00:00:00Z"}
        line = cur_line(
            number, cost, LineItemType=kind, LineItemDescription=words, **(month if number % 5 == 4 else {})
        )
        record = cur_text([line]).split("\n", 1)[1]
        odd_records = {
            "ragged": record.replace(",", ",,", 1),
            "unended": record.replace("SKU1", '"SKU"1'),
            "stray": record.replace("BoxUsage", 'Box"Usage'),
            "blank": "\n" + record,
            "crlf": record[:-1] + "\r\n",
            " ": record.replace("SKU1", ' "SKU,1"'),
        }
        text += odd_records.get(odd, record)
    return text


def quarantined(rt: Laptop) -> list[str]:
    found: list[str] = []
    for item in rt.objects.list("quarantine/"):
        with rt.objects.local(item.uri) as path:
            found += [json.dumps(row, default=str, sort_keys=True) for row in pq.read_table(path).to_pylist()]
    return sorted(found)


def everything(rt: Laptop) -> dict[str, Any]:
    """What does not depend on how a delivery was cut; of the FOCUS rules, some compare the rows of a chunk."""
    facts = ("delivery_id", "state", "rows", "quarantined_rows", "totals", "proof", "accounts", "reason")
    deliveries = sorted(({name: one.get(name) for name in facts} for one in rt.deliveries()), key=str)
    return {"deliveries": deliveries, "rows": sorted(map(str, rt.exported())), "quarantine": quarantined(rt)}


def brought(home: Path, path: Path, provider: str = "aws", **settings: Any) -> tuple[dict[str, Any], int]:
    """What became of a bill, and how many chunks its deliveries had."""
    with laptop(home, **settings) as rt:
        assert [one.error for one in rt.bring(path, provider=provider) if one.final] == []
        chunks = sum(len(Delivery.from_document(one).chunks) for one in rt.deliveries())
        assert chunks == sum(
            len(rt.documents.list(f"orgs/default/deliveries/{one['delivery_id']}/chunks")) for one in rt.deliveries()
        )
        return everything(rt), chunks


@FEW
@given(LINES, st.integers(2000, 6000), st.integers(50, 500))
def test_any_cuts_give_what_the_whole_gives(drawn, chunk_bytes, piece_bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_PIECE_BYTES", piece_bytes)
        bill = Path(folder) / "bill.csv"
        bill.write_text(bill_of(drawn), newline="")
        whole, _ = brought(Path(folder) / "whole", bill, chunk_bytes=WHOLE)
        cut, _ = brought(Path(folder) / "cut", bill, chunk_bytes=chunk_bytes)
        if any(odd in ("unended", " ") for *_, odd in drawn):
            for one in (
                whole,
                cut,
            ):  # lines that one reader refuses and the other, which counts rows for the numbers, does not
                one["quarantine"] = sorted(line.split("source_row_id")[0] for line in one["quarantine"])
        assert cut == whole


REAL = {
    "aws/cur_legacy_nise_2026-03_usd.csv": 30_000,
    "aws/cur2_nise_2026-01_usd.snappy.parquet": 80_000,
    "azure/ea_nise_2026-03_usd.csv": 30_000,
    "focus/focus_1_0_sample_a_part.csv": 30_000,
    "gcp/detailed_nise_2026-03_usd.ndjson": 30_000,
    "oci/cost_report_real_2023-11-13.csv": 30_000,
}


@pytest.mark.parametrize("name", REAL)
def test_real_bills_are_the_same_in_ranges(tmp_path: Path, name: str) -> None:
    path = BILLS / name
    if path.suffix == ".parquet":
        path = tmp_path / path.name
        pq.write_table(pq.read_table(BILLS / name), path, row_group_size=40)
    provider = name.split("/")[0]
    whole, one = brought(tmp_path / "whole", path, provider, chunk_bytes=WHOLE)
    cut, several = brought(tmp_path / "cut", path, provider, chunk_bytes=REAL[name])
    assert several > max(2, one)
    assert cut == whole
    assert {proof["difference"] for delivery in cut["deliveries"] for proof in delivery["proof"]} == {"0"}


def test_line_ends_of_two_kinds_make_every_range_be_read_as_the_whole_is(tmp_path: Path) -> None:
    """Read leniently, since a line far behind ends otherwise, text behind a quoted cell is no reason for quarantine."""
    path = tmp_path / "bill.csv"
    odd = {2: "unended", 18: "crlf"}
    path.write_text(bill_of([("0.25", "Usage", "plain", odd.get(n, "")) for n in range(20)]), newline="")
    whole, _ = brought(tmp_path / "whole", path)
    cut, chunks = brought(tmp_path / "cut", path, chunk_bytes=3_000)
    assert chunks > 2
    assert cut == whole
    assert sum(one["quarantined_rows"] for one in cut["deliveries"]) == 0


def bill_with_everything(folder: Path) -> Path:
    path = folder / "bill.csv"
    kinds = ["Usage", "Tax", "Brand New Kind", "Usage"]
    texts = ["plain", "two\nlines", 'a "word"']
    drawn = [("0.25", kinds[n % 4], texts[n % 3], "ragged" if n in (7, 50) else "") for n in range(60)]
    path.write_text(bill_of(drawn), newline="")
    return path


@pytest.fixture(scope="module")
def everything_whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A bill, and what becomes of it in one piece."""
    folder = tmp_path_factory.mktemp("everything")
    path = bill_with_everything(folder)
    whole, _ = brought(folder / "whole", path)
    return path, whole


def test_repeated_and_shuffled_messages_of_ranges_change_nothing(
    tmp_path: Path, everything_whole: tuple[Path, dict[str, Any]]
) -> None:
    path, whole = everything_whole
    rough, chunks = brought(tmp_path / "rough", path, chunk_bytes=CHUNK, fault_seed=1, work_seconds=0)
    assert chunks > 3
    assert rough == whole


def test_a_worker_that_is_killed_before_and_after_it_noted_a_range_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, everything_whole: tuple[Path, dict[str, Any]]
) -> None:
    path, whole = everything_whole
    killed: set[tuple[str, int, bool]] = set()
    made = normalizing.normalize_chunk

    def killed_twice(delivery: Delivery, chunk: Any, rt: Laptop) -> Any:
        for after in (False, True):
            result = made(delivery, chunk, rt) if after else None
            if (key := (delivery.delivery_id, chunk.number, after)) not in killed:
                killed.add(key)
                raise RuntimeError("killed")
        return result

    monkeypatch.setattr(normalizing, "normalize_chunk", killed_twice)
    rough, chunks = brought(tmp_path / "rough", path, chunk_bytes=CHUNK)
    assert chunks > 3 and len(killed) == 2 * chunks
    assert rough == whole


def test_a_landing_goes_on_at_the_range_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from common.ingestion import ranging

    read: list[int] = []
    totals = ranging.control_totals

    def counted(container: Any, *rest: Any) -> Any:
        read.append(container.range.first)
        return totals(container, *rest)

    monkeypatch.setattr(ranging, "control_totals", counted)
    _, chunks = brought(tmp_path / "home", bill_with_everything(tmp_path), chunk_bytes=CHUNK, work_seconds=0)
    assert len(read) == len(set(read)) and 2 * len(read) == chunks  # a delivery for each of two months


def test_a_bill_that_was_cut_otherwise_before_stays_as_it_was(tmp_path: Path) -> None:
    path = bill_with_everything(tmp_path)
    with laptop(tmp_path / "home", chunk_bytes=CHUNK) as rt:
        rt.bring(path)
        before, parts = everything(rt), [one["parts"] for one in rt.deliveries()]
    other = tmp_path / "elsewhere" / "bill.csv"
    other.parent.mkdir()
    other.write_bytes(path.read_bytes())
    with laptop(tmp_path / "home", chunk_bytes=13_000) as rt:
        assert [one.error for one in rt.bring(other) if one.final] == []
        assert everything(rt) == before
        assert [one["parts"] for one in rt.deliveries()] == parts
