"""Locations: where providers deliver bills."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from common.adapters.locations.files import FileLocation
from common.errors import BadConfiguration
from common.ports.locations import ProbedLocation, Source
from common.providers.registry import CLUSTERS

if TYPE_CHECKING:
    from common.providers.gcp.credential import GoogleCredential

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")

Credential = Callable[[], bytes | None]
"""The integration's credential in the clear, decrypted when it is called; None: this process's own identity.  Raises NotFound where none is
stored and none of its own may be used."""
Place = Callable[[Source, Credential], ProbedLocation]
_Read = TypeVar("_Read")


def _opening(credential: Credential, read: Callable[[bytes], _Read]) -> Callable[[], _Read | None]:
    """What decrypts the credential and reads its file when it is called; None where there is none."""

    def given() -> _Read | None:
        secret = credential()
        return read(secret) if secret else None

    return given


def _identity_token(audience: str) -> str:
    from common.adapters.gcp.identity_tokens import identity_token

    return identity_token(audience)


def _file(source: Source, credential: Credential) -> ProbedLocation:
    return FileLocation(source.location)


def _cloud_storage(source: Source, credential: Credential) -> ProbedLocation:
    from common.adapters.gcp.storage_location import CloudStorageLocation

    given = source.secret is not None or source.credential_ref is not None
    return CloudStorageLocation.connect(source.location, _of_google(source, credential)() if given else None)


def _billing_export(source: Source, credential: Credential) -> ProbedLocation:
    from common.adapters.gcp.billing_export import BillingExportLocation

    return BillingExportLocation(source.location, source.provider, _of_google(source, credential), source.maximum_bytes)


def _of_google(source: Source, credential: Credential) -> Callable[[], GoogleCredential | None]:
    from common.providers.gcp.credential import read_credential

    return _opening(credential, lambda secret: read_credential(secret).named_for(source.config.get("external_id")))


def _s3(source: Source, credential: Credential) -> ProbedLocation:
    from common.adapters.aws.identity import OwnRole
    from common.adapters.aws.s3_location import S3Location
    from common.providers.aws.credential import read_credential

    external_id = source.config.get("external_id")
    return S3Location(
        source.location,
        _opening(credential, lambda secret: read_credential(secret).with_external_id(external_id)),
        OwnRole(source.own_aws_role, _identity_token) if source.own_aws_role else None,
    )


def _oci(source: Source, credential: Credential) -> ProbedLocation:
    from common.adapters.oci.object_storage import ObjectStorageLocation
    from common.providers.oci.credential import read_credential

    return ObjectStorageLocation(source.location, _opening(credential, read_credential))


def _blob_storage(source: Source, credential: Credential) -> ProbedLocation:
    from common.adapters.azure.blob_location import BlobLocation
    from common.providers.azure.credential import AzureCredential, read_credential

    def read(secret: bytes) -> AzureCredential:
        checked = read_credential(secret).checked(source.may_name_addresses)
        return checked.for_audience(source.config.get("external_id"))

    return BlobLocation(source.location, _opening(credential, read), _identity_token)


def _web(source: Source, credential: Credential) -> ProbedLocation:
    from common.adapters.locations.web import WebLocation
    from common.providers.signed_address import read_credential

    is_given = source.secret is not None or source.credential_ref is not None
    return WebLocation(source.location, _opening(credential if is_given else lambda: None, read_credential))


def _allocations(source: Source, credential: Credential) -> ProbedLocation:
    from common.adapters.answers.allocations import AllocationsLocation
    from common.providers.opencost.api import read_credential

    is_given = source.secret is not None or source.credential_ref is not None
    given = _opening(credential if is_given else lambda: None, read_credential)
    now = source.asked_at or datetime.now(UTC)
    return AllocationsLocation(source.location, given, now, source.periods, private=source.may_name_addresses)


def _answers(source: Source, credential: Credential) -> ProbedLocation:
    from importlib import import_module

    from common.adapters.answers.location import AnswersLocation
    from common.providers.answer_api import ApiKey, api_key_reader

    api = import_module(f"common.providers.{source.location.partition('://')[0].lower()}.api").API
    opened = _opening(credential, api_key_reader(api.title, api.needs_account))

    def given() -> ApiKey:
        key = opened()
        if key is None:
            raise BadConfiguration(
                f"costs of {api.title} are read with an admin key: costwire connect {api.provider} --credential FILE"
            )
        return key

    return AnswersLocation(source.location, api, given, source.asked_at or datetime.now(UTC), source.periods)


_WEB = ("http", "https")
"""Schemes of a cluster's address; of any other provider https is a file."""


def _ledger(source: Source, credential: Credential) -> ProbedLocation:
    from common.providers.saas.ledger import ledger_location

    if source.ledger is None:
        raise BadConfiguration(f"{source.location} is the ledger of an organization, which nobody has given")
    return ledger_location(source.location, source.ledger, source.asked_at or datetime.now(UTC))


def _platform_bill(source: Source, credential: Credential) -> ProbedLocation:
    from common.providers.focus.platform_bill import platform_bill_location

    if source.platform_bill is None:
        raise BadConfiguration(
            f"{source.location} is the platform's own bill, which only the organization that COSTWIRE_OPERATOR_ORG names may read, "
            f"at costwire://ORG/INTEGRATION"
        )
    return platform_bill_location(
        source.location, source.platform_bill, source.asked_at or datetime.now(UTC), source.periods
    )


PLACES: dict[str, Place] = {
    "az": _blob_storage,
    "oci": _oci,
    "s3": _s3,
    "gs": _cloud_storage,
    "bq": _billing_export,
    "https": _web,
    "openai": _answers,
    "anthropic": _answers,
    "xai": _answers,
    "github": _answers,
    "claude": _answers,
    "saas": _ledger,
    "costwire": _platform_bill,
    "file": _file,
}
"""Scheme of a URI -> what opens the place.  Another scheme is another line, and the SDK is imported when it is first asked for."""


def open_source(source: Source, credential: Credential) -> ProbedLocation:
    """The place that the source's URI names; a path is a `file`.  Raises BadConfiguration for a scheme that is not known."""
    found = _SCHEME.match(source.location)
    scheme = found[1].lower() if found else "file"
    if source.provider in CLUSTERS and scheme in _WEB:
        return _allocations(source, credential)
    if scheme not in PLACES:
        # the rest of the URI may hold a token
        raise BadConfiguration(
            f"location has the scheme {scheme}://, expected {', '.join(f'{one}://' for one in PLACES)} or a path: "
            "copy the bills to a folder and give its path"
        )
    return PLACES[scheme](source, credential)
