"""`costwire alerts list|show|ack|snooze`."""

from __future__ import annotations

import getpass
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from common.alerts import acknowledging as alerting
from common.domain.alerts import STATES
from common.domain.money import plain
from common.ports import Document
from common.reporting import alerts as reported
from common.reporting.alerts import AlertReport
from common.runtime.bootstrap import runtime
from costwire.messages import AGAIN, in_words, messages_lost
from costwire.output import AsJson, Org, console, money, print_json, table
from costwire.tenant import tenant_of

app = typer.Typer(help="List, show, acknowledge and snooze budget alerts.", no_args_is_help=True)
_SPAN = re.compile(r"(\d{1,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
AlertId = Annotated[str, typer.Argument(help="The alert's id, or a unique prefix of it.")]
By = Annotated[str | None, typer.Option("--by", help="Name of the user; the operating system's user name by default.")]


@app.command("list")
def list_alerts(
    state: Annotated[str | None, typer.Option("--state", help=f"Only one state: {', '.join(STATES)}.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Include resolved alerts.")] = False,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Show alerts, the newest first."""
    if state is not None and state not in STATES:
        raise typer.BadParameter(f"state is '{state}', expected one of {', '.join(STATES)}")
    rt = runtime()
    org = tenant_of(rt, org)
    wanted = reported.list_alerts(rt, org, state, resolved=everything)
    if as_json:
        print_json([one.as_json() for one in wanted])
        return
    if not wanted:
        console.print("No alerts.")
        return
    shown = {one.alert_id for one in wanted}
    lost = [one for one in messages_lost(rt, org) if one[0] in shown]
    made = table("alert", "state", "budget", "spend", "percent", "as of", numbers=("spend", "percent"))
    made.columns[0].no_wrap = True  # an id is copied whole; it names period and threshold
    for alert in wanted:
        made.add_row(*_row(alert))
    console.print(made)
    for found_id, whom, why in lost:
        console.print(f"{found_id}: not sent by {whom}: {why}; {AGAIN}", soft_wrap=True)


@app.command("show")
def show_alert(alert_id: AlertId, org: Org = "default", as_json: AsJson = False) -> None:
    """Show one alert: its states so far, and which recipient got which message."""
    rt = runtime()
    found = reported.show_alert(rt, tenant_of(rt, org), alert_id)
    if as_json:
        print_json(found.as_json())
        return
    alert = found.alert
    spend = f"{money(alert.current_spend)} {alert.currency}" if alert.current_spend is not None else "-"
    console.print(f"{alert.alert_id}: {alert.state}, {alert.budget_name or alert.kind}, spend {spend}", soft_wrap=True)
    for change in alert.document.get("history", ()):
        by = f" by {change['by']}" if change.get("by") else ""
        console.print(f"  {change['at'][:16].replace('T', ' ')} UTC  {change['state']}{by}", soft_wrap=True)
    for message in found.messages:
        console.print(f"  message {in_words(message)}", soft_wrap=True)
    if not found.messages:
        console.print("  no message was sent for it")


@app.command("ack")
def acknowledge_alert(alert_id: AlertId, by: By = None, org: Org = "default", as_json: AsJson = False) -> None:
    """Acknowledge an alert."""
    rt = runtime()
    org = tenant_of(rt, org)
    document = alerting.acknowledge_alert(rt, org, alert_id, by or _account())
    _say(document, f"Alert {document['alert_id']} is acknowledged by {document['acknowledged_by']}.", as_json)


@app.command("snooze")
def snooze_alert(
    alert_id: AlertId,
    span: Annotated[
        str | None, typer.Option("--for", help="Duration, such as 90m, 8h, 3d or 2w; one day by default.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="End of the snooze, YYYY-MM-DD or ISO 8601, in UTC.")
    ] = None,
    by: By = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Silence an alert for a while; if spend is still over the threshold then, the next evaluation reopens it."""
    rt = runtime()
    org = tenant_of(rt, org)
    end = _until(span, until, rt.clock.now())
    document = alerting.snooze_alert(rt, org, alert_id, end, by or _account())
    _say(document, f"Alert {document['alert_id']} is snoozed until {end:%Y-%m-%d %H:%M} UTC.", as_json)


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise typer.BadParameter("this account has no name; give yours with --by") from None


def _row(alert: AlertReport) -> list[str]:
    return [
        alert.alert_id,
        alert.state,
        alert.budget_name or alert.kind,
        f"{money(alert.current_spend)} {alert.currency}" if alert.current_spend is not None else "-",
        f"{plain(alert.percent)} %" if alert.percent is not None else "-",
        f"{alert.as_of:%Y-%m-%d}" if alert.as_of else "-",
    ]


def _until(span: str | None, until: str | None, now: datetime) -> datetime:
    if span is not None and until is not None:
        raise typer.BadParameter("give --for or --until, not both")
    if until is not None:
        try:
            moment = datetime.fromisoformat(until)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise typer.BadParameter(f"--until is '{until}', expected a day such as 2026-03-01") from None
    found = _SPAN.fullmatch(span or "1d")
    if not found:
        raise typer.BadParameter(f"--for is '{span}', expected a number and m, h, d or w, as in 3d")
    return now + timedelta(**{_UNITS[found[2]]: int(found[1])})


def _say(document: Document, sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        console.print(sentence)
