"""Command `replay`: retry failed messages, or a delivery."""

from __future__ import annotations

from typing import Annotated

import typer

from common.errors import CostError
from common.normalization.replaying import Replayed, refused_again, replay_dead_letters, replay_delivery
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from costwire.output import AsJson, Org, console, print_json, progress
from costwire.tenant import tenant_of
from costwire.worker import subscribe_all, work


def replay(
    topic: Annotated[
        str | None, typer.Option("--topic", help="Only dead letters of this topic, such as bill-landed.")
    ] = None,
    delivery: Annotated[
        str | None,
        typer.Option("--delivery", help="Normalize this delivery again from its raw files; its id or a unique prefix."),
    ] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Publish dead letters again once their cause is fixed, or normalize a rejected delivery again from its landed files.

    A notification that was refused, or whose attempts were used up, gets new attempts for every recipient that does not have it.
    """
    rt = runtime()
    org = tenant_of(rt, org)
    if isinstance(rt, EmbeddedRuntime):
        subscribe_all(rt)
    replayed = replay_delivery(rt, org, delivery) if delivery else replay_dead_letters(rt, org, topic)
    failed = _worked_off(rt, quiet=as_json) if isinstance(rt, EmbeddedRuntime) else None
    if delivery and failed is not None:
        failed += refused_again(rt, org, delivery)
    if as_json:
        print_json({"replayed": replayed.messages, "notifications": replayed.notifications, "failed": failed})
    else:
        _print(replayed, failed)
    if failed:
        raise CostError(failed[0])


def _print(replayed: Replayed, failed: list[str] | None) -> None:
    if not replayed.anything:
        console.print("there is nothing to replay")
    elif failed is None:
        console.print(
            f"{replayed.messages} messages sent again; the functions process them, see costwire runs and costwire deliveries"
        )
    else:
        console.print(f"{replayed.messages} messages sent again, {len(failed)} failed")
    if replayed.notifications:
        console.print(
            f"{replayed.notifications} abandoned notifications are retried for recipients who did not receive them"
        )


def _worked_off(rt: EmbeddedRuntime, quiet: bool) -> list[str]:
    """Do the work here, as the laptop has no functions of its own; what failed for good."""
    failed = []
    with progress("replaying", quiet=quiet) as say:
        for outcome in work(rt, waiting=say):
            say(outcome.delivery.subscription)
            if outcome.final and outcome.error:
                failed.append(outcome.error)
    return failed
