"""Months of a ledger of subscriptions as bills: `saas://<organization>/<integration>`.

A file holds the lines of one billing month, up to today, and its version is its digest: a month that a change of the ledger leaves alone
stays the same file.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta

from common.domain.money import plain
from common.domain.saas.lines import NOTHING, TAX, USE, Entry, Line, bills
from common.domain.saas.subscription import DAILY
from common.ports.locations import Probe
from common.providers.made_files import MadeFiles

COLUMNS = (
    "line_id", "kind", "subscription_id", "vendor", "plan", "subscription_category", "cycle", "mode", "account", "billing_month",
    "charge_start", "charge_end", "currency", "billed_cost", "effective_cost", "list_unit_price", "contracted_unit_price", "quantity",
    "pricing_unit", "consumed_quantity", "consumed_unit", "formula_cost", "invoice_number", "description", "tags",
)  # fmt: skip


def bill_of(lines: Iterable[Line]) -> bytes:
    """The lines of a month as CSV: amounts as exact decimals, days as ISO 8601."""
    written = io.StringIO(newline="")
    table = csv.writer(written, lineterminator="\n")
    table.writerow(COLUMNS)
    for line in lines:
        cells = _cells(line)
        table.writerow([cells.get(name) or "" for name in COLUMNS])
    return written.getvalue().encode()


def ledger_location(uri: str, ledger: Callable[[], Iterable[Entry]], now: datetime) -> MadeFiles:
    """The months of a ledger that have charges by now, or had some before it was changed, each a file."""

    def make() -> dict[str, bytes]:
        return {f"{month}.csv": bill_of(lines) for month, lines in bills(ledger(), _tomorrow(now)).items()}

    probes = (
        Probe("identity", lambda: "the organization's own ledger"),
        Probe("reading", lambda: f"{len(list(ledger()))} subscriptions can be read"),
    )
    return MadeFiles(uri, make, now, probes)


def _tomorrow(now: datetime) -> date:
    return now.astimezone(UTC).date() + timedelta(days=1)


def _cells(line: Line) -> dict[str, str | None]:
    one, charge = line.subscription, line.charge
    cells = {
        "line_id": line.key,
        "kind": line.kind,
        "subscription_id": one.subscription_id,
        "vendor": one.vendor,
        "plan": one.plan,
        "subscription_category": one.category,
        "cycle": one.every or one.cycle,
        "mode": one.mode,
        "account": one.account,
        "billing_month": f"{line.month}-01",
        "charge_start": line.start.isoformat(),
        "charge_end": line.end.isoformat(),
        "currency": one.currency,
        "billed_cost": plain(line.billed_cost),
        "effective_cost": plain(line.effective_cost),
        "invoice_number": charge.number if charge and line.kind != USE else None,
        "description": _description(line),
        "tags": json.dumps(dict(one.tags), sort_keys=True, ensure_ascii=False) if one.tags else None,
    }
    if charge is None or line.kind == TAX or line.quantity is None:
        return cells
    of_seats = line.seats is not None
    return cells | {
        "list_unit_price": plain(charge.list_price),
        "contracted_unit_price": plain(charge.price),
        "quantity": plain(line.quantity),
        "pricing_unit": _unit(line),
        "consumed_quantity": plain_count(line.seats) if of_seats else "1",
        "consumed_unit": "Seats" if of_seats else "Days",
        "formula_cost": plain(charge.formula),
    }


def plain_count(seats: int | None) -> str:
    """A number of seats as a cell."""
    return "0" if not seats else str(seats)


def _unit(line: Line) -> str:
    length = line.subscription.length
    unit = length.unit if line.seats is None else f"Seat-{length.unit}"
    return unit if length.count == 1 else f"{length.count} {unit}"


def _description(line: Line) -> str:
    one = line.subscription
    name = f"{one.vendor} {one.plan}" if not one.plan.startswith(one.vendor) else one.plan
    if line.kind == NOTHING:
        return f"{name}: no charges in {line.month} any more"
    if line.kind == TAX:
        return f"{name}: tax"
    seats = "" if line.seats is None else f", {line.seats} {'seat' if line.seats == 1 else 'seats'}"
    if line.kind == USE:
        return f"{name}{seats}, {line.start}"
    prefix = {"term": "", "seats": "added seats, ", "credit": "given back, "}[line.kind]
    paid = "" if one.mode == DAILY else ", whole term"
    return f"{name}{seats}, {prefix}{line.start} to {line.end - timedelta(days=1)}{paid}"
