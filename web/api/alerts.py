"""Alerts: where they stand, and taking them on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from common.alerts.acknowledging import acknowledge_alert, snooze_alert
from common.domain.alerts import STATES
from common.errors import NotFound
from common.reporting.alerts import AlertDetails, list_alerts, show_alert
from web.api.declare import Call, Routes
from web.api.paging import Paged, page
from web.api.shapes import Asked, Moment

routes = Routes("Alerts")
_PATH = "/api/v1/organizations/{org}/alerts"
AlertId = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,200}$", description="The alert's id")]
State = Literal["open", "acknowledged", "snoozed", "resolved", "retracted"]


class Alert(BaseModel):
    """One alert."""

    model_config = ConfigDict(extra="allow")

    alert_id: str
    type: str
    state: State
    triggered_at: Moment


class Alerts(BaseModel):
    """Alerts, the newest first."""

    alerts: list[Alert]
    next: str | None


class AlertsOf(Paged):
    """Which alerts."""

    state: State | None = Field(None, description="Only this state; all but resolved ones by default")


class AlertStatus(BaseModel):
    """How many alerts are in each state."""

    states: dict[str, int]
    alerts: list[Alert] = Field(description="Those that are open")


class Note(Asked):
    """Who takes it on."""

    by: str | None = Field(None, min_length=1, max_length=100, description="The key's name by default")


class Snooze(Note):
    """Until when it is quiet."""

    until: AwareDatetime


@routes.get("/api/alerts/status", f"{_PATH}/status", answer=AlertStatus)
def alert_status(call: Call) -> dict[str, Any]:
    """How many alerts are in each state, and the open ones."""
    found = list_alerts(call.rt, call.org_slug, resolved=True)
    counts = Counter(one.state for one in found)
    return {
        "states": {state: counts[state] for state in STATES},
        "alerts": [one.as_json() for one in found if one.state == "open"],
    }


@routes.get(_PATH, answer=Alerts)
def list_all_alerts(call: Call, query: AlertsOf) -> dict[str, Any]:
    """The alerts, the newest first."""
    found = list_alerts(call.rt, call.org_slug, query.state)
    shown, after = page(found, lambda one: (one.triggered_at, one.alert_id), query)
    return {"alerts": [one.as_json() for one in shown], "next": after}


@routes.get(f"{_PATH}/{{alert_id}}", answer=Alert)
def get_alert(call: Call, alert_id: AlertId) -> dict[str, Any]:
    """One alert with its history and its messages."""
    return _exactly(call, alert_id).as_json()


@routes.post(f"{_PATH}/{{alert_id}}/acknowledge", answer=Alert, action="alert.acknowledge")
def acknowledge(call: Call, alert_id: AlertId, body: Note) -> dict[str, Any]:
    """Take an alert on."""
    _exactly(call, alert_id)
    return acknowledge_alert(call.rt, call.org_slug, alert_id, body.by or call.caller.name)


@routes.post(f"{_PATH}/{{alert_id}}/snooze", answer=Alert, action="alert.snooze")
def snooze(call: Call, alert_id: AlertId, body: Snooze) -> dict[str, Any]:
    """Silence an alert until a moment; the next evaluation after it reopens it if spend is still over."""
    _exactly(call, alert_id)
    return snooze_alert(call.rt, call.org_slug, alert_id, body.until.astimezone(UTC), body.by or call.caller.name)


def _exactly(call: Call, alert_id: str) -> AlertDetails:
    """The alert of this id, not one that begins so."""
    found = show_alert(call.rt, call.org_slug, alert_id)
    if found.alert.alert_id != alert_id:
        raise NotFound(f"there is no alert {alert_id}")
    return found
