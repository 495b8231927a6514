"""The match over HTTP and as a page: the same use case as `costwire match`, to the last digit."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner

from common.records.meter_files import meter_files
from costwire.cli import app
from tests.integration.api_world import checked
from tests.integration.test_matching import LITELLM, OTEL, billed_home, call  # noqa: F401  # a fixture
from tests.integration.test_pages import site, whole
from tests.support import Laptop, laptop
from web.api.reading import LARGEST_FILE

ORG = "/api/v1/organizations/default"
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def rt(billed_home: Path, tmp_path: Path) -> Iterator[Laptop]:  # noqa: F811
    shutil.copytree(billed_home, tmp_path / "home")
    with laptop(tmp_path / "home") as made:
        made.clock.moment = datetime(2026, 10, 10, tzinfo=UTC)
        yield made


@pytest.fixture
def ask(rt: Laptop) -> FlaskClient:
    return site(rt)


def send(ask: FlaskClient, content: bytes, status: int = 200, **query: Any) -> Any:
    query = {"name": "spend_logs.jsonl", **query}
    return checked(ask.post(f"{ORG}/meters", data=content, headers=OCTETS, query_string=query), status)


def set_keys(ask: FlaskClient) -> Any:
    keys = [{"meter_key": "hash_of_key_web01", "api_key_id": "key_web01"}]
    return checked(ask.put(f"{ORG}/meters/keys", json={"keys": keys}))


def test_command_api_and_page_agree_to_the_last_digit(rt: Laptop, ask: FlaskClient) -> None:
    set_keys(ask)
    send(ask, LITELLM.read_bytes())
    found = checked(ask.get(f"{ORG}/match?month=2026-09"))
    done = CliRunner().invoke(app, ["match", "--month", "2026-09", "--json"])
    assert json.loads(done.output) == found
    assert found["receipt"]["proof"]["deliveries"] == found["receipt"]["proof"]["proved"] == 1
    assert found["receipt"]["rows_read"] > 0 and found["receipt"]["completeness"]["late"] == []
    text = whole(ask.get("/default/data/match?month=2026-09")).text
    titles = set(re.findall(r'title="(-?[0-9.]+) USD"', text))
    shown = {found["reported"], found["billed"], found["difference"], found["unexplained"]}
    shown |= {one["amount"] for one in found["reasons"]}
    shown |= {one[name] for one in found["lines"] for name in ("reported", "billed", "unexplained") if one[name]}
    assert shown <= titles | {"0"}, shown - titles
    for one in found["reasons"]:
        assert one["reason"] in text
    for line in found["lines"]:
        assert (line["model"] or "without a model") in text and line["day"] in text


def test_pages_of_lines_hold_each_line_once(rt: Laptop, ask: FlaskClient, tmp_path: Path) -> None:
    lines = [call(number, "2026-09-02", "0.1", api_key=f"key_{number:02d}") for number in range(40)]
    send(ask, "\n".join(lines).encode())
    first, second = (whole(ask.get(f"/default/data/match?month=2026-09&page={page}")).text for page in (1, 2))
    assert "?month=2026-09&amp;page=2" in first
    for number in range(40):
        assert (f"key_{number:02d}" in first) is not (f"key_{number:02d}" in second)


def test_a_page_without_a_log_and_a_month_without_calls_say_so(rt: Laptop, ask: FlaskClient) -> None:
    assert "costwire meters import" in whole(ask.get("/default/data/match")).text
    send(ask, LITELLM.read_bytes())
    assert "No calls in 2025-01" in whole(ask.get("/default/data/match?month=2025-01")).text
    for month in ("soon", "0000-01", "9999-12"):
        assert whole(ask.get(f"/default/data/match?month={month}"), 400)
        assert checked(ask.get(f"{ORG}/match?month={month}"), 400)["code"] == "invalid_request"


def test_the_same_file_again_changes_nothing_also_compressed(rt: Laptop, ask: FlaskClient) -> None:
    made = send(ask, LITELLM.read_bytes())
    assert (made["known"], made["log"]["calls"], made["log"]["meter"]) == (False, 12, "litellm")
    assert send(ask, LITELLM.read_bytes(), name="other.jsonl") == {**made, "known": True}
    before = checked(ask.get(f"{ORG}/match"))
    send(ask, gzip.compress(LITELLM.read_bytes()), name="spend_logs.jsonl.gz")
    send(ask, OTEL.read_bytes(), name="spans.jsonl")
    after = checked(ask.get(f"{ORG}/match?meter=litellm"))
    assert after == before
    assert [one["calls"] for one in checked(ask.get(f"{ORG}/meters"))["logs"]] == [12, 12, 12]
    first = checked(ask.get(f"{ORG}/meters?limit=2"))
    (rest,) = checked(ask.get(f"{ORG}/meters?limit=2&cursor={first['next']}"))["logs"]
    assert rest["digest"] not in {one["digest"] for one in first["logs"]}


def test_a_csv_of_any_names_is_read_by_its_columns(rt: Laptop, ask: FlaskClient) -> None:
    table = b"at,what,in,out\n2026-09-02T10:00:00Z,gpt-4o,5,6\n"
    columns = ["time=at", "model=what", "input=in", "output=out"]
    assert send(ask, table, name="own.csv", provider="openai", column=columns)["log"]["meter"] == "csv"
    assert "is not a field" in send(ask, table, 422, column=["tokens=in"])["detail"]


def test_what_cannot_be_a_log_is_refused_and_nothing_is_stored(rt: Laptop, ask: FlaskClient) -> None:
    assert send(ask, b'{"a": 1}', 422)["code"] == "not_possible"
    assert send(ask, b"", 422)["code"] == "not_possible"
    assert send(ask, b"\xff\xfe\x00", 422)["code"] == "not_possible"
    assert send(ask, b"x", 400, name="../evil")["code"] == "invalid_request"
    assert send(ask, b"\n" * (LARGEST_FILE + 1), 413)["code"] == "too_large"
    wrong = ask.post(f"{ORG}/meters?name=log", data=LITELLM.read_bytes(), headers={"Content-Type": "text/plain"})
    assert checked(wrong, 415)["code"] == "unsupported_media_type"
    cut = gzip.compress(LITELLM.read_bytes())[:-40]
    for content in (cut, cut[:5], b"\x28\xb5\x2f\xfd..."):
        assert "stream is truncated or damaged" in send(ask, content, 422, name="log.gz")["detail"]
    bomb = gzip.compress(LITELLM.read_bytes() + (b" " * (1 << 20) + b"\n") * 130, 1)
    assert "holds more than 128 MB unpacked" in send(ask, bomb, 422, name="log.gz")["detail"]
    whole_document = b"[" + b" " * (17 << 20)
    assert "write it as JSON lines" in send(ask, gzip.compress(whole_document, 1), 422, name="log.gz")["detail"]
    assert meter_files(rt.documents, "default") == [] and not list(rt.objects.list("meters/"))


def test_keys_are_replaced_as_a_whole(rt: Laptop, ask: FlaskClient) -> None:
    found = set_keys(ask)
    assert checked(ask.get(f"{ORG}/meters/keys")) == found
    twice = {"keys": [{"meter_key": "a", "api_key_id": "b"}] * 2}
    assert checked(ask.put(f"{ORG}/meters/keys", json=twice), 422)["code"] == "not_possible"
    odd = {"keys": [{"meter_key": 'a,"b"', "api_key_id": "=1+1"}, {"meter_key": "", "api_key_id": "key"}]}
    assert checked(ask.put(f"{ORG}/meters/keys", json=odd)) == odd
    assert checked(ask.put(f"{ORG}/meters/keys", json={"keys": []})) == {"keys": []}


def test_an_unknown_kind_of_meter_is_refused_by_api_and_command_alike(rt: Laptop, ask: FlaskClient) -> None:
    said = checked(ask.get(f"{ORG}/match?meter=litelm"), 400)["detail"]
    assert "'litelm' is not a kind of meter" in said and "litellm" in said
    assert "is not a kind of meter" in CliRunner().invoke(app, ["match", "--meter", "litelm"]).output
