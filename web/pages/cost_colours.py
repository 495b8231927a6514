"""Which colour a group has: its own, wherever it is shown.

Groups get the colours in the order of what they cost over all time, so neither sorting nor a filter nor another period recolours one.
Dimensions with very many values, whose order is expensive to ask for, get theirs by the hash of the value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from common.ports import Runtime
from common.reporting.costs import CostsQuestion, ask_costs
from common.warehouse.dimensions import Dimension
from web import charts

_MANY_GROUPS = 300
_MOST_KNOWN = 64
_known: WeakKeyDictionary[Runtime, dict[tuple[str, str, str], list[str]]] = WeakKeyDictionary()


def colours_of(
    rt: Runtime, org_slug: str, dimension: Dimension, mark: str, shown: Sequence[str | None], groups: int
) -> dict[str, str]:
    """Value -> the class of its colour, "" for charges without a value.

    mark: the version of the charges, under which the order is remembered.  groups: how many the question found.
    """
    keys = [one or "" for one in shown]
    if dimension.of_time or groups > _MANY_GROUPS:
        return colours(keys)
    known = _known.setdefault(rt, {})
    asked = (org_slug, dimension.name, mark)
    if asked not in known:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[asked] = _order(rt, org_slug, dimension)
    return colours(keys, known[asked])


def colours(keys: Iterable[str], order: Sequence[str] = ()) -> dict[str, str]:
    """Key -> its colour.  It depends on the key and never on its rank in the answer, so that sorting recolours nothing.

    order: keys that get the colours in turn; the others get theirs by hash.  Where two of at most 8 keys prefer one colour, the earlier
    one in the order, or in the alphabet, has it, and the other gets the next that is free.
    """
    places = {key: place for place, key in enumerate(order)}
    wanted = sorted(set(keys), key=lambda key: (places.get(key, len(places)), key))
    taken: dict[int, str] = {}
    for key in wanted:
        place = places[key] if key in places else hashlib.sha256(key.encode(errors="surrogatepass")).digest()[0]
        for step in range(charts.SLOTS):
            if (place + step) % charts.SLOTS not in taken:
                taken[(place + step) % charts.SLOTS] = key
                break
    found = {key: f"s{place}" for place, key in taken.items()}
    return {key: found.get(key, charts.OTHERS) for key in wanted}


def _order(rt: Runtime, org_slug: str, dimension: Dimension) -> list[str]:
    """The values of all charges, the most expensive first; those of the currency with the most charges lead."""
    answer = ask_costs(rt, org_slug, CostsQuestion(group=(dimension,)))
    found: dict[str, None] = {}
    for one in sorted(answer.currencies, key=lambda each: each.amounts.charges, reverse=True):
        found |= dict.fromkeys(group.keys[0] or "" for group in one.groups)
    return list(found)
