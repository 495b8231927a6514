"""Which bills have the charges of clusters' nodes split, and by what: decided again after each delivery of a bill or a cluster.

What is to be shown of a month follows from what is shown of its bills and clusters and from the switches alone; so it does not matter how
often, in which order and by whom this is asked.  A split is a delivery of its own, of the bill's parts, with an id made of what it is made
of; the bill's own delivery stays as it is, and is the one that is shown again where nothing is to be split any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from common.domain.node_names import BILLED_NODE, CLOUDS, NAMED_NODE
from common.domain.node_split import METHOD_ID
from common.domain.period import BillingPeriod
from common.focus import TABLE
from common.formats.recognition import formats
from common.formats.source import literal
from common.normalization.announcing import announce
from common.normalization.node_weights import read_nodes
from common.ports import Runtime, Transaction
from common.records.deliveries import (
    CURRENT,
    LANDED,
    REJECTED,
    WITHDRAWN,
    Delivery,
    delivery_path,
    load,
    of_slice,
)
from common.records.integrations import SPLIT_NODES
from common.records.organizations import below

WITH_NODES = f"""
select distinct x_IntegrationId as integration_id
from {TABLE}
where
    ChargePeriodStart >= @start
    and ChargePeriodStart < @end
    and x_Provider in ({", ".join(map(literal, CLOUDS))})
    and ({BILLED_NODE} in unnest(@keys) or {NAMED_NODE} in unnest(@keys))
"""
"""The integrations with charges for machines of some keys."""


def split_after(rt: Runtime, org_slug: str, delivery_id: str) -> None:
    """Bring the month of a delivery that was finished up to date; announce a bill of which no split follows.  Safe to repeat."""
    delivery = load(rt.documents, org_slug, delivery_id)
    if delivery is None or not (delivery.split_from or _is_cluster(delivery) or _clusters(rt, org_slug)):
        return
    chosen = split_month(rt, org_slug, delivery.billing_period)
    if _is_cluster(delivery) or any(one.slice == delivery.slice for one in chosen):
        return
    for one in of_slice(rt.documents, delivery.slice, state=CURRENT):
        if awaits_split(rt, one):
            announce(rt, one, one.replaced is not None, delivery.run_id)


def awaits_split(rt: Runtime, shown: Delivery) -> bool:
    """Whether a split of a bill that is shown now may follow at once, so that `split_after` announces one or the other."""
    return not shown.split_from and not _is_cluster(shown) and bool(_clusters(rt, shown.org_slug))


def split_month(rt: Runtime, org_slug: str, billing_period: str) -> list[Delivery]:
    """Have every bill of a month shown as the switches say; returns the deliveries that are on their way to be shown.  Safe to repeat."""
    where = {"billing_period": billing_period, "state": CURRENT}
    found = [Delivery.from_document(one) for _, one in rt.documents.list(below(org_slug, "deliveries"), where)]
    on = _clusters(rt, org_slug)
    clusters = sorted(
        (one for one in found if _is_cluster(one) and one.integration_id in on), key=lambda one: one.delivery_id
    )
    bills = [one for one in found if not _is_cluster(one)]
    having = _with_nodes(rt, org_slug, billing_period, clusters) if bills else set()
    chosen = []
    for one in bills:
        origin = load(rt.documents, org_slug, one.split_from) if one.split_from else one
        if origin is None:
            continue
        wanted = _split_of(origin, clusters) if one.integration_id in having else origin
        if wanted.delivery_id != one.delivery_id and (landed := _choose(rt, wanted)) is not None:
            rt.bus.publish_all(landed.messages())
            chosen.append(landed)
    return chosen


def _is_cluster(delivery: Delivery) -> bool:
    kind = formats().get(delivery.source_format)
    return kind is not None and kind.kubernetes


def _clusters(rt: Runtime, org_slug: str) -> set[str]:
    """The integrations whose nodes are to be split."""
    return {name for name, _ in rt.documents.list(below(org_slug, "integrations"), {SPLIT_NODES: True})}


def _with_nodes(rt: Runtime, org_slug: str, billing_period: str, clusters: Sequence[Delivery]) -> set[str]:
    """The integrations whose charges of the month are for nodes of the clusters."""
    keys = read_nodes(rt, clusters).keys if clusters else []
    if not keys:
        return set()
    period = BillingPeriod.parse(billing_period)
    rows = rt.warehouse.query(org_slug, WITH_NODES, {"start": period.start, "end": period.end, "keys": keys})
    return {row["integration_id"] for row in rows}


def _split_of(origin: Delivery, clusters: Sequence[Delivery]) -> Delivery:
    """The delivery that splits another one, as it lands: its id is made of what it is made of."""
    by = [one.delivery_id for one in clusters]
    text = "\n".join([METHOD_ID, origin.delivery_id, *by])
    return replace(
        origin.as_new(),
        delivery_id=hashlib.sha256(text.encode()).hexdigest()[:20],
        cost_column=origin.cost_column,
        joined_from=(origin.delivery_id, *origin.joined_from),
        notes=(
            *origin.notes,
            f"charges for nodes are split by {', '.join(sorted({one.integration_id for one in clusters}))}",
        ),
        split_from=origin.delivery_id,
        split_by=by,
        state=LANDED,
    )


def _choose(rt: Runtime, wanted: Delivery) -> Delivery | None:
    """Land a delivery so that it is shown instead of the others of its bill; None where it was found that it cannot be."""
    origin = wanted.split_from or wanted.delivery_id
    family = [one for one in of_slice(rt.documents, wanted.slice) if origin in (one.delivery_id, one.split_from)]
    path = delivery_path(wanted.org_slug, wanted.delivery_id)

    def work(transaction: Transaction) -> Delivery | None:
        document = transaction.get(path)
        there = Delivery.from_document(document) if document else wanted
        others = max((one.chosen or 0 for one in family if one.delivery_id != wanted.delivery_id), default=0)
        if there.state == REJECTED or (there.state == WITHDRAWN and not wanted.split_from):
            return None
        if there.state == LANDED and (there.chosen or 0) > others:
            return there  # on its way: its messages may be lost
        after = there.with_(
            state=LANDED,
            chosen=max(others, there.chosen or 0) + 1,
            delivered_at=wanted.delivered_at,
            joined_at=wanted.joined_at,
            reason=None,
            withdrawn_at=None,
            was_shown=there.has_been_shown,
        )
        transaction.set(path, after.as_document())
        return after

    return rt.documents.transact(work)
