"""Days of a cluster's allocations as files: closed days only, nothing half, and no address that a customer should not reach."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from common.adapters.answers.allocations import AllocationsLocation
from common.adapters.locations import open_source
from common.errors import BadConfiguration, Changed, NotFound, Retryable
from common.ports import Source
from common.providers.opencost.api import ClusterAddress, read_credential
from tests.cluster_peer import TOKEN, Cluster, allocations, clustered

NOW = datetime(2026, 9, 15, 6, 30, tzinfo=UTC)
WEEK = [f"2026-09-{day:02}.jsonl" for day in range(8, 15)]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with clustered() as made:
        for day in range(1, 31):
            made.days[f"2026-09-{day:02}"] = {"shop": f"{day}.5"}
        yield made


def place(cluster: Cluster, periods: tuple[str, ...] = (), secret: bytes | None = None) -> AllocationsLocation:
    given = read_credential(secret) if secret else None
    return AllocationsLocation(cluster.address, lambda: given, NOW, periods, private=True, sleep=lambda _: None)


def test_each_of_the_last_closed_days_is_a_file_with_what_was_asked(cluster: Cluster) -> None:
    location = place(cluster)
    assert [one.name for one in location.list()] == WEEK
    with location.open(WEEK[0]) as stream:
        (line,) = map(json.loads, stream)
    assert (line["currency"], line["account"]) == ("USD", None)
    assert json.loads(line["answer"])["data"][0]["c1/n1/shop/deployment/web"]["cpuCost"] == 8.5
    asked = cluster.asked[0]
    assert asked["window"] == "2026-09-08T00:00:00Z,2026-09-09T00:00:00Z"
    assert (asked["includeIdle"], asked["shareIdle"], asked["idleByNode"]) == ("true", "false", "true")


def test_a_month_that_is_asked_for_is_read_whole_as_far_as_its_days_are_closed(cluster: Cluster) -> None:
    assert [one.name for one in place(cluster, ("2026-09",)).list()] == [
        f"2026-09-{day:02}.jsonl" for day in range(1, 15)
    ]


def test_a_day_that_the_server_has_forgotten_is_no_file(cluster: Cluster) -> None:
    del cluster.days["2026-09-08"]
    cluster.raw["2026-09-09"] = '{"code":200,"data":null}'
    assert [one.name for one in place(cluster).list()] == WEEK[2:]
    with pytest.raises(NotFound):
        place(cluster).open("2026-09-08.jsonl")


def test_the_same_answer_is_the_same_version_and_an_adjustment_is_another(cluster: Cluster) -> None:
    first, again = place(cluster).list(), place(cluster).list()
    assert [one.version for one in first] == [one.version for one in again]
    cluster.days["2026-09-10"] = {"shop": "11"}
    changed = place(cluster)
    assert [one.name for one, old in zip(changed.list(), first, strict=True) if one.version != old.version] == [WEEK[2]]
    with pytest.raises(Changed):
        changed.open(WEEK[2], first[2].version)


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        '{"code":400,"message":"secret"}',
        '{"code":200,"data":{}}',
        '{"code":200,"data":[{"a":{"window":null}}]}',
        json.dumps({"code": 200, "data": [allocations({"a": "1"}, "2026-09-08T02:00:00Z", "2026-09-09T02:00:00Z")]}),
    ],
    ids=["no JSON", "an error under 200", "no list", "no window", "another time zone"],
)
def test_what_is_no_answer_about_the_day_is_retryable_and_not_quoted(cluster: Cluster, body: str) -> None:
    cluster.raw["2026-09-08"] = body
    with pytest.raises(Retryable) as refused:
        place(cluster).list()
    assert "secret" not in str(refused.value)


def test_a_server_that_is_away_for_a_moment_is_asked_again(cluster: Cluster) -> None:
    cluster.refusals = [(503, {}), (429, {"retry-after": "1"})]
    assert len(place(cluster).list()) == 7
    cluster.refusals = [(503, {})] * 9
    with pytest.raises(Retryable, match="temporarily unavailable"):
        place(cluster).list()


def test_a_proxy_gets_the_token_and_its_refusal_names_the_fix(cluster: Cluster) -> None:
    cluster.token = TOKEN
    assert len(place(cluster, secret=json.dumps({"token": TOKEN}).encode()).list()) == 7
    with pytest.raises(BadConfiguration, match="give the token") as refused:
        place(cluster).list()
    assert "secret" not in str(refused.value) and TOKEN not in str(refused.value)


def test_a_redirect_is_not_followed(cluster: Cluster) -> None:
    cluster.refusals = [(302, {"Location": "http://169.254.169.254/"})]
    with pytest.raises(BadConfiguration, match=r"refused \(302\); check the address"):
        place(cluster).list()


def test_another_path_is_refused_with_what_is_added_to_it(cluster: Cluster) -> None:
    cluster.address = cluster.address.removesuffix("/model")
    with pytest.raises(BadConfiguration, match="/allocation is added"):
        place(cluster).list()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_in_the_cloud_no_private_address_and_no_plain_connection_is_read(cluster: Cluster, scheme: str) -> None:
    location = cluster.address.replace("http", scheme, 1)
    source = Source(location, provider="opencost", asked_at=NOW, may_name_addresses=False)
    with pytest.raises(BadConfiguration, match="private address" if scheme == "https" else "one's own machine only"):
        open_source(source, lambda: None).list()
    assert cluster.asked == []


def test_on_the_users_own_machine_a_private_address_is_read(cluster: Cluster) -> None:
    source = Source(cluster.address, provider="opencost", asked_at=NOW, may_name_addresses=True)
    assert len(open_source(source, lambda: None).list()) == 7


def test_the_currency_of_the_prices_is_part_of_the_location() -> None:
    assert ClusterAddress.of("https://cost.example/model/allocation/?currency=EUR", private=False) == ClusterAddress(
        "https://cost.example", "cost.example", 443, "/model", "EUR"
    )


@pytest.mark.parametrize(
    "location",
    ["https://", "https://me:secret@host/", "https://host/?token=secret", "https://host/#secret", "https://host/?currency=secret",
     "https://host:secret/"],
)  # fmt: skip
def test_an_address_with_anything_else_is_refused_and_not_repeated(location: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        ClusterAddress.of(location, private=True)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "secret",
    [
        b"secret",
        b'{"token":"two\\nlines secret"}',
        b'{"username":"secret"}',
        b'{"token":"secret","username":"a","password":"b"}',
    ],
)
def test_a_credential_that_opens_nothing_is_refused_and_not_repeated(secret: bytes) -> None:
    with pytest.raises(BadConfiguration, match="Invalid OpenCost credential") as refused:
        read_credential(secret)
    assert "secret" not in str(refused.value)
    assert read_credential(b'{"username":"a","password":"b"}').headers == {"Authorization": "Basic YTpi"}
