"""Command `demo`: the whole pipeline on the bills in `costwire/samples/`, in a separate state folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from common.budgets import manage
from common.config import Settings, settings_of_environment
from common.domain.budgets import Scope
from common.errors import CostError
from common.ingestion.connecting import Connection, connect
from common.ingestion.syncing import request_all
from common.providers.registry import TITLES
from common.reporting.outcomes import DeliveryOutcome
from common.runtime import bootstrap
from common.runtime.bootstrap import EmbeddedRuntime
from common.saas.manage import INTEGRATION, PROVIDER, put_subscriptions
from common.saas.reading import read_subscriptions
from costwire import alerts, budgets, costs
from costwire.installed import command, from_here
from costwire.output import console, progress, styled
from costwire.run_report import print_outcomes, what_happened
from costwire.tenant import tenant_of
from costwire.waiting import wait
from costwire.worker import subscribe_all

SAMPLES = Path(__file__).parent / "samples"
LEDGER = SAMPLES / "saas" / "subscriptions.toml"
HOME = Path(".costwire-demo")
_ORG = "default"
_INTEGRATIONS = ("azure", "aws", "gcp", "oci", "openai", "focus", "opencost")
_BUDGET = manage.BudgetRequest("Cloud spend", Decimal(33000), "USD", scope=Scope(providers=("aws", "azure", "gcp")))


def demo() -> None:
    """Run the whole pipeline on the sample bills: import eight bills and a cluster, prove totals, evaluate a budget, send its alerts.

    State is stored in ./.costwire-demo, which is recreated each time; your own data is not changed, and nothing leaves this machine.
    """
    began = time.monotonic()
    shutil.rmtree(HOME, ignore_errors=True)
    rt = EmbeddedRuntime(_settings())
    bootstrap.use(rt)
    tenant_of(rt, _ORG, writes=True)
    subscribe_all(rt)
    manage.add_budget(rt, _ORG, _BUDGET)
    _heading("1. Eight bills and a cluster become FOCUS 1.3 rows; each total is proved to the last digit")
    print_outcomes(list(_imported(rt)))
    _heading("2. What the bills of March 2026 cost")
    costs.costs(by="provider", where=["BillingPeriodStart=2026-03-01"])
    _heading("3. One of them is OpenAI's: what each model cost, by kind of token")
    costs.costs(by="x_Model,x_TokenKind", where=["BillingPeriodStart=2026-03-01", "provider=openai"])
    _heading("   Beside them: what OpenCost estimates of the cluster's namespaces, which is in no cost of a bill")
    costs.costs(by="namespace", metric="estimated")
    _heading("4. A budget that was set before the bills arrived: its spend is the sum of three of the rows in 2")
    budgets.list_budgets()
    _heading("5. Its alerts, and the messages that were sent")
    alerts.list_alerts()
    _messages()
    _heading("6. What to do next")
    _next_steps()
    console.line()
    console.print(styled(f"done in {time.monotonic() - began:.1f} s; everything is in {HOME}", "dim"))


def show_samples() -> None:
    """Use the state of the demo from here on, which is run where it has not been."""
    if HOME.is_dir():
        bootstrap.use(EmbeddedRuntime(_settings()))
    else:
        demo()


def _settings() -> Settings:
    """Those of the environment, but no channel that would send the alerts of sample bills to a real inbox."""
    return settings_of_environment().model_copy(update={"home": HOME, "smtp_host": None, "slack_webhook_url": None})


def _imported(rt: EmbeddedRuntime) -> Iterator[DeliveryOutcome]:
    """What came of the bills, one bill after the other, so that the budget is evaluated in the same order each time."""
    with progress("looking for the bills") as say:
        for name in _INTEGRATIONS:
            say(f"{TITLES[name]}: {from_here(SAMPLES / name)}")
            connect(rt, Connection(_ORG, name, (SAMPLES / name).as_uri(), scheduled=False))
            outcome = wait(rt, request_all(rt, _ORG, "demo", (name,)), say)
            if outcome.reasons:
                raise CostError("; ".join(outcome.reasons))
            yield from what_happened(rt, outcome)
        say(f"{TITLES[PROVIDER]}: {from_here(LEDGER)}")
        put_subscriptions(rt, _ORG, read_subscriptions(LEDGER, LEDGER.read_text(encoding="utf-8")), "demo")
        connect(rt, Connection(_ORG, PROVIDER, None, INTEGRATION, scheduled=False))
        yield from what_happened(rt, wait(rt, request_all(rt, _ORG, "demo", (INTEGRATION,)), say))


def _messages() -> None:
    console.line()
    for path in sorted((HOME / "outbox").iterdir()):
        subject = path.read_text(encoding="utf-8").partition("\n")[0]
        console.print(subject, soft_wrap=True)
        console.print(styled(f"  {path}", "dim"), soft_wrap=True)


def _heading(text: str) -> None:
    console.line()
    console.print(styled(text, "bold"))


def _next_steps() -> None:
    typed = command()
    for what, line in (
        ("your own bill", f"{typed} import YOUR-BILL.csv"),
        ("explore the demo", f"COSTWIRE_HOME={HOME} {typed} costs --by service"),
        ("check a FOCUS file", f"{typed} validate {from_here(SAMPLES / 'focus' / 'focus-1.0.csv')}"),
        ("all commands", f"{typed} --help"),
    ):
        console.print(f"{what + ':':<20}{line}", soft_wrap=True)
