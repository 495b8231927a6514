"""A bill on disk goes to the deployment's bucket, where its functions can read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from common import progress
from common.ports import ObjectStore


def upload(
    objects: ObjectStore, path: Path, prefix: str, say: Callable[[str], None], names: Sequence[str] | None = None
) -> str:
    """Copy a file, or all files of a folder, below `prefix`, streaming; returns the URI of the place.

    say: gets a line about each file before it is copied.  names: only these files of the folder.
    """
    files = _files(path, names)
    progress.expect(lambda: (prefix, "", {progress.UPLOADING: sum(file.stat().st_size for file in files)}))
    for number, file in enumerate(files, start=1):
        relative = file.relative_to(path if path.is_dir() else path.parent).as_posix()
        say(f"uploading {relative} ({number} of {len(files)})")
        with progress.part(progress.UPLOADING, file.stat().st_size), file.open("rb") as stream:
            stored = objects.put(f"{prefix}/{relative}", stream)
    return objects.uri(prefix) if path.is_dir() else stored.uri


def newest_time(path: Path, names: Sequence[str] | None = None) -> datetime:
    """When the newest of the files was written: how new the bill is, since the copies are all of today."""
    return datetime.fromtimestamp(max(file.stat().st_mtime for file in (_files(path, names) or [path])), UTC)


def _files(path: Path, names: Sequence[str] | None) -> list[Path]:
    """The file, or all in a folder that are no hidden ones, by name; of these only `names` where they are given."""
    if not path.is_dir():
        return [path]
    if names is not None:
        return [path / name for name in sorted(names)]
    below = [file for file in path.rglob("*") if file.is_file()]
    return sorted(file for file in below if not any(part.startswith(".") for part in file.relative_to(path).parts))
