"""Rendering a notification document for each channel: subject, plain text, HTML and Slack blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape

from common.alerts import wording
from common.alerts.blocks import to_blocks
from common.domain.alerts import OPEN, RETRACTED
from common.domain.budget_alerts import TYPES
from common.domain.budgets import ACTUAL, FORECAST
from common.domain.filling import filling_notes
from common.domain.legible import one_line
from common.domain.money import plain
from common.domain.one_view import one_view_notes
from common.ports import DailyChart, Document, Notification
from common.records.organizations import org_option


@dataclass(frozen=True)
class Letter:
    """A message in words, before it takes a channel's form; whatever a name holds, each of them is one line fit for people.

    rows: label and value; notes: sentences of small print.  link: the alert's page.
    """

    subject: str
    headline: str
    rows: tuple[tuple[str, str], ...]
    drivers: tuple[str, ...]
    notes: tuple[str, ...]
    chart: DailyChart | None = None
    link: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", _one_line(self.subject))
        object.__setattr__(self, "headline", _one_line(self.headline))
        object.__setattr__(self, "rows", tuple((_one_line(label), _one_line(value)) for label, value in self.rows))
        object.__setattr__(self, "drivers", tuple(map(_one_line, self.drivers)))
        object.__setattr__(self, "notes", tuple(map(_one_line, self.notes)))


def render(document: Document, org_slug: str, public_url: str | None = None) -> Notification:
    """What to send for a notification document; the same document gives the same words.  public_url: of the dashboard."""
    facts = document["facts"]
    budgets = facts["type"] in TYPES.values()
    letter = budget_letter(facts, document["state"]) if budgets else plain_letter(facts)
    if public_url:
        letter = replace(
            letter, link=f"{public_url.rstrip('/')}/{org_slug}/alerts/{quote(document['alert_id'], safe='')}"
        )
    if document["state"] == OPEN:
        command = f"costwire alerts ack {document['alert_id']}{org_option(org_slug)}"
        letter = replace(letter, notes=(*letter.notes, f"To acknowledge: {command}"))
    return Notification(
        notification_id=f"{org_slug}-{document['notification_id']}",
        subject=letter.subject,
        text=_filled("message.txt.j2", letter),
        html=_filled("message.html.j2", letter),
        blocks=to_blocks(letter.headline, letter.rows, letter.drivers, letter.notes, letter.link),
        chart=letter.chart,
    )


def budget_letter(facts: Mapping[str, Any], state: str) -> Letter:
    """The words of a budget's alert.  state: open or retracted."""
    return Letter(
        subject=f"[Costwire] {_subject(facts, state)}",
        headline=_headline(facts, state),
        rows=tuple(_rows(facts)),
        drivers=tuple(_drivers(facts)),
        notes=tuple(_notes(facts)),
        chart=_chart(facts),
    )


def plain_letter(facts: Mapping[str, Any]) -> Letter:
    """The words of any other alert.  facts: `title`, and `lines` of label and value (a mapping)."""
    title = str(facts["title"])
    rows = tuple((label, str(value)) for label, value in facts.get("lines", {}).items())
    return Letter(f"[Costwire] {title}", title, rows, (), tuple(facts.get("notes", ())))


def _subject(facts: Mapping[str, Any], state: str) -> str:
    name, amount, currency = facts["budget_name"], wording.number(facts["amount"]), facts["currency"]
    threshold = f"{facts['threshold_percent']} %"
    if facts["basis"] == ACTUAL:
        figures = f"({wording.number(facts['current_spend'])} of {amount} {currency})"
        if state == RETRACTED:
            return f'Retracted: cloud budget "{name}" is back under {threshold} {figures}'
        return f'Cloud budget "{name}" at {wording.whole_percent(facts["percent"])} {figures}'
    figures = f"({wording.number(facts['projected'])} of {amount} {currency} projected)"
    if state == RETRACTED:
        return f'Retracted: cloud budget "{name}" is no longer projected to reach {threshold} {figures}'
    return f'Cloud budget "{name}" is projected to reach {wording.whole_percent(facts["projected_percent"])} {figures}'


def _headline(facts: Mapping[str, Any], state: str) -> str:
    name, threshold = facts["budget_name"], f"{facts['threshold_percent']} %"
    if facts["basis"] == FORECAST:
        if state == RETRACTED:
            return f'Retracted: the projection of budget "{name}" is back under {threshold}'
        return f'Budget "{name}" is projected to reach {threshold} by the end of the period'
    if state == RETRACTED:
        return f'Retracted: budget "{name}" is back under {threshold}'
    return f'Budget "{name}" has reached {threshold}'


def _rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    currency = facts["currency"]
    rows = [
        ("Budget", f"{wording.money(facts['amount'], currency)} for {facts['period']}"),
        ("Spend", f"{wording.money(facts['current_spend'], currency)} ({wording.percent(facts['percent'])})"),
        ("Threshold", f"{facts['threshold_percent']} % = {wording.money(facts['threshold_amount'], currency)}"),
        ("Period", _period(facts)),
    ]
    rows += _outlook(facts)
    rows.append(("Scope", f"{facts['scope']}; {facts['metric']}, by {facts['counted_by']}"))
    if facts["owner"]:
        rows.append(("Owner", facts["owner"]))
    return rows


def _period(facts: Mapping[str, Any]) -> str:
    span = f"{wording.day(facts['period_start'])} to {wording.last_day(facts['period_end'])}"
    if facts["period_open"]:
        return f"{span}, still open (day {facts['days_elapsed']} of {facts['days']})"
    return f"{span}, closed"


def _outlook(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not facts["period_open"]:
        return [("Projection", "none, the period has ended")]
    currency = facts["currency"]
    if facts["projected"] is None:
        rows = [("Projection", "none yet, needs five full days with charges")]
    else:
        projected = f"{wording.money(facts['projected'], currency)} ({wording.percent(facts['projected_percent'])})"
        rows = [("Projection", f"{projected}, at the pace so far")]
    forecast = facts["forecast"]
    if forecast is not None:
        between = f"{wording.number(forecast['low'])} and {wording.number(forecast['high'])}"
        expected = wording.money(forecast["expected"], currency)
        rows.append(("Forecast", f"{expected}, 80 % likely between {between}"))
    return rows


def _chart(facts: Mapping[str, Any]) -> DailyChart | None:
    """The period's days up to the newest one with charges; None where there are fewer than two to compare."""
    spent = {date.fromisoformat(day): Decimal(amount) for day, amount in facts.get("daily", {}).items()}
    if len(spent) < 2:
        return None
    first, last = min(spent), max(spent)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    highest = max(spent, key=lambda day: spent[day])
    title = (
        f"Spend by day, {first} to {last}; the highest is "
        f"{wording.money(plain(spent[highest]), facts['currency'])} on {highest}"
    )
    filling = facts.get("filling_from")
    open_days = sum(day >= date.fromisoformat(filling) for day in days) if filling else 0
    return DailyChart(title, tuple(spent.get(day, Decimal(0)) for day in days), open_days)


def _drivers(facts: Mapping[str, Any]) -> list[str]:
    currency = facts["currency"]
    lines = []
    for driver in facts["drivers"]:
        change = driver["change"]
        against = "" if change is None else f" ({wording.signed(change)} against the same days of the period before)"
        lines.append(f"{driver['service']}: {wording.money(driver['spend'], currency)}{against}")
    grown = facts["largest_increase"]
    if grown is not None:
        lines.append(f"Largest increase: {grown['service']}, {wording.signed(grown['change'])} {currency}")
    return lines


def _notes(facts: Mapping[str, Any]) -> list[str]:
    notes = filling_notes(facts) + one_view_notes(facts.get("one_view", ()))
    notes += [
        f"Not counted: {wording.charges(other['charges'])} of {wording.money(other['spend'], other['currency'])} "
        f"in scope, since the budget is in {facts['currency']}."
        for other in facts["not_counted"]
    ]
    notes.append(
        f"As of: latest charge {wording.moment(facts['as_of'])}, delivered {wording.moment(facts['delivered_at'])}."
    )
    if facts["period_open"]:
        notes.append("The period is still open: the spend will change.")
    else:
        notes.append("The period is closed: only a late or corrected bill can change the spend.")
    return notes


def _one_line(text: str) -> str:
    return " ".join(one_line(text).split())


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(lambda name: files(__package__).joinpath("templates", name).read_text(encoding="utf-8")),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _filled(name: str, letter: Letter) -> str:
    return _environment().get_template(name).render(letter=letter)
