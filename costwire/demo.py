"""Command `demo`: the whole pipeline on the bills in `samples/`, in a separate state folder."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from common.config import Settings
from common.errors import NotFound
from common.ingestion.connecting import Connection, connect
from common.ingestion.syncing import request_all
from common.providers.registry import TITLES
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from costwire import alerts, budgets, costs
from costwire.output import console, styled
from costwire.run_report import report
from costwire.worker import subscribe_all

SAMPLES = Path(__file__).parent.parent / "samples"
HOME = Path(".costwire-demo")
_ORG = "default"
_INTEGRATIONS = ("aws", "azure", "gcp", "oci", "focus")


def demo() -> None:
    """Run the whole pipeline on the sample bills: import five sources, prove totals, evaluate a budget, send its alerts.

    State is stored in ./.costwire-demo, which is recreated each time; your own data is not changed.
    """
    if not SAMPLES.is_dir():
        raise NotFound("the sample bills are in the source tree's samples/; run `make run` in a clone")
    began = time.monotonic()
    shutil.rmtree(HOME, ignore_errors=True)
    rt = EmbeddedRuntime(Settings(home=HOME))
    bootstrap.use(rt)
    _connect(rt)
    budgets.add_budget("Cloud spend", amount="33000", currency="USD", provider=["aws", "azure", "gcp"])
    _heading("1. Bills are imported, converted to FOCUS 1.3 rows, and proved against their source")
    subscribe_all(rt)
    report(rt, request_all(rt, _ORG, "demo", _INTEGRATIONS), as_json=False)
    _heading("2. What it cost")
    costs.costs(by="provider")
    _heading("3. Budgets")
    budgets.list_budgets()
    _heading("4. Alerts")
    alerts.list_alerts()
    _heading("5. What to do next")
    _next_steps()
    console.line()
    console.print(styled(f"done in {time.monotonic() - began:.1f} s", "dim"))


def _connect(rt: EmbeddedRuntime) -> None:
    for name in _INTEGRATIONS:
        connect(rt, Connection(_ORG, name, (SAMPLES / name).absolute().as_uri(), scheduled=False))
        console.print(f"connected {TITLES[name]}: {(SAMPLES / name).relative_to(SAMPLES.parent)}")


def _heading(text: str) -> None:
    console.line()
    console.print(styled(text, "bold"))


def _next_steps() -> None:
    for line in (
        "your own bill:      .venv/bin/costwire import YOUR-BILL.csv      (AWS, Azure, Google Cloud, OCI, FOCUS)",
        "explore the demo:   export COSTWIRE_HOME=.costwire-demo; .venv/bin/costwire costs --by service",
        "check a FOCUS file: .venv/bin/costwire validate samples/focus/focus-1.0.csv",
        "all commands:       .venv/bin/costwire --help",
    ):
        console.print(line, soft_wrap=True)
