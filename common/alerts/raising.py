"""Raise, advance and retract alerts of any kind: the life cycle and the outbox in one transaction, then `alert-raised`.

An evaluation that dies between the two is repeated by whoever asked for it, and announces then what waits in the outbox.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.domain import alerts
from common.domain.alerts import Change, Life
from common.domain.outbox import PENDING, new_notification
from common.messages import AlertRaised
from common.ports import Document, DocumentStore, MessageBus, Transaction
from common.records.alerts import Alert, alert_path, notifications_path
from common.telemetry import counted

Event = str | None | Callable[[Life], str | None]
"""One of `common.domain.alerts.EVENTS`, None where nothing happened, or what decides it from where the alert stands."""


@dataclass(frozen=True)
class Subject:
    """What an alert is about.  alert_id: the same whenever the same thing is looked at.  Plain types only.

    kind: chooses the words (rendering.py).  title: one line; "" for a kind with words of its own.  facts: what the message says.
    about: what the alert's document shows beside its life.  channels: names of those wanted, empty for the default ones.
    """

    kind: str
    alert_id: str
    title: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    budget_id: str | None = None
    budget_name: str | None = None
    channels: Sequence[str] = ()


@dataclass(frozen=True)
class Move:
    """An event in the life of one alert.  change: its facts; its state is overwritten.

    series: alerts of which each includes those of lower rank, as the thresholds of one budget.  Of those that open at once only the highest
    is told, of those that are retracted at once the lowest.  "" for an alert by itself.
    """

    subject: Subject
    event: Event
    change: Change
    series: str = ""
    rank: Decimal = Decimal(0)


@dataclass(frozen=True)
class Moved:
    """Where an alert stands now; state is None where there is no alert.  told: whether a message was put in the outbox."""

    alert_id: str
    state: str | None
    told: bool


def advance(transaction: Transaction, org_slug: str, moves: Sequence[Move], now: datetime) -> list[Moved]:
    """Move alerts on and put what users must be told in the outbox, in a transaction that reads nothing after this.

    Safe to repeat.  `announce` is to follow the transaction.
    """
    steps = [_step(transaction.get(alert_path(org_slug, move.subject.alert_id)), move) for move in moves]
    return [_advanced(transaction, org_slug, step, _said_by_another(step, steps), now) for step in steps]


def raise_alert(
    org_slug: str,
    subject: Subject,
    event: Event,
    documents: DocumentStore,
    bus: MessageBus,
    now: datetime,
    run_id: str | None = None,
) -> Moved:
    """Move one alert on in a transaction of its own, and announce what waits.  Safe to repeat: one message per state."""
    move = Move(subject, event, Change("", now.isoformat()))
    (moved,) = documents.transact(lambda transaction: advance(transaction, org_slug, [move], now))
    announce(org_slug, {"alert_id": subject.alert_id}, documents, bus, run_id)
    return moved


def lapse(documents: DocumentStore, org_slug: str, alert_id: str, now: datetime, by: str | None = None) -> None:
    """Resolve an alert that has run out; nobody is told.  Nothing happens where there is none."""
    path = alert_path(org_slug, alert_id)

    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is None:
            return
        alert = Alert.from_document(document)
        life, _ = alerts.advance(alert.life, alerts.LAPSED, Change("", now.isoformat(), by))
        transaction.set(path, replace(alert, life=life).as_document())

    documents.transact(work)


def announce(
    org_slug: str, which: Mapping[str, Any], documents: DocumentStore, bus: MessageBus, run_id: str | None = None
) -> None:
    """Publish `alert-raised` for each alert with a message in the outbox, those of an evaluation that died included.

    which: fields of the notifications, as `alert_id` or `budget_id`.
    """
    newest: dict[str, Document] = {}
    for _, notification in documents.list(notifications_path(org_slug), where={**which, "status": PENDING}):
        before = newest.setdefault(notification["alert_id"], notification)
        if notification["number"] > before["number"]:
            newest[notification["alert_id"]] = notification
    for alert_id, notification in newest.items():
        bus.publish(AlertRaised(org_slug, alert_id, notification["state"], run_id))
        counted(alerts_raised=1)


@dataclass(frozen=True)
class _Step:
    """A move, what was known of its alert, what happens to it and the state that this leads to."""

    move: Move
    known: Alert | None
    event: str | None
    opens: bool
    retracts: bool


def _step(before: Document | None, move: Move) -> _Step:
    known = Alert.from_document(before) if before else None
    life = known.life if known else Life()
    event = move.event(life) if callable(move.event) else move.event
    after = alerts.next_state(life.state, event)
    changes = after != life.state
    return _Step(move, known, event, changes and after == alerts.OPEN, changes and after == alerts.RETRACTED)


def _said_by_another(step: _Step, steps: Sequence[_Step]) -> bool:
    """Whether the message of another alert of the series says what this one's would."""
    series = [one for one in steps if step.move.series and one.move.series == step.move.series]
    if step.opens:
        return any(one.opens and one.move.rank > step.move.rank for one in series)
    return step.retracts and any(one.retracts and one.move.rank < step.move.rank for one in series)


def _advanced(transaction: Transaction, org_slug: str, step: _Step, quiet: bool, now: datetime) -> Moved:
    subject, known = step.move.subject, step.known
    after, told = alerts.advance(known.life if known else Life(), step.event, step.move.change, quiet=quiet)
    if after.state is None:
        return Moved(subject.alert_id, None, False)
    about = {**(known.about if known else {}), **subject.about}
    alert = Alert(subject.alert_id, subject.kind, after, subject.budget_id, subject.budget_name, about)
    transaction.set(alert_path(org_slug, subject.alert_id), alert.as_document())
    if told:
        title = {"title": subject.title} if subject.title else {}
        notification = new_notification(
            subject.alert_id,
            after.notifications,
            after.state,
            {"type": subject.kind, **title, **subject.facts},
            now,
            channels=subject.channels,
            budget_id=subject.budget_id,
        )
        transaction.set(f"{notifications_path(org_slug)}/{notification['notification_id']}", notification)
    return Moved(subject.alert_id, after.state, told)
