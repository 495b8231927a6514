"""Alerts: what is open, who has taken it on, and the life of each as a timeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from common.alerts.acknowledging import acknowledge_alert, snooze_alert
from common.budgets.manage import list_budgets
from common.domain.alerts import ACKNOWLEDGED, ACTIVE, OPEN, RESOLVED, RETRACTED, SNOOZED
from common.domain.budgets import FORECAST
from common.domain.money import plain
from common.reporting.alerts import AlertReport, list_alerts, show_alert
from web.api.shapes import Asked
from web.pages.screen import Call, Goto, Screen, Screens, read_form

screens = Screens()
TABS = {"open": "Open", "acknowledged": "Acknowledged", "snoozed": "Snoozed", "ended": "Ended"}
_STATES = {"open": (OPEN,), "acknowledged": (ACKNOWLEDGED,), "snoozed": (SNOOZED,), "ended": (RESOLVED, RETRACTED)}
_SPANS = {"1d": timedelta(days=1), "3d": timedelta(days=3), "7d": timedelta(days=7)}


class AlertsPage(Asked):
    """Which tab."""

    state: Literal["open", "acknowledged", "snoozed", "ended"] = "open"


class SnoozeForm(Asked):
    """For how long.  period: until the end of the budget's period."""

    span: Literal["1d", "3d", "7d", "period"] = Field("1d")


@dataclass(frozen=True)
class Tab:
    """A tab with how many alerts are in it."""

    name: str
    title: str
    count: int


@screens.get("/{org}/alerts")
def alerts(call: Call, query: AlertsPage) -> Screen:
    """Alerts by where they stand."""
    found = list_alerts(call.rt, call.org_slug, resolved=True)
    tabs = [Tab(name, title, sum(one.state in _STATES[name] for one in found)) for name, title in TABS.items()]
    shown = [one for one in found if one.state in _STATES[query.state]]
    budgets = list_budgets(call.rt, call.org_slug) if not found or not shown else []
    checked = max((one.facts["evaluated_at"] for one in budgets if one.facts), default=None)
    context = {
        "tabs": tabs,
        "state": query.state,
        "alerts": shown,
        "budgets_watched": len(budgets),
        "checked": checked,
        "sentence": sentence,
    }
    return Screen("alerts.html", "Alerts", "alerts", context)


@screens.get("/{org}/alerts/{alert_id}")
def alert(call: Call, alert_id: str) -> Screen:
    """One alert: its life, and who got which message."""
    found = show_alert(call.rt, call.org_slug, alert_id)
    context = {
        "alert": found.alert,
        "sentence": sentence,
        "history": found.alert.document.get("history", ()),
        "messages": found.messages,
        "active": found.alert.state in ACTIVE,
        "period_end": _period_end(found.alert, call.rt.clock.now()),
    }
    return Screen("alert.html", sentence(found.alert), "alerts", context)


@screens.post("/{org}/alerts/{alert_id}/acknowledge", action="alert.acknowledge")
def acknowledge(call: Call, alert_id: str) -> Goto:
    """The user takes the alert on."""
    done = acknowledge_alert(call.rt, call.org_slug, alert_id, call.caller.name)
    return Goto(f"/{call.org_slug}/alerts/{done['alert_id']}")


@screens.post("/{org}/alerts/{alert_id}/snooze", action="alert.snooze")
def snooze(call: Call, alert_id: str) -> Goto:
    """The alert stays quiet for a while."""
    form, now = read_form(SnoozeForm), call.rt.clock.now()
    if form.span == "period":
        until = _period_end(show_alert(call.rt, call.org_slug, alert_id).alert, now) or now + _SPANS["1d"]
    else:
        until = now + _SPANS[form.span]
    done = snooze_alert(call.rt, call.org_slug, alert_id, until, call.caller.name)
    return Goto(f"/{call.org_slug}/alerts/{done['alert_id']}")


def sentence(alert: AlertReport) -> str:
    """What it is about, in one sentence."""
    document = alert.document
    if alert.budget_name is None:
        what = " ".join(filter(None, (document.get("integration"), document.get("period"))))
        return f"{what or alert.kind}: a delivery was rejected, its total differs from the source"
    percent = f"{plain(alert.threshold_percent)} %"
    period = f" in {document['period']}" if document.get("period") else ""
    if f"-{FORECAST}-" in alert.alert_id:
        return f"{alert.budget_name} is forecast to reach {percent} of its amount{period}"
    return f"{alert.budget_name} has reached {percent} of its amount{period}"


def _period_end(alert: AlertReport, now: datetime) -> datetime | None:
    text = alert.document.get("period_end")
    end = datetime.fromisoformat(text) if text else None
    return end if end is not None and end > now else None
