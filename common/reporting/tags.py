"""Tags: which keys charges have, with how many values, and how much cost lacks each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from common.domain.nearest import did_you_mean
from common.errors import NotFound
from common.ports import Runtime
from common.reporting.amounts import Amounts, sum_amounts
from common.reporting.costs import CostGroup, CostsAnswer, CostsQuestion, ask_costs
from common.reporting.flat import COST, COUNT, TEXT, Flat
from common.warehouse.cost_report import ALL_DAYS, Days, Metric
from common.warehouse.dimensions import TAG, TAG_SET, Dimension, Filter, dimension

_TAG_SET = Dimension("Tags", TAG_SET)


@dataclass(frozen=True)
class TagsQuestion:
    """Of which charges the tags are asked.  known_on: as of CostsQuestion."""

    metric: Metric = Metric.BILLED_COST
    days: Days = ALL_DAYS
    filters: tuple[Filter, ...] = ()
    known_on: date | None = None


@dataclass(frozen=True)
class TagKey:
    """One key in one currency.  values: how many different ones; tagged: the charges that have it; untagged: all others."""

    key: str
    values: int
    tagged: Amounts
    untagged: Amounts


@dataclass(frozen=True)
class CurrencyTags:
    """One currency's keys, those with the most tagged cost first.  without_any: charges that have no tag at all."""

    currency: str
    amounts: Amounts
    without_any: Amounts
    keys: tuple[TagKey, ...]

    def share_percent(self, part: Amounts) -> str | None:
        """A part of the total cost with one digit, for people; None where there is no total above 0 to share."""
        total = self.amounts.total
        if total is None or total <= 0 or (part.total is None and part.charges):
            return None
        return f"{(part.total or 0) / total * 100:.1f}"


@dataclass(frozen=True)
class TagsAnswer:
    """costs: what the answer was made of, by tag set; it names period, sources and what is not known."""

    costs: CostsAnswer
    currencies: tuple[CurrencyTags, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs; amounts are exact decimals as text."""
        known = self.costs.as_json()
        return {
            **{name: known[name] for name in ("metric", "from", "to", "filter", "known_on", "as_of")},
            "currencies": [_currency(one) for one in self.currencies],
        }

    def flat(self) -> Flat:
        """One row per key and currency."""
        columns = {"key": TEXT, "currency": TEXT, "values": COUNT, "tagged": COST, "untagged": COST}
        columns |= {"untagged_percent": TEXT, "tagged_charges": COUNT, "untagged_charges": COUNT}
        rows = [
            [
                one.key, found.currency, one.values, one.tagged.total, one.untagged.total,
                found.share_percent(one.untagged), one.tagged.charges, one.untagged.charges,
            ]
            for found in self.currencies
            for one in found.keys
        ]  # fmt: skip
        return Flat(columns, rows)


def ask_tags(rt: Runtime, org_slug: str, question: TagsQuestion) -> TagsAnswer:
    """The keys of all tags.  Raises as `ask_costs` does."""
    asked = CostsQuestion((_TAG_SET,), question.metric, question.days, question.filters, known_on=question.known_on)
    costs = ask_costs(rt, org_slug, asked)
    return TagsAnswer(costs, tuple(_of_currency(one.currency, one.amounts, one.groups) for one in costs.currencies))


def ask_tag_values(rt: Runtime, org_slug: str, key: str, question: TagsQuestion) -> CostsAnswer:
    """The values of one key.  Raises NotFound, with the nearest key, where no charge has it."""
    asked = CostsQuestion(
        (dimension(TAG + key),), question.metric, question.days, question.filters, known_on=question.known_on
    )
    found = ask_costs(rt, org_slug, asked)
    if found.currencies and all(group.keys == (None,) for one in found.currencies for group in one.groups):
        known = {one.key for each in ask_tags(rt, org_slug, question).currencies for one in each.keys}
        raise NotFound(
            f"no charge has the tag '{key}' in these days; costwire tags lists the keys{did_you_mean(key, known)}"
        )
    return found


def _of_currency(currency: str, everything: Amounts, groups: Sequence[CostGroup]) -> CurrencyTags:
    sets = [(dict(_values(group.keys[0])), group.amounts) for group in groups]
    keys = [_key(name, sets) for name in sorted({name for tags, _ in sets for name in tags})]
    keys.sort(key=lambda one: (one.tagged.total is not None, one.tagged.total or 0), reverse=True)
    return CurrencyTags(currency, everything, sum_amounts(one for tags, one in sets if not tags), tuple(keys))


def _key(name: str, sets: Sequence[tuple[Mapping[str, str], Amounts]]) -> TagKey:
    return TagKey(
        name,
        len({tags[name] for tags, _ in sets if name in tags}),
        sum_amounts(one for tags, one in sets if name in tags),
        sum_amounts(one for tags, one in sets if name not in tags),
    )


def _values(tags: str | None) -> Iterator[tuple[str, str]]:
    """Keys with their values as JSON_VALUE has them: text, numbers and truth values; of null, lists and objects there is none."""
    known = json.loads(tags, parse_int=str, parse_float=str) if tags else None
    for key, value in known.items() if isinstance(known, dict) else ():
        if isinstance(value, bool):
            yield key, str(value).lower()
        elif isinstance(value, str):
            yield key, value


def _currency(found: CurrencyTags) -> dict[str, Any]:
    return {
        "currency": found.currency,
        **found.amounts.as_json(compared=False),
        "without_any": _part(found, found.without_any),
        "keys": [
            {
                "key": one.key,
                "values": one.values,
                "tagged": one.tagged.as_json(compared=False),
                "untagged": _part(found, one.untagged),
            }
            for one in found.keys
        ],
    }


def _part(found: CurrencyTags, part: Amounts) -> dict[str, Any]:
    return {**part.as_json(compared=False), "percent": found.share_percent(part)}
