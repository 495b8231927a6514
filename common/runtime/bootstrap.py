"""The one place that connects ports to adapters.  Nothing is opened until a function first uses it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from common.config import Settings, settings_of_environment
from common.errors import BadConfiguration, NotFound

if TYPE_CHECKING:
    from common.adapters.embedded.document_scheduler import DocumentScheduler
    from common.ports import (
        Channel,
        Clock,
        DocumentStore,
        Issuer,
        Jobs,
        KeyRing,
        Notifier,
        ObjectStore,
        Payments,
        ProbedLocation,
        Runtime,
        Scheduler,
        Secrets,
        Source,
        Warehouse,
        Workers,
    )
    from common.ports.bus import LocalBus, OperatedBus
    from common.ports.inspection import Inspection
    from common.ports.senders import Senders

_LEFTOVER_SECONDS = 24 * 3600


@dataclass(frozen=True)
class EmbeddedRuntime:
    """All ports on one machine, under one folder.  Each adapter is imported and opened on first use."""

    settings: Settings

    @cached_property
    def home(self) -> Path:
        """The folder of all state; made on first use, for its owner only."""
        home = self.settings.home.absolute()
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return home

    @cached_property
    def scratch(self) -> Path:
        """A folder for files that are being made; what killed processes left there a day ago goes."""
        folder = self.home / "tmp"
        folder.mkdir(exist_ok=True)
        for entry in folder.iterdir():
            if entry.stat().st_mtime < time.time() - _LEFTOVER_SECONDS:
                shutil.rmtree(entry, ignore_errors=True)
        return folder

    @cached_property
    def clock(self) -> Clock:
        from common.adapters.shared.system_clock import SystemClock

        return SystemClock()

    @cached_property
    def documents(self) -> DocumentStore:
        from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
        from common.adapters.shared.audited_documents import AuditedDocuments

        return AuditedDocuments(SqliteDocumentStore(self.home / "documents.sqlite"), lambda: self.clock.now())

    @cached_property
    def sealed(self) -> DocumentStore:
        from common.adapters.embedded.sqlite_documents import SqliteDocumentStore
        from common.adapters.shared.audited_documents import AuditedDocuments

        store = SqliteDocumentStore(self.home / "credentials.sqlite")
        return AuditedDocuments(store, lambda: self.clock.now(), lambda: self.documents)

    @cached_property
    def processed(self) -> DocumentStore:
        from common.adapters.embedded.sqlite_documents import SqliteDocumentStore

        return SqliteDocumentStore(self.home / "processed.sqlite")

    @cached_property
    def objects(self) -> ObjectStore:
        from common.adapters.embedded.folder_objects import FolderObjectStore

        return FolderObjectStore(self.home / "objects")

    @cached_property
    def bus(self) -> LocalBus:
        from common.adapters.embedded.sqlite_bus import FaultPlan, SqliteBus

        seed = self.settings.fault_seed
        faults = FaultPlan(seed=seed, repeat=0.3, shuffle=True, delay=0.2) if seed is not None else None
        return SqliteBus(self.home / "bus.sqlite", self.clock, faults)

    @cached_property
    def warehouse(self) -> Warehouse:
        from common.adapters.embedded.duckdb_warehouse import DuckDbWarehouse
        from common.warehouse.rates import FILE_NAME

        return DuckDbWarehouse(self.documents, self.objects, self.clock, self.home / FILE_NAME)

    @cached_property
    def keys(self) -> KeyRing:
        from common.adapters.embedded.local_keys import LocalKeyRing

        return LocalKeyRing(self.home / "keys.json")

    @cached_property
    def secrets(self) -> Secrets:
        from common.adapters.embedded.environment_secrets import EnvironmentSecrets

        return EnvironmentSecrets()

    @cached_property
    def scheduler(self) -> DocumentScheduler:
        from common.adapters.embedded.document_scheduler import DocumentScheduler

        return DocumentScheduler(self.documents, self.bus, self.clock)

    @cached_property
    def jobs(self) -> Jobs:
        from common.adapters.embedded.jobs_in_process import JobsInProcess

        return JobsInProcess()

    def source(self, integration: Source) -> ProbedLocation:
        """The place of an integration's bills.  Raises BadConfiguration for a scheme that is not known, or a place that is not its own."""
        return _opened(self, integration)

    @cached_property
    def senders(self) -> Senders:
        from common.runtime.senders import WebSenders

        return WebSenders()

    @cached_property
    def workers(self) -> Workers:
        from common.adapters.embedded.processes import Processes

        return Processes()

    @cached_property
    def notifiers(self) -> tuple[Notifier, ...]:
        """Every channel that is configured; the outbox folder where none is."""
        from common.adapters.notifiers import configured

        return configured(self.settings, self.home / "outbox")

    def notifier(self, channel: Channel) -> Notifier:
        """What sends to a channel of an organization; its webhook is decrypted for each send."""
        return _sending(self, self.settings, channel)

    @cached_property
    def payments(self) -> Payments:
        """Stripe; its key is read at the first call."""
        return _payments(self)

    @cached_property
    def issuer(self) -> Issuer:
        """The OpenID provider of the settings; it is asked at the first sign-in."""
        return _issuer(self)

    @cached_property
    def inspection(self) -> Inspection:
        from common.adapters.embedded.home_inspection import HomeInspection

        return HomeInspection(self.home, self.bus, self.notifiers)


@dataclass(frozen=True)
class CloudRuntime:
    """All ports on Google Cloud, in one project.  A function loads only the SDKs of the ports that it uses."""

    settings: Settings

    @cached_property
    def scratch(self) -> Path:
        """A folder in the instance's memory; bills are read from the bucket and never lie here whole."""
        return Path(tempfile.gettempdir())

    @cached_property
    def clock(self) -> Clock:
        from common.adapters.shared.system_clock import SystemClock

        return SystemClock()

    @cached_property
    def documents(self) -> DocumentStore:
        from common.adapters.shared.audited_documents import AuditedDocuments

        return AuditedDocuments(self._database("documents_database"), lambda: self.clock.now())

    @cached_property
    def sealed(self) -> DocumentStore:
        from common.adapters.shared.audited_documents import AuditedDocuments

        return AuditedDocuments(
            self._database("credentials_database"), lambda: self.clock.now(), lambda: self.documents
        )

    @cached_property
    def processed(self) -> DocumentStore:
        return self._database("processed_database")

    @cached_property
    def objects(self) -> ObjectStore:
        from common.adapters.gcp.storage import CloudStorageObjectStore

        return CloudStorageObjectStore.connect(self._project, self._set("bucket"), self.scratch)

    @cached_property
    def bus(self) -> OperatedBus:
        from common.adapters.gcp.pubsub import PubSubBus

        return PubSubBus.connect(self._project, self.clock)

    @cached_property
    def warehouse(self) -> Warehouse:
        from common.adapters.gcp.bigquery import BigQueryWarehouse

        return BigQueryWarehouse.connect(self.settings, self.documents, self.objects, self.clock)

    @cached_property
    def keys(self) -> KeyRing:
        from common.adapters.gcp.kms import KmsKeyRing

        return KmsKeyRing.connect(self._set("kms_key"))

    @cached_property
    def secrets(self) -> Secrets:
        from common.adapters.gcp.secret_manager import SecretManagerSecrets

        return SecretManagerSecrets.connect(self._project)

    @cached_property
    def scheduler(self) -> Scheduler:
        from common.adapters.gcp.scheduler import CloudScheduler

        return CloudScheduler.connect(self._project, self.settings.region)

    @cached_property
    def jobs(self) -> Jobs:
        from common.adapters.gcp.cloud_run_jobs import CloudRunJobs

        return CloudRunJobs.connect(self._project, self.settings.region)

    @cached_property
    def payments(self) -> Payments:
        """Stripe; its key is read at the first call."""
        return _payments(self)

    @cached_property
    def issuer(self) -> Issuer:
        """The OpenID provider of the settings; it is asked at the first sign-in."""
        return _issuer(self)

    @cached_property
    def inspection(self) -> Inspection:
        from common.adapters.gcp.doctor.inspection import DeploymentInspection

        return DeploymentInspection.connect(self.settings)

    def source(self, integration: Source) -> ProbedLocation:
        """The place of an integration's bills.  Raises BadConfiguration for a scheme that is not known, or a place that is not its own."""
        return _opened(self, integration)

    @cached_property
    def senders(self) -> Senders:
        from common.runtime.senders import WebSenders

        return WebSenders()

    @cached_property
    def workers(self) -> Workers:
        from common.adapters.gcp.instances import Instances

        return Instances()

    @cached_property
    def notifiers(self) -> tuple[Notifier, ...]:
        """Every channel that is configured, by settings and Secret Manager; the log where none is."""
        from common.adapters.notifiers import configured

        return configured(with_secrets(self.settings, self.secrets), None)

    def notifier(self, channel: Channel) -> Notifier:
        """What sends to a channel of an organization; its webhook is decrypted for each send."""
        # of the secrets, only e-mail needs one: the password of the mail server
        settings = with_secrets(self.settings, self.secrets) if channel.recipients else self.settings
        return _sending(self, settings, channel)

    def _database(self, setting: str) -> DocumentStore:
        from common.adapters.gcp.firestore import FirestoreDocumentStore

        return FirestoreDocumentStore.connect(self._project, self._set(setting))

    @property
    def _project(self) -> str:
        return self._set("project")

    def _set(self, name: str) -> str:
        value = getattr(self.settings, name)
        if not value:
            raise BadConfiguration(f"COSTWIRE_{name.upper()} is not set; the cloud runtime needs it")
        return str(value)


def _payments(rt: Runtime) -> Payments:
    from common.adapters.stripe.api import StripeApi

    return StripeApi(lambda: rt.secrets.get("stripe-api-key"))


def _issuer(rt: Runtime) -> Issuer:
    from common.adapters.oidc.issuer import Client, OidcIssuer

    settings = rt.settings
    secret = partial(rt.secrets.get, "oidc-client-secret")
    client = Client(settings.oidc_issuer or "", settings.oidc_client_id or "", secret, settings.oidc_scopes)
    return OidcIssuer(client, rt.clock)


def _opened(rt: Runtime, source: Source) -> ProbedLocation:
    """Each place asks for the credential by itself, since most need none."""
    from common.adapters.locations import open_source
    from common.records.places import check_readable, is_upload
    from common.records.subscriptions import recorded_of
    from common.tenancy import credentials

    check_readable(rt, source)
    if is_upload(rt, source):
        source = replace(source, credential_ref=None)  # a bill that `costwire import` copied to us

    def credential() -> bytes | None:
        if source.secret is not None:
            return source.secret
        try:
            return credentials.load(rt.sealed, rt.keys, source.org_slug, source.integration_id)
        except NotFound:
            if rt.settings.runtime == "embedded" and source.credential_ref is None:
                return None  # on their own machine users are who they are signed in as; in the cloud that would be all tenants at once
            raise

    settings = rt.settings
    on_own_machine = settings.runtime == "embedded"
    asked = replace(
        source,
        may_name_addresses=on_own_machine,
        maximum_bytes=settings.maximum_bytes_billed,
        asked_at=rt.clock.now(),
        own_aws_role=None if on_own_machine else _role(settings.aws_principal),
        ledger=lambda: [one.entry for one in recorded_of(rt.documents, source.org_slug).values()],
        platform_bill=_platform_bill(rt, source),
    )
    return open_source(asked, credential)


def _role(principal: str | None) -> str | None:
    """Our identity in AWS, where it is a role; keys of a user would stand in the environment, where the SDK finds them."""
    return principal if principal and ":role/" in principal else None


def _platform_bill(rt: Runtime, source: Source) -> Callable[[Sequence[str]], Mapping[str, bytes]] | None:
    """What makes the platform's own bill; None for all but the operator's organization, at its own place."""
    operator = rt.settings.operator_org
    if (
        not operator
        or source.org_slug != operator
        or source.location != f"costwire://{operator}/{source.integration_id}"
    ):
        return None

    def make(months: Sequence[str]) -> Mapping[str, bytes]:
        from common.running_costs.bill import bills_of

        return bills_of(rt.documents, operator, rt.settings.env, months)

    return make


def _sending(rt: Runtime, settings: Settings, channel: Channel) -> Notifier:
    from common.adapters.notifiers import notifier_of
    from common.tenancy import channels

    def webhook() -> str:
        return channels.load_webhook(rt.documents, rt.keys, channel.org_slug, channel.name)

    return notifier_of(channel, settings, webhook)


def with_secrets(settings: Settings, secrets: Secrets) -> Settings:
    """The settings, with what is secret in them and not set taken from the platform's secrets of the same name, with dashes.

    Those of payments and of sign-in are not for channels.
    """
    missing = [
        name
        for name, field in Settings.model_fields.items()
        if field.annotation == (SecretStr | None)
        and getattr(settings, name) is None
        and not name.startswith(("stripe_", "oidc_"))
    ]
    found = {name: secrets.get(name.replace("_", "-")) for name in missing}
    return settings.model_copy(update={name: SecretStr(value) for name, value in found.items() if value})


_runtime: Runtime | None = None


def runtime() -> Runtime:
    """The runtime of this process, built on first use and kept."""
    global _runtime
    if _runtime is None:
        settings = settings_of_environment()
        _runtime = CloudRuntime(settings) if settings.runtime == "cloud" else EmbeddedRuntime(settings)
    return _runtime


def embedded() -> EmbeddedRuntime:
    """The runtime of this process, where only one on this machine will do.  Raises BadConfiguration for another."""
    found = runtime()
    if not isinstance(found, EmbeddedRuntime):
        raise BadConfiguration("this command requires the embedded runtime; unset COSTWIRE_RUNTIME to use it here")
    return found


def use(made: Runtime | None) -> None:
    """Set the runtime of this process: tests and the command line choose their own."""
    global _runtime
    _runtime = made
