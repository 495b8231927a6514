"""What ran on each node of some clusters by day, from the normalized allocations of their deliveries."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from common.domain.money import add
from common.domain.node_names import node_key
from common.domain.node_split import NodeShares, NoSplit, Workload
from common.formats.engine import engine
from common.ports import Runtime
from common.records.deliveries import Delivery
from common.warehouse.focus_files import focus_select
from common.warehouse.showing import normalized_files

_COLUMNS = (
    "ResourceId", "ResourceName", "ChargePeriodStart", "Tags", "x_Source", "x_Cluster", "x_Namespace", "x_ControllerKind", "x_Controller",
    "x_Pod", "x_Node", "x_AllocationKind", "x_CostKind", "x_EstimatedCost",
)  # fmt: skip

# grain: one row per node, day and part of it.  Costs of volumes, networks and load balancers are no part of a node
_PARTS = """
select
    x_Source ->> '$.provider_id' as provider_id,
    x_Node as node,
    x_Cluster as cluster,
    cast(ChargePeriodStart as date) as day,
    x_AllocationKind as kind,
    ResourceId as resource_id,
    sum(x_EstimatedCost) as weight,
    min({
        'name': ResourceName, 'namespace': x_Namespace, 'kind': x_ControllerKind, 'controller': x_Controller, 'pod': x_Pod, 'tags': Tags
    }) as named
from allocations
where x_CostKind in ('cpu', 'ram', 'gpu') and (x_Node is not null or x_Source ->> '$.provider_id' is not null)
group by all
order by all
"""


@dataclass(frozen=True)
class Ran:
    """What the rows that a workload has a share of say of it."""

    resource_id: str
    name: str
    cluster: str
    namespace: str | None
    controller_kind: str | None
    controller: str | None
    pod: str | None
    tags: str


@dataclass
class NodeDay:
    """One node on one day (UTC).

    weights: of its workloads, by their ids.  idle: of what no workload asked for.  clusters, names: its own; several of a scale set.
    """

    weights: dict[str, Decimal] = field(default_factory=dict)
    idle: Decimal = Decimal(0)
    clusters: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    def shares(self) -> NodeShares | None:
        """How its charges are divided; None where they stay whole."""
        try:
            return NodeShares.of([Workload(name, self.weights[name]) for name in sorted(self.weights)], self.idle)
        except NoSplit:
            return None


@dataclass(frozen=True)
class Nodes:
    """days: by key of the node and day.  ran: what rows say of the workloads, by their ids."""

    days: dict[tuple[str, date], NodeDay]
    ran: dict[str, Ran]

    @property
    def keys(self) -> list[str]:
        """What bills are searched for."""
        return sorted({key for key, _ in self.days})


def read_nodes(rt: Runtime, deliveries: Sequence[Delivery]) -> Nodes:
    """The nodes of clusters, from the deliveries of their allocations in any order.  Raises NotFound for files that are gone."""
    days: dict[tuple[str, date], NodeDay] = {}
    ran: dict[str, Ran] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nodes-", dir=rt.scratch)))
        uris = [uri for one in deliveries for uri in normalized_files(rt, one)]
        paths = [stack.enter_context(rt.objects.local(uri)) for uri in uris]
        connection = stack.enter_context(engine(folder, rt.settings.threads))
        connection.execute(f"create temp view allocations as {focus_select(connection, paths, _COLUMNS)}")
        found = connection.execute(_PARTS).fetchall()
    for provider_id, node, cluster, day, kind, resource_id, weight, named in found:
        key = node_key(provider_id, node)
        if key is None:
            continue
        one = days.setdefault((key, day), NodeDay())
        one.clusters.add(cluster)
        one.names |= {node} if node else set()
        if kind != "workload":
            one.idle = add((one.idle, weight))
            continue
        one.weights[resource_id] = add((one.weights.get(resource_id, Decimal(0)), weight))
        ran[resource_id] = Ran(
            resource_id, named["name"], cluster, named["namespace"], named["kind"], named["controller"], named["pod"], named["tags"] or "{}"
        )  # fmt: skip
    return Nodes(days, ran)
