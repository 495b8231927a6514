"""A real Chromium, and the site on a port of this machine.  Where no Chromium is installed, each test is named as not run."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import waitress

from tests.dashboard_world import fill, refuse
from tests.support import Laptop, laptop
from web.api.access import OpenDoor
from web.api.app import Service
from web.site import create_site

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
_ABSENT = "not run: Chromium is not installed on this machine (Debian's package chromium; CHROMIUM names another)"


@dataclass
class Site:
    """rt: what it serves.  address: without a path."""

    rt: Laptop
    address: str


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Everything that the dashboard can show, served as `costwire serve` does."""
    folder = tmp_path_factory.mktemp("site")
    with laptop(folder / "home") as rt:
        fill(rt, folder / "bills")
        refuse(rt, folder / "bills")
        app = create_site(rt, Service(OpenDoor(), loopback=True))
        server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4)
        threading.Thread(target=server.run, daemon=True).start()
        yield Site(rt, f"http://127.0.0.1:{server.effective_port}")
        server.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser."""
    if CHROMIUM is None:
        if os.environ.get("REQUIRE_CHROMIUM"):
            pytest.fail(_ABSENT)
        pytest.skip(_ABSENT)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()


@pytest.fixture
def options() -> dict[str, Any]:
    """Of the browser's context; a test overrides them by parameters of its own."""
    return {"viewport": {"width": 1280, "height": 900}}


@pytest.fixture
def page(chromium: Any, site: Site, options: dict[str, Any]) -> Iterator[Any]:
    """A page whose console must stay silent."""
    context = chromium.new_context(base_url=site.address, **options)
    made = context.new_page()
    said: list[str] = []
    made.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    made.on("pageerror", lambda error: said.append(str(error)))
    made.on(
        "requestfailed",
        lambda request: said.append(f"failed: {request.url}") if request.failure != "net::ERR_ABORTED" else None,
    )
    yield made
    context.close()
    assert not said, said


def axe_script() -> str:
    """axe-core, as the package for Playwright brings it."""
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
