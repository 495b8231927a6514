"""What an organization sets: exchange rates, classes of services, the schedule, and how long everything lives."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from common.errors import NotFound
from common.reporting.unclassified import code_as_json, unknown_codes
from common.retention.lives import Kind, list_lives, set_life
from common.tenancy import rates, schedules, services
from web.api.declare import Call, Needs, Routes
from web.api.shapes import Amount, Asked

routes = Routes("Settings")
_ORG = "/api/v1/organizations/{org}"
KindName = Annotated[str, Field(pattern=r"^[a-z_]{1,60}$", description="The kind's name")]
_CSV = "The whole table as CSV; it replaces the earlier one"


class Table(Asked):
    """A table as the text of a file."""

    csv: str = Field(max_length=200_000, description=_CSV)


class Stored(BaseModel):
    """How many rows are stored."""

    rows: int


class ExchangeRate(BaseModel):
    """US dollars for one unit of a currency, in a month."""

    model_config = ConfigDict(extra="allow")

    month: str
    currency: str
    usd_rate: Amount


class ExchangeRates(BaseModel):
    """Rates, by month and currency."""

    rates: list[ExchangeRate]


class OwnServices(BaseModel):
    """The organization's own classes of services."""

    services: list[dict[str, Any]]


class UnknownCode(BaseModel):
    """A service, a region or a unit, with what was billed for it in one currency."""

    kind: str = Field(description="service, region or unit")
    provider: str
    code: str
    currency: str
    billed_cost: Amount
    charges: int


class UnknownCodes(BaseModel):
    """Services, then regions, then units, the most expensive first."""

    codes: list[UnknownCode]


class Schedule(BaseModel):
    """How often bills are fetched."""

    org_slug: str
    sync_interval_hours: int = Field(description="0: only on request")
    cron: str | None = Field(description="As the scheduler has it, in UTC; null for nothing")


class ScheduleWanted(Asked):
    """Another interval."""

    sync_interval_hours: int = Field(ge=0, le=24, description="1, 2, 3, 4, 6, 8, 12 or 24; 0: only on request")


class Life(BaseModel):
    """How long a kind of what is stored lives."""

    kind: str
    what: str
    days: int
    least: int
    most: int = Field(description="The same as least where the life is fixed")


class Lives(BaseModel):
    """Every kind that has a life."""

    kinds: list[Life]


class LifeWanted(Asked):
    """Another life."""

    days: int = Field(ge=1, le=3650)


@routes.get(f"{_ORG}/rates", answer=ExchangeRates)
def list_rates(call: Call) -> dict[str, Any]:
    """The rates that amounts are converted by."""
    try:
        found = rates.list_rates(call.rt, call.org_slug)
    except NotFound:  # the first organization, before its first bill
        found = []
    return {"rates": [rates.rate_as_json(one) for one in found]}


@routes.put(f"{_ORG}/rates", answer=Stored, action="rates.change")
def replace_rates(call: Call, body: Table) -> dict[str, Any]:
    """Replace the rates."""
    return {"rows": rates.set_rates(call.rt, call.org_slug, body.csv)}


@routes.get(f"{_ORG}/services", answer=OwnServices)
def list_services(call: Call) -> dict[str, Any]:
    """The organization's own classes of services."""
    return {"services": [dict(vars(one)) for one in services.list_services(call.rt, call.org_slug)]}


@routes.put(f"{_ORG}/services", answer=Stored, action="services.change")
def replace_services(call: Call, body: Table) -> dict[str, Any]:
    """Replace the classes; they apply to bills that are delivered from now on."""
    return {"rows": services.set_services(call.rt, call.org_slug, body.csv)}


@routes.get(f"{_ORG}/services/unknown", answer=UnknownCodes)
def list_unknown_services(call: Call) -> dict[str, Any]:
    """Services, regions and units that no table knows, on charges of the 90 days up to the newest one."""
    return {"codes": [code_as_json(one) for one in unknown_codes(call.rt, call.org_slug)]}


@routes.get(f"{_ORG}/schedule", answer=Schedule)
def show_schedule(call: Call) -> dict[str, Any]:
    """How often bills are fetched."""
    return schedules.shown_sync_schedule(call.rt, call.org_slug).as_json()


@routes.put(f"{_ORG}/schedule", answer=Schedule, action="schedule.change")
def change_schedule(call: Call, body: ScheduleWanted) -> dict[str, Any]:
    """Fetch bills at another interval from now on."""
    schedules.set_sync_interval(call.rt, call.org_slug, body.sync_interval_hours)
    return schedules.shown_sync_schedule(call.rt, call.org_slug).as_json()


@routes.get(f"{_ORG}/retention", answer=Lives)
def show_retention(call: Call) -> dict[str, Any]:
    """How long everything is stored."""
    return {"kinds": [_life(kind, days) for kind, days in list_lives(call.rt, call.org_slug)]}


@routes.put(f"{_ORG}/retention/{{kind}}", needs=Needs.OWNER, answer=Life, action="retention.change")
def change_retention(call: Call, kind: KindName, body: LifeWanted) -> dict[str, Any]:
    """Give a kind another life; a shorter one takes effect at the next clean-up, and cannot be undone."""
    set_life(call.rt, call.org_slug, kind, body.days)
    return next(_life(one, days) for one, days in list_lives(call.rt, call.org_slug) if one.name == kind)


def _life(kind: Kind, days: int) -> dict[str, Any]:
    return {"kind": kind.name, "what": kind.what, "days": days, "least": kind.least, "most": kind.most}
