"""Pictures of the dashboard for the documentation: `python -m tests.browser.pictures` writes docs/costs.png and the others."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from datetime import date
from pathlib import Path
from urllib.parse import quote

import waitress

from common.reporting.charges import ChargesQuestion, ask_charges, charge_id
from common.warehouse.cost_report import Days
from tests.browser.conftest import CHROMIUM
from tests.dashboard_world import fill
from tests.support import laptop
from web.api.access import OpenDoor
from web.api.app import Service
from web.site import create_site

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    """Write them."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, laptop(Path(folder) / "home") as rt, sync_playwright() as playwright:
        fill(rt, Path(folder) / "bills")
        (march,) = rt.deliveries(state="current", billing_period="2026-03")
        first = ask_charges(
            rt, "default", ChargesQuestion(days=Days(date(2026, 3, 1), date(2026, 3, 31)), most=1)
        ).charges[0]
        server = waitress.create_server(create_site(rt, Service(OpenDoor(), loopback=True)), host="127.0.0.1", port=0)
        threading.Thread(target=server.run, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for name, theme, address in (
            ("costs", "light", "/default/analytics?last=45d&group=service&compare=previous"),
            ("proof", "dark", f"/default/data/deliveries/{march['delivery_id']}"),
            (
                "charge",
                "light",
                f"/default/analytics/charge?id={quote(charge_id(first.delivery_id, first.source_row_id))}",
            ),
            ("preview", "light", "/default/budgets/new?name=Compute&amount=9000&services=Amazon+Elastic+Compute+Cloud"),
        ):
            page = browser.new_page(
                viewport={"width": 1200, "height": 1150 if name == "preview" else 780}, color_scheme=theme
            )
            page.goto(f"http://127.0.0.1:{server.effective_port}{address}")
            page.screenshot(path=DOCS / f"{name}.png")
        browser.close()
        sys.stdout.flush()
        os._exit(0)  # the server's threads go on


if __name__ == "__main__":
    main()
