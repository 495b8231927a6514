"""Commands `deliveries`, `runs` and `restatements`: what came in, when, proved or not, and what it changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.text import Text

from common.domain.money import add, plain
from common.records.organizations import below
from common.runtime.bootstrap import runtime
from common.warehouse.cost_report import catalogued
from costwire.export import read_period
from costwire.given_up import end_forgotten
from costwire.output import AsJson, Org, console, exact, joined, money, print_json, stacked, styled, table
from costwire.quarantine import quarantine
from costwire.tenant import tenant_of

__all__ = ["deliveries", "quarantine", "restatements", "runs"]

Integration = Annotated[str | None, typer.Option("--integration", help="Only this integration.")]
Period = Annotated[str | None, typer.Option("--period", help="Only this billing period, YYYY-MM.")]

_STYLES = {
    "current": "green",
    "succeeded": "green",
    "rejected": "red",
    "failed": "red",
    "running": "yellow",
    "held": "yellow",
}
_NAMED_COLUMNS = 6


def deliveries(
    integration: Integration = None, period: Period = None, org: Org = "default", as_json: AsJson = False
) -> None:
    """List what came in, newest first: its state, its rows, and the proof of its total."""
    where = {"integration_id": integration, "billing_period": str(read_period(period)) if period else None}
    wanted = {name: value for name, value in where.items() if value is not None}
    rt = runtime()
    org = tenant_of(rt, org)
    found = [document for _, document in rt.documents.list(below(org, "deliveries"), wanted or None)]
    found.sort(key=lambda one: (one["delivered_at"], one["delivery_id"]), reverse=True)
    if as_json:
        print_json(found)
    elif not found:
        console.print("No deliveries yet. Start with: costwire import YOUR-BILL.csv", soft_wrap=True)
    else:
        shown = table("delivery", "state", "rows", "source total", numbers=("rows", "source total"))
        for one in found:
            shown.add_row(
                stacked(
                    f"{one['integration_id']} {one['billing_period'] or '(no month)'}",
                    styled(one["delivery_id"], "dim"),
                ),
                stacked(_styled(one["state"]), styled(_minute(one["delivered_at"]), "dim")),
                stacked(f"{one.get('rows', 0):,}", *_quarantined(one)),
                _proof(one),
            )
        console.print(shown)
        for line in (line for one in found for line in _remarks(one)):
            console.print(line, soft_wrap=True)


def _quarantined(delivery: Mapping[str, Any]) -> Iterable[Text]:
    lines = delivery.get("quarantined_rows", 0)
    if lines:
        yield styled(f"{lines:,} quarantined", "yellow")


def _proof(delivery: Mapping[str, Any]) -> Text:
    """The source's total of each currency, and whether every cent of it is accounted for."""
    lines: list[str | Text] = []
    for one in delivery.get("proof", ()):
        difference = Decimal(one["difference"])
        lines.append(f"{money(one['source'])} {one['currency'] or '(no currency)'}")
        lines.append(styled(f"off by {exact(difference)}", "red") if difference else styled("proved", "green"))
    refused = delivery["state"] == "rejected"
    nothing = styled("not readable", "red") if refused else styled("not proved yet", "dim")
    return stacked(*lines) if lines else nothing


def _remarks(delivery: Mapping[str, Any]) -> Iterable[Text]:
    name = styled(delivery["delivery_id"][:8], "bold")
    if delivery.get("reason"):
        yield joined(name, f" {delivery['reason']}")
    for note in delivery.get("notes", ()):
        yield joined(name, f" {note}")
    unknown = delivery.get("unknown_columns", ())
    if unknown:
        more = f" and {len(unknown) - _NAMED_COLUMNS} more; --json names them" if len(unknown) > _NAMED_COLUMNS else ""
        yield joined(name, f" {len(unknown)} columns are kept out: {', '.join(unknown[:_NAMED_COLUMNS])}{more}")
    failed = delivery.get("conformance", ())
    for rule in (one for one in failed if one["keyword"].startswith("MUST")):
        keyword = styled(f"FOCUS {rule['keyword']}", "red")
        yield joined(name, " ", keyword, f", {rule['count']:,} rows: {rule['text']} ({rule['rule']})")
    advice = sum(not one["keyword"].startswith("MUST") for one in failed)
    if advice:
        yield joined(name, " ", styled(f"{advice} FOCUS recommendations not met; --json lists them", "dim"))


def runs(integration: Integration = None, org: Org = "default", as_json: AsJson = False) -> None:
    """List synchronisations, newest first: who asked, how it ended, how much it brought."""
    sql = catalogued("runs")
    rt = runtime()
    org = tenant_of(rt, org)
    end_forgotten(rt, org)
    found = [row for row in rt.warehouse.query(org, sql) if integration in (None, row["integration_id"])]
    if as_json:
        print_json([_plain_row(row) for row in found])
    elif not found:
        console.print("No runs yet. Start with: costwire import YOUR-BILL.csv", soft_wrap=True)
    else:
        shown = table("integration", "asked by", "status", "started", "took", "rows", "size", numbers=_RUN_NUMBERS)
        for row in found:
            shown.add_row(
                row["integration_id"] or "",
                row["trigger"] or "",
                _styled(row["status"]),
                _minute(row["started_at"]),
                _took(row["started_at"], row["ended_at"]),
                f"{row['records'] or 0:,}",
                _size(row["bytes"] or 0),
            )
        console.print(shown)
        for row in found:
            if row["error"]:
                started = _minute(row["started_at"])
                console.print(
                    joined(styled(f"{row['integration_id'] or ''} {started}", "bold"), f" {row['error']}"),
                    soft_wrap=True,
                )


_RUN_NUMBERS = ("took", "rows", "size")


def restatements(
    integration: Integration = None, period: Period = None, org: Org = "default", as_json: AsJson = False
) -> None:
    """List what newer deliveries changed: which one replaced which, and by how much each service."""
    billing_period = str(read_period(period)) if period else None
    rt = runtime()
    org = tenant_of(rt, org)
    found = [
        row
        for row in rt.warehouse.query(org, catalogued("restatements"))
        if integration in (None, row["integration_id"]) and billing_period in (None, row["billing_period"])
    ]
    if as_json:
        print_json([_plain_row(row) for row in found])
    elif not found:
        console.print("Nothing was restated: no newer delivery changed a cost that was shown before.", soft_wrap=True)
    else:
        for number, (_, rows) in enumerate(groupby(found, key=_replacement)):
            console.line(int(number > 0))
            _print_restatement(list(rows))


def _replacement(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("replaced_at", "integration_id", "billing_period", "delivery_now"))


def _print_restatement(rows: Sequence[Mapping[str, Any]]) -> None:
    head = rows[0]
    console.print(
        joined(
            styled(f"{head['integration_id']} {head['billing_period']}", "bold"),
            f", {_minute(head['replaced_at'])} UTC: {head['delivery_now']} replaced {head['delivery_replaced']}",
        ),
        soft_wrap=True,
    )
    numbers = ("days", "before", "after", "change")
    shown = table("service", "days", "before", "after", "change", "", numbers=numbers)
    for (currency, service), group in groupby(rows, key=lambda row: (row["currency"], row["service_name"])):
        days = list(group)
        before, after, billed, effective = (add(row[name] for row in days) for name in _CHANGES)
        change = f"{billed:+,.2f}" if billed or not effective else f"effective {effective:+,.2f}"
        shown.add_row(service or "", f"{len(days)}", money(before), money(after), change, currency)
    console.print(shown)


_CHANGES = ("billed_cost_before", "billed_cost_after", "billed_cost_delta", "effective_cost_delta")


def _plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for programs: exact decimals as text, times in ISO form."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _styled(state: str) -> str | Text:
    style = _STYLES.get(state)
    return styled(state, style) if style else state


def _minute(moment: datetime | str | None) -> str:
    if moment is None:
        return ""
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{read.astimezone(UTC):%Y-%m-%d %H:%M}"


def _took(started_at: datetime | None, ended_at: datetime | None) -> str:
    if started_at is None or ended_at is None:
        return ""
    seconds = int((ended_at - started_at).total_seconds())
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"


def _size(size_bytes: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:,.1f} {unit}"
    return f"{size_bytes} B"
