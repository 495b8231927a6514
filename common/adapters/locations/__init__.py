"""Locations: where providers leave bills."""

from __future__ import annotations

import re

from common.adapters.locations.files import FileLocation
from common.errors import BadConfiguration
from common.ports.locations import Location

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def open_location(uri: str) -> Location:
    """The location of a `gs://` or `file://` URI or a plain path.  Raises BadConfiguration for any other scheme."""
    found = _SCHEME.match(uri)
    scheme = found[1].lower() if found else "file"
    if scheme == "file":
        return FileLocation(uri)
    if scheme == "gs":
        from common.adapters.gcp.storage_location import CloudStorageLocation

        return CloudStorageLocation.connect(uri)
    # the rest of the URI may hold a token
    raise BadConfiguration(
        f"location has the scheme {scheme}://, expected gs://, file:// or a path: copy the bills to a folder and name that"
    )
