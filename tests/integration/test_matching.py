"""`costwire match`: logs of a meter against the bill and the usage of OpenAI, through the real functions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from common.domain import match as reasons
from common.errors import BadBill, BadConfiguration, NotFound
from common.ingestion.importing import BillOnDisk, import_bills
from common.match.alarm import check, check_delivery
from common.match.answer import Match
from common.match.importing import import_log
from common.match.matching import match
from common.match.meters import mapped
from common.records.meter_files import meter_files, save_keys
from common.records.organizations import ensure_default
from common.retention.cleaning import clean_up, look
from common.retention.lives import set_life
from common.warehouse.cost_report import ALL_DAYS, Days
from costwire.cli import app
from costwire.waiting import wait
from costwire.worker import subscribe_all, work
from tests.support import Laptop, laptop

FIXTURES = Path(__file__).parents[1] / "fixtures"
OPENAI = sorted((FIXTURES / "bills" / "openai").glob("openai_*_2026-09*.json"))
LITELLM, OTEL = (FIXTURES / "meters" / f"{name}.jsonl" for name in ("litellm_spend_logs", "otel_genai_spans"))
KEYS = "meter_key,api_key_id\nhash_of_key_web01,key_web01\n"
MODEL = "gpt-4o-mini-2024-07-18"


@pytest.fixture(scope="module")
def billed_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with OpenAI's September, and a week of Anthropic's."""
    folder = tmp_path_factory.mktemp("billed")
    answers = folder / "answers"
    answers.mkdir()
    for file in (*OPENAI, *(FIXTURES / "bills" / "anthropic").glob("*.json")):
        shutil.copy(file, answers)
    with laptop(folder / "home") as made:
        made.clock.moment = datetime(2026, 10, 10, tzinfo=UTC)
        ensure_default(made.documents, made.clock.now())
        subscribe_all(made)
        requested, _ = import_bills(made, [BillOnDisk(answers, "default")])
        assert wait(made, requested).reasons == ()
    return folder / "home"


@pytest.fixture
def rt(billed_home: Path, tmp_path: Path) -> Iterator[Laptop]:
    shutil.copytree(billed_home, tmp_path / "home")
    with laptop(tmp_path / "home") as made:
        made.clock.moment = datetime(2026, 10, 10, tzinfo=UTC)
        save_keys(made.documents, "default", KEYS)
        yield made


def counted_on(day: str) -> dict[str, int]:
    """What OpenAI counted for key_web01 and MODEL on a day."""
    moment = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())
    answer = json.loads(next(path for path in OPENAI if "usage" in path.name).read_text())
    (bucket,) = (one for one in answer["data"] if one["start_time"] == moment)
    (found,) = (one for one in bucket["results"] if one["model"] == MODEL)
    return found


def call(number: int, day: str, spend: str, **changes: Any) -> str:
    made = {
        "request_id": f"call-{number}", "api_key": "hash_of_key_web01", "spend": 0, "startTime": f"{day}T10:00:00Z", "model": MODEL,
        "custom_llm_provider": "openai", "prompt_tokens": 0, "completion_tokens": 0, "status": "success", **changes,
    }  # fmt: skip
    return json.dumps(made).replace('"spend": 0', f'"spend": {spend}')


def log(path: Path, *calls: str) -> Path:
    path.write_text("\n".join(calls) + "\n")
    return path


def whole_day(path: Path, day: str, detail: bool = True) -> Path:
    """A log of all calls that OpenAI counted on a day, with cached tokens at the full price."""
    used = counted_on(day)
    requests = used["num_model_requests"]
    cost = (used["input_tokens"] * Decimal("0.15") + used["output_tokens"] * Decimal("0.6")) / 10**6
    usage = {"usage_object": {"prompt_tokens_details": {"cached_tokens": used["input_cached_tokens"]}}}
    first = {"prompt_tokens": used["input_tokens"], "completion_tokens": used["output_tokens"]}
    if detail:
        first["metadata"] = usage
    return log(path, call(0, day, str(cost), **first), *(call(number, day, "0.0") for number in range(1, requests)))


def on(day: str) -> Days:
    found = datetime.fromisoformat(day).date()
    return Days(found, found)


def web_line(found: Match) -> reasons.Line:
    (line,) = (one for one in found.lines if one.cell.model == MODEL and one.cell.api_key_id == "key_web01")
    return line


@pytest.mark.parametrize("detail", [True, False], ids=["with cache detail", "without"])
def test_8_5_percent_of_what_the_proxy_reports_are_cached_tokens_priced_in_full(
    rt: Laptop, tmp_path: Path, detail: bool
) -> None:
    import_log(rt, "default", whole_day(tmp_path / "log.jsonl", "2026-09-20", detail))
    found = match(rt, "default", on("2026-09-20"))
    line = web_line(found)
    assert line.requests_agree
    assert line.reported is not None
    assert round(line.reasons[reasons.CACHED_IN_FULL] / line.reported * 100, 1) == Decimal("8.5")
    assert found.unexplained == 0
    assert {one.colour for one in found.model_days if one.model == MODEL} == {"red"}


def test_the_samples_of_two_meters_are_the_same_calls_and_count_once(rt: Laptop) -> None:
    for path in (LITELLM, OTEL):
        import_log(rt, "default", path)
    line = web_line(match(rt, "default"))
    assert line.metered is not None
    assert (line.metered.requests, line.metered.cost) == (12, Decimal("0.009875850"))
    assert line.metered.tokens == {"input": 41309, "cache_read": 12668, "cache_write": 0, "output": 4549}
    # 12 of the 2,145 requests that OpenAI counted
    assert line.counted is not None and line.counted.requests == 2145
    assert line.billed_cost == Decimal("0.762972075")
    assert line.reasons == {reasons.MISSING_LINES: Decimal("-0.753096225")}


def test_spans_without_costs_count_at_the_prices_paid(rt: Laptop) -> None:
    save_keys(rt.documents, "default", "meter_key,api_key_id\n,key_web01\n")
    import_log(rt, "default", OTEL)
    assert web_line(match(rt, "default")).reported == Decimal("0.00987585")


def test_charges_of_other_keys_and_for_no_tokens_have_their_own_reasons(rt: Laptop) -> None:
    import_log(rt, "default", LITELLM)
    found = match(rt, "default")
    assert found.reasons[reasons.UNKNOWN_KEY] == Decimal("-1.026994575")  # key_batch7
    assert found.unexplained == 0
    assert found.billed - found.reported == -sum(found.reasons.values())


def test_costs_without_keys_are_compared_with_all_keys_together_and_a_model_is_known_by_its_family(
    rt: Laptop, tmp_path: Path
) -> None:
    # Anthropic books costs by workspace; those of batches have no key here, and the log has the model with its date
    of = {"custom_llm_provider": "anthropic", "model": "claude-haiku-4-5-20251001", "api_key": "apikey_01A"}
    import_log(
        rt,
        "default",
        log(tmp_path / "log.jsonl", call(1, "2026-09-07", "0.00001", prompt_tokens=4, completion_tokens=4, **of)),
    )
    found = match(rt, "default")
    (line,) = (one for one in found.lines if one.cell.model == "claude-haiku-4-5")
    assert line.cell.api_key_id == "*"
    assert line.counted is not None and line.counted.batch
    # 4 tokens at 0.5 and 4 at 2.5 dollars a million were charged: the log has them at 2.5 dollars on average, of which no cause is known
    assert line.billed_cost == Decimal("2.71078015")
    assert line.reasons == {reasons.MISSING_LINES: Decimal("-2.71076815")}
    assert line.unexplained == Decimal("-0.000002")
    whole = match(rt, "default", provider="openai")
    assert whole.lines == ()


def test_a_key_that_nobody_mapped_stays_apart_from_the_providers(rt: Laptop) -> None:
    save_keys(rt.documents, "default", "meter_key,api_key_id\n")
    import_log(rt, "default", LITELLM)
    found = {one.cell.api_key_id: one for one in match(rt, "default").lines if one.cell.model == MODEL}
    assert set(found) == {"hash_of_key_web01", "key_web01"}
    assert set(found["hash_of_key_web01"].reasons) == {reasons.NOT_COUNTED}
    assert set(found["key_web01"].reasons) == {reasons.UNKNOWN_KEY}


def test_charges_without_a_model_have_no_colour(rt: Laptop, tmp_path: Path) -> None:
    lines = [call(1, f"2026-09-{day:02d}", "1") for day in (1, 30)]
    import_log(rt, "default", log(tmp_path / "log.jsonl", lines[0], lines[1].replace("call-1", "call-2")))
    found = match(rt, "default")
    assert {one.colour for one in found.model_days if one.model is None} == {None}
    assert found.reasons[reasons.NOT_METERED] == Decimal("-0.12")


def test_the_same_log_again_changes_nothing(rt: Laptop, tmp_path: Path) -> None:
    assert import_log(rt, "default", LITELLM)[1]
    before = match(rt, "default").as_json()
    assert not import_log(rt, "default", LITELLM)[1]
    copy = log(tmp_path / "again.jsonl", *LITELLM.read_text().splitlines()[::-1])
    import_log(rt, "default", copy)
    assert match(rt, "default").as_json() == before
    assert len(meter_files(rt.documents, "default")) == 2


def test_a_meter_enters_no_total(rt: Laptop) -> None:
    before = rt.billed()
    import_log(rt, "default", LITELLM)
    assert rt.billed() == before


def test_days_that_are_not_settled_are_not_compared(rt: Laptop) -> None:
    import_log(rt, "default", LITELLM)
    rt.clock.moment = datetime(2026, 9, 4, 23, tzinfo=UTC)
    found = match(rt, "default")
    assert ([str(day) for day in found.open_days], found.lines) == (["2026-09-02"], ())


def test_calls_that_the_provider_never_saw_are_left_out(rt: Laptop, tmp_path: Path) -> None:
    lines = [
        call(1, "2026-09-02", "1.5"),
        call(2, "2026-09-02", "1", cache_hit="True"),
        call(3, "2026-09-02", "1", status="failure"),
    ]
    made, _ = import_log(rt, "default", log(tmp_path / "log.jsonl", *lines))
    assert (made.calls, made.left_out, made.lines) == (1, 2, 3)


def test_a_line_that_cannot_be_read_is_counted(rt: Laptop, tmp_path: Path) -> None:
    made, _ = import_log(rt, "default", log(tmp_path / "log.jsonl", call(1, "2026-09-02", "1"), call(2, "noon", "1")))
    assert (made.calls, made.unreadable) == (1, 1)


def test_otlp_documents_and_csv_of_any_names_are_read(rt: Laptop, tmp_path: Path) -> None:
    flat = json.loads(OTEL.read_text().splitlines()[0])
    flat["attributes"] = [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in flat["attributes"].items()
    ]
    (tmp_path / "otlp.json").write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [flat]}]}]}, indent=1))
    made, _ = import_log(rt, "default", tmp_path / "otlp.json")
    assert (made.meter, made.calls, str(made.first_day)) == ("otel", 1, "2026-09-02")
    table = tmp_path / "own.csv"
    table.write_text("at,what,in,out\n2026-09-02T00:10:00+02:00,gpt-4o,5,6\n")
    reader = mapped({"time": "at", "model": "what", "input": "in", "output": "out"})
    made, _ = import_log(rt, "default", table, reader, "openai")
    assert (made.meter, str(made.first_day)) == ("csv", "2026-09-01")


def test_observations_of_langfuse_are_calls_of_the_provider_that_is_named(rt: Laptop, tmp_path: Path) -> None:
    seen = {
        "id": "o1", "traceId": "t1", "startTime": "2026-09-02T10:00:00Z", "model": MODEL, "metadata": {"api_key": "hash_of_key_web01"},
        "usageDetails": {"input": 10, "input_cached_tokens": 4, "output": 2}, "costDetails": {"total": 0.5},
    }  # fmt: skip
    (tmp_path / "observations.json").write_text(json.dumps([seen]))
    made, _ = import_log(rt, "default", tmp_path / "observations.json", provider="openai")
    line = web_line(match(rt, "default"))
    assert line.metered is not None
    assert (made.meter, line.metered.cost, dict(line.metered.tokens)) == (
        "langfuse",
        Decimal("0.5"),
        {"input": 10, "cache_read": 4, "cache_write": 0, "output": 2},
    )


def test_what_is_no_log_is_refused(rt: Laptop, tmp_path: Path) -> None:
    with pytest.raises(BadBill, match="is not a log of calls of a known kind"):
        import_log(rt, "default", log(tmp_path / "other.jsonl", '{"a": 1}'))
    with pytest.raises(NotFound, match="does not exist"):
        import_log(rt, "default", tmp_path / "nothing")
    with pytest.raises(BadConfiguration, match="'tokens' is not a field"):
        mapped({"tokens": "a"})
    assert match(rt, "default", ALL_DAYS).days is None


def bring(rt: Laptop, answers: Path) -> None:
    subscribe_all(rt)
    requested, _ = import_bills(rt, [BillOnDisk(answers, "default", integration_id="openai-answers")])
    assert wait(rt, requested).reasons == ()


def alerts_of(rt: Laptop) -> dict[str, str]:
    return {name: document["state"] for name, document in rt.documents.list("orgs/default/alerts")}


def outbox(rt: Laptop) -> list[str]:
    folder = rt.home / "outbox"
    return [path.read_text() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def test_a_red_day_raises_one_alert_which_a_later_delivery_takes_back(rt: Laptop, tmp_path: Path) -> None:
    used = counted_on("2026-09-20")
    cost = (used["input_tokens"] * Decimal("0.15") + used["output_tokens"] * Decimal("0.6")) / 10**6
    rich = log(
        tmp_path / "log.jsonl",
        call(0, "2026-09-20", str(cost), prompt_tokens=used["input_tokens"], completion_tokens=used["output_tokens"]),
    )
    assert CliRunner().invoke(app, ["meters", "import", str(rich)]).exit_code == 0
    assert alerts_of(rt) == {"match-openai-2026-09-20": "open"}
    check(rt, "default", ALL_DAYS)
    (message,) = outbox(rt)
    assert "differ by more than 3 % on 2026-09-20" in message and MODEL in message
    # the provider restates the day: what the meter reports is what it charges, and it has no other model that day
    result = f'{{"amount":{{"value":{cost},"currency":"usd"}},"line_item":"{MODEL}, output","project_id":null,"api_key_id":"key_web01"}}'
    day = int(datetime(2026, 9, 20, tzinfo=UTC).timestamp())
    restated = tmp_path / "costs.json"
    restated.write_text(
        f'{{"object":"page","data":[{{"start_time":{day},"end_time":{day + 86400},"results":[{result}]}}],'
        '"has_more":false,"next_page":null}'
    )
    rt.clock.sleep(3600)
    bring(rt, restated)
    assert alerts_of(rt) == {"match-openai-2026-09-20": "retracted"}
    assert len(outbox(rt)) == 2 and "agree again on 2026-09-20" in "".join(outbox(rt))


def test_days_that_turn_red_at_once_are_one_message(rt: Laptop, tmp_path: Path) -> None:
    days = ("2026-09-02", "2026-09-03", "2026-09-04")
    lines = [call(number, day, "1.5") for number, day in enumerate(days)]
    import_log(rt, "default", log(tmp_path / "log.jsonl", *lines))
    subscribe_all(rt)
    check(rt, "default", ALL_DAYS)
    assert alerts_of(rt) == dict.fromkeys((f"match-openai-{day}" for day in days), "open")
    list(work(rt, rt.clock.sleep))
    (message,) = outbox(rt)
    assert "2026-09-04" in message and "days that differ" in message


def test_a_deliverys_check_asks_nothing_without_a_meter_or_for_a_cloud(rt: Laptop) -> None:
    rt.__dict__["warehouse"] = None
    check_delivery(rt, "default", "openai", "2026-09")
    import_log(rt, "default", LITELLM)
    check_delivery(rt, "default", "aws", "2026-09")
    assert alerts_of(rt) == {}


def test_the_command_prints_the_reasons_and_what_is_unexplained(rt: Laptop) -> None:
    done = CliRunner().invoke(app, ["meters", "import", str(LITELLM)])
    assert done.exit_code == 0 and "12 calls of 2026-09-02" in done.output
    done = CliRunner().invoke(app, ["match", "--month", "2026-09"])
    assert done.exit_code == 0
    assert "missing log lines" in done.output and "unexplained" in done.output
    assert "litellm_spend_logs.jsonl" in CliRunner().invoke(app, ["meters", "list"]).output


def test_a_log_goes_with_its_calls_at_the_end_of_its_life_and_may_come_again(rt: Laptop, tmp_path: Path) -> None:
    import_log(rt, "default", LITELLM)
    later = log(tmp_path / "later.jsonl", call(1, "2026-09-20", "1"))
    import_log(rt, "default", later)
    lasting = [one.digest for one in meter_files(rt.documents, "default") if one.name == "later.jsonl"]
    rt.clock.moment = datetime(2027, 10, 7, tzinfo=UTC)  # 400 days after the last call of the first
    assert [one.name for one in look(rt, "default").going if one.kind == "meter_files"] == []
    rt.clock.sleep(86_400)
    assert [one.name for one in look(rt, "default").going if one.kind == "meter_files"] == [LITELLM.name]
    clean_up(rt, "default")
    assert [one.digest for one in meter_files(rt.documents, "default")] == lasting
    assert {one.uri.rsplit("/", 2)[1] for one in rt.objects.list("meters/")} == set(lasting)
    assert match(rt, "default", on("2026-09-02")).days is None
    set_life(rt, "default", "meter_files", 1000)
    assert import_log(rt, "default", LITELLM)[1]
    clean_up(rt, "default")
    assert len(meter_files(rt.documents, "default")) == 2 and match(rt, "default", on("2026-09-02")).lines


def test_float_noise_in_spans_and_missing_keys_in_observations_are_not_money(rt: Laptop, tmp_path: Path) -> None:
    spans = [json.loads(line) for line in OTEL.read_text().splitlines()]
    for number, span in enumerate(spans):  # as exporters write whole numbers, and with the noise of a sum of floats
        for name, value in span["attributes"].items():
            if isinstance(value, int):
                span["attributes"][name] = float(value) if number % 2 else str(value)
    noisy = log(tmp_path / "spans.jsonl", *map(json.dumps, spans))
    noisy.write_text(
        noisy.read_text().replace(
            '"gen_ai.usage.output_tokens": ', '"x": 0.30000000000000004, "gen_ai.usage.output_tokens": ', 1
        )
    )
    made, _ = import_log(rt, "default", noisy)
    import_log(rt, "default", LITELLM)
    assert (made.calls, made.unreadable) == (12, 0)
    import_log(rt, "default", LITELLM)
    seen: dict[str, Any] = {
        "traceId": "t",
        "startTime": "2026-09-02T10:00:00Z",
        "model": MODEL,
        "usageDetails": {"input": 10},
    }
    lines = [
        json.dumps({"id": "o1", **seen, "costDetails": {"total": 0.1 + 0.2}}),
        json.dumps({"id": "o2", **seen}),
        json.dumps(seen),
    ]
    lines.append(json.dumps({"id": "o3", **seen, "usageDetails": {"input": 10.5}}))
    made, _ = import_log(rt, "default", log(tmp_path / "observations.jsonl", *lines), provider="openai")
    assert (made.calls, made.unreadable) == (3, 1)
    found = match(rt, "default", on("2026-09-02"))
    assert web_line(found).metered is not None and web_line(found).metered.requests == 12  # type: ignore[union-attr]
    (own,) = (one for one in found.lines if one.metered and one.cell.api_key_id is None)
    assert own.metered is not None and own.metered.cost == Decimal("0.30000000000000004") and own.metered.requests == 3
    assert found.reported - found.billed == sum(found.reasons.values()) + found.unexplained
