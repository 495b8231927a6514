"""What the estimate is computed for, and what it knows: the tenants and assumptions of cost_scenarios.toml, the counts of real runs.

Decimal throughout.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.focus import storage_schema

HERE = Path(__file__).parent
GIB, MIB = Decimal(1 << 30), Decimal(1 << 20)
MINIMUM_SCAN = 10 * MIB
"""Least that BigQuery bills for a table in a statement: https://cloud.google.com/bigquery/pricing#on_demand_pricing"""
Quantities = dict[str, Decimal]


@dataclass(frozen=True)
class Tenant:
    """Tenants of one kind.  lines: of a month's bills; count: tenants like it; files: of an integration's month, where that is stated."""

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
    files: int = 0

    def chunks(self, world: World) -> int:
        """Files of a whole month of one integration."""
        return self.files or math.ceil(self.lines / self.integrations / world.assumed["lines_per_chunk"])


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
    data = tomllib.loads((HERE / "function_sizes.toml").read_text(encoding="utf-8"))
    return {name: (Decimal(one["cpu"]), Decimal(one["gib"])) for name, one in data.items()}


@dataclass(frozen=True)
class Deployment:
    """Tenants of several kinds in one deployment.

    cold_share: of messages, those that start an instance.  metric_share: those that add points to metrics, of which a series gets one per
    minute.
    """

    title: str
    tenants: tuple[Tenant, ...]
    cold_share: Decimal
    metric_share: Decimal

    @property
    def shares(self) -> dict[str, Decimal]:
        """What is assumed of its messages."""
        return {"cold_share": self.cold_share, "metric_share": self.metric_share}


def load_deployments() -> dict[str, Deployment]:
    """The mixes of tenants."""
    data = tomllib.loads((HERE / "cost_scenarios.toml").read_text(encoding="utf-8"))
    _, _, kinds = load_scenarios()
    return {
        name: Deployment(
            one["title"],
            tuple(replace(kinds[kind], count=count) for kind, count in one["tenants"].items()),
            Decimal(one["cold_share"]),
            Decimal(one["metric_share"]),
        )
        for name, one in data["deployments"].items()
    }


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
