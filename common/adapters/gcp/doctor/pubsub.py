"""Topics, subscriptions and dead letters, against common/messages/subscriptions.py."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

from google.api_core import exceptions as api
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import ReceivedMessage
from google.pubsub_v1.types import Subscription as Found

from common.adapters.gcp import pubsub_letters
from common.adapters.gcp.doctor.notes import CALL_SECONDS, Notes
from common.messages.subscriptions import DEAD, SUBSCRIPTIONS, Subscription
from common.ports.bus import MAX_PUSHES

EMULATOR_VARIABLE = "PUBSUB_EMULATOR_HOST"
_PATIENCE_SECONDS = 3.0
_MOST = 100


def look_at_pubsub(notes: Notes) -> None:
    """Every topic with its dead letters, every subscription as the table says, and what waits in the dead letters."""
    publisher = notes.deployment.client(PublisherClient, EMULATOR_VARIABLE)
    subscriber = notes.deployment.client(SubscriberClient, EMULATOR_VARIABLE)
    project = f"projects/{notes.deployment.project}"
    topics = notes.ask("Pub/Sub topics", lambda: _topics(publisher, project), notes.deployment.deploy)
    found = notes.ask("Pub/Sub subscriptions", lambda: _subscriptions(subscriber, project), notes.deployment.deploy)
    if topics is None or found is None:
        return
    _look_at_topics(notes, topics)
    for wanted in (one for several in SUBSCRIPTIONS.values() for one in several):
        _look_at_subscription(notes, wanted, found.get(wanted.name))
    _look_at_keepers(notes, found)
    _look_at_rights(notes, publisher, sorted(set(SUBSCRIPTIONS) & topics))
    _look_at_letters(notes, subscriber, sorted(found))


def _topics(publisher: PublisherClient, project: str) -> set[str]:
    return {_short(one.name) for one in publisher.list_topics(project=project, timeout=CALL_SECONDS, retry=None)}


def _subscriptions(subscriber: SubscriberClient, project: str) -> dict[str, Found]:
    listed = subscriber.list_subscriptions(project=project, timeout=CALL_SECONDS, retry=None)
    return {_short(one.name): one for one in listed}


def _look_at_topics(notes: Notes, topics: set[str]) -> None:
    missing = [name for topic in SUBSCRIPTIONS for name in (topic, topic + DEAD) if name not in topics]
    for name in missing:
        notes.fault(f"topic {name}", "does not exist", notes.deployment.deploy)
    if not missing:
        notes.ok("Pub/Sub topics", f"{len(SUBSCRIPTIONS)} topics, each with its dead letters")


def _look_at_subscription(notes: Notes, wanted: Subscription, found: Found | None) -> None:
    what, deploy = f"subscription {wanted.name}", notes.deployment.deploy
    if found is None:
        notes.fault(what, "does not exist", deploy)
        return
    again = f"gcloud pubsub subscriptions delete {wanted.name} --project={notes.deployment.project} && {deploy}"
    if found.detached or found.topic == "_deleted-topic_":
        # no later message reaches it, and it cannot be attached again
        notes.fault(what, "is detached from its topic", again)
    elif _short(found.topic) != wanted.topic:
        notes.fault(what, f"belongs to topic {_short(found.topic)}, expected {wanted.topic}", again)
    else:
        notes.expect(what, f"pushes to {found.push_config.push_endpoint}", _drift(wanted, found, deploy, again))


def _drift(wanted: Subscription, found: Found, deploy: str, again: str) -> dict[str, str]:
    """Fault -> fix.  Ordering cannot be changed, so such a subscription is made anew."""
    push, dead, retry = found.push_config, found.dead_letter_policy, found.retry_policy
    faults: dict[str, str] = {}
    if not push.push_endpoint:
        faults["has no push endpoint: nothing delivers its messages"] = deploy
    elif not push.oidc_token.service_account_email:
        faults["pushes without an OIDC token: the function refuses it"] = deploy
    if _short(dead.dead_letter_topic) != wanted.topic + DEAD:
        faults[f"dead letters go to {_short(dead.dead_letter_topic) or 'nowhere'}, expected {wanted.topic}{DEAD}"] = (
            deploy
        )
    elif dead.max_delivery_attempts != MAX_PUSHES:
        faults[f"gives up after {dead.max_delivery_attempts} pushes, expected {MAX_PUSHES}"] = deploy
    if found.ack_deadline_seconds != wanted.ack_deadline_seconds:
        faults[
            f"waits {found.ack_deadline_seconds} s for an acknowledgement, expected {wanted.ack_deadline_seconds}"
        ] = deploy
    backoff = (_seconds(retry.minimum_backoff), _seconds(retry.maximum_backoff))
    if backoff != (wanted.minimum_backoff_seconds, wanted.maximum_backoff_seconds):
        expected = f"{wanted.minimum_backoff_seconds} to {wanted.maximum_backoff_seconds}"
        faults[f"backs off {backoff[0]} to {backoff[1]} s after a failure, expected {expected}"] = deploy
    if found.enable_message_ordering != wanted.ordered:
        faults[f"is {'' if found.enable_message_ordering else 'not '}ordered, contrary to its configuration"] = again
    return faults


def _look_at_keepers(notes: Notes, found: Mapping[str, Found]) -> None:
    """The pulled subscription that keeps the dead letters of a topic: without it they are gone at once."""
    for name in (topic + DEAD for topic in SUBSCRIPTIONS):
        what, keeper = f"dead letters of {name.removesuffix(DEAD)}", found.get(name)
        if keeper is None:
            notes.fault(what, f"subscription {name} does not exist: what fails is lost", notes.deployment.deploy)
        elif keeper.detached or _short(keeper.topic) != name:
            again = f"gcloud pubsub subscriptions delete {name} --project={notes.deployment.project} && {notes.deployment.deploy}"
            notes.fault(what, f"subscription {name} is detached: what fails is lost", again)
        elif keeper.push_config.push_endpoint:
            notes.fault(
                what,
                f"subscription {name} is a push subscription, expected a pull subscription",
                notes.deployment.deploy,
            )


def _look_at_rights(notes: Notes, publisher: PublisherClient, topics: list[str]) -> None:
    """Whether the caller may publish, as costwire sync and replay do."""
    denied = []
    for topic in topics:
        resource = f"projects/{notes.deployment.project}/topics/{topic}"
        request = {"resource": resource, "permissions": ["pubsub.topics.publish"]}
        answer = notes.ask(
            "permission to publish",
            lambda request=request: publisher.test_iam_permissions(request=request, timeout=CALL_SECONDS),  # type: ignore[misc]
            notes.deployment.deploy,
        )
        if answer is None:
            return
        if "pubsub.topics.publish" not in answer.permissions:
            denied.append(topic)
    role = "roles/pubsub.publisher"
    faults = {f"none to {', '.join(denied)}": notes.deployment.grant(role)} if denied else {}
    notes.expect("permission to publish", f"to {len(topics)} topics", faults)


def _look_at_letters(notes: Notes, subscriber: SubscriberClient, names: list[str]) -> None:
    kept = [topic + DEAD for topic in SUBSCRIPTIONS if topic + DEAD in names]
    with ThreadPoolExecutor(max(len(kept), 1)) as several:
        waiting = list(several.map(lambda name: _sample(subscriber, notes.deployment.project, name), kept))
    for name, outcome in zip(kept, waiting, strict=True):
        letters = notes.ask(name, partial(_raised, outcome), notes.deployment.deploy, "roles/pubsub.subscriber")
        if letters:
            oldest = min((pubsub_letters.letter(name, one.message) for one in letters), key=lambda one: one.died_at)
            count = f"{len(letters)} or more" if len(letters) >= _MOST else str(len(letters))
            topic = name.removesuffix(DEAD)
            notes.fault(
                name, f"{count} waiting; the oldest, from {oldest.died_at:%Y-%m-%d %H:%M}: {oldest.reason}",
                f"fix the cause, then costwire replay --topic {topic}",
            )  # fmt: skip
        elif letters is not None:
            notes.ok(name, "none waiting")


def _sample(subscriber: SubscriberClient, project: str, name: str) -> list[ReceivedMessage] | Exception:
    """Dead letters, given back at once so that a replay finds them; or why they could not be read."""
    path = f"projects/{project}/subscriptions/{name}"
    try:
        answer = subscriber.pull(subscription=path, max_messages=_MOST, retry=None, timeout=_PATIENCE_SECONDS)
        letters = list(answer.received_messages)
        if letters:
            subscriber.modify_ack_deadline(
                subscription=path, ack_ids=[one.ack_id for one in letters], ack_deadline_seconds=0, timeout=CALL_SECONDS
            )
    except api.DeadlineExceeded:
        return []
    except Exception as error:
        return error
    return letters


def _raised(outcome: list[ReceivedMessage] | Exception) -> list[ReceivedMessage]:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _seconds(duration: Any) -> int:
    return int(duration.total_seconds()) if isinstance(duration, timedelta) else 0


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1]
