"""Folders of the embedded adapters."""

from __future__ import annotations

from pathlib import Path

from common.errors import BadConfiguration


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, for their owner alone.  Raises BadConfiguration that says why it cannot be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise BadConfiguration(
            f"folder {folder} cannot be created: a file has the same path; choose another folder"
        ) from None
    except PermissionError:
        raise BadConfiguration(
            f"folder {folder} cannot be created: permission denied; grant it or choose another folder"
        ) from None
    except OSError as error:
        raise BadConfiguration(f"folder {folder} cannot be created: {error.strerror}") from error
