"""Every line names the work and the trace, in the form that Cloud Logging reads, and none says what a foreign error quotes."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import flask.logging
import pytest

from common.config import Settings
from common.errors import BadBill, Contention, MalformedMessage, NotFound
from common.messages import BillLanded, topic_of
from common.runtime.handling import handling
from common.telemetry import counted, logs, skipped, told, tracing
from common.telemetry.withheld import described, redacted, stack_of

CLOUD = Settings(runtime="cloud", project="acme-costs")
LANDED = BillLanded(
    "acme", "aws_main", "aws", "aws_cur", "2026-03", "d1", "2026-04-01T00:00:00Z", 2, 5, "gs://b/raw/x", 9, "sha256:0", "run7.aws_main",
)  # fmt: skip
EVENT = {"id": "event-1", "type": "costwire.bill-landed.v1", "deliveryattempt": 3}
IDS = {
    "function": "normalize_focus", "topic": "bill-landed", "message_key": "d1/2", "event_id": "event-1", "attempt": 3, "org_slug": "acme",
    "integration_id": "aws_main", "run_id": "run7.aws_main", "delivery_id": "d1", "billing_period": "2026-03", "provider": "aws",
    "chunk": 2,
}  # fmt: skip


ROOT = Path(__file__).parents[2]
FUNCTION = """
import functions_framework
from common.config import Settings
from common.runtime.handling import handling

@functions_framework.http
def work(request):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with handling("work", Settings(runtime="cloud", project="acme-costs"), {"traceparent": parent}):
        return "OK"
"""
CALL = """
import sys
import common.runtime.handling
import functions_framework
client = functions_framework.create_app("work", sys.argv[1]).test_client()
assert client.post("/", headers={"X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000/1;o=1"}).status_code == 200
"""


class Lines(io.StringIO):
    """What a process has logged."""

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def last(self) -> dict[str, Any]:
        return self.all()[-1]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Logging as in the cloud, undone afterwards."""
    root, ours = logging.getLogger(), logging.getLogger(logs.LOGGER)
    before = (root.handlers[:], root.level, ours.level, sys.excepthook, threading.excepthook)
    out = Lines()
    root.handlers[:] = []
    logs.structured("acme-costs", out)
    yield out
    root.handlers[:], root.level, ours.level, sys.excepthook, threading.excepthook = before
    logging.captureWarnings(False)
    tracing.stop()
    for each in (root, ours):
        each.setLevel(each.level)  # forget what was cached of the levels


def handle(work: Any, settings: Settings = CLOUD, event: dict[str, Any] = EVENT) -> None:
    with handling("normalize_focus", settings, event) as doing:
        doing.names(topic_of(LANDED), LANDED.key, LANDED)
        work()


def test_one_line_tells_what_was_done(lines: Lines) -> None:
    def work() -> None:
        counted(rows=10, quarantined_rows=1)
        counted(rows=5)
        told(totals={"USD": "12.50"})

    handle(work)
    (line,) = lines.all()
    assert IDS.items() <= line.items()
    assert line["severity"] == "INFO" and line["outcome"] == "done" and line["message"] == "normalize_focus done"
    assert (line["rows"], line["quarantined_rows"], line["totals"]) == (15, 1, {"USD": "12.50"})
    assert isinstance(line["milliseconds"], int) and line["milliseconds"] >= 0
    assert line["time"].endswith("Z") and line["time"].startswith("20")
    labels = line["logging.googleapis.com/labels"]
    assert labels == {name: IDS[name] for name in logs.LABELS}


def test_the_trace_of_the_event_is_on_the_line(lines: Lines) -> None:
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    handle(lambda: None, event=EVENT | {"traceparent": f"00-{trace_id}-{span_id}-01"})
    line = lines.last()
    assert line["logging.googleapis.com/trace"] == f"projects/acme-costs/traces/{trace_id}"
    assert line["logging.googleapis.com/spanId"] == span_id
    assert line["logging.googleapis.com/trace_sampled"] is True


def test_in_the_cloud_an_event_without_a_trace_starts_one_that_its_messages_carry(lines: Lines) -> None:
    carried: dict[str, str] = {}
    handle(lambda: carried.update(tracing.extension("charges-normalized", "event-2", "d1")))
    trace = lines.last()["logging.googleapis.com/trace"].rpartition("/")[2]
    assert carried["traceparent"].startswith(f"00-{trace}-") and carried["traceparent"].endswith("-00")
    assert lines.last()["logging.googleapis.com/trace_sampled"] is False
    handle(lambda: None, event=EVENT | carried)
    assert lines.last()["logging.googleapis.com/trace"].endswith(trace)


def test_on_a_laptop_nothing_is_made_up_and_nothing_is_set_up() -> None:
    before = logging.getLogger().handlers[:]
    carried: dict[str, str] = {}
    handle(lambda: carried.update(tracing.extension("charges-normalized", "event-2", "d1")), Settings())
    assert carried == {}
    assert logging.getLogger().handlers == before


def test_lines_of_libraries_name_the_work_too(lines: Lines) -> None:
    def work() -> None:
        logging.getLogger("urllib3.connectionpool").warning("retrying in %d s", 2)
        logging.getLogger("urllib3.connectionpool").info("too talkative")
        logging.getLogger("costwire").info("half way")

    handle(work)
    library, ours, outcome = lines.all()
    assert library["message"] == "retrying in 2 s" and library["severity"] == "WARNING"
    assert IDS.items() <= library.items() and IDS.items() <= ours.items()
    assert "outcome" not in library and outcome["outcome"] == "done"
    logging.getLogger("costwire").warning("afterwards")
    assert "org_slug" not in lines.last()


@pytest.mark.parametrize(
    ("error", "attempt", "outcome", "severity"),
    [
        (Contention("somebody was faster"), 1, "retried", "WARNING"),
        (Contention("somebody was faster"), 5, "dead-lettered", "ERROR"),
        (NotFound("there is no delivery d1"), 1, "dead-lettered", "ERROR"),
        (ValueError("line 7: 4711,secret"), 1, "retried", "ERROR"),
        (ValueError("line 7: 4711,secret"), 5, "dead-lettered", "ERROR"),
    ],
)
def test_an_error_is_told_with_what_becomes_of_the_message(
    lines: Lines, error: Exception, attempt: int, outcome: str, severity: str
) -> None:
    def work() -> None:
        raise error

    with pytest.raises(type(error)):
        handle(work, event=EVENT | {"deliveryattempt": attempt})
    (line,) = lines.all()
    assert (line["outcome"], line["severity"], line["attempt"]) == (outcome, severity, attempt)
    assert line["error"].endswith(type(error).__name__)


def test_a_message_that_cannot_be_decoded_has_its_line(lines: Lines) -> None:
    with pytest.raises(MalformedMessage), handling("normalize_focus", CLOUD, EVENT):
        raise MalformedMessage("event type is 'x', expected costwire.<topic>.v1")
    line = lines.last()
    assert line["outcome"] == "dead-lettered" and line["event_id"] == "event-1"
    assert line["reason"] == "event type is 'x', expected costwire.<topic>.v1"
    assert "org_slug" not in line


def test_work_that_had_been_done_is_skipped(lines: Lines) -> None:
    handle(skipped)
    assert lines.last()["outcome"] == "skipped as done"


BILL_LINE = "444455556666,AmazonEC2,12.3456789,arn:aws:ec2:us-east-1:444455556666:instance/i-0abc"
SECRETS = (
    "Authorization: Bearer ya29.a0AfH6SMBxyz-123",
    "https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXX",
    "https://bills.blob.core.windows.net/x?sv=2024&sig=abc%2Fdef%3D",
    "password=hunter2secret",
    '{"client_secret": "topsecretvalue"}',
    "postgres://finops:passw0rdvalue@db/costs",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----",
)
KEPT_BACK = (
    "ya29", "XXXXXXXXXXXX", "abc%2F", "hunter2", "topsecret", "passw0rd", "AKIA", "eyJ", "4eC39", "MIIEv",
    "444455556666",
)  # fmt: skip


def test_what_a_foreign_error_says_is_withheld(lines: Lines) -> None:
    def work() -> None:
        try:
            raise ValueError(f"could not convert: {BILL_LINE}")
        except ValueError as cause:
            raise RuntimeError(" ".join([BILL_LINE, *SECRETS])) from cause

    with pytest.raises(RuntimeError):
        handle(work)
    line = lines.last()
    text = lines.getvalue()
    assert not [word for word in KEPT_BACK if word in text]
    assert line["reason"].startswith("RuntimeError at tests/unit/test_telemetry_logs.py:")
    assert "ValueError: [its words are withheld]" in line["stack_trace"]
    assert "RuntimeError: [its words are withheld]" in line["stack_trace"]


def test_an_uncaught_error_is_one_of_error_reporting(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K_SERVICE", "normalize-focus")
    monkeypatch.setenv("K_REVISION", "normalize-focus-00007")

    def work() -> None:
        raise ZeroDivisionError("x")

    with pytest.raises(ZeroDivisionError):
        handle(work)
    line = lines.last()
    assert line["@type"] == "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"
    assert line["serviceContext"] == {"service": "normalize-focus", "version": "normalize-focus-00007"}
    place = line["context"]["reportLocation"]
    assert (
        place["functionName"] == "work"
        and place["filePath"].endswith("test_telemetry_logs.py")
        and place["lineNumber"] > 1
    )
    assert line["stack_trace"].startswith("Traceback (most recent call last):\n  File ")


def test_the_web_framework_does_not_tell_it_again(lines: Lines) -> None:
    app = flask.Flask("functions")
    app.logger.addHandler(flask.logging.default_handler)
    logging.getLogger().handlers[:] = []
    logs.structured("acme-costs", lines)  # as at the first message, when the framework has its handlers

    @app.post("/")
    def view() -> str:
        handle(lambda: (_ for _ in ()).throw(ValueError(BILL_LINE)))
        return "OK"

    assert app.test_client().post("/").status_code == 500
    (line,) = lines.all()
    assert line["outcome"] == "retried"
    app.logger.error("another thing", exc_info=ValueError(BILL_LINE))
    assert lines.last()["message"] == "another thing" and "444455556666" not in lines.getvalue()


def test_errors_among_the_arguments_of_a_line_are_described(lines: Lines) -> None:
    log = logging.getLogger("some.library")
    log.error("failed: %s", ValueError(BILL_LINE))
    log.error("failed: %(why)s", {"why": ValueError(BILL_LINE)})
    log.error(ValueError(BILL_LINE))
    log.error("our own: %s", BadBill("cur.csv contains a header and no lines"))
    assert [line["message"] for line in lines.all()] == [
        "failed: ValueError", "failed: ValueError", "ValueError", "our own: cur.csv contains a header and no lines",
    ]  # fmt: skip


def test_a_line_that_cannot_be_put_together_is_told_without_its_arguments() -> None:
    record = logging.LogRecord("some.library", logging.ERROR, "", 1, "odd: %d", ("no number",), None)
    assert json.loads(logs.CloudFormatter(None).format(record))["message"] == "odd: %d"


def test_crashes_of_threads_and_warnings_are_lines_like_any(lines: Lines) -> None:
    def crash() -> None:
        raise ValueError(BILL_LINE)

    thread = threading.Thread(target=crash)
    thread.start()
    thread.join()
    assert lines.last()["severity"] == "CRITICAL" and "444455556666" not in lines.getvalue()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("soon gone", stacklevel=1)
    assert lines.last()["logger"] == "py.warnings" and "soon gone" in lines.last()["message"]


@pytest.mark.parametrize("text", SECRETS)
def test_what_looks_like_a_secret_is_taken_out(text: str, lines: Lines) -> None:
    logging.getLogger("costwire").warning("before %s after", text)
    message = lines.last()["message"]
    assert message.startswith("before ") and message.endswith(" after") and "[withheld]" in message
    assert not [word for word in KEPT_BACK if word in message]


def test_words_that_are_no_secrets_stay() -> None:
    for text in (
        "cur.csv: none of its 12 lines has 94 cells as the header does; export it again",
        "there is no integration aws_main; `costwire connect` makes one",
        "gs://costs/raw/acme/aws_main/2026-03/d1/00000.csv.gz has 12 bytes",
        "the key projects/p/locations/l/keyRings/r/cryptoKeys/k is disabled",
        "export the token costs again; https://docs.aws.amazon.com/cur/latest/userguide/what-is-cur.html says how",
    ):
        assert redacted(text) == text
    assert len(redacted("x" * 10_000)) < 5_000


def test_a_stack_tells_ours_and_the_causes_in_order() -> None:
    try:
        try:
            raise KeyError("hidden")
        except KeyError:
            raise NotFound("there is no delivery d1") from None
    except NotFound as error:
        assert stack_of(error).splitlines()[-1] == "common.errors.NotFound: there is no delivery d1"
        assert "KeyError" not in stack_of(error)
        assert described(error) == "there is no delivery d1"


def test_the_log_reader_s_own_file_is_told_short() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        place = described(error).partition(" at ")[2]
        assert place.startswith("python3.") and "/json/decoder.py:" in place


def test_a_function_of_the_framework_with_execution_ids_keeps_its_own_span(tmp_path: Path) -> None:
    """In a process of its own: the framework takes standard output over, and disables loggers that it does not know."""
    source = tmp_path / "main.py"
    source.write_text(FUNCTION, encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "-c", CALL, str(source)],
        env=os.environ | {"LOG_EXECUTION_ID": "true", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [json.loads(one) for one in told.stdout.splitlines()]
    assert line["outcome"] == "done" and line["logging.googleapis.com/spanId"] == "b7ad6b7169203331"
    assert told.stderr == ""
