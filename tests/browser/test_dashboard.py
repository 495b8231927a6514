"""The dashboard in Chromium: the scenarios of users, by mouse, keyboard, phone and without a script; accessibility; a silent console."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from common.budgets.manage import list_budgets
from common.domain.alerts import OPEN
from common.reporting.alerts import list_alerts
from tests.browser.conftest import Site, axe_script

pytestmark = pytest.mark.slow

COSTS = "/default/analytics?last=45d&group=service&compare=previous"
SCREENS = {
    "overview": "/default",
    "costs": COSTS,
    "drilled": "/default/analytics?last=45d&group=account&group2=region&compare=previous&filter=service%3DAWS+Lambda",
    "budgets": "/default/budgets",
    "budget": "/default/budgets/{budget}",
    "alerts": "/default/alerts",
    "alert": "/default/alerts/{alert}",
    "data": "/default/data",
    "deliveries": "/default/data/deliveries",
    "delivery": "/default/data/deliveries/{delivery}",
    "restatements": "/default/data/restatements",
    "quarantine": "/default/data/quarantine",
    "runs": "/default/data/runs",
    "no charges": "/default/analytics?from=2019-01-01&to=2019-01-31",
    "problem": "/default/alerts",
}


def address(site: Site, screen: str) -> str:
    (march,) = site.rt.deliveries(state="current", billing_period="2026-03")
    known = {
        "budget": next(one.budget_id for one in list_budgets(site.rt, "default") if one.name == "Compute"),
        "alert": list_alerts(site.rt, "default", resolved=True)[0].alert_id,
        "delivery": march["delivery_id"],
    }
    return SCREENS[screen].format(**known)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_is_accessible(page: Any, site: Site, screen: str, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    page.goto(address(site, screen))
    # the policy of the site forbids what axe adds to a page; it is evaluated beside it, as a debugger would
    page.evaluate(axe_script())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", tags)
    broken = [
        (one["id"], [node["html"][:200] + node["failureSummary"][:300] for node in one["nodes"][:3]])
        for one in found["violations"]
    ]
    assert not broken, json.dumps(broken, indent=1)


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("screen", SCREENS)
def test_no_screen_scrolls_sideways(page: Any, site: Site, screen: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(address(site, screen))
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_from_the_overview_to_what_grew_and_back(page: Any) -> None:
    page.goto("/default")
    page.get_by_role("link", name="Costs", exact=True).click()
    page.wait_for_url("**/analytics?*")
    page.get_by_role("link", name="AWS Lambda").click()
    page.wait_for_url("**filter=service%3DAWS+Lambda*")
    assert page.get_by_role("heading", level=1).inner_text() == "Costs"
    assert page.evaluate("document.activeElement.id") == "main"
    assert "AWS Lambda" in page.locator(".crumbs").inner_text()
    page.locator("table.costs tbody a").first.click()
    page.wait_for_selector(".conditions li:nth-child(2)")
    page.go_back()
    page.wait_for_selector(".conditions li:nth-child(2)", state="detached")
    page.wait_for_selector(".conditions li")
    page.get_by_role("link", name="All costs").click()
    page.wait_for_selector(".conditions", state="detached")


def test_a_copied_address_shows_another_reader_the_same(page: Any, chromium: Any, site: Site) -> None:
    page.goto(COSTS)
    page.select_option("#group", "region")
    page.wait_for_url("**group=region*")
    context = chromium.new_context(base_url=site.address)
    other = context.new_page()
    other.goto(page.url)
    assert other.locator("table.costs").inner_text() == page.locator("table.costs").inner_text()
    context.close()


def test_controls_change_the_address_and_keep_their_focus(page: Any) -> None:
    page.goto(COSTS)
    page.focus("#metric")
    page.select_option("#metric", "effective")
    page.wait_for_url("**metric=effective*")
    assert page.evaluate("document.activeElement.id") == "metric"
    assert page.title() == "Costs · Costwire"


def test_a_filter_is_added_and_removed(page: Any) -> None:
    page.goto(COSTS)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "filter_value"
    page.select_option("#filter_by", "region")
    page.fill("#filter_value", "us-east-1")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_selector(".conditions li")
    assert "Region is us-east-1" in page.locator(".conditions").inner_text()
    page.get_by_role("link", name="Remove the filter Region is us-east-1").click()
    page.wait_for_selector(".conditions", state="detached")


def test_the_chart_is_read_by_keyboard_alone(page: Any) -> None:
    page.goto(COSTS)
    chart = page.get_by_role("slider")
    chart.focus()
    page.keyboard.press("End")
    assert "still filling up" in chart.get_attribute("aria-valuetext")
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowLeft")
    assert "Thu 2 Apr 2026, USD 1," in chart.get_attribute("aria-valuetext")
    assert "Amazon Elastic Compute Cloud" in page.locator("#tip").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    page.keyboard.press("Enter")
    page.wait_for_url("**from=2026-04-02*")
    assert "Thu 2 Apr 2026" in page.locator(".totals").inner_text()


def test_pointing_at_a_day_shows_it_and_a_click_opens_it(page: Any) -> None:
    page.goto(COSTS)
    box = page.locator("#costs-area").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 90)
    day = page.locator("#tip b").inner_text()
    assert re.fullmatch(r"\w{3} \d+ \w{3} 2026", day)
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + 90)
    page.wait_for_url("**from=*")
    assert day in page.locator(".totals").inner_text()


def test_keys_go_to_every_screen(page: Any) -> None:
    page.goto("/default")
    for key, path in (("c", "analytics"), ("b", "budgets"), ("a", "alerts"), ("d", "data")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**/default/{path}*")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")


def test_an_alert_is_acknowledged(page: Any, site: Site) -> None:
    page.goto("/default/alerts")
    before = len(list_alerts(site.rt, "default", OPEN))
    page.get_by_role("button", name="Acknowledge").first.click()
    page.wait_for_selector(".timeline .acknowledged")
    assert len(list_alerts(site.rt, "default", OPEN)) == before - 1
    assert f"{before - 1}" in page.locator(".top .count").inner_text()


def test_a_theme_that_was_chosen_stays(page: Any) -> None:
    page.goto("/default")
    page.click("#theme")
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_nothing_of_a_page_is_stored_by_the_browser(page: Any) -> None:
    page.goto(COSTS)
    page.get_by_role("link", name="AWS Lambda").click()
    page.wait_for_url("**filter=*")
    assert page.evaluate("Object.keys(localStorage)") == []
    assert page.evaluate("Object.keys(sessionStorage)") == ["htmx-current-path-for-history"]


class TestWithoutScript:
    @pytest.fixture
    def options(self) -> dict[str, Any]:
        return {"java_script_enabled": False}

    def test_everything_works(self, page: Any, site: Site) -> None:
        page.goto(COSTS)
        assert page.locator("#costs-area path").count() >= 8
        page.select_option("#group", "region")
        page.get_by_role("button", name="Show").click()
        assert "group=region" in page.url
        page.get_by_role("link", name="eu-central-1").click()
        assert "filter=region%3Deu-central-1" in page.url
        page.locator("summary", has_text="The chart as a table").click()
        page.locator(".by-day tbody a").first.click()
        assert "from=" in page.url
        page.goto(f"/default/alerts/{list_alerts(site.rt, 'default', OPEN)[0].alert_id}")
        page.select_option("#span", "3d")
        page.get_by_role("button", name="Snooze").click()
        assert page.locator(".timeline .snoozed").count() == 1


def test_a_page_prints_without_its_controls(page: Any) -> None:
    page.goto(COSTS)
    page.emulate_media(media="print")
    assert page.locator(".top").is_hidden() and page.locator(".controls").is_hidden()
    assert page.locator(".receipt").is_visible() and page.locator("table.costs").is_visible()
