"""A simulated day of 1,000 tenants on Google Cloud: who waits how long, what is refused, what is given up.

    python -m benchmarks.thousand_tenants             all scenarios, about a minute; the same figures each time
    python -m benchmarks.thousand_tenants --only NAME --seed 2

Rules of Pub/Sub and Cloud Run as their documents state them (benchmarks/simulation); subscriptions, instances, memory, tries and windows as
the project states them; seconds by common/running_costs/seconds.py.  A model: nothing here was measured on Google Cloud.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from benchmarks.simulation.cost import day_cost
from benchmarks.simulation.flow import DAY, Flow
from benchmarks.simulation.loop import Loop
from benchmarks.simulation.platform import (
    Platform,
    check_tick_minutes,
    default_quota,
    deployed_sizes,
    production_instances,
)
from benchmarks.simulation.pubsub import Rules
from benchmarks.simulation.report import Result, text
from benchmarks.simulation.tenants import HOUR, Mix, newcomer, population
from common.running_costs.world import load_measured, load_scenarios, load_world

SEED = 1
CONNECTS_AT = 9 * HOUR
ACCOUNTS, MONTHS, ACCOUNT_LINES = 40, 36, 100_000
FAILING_SHARE = 0.001
"""Of real tries, those that fail with a cause that passes: our assumption."""


@dataclass(frozen=True)
class Scenario:
    """One run.  production: the instances that production.tfvars proposes, else those of a new project.  connects: with the newcomer."""

    title: str
    mix: Mix = field(default_factory=Mix)
    production: bool = False
    connects: bool = False
    assumed: Mapping[str, object] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)


def _one_less(window: float) -> float:
    return window - 1


SCENARIOS = {
    "new-project": Scenario("a day, instances of a new project", Mix(packed=False)),
    "production": Scenario("a day, instances of production.tfvars", Mix(packed=False), production=True),
    "packed": Scenario("the same, the large bills 100 GB gzipped", production=True),
    "first-connect": Scenario(
        "a customer with three years in forty accounts connects at nine",
        Mix(packed=False),
        production=True,
        connects=True,
    ),
}


def simulate(scenario: Scenario, seed: int = SEED, days: int = 1) -> Result:
    """Run one scenario until everything that was published on its days is done."""
    began = time.process_time()
    assumed, _, _ = load_scenarios()
    world = load_world({**assumed, **scenario.assumed}, load_measured())
    chance = random.Random(seed)  # noqa: S311
    loop = Loop()
    found = population(scenario.mix, world, chance).tenants
    flow = Flow(loop, world, found, chance, check_tick_minutes(scenario.production))
    instances, quota = production_instances() if scenario.production else ({}, default_quota())
    platform = Platform(
        loop,
        deployed_sizes(instances),
        flow.work_of,
        chance,
        float(world.assumed["cold_start_seconds"]),
        FAILING_SHARE,
        scenario.rules,
    )
    flow.platform = platform
    flow.plan(days)
    if scenario.connects:
        customer = newcomer(world, CONNECTS_AT, ACCOUNTS, MONTHS, ACCOUNT_LINES)
        loop.at(CONNECTS_AT, _joins(flow, customer))
    loop.run(until=days * DAY)
    left = platform.waiting
    loop.run()
    usd = day_cost(scenario.mix, scenario.assumed, platform, days)
    return Result(scenario.title, platform, flow.tenants, quota, left, days, loop.now, time.process_time() - began, usd)


def _joins(flow: Flow, customer: object) -> Callable[[], None]:
    def joins() -> None:
        flow.tenants.append(customer)  # type: ignore[arg-type]
        flow.sync(customer)  # type: ignore[arg-type]

    return joins


def main() -> int:
    """Exit status 0, 1 where a message was given up."""
    words = argparse.ArgumentParser(description="A simulated day of 1,000 tenants")
    words.add_argument("--only", choices=sorted(SCENARIOS), action="append")
    words.add_argument("--seed", type=int, default=SEED)
    words.add_argument(
        "--window", choices=("halves", "shrinks"), default="halves", help="Pub/Sub's window after a failure"
    )
    chosen = words.parse_args()
    rules = Rules() if chosen.window == "halves" else Rules(shrink=_one_less)
    lost = 0
    for name in chosen.only or SCENARIOS:
        result = simulate(replace(SCENARIOS[name], rules=rules), chosen.seed)
        sys.stdout.write(text(result) + "\n")
        sys.stdout.flush()
        lost += result.platform.dead_letters()
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
