"""Whether a delivery's costs are taken from the net or the gross column: once for all of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from common.formats.engine import engine
from common.formats.source import read_rows, source_sql
from common.providers.aws.discounts import COST, KIND, NET_COST, Kind, kinds_sql, use_net_costs
from common.providers.provider import Opened


def cost_facts_of(part: Opened) -> list[dict[str, Any]] | None:
    """The line item types in one part; None where it has no net column."""
    _, matched = part
    return [asdict(kind) for kind in read_rows(partial(_kinds, part))] if NET_COST in matched.columns else None


def cost_column_of(parts: Sequence[list[dict[str, Any]] | None]) -> str:
    """The canonical column, from the facts of all parts."""
    kinds = [Kind(**fact) for part in parts for fact in part or ()]
    return NET_COST if None not in parts and use_net_costs(kinds) else COST


def _kinds(part: Opened, lenient: bool) -> list[Kind]:
    container, matched = part
    rows = source_sql(replace(container, lenient=lenient), matched, only=frozenset({KIND, COST, NET_COST}))
    with engine() as connection:
        return [Kind(*kind) for kind in connection.execute(kinds_sql(f"({rows})")).fetchall()]
