"""The three sides of a match: calls of the meter, what providers counted, what they charged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from common.domain.match import KINDS, Billed, Cell, Counted, Metered
from common.domain.money import add, read_number
from common.formats import container as containers
from common.formats.answers import Row, is_usage, read_pages, rows_of
from common.formats.engine import engine
from common.formats.recognition import Answers, formats
from common.formats.source import file_literal
from common.ports import Runtime, Warehouse
from common.records.deliveries import CURRENT, Delivery
from common.records.meter_files import MeterFile, meter_files, saved_keys
from common.records.organizations import below
from common.warehouse.catalogued import catalogued
from common.warehouse.cost_report import Days

CURRENCY = "USD"
"""What meters put on their calls: models are priced in US dollars."""
_CALLS = """
select provider, key, model, day, count(*) as requests, {sums}, sum(cost) as cost
from (select *, row_number() over (partition by provider, call_id order by cost is null, key is null, filename) as nth
      from read_parquet([{files}], filename = true, hive_partitioning = false))
where nth = 1 and day between ? and ?
group by provider, key, model, day
"""
"""A call that several meters saw, or several files hold, counts once: where a cost stands beside it, that one."""


@dataclass(frozen=True)
class Charges:
    """The provider's charges by cell, and those in other currencies than meters know, which are not compared.

    families: model as billed -> its family.  rows: how many charges were added up.
    """

    cells: Mapping[Cell, Billed]
    families: Mapping[str, str]
    other_currencies: Mapping[str, Decimal]
    rows: int = 0


def days_of(files: Sequence[MeterFile], days: Days) -> Days | None:
    """The asked days that the meter has calls of; None without any."""
    if not files:
        return None
    first = max(filter(None, (days.first, min(one.first_day for one in files))))
    last = min(filter(None, (days.last, max(one.last_day for one in files))))
    return Days(first, last) if first <= last else None


def files_within(rt: Runtime, org_slug: str, meter: str | None) -> list[MeterFile]:
    """The files of a kind of meter, or of all."""
    return [one for one in meter_files(rt.documents, org_slug) if meter in (None, one.meter)]


def metered(rt: Runtime, org_slug: str, files: Sequence[MeterFile], days: Days) -> dict[Cell, Metered]:
    """The calls of some days, by cell; keys as the tenant says which they are."""
    keys = saved_keys(rt.documents, org_slug)
    found: dict[Cell, Metered] = {}
    wanted = [
        one for one in files if (days.first or date.min) <= one.last_day and one.first_day <= (days.last or date.max)
    ]
    if not wanted:
        return found
    sums = [
        f"sum({kind}) as {kind}, coalesce(sum({kind}) filter (cost is null), 0) as {kind}_uncosted" for kind in KINDS
    ]
    with ExitStack() as stack:
        paths = [stack.enter_context(rt.objects.local(one.calls_uri)) for one in wanted]
        rows = _asked(
            _CALLS.format(sums=", ".join(sums), files=", ".join(file_literal(str(one)) for one in paths)), days
        )
    for row in rows:
        key = keys.get(row["key"] or "", row["key"])
        cell = Cell(row["provider"], row["day"], row["model"], key)
        made = Metered(
            {kind: Decimal(row[kind]) for kind in KINDS},
            row["requests"],
            row["cost"] or Decimal(0),
            {kind: Decimal(row[f"{kind}_uncosted"]) for kind in KINDS},
        )
        found[cell] = _both(found[cell], made) if cell in found else made
    return found


def counted(rt: Runtime, org_slug: str, providers: Iterable[str], days: Days) -> dict[Cell, Counted]:
    """What providers counted, of the answers about usage in the deliveries that are shown."""
    wanted = set(providers)
    gathered: dict[Cell, list[_Row]] = defaultdict(list)
    for _, document in rt.documents.list(below(org_slug, "deliveries"), {"state": CURRENT}):
        delivery = Delivery.from_document(document)
        kind = formats().get(delivery.source_format)
        answers = kind.answers if kind else None
        if delivery.provider in wanted and answers and answers.counted and _overlaps(delivery, days):
            for row in _usage_rows(rt, delivery, answers):
                if (days.first or date.min) <= row.cell.day <= (days.last or date.max):
                    gathered[row.cell].append(row)
    return {cell: _together(rows) for cell, rows in gathered.items()}


def charged(warehouse: Warehouse, org_slug: str, providers: Iterable[str], days: Days) -> Charges:
    """What providers charged, of the rows that readers see."""
    wanted = set(providers)
    rows = warehouse.query(org_slug, catalogued("models"), {"from_time": days.start, "until_time": days.end})
    cells: dict[Cell, list[dict[str, Any]]] = defaultdict(list)
    others: dict[str, list[Decimal]] = defaultdict(list)
    for row in rows:
        if row["provider"] not in wanted:
            continue
        if row["currency"] != CURRENCY:
            others[row["currency"]].append(row["cost"])
            continue
        cells[Cell(row["provider"], row["day"], row["model"], row["api_key_id"])].append(row)
    return Charges(
        {cell: _billed(found) for cell, found in cells.items()},
        {row["model"]: row["family"] for row in rows if row["model"] and row["family"]},
        {name: add(found) for name, found in others.items()},
        sum(row["charges"] for row in rows if row["provider"] in wanted),
    )


@dataclass(frozen=True)
class _Row:
    """One row of an answer about usage."""

    cell: Cell
    tokens: Mapping[str, Decimal]
    requests: Decimal | None
    tier: str | None
    batch: bool | None


def _asked(sql: str, days: Days) -> list[dict[str, Any]]:
    with engine() as connection:
        result = connection.execute(sql, [days.first or date.min, days.last or date.max])
        names = [entry[0] for entry in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _both(one: Metered, other: Metered) -> Metered:
    return Metered(
        {kind: one.tokens[kind] + other.tokens[kind] for kind in KINDS},
        one.requests + other.requests,
        add((one.cost, other.cost)),
        {kind: one.uncosted[kind] + other.uncosted[kind] for kind in KINDS},
    )


def _overlaps(delivery: Delivery, days: Days) -> bool:
    month = delivery.billing_period
    return (days.first is None or month >= f"{days.first:%Y-%m}") and (
        days.last is None or month <= f"{days.last:%Y-%m}"
    )


def _usage_rows(rt: Runtime, delivery: Delivery, answers: Answers) -> Iterator[_Row]:
    for part in delivery.parts:
        with containers.opened(rt.objects.readable(part.uri), part.name) as container:
            if container.kind != "answers":
                continue
            with containers.decompressed(container.content, container.compression) as stream:
                for page in read_pages(stream, part.name):
                    rows = rows_of(page, answers)
                    if is_usage(rows, answers):
                        yield from filter(None, (_usage(row, delivery.provider, answers) for row in rows))


def _usage(row: Row, provider: str, answers: Answers) -> _Row | None:
    """What a row counts; None for one without a model or a day, or whose counts are not numbers."""

    def text(name: str) -> str | None:
        return next(filter(None, (row.text(one) for one in answers.counted.get(name, ()))), None)

    def count(name: str) -> Decimal | None:
        texts = [row.text(one) for one in answers.counted.get(name, ())]
        values = [read_number(one) for one in texts if one is not None]
        return add(one for one in values if one is not None) if values and None not in values else None

    day, model = _day(text("day")), text("model")
    if day is None or model is None:
        return None
    tokens = {kind: count(kind) or Decimal(0) for kind in KINDS}
    whole = count("whole_input")
    if whole is not None:
        tokens["input"] = whole - tokens["cache_read"] - tokens["cache_write"]
    tier = text("tier")
    batch = {"true": True, "false": False}.get(
        text("batch") or "", True if tier == "batch" else None if tier is None else False
    )
    return _Row(Cell(provider, day, model, text("key")), tokens, count("requests"), tier, batch)


def _day(text: str | None) -> date | None:
    try:
        if text is None:
            return None
        return datetime.fromtimestamp(int(text), UTC).date() if text.isdecimal() else date.fromisoformat(text[:10])
    except (ValueError, OverflowError, OSError):
        return None


def _together(rows: Sequence[_Row]) -> Counted:
    requests = [one.requests for one in rows]
    batches = {one.batch for one in rows}
    return Counted(
        {kind: add(one.tokens[kind] for one in rows) for kind in KINDS},
        None if None in requests else add(one for one in requests if one is not None),
        frozenset(one.tier for one in rows if one.tier),
        batches.pop() if len(batches) == 1 else None,
    )


def _billed(rows: Sequence[Mapping[str, Any]]) -> Billed:
    """One cell's charges.  Those for a model, of which the bill does not say the kind of token, stand under ""."""
    of_model = [row for row in rows if row["model"] is not None]
    batches = {str(row["batch"]).lower() for row in of_model}
    costs: dict[str, list[Decimal]] = defaultdict(list)
    tokens: dict[str, list[Decimal]] = defaultdict(list)
    for row in of_model:
        costs[row["kind"] or ""].append(row["cost"])
        if row["kind"] and row["tokens"] is not None:
            tokens[row["kind"]].append(row["tokens"])
    return Billed(
        {kind: add(found) for kind, found in costs.items()},
        {kind: add(found) for kind, found in tokens.items()},
        add(row["cost"] for row in rows if row["model"] is None),
        frozenset(row["tier"] for row in of_model if row["tier"]),
        {"true": True, "false": False}.get(batches.pop()) if len(batches) == 1 else None,
    )
