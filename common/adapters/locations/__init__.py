"""Locations: where providers deliver bills."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from common.adapters.locations.files import FileLocation
from common.errors import BadConfiguration
from common.ports.locations import Location, Source

if TYPE_CHECKING:
    from common.providers.aws.credential import AwsCredential
    from common.providers.azure.credential import AzureCredential
    from common.providers.gcp.credential import GoogleCredential

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")

Credential = Callable[[], bytes | None]
"""The integration's credential in the clear, decrypted when it is called; None: this process's own identity.  Raises NotFound where none is
stored and none of its own may be used."""
Place = Callable[[Source, Credential], Location]


def _file(source: Source, credential: Credential) -> Location:
    return FileLocation(source.location)


def _cloud_storage(source: Source, credential: Credential) -> Location:
    from common.adapters.gcp.storage_location import CloudStorageLocation

    given = source.secret is not None or source.credential_ref is not None
    return CloudStorageLocation.connect(source.location, _of_google(source, credential)() if given else None)


def _billing_export(source: Source, credential: Credential) -> Location:
    from common.adapters.gcp.billing_export import BillingExportLocation

    return BillingExportLocation(source.location, source.provider, _of_google(source, credential), source.maximum_bytes)


def _of_google(source: Source, credential: Credential) -> Callable[[], GoogleCredential | None]:
    from common.providers.gcp.credential import read_credential

    def given() -> GoogleCredential | None:
        secret = credential()
        return read_credential(secret).named_for(source.config.get("external_id")) if secret else None

    return given


def _s3(source: Source, credential: Credential) -> Location:
    from common.adapters.aws.s3_location import S3Location
    from common.providers.aws.credential import read_credential

    def given() -> AwsCredential | None:
        secret = credential()
        return read_credential(secret).with_external_id(source.config.get("external_id")) if secret else None

    return S3Location(source.location, given)


def _oci(source: Source, credential: Credential) -> Location:
    from common.adapters.oci.object_storage import ObjectStorageLocation
    from common.providers.oci.credential import OciCredential, read_credential

    def given() -> OciCredential:
        secret = credential()
        if not secret:
            raise BadConfiguration(
                "bills of OCI are read with a user's API key: costwire connect oci --credential FILE"
            )
        return read_credential(secret)

    return ObjectStorageLocation(source.location, given)


def _blob_storage(source: Source, credential: Credential) -> Location:
    from common.adapters.azure.blob_location import BlobLocation
    from common.providers.azure.credential import read_credential

    def given() -> AzureCredential | None:
        secret = credential()
        return read_credential(secret).checked(source.may_name_addresses) if secret else None

    return BlobLocation(source.location, given)


def _answers(source: Source, credential: Credential) -> Location:
    from importlib import import_module

    from common.adapters.answers.location import AnswersLocation
    from common.providers.answer_api import ApiKey, api_key_reader

    api = import_module(f"common.providers.{source.location.partition('://')[0].lower()}.api").API

    def given() -> ApiKey:
        secret = credential()
        if not secret:
            raise BadConfiguration(
                f"costs of {api.title} are read with an admin key: costwire connect {api.provider} --credential FILE"
            )
        return api_key_reader(api.title)(secret)

    return AnswersLocation(source.location, api, given, source.asked_at or datetime.now(UTC), source.periods)


PLACES: dict[str, Place] = {
    "az": _blob_storage,
    "oci": _oci,
    "s3": _s3,
    "gs": _cloud_storage,
    "bq": _billing_export,
    "openai": _answers,
    "anthropic": _answers,
    "file": _file,
}
"""Scheme of a URI -> what opens the place.  Another scheme is another line, and the SDK is imported when it is first asked for."""


def open_source(source: Source, credential: Credential) -> Location:
    """The place that the source's URI names; a path is a `file`.  Raises BadConfiguration for a scheme that is not known."""
    found = _SCHEME.match(source.location)
    scheme = found[1].lower() if found else "file"
    if scheme not in PLACES:
        # the rest of the URI may hold a token
        raise BadConfiguration(
            f"location has the scheme {scheme}://, expected {', '.join(f'{one}://' for one in PLACES)} or a path: "
            "copy the bills to a folder and give its path"
        )
    return PLACES[scheme](source, credential)
