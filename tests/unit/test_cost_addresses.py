"""Addresses of the Costs screen: every state is one, and each link leads to exactly the charges that it names."""

from __future__ import annotations

from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from common.reporting.arguments import read_dimensions, read_filter
from common.warehouse.dimensions import Operator, dimension
from web.pages.cost_address import Addresses, CostsPage, address_of_form, condition_text, in_words, listed, period_words
from web.pages.cost_colours import colours

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def links(query: str) -> Addresses:
    found = parse_qs(query)
    known = {name: values if name == "filter" else values[0] for name, values in found.items()}
    return Addresses("default", CostsPage.model_validate(known))


def asked(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query)


@given(KEYS, st.sampled_from(["service", "tag:a=b", "tag:team, x", 'tag:"q"', "tag:in (a)"]))
def test_a_condition_reads_back_as_exactly_its_value(key: str, name: str) -> None:
    found = read_filter(condition_text(name, key))
    assert (found.dimension, found.operator, found.values) == (dimension(name), Operator.IS, (key,))


def test_a_condition_without_a_value_asks_for_charges_without_one() -> None:
    assert read_filter(condition_text("tag:team", None)).operator is Operator.IS_EMPTY
    assert in_words("tag:team=") == "tag:team is not set" and in_words("service!=") == "Service is set"


@given(KEYS)
def test_a_tag_reads_back_as_a_dimension(key: str) -> None:
    name = f"tag:{key.strip() or 'x'}"
    assert [one.name for one in read_dimensions(f"service,{listed(name)}")] == ["service", name]


def test_a_name_leads_to_its_charges_by_the_next_dimension() -> None:
    found = asked(links("month=2026-03&group=service&compare=previous").drill("service", "Amazon EC2"))
    assert found == {
        "month": ["2026-03"],
        "group": ["account"],
        "compare": ["previous"],
        "filter": ["service=Amazon EC2"],
    }
    deeper = links("group=account&filter=service=A").drill("account", "1")
    assert asked(deeper) == {"group": ["region"], "filter": ["service=A", "account=1"]}
    assert asked(links("group=tag:team").drill("tag:team", None))["group"] == ["provider"]
    resource = links("group=resource&month=2026-03&filter=service=A").drill("resource", "/a b?c&d")
    assert resource.startswith("/default/analytics/resource?")
    assert asked(resource) == {"id": ["/a b?c&d"], "month": ["2026-03"], "filter": ["service=A"]}
    assert asked(links("group=resource").drill("resource", None))["group"] == ["ChargeCategory"]
    assert "group2" not in asked(links("group=service&group2=region").drill("service", "A"))


def test_a_time_leads_to_its_days() -> None:
    found = asked(links("group=month&from=2026-01-01&to=2026-03-31").drill("month", "2026-02"))
    assert (found["from"], found["to"]) == (["2026-02-01"], ["2026-02-28"])


def test_the_path_leads_back() -> None:
    steps = links("group=region&filter=service=A&filter=account=1").crumbs()
    assert [one.text for one in steps] == ["All costs", "Service is A", "Sub account is 1"]
    assert asked(steps[0].address or "") == {"group": ["service"]}
    assert asked(steps[1].address or "") == {"group": ["account"], "filter": ["service=A"]}
    assert steps[2].address is None


def test_the_api_gets_the_question_without_what_is_only_of_the_page() -> None:
    one = links("group=service&group2=account&each=week&show_currency=EUR&sort=change&rows=all&page=2&filter=region=a")
    assert asked(one.json) == {"group": ["service,account"], "filter": ["region=a"]}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"period": "last:90d", "group": "service", "compare": "previous"},
         {"last": ["90d"], "group": ["service"], "compare": ["previous"]}),
        ({"period": "days", "from": "2026-03-01", "to": "2026-03-02", "group": "region"},
         {"from": ["2026-03-01"], "to": ["2026-03-02"], "group": ["region"]}),
        ({"period": "all", "group": "service", "compare": "previous", "from": "2026-03-01"}, {"group": ["service"]}),
        ({"period": "month:2026-03", "group": "service", "tag": " team "}, {"month": ["2026-03"], "group": ["tag:team"]}),
        ({"period": "month:2026-03", "group": "day", "compare": "previous"}, {"month": ["2026-03"], "group": ["day"]}),
        (
            {"period": "all", "group": "service", "filter_by": "region", "filter_how": "contains", "filter_value": "us"},
            {"group": ["service"], "filter": ["region~us"]},
        ),
        (
            {"period": "all", "group": "service", "filter_by": "region", "filter_tag": "team", "filter_how": "empty"},
            {"group": ["service"], "filter": ["tag:team="]},
        ),
    ],
)  # fmt: skip
def test_the_form_leads_to_one_address(fields: dict[str, str], found: dict[str, list[str]]) -> None:
    assert asked(address_of_form("default", MultiDict(fields))) == found


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (None, None, "All days"),
        (date(2026, 3, 1), date(2026, 3, 31), "March 2026"),
        (date(2026, 3, 1), date(2026, 3, 1), "Sun 1 Mar 2026"),
        (date(2025, 12, 30), date(2026, 1, 2), "30 Dec 2025 to 2 Jan 2026"),
        (None, date(2026, 1, 2), "Up to Fri 2 Jan 2026"),
    ],
)
def test_days_are_named_as_readers_name_them(first: date | None, last: date | None, words: str) -> None:
    assert period_words(first, last) == words


def test_a_colour_belongs_to_its_group() -> None:
    order = [f"service {number}" for number in range(20)]
    some = colours(order[2:9], order)
    assert some == colours(reversed(order[2:9]), order)
    assert some["service 3"] == colours(order[3:5], order)["service 3"] == "s3"
    assert len(set(some.values())) == 7
    assert len(set(colours([f"x{number}" for number in range(8)]).values())) == 8
