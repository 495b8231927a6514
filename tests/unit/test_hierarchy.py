"""The tree and the rules of a hierarchy: no order of changes makes a circle or too many levels, and no split loses a digit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.allocation import Condition, InvalidHierarchy, NodeExists, Rule, UnknownNode, first_match, shares_of
from common.domain.hierarchy import MOST_LEVELS, MOST_NODES, Hierarchy, Node
from common.domain.money import add
from common.errors import BadConfiguration
from common.tenancy.hierarchy_file import hierarchy_text, read_hierarchy

ACCOUNT = (Condition("account", ("a",)),)


def tree(*paths: str) -> Hierarchy:
    """One node per path, as `eng/platform`."""
    made = Hierarchy()
    for path in paths:
        parent, _, name = path.rpartition("/")
        made = made.add(Node(name, name.title(), "team", parent.rpartition("/")[2] or None))
    return made


def rule(priority: int, *to: str) -> Rule:
    return Rule(priority, ACCOUNT, dict.fromkeys(to, Decimal(1)))


def paths(one: Hierarchy) -> set[str]:
    return {"/".join(path) for path in one.paths.values()}


def test_a_node_moves_with_all_below_it_and_never_below_itself() -> None:
    whole = tree("eng", "eng/platform", "eng/platform/cache", "ops")
    assert paths(whole.move("platform", "ops")) == {"eng", "ops", "ops/platform", "ops/platform/cache"}
    assert paths(whole.move("cache", None)) == {"eng", "eng/platform", "cache", "ops"}
    for below in ("eng", "platform", "cache"):
        with pytest.raises(InvalidHierarchy, match=f"eng cannot be moved below itself: {below} is part of it"):
            whole.move("eng", below)
    with pytest.raises(InvalidHierarchy, match="there is no node nowhere, the parent of eng"):
        whole.move("eng", "nowhere")
    with pytest.raises(UnknownNode, match="there is no node 'platfrom'; did you mean 'platform'"):
        whole.move("platfrom", None)


def test_the_depth_of_a_whole_subtree_is_checked() -> None:
    chain = "/".join(f"n{level}" for level in range(MOST_LEVELS))
    steps = chain.split("/")
    deep = tree(*("/".join(steps[: end + 1]) for end in range(MOST_LEVELS)), "a", "a/b")
    with pytest.raises(InvalidHierarchy, match="node extra would be on level 11, 10 are the most"):
        deep.add(Node("extra", "Extra", "team", "n9"))
    with pytest.raises(InvalidHierarchy, match="node b would be on level 11, 10 are the most"):
        deep.move("a", "n8")
    assert "n0/n1/n2/n3/n4/n5/n6/n7/a/b" in paths(deep.move("a", "n7"))


def test_a_removed_node_leaves_what_is_below_it_to_its_parent_or_takes_it_along() -> None:
    whole = tree("eng", "eng/platform", "eng/platform/cache")
    assert paths(whole.remove("platform")) == {"eng", "eng/cache"}
    assert paths(whole.remove("eng")) == {"platform", "platform/cache"}
    assert paths(whole.remove("platform", subtree=True)) == {"eng"}
    used = whole.with_rules([rule(7, "cache")])
    with pytest.raises(InvalidHierarchy, match=r"rules allocate to it or what is below it \(priority 7\)"):
        used.remove("platform", subtree=True)
    assert paths(used.remove("platform")) == {"eng", "eng/cache"}


def test_what_cannot_be_is_refused() -> None:
    whole = tree("eng")
    with pytest.raises(NodeExists, match="node eng exists already"):
        whole.add(Node("eng", "Again", "team"))
    with pytest.raises(InvalidHierarchy, match=r"node (a|b) would lie below itself"):
        Hierarchy({"a": Node("a", "A", "team", "b"), "b": Node("b", "B", "team", "a")})
    with pytest.raises(InvalidHierarchy, match="2,001 nodes, 2,000 are the most"):
        Hierarchy({f"n{number}": Node(f"n{number}", "N", "team") for number in range(MOST_NODES + 1)})
    with pytest.raises(
        InvalidHierarchy, match="rule 3 allocates to node 'egn', which does not exist; did you mean 'eng'"
    ):
        whole.with_rules([rule(3, "egn")])
    with pytest.raises(InvalidHierarchy, match="two rules have priority 3"):
        whole.with_rules([rule(3, "eng"), rule(3, "eng")])
    for name in ("", " ", "a\nb", "a\x1b[0m", "\ud800", "x" * 201):
        with pytest.raises(InvalidHierarchy):
            Node("eng", name, "team")
    for node_id in ("", "Eng", "../etc", "a b", "-a", "a" * 64, "a\n"):
        with pytest.raises(InvalidHierarchy):
            Node(node_id, "Eng", "team")
    for column, values in (
        ("bill", ("a",)),
        ("tag:", ("a",)),
        ("account", ()),
        ("account", ("a", "a")),
        ("account", ("",)),
        ("account", ("\x00",)),
    ):
        with pytest.raises(InvalidHierarchy):
            Condition(column, values)
    for weight in ("0", "-1", "0.0000001", "1000001", "NaN"):
        with pytest.raises((InvalidHierarchy, ArithmeticError)):
            Rule(1, ACCOUNT, {"eng": Decimal(weight)})
    for priority in (0, -1, 1_000_001, True):
        with pytest.raises(InvalidHierarchy):
            Rule(priority, ACCOUNT, {"eng": Decimal(1)})


NAMES = st.sampled_from([f"n{number}" for number in range(14)])
CHANGES = st.tuples(st.sampled_from(("add", "move", "remove", "cut")), NAMES, st.none() | NAMES)


@given(st.lists(CHANGES, max_size=60))
@settings(max_examples=150, deadline=None)
def test_no_order_of_changes_makes_a_circle_or_an_eleventh_level(
    changes: Sequence[tuple[str, str, str | None]],
) -> None:
    whole = Hierarchy()
    for kind, name, parent in changes:
        before = whole
        try:
            if kind == "add":
                whole = whole.add(Node(name, name, "team", parent))
            elif kind == "move":
                whole = whole.move(name, parent)
            else:
                whole = whole.remove(name, subtree=kind == "cut")
        except InvalidHierarchy:
            assert whole is before
        for node in whole.nodes.values():
            at, steps = node, 1
            while at.parent is not None:
                at, steps = whole.nodes[at.parent], steps + 1
                assert steps <= MOST_LEVELS
            assert whole.paths[node.node_id][-1] == node.node_id and len(whole.paths[node.node_id]) == steps


WEIGHTS = st.decimals("0.01", "1000000", places=2)


@given(
    st.dictionaries(NAMES, WEIGHTS, min_size=1),
    st.decimals(allow_nan=False, allow_infinity=False, places=24, min_value=-1e9, max_value=1e9),
)
@settings(max_examples=200, deadline=None)
def test_shares_are_the_whole_to_the_last_digit_and_as_near_as_digits_allow(
    weights: dict[str, Decimal], cost: Decimal
) -> None:
    from common.domain.money import EXACT

    shares = shares_of(weights)
    assert add(shares.values()) == 1
    assert add(EXACT.multiply(cost, one) for one in shares.values()) == cost
    whole = sum(weights.values())
    for name, one in shares.items():
        assert abs(one - EXACT.divide(weights[name], whole)) < Decimal("1e-12")
    assert shares == shares_of(dict(reversed(weights.items())))


def test_units_that_are_left_go_to_the_largest_remainders_then_by_id() -> None:
    assert shares_of(dict.fromkeys("cab", Decimal(1))) == {
        "a": Decimal("0.333333333334"), "b": Decimal("0.333333333333"), "c": Decimal("0.333333333333"),
    }  # fmt: skip
    two_thirds = shares_of({"a": Decimal(1), "b": Decimal(2)})
    assert two_thirds == {"a": Decimal("0.333333333333"), "b": Decimal("0.666666666667")}
    assert shares_of({"a": Decimal("2.5"), "b": Decimal("7.5")}) == {"a": Decimal("0.25"), "b": Decimal("0.75")}


def test_the_rule_of_the_least_priority_whose_conditions_all_hold_matches() -> None:
    both = Rule(20, (*ACCOUNT, Condition("tag:team", ("x", "y"))), {"eng": Decimal(1)})
    whole = tree("eng", "ops").with_rules([rule(30, "ops"), both])
    assert [one.priority for one in whole.rules] == [20, 30]
    assert first_match(whole.rules, {"account": "a", "tag:team": "y"}) is whole.rules[0]
    assert first_match(whole.rules, {"account": "a", "tag:team": "X"}) is whole.rules[1]
    assert first_match(whole.rules, {"account": None}) is None


def test_a_file_is_read_back_as_it_was_written() -> None:
    odd = 'it\'s "a\\b" 🌍 { } # = \u202e'
    rules = [
        Rule(1, (Condition('tag:odd."k', (odd, "b")),), {"eng": Decimal("2.5"), "ops": Decimal(1)}),
        rule(2, "eng"),
    ]
    whole = tree("eng", "eng/ops").rename("ops", odd, "project").with_rules(rules)
    assert read_hierarchy(hierarchy_text(whole)) == whole
    assert read_hierarchy(hierarchy_text(Hierarchy())) == Hierarchy() == read_hierarchy("nodes = []")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"it declares nothing; add \[\[nodes\]\], or write nodes = \[\]"),
        ("# cut off here", "it declares nothing"),
        ("nodes = 3", "nodes is not a list of tables"),
        ("[[node]]", "'node' is not known, expected nodes, rules; did you mean 'nodes'"),
        ("[[nodes]]\nname = 'A'", r"\[\[nodes\]\] number 1: kind is missing"),
        ("[[nodes]]\nname = 'A'\nkind = 'squad'", "kind is 'squad', expected department, project, team"),
        ("[[nodes]]\nname = 'A'\nkind = 'team'\n[[nodes]]\nname = 'A'\nkind = 'team'", "id a is there twice"),
        ("[[rules]]\npriority = '1'", "priority is '1', expected a whole number"),
        ("[[rules]]\npriority = 1\nwhen = { account = 1 }\nto = 'a'", "another type than text or a list of texts"),
        ("[[rules]]\npriority = 1\nwhen = { account = 'a' }\nto = { a = true }", "another type than a number"),
        ("[[rules]]\npriority = 1\nwhen = { account = 'a' }\nto = { a = nan }", "weight is 'NaN'|another type"),
        ("[[rules]]\npriority = 1\nwhen = {}\nto = 'a'", "has 0 conditions"),
        ("[[nodes]]\nname = '日本'\nkind = 'team'", "has no letter from a to z and no digit to make an id of"),
        ("a = [" * 3000, "is not valid TOML"),
    ],
)
def test_a_file_that_says_nothing_is_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(BadConfiguration, match=words):
        read_hierarchy(text)
