"""A seeded AWS Cost and Usage Report of any size: real kinds of lines, exact totals, savings plans that cancel."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from common.formats.source import file_literal, literal

FOLDER = Path(__file__).parent / "sql"
SEED = 20260301
DIGITS = "create macro digits(number) as rtrim(rtrim(cast(number as varchar), '0'), '.')"


@dataclass(frozen=True)
class Bill:
    """A generated bill.  total: the exact sum of lineItem/UnblendedCost, as text.  recipe: digest of what made it."""

    path: Path
    rows: int
    size_bytes: int
    columns: int
    total: str
    seed: int
    recipe: str


def generate(folder: Path, rows: int, seed: int = SEED) -> Bill:
    """The bill of that size; one that the same recipe made before is kept.

    rows: rounded up to a whole hundred.
    """
    rows = -(-rows // 100) * 100
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"aws-cur-{rows}.csv"
    facts = path.with_suffix(".json")
    recipe = _recipe(seed)
    if path.exists() and facts.exists():
        known = Bill(**{**json.loads(facts.read_text()), "path": path})
        if known.recipe == recipe and known.size_bytes == path.stat().st_size:
            return known
    bill = _write(path, rows, seed, recipe)
    facts.write_text(json.dumps({**asdict(bill), "path": path.name}, indent=2))
    return bill


def remove(bill: Bill) -> None:
    """Give its disk back."""
    bill.path.unlink(missing_ok=True)
    bill.path.with_suffix(".json").unlink(missing_ok=True)


def _write(path: Path, rows: int, seed: int, recipe: str) -> Bill:
    select = re.sub(r":(rows|seed)\b", lambda word: str({"rows": rows, "seed": seed}[word[1]]), _text("cur.sql"))
    started = time.perf_counter()
    unfinished = path.with_suffix(".unfinished")
    with duckdb.connect() as connection:
        connection.execute(DIGITS)
        connection.execute(
            f"create table products as select * from read_csv({file_literal(str(FOLDER / 'cur_products.csv'))}, all_varchar = true)"
        )
        connection.execute("alter table products alter id type bigint")
        described = connection.execute(f"describe {select}").fetchall()
        connection.execute(f"copy ({select}) to {literal(str(unfinished))} (format csv, header true)")
        cost = '"lineItem/UnblendedCost"'
        found = connection.execute(f"select sum(cast({cost} as decimal(38, 24))), count(*) from ({select})").fetchone()
    assert found is not None and found[1] == rows, "the recipe lost lines"
    unfinished.replace(path)
    size = path.stat().st_size
    seconds = time.perf_counter() - started
    print(
        f"{path.name}: {rows:,} lines, {size / 1e9:.2f} GB, total {found[0]:f} USD, {rows / seconds:,.0f} lines/s",
        file=sys.stderr,
    )
    return Bill(path, rows, size, len(described), f"{found[0]:f}", seed, recipe)


def _recipe(seed: int) -> str:
    text = f"{seed} {duckdb.__version__} {_text('cur.sql')} {_text('cur_products.csv')}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
