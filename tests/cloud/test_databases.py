"""Firestore databases of their own: what is in one is in no other."""

from __future__ import annotations

import os
import uuid

import pytest

from common.config import Settings
from common.runtime.bootstrap import CloudRuntime
from common.runtime.processed import ProcessedEvents

pytestmark = pytest.mark.skipif(
    "FIRESTORE_EMULATOR_HOST" not in os.environ, reason="needs make test-cloud: FIRESTORE_EMULATOR_HOST not set"
)
PATH = "orgs/acme_1/credentials/aws"


def test_documents_credentials_and_finished_events_are_apart() -> None:
    rt = CloudRuntime(Settings(runtime="cloud", project=f"apart-{uuid.uuid4().hex[:12]}"))
    rt.sealed.set(PATH, {"ciphertext": "sealed"})
    rt.documents.set("orgs/acme_1", {"org_slug": "acme_1"})
    events = ProcessedEvents(rt.processed, rt.clock)
    events.note("ingest_aws", "e1")
    assert events.seen("ingest_aws", "e1")
    assert rt.documents.get(PATH) is None
    assert rt.sealed.transact(lambda transaction: transaction.get(PATH)) == {"ciphertext": "sealed"}
    assert rt.sealed.list("orgs") == rt.processed.list("orgs") == rt.documents.list("processed") == []
