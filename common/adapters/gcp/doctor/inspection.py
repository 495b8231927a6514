"""The whole deployment, service by service; each is checked independently, and all in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import google.auth
from google.auth import exceptions as auth
from google.auth.credentials import Credentials
from google.auth.transport.requests import Request

from common.adapters.gcp.doctor.notes import CALL_SECONDS, Deployment, Notes
from common.adapters.gcp.doctor.tenants import Tenant, look_at_tenants
from common.config import Settings
from common.ports.inspection import Finding

_ASKED = "https://www.googleapis.com/auth/cloud-platform"
_LOGIN = "gcloud auth application-default login"
_NEEDED = {
    "project": "export COSTWIRE_PROJECT=$(gcloud config get project)",
    "bucket": 'eval "$(make -s environment PROJECT=PROJECT)"',
    "kms_key": 'eval "$(make -s environment PROJECT=PROJECT)"',
}


class DeploymentInspection:
    """Keeps common.ports.inspection.Inspection."""

    def __init__(self, settings: Settings, credentials: Credentials | None) -> None:
        self._settings = settings
        self._credentials = credentials

    @classmethod
    def connect(cls, settings: Settings) -> DeploymentInspection:
        """With this shell's own credentials, or none: that is then a finding."""
        try:
            credentials, _ = google.auth.default(scopes=[_ASKED])
        except (auth.DefaultCredentialsError, auth.RefreshError):
            credentials = None
        return cls(settings, credentials)

    def findings(self) -> Iterator[Finding]:
        """Settings and credentials first; the services only where a project is named."""
        yield from self._settings_findings()
        yield self._credentials_finding()
        if not self._settings.project:
            return
        deployment = Deployment(self._settings, self._credentials, _member(self._credentials))
        tenants, found = _tenants(deployment)
        yield from found
        looks = [
            (Notes(deployment, service, api_name, role), look) for service, api_name, role, look in _services(tenants)
        ]
        with ThreadPoolExecutor(len(looks)) as several:
            for found in several.map(lambda one: one[0].run(one[1]), looks):
                yield from found

    def _settings_findings(self) -> Iterator[Finding]:
        for name, fix in _NEEDED.items():
            value, variable = getattr(self._settings, name), f"COSTWIRE_{name.upper()}"
            if value:
                yield Finding(variable, True, str(value))
            else:
                fix = fix.replace("=PROJECT)", f"={self._settings.project or 'PROJECT'})")
                yield Finding(variable, False, "is not set", fix)

    def _credentials_finding(self) -> Finding:
        if self._credentials is None:
            return Finding("credentials", False, "none exist", _LOGIN)
        refusal = _refusal(self._credentials)
        if refusal:
            self._credentials = None  # nobody need be asked with them
            return Finding("credentials", False, refusal, _LOGIN)
        return Finding("credentials", True, _words(self._credentials))


def _tenants(deployment: Deployment) -> tuple[Sequence[Tenant] | None, list[Finding]]:
    """The tenants, None where they could not be read, and what was found."""
    from common.adapters.gcp.doctor.firestore import firestore_client

    told: list[Sequence[Tenant] | None] = []
    notes = Notes(deployment, "Firestore", "firestore.googleapis.com", "roles/datastore.user")
    found = notes.run(lambda one: told.append(look_at_tenants(one, firestore_client(deployment))))
    return (told[0] if told else None), found


def _services(tenants: Sequence[Tenant] | None) -> Iterator[tuple[str, str, str, Callable[[Notes], None]]]:
    """(service, its API, the role that lets the caller look, what looks).  An SDK is loaded only here."""
    from common.adapters.gcp.doctor.bigquery import look_at_datasets
    from common.adapters.gcp.doctor.firestore import look_at_firestore
    from common.adapters.gcp.doctor.kms import look_at_key
    from common.adapters.gcp.doctor.permissions import look_at_permissions
    from common.adapters.gcp.doctor.pubsub import look_at_pubsub
    from common.adapters.gcp.doctor.scheduler import look_at_schedules
    from common.adapters.gcp.doctor.secrets import look_at_secrets
    from common.adapters.gcp.doctor.storage import look_at_bucket

    viewer = "roles/viewer"
    yield "Pub/Sub", "pubsub.googleapis.com", viewer, look_at_pubsub
    yield "Firestore", "firestore.googleapis.com", viewer, look_at_firestore
    yield "Cloud Storage", "storage.googleapis.com", viewer, look_at_bucket
    yield (
        "BigQuery",
        "bigquery.googleapis.com",
        "roles/bigquery.metadataViewer",
        lambda one: look_at_datasets(one, tenants),
    )
    yield "Cloud KMS", "cloudkms.googleapis.com", "roles/cloudkms.viewer", look_at_key
    yield "Secret Manager", "secretmanager.googleapis.com", "roles/secretmanager.viewer", look_at_secrets
    yield "Cloud Scheduler", "cloudscheduler.googleapis.com", viewer, lambda one: look_at_schedules(one, tenants)
    yield "permissions", "cloudresourcemanager.googleapis.com", viewer, look_at_permissions


def _refusal(credentials: Credentials) -> str | None:
    """Why the credentials are worth nothing.  Asked here, since a service would only seem to be away."""
    try:
        credentials.refresh(partial(Request(), timeout=CALL_SECONDS))  # type: ignore[no-untyped-call]
    except auth.RefreshError:
        return "they have expired or were revoked"
    except auth.TransportError:
        return "Google's token server does not answer"
    return None


def _member(credentials: Credentials | None) -> str:
    email = getattr(credentials, "service_account_email", None)
    return f"serviceAccount:{email}" if email and "@" in email else 'user:"$(gcloud config get account)"'


def _words(credentials: Credentials) -> str:
    member = _member(credentials)
    return f"of {member.partition(':')[2]}" if member.startswith("serviceAccount:") else "a user's, or another's"
