"""Costs by departments, projects and teams: each month by the version of its days, the same digits everywhere, nothing lost or doubled."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner

from common.domain.allocation import InvalidHierarchy, UnknownNode
from common.domain.hierarchy import Hierarchy
from common.domain.money import EXACT, add
from common.domain.period import BillingPeriod
from common.errors import Permanent
from common.records import hierarchies
from common.reporting.arguments import InvalidQuestion, read_dimensions, read_filter
from common.reporting.charges import ChargesQuestion
from common.reporting.costs import CostsAnswer, CostsQuestion, ask_costs
from common.reporting.forecast import ForecastQuestion, ask_forecast
from common.reporting.hierarchy import preview_hierarchy
from common.runtime import bootstrap
from common.tenancy import data, hierarchy
from common.tenancy.hierarchy import TOP, Change, add_node, change_node, put_hierarchy, put_rules, remove_node
from common.tenancy.hierarchy_file import read_hierarchy
from common.tenancy.organizations import add_organization
from common.warehouse.cost_report import ALL_DAYS, Days
from costwire import cli
from tests.contract.warehouse_cases import ORG
from tests.integration.api_world import checked, client, on, show
from tests.support import Laptop, laptop
from web.api.access import OpenDoor
from web.api.app import Service
from web.site import create_site

ROOT = Path(__file__).parents[2]
BY = Change("a test")
NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)
FEBRUARY, MARCH = date(2026, 2, 1), date(2026, 3, 1)
LONG = "12345678901234.123456789012345678901234"
FILE = """
[[nodes]]
id = "eng"
name = "Engineering"
kind = "department"

[[nodes]]
id = "shop"
name = "Shop"
kind = "team"
parent = "eng"

[[nodes]]
id = "data"
name = "Data"
kind = "project"
parent = "eng"

[[rules]]
priority = 10
when = { "tag:team" = "a" }
to = { shop = 1, data = 1, eng = 1 }

[[rules]]
priority = 20
when = { account = "2" }
to = "shop"
"""
PATH = f"/api/v1/organizations/{ORG}/hierarchy"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with bills of three months, and a hierarchy that counts from the first of March."""
    place = tmp_path_factory.mktemp("prepared")
    with laptop(place / "home") as rt:
        rt.clock.moment = NOW
        rt.documents.set(f"orgs/{ORG}/integrations/aws-main", {"provider": "aws"})
        show(
            rt,
            place,
            "2026-03",
            on("2026-03-01", "10", SubAccountId="1", Tags='{"team": "a"}'),
            on("2026-03-02", LONG, "Storage", SubAccountId="2"),
            on("2026-03-31", "0.2", "Storage", SubAccountId="3"),
            on("2026-03-31", "-7", "Credit", BillingCurrency="EUR", Tags='{"team": "a"}', SubAccountId="1"),
            on("2026-03-30", "4", SubAccountId="2", ListCost=None),
        )
        show(
            rt,
            place,
            "2026-02",
            on("2026-02-10", "3", SubAccountId="2"),
            on("2026-02-28", "5", SubAccountId="9"),
            on="2026-03-20",
            delivery="d0",
        )
        put_hierarchy(rt, ORG, Change("a test", MARCH), read_hierarchy(FILE))
    return place / "home"


@pytest.fixture
def rt(prepared: Path, tmp_path: Path) -> Iterator[Laptop]:
    """A home of the test's own."""
    with laptop(shutil.copytree(prepared, tmp_path / "home")) as made:
        made.clock.moment = NOW
        yield made


@pytest.fixture(scope="module")
def opened(prepared: Path) -> Iterator[Laptop]:
    with laptop(prepared) as made:
        made.clock.moment = NOW
        yield made


@pytest.fixture
def seen(opened: Laptop) -> Iterator[Laptop]:
    """The home that all tests share, for those that change nothing."""
    bootstrap.use(opened)
    yield opened
    bootstrap.use(None)


def ask(rt: Laptop, by: str, *conditions: str, days: Days = ALL_DAYS, **more: Any) -> CostsAnswer:
    filters = tuple(map(read_filter, conditions))
    return ask_costs(rt, ORG, CostsQuestion(read_dimensions(by), days=days, filters=filters, **more))


def sums(answer: CostsAnswer) -> dict[tuple[str | None, ...], Decimal | None]:
    return {(one.currency, *each.keys): each.amounts.total for one in answer.currencies for each in one.groups}


def month(number: int) -> Days:
    period = BillingPeriod(2026, number)
    return Days(period.start.date(), date.fromordinal(period.end.date().toordinal() - 1))


def command(*words: str) -> Any:
    done = CliRunner().invoke(cli.app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def page(rt: Laptop) -> FlaskClient:
    return create_site(rt, Service(OpenDoor(), loopback=True)).test_client()


SHOP = Decimal(LONG.replace("234.1", "238.1"))
"""LONG and 4."""
WHOLE = Decimal("12345678901248.323456789012345678901234")
"""LONG and 14.2."""
THIRD, REST = Decimal("3.33333333333"), Decimal("3.33333333334")


def test_nodes_get_their_shares_and_the_rest_is_shown_as_unallocated(seen: Laptop) -> None:
    answer = ask(seen, "node")
    assert sums(answer) == {
        ("USD", "shop"): add((SHOP, THIRD)),
        ("USD", "eng"): THIRD,
        ("USD", "data"): REST,
        ("USD", None): Decimal("8.2"),  # February has no version
        ("EUR", "shop"): Decimal("-2.333333333331"),
        ("EUR", "eng"): Decimal("-2.333333333331"),
        ("EUR", "data"): Decimal("-2.333333333338"),
    }
    whole = ask(seen, "provider")
    for with_nodes, without in zip(answer.currencies, whole.currencies, strict=True):
        assert with_nodes.amounts == without.amounts, "a charge that is split is one charge"
    assert [(one.number, one.valid_from) for one in answer.hierarchy] == [(1, MARCH)]
    assert whole.hierarchy == ()
    by_level = {each.keys: each.amounts.charges for one in ask(seen, "node:1").currencies for each in one.groups}
    assert by_level == {("eng",): 3, (None,): 3}, "its shares in one group are one charge"
    assert {each.names for one in answer.currencies for each in one.groups} == {
        ("Shop",),
        ("Engineering",),
        ("Data",),
        (None,),
    }


def test_an_amount_that_is_not_known_is_counted_once(seen: Laptop) -> None:
    from common.warehouse.cost_report import Metric

    answer = ask(seen, "node", metric=Metric.LIST_COST, days=month(3))
    (_, usd) = answer.currencies
    assert (usd.amounts.charges, usd.amounts.unknown) == (4, 1)


def test_a_past_month_stays_as_it_was_unless_it_is_restated(rt: Laptop) -> None:
    before = sums(ask(rt, "node:1", days=month(3)))
    made = change_node(rt, ORG, BY, "shop", name="Web shop", parent=TOP)
    assert (made.version.number, made.version.valid_from) == (2, date(2026, 4, 10))
    assert made.version.what == "shop moved to the top and shop renamed"
    assert sums(ask(rt, "node:1", days=month(3))) == before
    (names,) = {
        each.names
        for one in ask(rt, "node:2", days=month(3)).currencies
        for each in one.groups
        if each.keys == ("shop",)
    }
    assert names == ("Web shop",), "a node is called what it is called today"
    change_node(rt, ORG, Change("a test", MARCH), "shop", kind="project")
    restated = sums(ask(rt, "node:1", days=month(3)))
    assert restated[("USD", "shop")] == add((SHOP, THIRD)) and restated[("USD", "eng")] == THIRD + REST
    assert sums(ask(rt, "node:1", days=month(2))) == {("USD", None): Decimal(8)}
    found = [(one.number, one.valid_from) for one in hierarchy.list_versions(rt, ORG, 10)]
    assert found == [(3, MARCH), (2, date(2026, 4, 10)), (1, MARCH)], "versions that count no more are still listed"
    assert hierarchies.timeline(rt.documents, ORG) == ((MARCH, 3),)
    assert hierarchy.show_hierarchy(rt, ORG, date(2026, 2, 28)).number == 0
    assert hierarchy.show_version(rt, ORG, 1).hierarchy == read_hierarchy(FILE)


def test_each_charge_is_allocated_by_the_version_of_its_day(rt: Laptop) -> None:
    rt.clock.moment = datetime(2026, 3, 31, 9, tzinfo=UTC)
    assert put_rules(rt, ORG, BY, []).version.valid_from == date(2026, 3, 31)
    assert sums(ask(rt, "node", days=month(3)))[("EUR", None)] == Decimal(-7)
    assert sums(ask(rt, "node", days=month(3)))[("USD", "shop")] == add((SHOP, THIRD))
    assert [one.number for one in ask(rt, "node", days=month(3)).hierarchy] == [1, 2]
    last = Days(date(2026, 3, 31), date(2026, 3, 31))
    assert [one.number for one in ask(rt, "node", days=last).hierarchy] == [2]


def test_a_change_that_changes_nothing_makes_no_version(rt: Laptop) -> None:
    assert not put_hierarchy(rt, ORG, BY, read_hierarchy(FILE)).made
    assert not change_node(rt, ORG, BY, "shop", name="Shop", parent="eng").made
    assert put_hierarchy(rt, ORG, BY, Hierarchy()).made and not put_hierarchy(rt, ORG, BY, Hierarchy()).made
    assert put_hierarchy(rt, ORG, Change("a test", MARCH), Hierarchy()).made, "the same from an earlier day on restates"
    assert set(sums(ask(rt, "node", days=month(3)))) == {("USD", None), ("EUR", None)}
    again = put_hierarchy(rt, ORG, Change("a test", FEBRUARY), read_hierarchy(FILE))
    assert again.made and sums(ask(rt, "node", days=month(2))) == {
        ("USD", "shop"): Decimal(3),
        ("USD", None): Decimal(5),
    }


@pytest.mark.parametrize("day", [date(2026, 4, 11), date(2026, 5, 1), date(2026, 4, 9), date(2026, 3, 2)])
def test_only_today_and_first_days_of_months_begin_a_version(seen: Laptop, day: date) -> None:
    with pytest.raises(
        InvalidHierarchy, match="expected today, 2026-04-10, or the first day of a month that has begun"
    ):
        put_rules(seen, ORG, Change("a test", day), [])
    assert hierarchies.newest_number(seen.documents, ORG) == 1


def test_two_writers_at_once_lose_nothing_and_one_that_saw_an_older_version_is_refused(rt: Laptop) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: add_node(rt, ORG, BY, f"N {number}", "team", "eng"), range(16)))
    assert sorted(one.version.number for one in made) == list(range(2, 18))
    tree = hierarchy.show_hierarchy(rt, ORG).hierarchy
    assert {f"n-{number}" for number in range(16)} < set(tree.nodes) and len(tree.rules) == 2
    with pytest.raises(Permanent, match="at version 17, the change was made for version 1"):
        put_hierarchy(rt, ORG, Change("a test", None, 1), Hierarchy())
    # opposite moves cannot make a circle
    with ThreadPoolExecutor(2) as pool:
        moves = [
            pool.submit(change_node, rt, ORG, BY, *pair[:1], parent=pair[1])
            for pair in (("n-1", "n-2"), ("n-2", "n-1"))
        ]
    assert sorted(one.exception() is None for one in moves) == [False, True]


def test_conditions_on_nodes_hold_with_others_in_every_question(seen: Laptop) -> None:
    assert sums(ask(seen, "service", "node=eng", "account=1")) == {
        ("USD", "Compute"): Decimal(10),
        ("EUR", "Credit"): Decimal(-7),
    }
    assert sums(ask(seen, "account", "node=data", currency=None)) == {
        ("USD", "1"): REST,
        ("EUR", "1"): Decimal("-2.333333333338"),
    }
    forecast = ask_forecast(seen, ORG, ForecastQuestion(BillingPeriod(2026, 3), filters=(read_filter("node=data"),)))
    assert {one.currency: (one.to_date, one.charges) for one in forecast.currencies} == {
        "EUR": (Decimal("-2.333333333338"), 1), "USD": (REST, 1),
    }  # fmt: skip
    compared = ask(seen, "node", "node=shop", days=month(3), compare=True)
    assert compared.currencies[1].amounts.previous == 0, "February is unallocated"
    known = ask(seen, "node", "node=data", known_on=date(2026, 4, 9))
    assert known.hierarchy and sums(known) == {}
    with pytest.raises(InvalidQuestion, match=r"there is no node 'shopp' in these days; .*did you mean 'shop'"):
        ask(seen, "service", "node=shopp")
    with pytest.raises(InvalidQuestion, match="single charges cannot be chosen by node=shop"):
        ChargesQuestion(filters=(read_filter("node=shop"),))
    for level in ("11", "0", "", "01", "x"):
        with pytest.raises(
            InvalidQuestion, match=f"'node:{level}' is not a level, expected node:1 at the top to node:10"
        ):
            read_dimensions(f"node:{level}")
    api = client(seen)
    for edge in ("9999-12", "0001-01"):
        assert (
            checked(api.get(f"/api/costs?month={edge}&compare=previous&group=node"), 400)["code"] == "invalid_request"
        )
        assert checked(api.post(f"{PATH}/preview", json={"month": edge}), 400)["code"] == "invalid_request"


def test_top_groups_and_conversion_keep_the_whole(rt: Laptop) -> None:
    (_, usd) = ask(rt, "node", days=month(3), top=1).currencies
    assert usd.others_count == 3 and usd.others.total == THIRD + REST + Decimal("0.2")
    assert usd.amounts.total == WHOLE
    from common.tenancy.rates import set_rates

    set_rates(rt, ORG, "month,currency,usd_rate,source\n2026-03,EUR,1.123456789,a bank\n2026-02,EUR,1,a bank\n")
    (usd,) = ask(rt, "node", "node=eng", days=month(3), currency="USD").currencies
    assert usd.amounts.total == add((SHOP, Decimal(10), Decimal("-7.864197523")))


def test_a_preview_shows_each_node_before_and_after_and_stores_nothing(seen: Laptop) -> None:
    wanted = read_hierarchy(FILE.replace('to = "shop"', 'to = "data"'))
    preview = preview_hierarchy(seen, ORG, wanted)
    assert (str(preview.month), preview.based_on) == ("2026-03", 1)
    eur, usd = preview.currencies
    assert {one.node_id: one.change for one in usd.nodes if one.change} == {
        "shop": SHOP.copy_negate(),
        "data": SHOP,
    }
    assert add(one.after for one in usd.nodes) == usd.total == add(one.before for one in usd.nodes)
    assert [one.change for one in eur.nodes] == [0, 0, 0]
    assert hierarchies.newest_number(seen.documents, ORG) == 1


@pytest.mark.parametrize(
    ("by", "where"), [("node:2,service", []), ("day,node", ["node=eng", "account!=2"]), ("node:1", ["node="])]
)
def test_api_page_and_command_answer_alike(seen: Laptop, by: str, where: list[str]) -> None:
    api = client(seen).get("/api/costs", query_string={"group": by, "filter": where, "month": "2026-03"})
    options = [word for one in where for word in ("--where", one)]
    assert checked(api) == command("costs", "--by", by, "--month", "2026-03", *options)
    csv = page(seen).get(f"/{ORG}/analytics.csv", query_string={"group": by, "filter": where, "month": "2026-03"})
    totals = {each["total"] for one in api.json["currencies"] for each in one["groups"]}
    assert all(one in csv.get_data(as_text=True) for one in totals)


@pytest.mark.parametrize(
    "words",
    [
        ["costs", "--where", "node=shopp"],
        ["costs", "--by", "node", "--where", "node in (shop, shopp)"],
        ["costs", "--where", "node=shopp", "--dry-run"],
        ["tags", "--where", "node=shopp"],
        ["tags", "team", "--where", "node=shopp"],
        ["charges", "--where", "node=shop"],
    ],
)
def test_a_condition_on_nodes_that_cannot_be_asked_is_a_usage_error(seen: Laptop, words: list[str]) -> None:
    done = CliRunner().invoke(cli.app, words)
    said = " ".join(done.stderr.split())
    assert done.exit_code == 2, (said, done.exception)
    assert "there is no node 'shopp'" in said or "cannot be chosen by node=shop" in said


def test_an_answer_has_another_tag_and_mark_once_the_hierarchy_changes(rt: Laptop) -> None:
    ask_api = client(rt)
    first = ask_api.get("/api/costs?group=node")
    assert ask_api.get("/api/costs?group=node", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    plain = ask_api.get("/api/costs?group=service")
    change_node(rt, ORG, BY, "shop", name="Other")
    again = ask_api.get("/api/costs?group=node", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200 and again.json["receipt"]["mark"] != first.json["receipt"]["mark"]
    headers = {"If-None-Match": plain.headers["ETag"]}
    assert ask_api.get("/api/costs?group=service", headers=headers).status_code == 304


def test_the_api_changes_the_tree_and_refuses_what_cannot_be(rt: Laptop) -> None:
    api = client(rt)
    made = checked(api.post(f"{PATH}/nodes", json={"name": "Search", "parent": "eng", "from": "2026-03"}), 201)
    assert (made["version"], made["valid_from"], made["changed"], made["change"]) == (
        2,
        "2026-03-01",
        True,
        "team search added",
    )
    assert checked(api.post(f"{PATH}/nodes", json={"name": "Search"}), 409)["code"] == "already_exists"
    assert checked(api.patch(f"{PATH}/nodes/nobody", json={"name": "X"}), 404)["code"] == "not_found"
    assert checked(api.patch(f"{PATH}/nodes/eng", json={"parent": "search"}), 400)["code"] == "invalid_request"
    assert checked(api.patch(f"{PATH}/nodes/eng", json={"name": "X", "based_on": 1}), 409)["code"] == "conflict"
    moved = checked(api.patch(f"{PATH}/nodes/search", json={"parent": None}))
    assert {one["id"]: one["parent"] for one in moved["nodes"]}["search"] is None
    rules = [{"priority": 5, "when": {"service": ["Storage"]}, "to": {"search": "1.5", "data": "0.5"}}]
    assert checked(api.post(f"{PATH}/preview", json={"rules": rules}))["currencies"][1]["total"] == f"{WHOLE:f}"
    changed = checked(api.put(f"{PATH}/rules", json={"rules": rules, "from": "2026-03"}))
    assert changed["rules"] == rules
    storage = EXACT.add(Decimal(LONG), Decimal("0.2"))
    assert sums(ask(rt, "node", "node=search")) == {("USD", "search"): EXACT.multiply(storage, Decimal("0.75"))}
    assert checked(api.delete(f"{PATH}/nodes/search"), 400)["detail"].startswith(
        "node search cannot be removed: rules allocate to it"
    )
    assert checked(api.delete(f"{PATH}/nodes/eng?subtree=true"), 400)["code"] == "invalid_request"
    assert checked(api.get(f"{PATH}?on=2026-02-28"))["version"] == 0
    assert checked(api.get(f"{PATH}?version=1"))["rules"][0]["to"] == {"data": "1", "eng": "1", "shop": "1"}
    assert checked(api.get(f"{PATH}?version=99"), 404)["code"] == "not_found"
    listed = checked(api.get(f"{PATH}/versions?limit=2"))["versions"]
    assert [one["version"] for one in listed] == [4, 3]
    assert [one["version"] for one in checked(api.get(f"{PATH}/versions?before=3"))["versions"]] == [2, 1]


def test_the_page_shows_the_tree_what_is_unallocated_and_a_change_before_it_is_saved(rt: Laptop) -> None:
    site = page(rt)
    shown = site.get(f"/{ORG}/settings/hierarchy").get_data(as_text=True)
    assert "Unallocated · March 2026" in shown and "Engineering" in shown
    assert 'class="receipt"' in shown
    text = FILE.replace('to = "shop"', 'to = "data"')
    form = {"text": text, "action": "preview", "based_on": "1"}
    preview = site.post(f"/{ORG}/settings/hierarchy", data=form)
    assert preview.status_code == 200 and "Effect on 2026-03" in preview.get_data(as_text=True)
    assert hierarchies.newest_number(rt.documents, ORG) == 1
    stale = site.post(f"/{ORG}/settings/hierarchy", data=form | {"action": "save", "based_on": "0"})
    assert stale.status_code == 400 and "at version 1" in stale.get_data(as_text=True)
    saved = site.post(f"/{ORG}/settings/hierarchy", data=form | {"action": "save", "since": "2026-03"})
    assert saved.status_code in (302, 303)
    assert hierarchy.show_hierarchy(rt, ORG).valid_from == MARCH
    assert site.post(
        f"/{ORG}/settings/hierarchy/nodes", data={"name": "<b>Ops", "kind": "team", "parent": "eng"}
    ).status_code in (302, 303)
    assert "&lt;b&gt;Ops" in site.get(f"/{ORG}/settings/hierarchy").get_data(as_text=True)
    bad = site.post(f"/{ORG}/settings/hierarchy/nodes", data={"name": "Ops", "kind": "squad"})
    assert bad.status_code == 400 and "Kind is &#39;squad&#39;" in bad.get_data(as_text=True)


def test_names_on_the_costs_page_lead_down_the_tree_to_the_same_sums(seen: Laptop) -> None:
    site = page(seen)
    shown = site.get(f"/{ORG}/analytics?group=node:1&month=2026-03").get_data(as_text=True)
    assert "Hierarchy level 1" in shown and "Unallocated" in shown
    assert "group=node%3A2&amp;filter=node%3A1%3Deng" in shown
    deeper = site.get(f"/{ORG}/analytics?group=node:2&month=2026-03&filter=node:1%3Deng").get_data(as_text=True)
    assert "filter=node%3A2%3Dshop" in deeper and ">Charges</a>" not in deeper
    own = site.get(f"/{ORG}/analytics?group=node&month=2026-03").get_data(as_text=True)
    assert "filter=node%3A10%3Deng" in own
    assert sums(ask(seen, "node", "node:10=eng", days=month(3))) == {
        ("USD", "eng"): THIRD,
        ("EUR", "eng"): Decimal("-2.333333333331"),
    }


def test_commands_change_the_tree_and_its_rules(rt: Laptop, tmp_path: Path) -> None:
    assert command("hierarchy", "add", "Ops", "--kind", "department")["version"] == 2
    command(
        "hierarchy",
        "rules",
        "add",
        "5",
        "--tag",
        "team=a",
        "--tag",
        "team=b",
        "--service",
        "Compute",
        "--to",
        "ops=2",
        "--to",
        "eng",
    )
    (first, *_) = command("hierarchy", "rules", "list")
    assert first == {
        "priority": 5,
        "when": {"service": ["Compute"], "tag:team": ["a", "b"]},
        "to": {"eng": "1", "ops": "2"},
    }
    command("hierarchy", "rules", "remove", "5")
    command("hierarchy", "move", "data", "--to", "ops")
    command("hierarchy", "rename", "ops", "Operations", "--kind", "team")
    shown = command("hierarchy", "show")
    assert {one["id"]: (one["name"], one["kind"], one["parent"]) for one in shown["nodes"]}["ops"] == (
        "Operations",
        "team",
        None,
    )
    assert shown["valid_from"] == "2026-04-10" and shown["changed_by"] == "command line"
    (tmp_path / "h.toml").write_text(FILE, encoding="utf-8")
    assert command("hierarchy", "apply", str(tmp_path / "h.toml"), "--dry-run")["based_on"] == 6
    assert command("hierarchy", "apply", str(tmp_path / "h.toml"), "--from", "2026-01")["valid_from"] == "2026-01-01"
    assert [one["version"] for one in command("hierarchy", "versions")] == [7, 6, 5, 4, 3, 2, 1]
    refused = "remove shop;move eng --to data;move eng;rules add 0 --account 1 --to eng;add X --from 2027-01;rules add 9 --to eng"
    for words in map(str.split, refused.split(";")):
        assert CliRunner().invoke(cli.app, ["hierarchy", *words]).exit_code == 2, words


def test_a_hierarchy_is_its_organization_s_alone_and_goes_with_it(rt: Laptop) -> None:
    add_organization(rt, "Other", "other_1", "Starter")
    with pytest.raises(UnknownNode):
        remove_node(rt, "other_1", BY, "shop")
    add_node(rt, "other_1", BY, "Shop", "team", None)
    assert set(hierarchy.show_hierarchy(rt, ORG).hierarchy.nodes) == {"eng", "shop", "data"}
    data.remove(rt, "other_1")
    assert rt.documents.list("orgs/other_1/hierarchy") == [] and hierarchies.newest_number(rt.documents, ORG) == 1


def test_the_worked_example_of_the_page_prints_what_the_page_says(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "hierarchy.md").read_text(encoding="utf-8")
    (declared, *printed) = re.findall(r"```(?:toml)?\n(.*?)```", text, re.DOTALL)
    (tmp_path / "hierarchy.toml").write_text(declared, encoding="utf-8")
    path = str(tmp_path / "hierarchy.toml")
    with laptop(tmp_path / "home") as made:
        made.clock.moment = NOW
        (bill,) = (ROOT / "costwire" / "samples" / "aws").rglob("*.csv*")
        made.bring(bill)
        asked = (["hierarchy", "apply", path, "--dry-run"], ["costs", "--by", "node"], ["costs", "--by", "node:1"])
        for number, words in enumerate(asked):
            if number == 1:
                command("hierarchy", "apply", path, "--from", "2026-03")
            month = ["--month", "2026-03"]
            done = CliRunner().invoke(cli.app, [*words, *month])
            lines = {" ".join(line.split()) for line in done.stdout.splitlines()}
            said = {" ".join(line.split()) for line in printed[number].splitlines()}
            assert said <= lines
        now, known = (command("costs", "--by", "node", *more) for more in ([], ["--as-known-on", "2026-04-10"]))
        assert known["currencies"] == now["currencies"]
        found = {one["keys"][0]: one["total"] for one in now["currencies"][0]["groups"]}
        assert f"Platform has {found['platform']} and Data {found['data']}" in text
        assert Decimal(found["platform"]) + Decimal(found["data"]) == 4380
