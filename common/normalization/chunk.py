"""One chunk: a raw file to FOCUS Parquet, what cannot be mapped to quarantine, and the numbers of both."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
from duckdb.func import PythonUDFType

from common import progress
from common.domain.money import add, plain
from common.formats import container as containers
from common.formats.container import Container
from common.formats.engine import engine
from common.formats.recognition import Matched, formats, recognise
from common.formats.source import file_literal, literal, quoted, read_rows, source_sql, usage_sql
from common.normalization.mapping import (
    AGREED_PRICES,
    adjustments_sql,
    choose,
    focus_select,
    mapping_sql,
    own_columns,
    pairs_sql,
    set_up,
)
from common.normalization.quarantine import QUARANTINE_COLUMNS, write_quarantine
from common.normalization.sums import daily_sums, too_large, written_sums
from common.ports import Runtime
from common.records.chunks import ChunkResult, Numbers
from common.records.contract_prices import saved_prices
from common.records.deliveries import Delivery
from common.records.own_services import saved_services
from common.records.parts import Chunk, Part
from common.telemetry import span
from common.validation import Failure, prepare_validation, validate_relation

PARQUET = "(format parquet, compression zstd, compression_level 1, dictionary_size_limit 1000, row_group_size 40960)"
"""Small row groups: larger ones make DuckDB spill at its memory limit, which costs a third of the speed.  Against DuckDB's own
level and dictionaries, writing takes a fifth less time and the file is 3 % smaller: a column of many values has no use for one."""
SMALL_BYTES = 32 << 20
"""Behind a file of this size no database is kept: what it took is given back, and to make another costs little beside it."""


@dataclass(frozen=True)
class Work:
    """One chunk on the bench: `source` is a view of its rows."""

    connection: duckdb.DuckDBPyConnection
    container: Container
    matched: Matched
    delivery: Delivery
    chunk: Chunk
    folder: Path

    @property
    def part(self) -> Part:
        return self.chunk.part

    def see(self, numbered: bool = False, undecodable: bool = False, reported: bool = False) -> None:
        """Make the view `source`: the slice's lines of the file.  reported: as mapped, once they are read."""
        rows = source_sql(self.container, self.matched, numbered=numbered, undecodable=undecodable)
        months = self.part.months(self.delivery.billing_period)
        if months is not None:
            kind = self.matched.format
            period = quoted(kind.billing_period)
            if kind.billing_period_else:
                period = f"coalesce(nullif(trim({period}), ''), {quoted(kind.billing_period_else)})"
            month = f"month_text({period})"
            rows = (
                f"select * from ({rows}) where coalesce({month}, '') in ({', '.join(literal(one) for one in months)})"
            )
        if reported:
            rows = f"select * from ({rows}) where is_reported(true)"
        self.connection.execute(f"create or replace temp view source as {rows}")


def normalize_chunk(delivery: Delivery, chunk: Chunk, rt: Runtime) -> ChunkResult:
    """Write `focus/` and, where needed, `quarantine/` of one chunk; returns where they are and what they add up to.

    Safe to repeat: objects that a killed run left are kept, and the numbers are those of what is stored.
    Raises BadBill for a file whose lines cannot be told apart or whose amounts cannot be added up, NoSpace on a full disk, NoMemory.
    """
    try:
        return read_rows(lambda lenient: _normalize(delivery, chunk, rt, lenient))
    except duckdb.OutOfRangeException:  # some sum on the way; a cell that is too large is null and in quarantine
        raise too_large() from None


def _normalize(delivery: Delivery, chunk: Chunk, rt: Runtime, lenient: bool) -> ChunkResult:
    progress.expect(lambda: (delivery.delivery_id, str(delivery.slice), {progress.MAPPING: _lines(*delivery.parts)}))
    with bench(delivery, chunk, rt, lenient) as work:
        name = f"{delivery.folder}/{chunk.number:05d}.parquet"
        target = work.folder / "focus.parquet"
        work.see(reported=progress.is_listened_to())
        mapping = progress.part(progress.MAPPING, _lines(chunk.part) // max(1, len(chunk.part.ranges)))
        with span("map chunk", chunk=chunk.number, size_bytes=chunk.part.size_bytes), mapping:
            _copy(work, _rows(work), target)
        quarantine = write_quarantine(
            work.connection, work.container, work.matched, work.delivery, work.part, work.folder / "quarantine.parquet",
            mapping_sql(work.matched.format.name), unmapped=_unmapped(work, target), see=work.see,
        )  # fmt: skip
        if quarantine and quarantine.unmapped:  # to read what was written costs less than to map it again
            written, target = target, work.folder / "mapped.parquet"
            _copy(work, f"select * from {_parquet(written)} where ChargeCategory is not null", target)
        pairs_uri = _pairs(work, rt)
        quarantine_uri = rt.objects.put_file(f"quarantine/{name}", quarantine.path).uri if quarantine else None
        focus_uri = rt.objects.put_file(f"focus/{name}", target).uri
        return _result(work, rt, focus_uri, quarantine_uri, pairs_uri)


def _is_reported(lines: Any) -> Any:
    """Arrow's boolean per line, which is returned: DuckDB asks for some thousand lines at a time, so a report costs little."""
    progress.advance(progress.MAPPING, len(lines))
    return lines


def _lines(*parts: Part) -> int:
    """The lines of the slice in the parts."""
    return sum(total.lines for part in parts for total in part.control.values())


def workbench(
    source_format: str, folder: Path, rt: Runtime, keep: bool = True
) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    """A connection that can map lines of a format, balance and validate rows."""
    return engine(folder, rt.settings.threads, _set_up(source_format), keep)


@cache
def _set_up(source_format: str) -> Callable[[duckdb.DuckDBPyConnection], None]:
    def make(connection: duckdb.DuckDBPyConnection) -> None:
        set_up(connection, _statements(source_format))
        prepare_validation(connection)
        connection.create_function(
            "is_reported", _is_reported, [bool], bool, type=PythonUDFType.ARROW, side_effects=True
        )

    return make


@cache
def _statements(source_format: str) -> str:
    found = (mapping_sql(source_format), pairs_sql(source_format), adjustments_sql(source_format))
    return "\n".join(filter(None, found))


@contextmanager
def bench(delivery: Delivery, chunk: Chunk, rt: Runtime, lenient: bool) -> Iterator[Work]:
    """A chunk's file, opened, with a connection that can map its lines.  lenient: as `Container` has it."""
    part = chunk.part
    with (
        tempfile.TemporaryDirectory(prefix="chunk-", dir=rt.scratch) as folder,
        containers.opened(rt.objects.readable(part.uri), part.name, chunk.range) as container,
        workbench(
            (matched := recognise(container.names)).format.name, Path(folder), rt, keep=part.size_bytes < SMALL_BYTES
        ) as connection,
    ):
        cost = str(delivery.cost_column or matched.format.cost)
        net = cost != matched.format.cost
        statements = _statements(matched.format.name)
        prices = saved_prices(rt.documents, delivery.org_slug) if AGREED_PRICES in statements else []
        choose(connection, saved_services(rt.documents, delivery.org_slug), statements, prices)
        for name, value in _variables(delivery, part, net).items():
            connection.execute(f"set variable {name} = {value}")
        container = replace(container, lenient=lenient or container.lenient)
        if usage := usage_sql(container, matched):
            connection.execute(f"create temp table usage as {usage}")
        yield Work(connection, container, matched.with_cost(cost), delivery, chunk, Path(folder))


def _variables(delivery: Delivery, part: Part, net: bool) -> dict[str, str]:
    role = f"{part.role}_alone" if delivery.is_half(part) else part.role
    fallback = delivery.fallback_currency
    return {
        "cost_role": literal(role),
        "net_costs": str(net).lower(),
        "fallback_currency": literal(fallback) if fallback else "null",
        "delivered_at": f"timestamptz {literal(delivery.delivered_at.isoformat())}",
        "integration_id": literal(delivery.integration_id),
    }


def _rows(work: Work) -> str:
    known = work.matched.format
    return rows_select(work.delivery, work.part.chunk, mapping_sql(known.name), own_columns(known))


def rows_select(delivery: Delivery, chunk: int | str, mapping: str, given: Collection[str] = ()) -> str:
    """The rows of a mapping as they are stored: FOCUS columns, then ours.  given: those of ours that only some mappings give."""
    by_row = formats()[delivery.source_format].provider_of_row
    own = {
        "x_OrgSlug": literal(delivery.org_slug),
        "x_IntegrationId": literal(delivery.integration_id),
        "x_DeliveryId": literal(delivery.delivery_id),
        "x_Provider": "x_provider_of_row" if by_row else literal(delivery.provider),
        "x_SourceRowId": f"{literal(f'{chunk}:')} || source_row_id",
        "x_IngestedAt": f"timestamptz {literal(delivery.landed_at.isoformat())}",
    }
    ours = ", ".join(f"{value} as {name}" for name, value in own.items())
    return focus_select(f"({mapping})", ours, given)


def _copy(work: Work, select: str, target: Path) -> None:
    work.connection.execute(f"copy ({select}) to {literal(str(target))} {PARQUET}")


def _unmapped(work: Work, target: Path) -> int:
    """How many rows of the written file stand for lines that could not be mapped."""
    row = work.connection.execute(f"select count(*) from {_parquet(target)} where ChargeCategory is null").fetchone()
    return int(row[0]) if row else 0


def _pairs(work: Work, rt: Runtime) -> str | None:
    statement = pairs_sql(work.matched.format.name)
    if statement is None:
        return None
    target = work.folder / "pairs.parquet"
    work.see()
    _copy(work, statement, target)
    row = work.connection.execute(f"select count(*) from {_parquet(target)}").fetchone()
    if not row or not row[0]:
        return None
    return rt.objects.put_file(f"focus/{work.delivery.folder}/{work.chunk.number:05d}.pairs.parquet", target).uri


def _result(work: Work, rt: Runtime, focus_uri: str, quarantine_uri: str | None, pairs_uri: str | None) -> ChunkResult:
    """Rows, sums and failed rules of what is stored, not of what was meant to be."""
    with rt.objects.local(focus_uri) as path:
        numbers = written_numbers(work.connection, path, work.delivery)
    quarantined: list[dict[str, Any]] = []
    if quarantine_uri:
        with rt.objects.local(quarantine_uri) as path:
            found = work.connection.execute(
                # in two parts, since the sum may be wider than the column
                f"select {QUARANTINE_COLUMNS[3]}, coalesce(sum(cast(trunc(amount) as decimal(38, 0))), 0), "
                f"coalesce(sum(amount - trunc(amount)), 0), count(*), count(*) - count(amount) from {_parquet(path)} group by all"
            ).fetchall()
        quarantined = [
            {"currency": currency or "", "amount": plain(add((whole, rest))), "lines": lines, "unreadable": unreadable}
            for currency, whole, rest, lines, unreadable in found
        ]
    return ChunkResult(
        **vars(numbers),
        chunk=work.chunk.number,
        focus_uri=focus_uri,
        quarantine_uri=quarantine_uri,
        pairs_uri=pairs_uri,
        quarantined=quarantined,
        quarantined_lines=sum(entry["lines"] for entry in quarantined),
    )


def written_numbers(connection: duckdb.DuckDBPyConnection, path: Path, delivery: Delivery) -> Numbers:
    """Rows, sums by currency and day, billing accounts and failed FOCUS rules of a normalized file.  connection: of a `workbench`."""
    connection.execute(f"create or replace temp view focus_rows as select * from {_parquet(path)}")
    written, rows = written_sums(connection, delivery.proved_column)
    days, charged_through = daily_sums(connection, delivery)
    accounts = connection.execute(
        "select distinct x_Provider, BillingAccountId from focus_rows "
        "where x_Provider is not null and BillingAccountId is not null order by all"
    ).fetchall()
    with span("validate", rows=rows), progress.part(progress.VALIDATING, rows):
        report = validate_relation(connection, "focus_rows", prepared=True)
    return Numbers(
        rows=rows,
        written=written,
        accounts=[{"provider": provider, "billing_account_id": account} for provider, account in accounts],
        conformance=[_failed(failure) for failure in report.failures],
        days=days,
        charged_through=charged_through,
    )


def _failed(failure: Failure) -> dict[str, Any]:
    return {"rule": failure.rule_id, "keyword": failure.keyword, "text": failure.text, "count": failure.count}


def _parquet(path: Path) -> str:
    return f"read_parquet({file_literal(str(path))}, hive_partitioning = false)"
