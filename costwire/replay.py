"""Command `replay`: give failed messages, or a delivery, another try."""

from __future__ import annotations

from typing import Annotated

import typer

from common.errors import BadConfiguration, CostError, NotFound
from common.messages import AlertRaised
from common.ports import Runtime
from common.records.deliveries import LANDED, REJECTED, change, chunks_path, load
from common.runtime.bootstrap import EmbeddedRuntime, runtime
from costwire.messages import reopen
from costwire.output import AsJson, Org, console, print_json, progress
from costwire.tenant import tenant_of
from costwire.worker import subscribe_all, work


def replay(
    topic: Annotated[
        str | None, typer.Option("--topic", help="Only dead letters of this topic, as bill-landed.")
    ] = None,
    delivery: Annotated[
        str | None, typer.Option("--delivery", help="Normalize this delivery again from its raw files.")
    ] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Publish dead letters again once their cause is gone, or take a rejected delivery up again from what was landed.

    A notification that was refused, or whose tries were used up, gets new tries for everybody who does not have it.
    """
    rt = runtime()
    org = tenant_of(rt, org)
    if isinstance(rt, EmbeddedRuntime):
        subscribe_all(rt)
    notifications = 0
    if delivery:
        sent = _again(rt, org, delivery)
    else:
        if topic in (None, AlertRaised.topic):
            notifications = sum(reopen(rt, one) for one in _organizations(rt, org))
        sent = rt.bus.replay(topic)
    failed = _worked_off(rt, quiet=as_json) if isinstance(rt, EmbeddedRuntime) else None
    if delivery and failed is not None:
        failed += _refused_again(rt, org, delivery)
    if as_json:
        print_json({"replayed": sent, "notifications": notifications, "failed": failed})
    elif not sent and not notifications:
        console.print("there is nothing to replay")
    elif failed is None:
        console.print(
            f"{sent} messages sent again; the functions work on them, see costwire runs and costwire deliveries"
        )
    else:
        console.print(f"{sent} messages sent again, {len(failed)} failed")
    if notifications and not as_json:
        console.print(
            f"{notifications} notifications that were given up are tried again, for whoever does not have them"
        )
    if failed:
        raise CostError(failed[0])


def _organizations(rt: Runtime, org: str) -> list[str]:
    """Every organization, since dead letters are replayed for all of them; also the one that is meant, which may have no document."""
    return list(dict.fromkeys([*(name for name, _ in rt.documents.list("orgs")), org]))


def _worked_off(rt: EmbeddedRuntime, quiet: bool) -> list[str]:
    """Do the work here, as the laptop has no functions of its own; what failed for good."""
    failed = []
    with progress("replaying", quiet=quiet) as say:
        for outcome in work(rt, waiting=say):
            say(outcome.delivery.subscription)
            if outcome.final and outcome.error:
                failed.append(outcome.error)
    return failed


def _refused_again(rt: Runtime, org: str, delivery_id: str) -> list[str]:
    found = load(rt.documents, org, delivery_id)
    if found is None or found.state != REJECTED:
        return []
    return [f"delivery {delivery_id} is rejected again: {found.reason}"]


def _again(rt: Runtime, org: str, delivery_id: str) -> int:
    found = load(rt.documents, org, delivery_id)
    if found is None:
        raise NotFound(f"there is no delivery {delivery_id} in {org}; see costwire deliveries")
    if found.state == REJECTED and not found.source_format:
        raise BadConfiguration(
            f"delivery {delivery_id} could not be read when it came in, so there is nothing to replay; mend the bill, "
            f"then costwire sync --integration {found.integration_id}"
        )
    whole = load(rt.documents, org, found.joined_into or delivery_id)
    if found.state == REJECTED and whole is not None and whole.state == REJECTED:
        found, delivery_id = whole, whole.delivery_id  # shown alone it would replace what it adds to
    if found.state == REJECTED:
        # nothing of it was ever shown, so its half-made files may go
        for chunk, _ in rt.documents.list(chunks_path(org, delivery_id)):
            rt.documents.delete(f"{chunks_path(org, delivery_id)}/{chunk}")
        for kind in ("focus", "quarantine"):
            for item in rt.objects.list(f"{kind}/{found.folder}/"):
                rt.objects.delete(item.uri)
        found = change(rt.documents, found, state=LANDED, reason=None)
    for message in found.messages():
        rt.bus.publish(message)
    return len(found.parts)
