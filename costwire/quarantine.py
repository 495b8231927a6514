"""Command `quarantine`: lines that gave no FOCUS row, and why."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from pathlib import PurePosixPath
from typing import Annotated, Any

import typer
from rich.text import Text

from common.domain.money import add, plain
from common.formats.engine import engine
from common.formats.source import file_literal
from common.ports import ObjectStore
from common.records.organizations import below
from common.runtime.bootstrap import runtime
from costwire.output import AsJson, Org, console, exact, joined, print_json, styled, table
from costwire.tenant import tenant_of

_FINAL_SHOWN = frozenset({"replaced", "superseded"})


@dataclass(frozen=True)
class QuarantinedLine:
    """One line of a bill that gave no FOCUS row.  amount None: its cost cannot be read."""

    integration_id: str
    billing_period: str
    delivery_id: str
    source_row_id: str
    reason: str
    amount: Decimal | None
    currency: str | None
    source_row: str | None

    @property
    def delivery(self) -> tuple[str, str, str]:
        """The delivery that it came in."""
        return self.integration_id, self.billing_period, self.delivery_id


def quarantine(
    delivery: Annotated[
        str | None, typer.Option("--delivery", help="Only this delivery; also one that was replaced since.")
    ] = None,
    show_rows: Annotated[
        bool, typer.Option("--show-rows", help="Print the lines themselves; --json has them exactly as they came.")
    ] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """List the lines that could not be mapped, with the reason and what they amount to."""
    rt = runtime()
    org = tenant_of(rt, org)
    past = {name for name, one in rt.documents.list(below(org, "deliveries")) if one["state"] in _FINAL_SHOWN}
    found = [
        line
        for line in read_lines(rt.objects, org, show_rows)
        if (line.delivery_id == delivery if delivery else line.delivery_id not in past)
    ]
    if as_json:
        print_json([_as_json(line, show_rows) for line in found])
    elif not found:
        console.print("Nothing is in quarantine: every line became a FOCUS row.", soft_wrap=True)
    else:
        for number, (_, lines) in enumerate(groupby(found, key=lambda line: line.delivery)):
            console.line(int(number > 0))
            _print(list(lines), show_rows)


def read_lines(objects: ObjectStore, org: str, with_rows: bool) -> list[QuarantinedLine]:
    """All quarantined lines of a tenant, by delivery, reason and line; source_row stays None unless it is asked for."""
    found: list[QuarantinedLine] = []
    with ExitStack() as stack:
        connection = stack.enter_context(engine())
        row = "source_row" if with_rows else "null"
        for stored in objects.list(f"quarantine/{org}/"):
            integration_id, billing_period, delivery_id = PurePosixPath(stored.uri).parts[-4:-1]
            path = stack.enter_context(objects.local(stored.uri))
            lines = connection.execute(
                f"select source_row_id, reason, amount, currency, {row} "
                f"from read_parquet({file_literal(str(path))}, hive_partitioning = false)"
            ).fetchall()
            found.extend(QuarantinedLine(integration_id, billing_period, delivery_id, *line) for line in lines)
    return sorted(found, key=lambda line: (line.delivery, line.reason, line.currency or "", line.source_row_id))


def _print(lines: list[QuarantinedLine], show_rows: bool) -> None:
    head = lines[0]
    console.print(
        joined(
            styled(f"{head.integration_id} {head.billing_period}", "bold"),
            " ",
            styled(head.delivery_id, "dim"),
            f": {len(lines):,} {'line' if len(lines) == 1 else 'lines'} in quarantine",
        ),
        soft_wrap=True,
    )
    shown = table("reason", "lines", "amount", "first line", numbers=("lines", "amount"))
    for (reason, currency), group in groupby(lines, key=lambda line: (line.reason, line.currency)):
        alike = list(group)
        shown.add_row(reason, f"{len(alike):,}", _amount(alike, currency), alike[0].source_row_id)
    console.print(shown)
    if show_rows:
        for line in lines:
            console.print(f"{line.source_row_id}: {line.source_row}", soft_wrap=True)


def _amount(lines: list[QuarantinedLine], currency: str | None) -> str | Text:
    known = [line.amount for line in lines if line.amount is not None]
    if not known:
        return styled("not readable", "dim")
    rest = "" if len(known) == len(lines) else " + ?"
    return f"{exact(add(known))} {currency or '(no currency)'}{rest}"


def _as_json(line: QuarantinedLine, show_rows: bool) -> dict[str, Any]:
    known = {name: value for name, value in vars(line).items() if name != "source_row" or show_rows}
    return known | {"amount": None if line.amount is None else plain(line.amount)}
