"""ingest_aws: ingest-aws -> raw AWS bills in object storage, control totals -> bill-landed, one a chunk."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import functions_framework

from common.bills.engine import engine
from common.bills.ingest import ingest
from common.bills.landing import Customs, Opened
from common.bills.source import read_rows, source_sql
from common.bootstrap import runtime
from common.entrypoint import handles
from common.messages import IngestBill

from .discounts import COST, NET_COST, use_net_costs
from .discover import discover

_KIND = "line_item_line_item_type"


@functions_framework.cloud_event
@handles(IngestBill)
def ingest_aws(message: IngestBill) -> None:
    """Land the AWS bills of one integration.  Safe to repeat.

    Raises Retryable while a delivery is under way at its provider, Permanent for a location or a bill that cannot be read.
    """
    ingest(message, runtime(), discover, Customs(cost_column_of=_cost_column_of))


def _cost_column_of(parts: Sequence[Opened]) -> str:
    """Net or gross, once for the whole delivery."""
    if not all(NET_COST in matched.columns for _, matched in parts):
        return COST
    kinds: set[str] = set().union(*(read_rows(partial(_kinds, part)) for part in parts))
    return NET_COST if use_net_costs({NET_COST}, kinds) else COST


def _kinds(part: Opened, lenient: bool) -> set[str]:
    """The line item types in one part."""
    container, matched = part
    rows = source_sql(replace(container, lenient=lenient), matched, only=frozenset({_KIND}))
    with engine() as connection:
        return {kind or "" for (kind,) in connection.execute(f"select distinct {_KIND} from ({rows})").fetchall()}
