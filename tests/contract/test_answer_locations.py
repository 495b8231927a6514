"""Months of an API's answers as files: whole or not at all, whatever the API does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from common.adapters.answers.location import AnswersLocation
from common.adapters.locations import open_source
from common.errors import BadConfiguration, Changed, CostError, NotFound, Retryable
from common.ports import Source
from common.providers.answer_api import AnswerApi, ApiKey
from common.providers.anthropic.api import API as ANTHROPIC
from common.providers.openai.api import API as OPENAI
from tests.answer_peer import COSTS, KEY, USAGE, Peer, answering, credential

APIS = {"openai": OPENAI, "anthropic": ANTHROPIC}
NOW = datetime(2026, 9, 15, 6, 30, tzinfo=UTC)


@pytest.fixture(params=sorted(APIS))
def peer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    with answering(request.param) as made:
        monkeypatch.setenv(f"COSTWIRE_{request.param.upper()}_ENDPOINT", made.address)
        for day in range(1, 16):
            made.add(COSTS[made.provider], f"2026-09-{day:02}", f'{{"amount":"{day}.5","day":{day}}}')
        made.add(USAGE[made.provider], "2026-09-01", '{"num_model_requests":3}')
        yield made


class Naps(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def place(
    peer: Peer, now: datetime = NOW, periods: tuple[str, ...] = (), key: str = KEY, sleep: Naps | None = None
) -> AnswersLocation:
    api: AnswerApi = APIS[peer.provider]
    uri = f"{api.provider}://acme/{api.provider}"
    return AnswersLocation(uri, api, lambda: ApiKey(key, "org-1"), now, periods, sleep if sleep is not None else Naps())


def lines_of(location: AnswersLocation, name: str = "2026-09.jsonl") -> list[dict[str, object]]:
    with location.open(name) as stream:
        return [json.loads(line) for line in stream]


def amounts(location: AnswersLocation) -> list[str]:
    answers = [json.loads(str(line["answer"])) for line in lines_of(location)]
    results = [one for answer in answers for bucket in answer["data"] for one in bucket["results"]]
    return [one["amount"] for one in results if "amount" in one]


WHOLE = [f"{day}.5" for day in range(1, 16)]


def test_a_month_is_a_file_of_all_its_answers_with_what_was_asked(peer: Peer) -> None:
    location = place(peer)
    assert [found.name for found in location.list()] == ["2026-09.jsonl"]
    lines = lines_of(location)
    assert [line["request"]["path"] for line in lines] == [COSTS[peer.provider], USAGE[peer.provider]]  # type: ignore[index]
    assert {line["account"] for line in lines} == {"org-1"}
    assert amounts(location) == WHOLE
    path, query = peer.asked[0]
    assert path == COSTS[peer.provider] and query["bucket_width"] == "1d" and query["limit"] == "31"


@pytest.mark.parametrize("days", [1, 4, 15])
def test_pages_of_any_size_hold_the_same_days(peer: Peer, days: int) -> None:
    peer.page_days = days
    assert amounts(place(peer)) == WHOLE


def test_the_same_answers_are_the_same_version_and_another_amount_is_another(peer: Peer) -> None:
    (first,), (again,) = place(peer).list(), place(peer).list()
    assert first.version == again.version
    peer.results[COSTS[peer.provider], "2026-09-03"] = ['{"amount":"99"}']
    (later,) = place(peer).list()
    assert later.version != first.version
    with pytest.raises(Changed):
        place(peer).open("2026-09.jsonl", first.version)


def test_days_that_change_between_two_pages_are_read_again_and_never_mixed(peer: Peer) -> None:
    peer.page_days = 8

    def restate(number: int) -> None:
        if number == 2:  # the first page was read with the earlier amount
            peer.results[COSTS[peer.provider], "2026-09-01"] = ['{"amount":"7"}']

    peer.before = restate
    assert amounts(place(peer)) == ["7", *WHOLE[1:]]


def test_answers_that_change_all_the_time_are_no_delivery(peer: Peer) -> None:
    peer.page_days = 8
    numbers = iter(range(1000))

    def restate(_: int) -> None:
        peer.results[COSTS[peer.provider], "2026-09-01"] = [f'{{"amount":"{next(numbers)}"}}']

    peer.before = restate
    with pytest.raises(Changed):
        place(peer).list()


def test_a_cursor_that_fails_leads_to_another_reading(peer: Peer) -> None:
    peer.page_days = 8
    peer.before = lambda number: peer.refusals.append((400, {})) if number == 2 else None
    assert amounts(place(peer)) == WHOLE


def test_the_wait_that_a_provider_asks_for_is_kept(peer: Peer) -> None:
    naps = Naps()
    peer.refusals = [(429, {"retry-after": "7"}), (429, {"retry-after": "3"})]
    assert amounts(place(peer, sleep=naps)) == WHOLE
    assert naps == [7.0, 3.0]


def test_a_long_wait_is_left_to_the_next_try_of_the_message(peer: Peer) -> None:
    naps = Naps()
    peer.refusals = [(429, {"retry-after": "3600"})]
    with pytest.raises(Retryable, match="asks to wait 3600 s"):
        place(peer, sleep=naps).list()
    assert naps == [] and len(peer.asked) == 1


def test_a_server_that_is_away_for_a_moment_is_asked_again_and_for_long_is_retryable(peer: Peer) -> None:
    peer.refusals = [(503, {}), (500, {})]
    assert amounts(place(peer)) == WHOLE
    peer.refusals = [(503, {})] * 20
    with pytest.raises(Retryable, match="temporarily unavailable"):
        place(peer).list()


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_not_read_costs_is_refused_with_the_fix_and_none_of_the_providers_words(
    peer: Peer, status: int
) -> None:
    peer.refusals = [(status, {})]
    with pytest.raises(BadConfiguration, match="give an admin key") as refused:
        place(peer).list()
    assert "secret" not in str(refused.value) and KEY not in str(refused.value)


def test_another_key_is_refused(peer: Peer) -> None:
    with pytest.raises(BadConfiguration, match="may not read costs"):
        place(peer, key="sk-other").list()


def test_a_month_without_costs_is_not_there_and_costs_no_further_questions(peer: Peer) -> None:
    location = place(peer, periods=("2026-05",))
    assert location.list() == []
    assert [path for path, _ in peer.asked] == [COSTS[peer.provider]]
    with pytest.raises(NotFound):
        location.open("2026-09.jsonl")


def test_an_answer_that_is_not_of_the_reference_is_retryable(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("<html>", '{"data":{}}', "[]", '{"data":[],"data":[]}'):
        monkeypatch.setattr(peer, "answer", lambda path, query, text=text: text)
        with pytest.raises(Retryable):
            place(peer).list()


def test_a_page_that_says_that_more_follow_and_not_where_is_no_answer(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "answer", lambda path, query: '{"data":[],"has_more":true,"next_page":null}')
    with pytest.raises(Changed, match="more follow"):
        place(peer).list()


def test_a_page_that_leaves_out_days_is_no_answer(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    peer.page_days = 4
    whole = peer.answer

    def skipping(path: str, query: dict[str, str]) -> str:
        if "page" in query:
            begin = datetime.fromisoformat(query["page"].removeprefix("page_"))
            query = {**query, "page": f"page_{begin.replace(day=begin.day + 1).isoformat()}"}
        return whole(path, query)

    monkeypatch.setattr(peer, "answer", skipping)
    with pytest.raises(Changed):
        place(peer).list()


@pytest.mark.parametrize("api", APIS.values(), ids=APIS)
@pytest.mark.parametrize(
    ("now", "months"),
    [
        ("2026-09-15", ["2026-09"]),
        ("2026-09-07", ["2026-08", "2026-09"]),
        ("2026-09-08", ["2026-09"]),
        ("2026-09-10", ["2026-08", "2026-09"]),
        ("2026-09-11", ["2026-09"]),
        ("2027-01-01", ["2026-12", "2027-01"]),
    ],
)
def test_a_month_is_read_again_until_it_is_settled(api: AnswerApi, now: str, months: list[str]) -> None:
    assert [str(one) for one in api.months(datetime.fromisoformat(now).replace(tzinfo=UTC))] == months


def test_the_scheme_opens_the_place_with_the_stored_credential(peer: Peer) -> None:
    source = Source(f"{peer.provider}://acme/{peer.provider}", asked_at=NOW)
    assert len(open_source(source, credential).list()) == 1
    with pytest.raises(CostError, match="admin key"):
        open_source(source, lambda: None).list()
