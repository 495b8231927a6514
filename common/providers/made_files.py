"""Files that are made when they are listed.  The version of each is its digest: one whose lines do not change stays the same file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import BinaryIO

from common.errors import Changed, NotFound
from common.ports.locations import FoundObject, Probe


class MadeFiles:
    """A place whose files are made, once, when they are first asked for."""

    def __init__(
        self, uri: str, make: Callable[[], Mapping[str, bytes]], now: datetime, probes: Sequence[Probe]
    ) -> None:
        """make: name -> content.  now: the time of all of them.  probes: the steps of a dry run."""
        self.uri = uri
        self._make, self._now, self._probes = make, now, probes

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The files, by name."""
        return [
            FoundObject(name, len(body), self._now, _version(body))
            for name, body in sorted(self._files.items())
            if name.startswith(prefix)
        ]

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """One file.  Raises NotFound, Changed."""
        body = self._files.get(name)
        if body is None:
            raise NotFound(f"there is no {name!r} at {self.uri}")
        if version is not None and _version(body) != version:
            raise Changed(f"{name} changed since it was listed; it is read again")
        return io.BytesIO(body)

    def probes(self) -> Sequence[Probe]:
        """The steps of a dry run."""
        return self._probes

    @cached_property
    def _files(self) -> Mapping[str, bytes]:
        return self._make()


def _version(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]
