"""What a user names on the command line: unique prefixes are enough, and what is unknown is answered with the nearest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from common.errors import NotFound
from common.records import organizations
from common.records.names import one_of
from costwire import cli
from tests.support import NOW, Laptop, cur_line, cur_text, laptop

ORG = "default"
EVERY_LINE = "every line became a FOCUS row"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


@pytest.fixture
def brought(rt: Laptop, tmp_path: Path) -> str:
    """The id of a delivery of which a line is in quarantine."""
    (tmp_path / "bill.csv").write_text(cur_text([cur_line(1, "1"), cur_line(2, "much")]))
    rt.bring(tmp_path / "bill.csv", "aws-main")
    ((found, _),) = rt.documents.list(f"orgs/{ORG}/deliveries")
    return found


def run(*words: str, status: int = 0) -> Any:
    result = CliRunner().invoke(cli.app, list(words))
    assert result.exit_code == status, (result.output, result.exception)
    return result


def refusal(*words: str) -> str:
    return str(run(*words, status=1).exception)


def test_a_delivery_is_named_by_a_prefix_as_it_is_printed(rt: Laptop, brought: str) -> None:
    shown = run("quarantine", "--delivery", brought[:8]).stdout
    assert shown == run("quarantine", "--delivery", brought).stdout and "1 line in quarantine" in shown
    assert "messages sent again" in run("replay", "--delivery", brought[:8]).stdout


def test_a_delivery_that_does_not_exist_is_not_an_empty_answer(rt: Laptop, brought: str) -> None:
    for command in ("quarantine", "replay"):
        assert "there is no delivery zzz; costwire deliveries shows what there is" in refusal(
            command, "--delivery", "zzz"
        )
    near = brought[:-1] + ("0" if brought[-1] != "0" else "1")
    assert f"did you mean '{brought}'?" in refusal("quarantine", "--delivery", near)


def test_a_prefix_of_several_is_refused_with_some_of_them() -> None:
    with pytest.raises(NotFound, match=r"ab matches 4 ids \(ab4, ab1, ab2, \.\.\.\); give more characters"):
        one_of("ab", ["ab4", "ab1", "ab2", "ab3", "c"], "alert", "costwire alerts list")
    assert one_of("ab", ["ab", "abc"], "alert", "") == "ab"
    with pytest.raises(NotFound):
        one_of("", ["ab"], "alert", "costwire alerts list")


def test_nothing_is_said_of_lines_before_a_bill_was_read(rt: Laptop, tmp_path: Path) -> None:
    said = run("quarantine").stdout
    assert EVERY_LINE not in said and "No deliveries yet" in said
    assert "No deliveries yet" in run("restatements").stdout
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    rt.bring(tmp_path / "bad.csv", "bad")
    said = run("quarantine").stdout
    assert EVERY_LINE not in said and "1 delivery is rejected: costwire deliveries shows why." in said


def test_every_line_became_a_row_where_bills_were_read(rt: Laptop, tmp_path: Path) -> None:
    (tmp_path / "bill.csv").write_text(cur_text([cur_line(1, "1")]))
    rt.bring(tmp_path / "bill.csv", "aws-main")
    assert EVERY_LINE in run("quarantine").stdout
    assert "Nothing was restated" in run("restatements").stdout


def test_an_unknown_organization_is_answered_with_the_nearest(rt: Laptop) -> None:
    organizations.add(rt.documents, NOW, "Acme", "acme_prod")
    assert refusal("costs", "--org", "acme_prd").endswith("did you mean 'acme_prod'?")
    assert refusal("deliveries", "--org", "defalt").endswith("did you mean 'default'?")


def test_an_unknown_topic_is_answered_with_the_nearest(rt: Laptop) -> None:
    said = refusal("replay", "--topic", "bill-landd")
    assert said.startswith("'bill-landd' is not a topic, expected ") and said.endswith("did you mean 'bill-landed'?")


def test_an_unknown_integration_or_month_is_not_an_empty_installation(rt: Laptop, brought: str) -> None:
    for command in ("deliveries", "runs", "restatements"):
        assert "did you mean 'aws-main'?" in refusal(command, "--integration", "aws-man")
    assert (
        run("deliveries", "--period", "2026-05").stdout
        == "No deliveries of 2026-05. There are deliveries of 2026-03.\n"
    )
    assert (
        "There are deliveries of 2026-03."
        in run("restatements", "--integration", "aws-main", "--period", "2026-05").stdout
    )
