"""The hierarchy: departments, projects and teams, and the rules that allocate charges to them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from common.domain.hierarchy import KINDS, Hierarchy
from common.reporting.arguments import read_day, read_metric, read_period
from common.reporting.hierarchy import preview_hierarchy
from common.tenancy import hierarchy as keeping
from common.tenancy.hierarchy import Change
from common.tenancy.hierarchy_file import node_of, rule_of
from web.api.declare import CHANGES_NOTHING, Call, Routes
from web.api.shapes import Amount, Asked, Day, Moment

routes = Routes("Hierarchy")
_PATH = "/api/v1/organizations/{org}/hierarchy"
_ID = r"^[a-z0-9][a-z0-9_-]{0,62}$"
NodeId = Annotated[str, Field(pattern=_ID, description="The node's id")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Kind = Annotated[str, Field(max_length=20, description=", ".join(KINDS))]
Month = Annotated[
    str | None,
    Field(
        None,
        alias="from",
        description="YYYY-MM: from the first day of this month on, which restates it; today by default",
    ),
]


class HierarchyNode(BaseModel):
    """A department, a project or a team."""

    id: str
    name: str
    kind: str
    parent: str | None = Field(description="The node above; null at the top")


class AllocationRule(BaseModel):
    """Charges for which all of `when` holds go to the nodes of `to`.  The rule with the least priority that matches counts."""

    priority: int
    when: dict[str, list[str]] = Field(
        description="account, service, region or tag:KEY -> its values, of which one must be equal"
    )
    to: dict[str, Amount] = Field(description="Node -> weight; a charge is split by the weights")


class OfVersion(BaseModel):
    """A version of the hierarchy."""

    version: int = Field(description="0 before the first")
    valid_from: Day | None = Field(description="The first day that it counts for, until another one does")
    changed_at: Moment | None
    changed_by: str | None
    change: str | None = Field(description="What changed, in words")
    nodes: list[HierarchyNode] = Field(description="Each before those below it")
    rules: list[AllocationRule] = Field(description="By priority")


class HierarchyChanged(OfVersion):
    """The version that counts now."""

    changed: bool = Field(description="False: nothing would be different, and no version was made")


class VersionSummary(BaseModel):
    """A version, with how many nodes and rules it has."""

    version: int
    valid_from: Day
    changed_at: Moment
    changed_by: str
    change: str
    nodes: int
    rules: int


class HierarchyVersions(BaseModel):
    """Versions, the newest first."""

    versions: list[VersionSummary]


class HierarchyOn(Asked):
    """Which day, or which version."""

    on: str | None = Field(None, description="As it counts on this day, YYYY-MM-DD; today by default")
    version: int | None = Field(None, ge=1, le=100_000_000, description="This version, whenever it counted")


class VersionsAsked(Asked):
    """Which versions."""

    limit: int = Field(100, ge=1, le=200)
    before: int | None = Field(None, ge=1, le=100_000_000, description="Only those of a smaller number")


class Dated(Asked):
    """From when on a change counts."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    month: Month
    based_on: int | None = Field(
        None, ge=0, description="The version that the change was made for; a conflict where it is another"
    )


class NodeWanted(Dated):
    """A node to be added."""

    name: Name
    kind: Kind = "team"
    parent: NodeId | None = None
    id: NodeId | None = Field(None, description="Made of the name by default")


class NodeChanges(Dated):
    """What is to be different; what is not given stays."""

    name: Name | None = None
    kind: Kind | None = None
    parent: NodeId | None = Field(
        None, description="The new parent: what is below the node goes with it; null moves it to the top"
    )


class NodeRemoval(Dated):
    """How much is removed."""

    subtree: bool = Field(False, description="What is below it too; else that moves up to its parent")


class RuleWanted(Asked):
    """A rule."""

    priority: int = Field(ge=1, le=1_000_000)
    when: dict[str, list[str]] = Field(
        min_length=1, max_length=8, description="account, service, region or tag:KEY -> values"
    )
    to: dict[str, Amount] = Field(min_length=1, max_length=100, description="Node -> weight")


class RulesWanted(Dated):
    """All rules."""

    rules: list[RuleWanted] = Field(max_length=1000)


class WantedNode(Asked):
    """A node of a whole hierarchy."""

    id: NodeId
    name: Name
    kind: Kind
    parent: NodeId | None = None


class PreviewWanted(Asked):
    """A hierarchy, and a month to look at; nodes or rules that are not given are the present ones."""

    nodes: list[WantedNode] | None = Field(None, max_length=2000)
    rules: list[RuleWanted] | None = Field(None, max_length=1000)
    month: str | None = Field(None, description="YYYY-MM; the newest one that has ended and has charges by default")
    metric: str = Field("billed", max_length=40, description="billed, effective, list, contracted or estimated")


class NodeShift(BaseModel):
    """What is allocated to a node itself, without those below it."""

    node: str | None = Field(description="Null: unallocated")
    name: str | None
    before: Amount
    after: Amount
    change: Amount


class CurrencyShift(BaseModel):
    """One currency; the total is the same before and after."""

    currency: str
    total: Amount
    nodes: list[NodeShift]


class HierarchyPreview(BaseModel):
    """A month as it is allocated, and as the other hierarchy would allocate all of it."""

    month: str
    metric: str
    based_on: int
    currencies: list[CurrencyShift]


@routes.get(_PATH, answer=OfVersion)
def show_hierarchy(call: Call, query: HierarchyOn) -> dict[str, Any]:
    """The tree and its rules, as they count on a day."""
    if query.version is not None:
        return keeping.version_as_json(keeping.show_version(call.rt, call.org_slug, query.version))
    day = read_day(query.on) if query.on else None
    return keeping.version_as_json(keeping.show_hierarchy(call.rt, call.org_slug, day))


@routes.get(f"{_PATH}/versions", answer=HierarchyVersions)
def list_hierarchy_versions(call: Call, query: VersionsAsked) -> dict[str, Any]:
    """Versions, the newest first."""
    found = keeping.list_versions(call.rt, call.org_slug, query.limit, query.before)
    return {"versions": [keeping.summary_as_json(one) for one in found]}


@routes.post(f"{_PATH}/nodes", answer=HierarchyChanged, status=201, action="hierarchy.change")
def add_hierarchy_node(call: Call, body: NodeWanted) -> dict[str, Any]:
    """Add a node."""
    change = _change(call, body)
    return keeping.add_node(call.rt, call.org_slug, change, body.name, body.kind, body.parent, body.id).as_json()


@routes.patch(f"{_PATH}/nodes/{{node_id}}", answer=HierarchyChanged, action="hierarchy.change")
def change_hierarchy_node(call: Call, node_id: NodeId, body: NodeChanges) -> dict[str, Any]:
    """Rename or move a node, with what is below it."""
    parent = (body.parent or keeping.TOP) if "parent" in body.model_fields_set else None
    change = _change(call, body)
    return keeping.change_node(call.rt, call.org_slug, change, node_id, body.name, body.kind, parent).as_json()


@routes.delete(f"{_PATH}/nodes/{{node_id}}", answer=HierarchyChanged, action="hierarchy.change")
def remove_hierarchy_node(call: Call, node_id: NodeId, query: NodeRemoval) -> dict[str, Any]:
    """Remove a node that no rule allocates to; the months before stay as they are."""
    return keeping.remove_node(call.rt, call.org_slug, _change(call, query), node_id, query.subtree).as_json()


@routes.put(f"{_PATH}/rules", answer=HierarchyChanged, action="hierarchy.change")
def set_allocation_rules(call: Call, body: RulesWanted) -> dict[str, Any]:
    """Set all rules instead of those before."""
    rules = [rule_of(one.model_dump()) for one in body.rules]
    return keeping.put_rules(call.rt, call.org_slug, _change(call, body), rules).as_json()


@routes.post(f"{_PATH}/preview", answer=HierarchyPreview, action=CHANGES_NOTHING)
def preview_hierarchy_change(call: Call, body: PreviewWanted) -> dict[str, Any]:
    """What another hierarchy or other rules would do to a month; nothing is stored."""
    now = keeping.show_hierarchy(call.rt, call.org_slug).hierarchy
    nodes, rules = dict(now.nodes), now.rules
    if body.nodes is not None:
        nodes = {one.id: node_of(one.model_dump()) for one in body.nodes}
    if body.rules is not None:
        rules = tuple(rule_of(one.model_dump()) for one in body.rules)
    month = read_period(body.month) if body.month else None
    metric = read_metric(body.metric)
    return preview_hierarchy(call.rt, call.org_slug, Hierarchy(nodes, rules), month, metric).as_json()


def _change(call: Call, asked: Dated) -> Change:
    first_day = read_period(asked.month).start.date() if asked.month else None
    return Change(call.caller.name, first_day, asked.based_on)
