"""The report of a month: the page and the file hold the same amounts, and the file needs nothing but itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import commands
from tests.integration.api_world import on, show
from tests.support import Laptop, laptop
from web.api.access import OpenDoor
from web.api.app import Service
from web.site import create_site


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        lines = [on(f"2026-03-{day:02}", "10.005", f"Service {day} <&>") for day in range(1, 21)]
        show(made, tmp_path, "2026-02", on("2026-02-05", "40"), integration="february")
        show(made, tmp_path, "2026-03", *lines, on("2026-03-02", "7", BillingCurrency="EUR"))
        yield made


def amounts(text: str) -> list[str]:
    return re.findall(r'<data value="([^"]+)"', text.partition("<main")[2])


def test_page_and_file_hold_the_same_amounts(rt: Laptop, tmp_path: Path) -> None:
    ask = create_site(rt, Service(OpenDoor(), loopback=True)).test_client()
    page = ask.get("/default/report?month=2026-03").get_data(as_text=True)
    env = {"COSTWIRE_HOME": str(rt.home), "PATH": ""}
    out = tmp_path / "march.html"
    assert "the report of 2026-03" in commands.run("report", "--month", "2026-03", "--out", str(out), env=env).stdout
    file = out.read_text(encoding="utf-8")
    assert amounts(file) == amounts(page) and "200.1" in amounts(file) and "7" in amounts(file)
    assert "6 others" in file and "Service 1 &lt;&amp;&gt;" in file
    assert "data-print" in page and "/default/report?month=2026-02" in page
    assert not re.search(r"<(a|script|link|img|form)\b| src=|url\(", file.replace("url(#", ""))
    assert "<style>" in file and "<svg" in file


def test_a_month_without_charges_says_so(rt: Laptop) -> None:
    ask = create_site(rt, Service(OpenDoor(), loopback=True)).test_client()
    assert "No charges in January 2019" in ask.get("/default/report?month=2019-01").get_data(as_text=True)
    assert ask.get("/default/report?month=x").status_code == 400
    assert "March 2026" in ask.get("/default/report").get_data(as_text=True)


def test_what_makes_no_report_is_refused(tmp_path: Path) -> None:
    env = {"COSTWIRE_HOME": str(tmp_path / "home"), "PATH": ""}
    done = commands.run("report", env=env)
    assert done.returncode == 1 and "there are no charges yet" in done.stderr
    assert commands.run("report", "--out", "march.pdf", env=env).returncode == 2
