"""Waiting until runs have ended: the embedded runtime does the work itself; in the cloud, functions do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from common.errors import GoesOn, Retryable
from common.ingestion.requesting import Outcome, Requested, outcome_of
from common.ports import Runtime
from common.records.runs import ENDED, run_path
from common.records.stalled import end_stalled
from common.reporting.steps import current_step
from common.runtime.bootstrap import EmbeddedRuntime
from costwire.worker import ELSEWHERE, work

POLL_SECONDS = 1.0
_LOOK_SECONDS = 30.0
"""How often a watcher looks for runs that no function will end."""
TAKEN_SECONDS = 120.0
"""How long a published request may go unseen before the deployment is taken to be broken; a cold start takes seconds."""


@dataclass(frozen=True)
class Step:
    """What a person who waits is told.  lost: the words say why a message will not be tried again."""

    words: str
    lost: bool = False


def wait(rt: Runtime, requested: Requested, say: Callable[[str], None] = lambda words: None) -> Outcome:
    """Wait until the requested runs have ended.  say: is told what is done meanwhile.  Raises as `advance`."""
    lost = []
    for step in advance(rt, requested.org_slug, requested.run_ids, waiting=say):
        say(step.words)
        if step.lost:
            lost.append(step.words)
    return outcome_of(rt.documents, requested, lost)


def advance(
    rt: Runtime,
    org: str,
    run_ids: Sequence[str],
    sleep: Callable[[float], None] = time.sleep,
    waiting: Callable[[str], None] = lambda words: None,
) -> Iterator[Step]:
    """Steps until every run has ended.  waiting: is told what is waited for.

    Raises Retryable where a deployment does not take the request up."""
    if isinstance(rt, EmbeddedRuntime):
        for outcome in work(rt, sleep, _with_steps(rt, org, run_ids, waiting)):
            lost = outcome.final and outcome.error is not None
            yield Step(outcome.error or _next(outcome.delivery.subscription), lost)
        return
    try:
        yield from _watch(rt, org, run_ids, sleep)
    except KeyboardInterrupt:
        raise GoesOn("stopped waiting; the functions continue: costwire runs shows the outcome") from None


def _watch(rt: Runtime, org: str, run_ids: Sequence[str], sleep: Callable[[float], None]) -> Iterator[Step]:
    waited = 0.0
    while True:
        runs = [rt.documents.get(run_path(org, run_id)) for run_id in run_ids]
        if all(run is not None and run["status"] in ENDED for run in runs):
            return
        if waited > TAKEN_SECONDS and all(run is None or run["status"] == "queued" for run in runs):
            raise Retryable(
                f"no function accepted the request within {TAKEN_SECONDS:.0f} seconds; it is stored: costwire doctor shows the cause, "
                "costwire runs shows the outcome"
            )
        yield Step(f"the functions are at work: {current_step(rt, org, run_ids)}")
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS
        if waited % _LOOK_SECONDS < POLL_SECONDS:
            end_stalled(rt.documents, rt.clock, org)


def _with_steps(rt: Runtime, org: str, run_ids: Sequence[str], waiting: Callable[[str], None]) -> Callable[[str], None]:
    """The same, which also says what the runs are doing while another process works on them; looked up once a second."""
    looked_up, step = -POLL_SECONDS, ""

    def say(words: str) -> None:
        nonlocal looked_up, step
        if words == ELSEWHERE:
            if time.monotonic() - looked_up >= POLL_SECONDS:
                looked_up, step = time.monotonic(), current_step(rt, org, run_ids)
            words = f"{words}: {step}"
        waiting(words)

    return say


def _next(done: str) -> str:
    """What is worked on after a function is done."""
    if done == "dispatch_sync":
        return "reading the bill and adding it up"
    if done == "normalize_focus" or done.startswith("ingest_"):
        return "mapping to FOCUS, validating, proving"
    return "budgets and alerts"
