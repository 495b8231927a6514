"""The tenant's own meter: its logs, whose its keys are, and the match with what providers counted and charged."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from common.domain.match import GREEN, RED, YELLOW
from common.errors import BadBill
from common.match.alarm import check
from common.match.importing import SMALL, import_log, key_table, list_logs, set_key_table
from common.match.meters import mapped
from common.records.meter_files import MOST_KEYS, MeterFile
from common.reporting.arguments import read_days
from common.reporting.match import MatchQuestion, ask_match, read_meter
from common.warehouse.cost_report import Days
from web.api.declare import Call, Routes
from web.api.paging import Paged, page
from web.api.problems import Problem
from web.api.reading import SentFile
from web.api.shapes import Amount, Asked, Day, Moment, Receipt

routes = Routes("Match")
_PATH = "/api/v1/organizations/{org}"
Colour = Annotated[
    str | None,
    Field(
        description="green: at most 0.5 % or 0.01 USD apart; yellow: at most 3 %; red: more; null without a model or a price",
        json_schema_extra={"enum": [GREEN, YELLOW, RED, None]},
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class MatchOf(Asked):
    """Which days, in UTC; all that the meter has calls of by default."""

    month: str | None = Field(None, description="The days of a month, YYYY-MM", examples=["2026-09"])
    last: str | None = Field(None, description="The last days up to today, such as 30d or 4w")
    first_day: str | None = Field(None, alias="from", description="The first day, YYYY-MM-DD, yesterday or today")
    last_day: str | None = Field(None, alias="to", description="The last day, included, YYYY-MM-DD, yesterday or today")
    meter: str | None = Field(
        None, max_length=40, description="Only calls of this kind of meter: litellm, otel, langfuse or csv"
    )
    provider: str | None = Field(None, max_length=40, description="Only calls of this provider")


class Reason(BaseModel):
    """A part of a difference that the data can name."""

    reason: str
    amount: Amount


class ReasonOfAll(Reason):
    """The same of all lines together."""

    share_percent: Amount | None = Field(description="Of what the meter reports")


class UnbilledDay(BaseModel):
    """A settled day on which a provider has neither charges nor usage; it is not compared."""

    provider: str
    day: Day


class OtherCurrency(BaseModel):
    """Charges that are not compared, since meters know US dollars only."""

    currency: str
    billed: Amount


class ModelDay(BaseModel):
    """One model on one day, all keys together."""

    provider: str
    day: Day
    model: str | None
    reported: Amount | None
    billed: Amount
    colour: Colour


class MatchLine(BaseModel):
    """One key, model and day.  The key is `*` where the provider's costs have no keys, null for usage without one."""

    provider: str
    day: Day
    model: str | None
    api_key_id: str | None
    metered_requests: int | None
    counted_requests: Amount | None
    metered_tokens: dict[str, Amount] | None = Field(description="By kind: input, cache_read, cache_write, output")
    counted_tokens: dict[str, Amount] | None
    requests_agree: bool | None
    tokens_agree: bool | None = Field(description="To 0.1 %")
    reported: Amount | None
    billed: Amount
    reasons: list[Reason]
    unexplained: Amount


class MatchFound(BaseModel):
    """Reported less billed is exactly the sum of the reasons and the unexplained part.  Only what was billed is money."""

    first_day: Day | None
    last_day: Day | None
    open_days: list[Day] = Field(description="Not settled yet, and not compared")
    unbilled_days: list[UnbilledDay]
    currency: str
    reported: Amount
    billed: Amount
    difference: Amount
    reasons: list[ReasonOfAll]
    unexplained: Amount
    unpriced_lines: int = Field(description="Lines without a cost on the meter's side, which are in no sum")
    other_currencies: list[OtherCurrency]
    model_days: list[ModelDay]
    lines: list[MatchLine]
    receipt: Receipt = Field(description="What the charges are worth that the meter is compared with")


class MeterLog(BaseModel):
    """A log of calls of models."""

    digest: str = Field(description="SHA-256 of the file")
    name: str
    meter: str
    size_bytes: int
    imported_at: Moment
    calls: int
    lines: int
    left_out: int = Field(description="Lines that are not calls of a provider")
    unreadable: int = Field(description="Lines that cannot be read")
    first_day: Day
    last_day: Day


class MeterLogs(BaseModel):
    """Logs, those with the earliest calls first."""

    logs: list[MeterLog]
    next: str | None


class LogOf(Asked):
    """What the file does not say."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._()+@=-]{0,99}$", description="The file's name", examples=["spend_logs.jsonl"]
    )
    provider: str | None = Field(
        None, pattern=r"^[a-z0-9_.-]{1,40}$", description="Whose calls they are, where the log does not say it"
    )
    column: list[Annotated[str, Field(pattern=r"^[a-z_]{1,20}=[^\x00-\x1f]{1,100}$")]] = Field(
        default_factory=list,
        max_length=11,
        description="Of a CSV file of any names: `field=column`, as in `model=model_name`; repeat it for several",
    )


class LogImported(BaseModel):
    """What became of the file.  known: it was imported before, and nothing has changed."""

    log: MeterLog
    known: bool


class MeterKey(Asked):
    """Which key of a provider a key of the meter is."""

    meter_key: str = Field(max_length=200, description="As the meter has it; empty: calls without a key")
    api_key_id: Name = Field(description="The provider's id of the key")


class MeterKeys(Asked):
    """All of them."""

    keys: list[MeterKey] = Field(max_length=MOST_KEYS)


@routes.get(f"{_PATH}/match", answer=MatchFound)
def match_meter(call: Call, query: MatchOf) -> dict[str, Any]:
    """Compare the meter with what providers counted and charged, by key, model and day, on settled days."""
    today = call.rt.clock.now().date()
    days = read_days(today, query.month, query.last, query.first_day, query.last_day, option="")
    question = MatchQuestion(days, read_meter(query.meter) if query.meter else None, query.provider)
    return ask_match(call.rt, call.org_slug, question).as_json()


@routes.get(f"{_PATH}/meters", answer=MeterLogs)
def list_meter_logs(call: Call, query: Paged) -> dict[str, Any]:
    """The logs that were imported."""
    found = list_logs(call.rt, call.org_slug)
    shown, after = page(found, lambda one: (one.first_day.isoformat(), one.digest), query, descending=False)
    return {"logs": [_log(one) for one in shown], "next": after}


@routes.post(f"{_PATH}/meters", answer=LogImported, action="meter.import")
def import_meter_log(call: Call, query: LogOf, file: SentFile) -> dict[str, Any]:
    """Store a log of calls: LiteLLM spend logs, OpenTelemetry GenAI spans, Langfuse observations, or any CSV file.

    The body is the file as it is, perhaps compressed.  The same file again changes nothing, and a call that stands in several counts once.
    """
    named = dict(one.split("=", 1) for one in query.column)
    with file.on_disk(call.rt.scratch) as path:
        reader = mapped(named) if named else None
        try:
            made, is_new = import_log(call.rt, call.org_slug, path, reader, query.provider, query.name, SMALL)
        except BadBill as error:
            raise Problem("not_possible", str(error)) from None
    check(call.rt, call.org_slug, Days(made.first_day, made.last_day))
    return {"log": _log(made), "known": not is_new}


@routes.get(f"{_PATH}/meters/keys", answer=MeterKeys)
def show_meter_keys(call: Call) -> dict[str, Any]:
    """Which key of a provider each key of the meter is."""
    found = key_table(call.rt, call.org_slug)
    return {"keys": [{"meter_key": ours, "api_key_id": theirs} for ours, theirs in found.items()]}


@routes.put(f"{_PATH}/meters/keys", answer=MeterKeys, action="meter_keys.change")
def set_meter_keys(call: Call, body: MeterKeys) -> dict[str, Any]:
    """Replace the whole table of keys."""
    set_key_table(call.rt, call.org_slug, [(one.meter_key, one.api_key_id) for one in body.keys])
    return show_meter_keys(call)


def _log(one: MeterFile) -> dict[str, Any]:
    known = one.as_document()
    return {name: known[name] for name in MeterLog.model_fields}
