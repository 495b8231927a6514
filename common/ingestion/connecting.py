"""Connect an integration: its location can be read, it is saved, its credential is stored, and its bills are fetched by the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from common.domain.names import identifier
from common.domain.places import Place, canonical
from common.errors import BadConfiguration
from common.ports import Document, Runtime, Source
from common.ports.keys import check_size
from common.providers.provider import CredentialFile
from common.providers.registry import ASKED, PROVIDERS, TITLES, opened_by, provider
from common.records.integrations import save_integration
from common.records.organizations import check_known, open_tenant
from common.records.places import check_settable
from common.tenancy import credentials
from common.tenancy.external_ids import external_id_of
from common.tenancy.schedules import ensure_schedule


@dataclass(frozen=True)
class Connection:
    """What is to be connected.

    location: where the provider leaves its bills, a URI or a path; None where its API is asked.  integration_id None: the provider's name.
    secret: the credential in the clear.  requested_by: who stores it.  allow_overlap: its bills are shown even where another integration
    shows the same account.  scheduled False: no schedule is made for the organization, as in the demo, whose bills never change.
    """

    org_slug: str
    provider: str
    location: str | None
    integration_id: str | None = None
    secret: bytes | None = field(default=None, repr=False)
    requested_by: str = ""
    allow_overlap: bool = False
    scheduled: bool = True

    @property
    def name(self) -> str:
        """What the integration is called."""
        return self.integration_id or identifier(self.provider)

    @property
    def place(self) -> str:
        """The location; of an API that is asked, one that is this integration's alone.

        Raises BadConfiguration where none is known, and for an API's that is not its own.
        """
        own = f"{self.provider}://{self.org_slug}/{self.name}" if self.provider in ASKED else None
        found = own if self.location is None else self.location
        if found is None:
            raise BadConfiguration(
                f"--location is missing: give the place where {TITLES.get(self.provider, self.provider)} delivers its bills"
            )
        if Place.of(found).scheme in ASKED and found != own:
            raise BadConfiguration(f"location is {found}, expected none: the API is asked, leave out --location")
        return found


@dataclass(frozen=True)
class Connected:
    """An integration that can be synchronized.  integration: its document; files: how many lie at its location now."""

    integration: Document
    location: str
    files: int

    @property
    def integration_id(self) -> str:
        """Its name."""
        return str(self.integration["integration_id"])


def connect(rt: Runtime, asked: Connection) -> Connected:
    """Check that the location can be read, then save the integration, its credential and the tenant's schedule.  Safe to repeat.

    Raises NotFound for an organization that does not exist, BadConfiguration for a location that cannot be read, is the platform's own or
    another organization's (cloud), a credential above 64 KiB, an unknown provider or an id that is not valid; nothing is saved then.
    """
    check_known(rt.documents, asked.org_slug)
    credential = _read_credential(asked)
    uri, files = look_at(rt, asked)
    name = asked.name
    stored_at = credentials.credential_path(asked.org_slug, name) if asked.secret is not None else None
    open_tenant(rt.documents, rt.clock.now(), asked.org_slug)
    document = save_integration(
        rt.documents, rt.clock.now(), asked.org_slug, name, asked.provider, uri,
        allow_overlap=asked.allow_overlap, credential_ref=stored_at, claim=rt.settings.runtime == "cloud",
        external_id=_external_id(rt, asked),
    )  # fmt: skip
    if asked.secret is not None:
        now = rt.clock.now()
        kind = credential.kind if credential else "api_key"
        credentials.store(
            rt.sealed, rt.keys, now, asked.org_slug, name, asked.provider, asked.secret, asked.requested_by, kind
        )
    if asked.scheduled:
        ensure_schedule(rt, asked.org_slug)
    return Connected(document, uri, files)


def _read_credential(asked: Connection) -> CredentialFile | None:
    """Raises BadConfiguration for a credential that does not open such a place, before anything is sent."""
    if asked.secret is None or asked.provider not in PROVIDERS:
        return None
    check_size(asked.secret)
    read = provider(opened_by(Place.of(asked.place).scheme, asked.provider)).read_credential
    return read(asked.secret) if read else None


def _external_id(rt: Runtime, asked: Connection) -> str | None:
    credential = _read_credential(asked)
    return external_id_of(rt.documents, asked.org_slug, asked.name) if credential and credential.is_assumed else None


def look_at(rt: Runtime, asked: Connection) -> tuple[str, int]:
    """The location's URI and how many files lie there; nothing is written.  Raises BadConfiguration where it cannot be read."""
    uri = location_uri(rt, asked.place)
    config = {"location": uri, "external_id": _external_id(rt, asked)}
    source = Source(uri, asked.org_slug, asked.name, asked.provider, config, secret=asked.secret)
    return uri, len(rt.source(source).list())


def location_uri(rt: Runtime, location: str) -> str:
    """The URI of a location, which may be a path.  Raises BadConfiguration for one that no integration may have here."""
    if not location.strip():
        raise BadConfiguration(
            "--location is empty; give the location of the bills, as gs://bucket/folder or file:///folder"
        )
    uri = canonical(location) if "://" in location else Path(location).absolute().as_uri()
    check_settable(rt, uri)
    return uri
