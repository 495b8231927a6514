"""What a month of a tenant takes, in the units that Google bills: counts of a real run times how often each happens.

Decimal throughout; what is rounded for users is rounded in the table.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from importlib.resources import files

from common.budgets.questions import question
from common.domain.budgets import Budget, Scope
from common.focus import storage_schema
from common.running_costs import seconds as cost_time
from common.running_costs import stored as cost_storage
from common.running_costs.prices import Part
from common.running_costs.world import GIB, MIB, MINIMUM_SCAN, Quantities, Tenant, World
from common.warehouse.cost_report import CostsQuery, Metric
from common.warehouse.daily import ADDED_UP, DAILY_COLUMNS
from common.warehouse.dimensions import SHORT
from common.warehouse.restatement import COMPARED

SWAP_STATEMENTS = 13
"""Statements of a swap and looks at its pointer, each on a small table at least."""
MINIMUM_MESSAGE_BYTES = 1_000
FEW, WINDOW = 8, 32
"""Of common/ingestion (landing.py, one_file.py), which tests compare: files that one message reads, and messages for files at once."""
READ_BLOCK_BYTES = 4 * MIB
PUSH_DOCUMENTS = {"processed_read": 1, "firestore_read": 1, "processed_write": 1, "firestore_delete": 1}
"""What each push adds: seen before? the tenant; noted as done; the note expires (common/runtime/push.py).

Reads and writes are free in the project's default database only, so those of `processed` are units of their own.
"""
READ_MONTHS = {"spend_by_day": Decimal("2.5"), "spend_by_service": Decimal("1.5")}
"""Months that a question of a monthly budget reads, on average over the month: half of this one, and those it compares with or
learns from.  Partitions of other months are pruned; a correction that reaches further back makes it read back to there."""
EVERY_MONTH = "charged_days"
"""The question that reads three columns of all months, once a message, so that the others need not."""


def month(tenant: Tenant, world: World) -> list[Part]:
    """What a month of such a tenant takes, part by part."""
    refreshes = tenant.integrations * tenant.refreshes_per_day * world.assumed["days"]
    closings = Decimal(tenant.integrations * tenant.closing_deliveries)
    lines = tenant.lines / tenant.integrations
    kinds = [(refreshes, lines * world.assumed["month_to_date"]), (closings, lines)]
    parts: dict[str, Quantities] = defaultdict(lambda: defaultdict(Decimal))
    for times, each in kinds:
        for name, quantities in _delivery(each, tenant, world):
            add(parts[name], quantities, times)
    add(
        parts["alerts and notifications"],
        messages("send_notifications", world, 1, cost_time.notifying(world)),
        Decimal(tenant.alerts),
    )
    add(parts["scheduled budget checks"], clock_checks(tenant, world), world.assumed["days"])
    questions = {"bigquery_scanned_byte": _question(_dashboard_columns(), tenant.lines * Decimal("1.5"), world)}
    add(parts["queries of users"], questions, tenant.questions_per_day * world.assumed["days"])
    add(parts["syncs that find nothing"], _looks(tenant, world), world.assumed["days"])
    add(parts["clean-up"], clean_up(tenant, world), world.assumed["days"])
    add(parts["stored in the bucket"], cost_storage.bucket(kinds, tenant, world), Decimal(1))
    add(parts["stored in the warehouse"], _warehouse(tenant, world), Decimal(1))
    add(parts["documents and their backups"], cost_storage.document_store(tenant, world), Decimal(1))
    add(parts["its schedule"], {"scheduler_job": Decimal(1)}, Decimal(1))
    return [(name, dict(quantities)) for name, quantities in parts.items()]


def lines_taken_in(tenant: Tenant, world: World) -> Decimal:
    """Lines of all deliveries of a month, restated ones counted again."""
    refreshes = tenant.refreshes_per_day * world.assumed["days"] * world.assumed["month_to_date"]
    return tenant.lines * (refreshes + tenant.closing_deliveries)


def _looks(tenant: Tenant, world: World) -> Quantities:
    """A day of syncs: each is one request, dispatched to the integrations, of which most find nothing new."""
    ticks = world.assumed["sync_ticks_per_day"]
    empty = max(ticks - tenant.refreshes_per_day, Decimal(0)) * tenant.integrations
    return looks(ticks, empty, tenant.integrations, world)


def looks(ticks: Decimal, empty: Decimal, integrations: int, world: World) -> Quantities:
    """So many requests to synchronize a tenant's integrations, and so many runs of one that find nothing new."""
    found: Quantities = defaultdict(Decimal)
    add(found, messages("dispatch_sync", world, 1, cost_time.dispatching(world, integrations)), ticks)
    for kind in ("reads", "writes", "deletes"):
        found[f"firestore_{kind[:-1]}"] += world.grown("documents", "dispatch_sync", kind, 1) * ticks
    add(found, messages("ingest_aws", world, 1, cost_time.looking(world)), empty)
    written = Decimal(2)  # the run, and when the integration was looked at
    found["firestore_write"] += written * empty + integrations * ticks
    found["firestore_read"] += (world.assumed["documents_of_a_look"] - written) * empty
    found["bucket_class_a"] += empty
    return dict(found)


def clean_up(tenant: Tenant, world: World) -> Quantities:
    """A day of clean-up."""
    quantities, pages, gone = cost_storage.clean_up(tenant, world)
    seconds = cost_time.cleaning(world, quantities["firestore_read"], pages, gone)
    found: Quantities = defaultdict(Decimal)
    add(found, messages("clean_up", world, 1, seconds), Decimal(1))
    add(found, quantities, Decimal(1))
    return dict(found)


def _landing(lines: Decimal, chunks: int, world: World) -> Quantities:
    """The messages that land a delivery; many files are read by messages of their own, a window at a time."""
    found: Quantities = defaultdict(Decimal)
    if chunks <= FEW:
        add(found, messages("ingest_aws", world, 1, cost_time.landing(world, lines, chunks)), Decimal(1))
        return dict(found)
    add(found, messages("ingest_aws", world, 1, cost_time.reading_a_file(world, lines / chunks)), Decimal(chunks))
    windows = Decimal(math.ceil(chunks / WINDOW))
    add(found, messages("ingest_aws", world, 1, cost_time.looking(world)), windows)
    add(found, messages("ingest_aws", world, 1, cost_time.naming(world, chunks)), Decimal(1))
    return dict(found)


def _delivery(lines: Decimal, tenant: Tenant, world: World) -> Iterable[Part]:
    whole = lines * tenant.integrations / tenant.lines  # of the month
    return delivery(lines, math.ceil(tenant.chunks(world) * whole), tenant, world)


def delivery(lines: Decimal, chunks: int, tenant: Tenant, world: World) -> Iterable[Part]:
    """One delivery of so many lines, in so many chunks: landed, mapped, shown, its budgets evaluated."""
    landing: Quantities = defaultdict(Decimal)
    add(landing, _landing(lines, chunks, world), Decimal(1))
    add(landing, messages("normalize_focus", world, 1, cost_time.mapping(world, lines / chunks)), Decimal(chunks))
    for function in ("ingest_aws", "normalize_focus"):
        for kind in ("reads", "writes", "deletes"):
            landing[f"firestore_{kind[:-1]}"] += world.grown("documents", function, kind, chunks)
        objects = {
            kind: world.grown("objects", function, kind, chunks) for kind in ("written", "listed", "read", "looked")
        }
        landing["bucket_class_a"] += objects["written"] + objects["listed"]
        landing["bucket_class_b"] += objects["looked"] + objects["read"]
        read = Decimal(world.large["objects"].get(function, {}).get("read_bytes", 0)) / world.large["lines"] * lines
        landing["bucket_class_b"] += read / READ_BLOCK_BYTES
    # a landing lists the period's earlier deliveries
    landing["firestore_read"] += tenant.refreshes_per_day * world.assumed["days"] / 2
    landing["firestore_read"] += (
        1  # who may read the location, which only the cloud runtime asks (common/records/places.py)
    )
    landing["kms_operation"] += 1
    yield "landing and normalizing", dict(landing)
    yield "swap in the warehouse", _swap(lines, tenant, world, chunks)
    yield "budgets after a delivery", _evaluation(tenant, world, "budget_check_of_a_new_day")


def _swap(lines: Decimal, tenant: Tenant, world: World, chunks: int = 1) -> Quantities:
    """The statements of bigquery_swap.py; a DELETE pays for all columns of the partitions that it changes.

    Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax#on-demand_query_size_calculation
    """
    mine = ("x_IntegrationId", "x_DeliveryId", "ChargePeriodStart")
    in_partitions = lines * tenant.integrations
    scanned = lines * world.bytes_of(mine)
    scanned += lines * world.bytes_of({*COMPARED, *mine}) + lines * world.bytes_of(COMPARED)
    scanned += in_partitions * world.bytes_of(mine) + in_partitions * world.row_bytes
    scanned += lines * world.row_bytes
    scanned += lines * world.bytes_of(ADDED_UP) + in_partitions * world.daily_bytes_of(DAILY_COLUMNS)
    shown = messages("normalize_focus", world, 1, cost_time.showing(world, lines, chunks))
    return shown | {"bigquery_scanned_byte": scanned + SWAP_STATEMENTS * MINIMUM_SCAN}


def asking_checks(tenant: Tenant, world: World) -> Decimal:
    """How many checks by the clock ask the warehouse, a day.

    Counted on a real run: one that finds nothing changed since the delivery was evaluated asks nothing, the first of a day asks.  So does
    the one after a delivery of an earlier month, which is evaluated over that month.  An assumption of that name overrides this.
    """
    told = world.assumed.get("clock_checks_that_ask_per_day")
    if told is not None:
        return told
    if _questions(world, "budget_check"):
        return world.assumed["clock_checks_per_day"]
    closings = tenant.integrations * tenant.closing_deliveries / world.assumed["days"]
    return min(1 + closings, world.assumed["clock_checks_per_day"])


def _questions(world: World, check: str) -> int:
    """Questions to the warehouse at a check of one budget, as counted."""
    return int(world.small[check]["questions"].get("evaluate_budgets", 0))


def _evaluation(tenant: Tenant, world: World, check: str) -> Quantities:
    """One message to evaluate_budgets.  check: the counted one that is like it; it asks every question or none."""
    found: Quantities = defaultdict(Decimal)
    counted = world.small[check]
    asked = (1 + len(READ_MONTHS) * tenant.budgets) if _questions(world, check) else 0
    seconds = cost_time.evaluating(world, tenant.budgets, asked, check)
    add(found, messages("evaluate_budgets", world, 1, seconds), Decimal(1))
    for kind in ("reads", "writes", "deletes"):
        each = Decimal(counted["documents"]["evaluate_budgets"].get(kind, 0))
        found[f"firestore_{kind[:-1]}"] += each * tenant.budgets
    if asked:
        every_month = tenant.lines * world.assumed["months_kept"]
        found["bigquery_scanned_byte"] += _at_least(every_month * world.daily_bytes_of(_budget_columns(EVERY_MONTH)))
        for name, months in READ_MONTHS.items():
            scanned = _at_least(tenant.lines * months * world.daily_bytes_of(_budget_columns(name)))
            found["bigquery_scanned_byte"] += (scanned + _beside(name)) * tenant.budgets
    return dict(found)


def clock_checks(tenant: Tenant, world: World) -> Quantities:
    """A day of budget checks that the clock asks for."""
    found: Quantities = defaultdict(Decimal)
    asking = asking_checks(tenant, world)
    add(found, _evaluation(tenant, world, "budget_check_of_a_new_day"), asking)
    add(found, _evaluation(tenant, world, "budget_check"), world.assumed["clock_checks_per_day"] - asking)
    return dict(found)


def messages(function: str, world: World, number: int, seconds: Decimal) -> Quantities:
    """Messages that a function handles: published, pushed, logged, traced, noted as done; paid for their time."""
    found: Quantities = defaultdict(Decimal)
    found["pubsub_byte"] = Decimal(2 * MINIMUM_MESSAGE_BYTES * number)
    found["request"] = Decimal(number)
    found["log_gib"] = world.assumed["log_bytes_per_message"] * number / GIB
    points = world.assumed["metric_bytes_per_message"] * world.assumed["metric_share"]
    found["metric_mib"] = points * number / MIB
    found["span"] = world.assumed["spans_per_message"] * number
    for unit, each in PUSH_DOCUMENTS.items():
        found[unit] = Decimal(each * number)
    start = world.assumed["cold_start_seconds"] * world.assumed["cold_share"]
    add(found, _time(function, start + seconds, world), Decimal(number))
    return dict(found)


def _time(function: str, seconds: Decimal, world: World) -> Quantities:
    cpus, gib = world.sizes[function]
    return {"vcpu_second": seconds * cpus, "gib_second": seconds * gib}


def _warehouse(tenant: Tenant, world: World) -> Quantities:
    a_month = tenant.lines * (world.row_bytes + world.daily_bytes_of(DAILY_COLUMNS)) / GIB
    long_term = world.assumed["months_kept"] - world.assumed["active_months"]
    return {
        "bigquery_active_gib_month": a_month * world.assumed["active_months"],
        "bigquery_long_term_gib_month": a_month * long_term,
    }


def _question(columns: Iterable[str], lines: Decimal, world: World) -> Decimal:
    return _at_least(lines * world.bytes_of(columns))


def _at_least(scanned: Decimal) -> Decimal:
    return max(scanned, MINIMUM_SCAN)


def _budget_columns(name: str) -> set[str]:
    """The columns of the roll-up that a budget's question reads; the budget is monthly and names accounts."""
    scope = Scope(accounts=("111122223333",))
    sql = question(name, Budget("b", "b", Decimal(1), "USD", "monthly", scope=scope, metric="EffectiveCost"))
    return _columns_in(sql, DAILY_COLUMNS)


def _beside(name: str) -> Decimal:
    """What a budget's question is billed for the small table that it reads beside the charges, if it does."""
    sql = files("common.budgets").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return MINIMUM_SCAN if re.search(r"^\s*from slices", sql, re.MULTILINE) else Decimal(0)


def _dashboard_columns() -> set[str]:
    """The columns that `costs by service` reads, as a dashboard would ask."""
    return _columns_in(CostsQuery((SHORT["service"],), Metric.EFFECTIVE_COST).sql, storage_schema())


def _columns_in(sql: str, columns: Iterable[str]) -> set[str]:
    code = "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
    return set(re.findall(r"\w+", code)) & set(columns)


def add(total: Quantities, more: Mapping[str, Decimal], times: Decimal) -> None:
    """Add so many times what something takes."""
    for name, quantity in more.items():
        total[name] = total.get(name, Decimal(0)) + quantity * times
