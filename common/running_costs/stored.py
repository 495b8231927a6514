"""What is stored on an average day, and what removing the rest takes: docs/retention.md in the units that Google bills.

Everything that is deleted in the bucket stays, and is paid, for as long as it can be restored: also the copy that each landing makes of
a file before its lasting name is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from common.retention.lives import KINDS
from common.running_costs.world import GIB, MINIMUM_SCAN, Quantities, Tenant, World

LIST_PAGE = 1_000
RUNS_PAGE = 50
"""Of common/retention/planning.py, which a test compares."""


def life_days(kind: str) -> Decimal:
    """Days that something of a kind is stored, as docs/retention.md has them."""
    return Decimal(next(one.days for one in KINDS if one.name == kind))


def bucket(kinds: Iterable[tuple[Decimal, Decimal]], tenant: Tenant, world: World) -> Quantities:
    """Raw and normalized files.  kinds: deliveries of a month and the lines of each.

    Of each day's versions the last one is stored for the life of `versions`; the others go with the next clean-up.
    """
    taken_in = sum((times * lines for times, lines in kinds), Decimal(0))
    raw, focus = (Decimal(world.large[name]) / world.large["lines"] for name in ("source_bytes", "focus_bytes"))
    days, soft = world.assumed["days"], world.assumed["soft_deleted_months"]
    last_of_a_day = min(1 / Decimal(max(tenant.refreshes_per_day, 1)), Decimal(1))
    lives = life_days("versions") / days + soft
    thinned = (1 / days + soft) * (1 - last_of_a_day)
    versions = taken_in * (raw + focus) * (lives * last_of_a_day + thinned)
    current = tenant.lines * world.assumed["months_kept"] * (raw + focus)
    incoming = taken_in * raw * soft
    return {"bucket_gib_month": (versions + current + incoming) / GIB}


def documents(tenant: Tenant, world: World) -> dict[str, Decimal]:
    """Documents of a tenant by kind, on an average day."""
    integrations = Decimal(tenant.integrations)
    ticks = world.assumed["sync_ticks_per_day"]
    versions = integrations * (life_days("versions") + world.assumed["months_kept"])
    past = integrations * tenant.refreshes_per_day * life_days("past_deliveries")
    return {
        "runs": integrations * ticks * life_days("runs"),
        "deliveries": versions,
        "chunks": versions * tenant.chunks(world),
        "past_deliveries": past,
    }


def document_store(tenant: Tenant, world: World) -> Quantities:
    """The documents themselves, and the daily backups of them all."""
    stored = sum(documents(tenant, world).values(), Decimal(0)) * world.assumed["document_bytes"] / GIB
    backups = stored * world.assumed["backup_days"]
    return {"firestore_gib_month": stored, "firestore_backup_gib_month": backups}


def clean_up(tenant: Tenant, world: World) -> tuple[Quantities, Decimal, Decimal]:
    """A day's clean-up: what it reads, how many pages it lists, how many objects it deletes; without its message.

    It reads the runs that go and a page of others, every delivery and past delivery, lists all objects twice, and asks the warehouse two
    small questions.
    """
    found = documents(tenant, world)
    runs = tenant.integrations * world.assumed["sync_ticks_per_day"] + RUNS_PAGE
    listed = runs + found["deliveries"] + found["past_deliveries"]
    objects = found["chunks"] * 2
    pages = 2 * (3 + objects / LIST_PAGE)
    gone = Decimal(tenant.integrations * tenant.refreshes_per_day) * tenant.chunks(world) * 2
    quantities = {
        "firestore_read": listed + 2 * Decimal(tenant.integrations * tenant.refreshes_per_day),
        "firestore_write": Decimal(2 * tenant.integrations * tenant.refreshes_per_day + 2),
        "firestore_delete": gone / 2 + tenant.integrations * world.assumed["sync_ticks_per_day"],
        "bucket_class_a": pages,
        "bigquery_scanned_byte": Decimal(2 * MINIMUM_SCAN),
    }
    return quantities, pages, gone
