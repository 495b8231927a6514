"""What tests of connected accounts share: a home whose functions receive messages, synchronizations, and the one integration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.ingestion.syncing import sync
from costwire.worker import subscribe_here, work
from tests.support import Laptop, laptop

ORG = "default"


@contextmanager
def subscribed(home: Path) -> Iterator[Laptop]:
    """A laptop whose functions receive their messages."""
    with laptop(home) as made:
        subscribe_here(made)
        yield made


def synced(rt: Laptop) -> list[dict[str, Any]]:
    """The runs, after a synchronization without an error."""
    sync(rt, ORG)
    assert [one.error for one in work(rt, rt.clock.sleep) if one.error] == []
    return [run for _, run in rt.documents.list(f"orgs/{ORG}/runs")]


def failed_sync(rt: Laptop, planted: str, logged: str) -> str:
    """Why a synchronization put the only integration into error; the planted secret is in no document of it and in no log line."""
    (integration,) = [one for _, one in rt.documents.list(f"orgs/{ORG}/integrations")]
    assert integration["status"] == "error"
    everything = json.dumps([document for _, document in rt.documents.list(f"orgs/{ORG}/runs")]) + logged
    assert planted not in everything + json.dumps(integration)
    return str(integration["error_message"])
