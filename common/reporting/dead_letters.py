"""Dead letters of all organizations: messages that no function could finish, each with its reason."""

from __future__ import annotations

from common.ports import Runtime
from common.ports.bus import DeadLetter


def list_dead_letters(rt: Runtime) -> list[DeadLetter]:
    """The newest first.  Looking loses none of them."""
    return sorted(rt.bus.dead_letters(), key=lambda one: one.died_at, reverse=True)
