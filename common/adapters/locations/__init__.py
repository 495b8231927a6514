"""Locations: where providers deliver bills."""

from __future__ import annotations

import re
from collections.abc import Callable

from common.adapters.locations.files import FileLocation
from common.errors import BadConfiguration
from common.ports.locations import Location, Source

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")

Credential = Callable[[], bytes]
"""The integration's credential in the clear, decrypted when it is called.  Raises NotFound where none is stored."""
Place = Callable[[Source, Credential], Location]


def _file(source: Source, credential: Credential) -> Location:
    return FileLocation(source.location)


def _cloud_storage(source: Source, credential: Credential) -> Location:
    from common.adapters.gcp.storage_location import CloudStorageLocation

    return CloudStorageLocation.connect(source.location)


PLACES: dict[str, Place] = {
    "gs": _cloud_storage,
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
