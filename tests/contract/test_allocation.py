"""Allocation by the rules of a hierarchy: every warehouse finds the same rule for each charge, to the last digit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.domain.allocation import Condition, Rule, first_match
from common.domain.hierarchy import Hierarchy, Node
from common.domain.money import EXACT, add
from common.records.hierarchies import Version
from common.reporting.allocated import allocated_by
from common.reporting.arguments import read_dimensions, read_filter
from common.warehouse.cost_report import CostsQuery, read_costs
from tests.contract.backends import chosen
from tests.contract.warehouse_cases import ORG, Opened, charge

TINY = "8.000000000000000000000001"
ODD = 'it\'s "a\\b" ; -- ß🌍,['
NODES = {
    one.node_id: one
    for one in (
        Node("eng", "Engineering", "department"),
        Node("platform", "Platform", "team", "eng"),
        Node("shop", "Shop", "team", "eng"),
        Node("odd", "Odd", "project"),
    )
}


def rule(priority: int, to: dict[str, str], **when: str | tuple[str, ...]) -> Rule:
    conditions = [
        Condition(name.replace("tag_", "tag:"), (one,) if isinstance(one, str) else one) for name, one in when.items()
    ]
    return Rule(priority, tuple(conditions), {name: Decimal(weight) for name, weight in to.items()})


FIRST = Hierarchy(
    NODES,
    (
        rule(10, {"platform": "1", "shop": "1", "eng": "1"}, tag_team="a", service="Compute"),
        rule(20, {"shop": "1"}, tag_team=("a", "b")),
        rule(30, {"eng": "1"}, account=("account-1", "account-9"), region="region-1"),
        rule(40, {"odd": "1"}, **{'tag_odd."key': ODD}),
        rule(50, {"platform": "3", "odd": "1"}, service="Storage"),
        rule(60, {"eng": "1"}, service="Storage"),
    ),
)
SECOND = Hierarchy(NODES, (rule(10, {"odd": "1"}, account="account-1"),))


CHARGES = [
    charge(BilledCost="10", Tags='{"team": "a"}'),
    charge(BilledCost="2", Tags='{"team": "a"}', ServiceName=None),
    charge(BilledCost=TINY, Tags=None, RegionId="region-1"),
    charge(BilledCost="16", SubAccountId=None, RegionId="region-1", Tags=json.dumps({'odd."key': ODD})),
    charge(BilledCost="32", BillingCurrency="EUR", ServiceName="Storage", SubAccountId="account-2", Tags=None),
    charge(BilledCost="64", SubAccountId="account-3", RegionId=None, Tags='{"team": ""}'),
    charge(BilledCost="128", ChargePeriodStart="2026-03-31T23:30:00Z", Tags='{"team": "a"}'),
    charge(BilledCost="-1", ChargePeriodStart="2026-03-09T23:59:59Z", Tags='{"team": "a"}'),
]


@pytest.fixture(scope="module", params=chosen("WAREHOUSES", "duckdb"))
def opened(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Opened]:
    made = Opened(tmp_path_factory.mktemp("allocation"), request.param)
    made.show("d1", *CHARGES)
    yield made
    made.close()


VERSIONS = [Version(1, date(2026, 3, 10), "", "", "", FIRST), Version(2, date(2026, 3, 31), "", "", "", SECOND)]


def allocated(
    opened: Opened, by: str, *conditions: str, versions: Sequence[Version] = VERSIONS
) -> tuple[dict[tuple[Any, ...], Decimal], dict[str, Decimal]]:
    """((currency, keys...) -> cost, currency -> the whole)."""
    group, filters = read_dimensions(by), tuple(map(read_filter, conditions))
    own = [one for one in filters if one.dimension.of_nodes]
    made = allocated_by(group, own, versions, dict(NODES))
    sums = read_costs(partial(opened.warehouse.query, ORG), made.query(CostsQuery(group, filters=filters)))
    found: dict[tuple[Any, ...], Decimal] = {}
    for one in made.parts(sums):
        key = (one.currency, *one.keys)
        found[key] = EXACT.add(found.get(key, Decimal(0)), one.cost or Decimal(0))
    whole: dict[str, Decimal] = {}
    for one in made.whole(sums):
        whole[one.currency] = EXACT.add(whole.get(one.currency, Decimal(0)), one.cost or Decimal(0))
    return found, whole


THIRD, REST = Decimal("3.33333333333"), Decimal("3.33333333334")


def test_the_first_rule_that_matches_allocates_a_charge_by_the_version_of_its_day(opened: Opened) -> None:
    found, whole = allocated(opened, "node")
    assert found == {
        ("USD", "eng"): REST + Decimal(TINY),
        ("USD", "platform"): THIRD,
        ("USD", "shop"): THIRD + 2,
        ("USD", "odd"): Decimal(16 + 128),
        ("USD", None): Decimal(64 - 1),  # no rule, and a second before the first version
        ("EUR", "platform"): Decimal(24),
        ("EUR", "odd"): Decimal(8),
    }
    assert whole == {"USD": 10 + 2 + Decimal(TINY) + 16 + 64 + 128 - 1, "EUR": Decimal(32)}


def test_a_level_shows_ancestors_and_what_lies_above_it(opened: Opened) -> None:
    found, _ = allocated(opened, "node:1")
    assert found[("USD", "eng")] == 10 + 2 + Decimal(TINY)
    found, _ = allocated(opened, "node:2,account", "node:1=eng")
    assert found == {
        ("USD", "eng", "account-1"): REST + Decimal(TINY),
        ("USD", "platform", "account-1"): THIRD,
        ("USD", "shop", "account-1"): THIRD + 2,
        ("EUR", "platform", "account-2"): Decimal(24),
    }


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("node=eng", 12 + Decimal(TINY)),
        ("node=platform", THIRD),
        ("node in (platform, shop)", 2 * THIRD + 2),
        ("node!=eng", Decimal(16 + 128 + 63)),
        ("node not in (eng, odd)", Decimal(63)),
        ("node=", Decimal(63)),
        ("node!=", 12 + Decimal(TINY) + 144),
        ("node~ENGIN", 12 + Decimal(TINY)),
        ("node:2=eng", REST + Decimal(TINY)),
        ("node:10=shop", THIRD + 2),
    ],
)
def test_a_condition_on_nodes_takes_their_part(opened: Opened, condition: str, expected: Decimal) -> None:
    _, whole = allocated(opened, "service", condition)
    assert whole.get("USD") == expected
    by_node, _ = allocated(opened, "node,day", condition)
    assert sum(cost for keys, cost in by_node.items() if keys[0] == "USD") == expected


COLUMNS = {"account": "SubAccountId", "service": "ServiceName", "region": "RegionId"}
SOME = {
    "account": ("account-1", "account-2", "account-3", "none-such"),
    "service": ("Compute", "Storage"),
    "region": ("region-1", "eu-west-1"),
    "tag:team": ("a", "b"),
    'tag:odd."key': (ODD, "x"),
}
CONDITIONS = st.dictionaries(st.sampled_from(sorted(SOME)), st.integers(1, 2), min_size=1, max_size=3).flatmap(
    lambda wanted: st.fixed_dictionaries(
        {
            name: st.lists(st.sampled_from(SOME[name]), min_size=1, max_size=count, unique=True)
            for name, count in wanted.items()
        }
    )
)
RULES = st.lists(
    st.tuples(
        CONDITIONS, st.dictionaries(st.sampled_from(sorted(NODES)), st.decimals("0.01", "99", places=2), min_size=1)
    ),
    max_size=8,
).map(
    lambda found: tuple(
        Rule(number, tuple(Condition(name, tuple(values)) for name, values in when.items()), to)
        for number, (when, to) in enumerate(found, 1)
    )
)
PARENTS = st.fixed_dictionaries(
    {"platform": st.sampled_from([None, "eng", "odd"]), "shop": st.sampled_from([None, "eng", "platform"])}
)


@given(rules=RULES, parents=PARENTS, more=RULES)
@settings(max_examples=15, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_rules_allocate_every_charge_as_they_say_and_keep_the_whole(
    opened: Opened, rules: tuple[Rule, ...], parents: dict[str, str | None], more: tuple[Rule, ...]
) -> None:
    """Against the same decision made charge by charge in Python."""
    tree = {name: replace(one, parent=parents.get(name, one.parent)) for name, one in NODES.items()}
    versions = [
        Version(1, date(2026, 3, 10), "", "", "", Hierarchy(tree, rules)),
        Version(2, date(2026, 3, 31), "", "", "", Hierarchy(NODES, more)),
    ]
    expected: dict[tuple[Any, ...], Decimal] = {}
    for row in CHARGES:
        day, cost = str(row["ChargePeriodStart"])[:10], Decimal(str(row["BilledCost"]))
        known = [one.hierarchy for one in versions if one.valid_from.isoformat() <= day]
        tags = {f"tag:{key}": value for key, value in json.loads(row["Tags"] or "{}").items()}
        facts = {name: row[column] for name, column in COLUMNS.items()} | tags
        match = first_match(known[-1].rules, facts) if known else None
        for node_id, share in match.shares.items() if match else [(None, Decimal(1))]:
            path = known[-1].paths[node_id] if node_id else (None,)
            key = (row["BillingCurrency"], node_id, path[min(2, len(path)) - 1])
            expected[key] = EXACT.add(expected.get(key, Decimal(0)), EXACT.multiply(cost, share))
    found, whole = allocated(opened, "node,node:2", versions=versions)
    assert found == expected
    assert whole == {
        currency: add(Decimal(str(one["BilledCost"])) for one in CHARGES if one["BillingCurrency"] == currency)
        for currency in whole
    }
