"""Names that hold escape sequences, markup and what reorders text: none of it reaches people or a log, and programs get it exact."""

from __future__ import annotations

import csv
import io
import json
import logging
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from common.adapters.notifiers.log import LogNotifier
from common.domain.legible import one_line
from common.errors import BadBill
from common.ports import Notification
from common.telemetry.logs import CloudFormatter
from common.validation.report import Failure, Report
from costwire import cli, output
from costwire.worker import work
from deployment import deploy
from tests.smtp_peer import smtp_peer
from tests.support import CUR_HEADER, Laptop, cur_line, laptop

MARKUP = "[red]x[/red][link=http://e]y[/link] :warning: <!channel>"
EVIL = f"\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\b\r\x85\u202egnp.exe\u2066\u200b{MARKUP}"
"""A title, a clear screen, a one-character CSI, delete, backspace, line breaks, an override, an isolate, a space of no width, markup."""
HIDDEN = {"\x7f", "\u202e", "\u2066", "\u200b", "\u200f", "\u2069"}


def check(text: str, allowed: str = "\n") -> None:
    """Nothing in it acts on a terminal or hides."""
    found = {sign for sign in text if sign not in allowed and (unicodedata.category(sign) == "Cc" or sign in HIDDEN)}
    assert not found, (found, text)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    """A laptop with a bill whose names hold all of it, a line of which is in quarantine, and a budget that it breaks."""
    folder = tmp_path_factory.mktemp("hostile")
    with laptop(folder / "home") as made:
        fill(made, folder)
        return made


@pytest.fixture
def rt(prepared: Laptop, tmp_path: Path) -> Iterator[Laptop]:
    """A copy of it."""
    with laptop(shutil.copytree(prepared.home, tmp_path / "home")) as made:
        made.clock.moment = prepared.clock.moment
        yield made


def fill(rt: Laptop, folder: Path) -> None:
    names = {
        "ProductName": f"Service {EVIL}", "ProductCode": f"Code{EVIL}", "regionCode": f"region{EVIL}",
        "UsageAccountId": f"account{EVIL}", "user:team": f"team{EVIL}", "LineItemDescription": f"what{EVIL}",
    }  # fmt: skip
    lines = [cur_line(1, "90", **names), cur_line(2, "5", CurrencyCode=f"Z{EVIL}", LineItemId=f"id{EVIL}")]
    bill = folder / "bill.csv"
    with bill.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
        key = f"resourceTags/user:team{EVIL}".replace("\r", "")  # a header is one line
        writer.writerow([key if name.startswith("resourceTags") else name for name in CUR_HEADER])
        writer.writerows([line[name.split("/", 1)[1]] for name in CUR_HEADER] for line in lines)
    rt.bring(bill)
    assert rt.ask("select ServiceName as s from cost_data_standard_1_3")[0]["s"] == f"Service {EVIL}"
    words = [
        "budgets", "add", f"Budget {MARKUP}", "--amount", "100", "--currency", "USD", "--owner", f"Ada {MARKUP}",
        "--threshold", "80", "--account", f"account{EVIL}",
    ]  # fmt: skip
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 0, done.output
    check(done.output)
    list(work(rt, rt.clock.sleep))


@pytest.mark.parametrize(
    "words",
    [
        *(["costs", "--by", one] for one in ("service", "region", "account", f"tag:team{EVIL}")),
        ["budgets", "list"], ["alerts", "list"], ["quarantine"], ["quarantine", "--show-rows"], ["deliveries"], ["runs"],
        ["doctor"], ["restatements"], ["tenants", "list"], ["replay"],
    ],
    ids=lambda words: " ".join(words[:3]).encode("ascii", "replace").decode().split("\x1b")[0],
)  # fmt: skip
def test_no_command_prints_any_of_it(rt: Laptop, words: list[str]) -> None:
    check(CliRunner().invoke(cli.app, words).output)
    as_json = CliRunner().invoke(cli.app, [*words, "--json"]).output
    check(as_json)
    json.loads(as_json)


def test_json_holds_the_names_exactly_and_a_table_shows_their_markup_as_text(rt: Laptop) -> None:
    found = json.loads(CliRunner().invoke(cli.app, ["costs", "--json"]).output)
    assert [row["keys"][0] for row in found["currencies"][0]["groups"]] == [f"Service {EVIL}"]
    listed = CliRunner().invoke(cli.app, ["costs"]).output.replace("\n", "")
    assert "[red]x[/red]" in "".join(listed.split()) and ":warning:" in listed


def test_an_export_is_data_and_holds_the_names_exactly(rt: Laptop) -> None:
    rt.exported()
    assert f"Service {EVIL}" in (rt.home / "exported.csv").read_bytes().decode()


def test_neither_the_outbox_folder_nor_its_subject_holds_any_of_it(rt: Laptop) -> None:
    (path,) = (rt.home / "outbox").iterdir()
    text = path.read_bytes().decode()
    assert "Service" in text and "Budget" in text
    check(text)
    check(path.name, allowed="")


def test_e_mail_holds_none_of_it_and_no_header_of_its_own(tmp_path: Path) -> None:
    with smtp_peer() as peer, laptop(tmp_path / "home", **peer.environment("ada@example.com")) as rt:
        fill(rt, tmp_path)
    ((_, message),) = peer.accepted
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        check(body.get_content().replace("\r\n", "\n"))
    check(message["Subject"], allowed="")
    assert "<!channel>" not in message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert set(message.keys()) == {
        "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip


def test_slack_gets_none_of_it_and_no_mention(tmp_path: Path) -> None:
    posted: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with laptop(tmp_path / "home", slack_webhook_url=f"http://127.0.0.1:{server.server_port}/x") as rt:
                fill(rt, tmp_path)
        finally:
            server.shutdown()
            thread.join()
    (message,) = posted
    texts = list(strings(message))
    assert any("Service" in text for text in texts)
    for text in texts:
        check(text)
    header = message["blocks"][0]["text"]
    assert header["type"] == "plain_text"  # where Slack reads no markup
    assert not [text for text in texts if "<!" in text and text != header["text"]]
    marked = [one for block in message["blocks"] for one in block.get("fields", []) + block.get("elements", [])]
    assert marked and all(one["verbatim"] for one in marked)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(member)


def test_whoever_makes_a_notification_its_texts_are_fit(caplog: pytest.LogCaptureFixture) -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": EVIL}}
    made = Notification("id", f"a{EVIL}\r\nBcc: eve@example.com", f"one\n{EVIL}", EVIL, (block,))
    check(made.subject, allowed="")
    for text in (made.text, str(made.html), made.blocks[0]["text"]["text"]):
        check(text)
    with caplog.at_level(logging.WARNING):
        LogNotifier().send(made, "")
    check(caplog.records[0].getMessage(), allowed="")


def test_a_log_line_holds_none_of_it_before_and_after_it_is_decoded() -> None:
    record = logging.LogRecord("costwire", logging.WARNING, "x.py", 1, "told %s", (EVIL,), None)
    record.fields = {"integration_id": EVIL, "counts": [EVIL], "error": BadBill(EVIL)}
    line = CloudFormatter(None).format(record)
    check(line, allowed="")
    for text in strings(json.loads(line)):
        check(text, allowed="")


def test_a_file_s_name_and_its_columns_are_quoted_fit(rt: Laptop, tmp_path: Path) -> None:
    file = tmp_path / f"bill {EVIL.replace('/', '')}.csv"
    file.write_text(f"a{EVIL},b\n1,2\n", newline="")
    for words in (
        ["import", str(file)],
        ["import", f"/none{EVIL}"],
        ["validate", str(file)],
        ["validate", str(file), "--json"],
    ):
        done = CliRunner().invoke(cli.app, words)
        check(done.output)
        assert done.exit_code
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            said = io.StringIO()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("sys.stderr", said)
                output.say_error(str(done.exception))
            check(said.getvalue())


@pytest.mark.parametrize(
    "words", [["costs", "--by", f"x{EVIL}"], [f"no{EVIL}"], ["costs", f"--no{EVIL}"], ["connect", EVIL]]
)
def test_a_usage_error_quotes_what_was_typed_fit(tmp_path: Path, words: list[str]) -> None:
    with laptop(tmp_path / "home"):
        done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 2
    check(done.output)


def test_a_report_of_a_validation_is_fit_on_any_console() -> None:
    report = Report(f"f{EVIL}", 1, (Failure("R", "MUST", f"c{EVIL}", "t", 1, EVIL),), {"row": 1}, (), (EVIL,))
    out = io.StringIO()
    report.print(Console(file=out, width=400))
    check(out.getvalue())
    assert "[red]x[/red]" in out.getvalue()


def test_on_a_terminal_only_our_own_styles_act(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, out = output.Screen(width=200), io.StringIO()
    monkeypatch.setattr(screen, "file", out)
    monkeypatch.setattr(screen, "_force_terminal", True)
    screen._color_system = None
    made = output.table(f"head{EVIL}", title=EVIL)
    made.add_row(output.stacked(output.styled(EVIL, "red"), EVIL))
    screen.print(made)
    screen.print(EVIL, output.joined(EVIL, output.styled(EVIL, "bold")))
    text = out.getvalue()
    check(text)
    assert "[link=http://e]" in text and one_line("a\x1b") == "a\ufffd"


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "--project", EVIL, "--variables", "x"],
        ["plan", "--project", "my-project", "--variables", f"/none{EVIL}"],
        [f"no{EVIL}", "--project", "my-project", "--variables", "x"],
        ["plan", "--project", "my-project", "--variables", "x", f"--no{EVIL}"],
    ],
    ids=["project", "file", "action", "option"],
)
def test_a_deployment_quotes_what_was_typed_fit(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(SystemExit):
        assert deploy.main(words) == 1
    said = capsys.readouterr()
    assert "owned" in said.err
    check(said.out + said.err)
