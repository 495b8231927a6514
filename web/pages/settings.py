"""Settings: where bills come from, keys of the API, exchange rates, and how long everything is stored."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import Field

from common.domain.api_keys import InvalidKeyRequest, Role
from common.domain.checks import PASSED
from common.domain.money import plain
from common.errors import BadConfiguration, CostError, NotFound, Permanent
from common.ingestion.checking import check_integration, last_check
from common.ingestion.due_checks import Checked
from common.ingestion.syncing import sync
from common.providers.registry import TITLES
from common.reporting.integrations import IntegrationReport, list_integrations, show_integration
from common.retention.lives import list_lives, set_life
from common.tenancy import api_keys, integrations, rates
from common.tenancy.api_keys import KeyRequest, NewKey
from common.tenancy.node_splits import set_split
from common.tenancy.schedules import HOURS, OFF, set_sync_interval, shown_sync_schedule
from common.warehouse.rates import COLUMNS
from web.api.audit import AuditOf, asked_records
from web.api.shapes import Asked
from web.pages.data_views import grouped_fixes
from web.pages.screen import Call, Goto, Needs, Screen, Screens, read_form

screens = Screens()
_LONGEST_VALUE = 200
_LIVES = {
    "": None,
    "1d": timedelta(days=1),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "365d": timedelta(days=365),
}
_OVERLAPS = {"0": timedelta(), "1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}


class CheckPage(Asked):
    """check: try the connection now."""

    check: bool = False


class NameForm(Asked):
    """What was typed to confirm."""

    name: str = Field("", max_length=200)


class KeyForm(Asked):
    """A key that is wanted."""

    name: str = Field("", max_length=100)
    role: Role = Role.VIEWER
    lives: Literal["", "1d", "30d", "90d", "365d"] = ""


class RotateForm(Asked):
    """How long the old key still works."""

    overlap: Literal["0", "1d", "7d", "30d"] = "1d"


class RatesForm(Asked):
    """The rates as the text of a file."""

    csv: str = Field("", max_length=200_000)


class LifeForm(Asked):
    """A new life of one kind."""

    kind: str = Field(max_length=60)
    days: int


class ScheduleForm(Asked):
    """How often bills are fetched."""

    hours: int


@screens.get("/{org}/settings")
def settings(call: Call) -> Goto:
    """The first of them."""
    return Goto(f"/{call.org_slug}/settings/integrations")


@screens.get("/{org}/settings/integrations")
def all_integrations(call: Call) -> Screen:
    """Where bills come from, and whether that works."""
    schedule = shown_sync_schedule(call.rt, call.org_slug)
    context = {
        "tab": "integrations",
        "integrations": list_integrations(call.rt, call.org_slug),
        "titles": TITLES,
        "schedule": schedule,
        "hours": (OFF, *HOURS),
        "off": OFF,
    }
    return Screen("settings_integrations.html", "Integrations", "settings", context)


@screens.post("/{org}/settings/schedule", action="schedule.change")
def schedule(call: Call) -> Goto:
    """Fetch bills at another interval from now on."""
    set_sync_interval(call.rt, call.org_slug, read_form(ScheduleForm).hours)
    return Goto(f"/{call.org_slug}/settings/integrations")


@screens.get("/{org}/settings/integrations/{integration_id}")
def integration(call: Call, integration_id: str, query: CheckPage) -> Screen:
    """One integration: its state, its checks with their fixes, and its history."""
    return _integration(call, integration_id, query.check)


@screens.post("/{org}/settings/integrations/{integration_id}/{action}", action="integration.{action}")
def act(
    call: Call, integration_id: str, action: Literal["pause", "resume", "split", "whole", "sync", "remove"]
) -> Goto | Screen:
    """Pause, resume, split a cluster's nodes or show them whole, fetch now, or remove once its name is typed."""
    by, org_slug = call.caller.name, call.org_slug
    address = f"/{org_slug}/settings/integrations/{integration_id}"
    if action == "pause":
        integrations.pause(call.rt, org_slug, integration_id, by)
    elif action == "resume":
        integrations.resume(call.rt, org_slug, integration_id, by)
    elif action in ("split", "whole"):
        set_split(call.rt, org_slug, integration_id, action == "split", by)
    elif action == "sync":
        requested = sync(call.rt, org_slug, None, integration_id, [])
        return Goto(f"/{org_slug}/data/runs/{requested.run_ids[0]}" if requested.run_ids else address)
    elif read_form(NameForm).name.strip() != integration_id:
        return _integration(
            call, integration_id, False, "the name that was typed is not the integration's; nothing was removed"
        )
    else:
        integrations.remove(call.rt, org_slug, integration_id)
        return Goto(f"/{org_slug}/settings/integrations")
    return Goto(address)


@screens.get("/{org}/settings/keys", needs=Needs.OWNER)
def keys(call: Call) -> Screen:
    """The keys that open the API."""
    return _keys(call)


@screens.post("/{org}/settings/keys", needs=Needs.OWNER, action="key.create")
def new_key(call: Call) -> Screen:
    """Make a key; this page is the only one that shows it."""
    form = read_form(KeyForm)
    lives, now = _LIVES[form.lives], call.rt.clock.now()
    try:
        request = KeyRequest(form.name.strip(), form.role, now + lives if lives else None)
        return _keys(call, made=api_keys.create_key(call.rt, call.org_slug, request, call.caller.name))
    except InvalidKeyRequest as error:
        return _keys(call, fault=str(error))


@screens.post("/{org}/settings/keys/{key_id}/rotate", needs=Needs.OWNER, action="key.rotate")
def rotate_key(call: Call, key_id: str) -> Screen:
    """Make a key like this one, which ends after the overlap."""
    overlap = _OVERLAPS[read_form(RotateForm).overlap]
    try:
        return _keys(call, made=api_keys.rotate_key(call.rt, call.org_slug, key_id, overlap, call.caller.name))
    except Permanent as error:
        return _keys(call, fault=str(error))


@screens.post("/{org}/settings/keys/{key_id}/revoke", needs=Needs.OWNER, action="key.revoke")
def revoke_key(call: Call, key_id: str) -> Goto:
    """End a key now."""
    api_keys.revoke_key(call.rt, call.org_slug, key_id)
    return Goto(f"/{call.org_slug}/settings/keys")


@screens.get("/{org}/settings/rates")
def exchange_rates(call: Call) -> Screen:
    """The rates that amounts are converted by."""
    return _rates(call)


@screens.post("/{org}/settings/rates", action="rates.change")
def set_exchange_rates(call: Call) -> Goto | Screen:
    """Replace the rates."""
    text = read_form(RatesForm).csv
    try:
        rates.set_rates(call.rt, call.org_slug, text.replace("\r\n", "\n"))
    except BadConfiguration as error:
        return _rates(call, text, str(error))
    return Goto(f"/{call.org_slug}/settings/rates")


@screens.get("/{org}/settings/retention")
def retention(call: Call) -> Screen:
    """How long everything is stored."""
    return _retention(call)


@screens.post("/{org}/settings/retention", needs=Needs.OWNER, action="retention.change")
def set_retention(call: Call) -> Goto | Screen:
    """Give a kind another life."""
    form = read_form(LifeForm)
    try:
        set_life(call.rt, call.org_slug, form.kind, form.days)
    except BadConfiguration as error:
        return _retention(call, str(error))
    return Goto(f"/{call.org_slug}/settings/retention")


class AuditPage(AuditOf):
    """Which records, as the API has it; empty fields of the form ask for all."""

    limit: int = Field(50, ge=1, le=200)


@screens.get("/{org}/settings/audit", needs=Needs.OWNER)
def audit(call: Call, query: AuditPage) -> Screen:
    """Who changed what, and when."""
    found, after = asked_records(call.rt, call.org_slug, query)
    older = urlencode({**query.model_dump(exclude_none=True), "cursor": after}) if after else None
    context = {
        "tab": "audit",
        "records": found,
        "query": query,
        "older": older,
        "shown": _shown_value,
        "moment": datetime.fromisoformat,
    }
    return Screen("settings_audit.html", "Audit", "settings", context)


def _shown_value(value: Any) -> str:
    text = value if isinstance(value, str) else "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _integration(call: Call, integration_id: str, check: bool, fault: str | None = None) -> Screen:
    found: IntegrationReport = show_integration(call.rt, call.org_slug, integration_id)
    checked: Checked | None = last_check(call.rt, call.org_slug, integration_id)
    if check:
        try:
            checked = check_integration(call.rt, call.org_slug, integration_id)
        except CostError as error:
            fault = str(error)
    context = {
        "tab": "integrations",
        "one": found,
        "title_of": TITLES.get(found.provider, found.provider),
        "checked": checked,
        "fixes": grouped_fixes(
            (one.name, one.fix) for one in (checked.checks if checked else ()) if one.outcome != PASSED
        ),
        "fault": fault,
    }
    return Screen("settings_integration.html", found.integration_id, "settings", context, 400 if fault else 200)


def _keys(call: Call, made: NewKey | None = None, fault: str | None = None) -> Screen:
    now = call.rt.clock.now()
    context = {
        "tab": "keys",
        "keys": [(one, one.state(now)) for one in api_keys.list_keys(call.rt, call.org_slug)],
        "roles": list(Role),
        "made": made,
        "fault": fault,
    }
    return Screen("settings_keys.html", "API keys", "settings", context, 400 if fault else 200, secret=made is not None)


def _rates(call: Call, text: str | None = None, fault: str | None = None) -> Screen:
    try:
        known = rates.list_rates(call.rt, call.org_slug)
    except NotFound:  # the first organization, before its first bill
        known = []
    context = {
        "tab": "rates",
        "rates": known,
        "csv": _csv_of(known) if text is None else text,
        "plain": plain,
        "fault": fault,
    }
    return Screen("settings_rates.html", "Exchange rates", "settings", context, 400 if fault else 200)


def _csv_of(known: list[Any]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((f"{one.month:%Y-%m}", one.currency, plain(one.usd_rate), one.source) for one in known)
    return out.getvalue()


def _retention(call: Call, fault: str | None = None) -> Screen:
    context = {"tab": "retention", "lives": list_lives(call.rt, call.org_slug), "fault": fault}
    return Screen("settings_retention.html", "Retention", "settings", context, 400 if fault else 200)
