"""Both readers of a bill, DuckDB and Arrow with Python, take the same cells for numbers, months and JSON."""

# ruff: noqa: RUF001
from __future__ import annotations

import itertools
import random
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from common.domain.money import read_cost, round_cost
from common.formats.container import opened
from common.formats.control import include
from common.formats.engine import engine
from common.formats.recognition import Matched, formats
from common.formats.second_reader import Batch, json_records
from common.formats.source import source_sql
from common.formats.strict_json import NotStrict
from common.formats.totals import ControlTotals, read_month
from common.normalization.mapping import prepare

NINES = "9" * 24
CELLS = [
    "1", "٣", "３", "१२", "1٣", "1.٣", "1e٣", "²", "①", "Ⅷ", "1_000", "1,5", "$1", "1%", "(1)", "0x10", "−1", "1/2", "NaN", "inf",
    " 1 ", "\t1\n", "\v1\f", "\x1c1", "\xa01", "\u30001", "1\u200b", "\ufeff1", "1\x00", "+1", "--1", "+-1", ".5", "5.", ".", "-", "",
    "1e5", "1E+5", "1e", "1e05", "1e0005", "5e+-4", "+11E+-1", "1e13", "1e14", "1e-24", "1e-25", "1e-400", "1e400", "0e999",
    "9" * 14, "9" * 15, "1" + "0" * 400, "0." + "1" * 400, f"99999999999999.{NINES}", f"-99999999999999.{NINES}",
    f"99999999999999.{NINES}4", f"99999999999999.{NINES}9", f"-99999999999999.{NINES}9", "0" * 60 + "1", "1." + "0" * 30 + "5",
    "2026-03", "2026-13", "２０２６-03", "2026-0３", "202603", "202603\n", "20260301", "٣/1/2026", "3/٣/2026", "3/1/２０２６", "13/1/2026",
]  # fmt: skip
_chance = random.Random(7)
CELLS += [
    "".join(_chance.choices("0159.eE-+ _٣", k=length)) for length, _ in itertools.product(range(1, 11), range(500))
]
STRICT = {
    "half of a pair": (b'{"cost": 1, "a": "\\ud800"}', False),
    "half of a pair in a key": (b'{"cost": 1, "\\udc00": 2}', False),
    "half of a pair as bytes": (b'{"cost": 1, "a": "\xed\xa0\x80"}', False),
    "a whole pair": (b'{"cost": 1, "a": "\\ud83d\\ude00"}', True),
    "the cost twice": (b'{"cost": 1, "cost": 2}', False),
    "the cost twice, once escaped": (b'{"cost": 1, "c\\u006fst": 2}', False),
    "the month twice": (b'{"cost": 1, "invoice": {"month": "202603", "month": "202604"}}', False),
    "another key twice": (b'{"cost": 1, "a": 1, "a": 1}', False),
    "twice where nothing is read": (b'{"cost": 1, "labels": [{"key": 1, "key": 2}]}', True),
    "nested 100 deep": (b'{"cost": 1, "a": ' + b"[" * 99 + b"]" * 99 + b"}", True),
    "nested 101 deep": (b'{"cost": 1, "a": ' + b"[" * 100 + b"]" * 100 + b"}", False),
    "nested 10,000 deep": (b'{"cost": 1, "a": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, False),
    "nested a million deep": (b'{"cost": 1, "a": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}", False),
    "many brackets side by side": (b'{"cost": 1, "a": [' + b"[]," * 500 + b"[]]}", True),
    "a comma before the end": (b'{"cost": 1,}', False),
    "no number": (b'{"cost": 1, "a": NaN}', False),
    "infinity": (b'{"cost": 1, "a": -Infinity}', False),
    "inf": (b'{"cost": 1, "a": inf}', False),
    "a comment": (b'{"cost": 1 /* a */}', False),
    "a mark inside": (b'\xef\xbb\xbf{"cost": 1}', False),
    "a form feed before it": (b'\x0c{"cost": 1}', True),
    "a form feed inside": (b'{"cost":\x0c1}', False),
    "a NUL as text": (b'{"cost": 1, "a": "x\\u0000"}', True),
    "an integer of 5000 digits": (b'{"cost": 1, "a": ' + b"9" * 5000 + b"}", True),
    "a number beyond floats": (b'{"cost": 1, "a": 1e400}', True),
    "a leading zero": (b'{"cost": 01}', False),
    "two objects": (b'{"cost": 1} {"cost": 2}', False),
    "text that looks odd": (b'{"cost": 1, "a": ",] :NaN [inf"}', True),
}  # fmt: skip


def sums_of(text: str) -> tuple[Decimal | None, Decimal | None]:
    """What the second reader's sum of one cell is, exact and rounded."""
    totals = ControlTotals()
    include(totals, Batch(pa.array([text]), None, pa.array(["2026-03-01"]), None, None))
    (total,) = totals.totals.values()
    return (None, None) if total.unreadable else (total.amount, total.rounded)


def test_a_cell_is_the_same_number_and_month_for_both_readers() -> None:
    texts = pa.table({"place": list(range(len(CELLS))), "text": CELLS})
    with engine() as connection:
        prepare(connection)
        connection.register("cells", texts)
        mapped = connection.execute("select text, to_cost(text), month_text(text) from cells order by place").fetchall()
    assert len(mapped) == len(CELLS)
    for text, cost, month in mapped:
        value = read_cost(text)
        rounded = None if value is None else round_cost(value)
        assert (cost, month) == (rounded, read_month(text)), text
        assert sums_of(text) == (value, rounded), text


@pytest.mark.parametrize("text", ["٣", "３", "1.٣", "1\xa0"])
def test_digits_and_space_beyond_ascii_are_no_number(text: str) -> None:
    assert read_cost(text) is None


@pytest.mark.parametrize("case", STRICT)
def test_a_line_is_an_object_for_both_readers_or_for_none(tmp_path: Path, case: str) -> None:
    line, readable = STRICT[case]
    names = ("cost", "currency", "invoice.month", "billing_account_id", "credits")
    matched = Matched(formats()["gcp_billing"], {name: name for name in names}, {}, (), names)
    bill = tmp_path / "bill.json"
    bill.write_bytes(b'{"cost": 7}\n' + line + b'\n\x0b\n \n{"cost": 9}\n')
    with opened(bill, "bill.json") as container, engine() as connection:
        told = [not isinstance(record, NotStrict) for _, record in json_records(container, matched)]
        wanted = source_sql(container, matched, only=frozenset({"cost"}))
        mapped = [cost for cost, _ in connection.execute(wanted).fetchall()]
    assert told == [True, readable, True]
    assert [cost is not None for cost in mapped] == told
    assert (mapped[0], mapped[2]) == ("7", "9")
