"""What clean-up would remove of an organization now: the decisions of common/retention/deciding.py, with their sizes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.domain import alerts, outbox, quotas
from common.ports import Document, Order, Runtime, Slice
from common.records import audit
from common.records.deliveries import Delivery
from common.records.integrations import KNOWN_FILES, integration_path
from common.records.members import MEMBERS, from_document, is_past
from common.records.meter_files import MeterFile, meter_files
from common.records.organizations import below
from common.records.past_deliveries import PENDING, past_deliveries
from common.records.runs import ENDED, QUEUED, RUNNING, Run, load_run
from common.retention.deciding import Known, decide, named_elsewhere, restatements_from
from common.retention.inventory import Inventory
from common.retention.lives import Lives, lives_of
from common.warehouse.catalogued import catalogued

PAGE = 50
"""Documents of a kind that are read at once, the oldest first: runs until one is not past its life, months of organizations once a day."""
_SHOWN = "select delivery_id from slices"


@dataclass(frozen=True)
class Going:
    """One thing that goes, of one kind.  name: of a delivery, a slice or a document; files, bytes: of its objects."""

    kind: str
    name: str
    about: str = ""
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Plan:
    """What goes.  unfinished: deliveries that an interrupted clean-up has begun to remove.  paths: of documents that simply go.

    logs: of meters.
    """

    lives: Lives
    going: tuple[Going, ...]
    deliveries: tuple[Delivery, ...]
    unfinished: tuple[Delivery, ...]
    restatements: Mapping[Slice, datetime]
    replacements: Sequence[Mapping[str, Any]]
    past: tuple[Delivery, ...]
    paths: tuple[str, ...]
    members: tuple[str, ...]
    copies: tuple[str, ...]
    logs: tuple[MeterFile, ...] = ()


def plan(rt: Runtime, org_slug: str, inventory: Inventory) -> Plan:
    """Look at everything that has a life; nothing is changed.  Raises BadConfiguration for a life that is not valid."""
    now, lives = rt.clock.now(), lives_of(rt.documents, org_slug)
    documents = [one for _, one in rt.documents.list(below(org_slug, "deliveries"))]
    deliveries = [Delivery.from_document(one) for one in documents]
    open_runs = _open_runs(rt, org_slug)
    past = past_deliveries(rt.documents, org_slug)
    unfinished = [one for one in (*deliveries, *past) if one.unknown.get(PENDING)]
    replacements = rt.warehouse.query(org_slug, catalogued("replacements")) if deliveries else []
    shown = {row["delivery_id"] for row in rt.warehouse.query(org_slug, _SHOWN)} if deliveries else set()
    under_way = {name for run in open_runs for name in run.delivery_ids}
    decided = decide(Known(deliveries, past, replacements, shown, under_way), lives, now)
    going = tuple(decided)
    named = named_elsewhere(deliveries, {one.delivery_id for one in going})
    cuts = {Slice(org_slug, *piece): at for piece, at in restatements_from(replacements, lives, now).items()}
    old = tuple(
        one
        for one in past
        if not one.unknown.get(PENDING) and _before(one.files_removed_at, now, lives, "past_deliveries")
    )
    simple = list(_documents(rt, org_slug, lives, now))
    logs = [one for one in meter_files(rt.documents, org_slug) if one.last_day < (now - lives["meter_files"]).date()]
    members = _past_members(rt, org_slug, lives, now)
    copies = _copies(rt, org_slug, inventory, {run.integration_id for run in open_runs}, lives, now)
    return Plan(
        lives,
        going=(
            *(_going("versions", one, inventory, named) for one in decided.versions),
            *(_going("rejected", one, inventory, named) for one in decided.rejected),
            *(_going("withdrawn", one, inventory, named) for one in decided.withdrawn),
            *(Going("restatements", str(piece), f"before {at:%Y-%m-%d %H:%M} UTC") for piece, at in cuts.items()),
            *(Going("past_deliveries", one.delivery_id, str(one.slice)) for one in old),
            *(Going("meter_files", one.name, f"calls until {one.last_day}", 2, one.size_bytes) for one in logs),
            *(Going(kind, name) for kind, name, _ in simple),
            *(Going("members", name) for name in members),
        ),
        deliveries=going,
        unfinished=tuple(unfinished),
        restatements=cuts,
        replacements=replacements,
        past=old,
        paths=tuple(path for _, _, path in simple),
        members=members,
        copies=copies,
        logs=tuple(logs),
    )


def _going(kind: str, delivery: Delivery, inventory: Inventory, named: set[str]) -> Going:
    items = [item for item in inventory.of(delivery) if item.uri not in named]
    return Going(kind, delivery.delivery_id, str(delivery.slice), len(items), sum(item.size_bytes for item in items))


def _open_runs(rt: Runtime, org_slug: str) -> list[Run]:
    found = (rt.documents.list(below(org_slug, "runs"), {"status": status}) for status in (QUEUED, RUNNING))
    return [Run.from_document(one) for several in found for _, one in several]


def _documents(rt: Runtime, org_slug: str, lives: Lives, now: datetime) -> Iterable[tuple[str, str, str]]:
    """(kind, name, path) of documents that go by themselves."""

    def found(kind: str, names: Iterable[str]) -> Iterable[tuple[str, str, str]]:
        return ((kind, name, below(org_slug, kind, name)) for name in names)

    listed = {
        kind: dict(rt.documents.list(below(org_slug, kind)))
        for kind in ("alerts", "notifications", "landings", "sizes", "usage")
    }
    yield from (
        ("audit", path.rpartition("/")[2], path)
        for path in audit.paths_before(rt.documents, org_slug, now - lives["audit"])
    )
    yield from found("runs", _old_runs(rt, org_slug, lives, now))
    yield from found(
        "alerts",
        (
            name
            for name, one in listed["alerts"].items()
            if _is_over(one) and _before(one["history"][-1]["at"], now, lives, "alerts")
        ),
    )
    yield from found(
        "notifications",
        (
            name
            for name, one in listed["notifications"].items()
            if one["status"] not in (outbox.PENDING, outbox.SENDING)
            and _before(one["created_at"], now, lives, "notifications")
        ),
    )
    yield from found(
        "landings",
        (name for name, one in listed["landings"].items() if _is_left(_run(rt, org_slug, one), now, lives)),
    )
    oldest = quotas.month_of(now - lives["usage"])
    yield from found("usage", (name for name in listed["usage"] if name < oldest))
    # named by month, and listed by name: the oldest come first
    of_months = rt.documents.list(below(org_slug, "platform_usage"), limit=PAGE)
    oldest = quotas.month_of(now - lives["platform_usage"])
    yield from found("platform_usage", (name for name, _ in of_months if name < oldest))
    yield from found("sizes", (name for name in listed["sizes"] if name < (now - lives["sizes"]).date().isoformat()))


def _old_runs(rt: Runtime, org_slug: str, lives: Lives, now: datetime) -> list[str]:
    """Those past their life, but of each integration the last of them.  Younger ones are not read: most runs are."""
    old: list[tuple[str, Document]] = []
    last_read = None
    while True:
        page = rt.documents.list(below(org_slug, "runs"), order=Order("started_at"), limit=PAGE, after=last_read)
        past = [(name, one) for name, one in page if _before(one["started_at"], now, lives, "runs")]
        old += past
        if not page or len(past) < len(page):
            break
        last_read = page[-1]
    last = {one["integration_id"]: name for name, one in old}
    ended = [(name, one) for name, one in old if one["status"] in ENDED and name != last[one["integration_id"]]]
    return [name for name, one in ended if _before(one["ended_at"] or one["started_at"], now, lives, "runs")]


def _past_members(rt: Runtime, org_slug: str, lives: Lives, now: datetime) -> tuple[str, ...]:
    """Those who were removed long ago, or never took their invitation."""
    found = (from_document(one) for _, one in rt.documents.list(below(org_slug, MEMBERS)))
    return tuple(one.member_id for one in found if is_past(one, now - lives["members"]))


def _is_over(alert: Mapping[str, Any]) -> bool:
    return alert["state"] in (alerts.RESOLVED, alerts.RETRACTED) and bool(alert["history"])


def _run(rt: Runtime, org_slug: str, noted: Mapping[str, Any]) -> Run | None:
    """The run that noted something."""
    return load_run(rt.documents, org_slug, str(noted.get("run_id", "")) or "none")


def _is_left(run: Run | None, now: datetime, lives: Lives) -> bool:
    """Whether what a run noted of its landing belongs to one that ended without it long ago."""
    return run is not None and run.status in ENDED and _before(run.started_at, now, lives, "landings")


def _copies(
    rt: Runtime, org_slug: str, inventory: Inventory, busy: Collection[str], lives: Lives, now: datetime
) -> tuple[str, ...]:
    """Copies of files whose landing was never finished, and those that a killed one left without a note.

    A copy is made before it is noted, so none goes while a run of its integration has not ended.  busy: the integrations of such runs.
    """
    gone = []
    for item in inventory.incoming():
        integration_id, _, key = item.uri.rsplit("/", 3)[1:]
        if integration_id not in busy:
            known = rt.documents.get(f"{integration_path(org_slug, integration_id)}/{KNOWN_FILES}/{key}") or {}
            run = _run(rt, org_slug, known)
            if known.get("uri") != item.uri or run is None or _is_left(run, now, lives):
                gone.append(item.uri)
    return tuple(gone)


def _before(text: str | None, now: datetime, lives: Lives, kind: str) -> bool:
    return text is not None and datetime.fromisoformat(text) < now - lives[kind]
