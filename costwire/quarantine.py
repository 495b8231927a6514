"""Command `quarantine`: lines without a FOCUS row, and the reasons."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from common.ports import Runtime
from common.records.deliveries import REJECTED
from common.reporting.deliveries import list_deliveries
from common.reporting.quarantine import QuarantinedDelivery, QuarantineReason, list_quarantine
from common.runtime.bootstrap import runtime
from costwire.output import AsJson, Org, console, exact, joined, print_json, styled, table
from costwire.tenant import tenant_of


def quarantine(
    delivery: Annotated[
        str | None,
        typer.Option(
            "--delivery", help="Only this delivery, by its id or a unique prefix, even if it has been replaced."
        ),
    ] = None,
    show_rows: Annotated[
        bool, typer.Option("--show-rows", help="Print the lines themselves; --json prints them exactly as delivered.")
    ] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """List the lines that could not be mapped, with the reason and the amount."""
    rt = runtime()
    org = tenant_of(rt, org)
    found = list_quarantine(rt, org, delivery, show_rows)
    if as_json:
        print_json([line.as_json(show_rows) for one in found for line in one.lines])
    elif not found:
        console.print(_nothing(rt, org), soft_wrap=True)
    else:
        for number, one in enumerate(found):
            console.line(int(number > 0))
            _print(one, show_rows)


def _nothing(rt: Runtime, org: str) -> str:
    """Why no line is in quarantine: not before bills were read does it say anything of their lines."""
    states = [one.state for one in list_deliveries(rt, org)]
    if not states:
        return "No deliveries yet. Start with: costwire import YOUR-BILL.csv"
    if REJECTED in states:
        count = states.count(REJECTED)
        are = "1 delivery is" if count == 1 else f"{count} deliveries are"
        return f"Nothing is in quarantine, but {are} rejected: costwire deliveries shows why."
    return "Nothing is in quarantine: every line became a FOCUS row."


def _print(found: QuarantinedDelivery, show_rows: bool) -> None:
    count = len(found.lines)
    console.print(
        joined(
            styled(f"{found.integration_id} {found.billing_period}", "bold"),
            " ",
            styled(found.delivery_id, "dim"),
            f": {count:,} {'line' if count == 1 else 'lines'} in quarantine",
        ),
        soft_wrap=True,
    )
    shown = table("reason", "lines", "amount", "first line", numbers=("lines", "amount"))
    for one in found.reasons():
        shown.add_row(one.reason, f"{one.lines:,}", _amount(one), one.first_line)
    console.print(shown)
    if show_rows:
        for line in found.lines:
            console.print(f"{line.source_row_id}: {line.source_row}", soft_wrap=True)


def _amount(one: QuarantineReason) -> str | Text:
    if one.amount is None:
        return styled("not readable", "dim")
    return f"{exact(one.amount)} {one.currency or '(no currency)'}{' + ?' if one.unreadable else ''}"
