"""One chunk of a split delivery: the normalized rows of the delivery that it splits, those of nodes divided among what ran on them.

Nothing is mapped again: rows are copied, and a node's charge is replaced by its shares and the remainder, which together have each of its
amounts.  Then the delivery is proved against its source like any other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import duckdb

from common.domain.money import plain
from common.domain.node_names import BILLED_NODE, CLOUDS, NAMED_NODE
from common.domain.node_split import METHOD_ID, Amounts
from common.errors import BadBill, NotFound
from common.focus import storage_schema
from common.formats.source import literal, quoted
from common.normalization.chunk import PARQUET, workbench, written_numbers
from common.normalization.node_weights import Nodes, read_nodes
from common.ports import Runtime
from common.records.chunks import ChunkResult, chunk_path
from common.records.deliveries import Delivery, load
from common.records.parts import Chunk
from common.telemetry import span
from common.warehouse.focus_files import focus_select
from common.warehouse.transpile import MACROS, transpile

AMOUNTS = (
    "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "ConsumedQuantity", "PricingQuantity", "CommitmentDiscountQuantity",
    "PricingCurrencyEffectiveCost",
)  # fmt: skip
"""What is split, in the order of `Amounts`; unit prices stay."""
SPLIT_ROW = "#split-"
"""In x_SourceRowId: what is behind it tells the rows of one source line apart."""

BATCH = 20_000
_NODE_DAYS = ("key", "day", "cluster", "node")
_WORKLOADS = ("workload", "resource_id", "name", "cluster", "namespace", "controller_kind", "controller", "pod", "tags")
_SHARES = ("charge", "workload", *AMOUNTS, "ratio")


def split_chunk(delivery: Delivery, chunk: Chunk, rt: Runtime) -> ChunkResult:
    """Write `focus/` of one chunk of a split; its quarantine is that of the delivery it splits.  Safe to repeat.

    Raises BadBill where what it is made of is gone, so that the bill stays whole.
    """
    try:
        return _split(delivery, chunk, rt)
    except NotFound as error:
        raise BadBill(f"it cannot be split: {error}") from error


def _split(delivery: Delivery, chunk: Chunk, rt: Runtime) -> ChunkResult:
    document = rt.documents.get(chunk_path(delivery.org_slug, delivery.split_from or "", chunk.number))
    if document is None:
        raise NotFound(f"chunk {chunk.number} of delivery {delivery.split_from} is not recorded")
    origin = ChunkResult.from_document(document)
    nodes = read_nodes(rt, _sources(delivery, rt))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="split-", dir=rt.scratch)))
        path = stack.enter_context(rt.objects.local(origin.focus_uri))
        connection = stack.enter_context(workbench(delivery.source_format, folder, rt))
        connection.execute(MACROS)
        target = folder / "focus.parquet"
        with span("split chunk", chunk=chunk.number, nodes=len(nodes.days)):
            connection.execute(f"create temp view charges as {focus_select(connection, [path])}")
            _divide(connection, nodes)
            rows = _rows(delivery)
            connection.execute(f"copy ({rows}) to {literal(str(target))} {PARQUET}")
        focus_uri = rt.objects.put_file(f"focus/{delivery.folder}/{chunk.number:05d}.parquet", target).uri
        with rt.objects.local(focus_uri) as stored:
            _check(connection, stored)
            numbers = written_numbers(connection, stored, delivery)
    kept = {name: getattr(origin, name) for name in ("quarantine_uri", "pairs_uri", "quarantined", "quarantined_lines")}
    return ChunkResult(**vars(numbers), chunk=chunk.number, focus_uri=focus_uri, **kept)


def _sources(delivery: Delivery, rt: Runtime) -> list[Delivery]:
    """The deliveries of allocations that it is split by.  Raises NotFound."""
    found = [load(rt.documents, delivery.org_slug, name) for name in delivery.split_by or ()]
    if any(one is None or one.files_removed_at for one in found):
        raise NotFound("the allocations of its clusters are gone")
    return [one for one in found if one is not None]


def _divide(connection: duckdb.DuckDBPyConnection, nodes: Nodes) -> None:
    """Make the tables `node_charges`, the charges that are split, and `shares`, what each becomes; charges that are alike are one."""
    days = {at: (one, divided) for at, one in nodes.days.items() if (divided := one.shares()) is not None}
    numbers = {resource_id: number for number, resource_id in enumerate(sorted(nodes.ran))}
    known = ((key, str(day), _only(one.clusters), _only(one.names)) for (key, day), (one, _) in sorted(days.items()))
    _table(connection, "node_days", _NODE_DAYS, known)
    ran = [nodes.ran[name] for name in sorted(nodes.ran)]
    _table(connection, "workloads", _WORKLOADS, ((str(number), *vars(one).values()) for number, one in enumerate(ran)))
    clouds = ", ".join(map(literal, CLOUDS))
    candidates = transpile(f"select *, {BILLED_NODE} as billed_node, {NAMED_NODE} as named_node from charges").sql
    alike = ", ".join(map(quoted, AMOUNTS))
    connection.execute(
        f"""
        create temp view keyed as
        select
            charges.* exclude (billed_node, named_node, charge_day),
            coalesce(billed.key, named.key) as key,
            coalesce(billed.day, named.day) as day,
            coalesce(billed.cluster, named.cluster) as cluster,
            coalesce(billed.node, named.node) as node
        from (
            select
                *,
                case when AllocatedMethodId is null and x_Provider in ({clouds})
                    and ChargePeriodEnd <= cast(ChargePeriodStart as date) + interval 1 day
                then cast(cast(ChargePeriodStart as date) as varchar) end as charge_day
            from ({candidates})
        ) as charges
        left join node_days as billed on billed.key = billed_node and billed.day = charge_day
        left join node_days as named on named.key = named_node and named.day = charge_day
        """
    )
    connection.execute(
        "create temp table node_charges as "
        f"select *, dense_rank() over (order by key, day, {alike}) as charge from keyed where key is not null"
    )
    found = connection.execute(
        f"select distinct charge, key, cast(day as date), {alike} from node_charges order by 1"
    ).fetchall()

    def shares() -> Iterable[Sequence[str | None]]:
        for charge, key, day, *amounts in found:
            for row in days[key, day][1].split(Amounts.of(amounts)):
                workload = str(numbers[row.workload.resource_id]) if row.workload else None
                yield (
                    str(charge),
                    workload,
                    *(None if one is None else plain(one) for one in row.amounts.all),
                    plain(row.ratio),
                )

    _table(connection, "shares", _SHARES, shares())


def _rows(delivery: Delivery) -> str:
    """The rows of the split delivery: those of charges that are no node's, then shares and remainders."""
    schema = storage_schema()
    rest = "shares.workload is null"
    tags = "case when json_valid(charges.Tags) then charges.Tags else '{}' end"
    without = f"to_json(map(json_keys({tags}), list_transform(json_keys({tags}), lambda key: cast(null as varchar))))"
    given = {
        **{name: f"cast(shares.{quoted(name)} as {schema[name]})" for name in AMOUNTS},
        "AllocatedMethodId": literal(METHOD_ID),
        "AllocatedMethodDetails": """'{"Elements":[{"AllocatedRatio":' || shares.ratio || '}]}'""",
        "AllocatedResourceId": "workloads.resource_id",
        "AllocatedResourceName": "workloads.name",
        "AllocatedTags": f"case when not {rest} then cast(json_merge_patch(workloads.tags, {without}) as varchar) end",
        "x_DeliveryId": literal(delivery.delivery_id),
        "x_SourceRowId": f"charges.x_SourceRowId || '{SPLIT_ROW}' || coalesce(shares.workload, 'rest')",
        "x_Cluster": "coalesce(workloads.cluster, charges.cluster)",
        "x_Namespace": "workloads.namespace",
        "x_ControllerKind": "workloads.controller_kind",
        "x_Controller": "workloads.controller",
        "x_Pod": "workloads.pod",
        "x_Node": "charges.node",
        "x_AllocationKind": f"case when {rest} then 'idle' else 'workload' end",
    }
    columns = ", ".join(f"{given.get(name, f'charges.{quoted(name)}')} as {quoted(name)}" for name in schema)
    copied = ", ".join(
        f"{literal(delivery.delivery_id)} as x_DeliveryId" if name == "x_DeliveryId" else quoted(name)
        for name in schema
    )
    return f"""
        select {copied} from keyed where key is null
        union all
        select {columns}
        from node_charges as charges
        join shares on cast(shares.charge as bigint) = charges.charge
        left join workloads on workloads.workload = shares.workload
    """


def _check(connection: duckdb.DuckDBPyConnection, written: Path) -> None:
    """Raises BadBill unless each resource has in each currency the amounts that it had."""
    sums = ", ".join(f"sum({quoted(name)})" for name in AMOUNTS)
    before, after = (
        f"(select x_Provider, ResourceId, BillingCurrency, {sums} from ({rows}) group by all)"
        for rows in ("select * from charges", focus_select(connection, [written]))
    )
    row = connection.execute(
        f"select count(*) from (({before} except {after}) union all ({after} except {before}))"
    ).fetchone()
    if row is None or row[0]:
        raise BadBill("it cannot be split: the shares of a node do not add up to its charges")


def _table(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str], rows: Iterable[Sequence[str | None]]
) -> None:
    """A temporary table of text, which is exact whatever digits it has; filled by the thousand."""
    import pyarrow as pa  # only where something is split

    connection.execute(f"create temp table {name} ({', '.join(f'{quoted(one)} varchar' for one in columns)})")
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        arrow = pa.table([pa.array(column, pa.string()) for column in zip(*batch, strict=True)], names=list(columns))
        connection.register("batch", arrow)
        connection.execute(f"insert into {name} select * from batch")
        connection.unregister("batch")


def _only(names: set[str]) -> str | None:
    """The one there is; None of several, as of the machines of a scale set."""
    return next(iter(names)) if len(names) == 1 else None
