"""The dashboard in Chromium: the scenarios of users, by mouse, keyboard, phone and without a script; accessibility; a silent console."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from common.budgets.manage import list_budgets
from common.domain.alerts import OPEN
from common.reporting.alerts import list_alerts
from common.reporting.charges import ChargesQuestion, ask_charges, charge_id
from common.tenancy.api_keys import KeyRequest, create_key, list_keys
from common.warehouse.cost_report import Days
from tests.browser.conftest import Site, axe_script
from tests.dashboard_world import resource

pytestmark = pytest.mark.slow

METER_LOG = Path(__file__).parents[1] / "fixtures" / "meters" / "litellm_spend_logs.jsonl"

MARCH = Days(date(2026, 3, 1), date(2026, 3, 31))
COSTS = "/default/analytics?last=45d&group=service&compare=previous"
SCREENS = {
    "overview": "/default",
    "costs": COSTS,
    "drilled": "/default/analytics?last=45d&group=account&group2=region&compare=previous&filter=service%3DAWS+Lambda",
    "resource": "/default/analytics/resource?month=2026-03&id={resource}",
    "charges": "/default/analytics/charges?month=2026-03&filter=service%3DAWS+Lambda",
    "charge": "/default/analytics/charge?id={charge}",
    "report": "/default/report?month=2026-03",
    "budgets": "/default/budgets",
    "budget form": "/default/budgets/new?name=Compute+2&amount=9000&services=Amazon+Elastic+Compute+Cloud%0D%0ANothing",
    "budget changed": "/default/budgets/{budget}/change",
    "integrations": "/default/settings/integrations",
    "integration": "/default/settings/integrations/aws-main?check=true",
    "keys": "/default/settings/keys",
    "members": "/default/settings/members",
    "hierarchy": "/default/settings/hierarchy",
    "audit": "/default/settings/audit",
    "match": "/default/data/match",
    "costs by node": "/default/analytics?last=45d&group=node&group2=service&compare=previous",
    "rates": "/default/settings/rates",
    "retention": "/default/settings/retention",
    "tenants": "/-/operator/tenants",
    "all runs": "/-/operator/runs",
    "messages": "/-/operator/messages",
    "doctor": "/-/operator/doctor",
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
    first = ask_charges(site.rt, "default", ChargesQuestion(days=MARCH, most=1)).charges[0]
    known = {
        "resource": quote(resource("AmazonEC2", 1), safe=""),
        "charge": quote(charge_id(first.delivery_id, first.source_row_id)),
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


@pytest.mark.parametrize("screen", SCREENS)
def test_no_screen_scrolls_sideways(page: Any, site: Site, screen: str) -> None:
    page.goto(address(site, screen))
    for width in (320, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, width


def test_the_audit_log_shows_what_was_there_before_without_scrolling(page: Any, site: Site) -> None:
    body = METER_LOG.read_bytes()
    sent = page.request.post(f"{site.address}/api/v1/organizations/default/meters?name=calls.jsonl", data=body)
    assert sent.ok, sent.text()
    page.goto("/default/settings/audit")
    box = page.locator(".scroll")
    assert "meter_files/" in box.inner_text()
    assert box.evaluate("one => one.scrollWidth - one.clientWidth") <= 0


def test_names_of_compared_costs_can_be_read_on_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto("/default/analytics?last=45d&group=service&group2=account&compare=previous")
    assert page.locator("table.costs tbody th").first.evaluate("one => one.clientWidth") >= 110


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


def test_from_costs_down_to_the_line_of_a_charge_and_back(page: Any) -> None:
    page.goto("/default/analytics?month=2026-03&group=resource&filter=service%3DAWS+Lambda")
    page.get_by_role("link", name="first").first.click()
    page.wait_for_url("**/analytics/resource?*")
    assert page.get_by_role("heading", level=1).inner_text() == "first"
    total = page.locator(".totals .big").inner_text()
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    assert "Sun 1 Mar 2026, USD" in page.get_by_role("slider").get_attribute("aria-valuetext")
    page.locator("table.charges tbody a").first.click()
    page.wait_for_url("**/analytics/charge?*")
    cells = {
        name: page.locator("tr", has=page.get_by_role("rowheader", name=name, exact=True)).locator("td")
        for name in ("lineItem/UnblendedCost", "BilledCost")
    }
    assert cells["lineItem/UnblendedCost"].inner_text() == cells["BilledCost"].inner_text()
    page.go_back()
    page.wait_for_selector("table.charges")
    assert page.locator(".totals .big").inner_text() == total


def test_a_budget_is_previewed_set_and_removed(page: Any, site: Site) -> None:
    page.goto("/default/budgets")
    page.get_by_role("link", name="New budget").click()
    page.get_by_label("Name", exact=True).fill("Search team")
    page.get_by_label("Amount per period").fill("1200")
    page.get_by_label("Tags").fill("team=search")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector("#preview")
    assert "It would have alerted" in page.locator("section", has=page.locator("#preview")).inner_text()
    page.get_by_role("button", name="Set the budget").click()
    page.wait_for_url("**/budgets/search-team-*")
    assert "tag team=search" in page.locator("main").inner_text().lower()
    page.get_by_role("link", name="Change").click()
    page.get_by_text("Remove this budget").click()
    page.locator("#typed-name").fill("Search team")
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url("**/default/budgets")
    assert "Search team" not in [one.name for one in list_budgets(site.rt, "default")]


def test_a_key_is_shown_once(page: Any, site: Site) -> None:
    page.goto("/default/settings/keys")
    page.get_by_label("Name").fill("Pipeline")
    page.get_by_role("button", name="Make the key").click()
    secret = page.locator(".secret code").inner_text()
    page.get_by_role("link", name="I have stored it").click()
    page.wait_for_selector(".secret", state="detached")
    assert secret not in page.locator("html").inner_html() and secret not in page.url
    page.go_back()
    page.wait_for_load_state()
    assert secret not in page.locator("html").inner_html()
    create_key(site.rt, "default", KeyRequest("Old"), "test")
    page.goto("/default/settings/keys")
    page.get_by_role("button", name="Revoke Old").click()
    page.wait_for_selector("tr:has-text('Old') .chip:has-text('Revoked')")
    assert {one.name for one in list_keys(site.rt, "default") if one.revoked_at} == {"Old"}


def test_keys_go_to_every_screen(page: Any) -> None:
    page.goto("/default")
    for key, path in (
        ("c", "analytics"),
        ("b", "budgets"),
        ("a", "alerts"),
        ("d", "data"),
        ("s", "settings/integrations"),
    ):
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
