"""ingest_aws: ingest-aws -> raw AWS bills in object storage, control totals -> bill-landed, one a chunk."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import functions_framework

from common.bills.engine import engine
from common.bills.ingest import ingest
from common.bills.reading import Customs, Opened
from common.bills.source import read_rows, source_sql
from common.bootstrap import runtime
from common.entrypoint import handles
from common.messages import IngestBill

from .discounts import COST, KIND, NET_COST, Kind, kinds_sql, use_net_costs
from .discover import discover


@functions_framework.cloud_event
@handles(IngestBill)
def ingest_aws(message: IngestBill) -> None:
    """Land the AWS bills of one integration.  Safe to repeat.

    Raises Retryable while a delivery is under way at its provider, Permanent for a location or a bill that cannot be read.
    """
    ingest(message, runtime(), discover, Customs(cost_facts_of=_cost_facts_of, cost_column_of=_cost_column_of))


def _cost_facts_of(part: Opened) -> list[dict[str, Any]] | None:
    """The line item types in one part; None where it has no net column."""
    _, matched = part
    return [asdict(kind) for kind in read_rows(partial(_kinds, part))] if NET_COST in matched.columns else None


def _cost_column_of(parts: Sequence[list[dict[str, Any]] | None]) -> str:
    """Net or gross, once for the whole delivery."""
    kinds = [Kind(**fact) for part in parts for fact in part or ()]
    return NET_COST if None not in parts and use_net_costs(kinds) else COST


def _kinds(part: Opened, lenient: bool) -> list[Kind]:
    """The line item types in one part."""
    container, matched = part
    rows = source_sql(replace(container, lenient=lenient), matched, only=frozenset({KIND, COST, NET_COST}))
    with engine() as connection:
        return [Kind(*kind) for kind in connection.execute(kinds_sql(f"({rows})")).fetchall()]
