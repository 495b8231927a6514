"""What a month of a tenant takes, in the units that Google bills: counts of a real run times how often each happens.

Decimal throughout; what is rounded for people is rounded in the table.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from common.budgets.questions import question
from common.domain.budgets import Budget, Scope
from common.focus import storage_schema
from common.warehouse.cost_report import CostsQuery, Metric
from common.warehouse.daily import ADDED_UP, DAILY_COLUMNS
from common.warehouse.dimensions import SHORT
from common.warehouse.restatement import COMPARED

HERE = Path(__file__).parent
GIB, MIB = Decimal(1 << 30), Decimal(1 << 20)
MINIMUM_SCAN = 10 * MIB
"""Least that BigQuery bills for a table in a statement: https://cloud.google.com/bigquery/pricing#on_demand_pricing"""
SWAP_STATEMENTS = 13
"""Statements of a swap and looks at its pointer, each on a small table at least."""
MINIMUM_MESSAGE_BYTES = 1_000
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

Quantities = dict[str, Decimal]
Part = tuple[str, Quantities]


@dataclass(frozen=True)
class Tenant:
    """One column of the table.  lines: of a month's bills; count: tenants like it in one deployment."""

    title: str
    count: int
    spend_usd: Decimal
    lines: Decimal
    integrations: int
    refreshes_per_day: int
    closing_deliveries: int
    budgets: int
    alerts: int
    questions_per_day: int


@dataclass(frozen=True)
class World:
    """What was measured, what is assumed, how large functions are (terraform/functions.tf)."""

    small: Mapping[str, Any]
    large: Mapping[str, Any]
    assumed: Mapping[str, Decimal]
    sizes: Mapping[str, tuple[Decimal, Decimal]]

    @property
    def row_bytes(self) -> Decimal:
        """Logical bytes of a FOCUS row in BigQuery."""
        return self.bytes_of(storage_schema())

    def bytes_of(self, columns: Iterable[str]) -> Decimal:
        """Logical bytes of some columns of a row."""
        return sum((Decimal(self.large["column_bytes"][name]) for name in columns), Decimal(0))

    def daily_bytes_of(self, columns: Iterable[str]) -> Decimal:
        """Logical bytes of some columns of the roll-up, by line of the bill."""
        return sum((Decimal(self.large["daily_column_bytes"][name]) for name in columns), Decimal(0))

    def seconds(self, function: str, lines: Decimal, chunks: int) -> Decimal:
        """Processor seconds of all calls of a function for one delivery."""
        small, large = (Decimal(run["processor_seconds"][function]) for run in (self.small, self.large))
        each = max((large - small) / (self.large["lines"] - self.small["lines"]), Decimal(0))
        fixed = max(small - each * self.small["lines"], Decimal(0))
        calls = chunks if function == "normalize_focus" else 1
        seconds: Decimal = (fixed * calls + each * lines) * self.assumed["slowness"]
        return seconds

    def grown(self, table: str, function: str, kind: str, chunks: int) -> Decimal:
        """Documents or objects that a function touches for one delivery of so many chunks."""
        small, large = (Decimal(run[table].get(function, {}).get(kind, 0)) for run in (self.small, self.large))
        each: Decimal = (large - small) / (self.large["parts"] - self.small["parts"])
        return small + each * (chunks - int(self.small["parts"]))


def load_world(assumed: Mapping[str, Any], measured: Mapping[str, Any]) -> World:
    """Everything that the model needs to know beside the tenants."""
    runs = measured["runs"]
    numbers = {name: Decimal(value) for name, value in assumed.items()}
    return World(runs["small"], runs["large"], numbers, function_sizes())


def function_sizes() -> dict[str, tuple[Decimal, Decimal]]:
    """vCPUs and GiB of each function, as Terraform deploys it."""
    text = (HERE.parent / "terraform" / "functions.tf").read_text(encoding="utf-8")
    found = re.findall(r'(\w+) = \{\s+description\s+= "[^"]*"\s+memory\s+= "(\d+)([GM])i"\s+cpu\s+= "(\d+)"', text)
    return {name: (Decimal(cpu), Decimal(memory) / (1 if unit == "G" else 1024)) for name, memory, unit, cpu in found}


def load_scenarios() -> tuple[dict[str, Any], dict[str, Decimal], dict[str, Tenant]]:
    """Assumptions, what a deployment has anyway, and the tenants."""
    data = tomllib.loads((HERE / "cost_scenarios.toml").read_text(encoding="utf-8"))
    tenants = {}
    for name, values in data["tenants"].items():
        merged = {**data["tenants"].get(values.get("like"), {}), **values}
        merged.pop("like", None)
        tenants[name] = Tenant(**merged | {key: Decimal(merged[key]) for key in ("spend_usd", "lines")})
    return data["assumptions"], {name: Decimal(one) for name, one in data["deployment"].items()}, tenants


def load_measured() -> dict[str, Any]:
    """The counts of real runs."""
    found: dict[str, Any] = json.loads((HERE / "measured_counts.json").read_text(encoding="utf-8"))
    return found


def month(tenant: Tenant, world: World) -> list[Part]:
    """What a month of such a tenant takes, part by part."""
    refreshes = tenant.integrations * tenant.refreshes_per_day * world.assumed["days"]
    closings = Decimal(tenant.integrations * tenant.closing_deliveries)
    lines = tenant.lines / tenant.integrations
    kinds = [(refreshes, lines * world.assumed["month_to_date"]), (closings, lines)]
    parts: dict[str, Quantities] = defaultdict(lambda: defaultdict(Decimal))
    for times, each in kinds:
        for name, quantities in _delivery(each, tenant, world):
            _add(parts[name], quantities, times)
    _add(
        parts["alerts and notifications"], _messages("send_notifications", world, 1, Decimal(2)), Decimal(tenant.alerts)
    )
    _add(parts["scheduled budget checks"], _clock_check(tenant, world), world.assumed["days"])
    questions = {"bigquery_scanned_byte": _question(_dashboard_columns(), tenant.lines * Decimal("1.5"), world)}
    _add(parts["queries of users"], questions, tenant.questions_per_day * world.assumed["days"])
    _add(parts["stored in the bucket"], _bucket(kinds, world), Decimal(1))
    _add(parts["stored in the warehouse"], _warehouse(tenant, world), Decimal(1))
    _add(parts["its schedules and keys"], {"scheduler_job": Decimal(tenant.integrations)}, Decimal(1))
    return [(name, dict(quantities)) for name, quantities in parts.items()]


def lines_taken_in(tenant: Tenant, world: World) -> Decimal:
    """Lines of all deliveries of a month, restated ones counted again."""
    refreshes = tenant.refreshes_per_day * world.assumed["days"] * world.assumed["month_to_date"]
    return tenant.lines * (refreshes + tenant.closing_deliveries)


def _delivery(lines: Decimal, tenant: Tenant, world: World) -> Iterable[Part]:
    chunks = math.ceil(lines / world.assumed["lines_per_chunk"])
    landing: Quantities = defaultdict(Decimal)
    for function, calls in (("dispatch_sync", 1), ("ingest_aws", 1), ("normalize_focus", chunks)):
        seconds = world.seconds(function, lines, chunks) / calls
        _add(landing, _messages(function, world, 1, seconds), Decimal(calls))
        for kind in ("reads", "writes", "deletes"):
            landing[f"firestore_{kind[:-1]}"] += world.grown("documents", function, kind, chunks)
        objects = {
            kind: world.grown("objects", function, kind, chunks) for kind in ("written", "listed", "read", "looked")
        }
        landing["bucket_class_a"] += objects["written"] + objects["listed"]
        landing["bucket_class_b"] += objects["looked"] + objects["read"]
        read = Decimal(world.large["objects"].get(function, {}).get("read_bytes", 0)) / world.large["lines"] * lines
        landing["bucket_class_b"] += read / READ_BLOCK_BYTES
    _add(
        landing, _messages("normalize_focus", world, 1, Decimal(0)), Decimal(1)
    )  # what shows it; its seconds are among those above
    # a landing lists the period's earlier deliveries
    landing["firestore_read"] += tenant.refreshes_per_day * world.assumed["days"] / 2
    landing["firestore_read"] += (
        1  # who may read the location, which only the cloud runtime asks (common/records/places.py)
    )
    landing["kms_operation"] += 1
    yield "landing and normalizing", dict(landing)
    yield "swap in the warehouse", _swap(lines, tenant, world)
    yield "budgets after a delivery", _evaluation(tenant, world, "budget_check_of_a_new_day")


def _swap(lines: Decimal, tenant: Tenant, world: World) -> Quantities:
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
    waited = _time("normalize_focus", world.assumed["bigquery_seconds_per_swap"], world)
    return waited | {"bigquery_scanned_byte": scanned + SWAP_STATEMENTS * MINIMUM_SCAN}


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
    own = Decimal(counted["processor_seconds"]["evaluate_budgets"]) * world.assumed["slowness"] * tenant.budgets
    asked = (1 + len(READ_MONTHS) * tenant.budgets) if _questions(world, check) else 0
    waited = world.assumed["bigquery_seconds_per_question"] * asked
    _add(found, _messages("evaluate_budgets", world, 1, own + waited), Decimal(1))
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


def _clock_check(tenant: Tenant, world: World) -> Quantities:
    """A day of checks that the clock asks for."""
    found: Quantities = defaultdict(Decimal)
    asking = asking_checks(tenant, world)
    _add(found, _evaluation(tenant, world, "budget_check_of_a_new_day"), asking)
    _add(found, _evaluation(tenant, world, "budget_check"), world.assumed["clock_checks_per_day"] - asking)
    return dict(found)


def _messages(function: str, world: World, number: int, seconds: Decimal) -> Quantities:
    """Messages that a function handles: published, pushed, logged, traced, noted as done; paid for their time."""
    found: Quantities = defaultdict(Decimal)
    found["pubsub_byte"] = Decimal(2 * MINIMUM_MESSAGE_BYTES * number)
    found["request"] = Decimal(number)
    found["log_gib"] = world.assumed["log_bytes_per_message"] * number / GIB
    found["metric_mib"] = world.assumed["metric_bytes_per_message"] * number / MIB
    found["span"] = world.assumed["spans_per_message"] * number
    for unit, each in PUSH_DOCUMENTS.items():
        found[unit] = Decimal(each * number)
    _add(found, _time(function, world.assumed["cold_start_seconds"] + seconds, world), Decimal(number))
    return dict(found)


def _time(function: str, seconds: Decimal, world: World) -> Quantities:
    cpus, gib = world.sizes[function]
    return {"vcpu_second": seconds * cpus, "gib_second": seconds * gib}


def _bucket(kinds: Iterable[tuple[Decimal, Decimal]], world: World) -> Quantities:
    taken_in = sum((times * lines for times, lines in kinds), Decimal(0))
    raw, focus = (Decimal(world.large[name]) / world.large["lines"] for name in ("source_bytes", "focus_bytes"))
    raw_months = world.assumed["raw_months"] + world.assumed["soft_deleted_months"]
    return {"bucket_gib_month": taken_in * (raw * raw_months + focus * world.assumed["focus_months"]) / GIB}


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


def _add(total: Quantities, more: Mapping[str, Decimal], times: Decimal) -> None:
    for name, quantity in more.items():
        total[name] = total.get(name, Decimal(0)) + quantity * times
