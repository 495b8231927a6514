"""What each function's service account may do, as terraform/access.tf declares it; a test compares the two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from common.messages.subscriptions import SUBSCRIPTIONS, received_by
from common.providers.registry import PROVIDERS

PUBLISHER, SUBSCRIBER = "roles/pubsub.publisher", "roles/pubsub.subscriber"
_READ_OBJECTS, _READ_BUCKET = "roles/storage.objectViewer", "roles/storage.legacyBucketReader"
FUNCTIONS = tuple(dict.fromkeys(one.function for several in SUBSCRIPTIONS.values() for one in several))
KEYED = ("api", "manual_sync")
"""Functions that are called over HTTP, with keys of ours."""
HTTP = (*KEYED, "provider_webhook", "stripe_webhook")
"""Functions that are called over HTTP."""
JOBS = ("unpack_files",)
_INGEST = tuple(one for one in FUNCTIONS if one.startswith("ingest_"))


@dataclass(frozen=True)
class Grant:
    """Of a function or a job.

    on: project; database:<name>; datasets; topic:<name>; dead-topic:<name>; bucket; objects:<folder>/ in it; key; secret:<name>;
    job:<name>.
    """

    function: str
    role: str
    on: str

    @property
    def holder(self) -> str:
        """Whose policy has the grant: a folder's is the bucket's, that of a database or of datasets the project's."""
        kind = self.on.partition(":")[0]
        return {"objects": "bucket", "database": "project", "datasets": "project"}.get(kind, self.on)

    @property
    def condition(self) -> str:
        """The title of the condition that narrows it, as terraform/access.tf writes it; empty without one."""
        if self.on.startswith("objects:"):
            return self.on.removeprefix("objects:").rstrip("/")
        return self.on.replace(":", " ") if self.holder == "project" and self.on != "project" else ""


def _databases(function: str) -> Iterator[tuple[str, str]]:
    """(database, what a function may be to it): webhooks, which strangers call, change no document."""
    yield "processed", "user"
    if function != "stripe_webhook":
        yield "documents", "viewer" if function == "provider_webhook" else "user"


def grants() -> Iterator[Grant]:
    """Every grant of every function."""
    for function in (*FUNCTIONS, *HTTP):
        yield from (Grant(function, f"roles/datastore.{role}", f"database:{one}") for one, role in _databases(function))
        yield Grant(function, "roles/telemetry.tracesWriter", "project")
    for job in JOBS:
        yield Grant(job, "roles/datastore.user", "database:documents")
        yield Grant(job, "roles/telemetry.tracesWriter", "project")
        yield from (Grant(job, PUBLISHER, f"topic:ingest-{provider}") for provider in PROVIDERS)
        yield from (Grant(function, "roles/run.jobsExecutor", f"job:{job}") for function in _INGEST)
    for several in SUBSCRIPTIONS.values():
        yield from (Grant(one.function, PUBLISHER, f"dead-topic:{one.topic}") for one in several)
    yield from (Grant("dispatch_sync", PUBLISHER, f"topic:ingest-{provider}") for provider in PROVIDERS)
    for function in _INGEST:
        yield Grant(function, PUBLISHER, "topic:bill-landed")
        yield Grant(function, PUBLISHER, "topic:alert-raised")
        yield from (Grant(function, PUBLISHER, f"topic:{one.topic}") for one in received_by(function))
    for function in (*_INGEST, *JOBS):
        yield Grant(function, "roles/storage.objectUser", "objects:raw/")
        yield Grant(function, _READ_OBJECTS, "objects:uploads/")
        yield Grant(function, _READ_BUCKET, "bucket")
    announced = ("bill-landed", "delivery-mapped", "charges-normalized", "alert-raised")
    yield from (Grant("normalize_focus", PUBLISHER, f"topic:{one}") for one in announced)
    yield from (Grant("normalize_focus", _READ_OBJECTS, f"objects:{one}/") for one in ("raw", "focus", "quarantine"))
    yield from (
        Grant("normalize_focus", "roles/storage.objectCreator", f"objects:{one}/") for one in ("focus", "quarantine")
    )
    yield from (Grant(one, _READ_OBJECTS, "objects:meters/") for one in ("normalize_focus", "api"))
    yield Grant("api", "roles/storage.objectCreator", "objects:meters/")
    yield Grant("normalize_focus", _READ_BUCKET, "bucket")
    for function, role in (
        ("normalize_focus", "dataOwner"),
        ("evaluate_budgets", "dataViewer"),
        ("clean_up", "dataOwner"),
    ):
        yield Grant(function, f"roles/bigquery.{role}", "datasets")
        yield Grant(function, "roles/bigquery.user", "project")
    yield Grant("evaluate_budgets", PUBLISHER, "topic:budget-check-requested")
    yield Grant("evaluate_budgets", PUBLISHER, "topic:alert-raised")
    yield Grant("clean_up", PUBLISHER, "topic:clean-up-requested")
    yield from (
        Grant("clean_up", "roles/storage.objectUser", f"objects:{one}/")
        for one in ("raw", "focus", "quarantine", "meters")
    )
    yield Grant("clean_up", _READ_BUCKET, "bucket")
    yield Grant("api", "roles/bigquery.dataViewer", "datasets")
    yield Grant("api", "roles/bigquery.user", "project")
    yield from (Grant("api", PUBLISHER, f"topic:{one}") for one in ("alert-raised", "bill-landed", "delivery-mapped"))
    yield Grant("api", _READ_BUCKET, "bucket")
    yield Grant("api", _READ_OBJECTS, "objects:raw/")
    yield from (Grant("api", "roles/storage.objectUser", f"objects:{one}/") for one in ("focus", "quarantine"))
    yield Grant("stripe_webhook", PUBLISHER, "topic:subscription-changed")
    yield Grant("stripe_webhook", "roles/secretmanager.secretAccessor", "secret:costwire-stripe-webhook-secret")
    yield from (Grant("update_plans", PUBLISHER, f"topic:{one}") for one in ("subscription-changed", "alert-raised"))
    for function in ("api", "update_plans"):
        yield Grant(function, "roles/secretmanager.secretAccessor", "secret:costwire-stripe-api-key")
    yield from (Grant(function, PUBLISHER, "topic:sync-requested") for function in (*KEYED, "provider_webhook"))
    for function in KEYED:
        yield Grant(function, "roles/secretmanager.secretAccessor", "secret:costwire-ca-root-api-key")
    yield Grant("api", "roles/secretmanager.secretAccessor", "secret:costwire-oidc-client-secret")
    yield Grant("api", "roles/cloudscheduler.viewer", "project")
    for secret in ("costwire-slack-webhook-url", "costwire-smtp-password"):
        yield Grant("send_notifications", "roles/secretmanager.secretAccessor", f"secret:{secret}")
    for function in ("send_notifications", *_INGEST, *JOBS):
        yield Grant(function, "roles/cloudkms.cryptoKeyDecrypter", "key")
    yield from (Grant(function, "roles/datastore.viewer", "database:credentials") for function in (*_INGEST, *JOBS))
