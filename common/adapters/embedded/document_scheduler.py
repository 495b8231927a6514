"""Schedules as documents (`schedules/<name>`); whoever calls `tick` publishes what is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from common.adapters.shared.schedule_rules import check_cron, check_schedule_name, next_tick
from common.messages import Message
from common.messages.scheduled import from_template, identified, template
from common.ports.bus import MessageBus
from common.ports.clock import Clock
from common.ports.documents import Document, DocumentStore, Transaction
from common.ports.scheduler import Schedule

_COLLECTION = "schedules"
LEASE = timedelta(minutes=1)
"""After which a tick that somebody took and never finished is published by another."""
PUT_BACK = timedelta(hours=3)
"""A clock put back by less makes a schedule wait for so long at most; any less would tick twice where two processes differ by it."""


@dataclass(frozen=True)
class Tick:
    """One publication: of which schedule, for which moment."""

    name: str
    due: datetime
    message: Message


class DocumentScheduler:
    """Ticks for any number of processes: a due moment is taken in a transaction, published, and then noted as done.

    Ticks that nobody made in time collapse into one.  A process that dies between taking and noting leaves the tick to the
    next one; the message then has the same id again, so that it is the same work.
    """

    def __init__(self, documents: DocumentStore, bus: MessageBus, clock: Clock) -> None:
        self._documents = documents
        self._bus = bus
        self._clock = clock

    def put(self, schedule: Schedule) -> None:
        """Make the schedule, or change the one of that name.  The same again does not move its next tick."""
        path = _path(schedule.name)
        cron, event = check_cron(schedule.cron), template(schedule.message)

        def work(transaction: Transaction) -> None:
            before = transaction.get(path)
            kept = before is not None and before["cron"] == cron
            due = before["next_due"] if before and kept else next_tick(cron, self._clock.now()).isoformat()
            taken = before["taken"] if before else None
            transaction.set(
                path, {"name": schedule.name, "cron": cron, "event": event, "next_due": due, "taken": taken}
            )

        self._documents.transact(work)

    def remove(self, name: str) -> None:
        """End a schedule; nothing happens where there is none."""
        self._documents.delete(_path(name))

    def list(self, prefix: str = "") -> Sequence[Schedule]:
        """The schedules whose names start with `prefix`, by name."""
        return [
            Schedule(name, document["cron"], from_template(document["event"]))
            for name, document in self._documents.list(_COLLECTION)
            if name.startswith(prefix)
        ]

    def tick(self) -> Sequence[Tick]:
        """Publish what is due, each moment once however many processes tick; returns what this one published."""
        done = []
        for name, document in self._documents.list(_COLLECTION):
            if _is_ahead(document, self._clock.now()):
                self._catch_up(name)
            if _free(document, self._clock.now()) and (tick := self._take(name)):
                self._bus.publish(tick.message)
                self._finish(tick)
                done.append(tick)
        return done

    def next_due(self) -> datetime | None:
        """When the next schedule is due, or None without any."""
        moments = [datetime.fromisoformat(document["next_due"]) for _, document in self._documents.list(_COLLECTION)]
        return min(moments, default=None)

    def _catch_up(self, name: str) -> None:
        """The clock was put back: the next tick is the next one from now."""
        path = _path(name)

        def work(transaction: Transaction) -> None:
            document, now = transaction.get(path), self._clock.now()
            if document is not None and _is_ahead(document, now):
                transaction.set(path, {**document, "next_due": next_tick(document["cron"], now).isoformat()})

        self._documents.transact(work)

    def _take(self, name: str) -> Tick | None:
        path, now = _path(name), self._clock.now()

        def work(transaction: Transaction) -> Tick | None:
            document = transaction.get(path)
            if document is None or not _free(document, now):
                return None
            due = document["taken"]["due"] if document["taken"] else document["next_due"]
            following = document["next_due"] if document["taken"] else next_tick(document["cron"], now).isoformat()
            transaction.set(path, {**document, "next_due": following, "taken": {"due": due, "at": now.isoformat()}})
            moment = datetime.fromisoformat(due)
            return Tick(name, moment, _message(document["event"], name, moment))

        return self._documents.transact(work)

    def _finish(self, tick: Tick) -> None:
        path, due = _path(tick.name), tick.due.isoformat()

        def work(transaction: Transaction) -> None:
            document = transaction.get(path)
            if document is not None and document["taken"] and document["taken"]["due"] == due:
                transaction.set(path, {**document, "taken": None})

        self._documents.transact(work)


def _path(name: str) -> str:
    return f"{_COLLECTION}/{check_schedule_name(name)}"


def _free(document: Document, now: datetime) -> bool:
    """Whether there is a tick to take: one that is due, or one that was taken and never finished."""
    if document["taken"]:
        at = datetime.fromisoformat(document["taken"]["at"])
        return at + LEASE <= now or at > now + LEASE  # the clock was put back since
    return datetime.fromisoformat(document["next_due"]) <= now


def _is_ahead(document: Document, now: datetime) -> bool:
    """Whether the next tick is later than the next one from now, as nothing but a clock that was put back explains."""
    due = datetime.fromisoformat(document["next_due"])
    return due > now + PUT_BACK and due > next_tick(document["cron"], now) + PUT_BACK


def _message(event: dict[str, Any], name: str, due: datetime) -> Message:
    return identified(from_template(event), f"{name}-{due:%Y%m%dT%H%M}")
