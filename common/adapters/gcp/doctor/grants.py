"""What each function's service account may do, as terraform/access.tf declares it; a test compares the two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from common.messages.subscriptions import SUBSCRIPTIONS
from common.providers.registry import PROVIDERS

PUBLISHER, SUBSCRIBER = "roles/pubsub.publisher", "roles/pubsub.subscriber"
_READ_OBJECTS, _READ_BUCKET = "roles/storage.objectViewer", "roles/storage.legacyBucketReader"
FUNCTIONS = tuple(dict.fromkeys(one.function for several in SUBSCRIPTIONS.values() for one in several))
_INGEST = tuple(f"ingest_{provider}" for provider in PROVIDERS)


@dataclass(frozen=True)
class Grant:
    """on: project; topic:<name>; dead-topic:<name>; bucket; objects:<folder>/ in it; key; secret:<name>."""

    function: str
    role: str
    on: str


def grants() -> Iterator[Grant]:
    """Every grant of every function."""
    for function in FUNCTIONS:
        yield Grant(function, "roles/datastore.user", "project")
        yield Grant(function, "roles/telemetry.tracesWriter", "project")
    for several in SUBSCRIPTIONS.values():
        yield from (Grant(one.function, PUBLISHER, f"dead-topic:{one.topic}") for one in several)
    yield from (Grant("dispatch_sync", PUBLISHER, f"topic:ingest-{provider}") for provider in PROVIDERS)
    for function in _INGEST:
        yield Grant(function, PUBLISHER, "topic:bill-landed")
        yield Grant(function, PUBLISHER, f"topic:{function.replace('_', '-')}")
        yield Grant(function, "roles/storage.objectUser", "objects:raw/")
        yield Grant(function, _READ_OBJECTS, "objects:uploads/")
        yield Grant(function, _READ_BUCKET, "bucket")
    yield from (Grant("normalize_focus", PUBLISHER, f"topic:{one}") for one in ("charges-normalized", "alert-raised"))
    yield from (Grant("normalize_focus", _READ_OBJECTS, f"objects:{one}/") for one in ("raw", "focus", "quarantine"))
    yield from (
        Grant("normalize_focus", "roles/storage.objectCreator", f"objects:{one}/") for one in ("focus", "quarantine")
    )
    yield Grant("normalize_focus", _READ_BUCKET, "bucket")
    yield from (Grant("normalize_focus", f"roles/bigquery.{role}", "project") for role in ("dataOwner", "jobUser"))
    yield from (Grant("evaluate_budgets", f"roles/bigquery.{role}", "project") for role in ("dataViewer", "user"))
    yield Grant("evaluate_budgets", PUBLISHER, "topic:budget-check-requested")
    yield Grant("evaluate_budgets", PUBLISHER, "topic:alert-raised")
    yield Grant("clean_up", PUBLISHER, "topic:clean-up-requested")
    yield from (
        Grant("clean_up", "roles/storage.objectUser", f"objects:{one}/") for one in ("raw", "focus", "quarantine")
    )
    yield Grant("clean_up", _READ_BUCKET, "bucket")
    yield from (Grant("clean_up", f"roles/bigquery.{role}", "project") for role in ("dataOwner", "jobUser"))
    for secret in ("costwire-slack-webhook-url", "costwire-smtp-password"):
        yield Grant("send_notifications", "roles/secretmanager.secretAccessor", f"secret:{secret}")
