"""Bad input: one clear line, nothing lost, nothing half-shown; deliveries and quarantine tell the story afterwards."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from common.domain.money import add
from common.errors import CostError
from common.reporting.quarantine import QuarantinedLine, read_lines
from costwire.imports import import_bill
from costwire.replay import replay
from tests import commands
from tests.support import CUR_HEADER, Laptop, cur_line, cur_text, laptop

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "bills"
LINES = [cur_line(number, "1.25") for number in range(20)]
GOOD = cur_text(LINES)
ROWS = GOOD.splitlines()
SECRET = "t3.medium"  # stands in every line of a bill, and must stand in no message


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def write(folder: Path, content: bytes | str, name: str = "bill.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(folder: Path, rows: int = 20) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    columns = {name: [line[name.split("/", 1)[1]] for line in LINES[:rows]] for name in CUR_HEADER}
    pq.write_table(pa.table(columns, pa.schema([(name, pa.string()) for name in CUR_HEADER])), folder / "made.parquet")
    return (folder / "made.parquet").read_bytes()


def zipped(folder: Path, **members: str) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "made.zip", "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return (folder / "made.zip").read_bytes()


def one(rt: Laptop, **where: Any) -> dict[str, Any]:
    (delivery,) = rt.deliveries(**where)
    return delivery


def quarantined(rt: Laptop) -> list[QuarantinedLine]:
    return read_lines(rt.objects, "default", with_rows=True)


def accounted(delivery: dict[str, Any]) -> dict[str, Decimal]:
    """By currency, what the source says, after seeing that all of it was written or quarantined."""
    for proof in delivery["proof"]:
        parts = [Decimal(proof[name]) for name in ("written", "quarantined", "rounded_away")]
        assert add(parts) == Decimal(proof["source"]), proof
    return {proof["currency"]: Decimal(proof["source"]) for proof in delivery["proof"] if Decimal(proof["source"])}


def run_of(rt: Laptop) -> dict[str, Any]:
    """The newest run."""
    runs = [document for _, document in rt.documents.list("orgs/default/runs")]
    return max(runs, key=lambda run: run["started_at"])


def is_clear(reason: str) -> bool:
    return "\n" not in reason and SECRET not in reason and len(reason) < 500 and "Error" not in reason


def refused(rt: Laptop, path: Path, provider: str = "aws") -> str:
    """Bring a bill that must be refused; the reason, told alike by the delivery, the run and the integration."""
    outcomes = rt.bring(path, provider=provider)
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    assert rt.bus.dead_letters() == [], "a bad bill is no message to replay"
    run = run_of(rt)
    assert run["status"] == "rejected"
    integration = rt.documents.get("orgs/default/integrations/bill")
    assert integration is not None and integration["status"] == "error" and run["error"] in integration["error_message"]
    assert is_clear(run["error"]), run["error"]
    return str(run["error"])


def middle(row: bytes | str, replaced: bool = True) -> bytes:
    """The good bill with another line in place of, or before, its tenth."""
    rows: list[bytes] = [text.encode() for text in ROWS]
    rows[10:11] = [row.encode() if isinstance(row, str) else row, *([] if replaced else [rows[10]])]
    return b"\n".join(rows) + b"\n"


def unquoted(text: str) -> str:
    """The bill without the quotes that it has in every line."""
    return text.replace('"Amazon Web Services, Inc."', "AWS")


TENTH = ROWS[10]
BROKEN: dict[str, tuple[Callable[[Path], bytes | str], str]] = {
    "empty": (lambda at: b"", "is empty (0 bytes)"),
    "header only": (lambda at: ROWS[0] + "\n", "contains a header and no lines"),
    "header only, no line end": (lambda at: ROWS[0], "contains a header and no lines"),
    "blank lines only": (lambda at: "\n \n\n", "holds no text"),
    "truncated gzip": (lambda at: gzip.compress(GOOD.encode())[:-200], "is incomplete: the gzip stream"),
    "gzip without its last bytes": (lambda at: gzip.compress(GOOD.encode())[:-4], "is incomplete: the gzip stream"),
    "truncated zstd": (lambda at: zstandard.compress(GOOD.encode())[:-9], "is incomplete: the zstd stream"),
    "truncated zip": (lambda at: zipped(at, bill=GOOD)[:-300], "is a broken zip"),
    "zip of two": (lambda at: zipped(at, a=GOOD, b=GOOD), "is a zip of 2 files, expected one"),
    "workbook": (lambda at: zipped(at, **{"[Content_Types].xml": "<x/>", "a": ""}), "is an Excel workbook"),
    "gzip in zip": (
        lambda at: gzip.compress(gzip.compress(GOOD.encode())),
        "another compressed or Parquet file inside",
    ),
    "truncated Parquet": (lambda at: parquet(at)[:-500], "is a broken Parquet file"),
    "damaged Parquet": (lambda at: b"PAR1" + bytes(400) + parquet(at)[404:], "is incomplete or damaged"),
    "Parquet without rows": (lambda at: parquet(at, rows=0), "contains a header and no lines"),
    "semicolons": (lambda at: GOOD.replace(",", ";"), "separated by semicolons, expected commas"),
    "semicolons beside commas in quotes": (
        lambda at: GOOD.replace(",", ";").replace("product/sku", '"product,sku,of"'),
        "separated by semicolons, expected commas",
    ),
    "tabs": (lambda at: GOOD.replace(",", "\t"), "separated by tabs, expected commas"),
    "every line one cell more": (
        lambda at: "\n".join([ROWS[0], *(row + ",x" for row in ROWS[1:])]),
        "none of its 20 lines has 27 cells as the header does",
    ),
    "every line one cell less": (
        lambda at: "\n".join([ROWS[0], *(row.rsplit(",", 1)[0] for row in ROWS[1:])]),
        "none of its 20 lines has 27 cells",
    ),
    "header whose quote does not end": (lambda at: '"' + GOOD, "quoted cell in its header that does not end"),
    "no header": (lambda at: "\n".join(ROWS[1:]), "starts with a row of values"),
    "the cost column twice": (
        lambda at: GOOD.replace("product/sku", "lineItem/UnblendedCost"),
        "column lineItem/UnblendedCost occurs twice",
    ),
    "UTF-16": (lambda at: GOOD.encode("utf-16"), "is UTF-16 text, expected UTF-8"),
    "UTF-16 without its mark": (lambda at: GOOD.encode("utf-16-le"), "is UTF-16 text, expected UTF-8"),
    "Latin-1": (lambda at: GOOD.replace("t3.medium", "caf\xe9").encode("latin-1"), "is not UTF-8 text"),
    "unknown columns": (lambda at: "a,b,c\n1,2,3\n", "no known format: found 3 columns (a, b, c); nearest is"),
    "an error page": (lambda at: "<html><body>please, log in</body></html>", "is an HTML or XML page"),
    "a JSON array": (lambda at: json.dumps([{"cost": 1}, {"cost": 2}]), "is a JSON array, expected JSON lines"),
    "JSON over many lines": (lambda at: '{\n  "cost": 1\n}\n', "none of its first lines is a JSON object"),
    "random bytes": (lambda at: bytes(range(256)) * 20, "is neither CSV, Parquet nor JSON lines"),
    "a header of megabytes": (lambda at: "h" * (2 << 20), "first line of more than 1 MB"),
    "no month anywhere": (
        lambda at: cur_text([cur_line(1, "1", BillingPeriodStartDate="soon")]),
        "no line has a month in its column bill/BillingPeriodStartDate",
    ),
    "a quote that swallows lines": (
        lambda at: unquoted(middle(TENTH.replace(",t3.medium,", ',"t3.medium,')).decode()),
        "a quoted cell that does not end and takes the lines behind it with it",
    ),
    "a line of 40 MB": (
        lambda at: GOOD.replace(",t3.medium,", f",{'x' * (40 << 20)},", 1),
        "has a line longer than 16 MB",
    ),
    "no cost can be read": (
        lambda at: cur_text([cur_line(number, "much") for number in range(5)]),
        "every one of its 5 lines is in quarantine",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_bill_that_cannot_be_read_is_refused_with_one_clear_line(rt: Laptop, tmp_path: Path, case: str) -> None:
    content, words = BROKEN[case]
    path = write(tmp_path / "in", content(tmp_path / "scratch"))
    reason = refused(rt, path)
    assert words in reason
    delivery = one(rt)
    assert (delivery["state"], delivery["reason"]) == ("rejected", reason)
    assert rt.billed() == {}
    (part,) = delivery["parts"]
    with rt.objects.open(part["uri"]) as kept:
        assert kept.read() == path.read_bytes(), "what came in is lost"


def test_an_earlier_delivery_stays_shown_and_the_mended_bill_replaces_it(rt: Laptop, tmp_path: Path) -> None:
    path = write(tmp_path / "in", GOOD)
    rt.bring(path)
    write(tmp_path / "in", gzip.compress(GOOD.encode())[:-9])
    assert "is incomplete" in refused(rt, path)
    assert rt.billed() == {"USD": Decimal("25")}
    write(tmp_path / "in", cur_text(LINES[:10]))
    rt.bring(path)
    assert rt.billed() == {"USD": Decimal("12.5")}
    assert sorted(delivery["state"] for delivery in rt.deliveries()) == ["current", "rejected", "replaced"]
    assert run_of(rt)["status"] == "succeeded"
    integration = rt.documents.get("orgs/default/integrations/bill")
    assert integration is not None and integration["status"] == "active" and integration["error_message"] is None


def test_the_same_broken_bill_twice_is_kept_once(rt: Laptop, tmp_path: Path) -> None:
    path = write(tmp_path / "in", GOOD.encode("utf-16"))
    for _ in range(2):
        refused(rt, path)
        path.touch()
    assert len(rt.deliveries()) == 1
    assert len(rt.objects.list("raw/")) == 1


def lines_with(*changes: dict[str, str]) -> str:
    """The good bill, and behind it a line for each set of changes, of 3 USD each."""
    more = [cur_line(100 + number, **{"cost": "3", **change}) for number, change in enumerate(changes)]
    return cur_text([*LINES, *more])


ROW_CASES: dict[str, tuple[bytes | str, str | None, str, str]] = {
    # content, reason of the one quarantined line or None, written, quarantined
    "one cell more": (middle(TENTH + ",x"), "the line has 28 cells, the header has 27", "23.75", "1.25"),
    "one cell less": (middle(TENTH.rsplit(",", 1)[0]), "the line has 26 cells, the header has 27", "23.75", "1.25"),
    "one cell more and no UTF-8": (middle(TENTH.encode() + b",\xe9"), "the line", "23.75", "1.25"),
    "no UTF-8": (middle(TENTH.encode().replace(b"t3.medium", b"caf\xe9")), "the line is not UTF-8 text", "23.75", "1.25"),
    "a long line of too many cells": (
        middle(TENTH.replace("line9", "x" * 50_000) + ",x"), "the line has 28 cells", "23.75", "1.25",
    ),
    "a line of 17 MB": (middle(TENTH.replace("line9", "x" * (15 << 20))), None, "25", "0"),
    "an unclosed quote": (middle(TENTH.replace(",t3.medium,", ',"t3.medium,')), "a quoted cell does not end", "23.75", "1.25"),
    "a NUL in a text": (middle(TENTH.replace("t3.medium", "t3\x00medium")), None, "25", "0"),
    "a NUL in a date": (middle(TENTH.replace("2026-03", "2026\x00-03", 1)), "is not a time", "23.75", "1.25"),
    "a NUL in the cost": (middle(TENTH.replace(",1.25,", ",1.2\x005,")), "is not a number", "23.75", "0"),
    "CRLF": (GOOD.replace("\n", "\r\n"), None, "25", "0"),
    "CR alone": (GOOD.replace("\n", "\r"), None, "25", "0"),
    "LF and CRLF": ("\n".join(ROWS[:9]) + "\r\n" + "\r\n".join(ROWS[9:]) + "\n", None, "25", "0"),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD.encode(), None, "25", "0"),
    "mark, quotes and CRLF": (
        ("\ufeff" + ",".join(f'"{name}"' for name in CUR_HEADER) + "\r\n" + "\r\n".join(ROWS[1:])).encode(), None, "25", "0",
    ),
    "blank lines": ("\n".join([*ROWS[:9], "", "", *ROWS[9:], "", "", ""]), None, "25", "0"),
    "blank lines with CRLF": ("\r\n".join([*ROWS[:9], "", *ROWS[9:], "", ""]), None, "25", "0"),
    "a line of spaces": (middle("   ", replaced=False), "the line has 1 cells", "25", "0"),
    "a line of commas": (middle("," * 26, replaced=False), "line_item", "25", "0"),
    "the header again": (middle(ROWS[0], replaced=False), "line_item", "25", "0"),
    "no last line end": (GOOD.rstrip("\n"), None, "25", "0"),
    "a tag column twice": (
        "\n".join([ROWS[0] + ",resourceTags/user:team", *(row + ",x" for row in ROWS[1:])]), None, "25", "0",
    ),
    "line ends in quotes": (
        lines_with({"LineItemDescription": "a\nb"}, {"LineItemDescription": "a\r\nb"}, {"LineItemDescription": 'a "q"'}), None, "34", "0",
    ),
    "a currency that is none": (lines_with({"CurrencyCode": "ZZZ"}), "not an ISO 4217 currency", "25", "3"),
    "no currency": (lines_with({"CurrencyCode": ""}), "not an ISO 4217 currency", "25", "3"),
    "a sentence for a currency": (lines_with({"CurrencyCode": "\ta, [/b] sentence"}), "not an ISO 4217 currency", "25", "3"),
    "a cost that is none": (lines_with({"cost": "1,000.50"}), "is not a number", "25", "0"),
    "infinite cost": (lines_with({"cost": "Infinity"}), "is not a number", "25", "0"),
    "a cost too wide": (lines_with({"cost": "9" * 20}), "is not a number", "25", "0"),
    "negative and zero": (lines_with({"cost": "-5.5"}, {"cost": "0"}, {"cost": "-0"}), None, "19.5", "0"),
    "a start that is none": (lines_with({"UsageStartDate": "yesterday"}), "is not a time", "25", "3"),
    "an end before its start": (
        lines_with({"UsageStartDate": "2026-03-05T00:00:00Z", "UsageEndDate": "2026-03-01T00:00:00Z"}), "is before", "25", "3",
    ),
    "usage before the period": (
        lines_with({"UsageStartDate": "2026-02-01T00:00:00Z", "UsageEndDate": "2026-02-01T01:00:00Z"}), None, "28", "0",
    ),
    "a period that is none": (lines_with({"BillingPeriodStartDate": "2026-13-01T00:00:00Z"}), "is not a time", "25", "3"),
}  # fmt: skip


@pytest.mark.parametrize("case", ROW_CASES)
def test_a_bad_line_goes_to_quarantine_and_the_rest_is_shown(rt: Laptop, tmp_path: Path, case: str) -> None:
    content, reason, written, kept = ROW_CASES[case]
    rt.bring(write(tmp_path / "in", content))
    delivery = one(rt)
    assert (delivery["state"], run_of(rt)["status"]) == ("current", "succeeded"), delivery.get("reason")
    assert rt.billed() == {"USD": Decimal(written)}
    assert add(accounted(delivery).values()) == Decimal(written) + Decimal(kept)
    lines = quarantined(rt)
    assert len(lines) == delivery["quarantined_rows"] == (0 if reason is None else 1)
    for line in lines:
        assert reason is not None and reason in line.reason
        assert SECRET not in line.reason
        assert line.source_row
        assert (line.amount or Decimal(0)) == Decimal(kept)


def test_a_refused_line_keeps_all_of_its_text(rt: Laptop, tmp_path: Path) -> None:
    long = TENTH.replace("line9", "x" * 50_000) + ",x"
    rt.bring(write(tmp_path / "in", middle(long)))
    (line,) = quarantined(rt)
    assert line.source_row == long
    rt.bring(write(tmp_path / "in", b"\xef\xbb\xbf" + middle(TENTH.encode().replace(b"t3.medium", b"caf\xe9"))))
    assert any(line.source_row == TENTH.replace("t3.medium", "caf\\xe9") for line in quarantined(rt))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_refused_lines_of_packed_files_are_found_too(
    rt: Laptop, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    rt.bring(write(tmp_path / "in", pack(middle(TENTH.encode().replace(b"t3.medium", b"caf\xe9")))))
    assert rt.billed() == {"USD": Decimal("23.75")}
    assert [line.amount for line in quarantined(rt)] == [Decimal("1.25")]


def test_25_digits_are_rounded_half_to_even_and_the_proof_says_so(rt: Laptop, tmp_path: Path) -> None:
    costs = ["1.0000000000000000000000015", "0.0000000000000000000000005"]
    rt.bring(write(tmp_path / "in", cur_text([cur_line(number, cost) for number, cost in enumerate(costs)])))
    (proof,) = one(rt)["proof"]
    assert proof["source"] == "1.000000000000000000000002"
    assert Decimal(proof["written"]) == Decimal("1.000000000000000000000002")
    assert proof["difference"] == "0"


def test_two_currencies_never_meet_and_a_month_may_change_its_currency(rt: Laptop, tmp_path: Path) -> None:
    mixed = [*LINES, *(cur_line(number, "2", CurrencyCode="EUR") for number in range(50, 60))]
    rt.bring(write(tmp_path / "in", cur_text(mixed)))
    assert rt.billed() == {"USD": Decimal("25"), "EUR": Decimal("20")} == accounted(one(rt))
    rt.bring(write(tmp_path / "in", cur_text([cur_line(1, "7", CurrencyCode="EUR")])))
    assert rt.billed() == {"EUR": Decimal("7")}


def gcp_lines() -> list[str]:
    path = FIXTURES / "gcp" / "detailed_nise_2026-03_usd.ndjson"
    return path.read_text(encoding="utf-8").splitlines()[:30]


@pytest.fixture(scope="module")
def gcp_billed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Decimal]:
    """What the whole bill comes to."""
    folder = tmp_path_factory.mktemp("gcp")
    with laptop(folder / "home") as rt:
        rt.bring(write(folder, "\n".join(gcp_lines()), "whole.json"), provider="gcp")
        return rt.billed()


@pytest.mark.parametrize(
    ("broken", "pack"),
    [
        (b'{"cost": 5, "curr', bytes),
        (b'{"cost": 5, "curr', gzip.compress),
        (b"hello world", zstandard.compress),
        (b"[1, 2]", bytes),
        (b"null", bytes),
        (b'{"a": 1} {"b": 2}', bytes),
        (b"[" * 5000, bytes),
        (b'{"cost": "caf\xe9"}', bytes),
    ],
)
def test_a_broken_json_line_is_kept_with_its_text(
    rt: Laptop, tmp_path: Path, gcp_billed: dict[str, Decimal], broken: bytes, pack: Callable[[bytes], bytes]
) -> None:
    whole = [line.encode() for line in gcp_lines()]
    path = write(tmp_path / "in", pack(b"\n".join([*whole[:15], b"", broken, *whole[15:]])), "bill.json")
    rt.bring(path, provider="gcp")
    assert {delivery["state"] for delivery in rt.deliveries()} == {"current"}
    (line,) = quarantined(rt)
    assert line.reason.startswith("the line is not a JSON object") and line.amount is None
    assert line.source_row == broken.decode(errors="backslashreplace")
    assert rt.billed() == gcp_billed


def test_json_lines_bear_a_byte_order_mark_and_crlf(rt: Laptop, tmp_path: Path) -> None:
    text = "\ufeff" + "\r\n".join(gcp_lines()) + "\r\n"
    rt.bring(write(tmp_path / "in", text, "bill.json"), provider="gcp")
    assert {delivery["state"] for delivery in rt.deliveries()} == {"current"}
    assert quarantined(rt) == []


FOLDERS: dict[str, tuple[dict[str, bytes | str], str]] = {
    "one part broken": ({"a.csv": GOOD, "b.csv.gz": gzip.compress(GOOD.encode())[:-9]}, "b.csv.gz is incomplete"),
    "one part empty": ({"a.csv": GOOD, "b.csv": ""}, "b.csv is empty"),
    "another format of the provider": ({"a.csv": GOOD, "b.csv": "a,b\nx,y\n"}, "b.csv: no known format"),
    "another provider's bill": (
        {"a.csv": GOOD, "b.csv": (FIXTURES / "oci" / "cost_report_nise_2026-03.csv").read_bytes()},
        "b.csv is a bill of OCI (OCI cost report), the integration is one of AWS",
    ),
    "nothing": ({}, "holds no bill"),
    "notes only": ({"README.txt": "nothing here"}, "holds no bill"),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_with_a_bad_part_is_refused_whole(rt: Laptop, tmp_path: Path, case: str) -> None:
    files, words = FOLDERS[case]
    folder = tmp_path / "in"
    folder.mkdir()
    for name, content in files.items():
        write(folder, content, name)
    assert words in refused(rt, folder)
    assert rt.billed() == {}
    assert [delivery["state"] for delivery in rt.deliveries()] == ["rejected"] * bool(files and case != "notes only")


@pytest.mark.parametrize(
    ("provider", "fixture"),
    [
        ("azure", "azure/ea_nise_2026-03_usd.csv"),
        ("gcp", "gcp/detailed_nise_2026-03_usd.csv"),
        ("oci", "oci/cost_report_nise_2026-03.csv"),
        ("focus", "focus/focus_1_0_sample_a_part.csv"),
    ],
)
def test_every_provider_keeps_a_ragged_line_and_a_line_that_is_no_utf8(
    rt: Laptop, tmp_path: Path, provider: str, fixture: str
) -> None:
    header, *rows = (FIXTURES / fixture).read_bytes().splitlines()[:40]
    rows[3] += b",x"
    rows[7] += b"\xe9"
    rt.bring(write(tmp_path / "in", b"\n".join([header, *rows]) + b"\n"), provider=provider)
    deliveries = rt.deliveries()
    assert {delivery["state"] for delivery in deliveries} == {"current"}, [one.get("reason") for one in deliveries]
    source = {code: amount for delivery in deliveries for code, amount in accounted(delivery).items()}
    assert set(source) == set(rt.billed())
    # bytes in a cell that has no place in FOCUS harm nothing
    assert {"line 5"} <= {line.source_row_id for line in quarantined(rt)} <= {"line 5", "line 9"}


def test_an_older_delivery_that_arrives_late_changes_nothing(rt: Laptop, tmp_path: Path) -> None:
    rt.bring(write(tmp_path / "in", GOOD), delivered_at=datetime(2026, 4, 2, tzinfo=UTC))
    rt.bring(write(tmp_path / "in", cur_text(LINES[:5])), delivered_at=datetime(2026, 4, 1, tzinfo=UTC))
    assert rt.billed() == {"USD": Decimal("25")}
    late = one(rt, state="superseded")
    assert "a newer delivery" in late["reason"] and accounted(late) == {"USD": Decimal("6.25")}


def test_the_same_bill_twice_is_one_delivery(rt: Laptop, tmp_path: Path) -> None:
    path = write(tmp_path / "in", GOOD)
    rt.bring(path)
    before = rt.exported()
    path.touch()
    rt.bring(path)
    assert rt.exported() == before and len(rt.deliveries()) == 1


def test_a_replay_that_is_rejected_again_says_so(rt: Laptop, tmp_path: Path) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text(cur_text([cur_line(1, "much")]))
    rt.bring(bill)
    (found,) = rt.deliveries()
    with pytest.raises(CostError, match="is rejected again: every one of its 1 lines is in quarantine"):
        replay(delivery=found["delivery_id"])


def test_a_location_that_vanished_is_named_and_replay_works_once_it_is_back(rt: Laptop, tmp_path: Path) -> None:
    path = write(tmp_path / "in", GOOD)
    rt.bring(path)
    path.unlink()
    outcomes = rt.bring(path)
    reason = f"location {path} does not exist: check the path"
    assert [outcome.error for outcome in outcomes if outcome.error] == [reason]
    assert run_of(rt)["status"] == "failed" and run_of(rt)["error"] == reason
    assert [letter.reason for letter in rt.bus.dead_letters()] == [reason]
    assert rt.billed() == {"USD": Decimal("25")}
    write(tmp_path / "in", cur_text(LINES[:4]))
    replay(topic=None, delivery=None)
    assert rt.billed() == {"USD": Decimal("5")} and rt.bus.dead_letters() == []


def test_a_location_that_may_not_be_read_is_named(rt: Laptop, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("this user may read everything")
    path = write(tmp_path / "in", GOOD)
    path.parent.chmod(0)
    try:
        outcomes = rt.bring(path)
    finally:
        path.parent.chmod(0o700)
    assert any("may not be read by this user" in (outcome.error or "") for outcome in outcomes)
    assert len(rt.bus.dead_letters()) == 1


@pytest.mark.parametrize(
    "name", ["my bill.csv", "100% #1?.csv", "año 年.csv", 'it\'s "ours".csv', "a;b&c=d.csv", "%20.csv"]
)
def test_any_file_name_will_do(rt: Laptop, tmp_path: Path, name: str) -> None:
    write(tmp_path / "a folder, 50%", GOOD, name)
    rt.bring(tmp_path / "a folder, 50%" / name)
    assert rt.billed() == {"USD": Decimal("25")}
    rt.bring(tmp_path / "a folder, 50%", integration="folder", allow_overlap=True)
    assert rt.billed() == {"USD": Decimal("50")}


def test_a_rejected_delivery_that_was_never_read_cannot_be_replayed(rt: Laptop, tmp_path: Path) -> None:
    refused(rt, write(tmp_path / "in", GOOD.encode("utf-16")))
    with pytest.raises(CostError, match=r"could not be read when it was delivered.*costwire sync --integration bill"):
        replay(topic=None, delivery=one(rt)["delivery_id"])


def test_a_broken_bill_of_a_known_integration_is_told_by_deliveries(rt: Laptop, tmp_path: Path) -> None:
    rt.bring(write(tmp_path / "in", GOOD))
    with pytest.raises(CostError, match=r"is empty \(0 bytes\)"):
        import_bill([write(tmp_path / "in", "")], integration="bill")
    assert one(rt, state="rejected")["reason"] == "bill.csv is empty (0 bytes); export it again"
    assert rt.billed() == {"USD": Decimal("25")}


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "COSTWIRE_HOME": str(home), "PYTHONPATH": str(ROOT)}


def costwire(home: Path, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = commands.run(*words, env=environment(home))
    assert done.returncode == status, done.stderr
    if status == 1:
        assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("costwire: "), done.stderr
        assert "Traceback" not in done.stderr and SECRET not in done.stderr
    return done


@pytest.mark.parametrize("names", [("same", "same"), ("one", "other")])
def test_two_imports_at_once_both_end_well(tmp_path: Path, names: tuple[str, str]) -> None:
    home = tmp_path / "home"
    bills = [write(tmp_path / "in", cur_text(LINES[: 5 * number]), f"{number}.csv") for number in (1, 2)]
    words = [
        ["import", str(bill), "--integration", name, "--delivered-at", f"2026-04-0{number}", "--allow-overlap"]
        for number, (bill, name) in enumerate(zip(bills, names, strict=True), 1)
    ]
    at_once = [commands.Command(*one, env=environment(home)) for one in words]
    ends = [one.end() for one in at_once]
    assert [one.returncode for one in ends] == [0, 0], ends
    (found,) = json.loads(costwire(home, "costs", "--json").stdout)["currencies"]
    assert found["total"] == ("12.5" if names[0] == names[1] else "18.75")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    ) if Path("/bin/mount").exists() else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip(
            f"a small disk cannot be mounted here: {mounted.stderr.strip() if mounted else 'there is no mount'}"
        )
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("free_kb", [40, 1000, 2900])
def test_a_full_disk_loses_nothing_and_replay_takes_it_up(small_disk: Path, tmp_path: Path, free_kb: int) -> None:
    """40 kB free: even the queue may find no room.  1000: the raw file does not.  2900: that one does, its rows do not."""
    home, words = small_disk / "home", ["--integration", "aws"]
    costwire(home, "import", str(write(tmp_path / "in", GOOD)), *words)
    big = [cur_line(number, "1.25", LineItemDescription=os.urandom(60).hex()) for number in range(6000)]
    path = write(tmp_path / "in", cur_text(big), "big.csv")
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    ballast.write_bytes(bytes(free - free_kb * 1024))
    error = costwire(home, "import", str(path), *words, status=1).stderr
    assert "disk" in error and "free some space" in error
    (found,) = json.loads(costwire(home, "costs", "--json").stdout)["currencies"]
    assert found["total"] == "25", "the earlier delivery is gone, or half of the new one is shown"
    assert list((home / "objects" / ".incoming").iterdir()) == []
    ballast.unlink()
    costwire(home, "replay")
    costwire(home, "import", str(path), *words)
    (found,) = json.loads(costwire(home, "costs", "--json").stdout)["currencies"]
    assert found["total"] == "7500"
    costwire(home, "export", str(tmp_path / "out.csv"))
