"""Who is simulated: tenants with their integrations, schedules as the code makes them, and what their providers deliver in a day."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from common.running_costs.world import World
from common.tenancy.schedules import DEFAULTS, sync_schedule

PROVIDERS = ("aws", "aws", "azure", "gcp", "focus")
"""Of a tenant's five integrations: our assumption."""
HOUR = 3600.0


@dataclass(frozen=True)
class Mix:
    """The tenants of a day.  lines: of a tenant's month, over all its integrations; large ones have one bill of their own beside."""

    tenants: int = 1_000
    lines: int = 1_000_000
    budgets: int = 3
    large: int = 20
    large_bytes: int = 100_000_000_000
    large_files: int = 400
    large_budgets: int = 10
    month_to_date: float = 0.5
    packed: bool = True
    """Whether large_bytes are of gzipped files, as delivered, or of the text in them."""


@dataclass(eq=False)
class Bill:
    """A delivery that is new at a location.  file_bytes: as delivered, of one file."""

    lines_per_file: int
    files: int
    file_bytes: float
    new_at: float
    unread: int = 0
    open: int = 0
    mapped: int = 0
    found_at: float | None = None
    landed_at: float | None = None
    shown_at: float | None = None

    def __post_init__(self) -> None:
        self.unread = self.files

    @property
    def lines(self) -> int:
        return self.lines_per_file * self.files


@dataclass(eq=False)
class Integration:
    """A location.  news: bills that its provider delivers.  claimed_by: the message whose landing is under way."""

    name: str
    provider: str
    news: list[Bill]
    claimed_by: object | None = None

    def found(self, now: float) -> list[Bill]:
        """What a listing shows that has not been landed."""
        return [one for one in self.news if one.new_at <= now and one.landed_at is None]


@dataclass(eq=False)
class Tenant:
    """An organization with its schedule and budgets.

    asked_on: the day on which a check last asked the warehouse.  waiting: what is mapped and not shown, the longest waiting first.
    """

    slug: str
    integrations: list[Integration]
    budgets: int
    asked_on: date | None = None
    group: str = "tenant"
    waiting: list[tuple[Integration, Bill]] = field(default_factory=list)

    def ticks(self, day: int) -> list[float]:
        """Seconds at which its schedule ticks on a day, by the cron expression that the code makes."""
        cron = sync_schedule(self.slug, DEFAULTS["sync_interval_hours"]).cron.split()
        first, _, every = cron[1].partition("-23/")
        return [day * 24 * HOUR + hour * HOUR + int(cron[0]) * 60 for hour in range(int(first), 24, int(every))]


@dataclass(frozen=True)
class Population:
    """All tenants of a run."""

    tenants: list[Tenant] = field(default_factory=list)


def source_bytes(world: World) -> float:
    """Of a line, as delivered."""
    return float(Decimal(world.large["source_bytes"]) / world.large["lines"])


TEXT_BYTES = 835.0
"""Of a line of the generated bill as text: 1.67 GB for 2 million lines (docs/performance.md)."""


def lines_of_large(mix: Mix, world: World) -> int:
    """Of a large tenant's month."""
    return int(mix.large_bytes / (source_bytes(world) if mix.packed else TEXT_BYTES))


def population(mix: Mix, world: World, chance: random.Random) -> Population:
    """The tenants of a day, the large ones first.  What is new is found by a sync of the same day."""
    tenants = []
    syncs_every = DEFAULTS["sync_interval_hours"] * HOUR
    for number in range(mix.tenants):
        is_large = number < mix.large
        budgets = mix.large_budgets if is_large else mix.budgets
        each = int(mix.lines * mix.month_to_date / len(PROVIDERS))
        integrations = [
            Integration(
                f"{provider}-{place}",
                provider,
                [_bill(each, 1, world, chance.uniform(-syncs_every, 24 * HOUR - syncs_every))],
            )
            for place, provider in enumerate(PROVIDERS)
        ]
        if is_large:
            lines = mix.large_bytes / (source_bytes(world) if mix.packed else TEXT_BYTES)
            whole = _bill(
                int(lines / mix.large_files),
                mix.large_files,
                world,
                chance.uniform(-syncs_every, 24 * HOUR - syncs_every),
            )
            integrations[0] = Integration("aws-0", "aws", [whole])
        group = "large" if is_large else "tenant"
        tenants.append(Tenant(f"tenant_{number:04d}", integrations, budgets, group=group))
    return Population(tenants)


def newcomer(world: World, connected_at: float, accounts: int, months: int, lines: int) -> Tenant:
    """A customer with a history: one bill per month in each account.  lines: of one account's month."""
    integrations = [
        Integration(f"aws-{number}", "aws", [_bill(lines, 1, world, connected_at) for _ in range(months)])
        for number in range(accounts)
    ]
    return Tenant("newcomer", integrations, 3, group="newcomer")


def _bill(lines: int, files: int, world: World, new_at: float) -> Bill:
    return Bill(lines, files, lines * source_bytes(world), new_at)
