"""Another try: for dead letters once their cause is gone, for a delivery from what was landed, for notifications that were given up."""

from __future__ import annotations

from dataclasses import dataclass

from common.domain import outbox
from common.domain.nearest import did_you_mean
from common.errors import BadConfiguration, NotFound
from common.messages import AlertRaised
from common.messages.subscriptions import SUBSCRIPTIONS
from common.ports import Runtime, Transaction
from common.records.deliveries import LANDED, REJECTED, WITHDRAWN, Delivery, change, chunks_path, load
from common.records.organizations import below
from common.records.past_deliveries import find_delivery


@dataclass(frozen=True)
class Replayed:
    """How many messages were published again, and how many notifications have new tries."""

    messages: int
    notifications: int = 0

    @property
    def anything(self) -> bool:
        """Whether there was anything to replay."""
        return bool(self.messages or self.notifications)


def replay_dead_letters(rt: Runtime, org_slug: str, topic: str | None = None) -> Replayed:
    """Publish dead letters again, of every organization, and give notifications that were given up new tries.

    topic: only of this one, as `bill-landed`; notifications belong to `alert-raised`.
    org_slug: an organization that is meant too, where it has no document of its own.  Raises BadConfiguration for what is none
    and for an unknown topic.
    """
    if topic is not None and topic not in SUBSCRIPTIONS:
        hint = did_you_mean(topic, SUBSCRIPTIONS)
        raise BadConfiguration(f"'{topic}' is not a topic, expected {', '.join(SUBSCRIPTIONS)}{hint}")
    notifications = 0
    if topic in (None, AlertRaised.topic):
        everyone = dict.fromkeys([*(name for name, _ in rt.documents.list("orgs")), org_slug])
        notifications = sum(replay_notifications(rt, one) for one in everyone)
    return Replayed(rt.bus.replay(topic), notifications)


def replay_notifications(rt: Runtime, org_slug: str) -> int:
    """Give every message of an organization that was given up new tries, and announce it; returns how many messages."""
    announced: dict[str, AlertRaised] = {}
    given_up = rt.documents.list(below(org_slug, "notifications"), where={"status": outbox.FAILED})
    found = [(name, document) for name, document in given_up if not outbox.is_trial(document)]
    for name, document in found:
        _reopen(rt, below(org_slug, "notifications", name))
        announced[document["alert_id"]] = AlertRaised(org_slug, document["alert_id"], document["state"])
    rt.bus.publish_all(list(announced.values()))
    return len(found)


def replay_delivery(rt: Runtime, org_slug: str, prefix: str) -> Replayed:
    """Normalize a delivery again from its raw files; what a rejected one had half made goes first.

    prefix: its id, or how that begins.  Raises NotFound, and BadConfiguration for one that could not be read when it came in, or that was
    withdrawn.
    """
    delivery_id = find_delivery(rt.documents, org_slug, prefix)
    found = load(rt.documents, org_slug, delivery_id)
    if found is None:
        raise NotFound(f"there is no delivery {delivery_id} in {org_slug}; costwire deliveries shows what there is")
    if found.state == REJECTED and not found.source_format:
        raise BadConfiguration(
            f"delivery {delivery_id} could not be read when it was delivered, so there is nothing to replay; fix the bill, "
            f"then costwire sync --integration {found.integration_id}"
        )
    if found.state == WITHDRAWN:
        raise BadConfiguration(
            f"delivery {delivery_id} was withdrawn; costwire deliveries restore {delivery_id} lets it count again"
        )
    whole = load(rt.documents, org_slug, found.joined_into or delivery_id)
    if found.state == REJECTED and whole is not None and whole.state == REJECTED:
        found = whole  # shown alone it would replace what it adds to
    if found.state == REJECTED:
        _clear(rt, found)
        found = change(rt.documents, found, state=LANDED, reason=None)
    rt.bus.publish_all(found.messages())
    return Replayed(len(found.chunks))


def refused_again(rt: Runtime, org_slug: str, prefix: str) -> list[str]:
    """Why a delivery that was replayed is rejected again; nothing where it is not."""
    delivery_id = find_delivery(rt.documents, org_slug, prefix)
    found = load(rt.documents, org_slug, delivery_id)
    if found is None or found.state != REJECTED:
        return []
    return [f"delivery {delivery_id} is rejected again: {found.reason}"]


def _clear(rt: Runtime, rejected: Delivery) -> None:
    """Take away what was made of a delivery of which nothing was ever shown."""
    chunks = chunks_path(rejected.org_slug, rejected.delivery_id)
    for chunk, _ in rt.documents.list(chunks):
        rt.documents.delete(f"{chunks}/{chunk}")
    for kind in ("focus", "quarantine"):
        for item in rt.objects.list(f"{kind}/{rejected.folder}/"):
            rt.objects.delete(item.uri)


def _reopen(rt: Runtime, path: str) -> None:
    def work(transaction: Transaction) -> None:
        document = transaction.get(path)
        if document is not None and document["status"] == outbox.FAILED:
            transaction.set(path, outbox.reopened(document))

    rt.documents.transact(work)
