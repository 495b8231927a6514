"""The tables of the embedded bus, and the operations on them inside a transaction.  Times are microseconds since 1970.

The machine's clock may be set back.  So a message that never failed is due at 0, one that would wait longer than the longest backoff
(`horizon`) is due at once, and a lease longer than the longest one is shortened to end that long from now.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from common.adapters.embedded.bus_faults import Copy
from common.adapters.embedded.processes import is_gone
from common.ports.bus import MAX_ATTEMPTS, DeadLetter, Undeliverable

SCHEMA = """
create table if not exists subscriptions (name text primary key, topic text not null) without rowid;
create table if not exists messages (
    number integer primary key autoincrement,
    rank integer,
    topic text not null,
    subscription text not null,
    ordering_key text not null,
    event text not null,
    due_at integer not null,
    attempt integer not null default 0,
    ack_id text,
    holder text,
    leased_until integer
);
create index if not exists messages_by_rank on messages (rank);
create index if not exists messages_by_lease on messages (ack_id);
create index if not exists messages_by_key on messages (subscription, ordering_key, number);
create table if not exists dead_letters (
    number integer primary key autoincrement,
    topic text not null,
    subscription text not null,
    ordering_key text not null,
    event text not null,
    reason text not null,
    died_at integer not null
);
create table if not exists unrecorded (number integer primary key)
"""

# a message waits while an earlier one of its ordering key is not done: leased, or in its rest after a failure
_FREE = """
ack_id is null and (ordering_key = '' or not exists (
    select 1 from messages as earlier
    where earlier.subscription = messages.subscription and earlier.ordering_key = messages.ordering_key
        and earlier.number < messages.number
))
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stamp(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def time_of(microseconds: int) -> datetime:
    """The time of a stamp."""
    return _EPOCH + timedelta(microseconds=microseconds)


def add_subscriptions(connection: sqlite3.Connection, wanted: Mapping[str, str]) -> dict[str, str]:
    """Keep those whose names are not taken; all that there are, as `subscriptions` gives them."""
    connection.executemany("insert or ignore into subscriptions values (?, ?)", wanted.items())
    return subscriptions(connection)


def subscriptions(connection: sqlite3.Connection) -> dict[str, str]:
    """The topic of each subscription."""
    return dict(connection.execute("select name, topic from subscriptions").fetchall())


def topic_of_subscription(connection: sqlite3.Connection, subscription: str) -> str | None:
    """The topic of a subscription, or None."""
    row = connection.execute("select topic from subscriptions where name = ?", (subscription,)).fetchone()
    return None if row is None else str(row[0])


def subscriptions_of(connection: sqlite3.Connection, topic: str) -> list[str]:
    """The subscriptions of a topic, by name."""
    rows = connection.execute("select name from subscriptions where topic = ? order by name", (topic,))
    return [name for (name,) in rows]


def next_number(connection: sqlite3.Connection) -> int:
    """The number that the next message gets."""
    row = connection.execute("select seq + 1 from sqlite_sequence where name = 'messages'").fetchone()
    return 1 if row is None else int(row[0])


def enqueue(
    connection: sqlite3.Connection, topic: str, subscription: str, ordering_key: str, event: str, now: int, copy: Copy
) -> None:
    """Add one copy of a message, due after the copy's delay, at once without any."""
    due_at = now + int(copy.delay_seconds * 1_000_000) if copy.delay_seconds else 0
    added = connection.execute(
        "insert into messages (rank, topic, subscription, ordering_key, event, due_at) values (?, ?, ?, ?, ?, ?)",
        (copy.rank, topic, subscription, ordering_key, event, due_at),
    )
    if copy.rank is None:
        connection.execute("update messages set rank = number where number = ?", (added.lastrowid,))


def first_due(
    connection: sqlite3.Connection, subscriptions: Sequence[str] | None, now: int, horizon: int
) -> tuple[int, str, str, str, int] | None:
    """(number, topic, subscription, event, attempt) of the first free message that is due, or None.

    horizon: when the longest rest that begins now is over.
    """
    names = None if subscriptions is None else json.dumps(list(subscriptions))
    row: tuple[int, str, str, str, int] | None = connection.execute(
        f"select number, topic, subscription, event, attempt from messages where {_FREE} "
        "and (due_at <= ?1 or due_at > ?3) and (?2 is null or subscription in (select value from json_each(?2))) "
        "order by rank, number limit 1",
        (now, names, horizon),
    ).fetchone()
    return row


def earliest_due(connection: sqlite3.Connection, now: int, horizon: int) -> int | None:
    """When the first free message becomes due, now at the earliest, or None."""
    statement = f"select min(case when due_at > ? then 0 else due_at end) from messages where {_FREE}"
    due_at: int | None = connection.execute(statement, (horizon,)).fetchone()[0]
    return None if due_at is None else max(due_at, now)


def shorten_leases(connection: sqlite3.Connection, longest: int) -> None:
    """No lease ends later than one that begins now."""
    connection.execute("update messages set leased_until = ?1 where leased_until > ?1", (longest,))


def has_longer_lease(connection: sqlite3.Connection, longest: int) -> bool:
    """Whether a lease ends later than one that begins now."""
    return (
        connection.execute("select 1 from messages where leased_until > ? limit 1", (longest,)).fetchone() is not None
    )


def lease(connection: sqlite3.Connection, number: int, ack_id: str, holder: str, until: int) -> None:
    """Hand a message to a holder; counts as an attempt."""
    connection.execute(
        "update messages set attempt = attempt + 1, ack_id = ?, holder = ?, leased_until = ? where number = ?",
        (ack_id, holder, until, number),
    )


def lost_leases(connection: sqlite3.Connection, now: int) -> list[tuple[str, str]]:
    """(ack id, what happened) of leases that are over: in time, or with the process that held them."""
    rows = connection.execute("select ack_id, holder, leased_until from messages where ack_id is not null").fetchall()
    gone = {holder for holder in {row[1] for row in rows} if is_gone(holder)}
    ended = [(ack_id, "the process that worked on it died") for ack_id, holder, _ in rows if holder in gone]
    expired = [
        (ack_id, "it did not finish before its lease ended")
        for ack_id, holder, until in rows
        if until <= now and holder not in gone
    ]
    return ended + expired


def acknowledge(connection: sqlite3.Connection, ack_id: str) -> None:
    """Remove a message that is done."""
    connection.execute("delete from messages where ack_id = ?", (ack_id,))


def release(connection: sqlite3.Connection, ack_id: str, reason: str, now: int, due_at: int) -> None:
    """Make a leased message free again, or a dead letter after the last attempt."""
    row = connection.execute("select attempt from messages where ack_id = ?", (ack_id,)).fetchone()
    if row is not None and row[0] >= MAX_ATTEMPTS:
        dead_letter(connection, ack_id, reason, now)
        return
    connection.execute(
        "update messages set ack_id = null, holder = null, leased_until = null, due_at = ? where ack_id = ?",
        (due_at, ack_id),
    )


def untried(connection: sqlite3.Connection, ack_id: str, due_at: int) -> None:
    """Make a leased message free again as if it had not been leased."""
    connection.execute(
        "update messages set attempt = attempt - 1, ack_id = null, holder = null, leased_until = null, due_at = ? "
        "where ack_id = ?",
        (due_at, ack_id),
    )


def abandon(connection: sqlite3.Connection, holder: str) -> None:
    """Make all that a holder has leased free again, as if it had not been leased."""
    rows = connection.execute("select ack_id, due_at from messages where holder = ?", (holder,)).fetchall()
    for ack_id, due_at in rows:
        untried(connection, ack_id, due_at)


def dead_letter(connection: sqlite3.Connection, ack_id: str, reason: str, now: int) -> None:
    """Make a leased message a dead letter, whose reason is still to be recorded."""
    added = connection.execute(
        "insert into dead_letters (topic, subscription, ordering_key, event, reason, died_at) "
        "select topic, subscription, ordering_key, event, ?, ? from messages where ack_id = ?",
        (reason, now, ack_id),
    )
    if added.rowcount:
        connection.execute("insert into unrecorded values (?)", (added.lastrowid,))
    acknowledge(connection, ack_id)


def add_dead_letter(connection: sqlite3.Connection, message: Undeliverable, event: str, now: int) -> None:
    """Keep a message that was never leased here as a dead letter."""
    connection.execute(
        "insert into dead_letters (topic, subscription, ordering_key, event, reason, died_at) values (?, ?, ?, ?, ?, ?)",
        (message.topic, message.subscription, message.ordering_key, event, message.reason, now),
    )


def dead_letters(
    connection: sqlite3.Connection, topic: str | None = None, unrecorded: bool = False
) -> list[DeadLetter]:
    """Dead letters of a topic, or of all, oldest first.  unrecorded: only those whose reason is still to be recorded."""
    rows = connection.execute(
        "select number, topic, subscription, event, reason, died_at from dead_letters "
        "where (?1 is null or topic = ?1) and (not ?2 or number in (select number from unrecorded)) order by number",
        (topic, unrecorded),
    )
    return [
        DeadLetter(str(number), name, subscription, json.loads(event), reason, time_of(died_at))
        for number, name, subscription, event, reason, died_at in rows
    ]


def revive(connection: sqlite3.Connection, topic: str | None, now: int) -> int:
    """Queue dead letters again, as new; returns how many."""
    rows: Iterable[tuple[int, str, str, str, str]] = connection.execute(
        "select number, topic, subscription, ordering_key, event from dead_letters "
        "where ?1 is null or topic = ?1 order by number",
        (topic,),
    ).fetchall()
    count = 0
    for number, name, subscription, ordering_key, event in rows:
        enqueue(connection, name, subscription, ordering_key, event, now, Copy())
        connection.execute("delete from dead_letters where number = ?", (number,))
        recorded(connection, number)
        count += 1
    return count


def forget_dead_letters(connection: sqlite3.Connection, before: int) -> None:
    """Remove dead letters of before a time whose reason has been recorded."""
    connection.execute(
        "delete from dead_letters where died_at < ? and number not in (select number from unrecorded)", (before,)
    )


def recorded(connection: sqlite3.Connection, number: int) -> None:
    """The reason of a dead letter has been recorded."""
    connection.execute("delete from unrecorded where number = ?", (number,))


def events(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """The events of all messages that are not done."""
    return [json.loads(event) for (event,) in connection.execute("select event from messages order by number")]


def count_messages(connection: sqlite3.Connection) -> int:
    """How many messages are not done."""
    return int(connection.execute("select count(*) from messages").fetchone()[0])
