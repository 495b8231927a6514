"""The address of a question about costs: what the page's query string says, and the addresses that lead on from it.

A query string is the API's, with what only a page needs: a second group, the steps of time, one currency, the order, how many rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import Field, model_validator

from common.domain.hierarchy import MOST_LEVELS
from common.domain.period import BillingPeriod
from common.reporting.arguments import read_dimension, read_dimensions, read_filter
from common.reporting.charges import MOST_CHARGES
from common.warehouse.dimensions import NODE, TAG, Operator
from web.api.costs import ChargesOf, CostsBy
from web.formatting import long_day, month_name, short_day

DRILL = ("provider", "service", "account", "region", "resource")
"""Where a name leads: the next of these that is not fixed yet."""
TOP = 8
ROWS = 50
_MOST_GROUPS = 2
_SIGNS = re.compile(r'[=~!("]')
_OF_PAGE = ("group2", "each", "show_currency", "sort", "rows", "page")
_PLAIN_NAMES = {
    "service": "Service",
    "provider": "Provider",
    "account": "Sub account",
    "region": "Region",
    "resource": "Resource",
    "integration": "Integration",
    "day": "Day",
    "month": "Month",
    "node": "Node",
}


class CostsPage(CostsBy):
    """What a page is asked: the API's question, and how it is shown."""

    group2: str | None = Field(None, description="A second group, below each row of the first")
    each: Literal["day", "week", "month"] | None = None
    show_currency: str | None = Field(None, max_length=10)
    sort: Literal["cost", "before", "change", "name"] = "cost"
    rows: Literal["all"] | None = None
    page: int = Field(1, ge=1, le=100_000)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_fields(cls, found: Any) -> Any:
        """A form sends its empty fields too."""
        return {name: value for name, value in found.items() if value != ""} if isinstance(found, dict) else found

    @model_validator(mode="after")
    def _with_plain_groups(self) -> CostsPage:
        """`group` as the API takes it may name two; from here on each is the name of one dimension."""
        names = [one.name for one in read_dimensions(self.group)]
        if self.group2:
            names.append(read_dimension(self.group2).name)
        if len(names) > _MOST_GROUPS or len(set(names)) < len(names):
            raise ValueError(f"group is '{self.group}', expected one or two different dimensions on this page")
        self.group, self.group2 = names[0], names[1] if len(names) > 1 else None
        return self

    @property
    def groups(self) -> str:
        """Both groups, as the API takes them."""
        return ",".join(listed(one) for one in (self.group, self.group2) if one)


class ResourcePage(CostsPage):
    """One resource, and how its charges are shown."""

    id: str = Field(min_length=1, max_length=2000)
    group: str = "ChargeCategory"

    @property
    def as_costs(self) -> CostsPage:
        """The same as a question of the Costs screen."""
        known = {name: getattr(self, name) for name in CostsPage.model_fields}
        fixed = [*self.filter, condition_text("resource", self.id)]
        return CostsPage.model_construct(**known | {"filter": fixed})


@dataclass(frozen=True)
class Step:
    """A part of a path of links.  address: None for where the reader is."""

    text: str
    address: str | None


@dataclass(frozen=True)
class Condition:
    """A filter in words, and the address without it."""

    text: str
    without: str


class Addresses:
    """Where links on the page lead."""

    def __init__(self, org_slug: str, query: CostsPage, place: str = "analytics") -> None:
        self.org_slug = org_slug
        self.base = f"/{org_slug}/{place}"
        self.api = f"/api/v1/organizations/{org_slug}/costs"
        self.query = query
        self.given: dict[str, Any] = query.model_dump(by_alias=True, exclude_defaults=True)

    def to(self, **changes: Any) -> str:
        """This page with other parameters; None takes one away.  `first_day` and `last_day` stand for from and to."""
        names = {"first_day": "from", "last_day": "to"}
        found = self.given | {names.get(name, name): value for name, value in changes.items()}
        if "page" not in changes:
            found["page"] = None
        found["group"] = listed(found.get("group") or self.query.group)
        return f"{self.base}?{_encoded(found)}"

    @property
    def json(self) -> str:
        """The same question to the API."""
        found = {name: value for name, value in self.given.items() if name not in _OF_PAGE}
        return f"{self.api}?{_encoded(found | {'group': self.query.groups})}"

    @property
    def charges(self) -> str:
        """The single charges of the same question; empty where conditions on nodes leave parts of charges."""
        if any(read_filter(one).dimension.of_nodes for one in self.query.filter):
            return ""
        return f"/{self.org_slug}/analytics/charges?{_encoded(self._of_charges())}"

    @property
    def charges_json(self) -> str:
        """The same to the API."""
        names = set(ChargesOf.model_fields) | {"from", "to"}
        found = {name: value for name, value in self._of_charges().items() if name in names}
        return f"/api/v1/organizations/{self.org_slug}/charges?{_encoded(found | {'top': MOST_CHARGES})}"

    def _of_charges(self) -> dict[str, Any]:
        gone = ("group", "group2", "each", "sort", "rows", "page", "compare", "convert", "top", "id")
        return {name: value for name, value in self.given.items() if name not in gone}

    @property
    def csv(self) -> str:
        """The same answer as a file."""
        return f"{self.base}.csv?{_encoded(self.given | {'group': self.query.groups, 'group2': None})}"

    def drill(self, dimension: str, key: str | None) -> str:
        """Only the charges of one value, by the next dimension that is not fixed."""
        if dimension in ("day", "month"):
            return self.of_days(*_days_of(dimension, key or ""))
        if dimension == "resource" and key:
            kept = {
                name: value
                for name, value in self.given.items()
                if name not in ("group", "group2", "rows", "page", "sort", "filter")
            }
            # a resource is shown whole, whichever part of it a node has
            kept["filter"] = [one for one in self.query.filter if not read_filter(one).dimension.of_nodes]
            return f"/{self.org_slug}/analytics/resource?{_encoded({'id': key} | kept)}"
        deeper = self._deeper(dimension, key)
        dimension = of_row(dimension)
        fixed = {read_filter(one).dimension.name for one in self.query.filter} | {dimension}
        left = [one for one in DRILL[DRILL.index(dimension) + 1 if dimension in DRILL else 0 :] if one not in fixed]
        following = (
            self.query.group2
            or deeper
            or (
                left[0]
                if left
                else "ChargeCategory"
                if dimension == "resource"
                else "resource"  # of charges without one
            )
        )
        return self.to(
            filter=[*self.query.filter, condition_text(dimension, key)], group=following, group2=None, rows=None
        )

    def _deeper(self, dimension: str, key: str | None) -> str | None:
        """The level below a node, unless its row is of what lies above that level already."""
        level = read_dimension(dimension).level
        fixed = {
            value
            for one in self.query.filter
            if (found := read_filter(one)).dimension.of_nodes
            for value in found.values
        }
        return f"{NODE}:{level + 1}" if level and level < MOST_LEVELS and key and key not in fixed else None

    def of_days(self, first: date, last: date) -> str:
        """The same charges of some days only."""
        group = "service" if self.query.group in ("day", "month") else self.query.group
        return self.to(
            month=None, last=None, first_day=first.isoformat(), last_day=last.isoformat(), each=None, group=group
        )

    def crumbs(self) -> list[Step]:
        """The way here: all charges, then each filter."""
        if not self.query.filter:
            return []
        dimensions = [read_filter(one).dimension.name for one in self.query.filter]
        steps = [Step("All costs", self.to(filter=[], group=dimensions[0], group2=None, rows=None))]
        for number, one in enumerate(self.query.filter):
            last = number == len(dimensions) - 1
            following = None if last else dimensions[number + 1]
            before = self.query.filter[: number + 1]
            steps.append(
                Step(in_words(one), None if last else self.to(filter=before, group=following, group2=None, rows=None))
            )
        return steps

    def conditions(self) -> list[Condition]:
        """The filters."""
        known = self.query.filter
        return [
            Condition(in_words(one), self.to(filter=[*known[:number], *known[number + 1 :]]))
            for number, one in enumerate(known)
        ]


def plain_name(dimension: str) -> str:
    """A dimension as headings name it; a FOCUS column stays as it is."""
    if dimension.startswith(f"{NODE}:"):
        return f"Hierarchy level {dimension.removeprefix(f'{NODE}:')}"
    return _PLAIN_NAMES.get(dimension, dimension)


def in_words(text: str) -> str:
    """A condition as readers see it: `Service is Amazon EC2`."""
    found = read_filter(text)
    name = plain_name(found.dimension.name)
    if found.operator is Operator.IS_EMPTY:
        return f"{name} is not set"
    if found.operator is Operator.IS_NOT_EMPTY:
        return f"{name} is set"
    return f"{name} {found.operator} {' or '.join(found.values)}"


def of_row(dimension: str) -> str:
    """The dimension by which a row's charges are chosen: of a node those that are its own, without those of the nodes below."""
    return f"{NODE}:{MOST_LEVELS}" if dimension == NODE else dimension


def condition_text(dimension: str, key: str | None, sign: str = "=") -> str:
    """A condition that `read_filter` reads back as exactly this value; None for charges without one."""
    if key is None or key == "":
        return f"{quoted(dimension)}="
    if sign in ("=", "!=") and key != key.strip():
        inner = '"' + key.replace('"', '""') + '"'
        return f"{quoted(dimension)} {'in' if sign == '=' else 'not in'} ({inner})"
    return f"{quoted(dimension)}{sign}{key}"


def listed(dimension: str) -> str:
    """A dimension as lists take it."""
    if "," in dimension or '"' in dimension or dimension != dimension.strip():
        return '"' + dimension.replace('"', '""') + '"'
    return dimension


def quoted(dimension: str) -> str:
    """A dimension as conditions take it."""
    if dimension.startswith(TAG) and (_SIGNS.search(dimension) or dimension != dimension.strip()):
        return 'tag:"' + dimension[len(TAG) :].replace('"', '""') + '"'
    return dimension


def address_of_form(org_slug: str, fields: Any) -> str:
    """Where the form of controls leads: its fields as one address.  Raises InvalidQuestion."""
    kind, _, value = fields.get("period", "").partition(":")
    found: dict[str, Any] = {}
    if kind in ("last", "month"):
        found[kind] = value
    elif kind != "all":
        found |= {"from": fields.get("from"), "to": fields.get("to")}
    found["group"] = (
        f"{TAG}{fields['tag'].strip()}" if fields.get("tag", "").strip() else fields.get("group") or "service"
    )
    for name in ("group2", "each", "metric", "show_currency", "convert", "sort", "known_on"):
        found[name] = fields.get(name)
    if found["group2"] == found["group"]:
        found["group2"] = None
    has_ends = found.get("last") or found.get("month") or (found.get("from") and found.get("to"))
    if has_ends and not read_dimension(found["group"]).of_time:
        found["compare"] = fields.get("compare")
    found["group"] = listed(found["group"])
    found["filter"] = [*fields.getlist("filter"), *_new_filter(fields)]
    return f"/{org_slug}/analytics?{_encoded(found)}"


def _new_filter(fields: Any) -> Iterable[str]:
    name, sign, value = (fields.get(one, "") for one in ("filter_by", "filter_how", "filter_value"))
    tag = fields.get("filter_tag", "").strip()
    dimension = f"{TAG}{tag}" if tag else name
    if sign in ("empty", "set"):
        yield f"{quoted(dimension)}{'=' if sign == 'empty' else '!='}"
    elif value.strip():
        yield condition_text(dimension, value.strip(), {"is": "=", "not": "!=", "contains": "~"}.get(sign, "="))


def period_words(first: date | None, last: date | None) -> str:
    """The days in words."""
    if first is None:
        return f"Up to {long_day(last)}" if last else "All days"
    if last is None:
        return f"From {long_day(first)}"
    month = BillingPeriod.of(first)
    if first == month.start.date() and last == month.end.date() - timedelta(days=1):
        return month_name(first)
    if first == last:
        return long_day(first)
    years = "" if first.year == last.year else f" {first.year}"
    return f"{short_day(first)}{years} to {short_day(last)} {last.year}"


def _days_of(dimension: str, key: str) -> tuple[date, date]:
    if dimension == "day":
        return date.fromisoformat(key), date.fromisoformat(key)
    month = BillingPeriod.parse(key)
    return month.start.date(), month.end.date() - timedelta(days=1)


def _encoded(found: dict[str, Any]) -> str:
    return urlencode(
        {name: value for name, value in found.items() if value not in (None, "", [])}, doseq=True, errors="replace"
    )
