"""How a push is answered, in this process: which try is the last, what counts as done, and what a dead letter may say."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from functions_framework import create_app

from common.config import Settings
from common.messages import SyncRequested
from common.messages.cloudevent import encode
from common.ports.bus import MAX_ATTEMPTS, MAX_PUSHES, DeadLetter
from common.records.runs import FAILED, QUEUED, queue_run, run_path
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from deployment.cost_counting import CountingDocuments, Counts

ROOT = Path(__file__).parents[2]
ORG, TOPIC, FUNCTION, RUN = "acme_1", "sync-requested", "dispatch_sync", "run-1"
SECRET = "secret-4711"  # in the words of the error that pushed_function.py raises


@dataclass
class Pushed:
    """A function that fails as it is told (pushed_function.py), and what becomes of its messages."""

    rt: EmbeddedRuntime
    folder: Path
    client: FlaskClient

    def fails(self, how: str) -> None:
        (self.folder / RUN).write_text(f"{how} 99")

    def push(self, attempt: int = 1, event_id: str = "e1", **attributes: str) -> int:
        """The HTTP status of one push."""
        body = json.dumps(encode(SyncRequested(RUN, RUN, ORG), event_id, self.rt.clock.now())).encode()
        message = {"data": base64.b64encode(body).decode(), "messageId": "1", "attributes": attributes}
        posted = {
            "message": message,
            "subscription": f"projects/p/subscriptions/{FUNCTION}",
            "deliveryAttempt": attempt,
        }
        return int(self.client.post(f"/projects/p/topics/{TOPIC}", json=posted).status_code)

    @property
    def calls(self) -> int:
        journal = self.folder / "journal"
        return len(journal.read_text().splitlines()) if journal.exists() else 0

    @property
    def letters(self) -> list[DeadLetter]:
        return list(self.rt.bus.dead_letters(TOPIC))

    @property
    def run(self) -> tuple[str, str | None]:
        run = self.rt.documents.get(run_path(ORG, RUN)) or {}
        return run["status"], run["error"]


@pytest.fixture
def pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pushed]:
    monkeypatch.setenv("COSTWIRE_PUSH_AUTH", "platform")
    monkeypatch.setenv("PUSHED_FOLDER", str(tmp_path))
    rt = EmbeddedRuntime(Settings(home=tmp_path / "home"))
    bootstrap.use(rt)
    rt.documents.create(f"orgs/{ORG}", {"org_slug": ORG, "status": "ACTIVE"})
    queue_run(rt.documents, rt.clock, ORG, RUN, "aws", "manual")
    app = create_app(FUNCTION, str(ROOT / "tests" / "integration" / "pushed_function.py"))
    with app.test_client() as client:
        yield Pushed(rt, tmp_path, client)
    bootstrap.use(None)


def test_a_try_before_the_last_is_asked_for_again_and_leaves_no_trace(pushed: Pushed) -> None:
    pushed.fails("retryable")
    for attempt in range(1, MAX_ATTEMPTS):
        assert pushed.push(attempt) == 500
    assert pushed.calls == MAX_ATTEMPTS - 1
    assert (pushed.letters, pushed.run) == ([], (QUEUED, None))


@pytest.mark.parametrize("before", [0, 1, MAX_PUSHES - MAX_ATTEMPTS])
def test_the_last_try_ends_in_one_dead_letter_and_the_run_however_many_pushes_never_arrived(
    pushed: Pushed, before: int
) -> None:
    """before: pushes that Pub/Sub has counted and that found no free instance."""
    pushed.fails("retryable")
    attempts = range(before + 1, before + MAX_ATTEMPTS + 1)
    assert [pushed.push(attempt) for attempt in attempts] == [500] * (MAX_ATTEMPTS - 1) + [200]
    (letter,) = pushed.letters
    assert (letter.topic, letter.subscription, letter.reason) == (TOPIC, FUNCTION, "the warehouse is away")
    assert pushed.run == (FAILED, letter.reason) and pushed.calls == MAX_ATTEMPTS


def test_tries_whose_instances_are_killed_count_from_the_second_on_and_the_push_after_them_gives_up(
    pushed: Pushed,
) -> None:
    pushed.fails("killed_here")
    for attempt in range(1, MAX_ATTEMPTS + 2):
        with pytest.raises(BaseException, match="killed"):
            pushed.push(attempt)
    assert (pushed.calls, pushed.letters) == (MAX_ATTEMPTS + 1, [])
    assert pushed.push(MAX_ATTEMPTS + 2) == 200
    (letter,) = pushed.letters
    assert "5 tries that did not end" in letter.reason and pushed.run == (FAILED, letter.reason)
    assert pushed.calls == MAX_ATTEMPTS + 1


@pytest.mark.parametrize("how", ["held", "not_ready"])
def test_work_that_cannot_be_done_yet_uses_up_no_try(pushed: Pushed, how: str) -> None:
    pushed.fails(how)
    for attempt in range(1, 3 * MAX_ATTEMPTS):
        assert pushed.push(attempt) == 500
    assert pushed.letters == []
    (pushed.folder / RUN).unlink()
    assert pushed.push(3 * MAX_ATTEMPTS) == 200


def test_a_replayed_message_has_all_its_tries_again(pushed: Pushed) -> None:
    """It has the same event, in a message of which Pub/Sub counts from 1."""
    pushed.fails("retryable")
    for _ in range(2):
        answers = [pushed.push(attempt) for attempt in range(1, MAX_ATTEMPTS + 1)]
        assert answers == [500] * (MAX_ATTEMPTS - 1) + [200]
    assert len(pushed.letters) == 2


def test_an_ordinary_message_writes_one_note(pushed: Pushed) -> None:
    counts, stores = Counts(), {name: getattr(pushed.rt, name) for name in ("documents", "processed")}
    pushed.rt.__dict__.update({name: CountingDocuments(store, counts) for name, store in stores.items()})
    assert pushed.push() == 200
    pushed.rt.__dict__.update(stores)
    assert counts.documents == {"tick": {"reads": 2, "writes": 1}}


def test_an_event_that_is_finished_is_noted_and_not_done_again(pushed: Pushed) -> None:
    assert [pushed.push(), pushed.push(), pushed.push(2)] == [200] * 3
    assert pushed.calls == 1
    assert pushed.push(event_id="e2") == 200
    assert pushed.calls == 2


@pytest.mark.parametrize(("how", "status"), [("retryable", 500), ("unknown", 500), ("permanent", 200)])
def test_an_event_that_failed_is_not_noted_as_finished(pushed: Pushed, how: str, status: int) -> None:
    pushed.fails(how)
    assert pushed.push() == status
    (pushed.folder / RUN).unlink()
    assert pushed.push(2) == 200
    assert pushed.calls == 2


def test_what_is_replayed_for_another_subscription_is_acked_unseen(pushed: Pushed) -> None:
    pushed.fails("permanent")
    assert pushed.push(replay_for="audit") == 200
    assert (pushed.calls, pushed.letters) == (0, [])
    assert pushed.push(replay_for=FUNCTION) == 200
    assert (pushed.calls, len(pushed.letters)) == (1, 1)


def test_the_text_of_an_unknown_error_is_in_no_dead_letter_and_on_no_run(pushed: Pushed) -> None:
    pushed.fails("unknown")
    assert [pushed.push(attempt) for attempt in range(1, MAX_ATTEMPTS + 1)][-1] == 200
    (letter,) = pushed.letters
    assert letter.reason == f"RuntimeError in {FUNCTION}"
    assert SECRET not in str(letter)
    assert pushed.run == (FAILED, letter.reason)
