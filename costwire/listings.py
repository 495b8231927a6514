"""What `deliveries` lists, and commands `runs` and `restatements`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from common.ports import Runtime
from common.records.sizes import in_words
from common.reporting.arguments import read_day
from common.reporting.deliveries import DeliveryReport, check_integration, count_past, list_deliveries
from common.reporting.restatements import Restatement, list_restatements, listed_since
from common.reporting.runs import RunReport, list_runs
from common.runtime.bootstrap import runtime
from costwire.arguments import read_period, usage_errors
from costwire.dead_letters import end_forgotten
from costwire.output import AsJson, Org, console, exact, joined, money, print_json, stacked, styled, table
from costwire.quarantine import quarantine
from costwire.tenant import tenant_of

__all__ = ["print_deliveries", "quarantine", "restatements", "runs"]

Integration = Annotated[str | None, typer.Option("--integration", help="Only this integration.")]
Period = Annotated[str | None, typer.Option("--period", help="Only this billing period, YYYY-MM.")]

_STYLES = {
    "current": "green",
    "succeeded": "green",
    "rejected": "red",
    "failed": "red",
    "running": "yellow",
    "held": "yellow",
    "waiting": "yellow",
}
_NAMED_COLUMNS = 6


def print_deliveries(org: str, integration: str | None, period: str | None, as_json: bool) -> None:
    """The list: state, rows, and the proof of the total."""
    rt = runtime()
    org = tenant_of(rt, org)
    found = list_deliveries(rt, org, integration, read_period(period))
    if as_json:
        print_json([one.as_json() for one in found])
    elif not found:
        console.print(_no_deliveries(rt, org, integration, period), soft_wrap=True)
    else:
        shown = table("delivery", "state", "rows", "source total", numbers=("rows", "source total"))
        for one in found:
            shown.add_row(
                stacked(
                    f"{one.integration_id} {one.billing_period or '(no month)'}",
                    styled(one.delivery_id, "dim"),
                ),
                stacked(
                    joined(_styled(one.state), f", {one.watermark}" if one.watermark else ""),
                    styled(_minute(one.delivered_at), "dim"),
                ),
                stacked(f"{one.rows:,}", *_quarantined(one)),
                _proof(one),
            )
        console.print(shown)
        for line in (line for one in found for line in _remarks(one)):
            console.print(line, soft_wrap=True)
    if not as_json:
        _print_past(rt, org, integration, period)


def _print_past(rt: Runtime, org: str, integration: str | None, period: str | None) -> None:
    """How many more there were."""
    count = count_past(rt, org, integration, read_period(period))
    if count:
        several = f"{count:,} earlier deliveries are" if count > 1 else "1 earlier delivery is"
        console.print(
            styled(f"{several} not listed: the files are past their life (costwire retention)", "dim"), soft_wrap=True
        )


def _no_deliveries(rt: Runtime, org: str, integration: str | None = None, period: str | None = None) -> str:
    """What there is instead of the deliveries that were asked for.  Raises NotFound for an integration that does not exist."""
    known = list_deliveries(rt, org)
    if not known:
        return "No deliveries yet. Start with: costwire import YOUR-BILL.csv"
    if integration and integration not in {one.integration_id for one in known}:
        check_integration(rt, org, integration)
    of = [one for one in known if integration in (None, one.integration_id)]
    months = ", ".join(sorted({one.billing_period for one in of if one.billing_period}))
    asked = " ".join(one for one in (integration, period) if one)
    return f"No deliveries of {asked}." + (f" There are deliveries of {months}." if period and months else "")


def _quarantined(delivery: DeliveryReport) -> Iterable[Text]:
    if delivery.quarantined_rows:
        yield styled(f"{delivery.quarantined_rows:,} quarantined", "yellow")


def _proof(delivery: DeliveryReport) -> Text:
    """The source's total of each currency, and whether every cent of it is accounted for."""
    lines: list[str | Text] = []
    for one in delivery.proof:
        lines.append(f"{money(one.source)} {one.currency or '(no currency)'}")
        proved = styled("proved", "green")
        lines.append(styled(f"off by {exact(one.difference)}", "red") if one.difference else proved)
    refused = delivery.state == "rejected"
    nothing = styled("not readable", "red") if refused else styled("not proved yet", "dim")
    return stacked(*lines) if lines else nothing


def _remarks(delivery: DeliveryReport) -> Iterable[Text]:
    name = styled(delivery.delivery_id[:8], "bold")
    if delivery.reason:
        yield joined(name, f" {delivery.reason}")
    for note in delivery.notes:
        yield joined(name, f" {note}")
    unknown = delivery.unknown_columns
    if unknown:
        more = f" and {len(unknown) - _NAMED_COLUMNS} more; --json names them" if len(unknown) > _NAMED_COLUMNS else ""
        yield joined(
            name,
            f" {len(unknown)} columns are not recognized and are ignored: {', '.join(unknown[:_NAMED_COLUMNS])}{more}",
        )
    for rule in (one for one in delivery.failed_rules if one.binding):
        keyword = styled(f"FOCUS {rule.keyword}", "red")
        yield joined(name, " ", keyword, f", {rule.count:,} rows: {rule.text} ({rule.rule})")
    advice = sum(not one.binding for one in delivery.failed_rules)
    if advice:
        yield joined(name, " ", styled(f"{advice} FOCUS recommendations not met; --json lists them", "dim"))


def runs(integration: Integration = None, org: Org = "default", as_json: AsJson = False) -> None:
    """List synchronisations, newest first: trigger, result, rows and size."""
    rt = runtime()
    org = tenant_of(rt, org)
    end_forgotten(rt, org)
    found = list_runs(rt, org, integration)
    if as_json:
        print_json([one.as_json() for one in found])
    elif not found:
        if integration:
            check_integration(rt, org, integration)
        of = f" of {integration}" if integration else ""
        console.print(f"No runs{of} yet. Start with: costwire import YOUR-BILL.csv", soft_wrap=True)
    else:
        shown = table("integration", "requested by", "status", "started", "took", "rows", "size", numbers=_RUN_NUMBERS)
        for one in found:
            shown.add_row(
                one.integration_id or "",
                one.trigger or "",
                _styled(one.status),
                _minute(one.started_at),
                _took(one),
                f"{one.records or 0:,}",
                in_words(one.bytes or 0),
            )
        console.print(shown)
        for one in found:
            if one.error:
                name = styled(f"{one.integration_id or ''} {_minute(one.started_at)}", "bold")
                console.print(joined(name, f" {one.error}"), soft_wrap=True)


_RUN_NUMBERS = ("took", "rows", "size")


def restatements(
    integration: Integration = None,
    period: Period = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="Only replacements after this day, YYYY-MM-DD (UTC), as costs --as-known-on has it."
        ),
    ] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """List what newer deliveries changed: which delivery replaced which, and the difference per service."""
    with usage_errors():
        day = read_day(since) if since else None
    rt = runtime()
    org = tenant_of(rt, org)
    found = list_restatements(rt, org, integration, read_period(period), day)
    if as_json:
        print_json([day.as_json() for one in found for day in one.days])
    elif not found:
        after = f" since {day}" if day else ""
        if not list_deliveries(rt, org, integration, read_period(period)):
            console.print(_no_deliveries(rt, org, integration, period), soft_wrap=True)
            return
        console.print(
            f"Nothing was restated{after}: no newer delivery changed a cost that was already shown.", soft_wrap=True
        )
    else:
        for number, one in enumerate(found):
            console.line(int(number > 0))
            _print_restatement(one)
    if not as_json:
        _print_forgotten(rt, org)


def _print_forgotten(rt: Runtime, org: str) -> None:
    """That the list may not reach back to the beginning."""
    since = listed_since(rt, org)
    if since is not None:
        words = f"Of {since:%Y-%m-%d %H:%M} UTC and before, restatements past their life are not listed (costwire retention)"
        console.print(styled(words, "dim"), soft_wrap=True)


def _print_restatement(one: Restatement) -> None:
    console.print(
        joined(
            styled(f"{one.integration_id} {one.billing_period}", "bold"),
            f", {_minute(one.replaced_at)} UTC: {one.delivery_now} replaced {one.delivery_replaced}",
        ),
        soft_wrap=True,
    )
    numbers = ("days", "before", "after", "change")
    shown = table("service", "days", "before", "after", "change", "", numbers=numbers)
    for service in one.services():
        billed, effective = service.billed_cost_delta, service.effective_cost_delta
        shown.add_row(
            service.service_name or "",
            f"{service.days}",
            money(service.billed_cost_before),
            money(service.billed_cost_after),
            f"{billed:+,.2f}" if billed or not effective else f"effective {effective:+,.2f}",
            service.currency,
        )
    console.print(shown)


def _styled(state: str) -> str | Text:
    style = _STYLES.get(state)
    return styled(state, style) if style else state


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _took(run: RunReport) -> str:
    seconds = run.took_seconds
    if seconds is None:
        return ""
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"
