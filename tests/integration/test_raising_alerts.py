"""Any kind of alert: raised, retracted and announced by one use case, with one message per state, whatever dies on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from budget_world import ORG, World

from common.alerts.raising import Subject, raise_alert
from common.domain.alerts import CLEARED, CROSSED, OPEN, RETRACTED
from common.messages import AlertRaised, Message

UNUSUAL = Subject(
    "unusual_spend",
    "unusual-compute-2026-11-19",
    "Compute costs three times as much as on other Thursdays",
    {"lines": {"Spend": "300.00 USD"}, "notes": []},
    about={"service": "Compute"},
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def move(world: World, event: str) -> tuple[str | None, bool]:
    moved = raise_alert(ORG, UNUSUAL, event, world.documents, world.bus, world.clock.now(), "run-1")
    return moved.state, moved.told


def test_a_kind_that_nobody_knew_is_raised_sent_and_retracted(world: World) -> None:
    assert move(world, CLEARED) == (None, False)
    assert world.documents.list(f"orgs/{ORG}/alerts") == []
    assert move(world, CROSSED) == (OPEN, True)
    world.send()
    assert move(world, CROSSED) == (OPEN, False)
    world.send()
    assert move(world, CLEARED) == (RETRACTED, True)
    world.send()
    assert world.email.subjects == [f"[Costwire] {UNUSUAL.title}"] * 2
    alert = world.documents.get(f"orgs/{ORG}/alerts/{UNUSUAL.alert_id}") or {}
    assert (alert["type"], alert["state"], alert["budget_id"], alert["service"]) == (
        "unusual_spend",
        RETRACTED,
        None,
        "Compute",
    )


def test_what_died_before_it_was_announced_is_announced_by_the_next_try(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    move(world, CROSSED)
    world.send()

    def dies(message: Message) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(world.bus, "publish", dies)  # a process that dies there cannot be provoked in this one
        with pytest.raises(ConnectionError):
            move(world, CLEARED)
    assert move(world, CLEARED) == (RETRACTED, False)
    world.send()
    assert len(world.email.sent) == 2


def test_the_newest_of_the_messages_that_wait_is_announced(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[Message] = []
    monkeypatch.setattr(world.bus, "publish", published.append)  # nobody sends meanwhile
    for event in (CROSSED, CLEARED, CROSSED, CLEARED):
        move(world, event)
    states = [OPEN, RETRACTED, OPEN, RETRACTED]
    assert published == [AlertRaised(ORG, UNUSUAL.alert_id, state, "run-1") for state in states]
