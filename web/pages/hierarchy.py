"""Settings, Hierarchy: the tree with what was allocated to each node, the rules, what is unallocated, and the effect of changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from common.domain.allocation import InvalidHierarchy, Rule
from common.domain.hierarchy import KINDS, Hierarchy, Node
from common.domain.money import EXACT
from common.domain.period import BillingPeriod
from common.errors import Permanent
from common.reporting.arguments import InvalidQuestion, read_period
from common.reporting.costs import CostsAnswer, CostsQuestion, ask_costs
from common.reporting.hierarchy import HierarchyPreview, preview_hierarchy
from common.reporting.unclassified import newest_charge
from common.tenancy import hierarchy as keeping
from common.tenancy.hierarchy import Change
from common.tenancy.hierarchy_file import hierarchy_text, read_hierarchy
from common.warehouse.cost_report import Days
from common.warehouse.dimensions import NODE, dimension
from web.api.shapes import Asked
from web.formatting import month_name
from web.pages.costs import chosen_currency
from web.pages.receipts import view
from web.pages.screen import Call, Goto, Screen, Screens, read_form

screens = Screens()
_SHOWN_RULES = 200
_SHOWN_NODES = 300
_EDITED_CHARACTERS = 60_000
"""A longer text is changed by the command: the page would be too large."""


class HierarchyForm(Asked):
    """A whole hierarchy as the text of a file.  action: look at its effect, or store it.  based_on: the version that it was made of."""

    text: str = Field("", max_length=100_000)
    since: str = Field("", max_length=7)
    action: Literal["preview", "save"] = "preview"
    based_on: int = Field(0, ge=0)


class NodeForm(Asked):
    """A node to be added."""

    name: str = Field("", max_length=200)
    kind: str = Field("team", max_length=20)
    parent: str = Field("", max_length=63)
    since: str = Field("", max_length=7)


@dataclass(frozen=True)
class NodeRow:
    """One node of the tree.  own: what the month allocates to the node itself, total: with all below it; None without any charge."""

    node: Node
    level: int
    rules: str
    own: Decimal | None
    total: Decimal | None


@screens.get("/{org}/settings/hierarchy")
def hierarchy(call: Call) -> Screen:
    """The tree, the rules and what is unallocated."""
    return _hierarchy(call)


@screens.post("/{org}/settings/hierarchy", action="hierarchy.change")
def set_hierarchy(call: Call) -> Goto | Screen:
    """Show what another hierarchy would do, or store it."""
    form = read_form(HierarchyForm)
    text = form.text.replace("\r\n", "\n")
    try:
        wanted = read_hierarchy(text, "the text")
        if form.action == "preview":
            return _hierarchy(call, form, preview=preview_hierarchy(call.rt, call.org_slug, wanted))
        change = Change(call.caller.name, _first_day(form.since), form.based_on)
        keeping.put_hierarchy(call.rt, call.org_slug, change, wanted)
    except (InvalidHierarchy, InvalidQuestion, Permanent) as error:
        return _hierarchy(call, form, fault=str(error))
    return Goto(f"/{call.org_slug}/settings/hierarchy")


@screens.post("/{org}/settings/hierarchy/nodes", action="hierarchy.change")
def add_node(call: Call) -> Goto | Screen:
    """Add a node."""
    form = read_form(NodeForm)
    try:
        change = Change(call.caller.name, _first_day(form.since))
        keeping.add_node(call.rt, call.org_slug, change, form.name, form.kind, form.parent or None)
    except (InvalidHierarchy, InvalidQuestion, Permanent) as error:
        return _hierarchy(call, fault=str(error))
    return Goto(f"/{call.org_slug}/settings/hierarchy")


def _first_day(since: str) -> date | None:
    return read_period(since).start.date() if since else None


def _hierarchy(
    call: Call, form: HierarchyForm | None = None, fault: str | None = None, preview: HierarchyPreview | None = None
) -> Screen:
    version = keeping.show_hierarchy(call.rt, call.org_slug)
    newest = newest_charge(call.rt, call.org_slug)
    month = BillingPeriod.of((newest or call.rt.clock.now()).date())
    answer = _allocated(call, month)
    text = form.text if form else hierarchy_text(version.hierarchy)
    context: dict[str, Any] = {
        "tab": "hierarchy",
        "version": version,
        "month": month_name(month.start.date()),
        "nodes": _rows(version.hierarchy, answer)[:_SHOWN_NODES],
        "all_nodes": len(version.hierarchy.nodes),
        "rules": version.hierarchy.rules[:_SHOWN_RULES],
        "all_rules": len(version.hierarchy.rules),
        "conditions": _conditions,
        "targets": _targets,
        "answer": answer,
        "found": chosen_currency(answer, None) if answer.currencies else None,
        "unallocated": _unallocated(answer),
        "receipt": view(answer.receipt),
        "text": text if len(text) <= _EDITED_CHARACTERS else None,
        "since": form.since if form else "",
        "based_on": form.based_on if form else version.number,
        "kinds": KINDS,
        "preview": preview,
        "fault": fault,
        "costs": f"/{call.org_slug}/analytics?month={month}&group=node%3A1",
    }
    return Screen("settings_hierarchy.html", "Hierarchy", "settings", context, 400 if fault else 200)


def _allocated(call: Call, month: BillingPeriod) -> CostsAnswer:
    days = Days(month.start.date(), month.end.date() - timedelta(days=1))
    return ask_costs(call.rt, call.org_slug, CostsQuestion((dimension(NODE),), days=days))


def _rows(tree: Hierarchy, answer: CostsAnswer) -> list[NodeRow]:
    found = chosen_currency(answer, None).groups if answer.currencies else ()
    own = {one.keys[0]: one.amounts.total for one in found if one.keys[0] is not None}
    totals: dict[str, Decimal] = {}
    for node_id, amount in own.items():
        for above in tree.paths.get(node_id, ()):
            totals[above] = EXACT.add(totals.get(above, Decimal(0)), amount or Decimal(0))
    used: dict[str, list[str]] = {}
    for rule in tree.rules:
        for node_id in rule.shares:
            used.setdefault(node_id, []).append(str(rule.priority))
    return [
        NodeRow(
            one,
            len(tree.paths[one.node_id]),
            ", ".join(used.get(one.node_id, [])[:5]),
            own.get(one.node_id),
            totals.get(one.node_id),
        )
        for one in tree.in_order
    ]


def _unallocated(answer: CostsAnswer) -> list[tuple[str, Decimal | None, Decimal | None]]:
    """(currency, what no rule allocates, its share in percent)."""
    found = []
    for one in answer.currencies:
        group = next((each for each in one.groups if each.keys[0] is None), None)
        found.append(
            (one.currency, group.amounts.total, one.share_percent(group.amounts))
            if group
            else (one.currency, Decimal(0), Decimal(0))
        )
    return found


def _conditions(rule: Rule) -> str:
    return " and ".join(f"{one.column} is {' or '.join(one.values)}" for one in rule.conditions)


def _targets(rule: Rule) -> str:
    if len(rule.shares) == 1:
        return next(iter(rule.shares))
    return ", ".join(f"{node_id} {share * 100:.2f} %" for node_id, share in rule.shares.items())
