"""Google's billing export as BigQuery holds it: which tables, which columns matter, and the questions about them.  Pure.

The lines of one invoice month in one partition of a table are a file, `<table>/invoice_month=2026-03/2026-03-07.parquet`: the export
only appends, so a later line changes the file of its own day and leaves the others as they are.  In place of a day stand `streamed`, for
lines that BigQuery has not put into a partition yet, and `whole`, for a table without partitions.
Sources: Cloud Billing documentation, structure of standard, detailed and FOCUS usage cost data; BigQuery documentation, partitions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

INGESTION_TIME = "_PARTITIONTIME"
WITHOUT_MONTH = "none"
_NEVER, _ZERO = datetime(1970, 1, 1, tzinfo=UTC), Decimal(0)
_NAME = re.compile(
    r"(?P<table>[^/]+)/invoice_month=(?P<month>\d{4}-\d{2}|none)/(?P<day>\d{4}-\d{2}-\d{2}|streamed|whole)\.parquet"
)
_ORDER = {
    "gcp": (r"gcp_billing_export_resource_v1_(\w+)", r"gcp_billing_export_v1_(\w+)"),
    "focus": (r"gcp_billing_export_focus_(\w+)",),
}
"""Provider -> what its tables are called.  The first of an account counts: detailed and standard tell of the same money."""


@dataclass(frozen=True)
class ExportKind:
    """The columns of one kind of export that tell its lines apart.

    month: of the invoice.  month_sql: its text, null where it is none.  newest: when a line was exported.  credits: the list whose
    amounts add to the cost, if there is one.
    """

    title: str
    month: str
    month_sql: str
    newest: str
    cost: str
    currency: str
    credits: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Top-level columns without which a table is not of this kind."""
        named = (self.month.partition(".")[0], self.newest, self.cost, self.currency, self.credits)
        return tuple(name for name in named if name)


NATIVE = ExportKind(
    title="standard or detailed export",
    month="invoice.month",
    month_sql="if(regexp_contains(invoice.month, r'^[0-9]{4}(0[1-9]|1[0-2])$'), "
    "concat(substr(invoice.month, 1, 4), '-', substr(invoice.month, 5, 2)), null)",
    newest="export_time",
    cost="cost",
    currency="currency",
    credits="credits",
)
FOCUS = ExportKind(
    title="FOCUS export",
    month="BillingPeriodStart",
    month_sql="format_date('%Y-%m', cast(BillingPeriodStart as date))",
    newest="x_ExportTime",
    cost="BilledCost",
    currency="BillingCurrency",
)


def kind_of(columns: Collection[str]) -> ExportKind | None:
    """Which kind of export has these top-level columns; None where none has."""
    return next((kind for kind in (NATIVE, FOCUS) if set(kind.columns) <= set(columns)), None)


def export_tables(names: Sequence[str], provider: str) -> list[str]:
    """The export tables of a provider's integration among the tables of a dataset: one of each billing account, by name."""
    chosen: dict[str, str] = {}
    for pattern in _ORDER.get(provider, ()):
        for name in sorted(names):
            found = re.fullmatch(pattern, name)
            if found:
                chosen.setdefault(found[1], name)
    return sorted(chosen.values())


def account_of(table: str) -> str | None:
    """The billing account whose export a table is, as its name has it; None for a table of another name."""
    patterns = (pattern for several in _ORDER.values() for pattern in several)
    found = next((one for pattern in patterns if (one := re.fullmatch(pattern, table))), None)
    return found[1].upper() if found else None


@dataclass(frozen=True)
class ExportTable:
    """A table of the export.  path: `project.dataset.table`.  partitioned_by: a column or INGESTION_TIME, None where it has no partitions.

    types: top-level column -> BigQuery's type.
    """

    path: str
    kind: ExportKind
    partitioned_by: str | None
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Without project and dataset."""
        return self.path.rpartition(".")[2]

    def facts_sql(self, where: str = "true") -> str:
        """The question what each piece holds: one statement, so one snapshot; few columns; the same text as long as nothing changes, for
        BigQuery's cache.  Floats become decimals by their text, and only then are added up.
        """
        kind = self.kind
        day = f"cast({self.partitioned_by} as date)" if self.partitioned_by else "cast(null as date)"
        credited = (
            f"(select sum({_exact('one.amount')}) from unnest({kind.credits}) as one)" if kind.credits else "null"
        )
        return (
            "select month, day, currency, count(*) as line_count, max(newest) as newest, sum(cost) as cost, sum(credits) as credits "
            f"from (select {kind.month_sql} as month, {day} as day, {kind.currency} as currency, {kind.newest} as newest, "
            f"{_exact(kind.cost)} as cost, cast({credited} as bignumeric) as credits from `{self.path}` where {where}) "
            "group by month, day, currency"
        )

    def condition(self, month: str | None, day: str) -> str:
        """What the lines of one piece have in common, as SQL; the partition's part of it is what BigQuery prunes by."""
        return " and ".join(filter(None, (self._of_day(day), self._of_month(month))))

    def _of_day(self, day: str) -> str:
        column = self.partitioned_by
        if column is None or day == "whole":
            return ""
        if day == "streamed":
            return f"{column} is null"
        kind = "timestamp" if column == INGESTION_TIME else self.types[column].lower()
        behind = date.fromisoformat(day) + timedelta(days=1)
        return f"{column} >= {kind} '{day}' and {column} < {kind} '{behind}'"

    def _of_month(self, month: str | None) -> str:
        if month is None:
            return f"{self.kind.month_sql} is null"
        if self.kind.month == "invoice.month":
            return f"{self.kind.month} = '{month.replace('-', '')}'"
        first = date.fromisoformat(f"{month}-01")
        behind = (first + timedelta(days=31)).replace(day=1)
        kind = self.types[self.kind.month].lower()
        return f"{self.kind.month} >= {kind} '{first}' and {self.kind.month} < {kind} '{behind}'"


@dataclass(frozen=True)
class Piece:
    """The lines of one month in one partition, at one moment.  month None: no readable one.  totals: (currency, cost, credits)."""

    table: str
    month: str | None
    day: str
    lines: int
    newest: datetime
    totals: tuple[tuple[str, Decimal, Decimal], ...]

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.table}/invoice_month={self.month or WITHOUT_MONTH}/{self.day}.parquet"

    @property
    def version(self) -> str:
        """Changes when its lines do: of their number, the newest one's time, and their totals."""
        sums = "\n".join(
            f"{currency}\t{cost.normalize()}\t{credit.normalize()}" for currency, cost, credit in self.totals
        )
        return hashlib.sha256(f"{self.lines}\t{self.newest.isoformat()}\n{sums}".encode()).hexdigest()[:32]


def pieces_of(table: ExportTable, rows: Sequence[Mapping[str, Any]]) -> list[Piece]:
    """What the rows of `facts_sql` tell, by name."""
    grouped: dict[tuple[str | None, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        day = str(row["day"] or ("streamed" if table.partitioned_by else "whole"))
        grouped.setdefault((row["month"], day), []).append(row)
    made = [
        Piece(
            table.name,
            month,
            day,
            sum(row["line_count"] for row in found),
            max(row["newest"] or _NEVER for row in found),
            tuple(sorted((str(row["currency"]), row["cost"] or _ZERO, row["credits"] or _ZERO) for row in found)),
        )
        for (month, day), found in grouped.items()
    ]
    return sorted(made, key=lambda piece: piece.name)


def parse_name(name: str) -> tuple[str, str | None, str] | None:
    """(table, month, day) of a file's name; None for another name."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return found["table"], None if found["month"] == WITHOUT_MONTH else found["month"], found["day"]


def _exact(column: str) -> str:
    return f"safe_cast(cast({column} as string) as bignumeric)"
