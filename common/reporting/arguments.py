"""What a question may be asked with, read from text: the command line and an API refuse the same in the same words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from common.domain.nearest import did_you_mean, folded
from common.domain.period import BillingPeriod
from common.errors import BadConfiguration
from common.focus import TIME_TYPE
from common.warehouse.cost_report import Days, Metric
from common.warehouse.dimensions import Dimension, Filter, Operator, dimension

CONVERTED_TO = "USD"
"""The one currency that the tenant's rates lead to."""
# a name begins and ends with what is no space, so that a run of spaces can be read in one way only
_NAME = r'\s*(?P<name>tag:"(?:[^"]|"")*"|[^\s=~!(](?:[^=~!(]*?[^\s=~!(])??)\s*'
_IN_LIST = re.compile(rf"{_NAME}\s(?P<no>not\s+)?in\s*\((?P<values>.*)\)\s*", re.IGNORECASE | re.DOTALL)
_COMPARED = re.compile(rf"{_NAME}(?P<sign>!=|=|~)(?P<value>.*)", re.DOTALL)
_QUOTED = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?=,|\Z)')
_SPAN = re.compile(r"(\d{1,4})([dw])")
_UNIT_DAYS = {"d": 1, "w": 7}
_LONGEST_SPAN_DAYS = 3660
_MOST_DIMENSIONS = 5
_CONDITIONS = "column=value, column!=value, column~part, 'column in (a, b)' or 'column not in (a, b)'"


class InvalidQuestion(ValueError):
    """A question that cannot be asked so; the message says what was found and what was expected."""


def read_day(text: str) -> date:
    """A day, `2026-03-31`.  Raises InvalidQuestion."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidQuestion(f"'{text}' is not a date, expected YYYY-MM-DD, as in 2026-03-31") from None


def read_period(text: str) -> BillingPeriod:
    """A billing period, `2026-03`.  Raises InvalidQuestion."""
    try:
        period = BillingPeriod.parse(text)
        _ = period.start, period.end  # years that a calendar has
    except ValueError as error:
        raise InvalidQuestion(str(error)) from None
    return period


def read_days(
    today: date,
    month: str | None,
    last: str | None,
    first_day: str | None,
    last_day: str | None,
    option: str = "--",
) -> Days:
    """The days of a month (`2026-03`), of a span that ends today (`30d`, `4w`), or between two days, both included.

    A day may be `today` or `yesterday`.  option: what stands before a name where the interface has these as options.
    Raises InvalidQuestion for more than one of these, and for days in the wrong order.
    """
    periods = {"month": month, "last": last, f"from or {option}to": first_day or last_day}
    given = [f"{option}{name}" for name, one in periods.items() if one]
    if len(given) > 1:
        raise InvalidQuestion(f"{' and '.join(given)} each name a period; give one of them")
    if month:
        period = read_period(month)
        return Days(period.start.date(), period.end.date() - timedelta(days=1))
    if last:
        found = _SPAN.fullmatch(last.strip().lower())
        count = int(found[1]) * _UNIT_DAYS[found[2]] if found else 0
        if not 0 < count <= _LONGEST_SPAN_DAYS:
            raise InvalidQuestion(f"'{last}' is not a span of days, expected a number and d or w, as in 30d or 4w")
        return Days(today - timedelta(days=count - 1), today)
    known = {"today": today, "yesterday": today - timedelta(days=1)}
    first, until = (known.get(one) or read_day(one) if one else None for one in (first_day, last_day))
    days = Days(first, until)
    if days.first and days.last and days.last < days.first:
        raise InvalidQuestion(f"the last day, {days.last}, is before the first, {days.first}")
    return days


def read_dimension(text: str) -> Dimension:
    """What charges are grouped by: a short name, a FOCUS column, or `tag:KEY`.  Raises InvalidQuestion."""
    try:
        return dimension(text.strip())
    except BadConfiguration as error:
        raise InvalidQuestion(str(error)) from None


def read_dimensions(text: str) -> tuple[Dimension, ...]:
    """Several dimensions, comma separated; a tag key with a comma is quoted: `service,"tag:a,b"`.  Raises InvalidQuestion."""
    found = tuple(read_dimension(one) for one in _listed(text))
    if not 0 < len(found) <= _MOST_DIMENSIONS:
        raise InvalidQuestion(f"{len(found)} dimensions, expected 1 to {_MOST_DIMENSIONS}, as in service,account")
    if len(set(found)) < len(found):
        raise InvalidQuestion(f"'{text}' names a dimension twice")
    return found


def read_filter(text: str) -> Filter:
    """One condition: `service=A`, `service!=A`, `service in (A, B)`, `service not in (A, B)`, `service~part`.

    An empty value asks for charges without one: `tag:team=`; `tag:team!=` asks for those with one.  Raises InvalidQuestion.
    """
    listed, compared = _IN_LIST.fullmatch(text), _COMPARED.fullmatch(text)
    found = listed or compared
    if found is None:
        raise InvalidQuestion(f"'{text}' is not a condition, expected {_CONDITIONS}")
    name = found["name"]
    if name.startswith('tag:"'):
        name = "tag:" + name[5:-1].replace('""', '"')
    asked = read_dimension(name)
    if not asked.filterable:
        raise InvalidQuestion(f"{asked.name} is a number; charges are filtered by texts and times")
    if listed:
        values = _listed(listed["values"])
        if not values:
            raise InvalidQuestion(f"'{text}' lists no values, expected {_CONDITIONS}")
        return Filter(
            asked, Operator.IS_NOT if listed["no"] else Operator.IS, tuple(_value(asked, one) for one in values)
        )
    value = found["value"].strip()
    if found["sign"] == "~":
        if not value:
            raise InvalidQuestion(f"'{text}' has nothing after ~, expected a part of a value")
        return Filter(asked, Operator.CONTAINS, (value,))
    if not value:
        return Filter(asked, Operator.IS_EMPTY if found["sign"] == "=" else Operator.IS_NOT_EMPTY)
    return Filter(asked, Operator.IS if found["sign"] == "=" else Operator.IS_NOT, (_value(asked, value),))


def read_metric(text: str) -> Metric:
    """A metric by its column or without `Cost`, in any case: `billed`, `EffectiveCost`.  Raises InvalidQuestion."""
    known = {folded(metric): metric for metric in Metric}
    known |= {name.removesuffix("cost").removeprefix("x"): metric for name, metric in known.items()}
    if found := known.get(folded(text)):
        return found
    short = [metric.removesuffix("Cost").removeprefix("x_").lower() for metric in Metric]
    raise InvalidQuestion(f"'{text}' is not a metric, expected {', '.join(short)}{did_you_mean(text, known)}")


def read_currency(text: str) -> str:
    """The currency to convert to.  Raises InvalidQuestion for all but US dollars, which rates are pinned to."""
    if text.strip().upper() != CONVERTED_TO:
        raise InvalidQuestion(f"'{text}' is not available, expected {CONVERTED_TO}: exchange rates lead to US dollars")
    return CONVERTED_TO


def read_choice(text: str, choices: Iterable[str], what: str) -> str:
    """One of some words, in any case.  Raises InvalidQuestion that names them, and the nearest."""
    known = {one.lower(): one for one in choices}
    if found := known.get(text.strip().lower()):
        return found
    raise InvalidQuestion(f"'{text}' is not {what}, expected {', '.join(known.values())}{did_you_mean(text, known)}")


def _listed(text: str) -> list[str]:
    """Comma-separated values without the space around them; quotes around a whole value hide its commas, and are doubled inside."""
    found = (bare if bare is not None else quoted.replace('""', '"') for quoted, bare in _items(text))
    return [one for one in found if one]


def _items(text: str) -> Iterator[tuple[str, str | None]]:
    """(content of a quoted value, None) or ("", value)."""
    place = 0
    while place <= len(text):
        found = _QUOTED.match(text, place)
        if found:
            yield found[1], None
        else:
            end = text.find(",", place)
            end = len(text) if end < 0 else end
            yield "", text[place:end].strip()
        place = (found.end() if found else end) + 1


def _value(asked: Dimension, text: str) -> str:
    """A typed value as the dimension's own values are written."""
    if not asked.of_time:
        return text
    if asked.kind == TIME_TYPE:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidQuestion(f"'{text}' is not a time, expected one as in 2026-03-01T00:00:00Z") from None
        return str(asked.key(moment if moment.tzinfo else moment.replace(tzinfo=UTC)))
    return str(read_period(text)) if asked.kind == "month" else read_day(text).isoformat()
