"""Which resource of a cloud bill a node of a cluster is, by the names that both have for it."""

from __future__ import annotations

import re

_SCALE_SET = re.compile(r"/virtualmachinescalesets/([^/]+)")


def node_key(provider_id: str | None, node: str | None) -> str | None:
    """What a node is found by in a bill, in lower case; None where nothing names it.

    provider_id: as Kubernetes has it, `aws:///us-east-1a/i-0abc`, `gce://project/zone/name` or `azure:///subscriptions/...`, or its last
    part alone.  Machines of a scale set are known by the set, which is what Azure bills.  node: its name in the cluster, where there
    is no provider id.
    """
    text = (provider_id or node or "").strip().rstrip("/").lower()
    found = _SCALE_SET.search(text)
    return (found[1] if found else text.rpartition("/")[2]) or None


_ID = "lower(ResourceId)"
BILLED_NODE = f"""case
    when regexp_contains({_ID}, r'/virtualmachinescalesets/[^/]+') then regexp_extract({_ID}, r'/virtualmachinescalesets/([^/]+)')
    when strpos(ResourceId, '/') = 0 then {_ID}
    when regexp_contains({_ID}, r'[/:](instances?|virtualmachines)/[^/]+$') then regexp_extract({_ID}, r'[^/]+$')
end"""
"""BigQuery SQL over charges: the key of the machine that a charge is for, null for other resources.

A disk may have the name of its machine, so an id that is a path must say that it is one of a machine."""

NAMED_NODE = (
    f"case when regexp_contains({_ID}, r'/instances/[^/]+$') then regexp_extract(lower(ResourceName), r'[^/]+$') end"
)
"""The same by the name of the resource: Google's ids of machines are numbers, which a cluster does not know."""

CLOUDS = ("aws", "azure", "gcp", "oci")
"""Whose bills have nodes of clusters."""
