"""Every page without a browser: empty, full and rejected; headers, escaping, forms; and page = API = command, to the last digit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from common.alerts.acknowledging import acknowledge_alert
from common.budgets import manage
from common.domain.alerts import OPEN
from common.errors import Retryable
from common.reporting.alerts import list_alerts
from common.reporting.charges import ChargesQuestion, ask_charges, charge_id
from tests import commands
from tests.dashboard_world import HOSTILE, NOW, fill, refuse, resource
from tests.integration.api_world import on, show
from tests.support import Laptop, laptop
from web import asset_files
from web.api.access import OpenDoor
from web.api.app import Service
from web.site import PAGES, POLICY, create_site

SAMPLES = Path(__file__).parents[2] / "costwire" / "samples"
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "rect", "path", "line"}


class Page(HTMLParser):
    """What tests ask of a page: its elements are closed in order, and what it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.stack = text, list[str]()
        self.links, self.ids, self.wrong = list[str](), list[str](), list[str]()
        self.elements = 0
        self.feed(text)
        assert not self.stack, self.stack

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements += 1
        found = dict(attrs)
        self.wrong += [name for name in found if name == "style" or name.startswith("on")]
        if tag == "script" and not found.get("src") and found.get("type") != "application/json":
            self.wrong.append("inline script")
        if tag == "style":
            self.wrong.append("inline style sheet")
        if found.get("id"):
            self.ids.append(found["id"] or "")
        if tag in ("a", "link", "script", "form"):
            self.links += [found.get(name) or "" for name in ("href", "src", "action") if found.get(name)]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag, (tag, self.stack, self.getpos())

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.stack.pop()


def site(rt: Laptop) -> FlaskClient:
    """As `costwire serve` runs it."""
    return create_site(rt, Service(OpenDoor(), loopback=True)).test_client()


def whole(answer: TestResponse, status: int = 200) -> Page:
    """The page of an answer, which holds to what every page must."""
    assert answer.status_code == status, answer.get_data(as_text=True)[-3000:]
    assert answer.mimetype == "text/html" and answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["X-Request-ID"]
    assert "Set-Cookie" not in answer.headers
    text = answer.get_data(as_text=True)
    page = Page(text)
    assert not page.wrong, page.wrong
    assert len(set(page.ids)) == len(page.ids), sorted(one for one in page.ids if page.ids.count(one) > 1)
    assert page.elements <= 1500
    assert text.count("<h1") == 1 and text.count('<main id="main"') == 1 and "<title>" in text
    return page


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """Everything: several months, two currencies, restated, quarantined, alerted, and a delivery rejected."""
    folder = tmp_path_factory.mktemp("full")
    with laptop(folder / "home") as made:
        fill(made, folder / "bills")
        refuse(made, folder / "bills")
        yield made


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        yield made


def addresses(rt: Laptop) -> list[str]:
    """An address for every page."""
    known = {
        "{org}": "default",
        "{budget_id}": next(iter(name for name, _ in rt.documents.list("orgs/default/budgets")), "none"),
        "{alert_id}": next(iter(name for name, _ in rt.documents.list("orgs/default/alerts")), "none"),
        "{delivery_id}": next(iter(name for name, _ in rt.documents.list("orgs/default/deliveries")), "none"),
        "{run_id}": next(iter(name for name, _ in rt.documents.list("orgs/default/runs")), "none"),
        "{integration_id}": next(iter(name for name, _ in rt.documents.list("orgs/default/integrations")), "none"),
    }
    charges = ask_charges(rt, "default", ChargesQuestion(most=1)).charges
    charge = charge_id(charges[0].delivery_id, charges[0].source_row_id) if charges else "none/0:none"
    asked = {
        "/default/analytics/resource": f"?id={quote(resource('AmazonEC2', 1), safe='')}",
        "/default/analytics/charge": f"?id={quote(charge)}",
    }
    found = []
    for route in PAGES:
        if route.method == "GET" and not route.path.endswith((".csv", "/show", "/values")):
            path = route.path
            for name, value in known.items():
                path = path.replace(name, value)
            found.append(path + asked.get(path, ""))
    return found


def test_every_page_is_whole_where_everything_is_there(full: Laptop) -> None:
    ask = site(full)
    for address in addresses(full):
        page = whole(ask.get(address, follow_redirects=True))
        assert "NaN" not in page.text and "None" not in re.sub(r"<[^>]+>", "", page.text), address


def test_every_page_is_whole_where_nothing_is_there(empty: Laptop) -> None:
    ask = site(empty)
    for address in addresses(empty):
        page = whole(ask.get(address, follow_redirects=True), 404 if "none" in address else 200)
        assert "none" in address or re.search(
            r"No (\w+ )+yet|Nothing|empty|No charges|New budget|Retention|What was looked at", page.text
        ), address


def test_every_link_on_a_page_leads_somewhere(full: Laptop) -> None:
    ask, seen = site(full), set[str]()
    for address in addresses(full):
        for link in whole(ask.get(address, follow_redirects=True)).links:
            target = link if link.startswith("/") else f"{address}{link}" if link.startswith("?") else ""
            if not target or target in seen or len(seen) > 150:
                continue
            seen.add(target)
            answer = ask.open(target, method="GET")
            assert answer.status_code in (200, 303) or "/alerts/" in target, (address, target, answer.status_code)
    assert len(seen) > 60


QUESTIONS = (
    "last=90d&group=service&compare=previous",
    "month=2026-03&group=service&group2=account&compare=previous",
    "month=2026-03&group=tag:team",
    "group=month",
    "group=day&month=2026-04",
    "group=service&each=week&sort=change&from=2026-02-01&to=2026-03-31&compare=previous",
    "group=resource&rows=all",
    "group=region&filter=service=Amazon+EC2&show_currency=EUR",
    "group=account&filter=tag:team=&metric=effective",
    "last=7d&group=service&compare=previous",
    "from=2019-01-01&to=2019-02-01",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_state_of_the_costs_screen_is_an_address(full: Laptop, question: str) -> None:
    whole(site(full).get(f"/default/analytics?{question}"))


def table_of(page: Page) -> dict[str, list[str]]:
    """First cell -> the exact decimals of its row, as the page has them."""
    (table,) = re.findall(r'<table class="costs">(.*?)</table>', page.text, re.DOTALL)
    found = {}
    for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.DOTALL):
        head = re.search(r'<th scope="row">(.*?)</th>', row, re.DOTALL)
        if head:
            name = unescape(re.sub(r"<[^>]+>", "", head[1])).strip()
            found[name] = re.findall(r'<data value="([^"]+)"', row)
    return found


BILLS = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir() and path.name != "saas")  # which is a ledger


@pytest.fixture(scope="module", params=BILLS)
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with laptop(tmp_path_factory.mktemp(request.param) / "home") as made:
        made.bring(SAMPLES / request.param, request.param, provider=request.param)
        yield made


def test_page_and_api_and_command_agree_to_the_last_digit(sample: Laptop) -> None:
    ask = site(sample)
    env = {"COSTWIRE_HOME": str(sample.home), "PATH": ""}
    for group in ("service", "account", "region", "month"):
        api = ask.get(f"/api/costs?group={group}").get_json()
        command = json.loads(commands.run("costs", "--by", group, "--json", env=env).stdout)
        assert command["currencies"] == api["currencies"] and api["currencies"]
        for one in api["currencies"]:
            page = whole(ask.get(f"/default/analytics?group={group}&rows=all&show_currency={one['currency']}"))
            rows = table_of(page)
            assert rows.pop("Total")[0] == one["total"]
            shown = sorted(cells[0] for cells in rows.values())
            assert shown == sorted(each["total"] for each in one["groups"])[: len(shown)] or len(one["groups"]) > 50
            if len(one["groups"]) <= 50:
                assert len(shown) == len(one["groups"])


def test_a_charge_of_every_format_leads_to_its_line(sample: Laptop) -> None:
    ask = site(sample)
    listed = ask_charges(sample, "default", ChargesQuestion()).charges
    for one in (listed[0], listed[-1]):
        page = whole(ask.get(f"/default/analytics/charge?id={quote(charge_id(one.delivery_id, one.source_row_id))}"))
        assert re.search(r"Row [\d.]+ of ", page.text) and "Column of the file" in page.text, one.source_row_id


def test_the_chart_and_its_table_add_up_to_the_total(full: Laptop) -> None:
    ask = site(full)
    api = ask.get("/api/costs?last=90d&group=service").get_json()
    total = next(one["total"] for one in api["currencies"] if one["currency"] == "USD")
    page = whole(ask.get("/default/analytics?last=90d&group=service"))
    (days,) = re.findall(r'<details class="card by-day">(.*?)</details>', page.text, re.DOTALL)
    assert sum(Decimal(one) for one in re.findall(r'<data value="([^"]+)"', days)) == Decimal(total)


def test_others_and_groups_add_up_to_the_total(full: Laptop) -> None:
    rows = table_of(whole(site(full).get("/default/analytics?month=2026-03&group=service&compare=previous")))
    total = rows.pop("Total")
    assert "3 others" in rows and len(rows) == 9
    for column in (0, 1):
        assert sum(Decimal(cells[column]) for cells in rows.values() if len(cells) > column) == Decimal(total[column])


def test_days_that_are_still_filling_are_hatched_and_left_out_of_the_comparison(full: Laptop) -> None:
    page = whole(site(full).get("/default/analytics?last=30d&group=service&compare=previous"))
    assert "Still filling up" in page.text and "url(#costs-hatch)" in page.text
    assert "days still filling up are left out of both sides" in page.text
    past = whole(site(full).get("/default/analytics?month=2026-02&group=service&compare=previous"))
    assert "Still filling up" not in past.text and "costs-hatch" not in past.text


def test_the_receipt_stands_below_the_total(full: Laptop) -> None:
    page = whole(site(full).get("/default/analytics?month=2026-02&group=service"))
    assert "the delivery equals its source to the last digit" in page.text
    assert "10 Apr 2026, 05:14 UTC" in page.text and "Still filling up" not in page.text
    march = whole(site(full).get("/default/analytics?month=2026-03&group=service"))
    assert "1 of 1 proved" in march.text and "1 newer delivery was rejected; what was shown stays" in march.text
    assert "3 days restated" in march.text and "1 line in quarantine" in march.text and "▲" in march.text


def test_a_side_without_known_charges_is_said(full: Laptop) -> None:
    page = whole(site(full).get("/default/analytics?last=90d&group=service&compare=previous"))
    assert "No charges are known before" in page.text


def test_a_new_service_is_called_new(full: Laptop) -> None:
    page = whole(site(full).get("/default/analytics?month=2026-03&group=service&compare=previous&rows=all"))
    (row,) = [one for one in re.findall(r"<tr.*?</tr>", page.text, re.DOTALL) if "Amazon Bedrock</a>" in one]
    assert ">new<" in row


def test_an_address_without_a_question_leads_to_the_days_that_have_charges(full: Laptop, tmp_path: Path) -> None:
    assert "last=90d" in site(full).get("/default/analytics").headers["Location"]
    assert site(full).get("/").headers["Location"] == "/default"
    with laptop(tmp_path / "home") as old:
        show(old, tmp_path, "2025-03", on("2025-03-05", "1"))
        assert "month=2025-03" in site(old).get("/default/analytics").headers["Location"]
        assert "The newest charges are of March 2025" in whole(site(old).get("/default")).text


def test_the_form_of_controls_leads_to_an_address(full: Laptop) -> None:
    answer = site(full).get(
        "/default/analytics/show?period=month:2026-03&group=region&group2=&compare=previous&filter=service=A"
    )
    assert answer.status_code == 303
    assert (
        answer.headers["Location"]
        == "/default/analytics?month=2026-03&group=region&compare=previous&filter=service%3DA"
    )


def test_a_name_of_a_bill_does_nothing_on_a_page(full: Laptop) -> None:
    ask = site(full)
    for address in (
        "/default/analytics?month=2026-03&group=tag:team",
        f"/default/analytics?group=service&filter={quote('tag:team=' + HOSTILE)}",
        f"/default/analytics?group={quote('tag:' + HOSTILE)}",
    ):
        page = whole(ask.get(address))
        shown = re.sub(r' value="[^"]*"', "", page.text)  # what a form sends back is exact
        assert "<script>alert" not in page.text and "alert(1)" in shown and "\u202e" not in shown, address
    csv = ask.get("/default/analytics.csv?month=2026-03&group=tag:team").get_data(as_text=True)
    assert "script" in csv


def test_a_file_has_exact_decimals_its_time_and_no_formula(full: Laptop, tmp_path: Path) -> None:
    answer = site(full).get("/default/analytics.csv?month=2026-03&group=service")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="costs-default-as-of-2026-04-10T0514Z.csv"'
    lines = answer.get_data(as_text=True).splitlines()
    api = site(full).get("/api/costs?month=2026-03&group=service").get_json()
    totals = {group["keys"][0]: group["total"] for one in api["currencies"] for group in one["groups"]}
    assert len(lines) == len(totals) + 1
    assert all(any(f",{total}," in line for line in lines) for total in totals.values())
    with laptop(tmp_path / "home") as rt:
        show(rt, tmp_path, "2026-03", on("2026-03-05", "-1", "=cmd()"), on("2026-03-05", "2", "+1"))
        text = site(rt).get("/default/analytics.csv?group=service").get_data(as_text=True)
        assert "\n'=cmd(),USD,-1," in text and "\n'+1,USD,2," in text


def test_a_rejected_delivery_is_seen_on_every_page(full: Laptop) -> None:
    ask = site(full)
    data = whole(ask.get("/default/data"))
    assert "aws-main, 2026-03: rejected." in data.text and "What was shown before stays" in data.text
    assert 'class="dot"' in whole(ask.get("/default/budgets")).text


def test_a_proof_is_written_out_as_a_sum(full: Laptop) -> None:
    (march,) = full.deliveries(state="current", billing_period="2026-03")
    page = whole(site(full).get(f"/default/data/deliveries/{march['delivery_id']}"))
    (proof,) = march["proof"]
    (table,) = re.findall(r'<table class="proof">(.*?)</table>', page.text, re.DOTALL)
    written, quarantined, rounded, accounted, source, difference = re.findall(r'<data value="([^"]+)"', table)
    assert (written, quarantined, rounded, source) == (
        proof["written"],
        proof["quarantined"],
        proof["rounded_away"],
        proof["source"],
    )
    assert Decimal(accounted) == Decimal(source) and difference == "0" and quarantined == "4.1"
    assert "Proved" in table and "It replaced delivery" in page.text


def test_restatements_and_quarantine_name_what_changed(full: Laptop) -> None:
    ask = site(full)
    restated = whole(ask.get("/default/data/restatements"))
    assert "Amazon Elastic Compute Cloud" in restated.text and "Change in USD" in restated.text
    (march,) = full.deliveries(state="current", billing_period="2026-03")
    lines = whole(ask.get(f"/default/data/quarantine?delivery={march['delivery_id']}"))
    assert "is not a time" in lines.text and "not a day" in lines.text


@pytest.fixture
def alerted(tmp_path: Path) -> Iterator[Laptop]:
    """A budget that is exceeded, so that alerts are open."""
    with laptop(tmp_path / "home") as made:
        made.clock.moment = NOW
        show(made, tmp_path, "2026-04", *(on(f"2026-04-{day:02}", "100") for day in range(1, 8)), on="2026-04-10")
        manage.add_budget(made, "default", manage.BudgetRequest("Compute & <b>", Decimal(500), "USD", owner="Ana"))
        yield made


def test_an_alert_is_acknowledged_and_snoozed_by_forms(alerted: Laptop) -> None:
    ask = site(alerted)
    first, second = list_alerts(alerted, "default", OPEN)[:2]
    page = whole(ask.get(f"/default/alerts/{first.alert_id}"))
    assert "Compute &amp; &lt;b&gt;" in page.text and "Acknowledge" in page.text
    done = ask.post(f"/default/alerts/{first.alert_id}/acknowledge")
    assert (done.status_code, done.headers["Location"]) == (303, f"/default/alerts/{first.alert_id}")
    assert "Acknowledged</b> by this machine" in whole(ask.get(done.headers["Location"])).text
    assert "acknowledged by this machine" in whole(ask.get("/default/alerts?state=acknowledged")).text
    for span in ("3d", "period"):
        done = ask.post(f"/default/alerts/{second.alert_id}/snooze", data={"span": span})
        assert done.status_code == 303
    assert "Snoozed until" in whole(ask.get(done.headers["Location"])).text
    whole(ask.post(f"/default/alerts/{second.alert_id}/snooze", data={"span": "forever"}), 400)


def test_a_lost_race_shows_the_present_state(alerted: Laptop) -> None:
    ask = site(alerted)
    alert = list_alerts(alerted, "default", OPEN)[0]
    manage.remove_budget(alerted, "default", "Compute & <b>")
    answer = whole(ask.post(f"/default/alerts/{alert.alert_id}/acknowledge"), 409)
    assert "is resolved" in answer.text
    with pytest.raises(Exception, match="resolved"):
        acknowledge_alert(alerted, "default", alert.alert_id, "Ana")


def test_a_budget_shows_its_thresholds_and_its_days_add_up(alerted: Laptop) -> None:
    ask = site(alerted)
    (budget,) = manage.list_budgets(alerted, "default")
    page = whole(ask.get(f"/default/budgets/{budget.budget_id}"))
    assert page.text.count("not crossed") == 0 and "exceeded" in page.text.lower()
    assert 'id="budget-area"' in page.text and "Open in Costs" in page.text
    show(alerted, alerted.home, "2026-05", on("2026-04-09", "5"), integration="more", on="2026-04-10")
    assert 'id="budget-area"' not in whole(ask.get(f"/default/budgets/{budget.budget_id}")).text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost.evil.example"}, 421),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 303),
    ],
)
def test_only_this_machines_user_may_write(alerted: Laptop, headers: dict[str, str], status: int) -> None:
    alert = list_alerts(alerted, "default", OPEN)[0]
    answer = site(alerted).post(f"/default/alerts/{alert.alert_id}/acknowledge", headers=headers)
    assert answer.status_code == status
    assert (list_alerts(alerted, "default")[0].state == OPEN) is (status != 303) or status == 303


def test_a_page_that_another_host_asks_for_is_refused(full: Laptop) -> None:
    assert site(full).get("/default", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/default/nothing", 404),
        ("/nobody_1x", 404),
        ("/nobody_1x/analytics?group=service", 404),
        ("/default/budgets/none", 404),
        ("/default/alerts/none", 404),
        ("/default/data/deliveries/none", 404),
        ("/default/data/runs/none", 404),
        ("/default/analytics?group=nothing", 400),
        ("/default/analytics?group=service,region,account", 400),
        ("/default/analytics?filter=nonsense", 400),
        ("/default/analytics?nonsense=1", 400),
        ("/default/analytics?month=2026-03&last=3d", 400),
        ("/default?month=x", 400),
    ],
)
def test_what_cannot_be_shown_is_a_page_that_says_why(full: Laptop, address: str, status: int) -> None:
    page = whole(site(full).get(address), status)
    assert "Request id" in page.text and "Traceback" not in page.text


def test_the_api_and_the_reserved_roots_are_no_organizations(full: Laptop) -> None:
    ask = site(full)
    for address in ("/api", "/api/costs/", "/health", "/ready", "/favicon.ico", "/-/assets/0/app.css"):
        answer = ask.get(address)
        assert answer.mimetype in ("application/json", "application/problem+json"), address
    assert ask.post("/default/analytics").status_code == 405


def test_an_error_that_nobody_foresaw_says_nothing_of_itself(full: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object) -> None:
        raise RuntimeError("a line of a bill")

    monkeypatch.setattr(full.warehouse, "query", broken)
    page = whole(site(full).get("/default/analytics?group=service"), 500)
    assert "line of a bill" not in page.text


def test_a_store_that_is_away_is_said_on_a_page(full: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*words: object) -> None:
        raise Retryable("the documents are away")

    monkeypatch.setattr(full.documents, "list", away)
    answer = site(full).get("/default/budgets")
    assert "the documents are away" in whole(answer, 503).text and answer.headers["Retry-After"]


def test_assets_are_stored_for_long_under_an_address_of_their_content(full: Laptop) -> None:
    ask = site(full)
    for name in asset_files.NAMES:
        answer = ask.get(asset_files.address(name))
        assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
        assert answer.get_data() == asset_files.contents()[name]
    assert ask.get(asset_files.address("app.css").replace(asset_files.version(), "0" * 16)).status_code == 404
    assert ask.get(f"{asset_files.PREFIX}/{asset_files.version()}/../site.py").status_code == 404


def test_the_first_load_of_any_page_is_small(full: Laptop) -> None:
    ask, packed = site(full), {"Accept-Encoding": "gzip"}
    assets = sum(len(ask.get(asset_files.address(name), headers=packed).get_data()) for name in asset_files.NAMES)
    for address in addresses(full):
        page = ask.get(address, headers=packed, follow_redirects=True)
        assert len(page.get_data()) + assets < 60_000, address
