"""How long a function's instance is at work for one message: processor time, calls to other services, bytes through it, jobs waited for.

Processor time, documents and objects are those of the runs in measured_counts.json; what a call takes on Google Cloud is assumed
(cost_scenarios.toml).  Seconds are Decimal, without the start of an instance.
"""

from __future__ import annotations

from decimal import Decimal

from common.running_costs.world import World

PASSES = 2
"""A landed file goes through its function twice: copied into the bucket, and read by the second reader."""


def looking(world: World) -> Decimal:
    """A tick that finds nothing new at a location: one listing, its run's documents."""
    return _calls(world, world.assumed["documents_of_a_look"], Decimal(1))


def dispatching(world: World, integrations: int) -> Decimal:
    """One request, fanned out over a tenant's integrations: a run is written for each, then one publication."""
    reads = Decimal(world.small["documents"]["dispatch_sync"]["reads"])
    return _calls(world, reads + integrations, Decimal(0)) + _publication(world)


def fanning_out(world: World, tenants: int, publications: int = 1) -> Decimal:
    """A tick of the platform's own schedules: all tenants are listed, one message for each is published."""
    return Decimal(tenants) / world.assumed["documents_listed_per_second"] + _publication(world) * publications


def landing(world: World, lines: Decimal, parts: int) -> Decimal:
    """A delivery whose files one message fetches and reads."""
    own = world.seconds("ingest_aws", lines, parts) + _streamed(world, lines)
    return own + _calls(world, _documents(world, "ingest_aws", parts), _objects(world, "ingest_aws", parts))


def reading_a_file(world: World, lines: Decimal) -> Decimal:
    """One file by a message of its own; its lasting name is given to it later, by `naming`."""
    each = _grown(world, "documents", "ingest_aws"), _grown(world, "objects", "ingest_aws")
    return world.seconds("ingest_aws", lines, 1) + _streamed(world, lines) + _calls(world, *each)


def naming(world: World, parts: int) -> Decimal:
    """A delivery of many files that are all read: known files are looked up, each is copied within the bucket."""
    return _calls(world, Decimal(parts), Decimal(2 * parts)) + _publication(world)


def mapping(world: World, lines: Decimal) -> Decimal:
    """One chunk to FOCUS rows; DuckDB takes more than one processor for most of it."""
    own = world.seconds("normalize_focus", lines, 1) / world.assumed["processors_used_by_mapping"]
    read = lines * _source_bytes(world) + lines * _focus_bytes(world)
    streamed = read / world.assumed["bucket_bytes_per_second"]
    return (
        own
        + streamed
        + _calls(world, _grown(world, "documents", "normalize_focus"), _grown(world, "objects", "normalize_focus"))
    )


SHOWN_WITH_ANOTHER = 25
"""Documents of one more delivery in a turn; counted with 36 of them."""
FOUND_SHOWN = 10
"""Documents of a message whose delivery was shown in the turn of another, those of its push included."""


def showing(world: World, lines: Decimal, chunks: int, deliveries: int = 1) -> Decimal:
    """Deliveries whose chunks are mapped: their proofs, and BigQuery's load job and transaction of them all, waited for."""
    reads = _documents(world, "normalize_focus", 1) + chunks + SHOWN_WITH_ANOTHER * (deliveries - 1)
    waited = world.assumed["bigquery_seconds_per_swap"] + lines / world.assumed["bigquery_rows_per_second"]
    return waited + _calls(world, reads, Decimal(0))


def found_shown(world: World, of_its_run: int) -> Decimal:
    """The message of a delivery that was shown in the turn of another.  of_its_run: the deliveries of a run that has not ended, else 0."""
    return _calls(world, Decimal(FOUND_SHOWN + of_its_run), Decimal(0))


def evaluating(world: World, budgets: int, asked: int, check: str) -> Decimal:
    """A tenant's budgets, with so many questions to the warehouse.  check: the counted one that is like it, of one budget."""
    counted = world.small[check]
    own = Decimal(counted["processor_seconds"]["evaluate_budgets"]) * world.assumed["slowness"] * budgets
    calls = sum((Decimal(number) for number in counted["documents"]["evaluate_budgets"].values()), Decimal(0)) * budgets
    return own + asked * world.assumed["bigquery_seconds_per_question"] + _calls(world, calls, Decimal(0))


def notifying(world: World) -> Decimal:
    """One alert, sent to its recipients."""
    counted = world.small["documents"]["send_notifications"]
    return world.assumed["seconds_per_notification"] + _calls(
        world, sum(map(Decimal, counted.values()), Decimal(0)), Decimal(0)
    )


def cleaning(world: World, documents: Decimal, pages: Decimal, deletes: Decimal) -> Decimal:
    """A tenant's daily clean-up: what is stored is listed, two questions, and eight deletions at a time."""
    listed = documents / world.assumed["documents_listed_per_second"]
    asked = 2 * world.assumed["bigquery_seconds_per_question"]
    return listed + asked + _calls(world, Decimal(10), pages + Decimal(deletes) / 8)


def _calls(world: World, documents: Decimal, objects: Decimal) -> Decimal:
    return documents * world.assumed["store_seconds_per_call"] + objects * world.assumed["bucket_seconds_per_call"]


def _publication(world: World) -> Decimal:
    return world.assumed["store_seconds_per_call"]


def _streamed(world: World, lines: Decimal) -> Decimal:
    return PASSES * lines * _source_bytes(world) / world.assumed["bucket_bytes_per_second"]


def _source_bytes(world: World) -> Decimal:
    return Decimal(world.large["source_bytes"]) / Decimal(world.large["lines"])


def _focus_bytes(world: World) -> Decimal:
    return Decimal(world.large["focus_bytes"]) / Decimal(world.large["lines"])


_CALLS = {"documents": ("reads", "writes", "deletes"), "objects": ("written", "listed", "looked", "read", "deleted")}


def _documents(world: World, function: str, parts: int) -> Decimal:
    return sum((world.grown("documents", function, kind, parts) for kind in _CALLS["documents"]), Decimal(0))


def _objects(world: World, function: str, parts: int) -> Decimal:
    return sum((world.grown("objects", function, kind, parts) for kind in _CALLS["objects"]), Decimal(0))


def _grown(world: World, table: str, function: str) -> Decimal:
    """What one part more takes."""
    return sum(
        (world.grown(table, function, kind, 2) - world.grown(table, function, kind, 1) for kind in _CALLS[table]),
        Decimal(0),
    )
