"""Bills in a folder, or some of its files, or one bill in a file."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import parse_qs, unquote, urlsplit

from common.errors import BadConfiguration, Changed, NoSuchPlace, NotAllowed, NotFound, NotReady
from common.ports.locations import ONLY, FoundObject, Probe, file_uri

_READ = "read permission"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FileLocation:
    """A file, or a folder with all below it; links are followed."""

    def __init__(self, uri: str) -> None:
        """uri: as `file_uri` makes it, or a path, which is taken from the working folder and may start with `~`."""
        self._path = _path(uri)
        self._only = frozenset(_only(uri))
        self.uri = file_uri(self._path, sorted(self._only))

    def list(self, prefix: str = "") -> Sequence[FoundObject]:
        """The files below, by name.  A location that is one file lists that one.

        Raises BadConfiguration where the place does not exist or may not be read, naming it.
        """
        try:
            status = self._path.stat()
            if stat.S_ISDIR(status.st_mode):
                found = list(self._walk())
            elif stat.S_ISREG(status.st_mode):
                found = [_found(self._path.name, status)]
            else:
                raise BadConfiguration(f"location {self._path} is neither a file nor a folder: name one of them")
        except OSError as error:
            raise self._unusable(error) from error
        meant = (item for item in found if item.name in self._only or not self._only)
        return sorted((item for item in meant if item.name.startswith(prefix)), key=lambda item: item.name)

    def open(self, name: str, version: str | None = None) -> BinaryIO:
        """Read one file, streaming.  Raises NotFound, BadConfiguration where it may not be read, Changed as the port says."""
        path = self._path / name if self._path.is_dir() else self._path
        if "\x00" in name or ".." in name.split("/") or (path == self._path and name != path.name):
            raise NotFound(f"there is no {name!r} at {self._path}")
        try:
            return path.open("rb") if version is None else cast(BinaryIO, _AsListed(path, name, version))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise NotFound(f"there is no file {name} at {self._path}") from error
        except OSError as error:
            raise self._unusable(error) from error

    def probes(self) -> Sequence[Probe]:
        """The steps of a dry run, on the machine's own files."""
        fix = f"chmod -R u+rX '{self._path}'"
        return [
            Probe(
                "identity", lambda: f"user {os.geteuid()} of this machine" if hasattr(os, "geteuid") else "this user"
            ),
            Probe("listing", lambda: f"{len(self._some())} file(s)", _READ, fix),
            Probe("reading", self._read_a_byte, _READ, fix),
        ]

    def _some(self) -> Sequence[FoundObject]:
        found = self.list()
        if not found:
            raise NotReady(f"no file lies at {self._path} yet; check the path, or wait for the first export")
        return found

    def _read_a_byte(self) -> str:
        smallest = min(self._some(), key=lambda one: (one.size_bytes == 0, one.size_bytes))
        with self.open(smallest.name) as stream:
            stream.read(1)
        return f"{smallest.name} can be read"

    def _walk(self) -> Iterator[FoundObject]:
        for folder, folders, names in os.walk(self._path, onerror=_raise, followlinks=True):
            # a link to a folder above would never end
            folders[:] = [name for name in folders if not _leads_back(Path(folder), Path(folder) / name)]
            for name in names:
                path = Path(folder) / name
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue  # removed since, or a link to nothing
                if stat.S_ISREG(status.st_mode):
                    yield _found(_checked(path.relative_to(self._path).as_posix()), status)

    def _unusable(self, error: OSError) -> BadConfiguration:
        where = os.fsdecode(error.filename) if error.filename else str(self._path)
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return NoSuchPlace(f"location {where} does not exist: check the path")
        if isinstance(error, PermissionError):
            return NotAllowed(f"location {where} may not be read by this user: grant read permission", _READ)
        return BadConfiguration(f"location {where} cannot be read: {error.strerror}")


class _AsListed(io.FileIO):
    """A file that tells at its beginning and at its end whether it is the one that was listed."""

    def __init__(self, path: Path, name: str, version: str) -> None:
        super().__init__(path, "rb")
        self._name, self._version = name, version
        try:
            self._check()
        except Changed:
            self.close()
            raise

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(-1 if size is None else size)
        if not found or size is None or size < 0:
            self._check()
        return found

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        if not count:
            self._check()
        return count

    def _check(self) -> None:
        if _version(os.fstat(self.fileno())) != self._version:
            raise Changed(f"{self._name} changed since it was listed; it is read again")


def _path(uri: str) -> Path:
    if "\x00" in unquote(uri):
        raise BadConfiguration("location contains a NUL character, which is not valid in a path: remove it")
    if not uri.lower().startswith("file:"):
        if not uri:
            raise BadConfiguration("location is empty, expected a path or a file:// URI")
        return Path(uri).expanduser().absolute()
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise BadConfiguration(f"location is '{uri}', expected file:///<absolute path>, as in file:///home/me/bills")
    return Path(unquote(parts.path))


def _only(uri: str) -> list[str]:
    return parse_qs(urlsplit(uri).query).get(ONLY, []) if uri.lower().startswith("file:") else []


def _found(name: str, status: os.stat_result) -> FoundObject:
    modified_at = _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
    return FoundObject(name, status.st_size, modified_at, _version(status))


def _version(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _checked(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadConfiguration(f"file name {name!r} is not UTF-8: rename the file") from None
    return name


def _leads_back(folder: Path, child: Path) -> bool:
    return child.is_symlink() and any(child.samefile(above) for above in (folder, *folder.parents))


def _raise(error: OSError) -> None:
    raise error
