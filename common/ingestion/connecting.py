"""Connect an integration: its location can be read, it is saved, its credential is stored, and its bills are fetched by the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from common.domain import quotas
from common.domain.names import identifier
from common.domain.places import Place, canonical
from common.errors import BadConfiguration, NotReady
from common.ingestion.double_counting import check_counted_once
from common.ingestion.listing import Listing
from common.ports import Document, Runtime, Source
from common.ports.keys import check_size
from common.providers.provider import CredentialFile
from common.providers.registry import ASKED, PROVIDERS, credential_reader, provider
from common.records.integrations import integration_path, is_one_off, save_integration
from common.records.names import check_integration_id
from common.records.organizations import below, check_known, open_tenant, organization_path
from common.records.places import check_settable
from common.records.usage import check, limits_now
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
            raise BadConfiguration(f"location is missing: give the place where {self.provider} delivers its bills")
        if Place.of(found).scheme in ASKED and found != own:
            raise BadConfiguration(f"location is {found}, expected none: the API is asked, leave out --location")
        return found


@dataclass(frozen=True)
class Connected:
    """An integration that can be synchronized.  integration: its document; files: how many lie at its location now, 0 where it waits."""

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
    another organization's (cloud), or whose costs another integration counts already; for a credential above 64 KiB, an unknown provider
    or an id that is not valid; QuotaExceeded where the plan has no room for one more provider.  Nothing is saved then.
    """
    check_known(rt.documents, asked.org_slug)
    _check_provider(rt, asked)
    given = _given(rt, asked)
    seen = _looked_at(rt, asked, given)
    name = asked.name
    stored_at = credentials.credential_path(asked.org_slug, name) if asked.secret is not None else None
    open_tenant(rt.documents, rt.clock.now(), asked.org_slug)
    document = save_integration(
        rt.documents, rt.clock.now(), asked.org_slug, name, asked.provider, seen.uri,
        allow_overlap=asked.allow_overlap, credential_ref=stored_at, claim=rt.settings.runtime == "cloud",
        external_id=given.external_id, requested_by=asked.requested_by,
        accounts=sorted(seen.accounts), waiting=seen.waiting,
    )  # fmt: skip
    if asked.secret is not None:
        now = rt.clock.now()
        kind = given.credential.kind if given.credential else "api_key"
        credentials.store(
            rt.sealed, rt.keys, now, asked.org_slug, name, asked.provider, asked.secret, asked.requested_by, kind
        )
    if asked.scheduled:
        ensure_schedule(rt, asked.org_slug)
    return Connected(document, seen.uri, seen.files)


def _check_provider(rt: Runtime, asked: Connection) -> None:
    """Raises QuotaExceeded where the plan has no room for one more provider."""
    organization = rt.documents.get(organization_path(asked.org_slug))
    if not rt.settings.plans or organization is None:
        return
    integrations = [one for _, one in rt.documents.list(below(asked.org_slug, "integrations"))]
    connected = frozenset(str(one["provider"]) for one in integrations if not is_one_off(one))
    check(quotas.refused_provider(str(organization["plan"]), limits_now(organization), connected, asked.provider))


def _read_credential(asked: Connection) -> CredentialFile | None:
    """Raises BadConfiguration for a credential that does not open such a place, before anything is sent."""
    if asked.secret is None or asked.provider not in PROVIDERS:
        return None
    check_size(asked.secret)
    read = credential_reader(Place.of(canonical(asked.place)).scheme, asked.provider)
    return read(asked.secret) if read else None


@dataclass(frozen=True)
class _Given:
    """What opens the place.  credential: the new one; None where that which is stored goes on, whose document lies at credential_ref."""

    credential: CredentialFile | None
    external_id: str | None
    credential_ref: str | None


def _given(rt: Runtime, asked: Connection) -> _Given:
    stored = rt.documents.get(integration_path(asked.org_slug, check_integration_id(asked.name))) or {}
    external_id = stored.get("config", {}).get("external_id")
    credential = _read_credential(asked)
    if credential is not None:
        assumed = credential.is_assumed
        external_id = external_id_of(rt.documents, asked.org_slug, asked.name) if assumed else None
    return _Given(credential, external_id, stored.get("credential_ref"))


@dataclass(frozen=True)
class Seen:
    """What lies at a location.  accounts: whose costs the export says that it holds.  waiting: why nothing lies there yet, None where
    something does.
    """

    uri: str
    files: int = 0
    accounts: frozenset[str] = frozenset()
    waiting: str | None = None


def look_at(rt: Runtime, asked: Connection) -> Seen:
    """What lies at the location, with the credential that is stored where none is given; nothing is written.

    Raises BadConfiguration where it cannot be read, and where its costs would count twice.
    """
    return _looked_at(rt, asked, _given(rt, asked))


def _looked_at(rt: Runtime, asked: Connection, given: _Given) -> Seen:
    uri = location_uri(rt, asked.place)
    config = {"location": uri, "external_id": given.external_id}
    source = Source(
        uri,
        asked.org_slug,
        asked.name,
        asked.provider,
        config,
        credential_ref=given.credential_ref,
        secret=asked.secret,
    )
    seen = _seen(rt, source)
    if not asked.allow_overlap:
        check_counted_once(rt.documents, asked.org_slug, asked.name, asked.provider, uri, seen.accounts)
    return seen


def _seen(rt: Runtime, source: Source) -> Seen:
    try:
        listing = Listing.of(rt.source(source))
    except NotReady as error:  # a new export, whose first lines come within two days
        return Seen(source.location, waiting=str(error))
    known = source.provider in PROVIDERS
    accounts = provider(source.provider).examine(listing).accounts if known else frozenset[str]()
    return Seen(source.location, len(listing.files), accounts)


def location_uri(rt: Runtime, location: str) -> str:
    """The URI of a location, which may be a path.  Raises BadConfiguration for one that no integration may have here."""
    if not location.strip():
        raise BadConfiguration(
            "--location is empty; give the location of the bills, as gs://bucket/folder or file:///folder"
        )
    uri = canonical(location) if "://" in location else Path(location).absolute().as_uri()
    check_settable(rt, uri)
    return uri
