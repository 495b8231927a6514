"""Where bills may be read from: never the platform's own storage, never this machine's files in the cloud, never another tenant's place.

Functions read every tenant's bills as the same service accounts, so the storage service cannot tell tenants apart; these rules do.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

FILE = "file"
AZURE = "az"
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_AZURE_ADDRESS = re.compile(r"https://([a-z0-9]{3,24})\.blob\.core\.windows\.net/([^?#]+)", re.IGNORECASE)


def canonical(location: str) -> str:
    """A location as it is stored: a container's address in Azure as `az://account/container/…`, any other as it is.

    An address with a token (`?sig=…`) stays what it is, which no place takes.
    """
    found = _AZURE_ADDRESS.fullmatch(location.strip())
    return f"{AZURE}://{found[1].lower()}/{unquote(found[2])}" if found else location


def is_local(location: str) -> bool:
    """Whether a location is a file or a folder of a machine, not an object of a store."""
    return Place.of(location).scheme == FILE


@dataclass(frozen=True)
class Place:
    """A folder or an object.

    container: its bucket, `account/container` in Azure, empty for a file.  steps: its path, step by step; none for a whole bucket.
    """

    scheme: str
    container: str
    steps: tuple[str, ...]

    @classmethod
    def of(cls, location: str) -> Place:
        """The place that a URI or an absolute path names; `.` and `..` of a file's path are resolved, links are not."""
        found = _URI.fullmatch(location.strip())
        if found is None or found[1].lower() == FILE:
            path = unquote(urlsplit(location.strip()).path) if found else location
            return cls(FILE, "", _steps(posixpath.normpath(path)))
        if found[1].lower() == AZURE:
            steps = _steps(found[2])
            return cls(AZURE, "/".join(steps[:2]).lower(), steps[2:])
        container, _, path = found[2].partition("/")
        return cls(found[1].lower(), container.lower(), _steps(path))

    def is_inside(self, other: Place) -> bool:
        """Whether it is the other place or lies below it."""
        same = (self.scheme, self.container) == (other.scheme, other.container)
        return same and self.steps[: len(other.steps)] == other.steps

    def overlaps(self, other: Place) -> bool:
        """Whether one of the two is inside the other."""
        return self.is_inside(other) or other.is_inside(self)


@dataclass(frozen=True)
class PlaceRules:
    """What a runtime reads bills from.

    reads_files: whether files of the machine are readable.  own: the platform's storage.  own_buckets: how the names of further buckets
    of the platform begin.  uploads: where `costwire import` copies bills to, below it one folder per organization and integration.
    """

    reads_files: bool
    own: tuple[Place, ...] = ()
    own_buckets: tuple[str, ...] = ()
    uploads: Place | None = None

    def setting_fault(self, place: Place, location: str) -> str | None:
        """Why no integration may have this place, for an error message; None where it may.  location: as it was given."""
        if place.scheme == FILE and not self.reads_files:
            return f"location is {location}, which cloud functions cannot read; give gs://bucket/folder, or use costwire import"
        if self._is_own(place):
            return f"location {location} is storage of Costwire itself; give the place where the provider leaves bills"
        return None

    def reading_fault(self, place: Place, location: str, org_slug: str, integration_id: str) -> str | None:
        """Why this integration's bills must not be read from there; None where they may.  Its own uploads may be read."""
        return None if self.is_upload(place, org_slug, integration_id) else self.setting_fault(place, location)

    def is_upload(self, place: Place, org_slug: str, integration_id: str) -> bool:
        """Whether `costwire import` made this place for this integration."""
        if self.uploads is None or not org_slug or not integration_id:
            return False
        above = self.uploads
        own = Place(above.scheme, above.container, (*above.steps, org_slug, integration_id))
        return place.is_inside(own) and not {".", ".."} & set(place.steps)

    def _is_own(self, place: Place) -> bool:
        # a folder that holds the platform's files is named by mistake at worst; a bucket is one thing
        if place.scheme == FILE:
            return any(place.is_inside(one) for one in self.own)
        return any(place.overlaps(one) for one in self.own) or place.container.startswith(self.own_buckets)


def _steps(path: str) -> tuple[str, ...]:
    return tuple(step for step in path.split("/") if step)
