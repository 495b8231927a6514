"""Cloud Storage for the contract tests: a bucket for each place, on the emulator of STORAGE_EMULATOR_HOST."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from common.ports import Location, ObjectStore, Source

if TYPE_CHECKING:
    from google.cloud import storage

LOCATION_BUCKET = "contract-locations"


def bucket_client() -> storage.Client:
    """A client of the emulator.  Raises RuntimeError where there is none, so that no test meets the real service."""
    from google.cloud import storage

    if not os.environ.get("STORAGE_EMULATOR_HOST"):
        raise RuntimeError("STORAGE_EMULATOR_HOST is not set: run the tests by python -m tests.emulators")
    return storage.Client(project="costwire-test")


def made_bucket(name: str) -> str:
    """The bucket of a name, made where there is none."""
    from google.api_core.exceptions import Conflict

    client = bucket_client()
    if client.lookup_bucket(name) is None:
        with suppress(Conflict):  # another process was quicker
            client.create_bucket(name)
    return name


def open_objects(place: Path) -> ObjectStore:
    from common.adapters.gcp.storage import CloudStorageObjectStore

    bucket = made_bucket("contract-" + hashlib.sha256(str(place).encode()).hexdigest()[:16])
    (place / "scratch").mkdir(exist_ok=True)
    return CloudStorageObjectStore.connect("costwire-test", bucket, place / "scratch")


def write_bill(place: Path, name: str, content: bytes) -> None:
    bucket_client().bucket(made_bucket(LOCATION_BUCKET)).blob(_key(place, name)).upload_from_string(content)


def open_bills(place: Path, name: str) -> Location:
    from common.adapters.locations import open_source

    return open_source(Source(f"gs://{made_bucket(LOCATION_BUCKET)}/{_key(place, name)}"), lambda: b"")


def _key(place: Path, name: str) -> str:
    return "/".join(filter(None, (str(place).strip("/"), name)))
