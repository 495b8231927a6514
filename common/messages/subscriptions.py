"""Which function receives which topic, and how: the one table that the worker, doctor, Terraform's test and Pub/Sub's adapter read."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import BadConfiguration

DEAD = "-dead"
"""What a dead-letter topic, and the subscription that keeps its messages, have behind the topic's name."""


@dataclass(frozen=True)
class Subscription:
    """One function's copy of one topic.

    ack_deadline_seconds: how long a try may take, at most 600.  minimum, maximum: the rest after a failed try, in seconds.
    ordered: messages of one ordering key are delivered one at a time; a failed one holds up those behind it.
    """

    name: str
    topic: str
    function: str
    ack_deadline_seconds: int
    minimum_backoff_seconds: int
    maximum_backoff_seconds: int
    ordered: bool = False


def _ingest(provider: str, function: str | None = None) -> Subscription:
    # a delivery that its provider is still writing is retried, so the rest is long
    return Subscription(f"ingest_{provider}", f"ingest-{provider}", function or f"ingest_{provider}", 600, 30, 600)


_ALL = (
    Subscription("dispatch_sync", "sync-requested", "dispatch_sync", 120, 10, 300),
    *(_ingest(provider) for provider in ("aws", "azure", "gcp", "oci", "openai", "anthropic", "deepseek")),
    *(_ingest(provider, "ingest_answers") for provider in ("openrouter", "xai", "github", "claude")),
    *(_ingest(provider) for provider in ("opencost", "saas", "focus")),
    # not ordered: the key is the slice, and the chunks of one slice are to be worked on at once
    Subscription("normalize_focus", "bill-landed", "normalize_focus", 600, 10, 600),
    # a name belongs to one topic, so a function's second subscription has a name of its own.  In order: of two swaps of a tenant's
    # dataset at once BigQuery cancels one; a failed one holds up the tenant's others, so the rests are short
    Subscription("normalize_focus_in_turn", "delivery-mapped", "normalize_focus", 600, 10, 60, ordered=True),
    Subscription("evaluate_budgets", "charges-normalized", "evaluate_budgets", 300, 10, 300, ordered=True),
    Subscription("evaluate_budgets_on_request", "budget-check-requested", "evaluate_budgets", 300, 10, 300, ordered=True),
    Subscription("send_notifications", "alert-raised", "send_notifications", 120, 10, 300, ordered=True),
    # ordered: one clean-up of an organization at a time
    Subscription("clean_up", "clean-up-requested", "clean_up", 600, 60, 600, ordered=True),
    # ordered: a customer's changes one at a time
    Subscription("update_plans", "subscription-changed", "update_plans", 300, 10, 300, ordered=True),
)  # fmt: skip

SUBSCRIPTIONS: dict[str, tuple[Subscription, ...]] = {
    topic: tuple(one for one in _ALL if one.topic == topic) for topic in dict.fromkeys(one.topic for one in _ALL)
}
"""Topic -> its subscriptions."""


def named(name: str) -> Subscription | None:
    """The subscription of that name, or None."""
    return next((one for one in _ALL if one.name == name), None)


def received_by(function: str) -> tuple[Subscription, ...]:
    """What a function subscribes to.  Raises BadConfiguration for a function without any."""
    found = tuple(one for one in _ALL if one.function == function)
    if not found:
        raise BadConfiguration(
            f"function {function} subscribes to no topic: add it to common/messages/subscriptions.py"
        )
    return found
