"""The table of metrics is documented as it is, fits Cloud Logging, and every number in it is counted somewhere."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.telemetry.metrics import COUNTER, DISTRIBUTION, METRICS, Metric
from common.telemetry.work import IDS, OUTCOMES, Work

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "metrics.md"
WRITTEN_ALWAYS = {"milliseconds"}


def table() -> str:
    lines = ["| metric | kind | unit | meaning | log field | labels |", "|---|---|---|---|---|---|"]
    for metric in METRICS:
        condition = metric.condition.replace("jsonPayload.", "").replace(">=0", "")
        source = f"`{metric.value_field or condition}`" if metric.value_field or condition else "one per line"
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(
            f"| `{metric.name}` | {metric.kind} | `{metric.unit}` | {metric.description} | {source} | {labels} |"
        )
    return "\n".join(lines)


def counted_names() -> Iterator[str]:
    """The numbers that functions add to their outcome lines."""
    for folder in ("common", "functions"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "counted":
                    yield from (word.arg for word in node.keywords if word.arg)


def test_the_page_has_the_table() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), f"docs/metrics.md lacks this table:\n{table()}"


def test_every_number_that_a_metric_reads_is_counted_and_every_name_is_its_own() -> None:
    counted = set(counted_names()) | WRITTEN_ALWAYS
    read = {metric.value_field for metric in METRICS if metric.value_field}
    read |= {
        metric.condition.removeprefix("jsonPayload.").removesuffix(">0")
        for metric in METRICS
        if metric.condition.endswith(">0")
    }
    assert read <= counted, read - counted
    assert len({metric.name for metric in METRICS}) == len(METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_fits_cloud_logging(metric: Metric) -> None:
    assert metric.name.startswith("costwire_") and metric.name.replace("_", "").isalnum() and len(metric.name) <= 100
    assert (metric.kind == DISTRIBUTION) == (metric.value_extractor is not None) == (metric.buckets is not None)
    assert metric.kind in (COUNTER, DISTRIBUTION) and metric.unit and len(metric.filter) < 20_000
    assert set(metric.labels.values()) <= {*Work("f").fields(), *IDS, "outcome"} and len(metric.labels) <= 10
    if metric.buckets:
        assert metric.buckets.growth_factor > 1 and 0 < metric.buckets.count <= 200


def test_outcomes_that_metrics_ask_for_are_those_that_there_are() -> None:
    asked = [
        metric.condition.partition('outcome="')[2].rstrip('"') for metric in METRICS if "outcome=" in metric.condition
    ]
    assert asked and set(asked) <= set(OUTCOMES)


def test_terraform_makes_these_metrics_and_asks_for_no_other() -> None:
    facts = json.loads((ROOT / "terraform" / "facts.json").read_text(encoding="utf-8"))
    assert {name: one["filter"] for name, one in facts["metrics"].items()} == {
        metric.name: metric.filter for metric in METRICS
    }
    asked = {
        name
        for path in (ROOT / "terraform").rglob("*.tf*")
        for name in re.findall(r'(?:/user/|user_|metrics\[")(costwire_[a-z_]+[a-z])', path.read_text(encoding="utf-8"))
    }
    assert asked and asked <= {metric.name for metric in METRICS}, asked
