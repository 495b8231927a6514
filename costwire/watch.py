"""Command `watch`: the embedded scheduler and functions, until stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from rich.text import Text

from common.errors import GoesOn, Retryable
from common.runtime.bootstrap import EmbeddedRuntime, embedded
from common.tenancy.schedules import ensure_budget_check, ensure_clean_up, ensure_plans
from costwire.dead_letters import end_unrequested, record_dead_letters
from costwire.output import console, joined, styled
from costwire.worker import Outcome, deliver, subscribe_all

_POLL_SECONDS = 1.0
_NAMED = ("org_slug", "integration_id", "billing_period", "alert_id")
"""Facts of a message that tell a person which one it was."""


def watch() -> None:
    """Run schedules and process requests of other commands until Ctrl-C.  Any number may run in parallel, also beside other commands."""
    rt = embedded()
    try:
        prepare(rt)
        names = [one.name for one in rt.scheduler.list()]
        _say(
            rt,
            f"watching {len(names)} schedules ({', '.join(names)}); next {_at(rt.scheduler.next_due())}, Ctrl-C stops",
        )
        for line in events(rt):
            _say(rt, line)
    except KeyboardInterrupt:
        raise GoesOn("stopped; unfinished work is stored for the next costwire watch or sync") from None


def prepare(rt: EmbeddedRuntime) -> None:
    """Make the subscriptions and the platform's own schedules; repeating this changes nothing."""
    subscribe_all(rt)
    ensure_budget_check(rt)
    ensure_clean_up(rt)
    ensure_plans(rt)
    end_unrequested(rt)


def events(rt: EmbeddedRuntime, sleep: Callable[[float], None] = time.sleep) -> Iterator[Text]:
    """Tick and work for ever; one line for each thing that happens."""
    while True:
        try:
            for tick in rt.scheduler.tick():
                yield joined(styled(tick.name, "bold"), f" was due at {_at(tick.due)}")
            delivery = rt.bus.pull()
            record_dead_letters(rt)
        except Retryable as error:
            yield joined(styled("waiting", "red"), f": {error}")
            delivery = None
        if delivery is None:
            sleep(_POLL_SECONDS)
            continue
        yield _words(deliver(rt, delivery))


def _words(outcome: Outcome) -> Text:
    data = outcome.delivery.event.get("data")
    facts = data if isinstance(data, dict) else {}
    about = "/".join(str(facts[name]) for name in _NAMED if facts.get(name))
    done = joined(outcome.delivery.subscription, styled(f" {about}" if about else "", "dim"))
    if outcome.error is None:
        return joined(done, ": done")
    end = "given up" if outcome.final else "will be retried later"
    return joined(done, ": ", styled("failed", "red"), f", {end}: {outcome.error}")


def _say(rt: EmbeddedRuntime, line: str | Text) -> None:
    console.print(joined(styled(f"{rt.clock.now():%Y-%m-%d %H:%M:%S}", "dim"), " ", line), soft_wrap=True)


def _at(moment: datetime | None) -> str:
    return f"{moment:%H:%M} UTC" if moment else "never"
