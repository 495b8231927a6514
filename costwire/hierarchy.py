"""`costwire hierarchy show|add|rename|move|remove|apply|versions` and `costwire hierarchy rules list|add|remove`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from common.domain.allocation import TAG, Condition, InvalidHierarchy, Rule, read_weight
from common.domain.budgets import InvalidBudget, read_tags
from common.domain.hierarchy import KINDS
from common.domain.money import add as add_up
from common.domain.money import plain
from common.errors import BadConfiguration, NotFound
from common.records.hierarchies import Version
from common.reporting.arguments import read_day, read_metric
from common.reporting.hierarchy import HierarchyPreview, preview_hierarchy
from common.runtime.bootstrap import runtime
from common.tenancy import hierarchy as keeping
from common.tenancy.hierarchy import Change, Changed, summary_as_json, version_as_json
from common.tenancy.hierarchy_file import MOST_BYTES, read_hierarchy
from costwire.arguments import read_period, usage_errors
from costwire.output import AsJson, Org, console, money, print_json, styled, table
from costwire.tenant import tenant_of

app = typer.Typer(
    help="Departments, projects and teams, and the rules that allocate charges to them.", no_args_is_help=True
)
rules_app = typer.Typer(
    help="Rules that allocate charges to nodes; the first that matches counts.", no_args_is_help=True
)
app.add_typer(rules_app, name="rules")
_BY = "command line"
_Node = Annotated[str, typer.Argument(help="Id of the node.", metavar="NODE")]
_Priority = Annotated[
    int, typer.Argument(help="Order of the rules: the least that matches counts.", metavar="PRIORITY")
]
_From = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Month from whose first day the change counts, YYYY-MM; today by default. An earlier month is restated.",
    ),
]
_Kind = f"One of {', '.join(KINDS)}."


@app.command("show")
def show(
    on: Annotated[
        str | None, typer.Option("--on", help="As it counts on this day, YYYY-MM-DD; today by default.")
    ] = None,
    number: Annotated[int | None, typer.Option("--version", help="This version, whenever it counted.")] = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Show the tree of nodes."""
    if on and number is not None:
        raise typer.BadParameter("--on and --version each name a version; give one of them")
    with usage_errors():
        day = read_day(on) if on else None
    rt = runtime()
    org = tenant_of(rt, org)
    version = keeping.show_hierarchy(rt, org, day) if number is None else keeping.show_version(rt, org, number)
    if as_json:
        print_json(version_as_json(version))
    elif not version.hierarchy.nodes:
        console.print("No nodes. Add one with: costwire hierarchy add NAME --kind department")
    else:
        _print_tree(version)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Name that users know it by.")],
    kind: Annotated[str, typer.Option("--kind", help=_Kind)] = "team",
    parent: Annotated[str | None, typer.Option("--parent", help="Id of the node above; none for the top.")] = None,
    node_id: Annotated[str | None, typer.Option("--id", help="Id of the node; made of the name by default.")] = None,
    since: _From = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Add a department, a project or a team."""
    rt, change = runtime(), _change(since)
    org = tenant_of(rt, org, writes=True)
    with usage_errors():
        changed = keeping.add_node(rt, org, change, name, kind, parent, node_id)
    _print_changed(changed, as_json)


@app.command("rename")
def rename(
    node: _Node,
    name: Annotated[str, typer.Argument(help="The new name.")],
    kind: Annotated[str | None, typer.Option("--kind", help=_Kind)] = None,
    since: _From = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Give a node another name; its id and what is allocated to it stay."""
    rt, change = runtime(), _change(since)
    org = tenant_of(rt, org, writes=True)
    with usage_errors():
        changed = keeping.change_node(rt, org, change, node, name, kind)
    _print_changed(changed, as_json)


@app.command("move")
def move(
    node: _Node,
    to: Annotated[str | None, typer.Option("--to", help="Id of the new parent.")] = None,
    top: Annotated[bool, typer.Option("--top", help="Move it to the top.")] = False,
    since: _From = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Move a node with what is below it."""
    if (to is None) != top:
        raise typer.BadParameter("give --to with the new parent, or --top")
    rt, change = runtime(), _change(since)
    org = tenant_of(rt, org, writes=True)
    with usage_errors():
        changed = keeping.change_node(rt, org, change, node, parent=to or keeping.TOP)
    _print_changed(changed, as_json)


@app.command("remove")
def remove(
    node: _Node,
    subtree: Annotated[
        bool, typer.Option("--subtree", help="Remove what is below it too; else that moves up to its parent.")
    ] = False,
    since: _From = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Remove a node that no rule allocates to; months before stay as they are."""
    rt, change = runtime(), _change(since)
    org = tenant_of(rt, org, writes=True)
    with usage_errors():
        changed = keeping.remove_node(rt, org, change, node, subtree)
    _print_changed(changed, as_json)


@app.command("apply")
def apply(
    path: Annotated[Path, typer.Argument(help="A TOML file with [[nodes]] and [[rules]].", metavar="FILE")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store nothing; show each node before and after in the last full month.")
    ] = False,
    month: Annotated[str | None, typer.Option("--month", help="Month of --dry-run, YYYY-MM.")] = None,
    metric: Annotated[
        str, typer.Option("--metric", help="Cost of --dry-run: billed, effective, list, contracted or estimated.")
    ] = "billed",
    since: _From = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Make the hierarchy and its rules what a file says."""
    with usage_errors():
        measure = read_metric(metric)
    shown_month, change = read_period(month), _change(since)
    wanted = read_hierarchy(_text_of(path), path.name)
    rt = runtime()
    org = tenant_of(rt, org, writes=not dry_run)
    if dry_run:
        preview = preview_hierarchy(rt, org, wanted, shown_month, measure)
        if as_json:
            print_json(preview.as_json())
        else:
            _print_preview(preview)
        return
    with usage_errors():
        changed = keeping.put_hierarchy(rt, org, change, wanted)
    _print_changed(changed, as_json)


@app.command("versions")
def versions(
    most: Annotated[int, typer.Option("--last", min=1, max=1000, help="How many, the newest first.")] = 50,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """List versions: what changed, by whom, and from which day on it counts."""
    rt = runtime()
    found = keeping.list_versions(rt, tenant_of(rt, org), most)
    if as_json:
        print_json([summary_as_json(one) for one in found])
        return
    shown = table(
        "version", "from", "changed at", "by", "change", "nodes", "rules", numbers=("version", "nodes", "rules")
    )
    for one in found:
        tree = one.hierarchy
        shown.add_row(
            str(one.number),
            str(one.valid_from),
            one.at[:16],
            one.by,
            one.what,
            f"{len(tree.nodes):,}",
            f"{len(tree.rules):,}",
        )
    console.print(shown)


@rules_app.command("list")
def list_rules(org: Org = "default", as_json: AsJson = False) -> None:
    """List the rules in their order."""
    rt = runtime()
    version = keeping.show_hierarchy(rt, tenant_of(rt, org))
    if as_json:
        print_json(version_as_json(version)["rules"])
        return
    if not version.hierarchy.rules:
        console.print(
            "No rules: all charges are unallocated. Add one with: costwire hierarchy rules add", soft_wrap=True
        )
        return
    shown = table("priority", "charges with", "go to", numbers=("priority",))
    for rule in version.hierarchy.rules:
        shown.add_row(str(rule.priority), when_words(rule), to_words(rule))
    console.print(shown)


@rules_app.command("add")
def add_rule(
    priority: _Priority,
    to: Annotated[list[str], typer.Option("--to", help="Node, or node=weight; repeat it to split charges.")],
    account: Annotated[list[str] | None, typer.Option("--account", help="Sub account id; repeatable.")] = None,
    service: Annotated[list[str] | None, typer.Option("--service", help="Service name; repeatable.")] = None,
    region: Annotated[list[str] | None, typer.Option("--region", help="Region id; repeatable.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="key=value; repeatable.")] = None,
    since: _From = None,
    org: Org = "default",
    as_json: AsJson = False,
) -> None:
    """Add a rule: charges for which all conditions hold go to the nodes, split by weights."""
    with usage_errors():
        rule = Rule(priority, _conditions(account, service, region, tag), dict(_weight(one) for one in to))
        if len(rule.weights) < len(to):
            raise InvalidHierarchy("--to names a node twice; give each once")
    rt, change = runtime(), _change(since)
    org = tenant_of(rt, org, writes=True)
    with usage_errors():
        changed = keeping.add_rule(rt, org, change, rule)
    _print_changed(changed, as_json)


@rules_app.command("remove")
def remove_rule(priority: _Priority, since: _From = None, org: Org = "default", as_json: AsJson = False) -> None:
    """Remove a rule."""
    rt, change = runtime(), _change(since)
    org = tenant_of(rt, org, writes=True)
    with usage_errors():
        changed = keeping.remove_rule(rt, org, change, priority)
    _print_changed(changed, as_json)


def when_words(rule: Rule) -> str:
    """The conditions of a rule in words."""
    return " and ".join(f"{one.column} {' or '.join(one.values)}" for one in rule.conditions)


def to_words(rule: Rule) -> str:
    """Where charges of a rule go, in words."""
    if len(rule.shares) == 1:
        return next(iter(rule.shares))
    return ", ".join(f"{node_id} {share * 100:.2f}%" for node_id, share in rule.shares.items())


def _change(since: str | None) -> Change:
    month = read_period(since)
    return Change(_BY, keeping.month_start(month) if month else None)


def _conditions(
    account: list[str] | None, service: list[str] | None, region: list[str] | None, tag: list[str] | None
) -> tuple[Condition, ...]:
    given = {"account": account, "service": service, "region": region}
    found = [Condition(column, tuple(values)) for column, values in given.items() if values]
    try:
        tags = read_tags(tag or ())
    except InvalidBudget as error:
        raise InvalidHierarchy(str(error)) from None
    return (*found, *(Condition(TAG + key, values) for key, values in tags.items()))


def _weight(text: str) -> tuple[str, Decimal]:
    node_id, equals, weight = text.partition("=")
    return node_id, read_weight(weight if equals else "1")


def _text_of(path: Path) -> str:
    if not path.is_file():
        raise NotFound(f"{path} does not exist; give a TOML file with [[nodes]] and [[rules]]")
    if path.stat().st_size > MOST_BYTES:
        raise BadConfiguration(f"{path} has {path.stat().st_size:,} bytes, {MOST_BYTES:,} are the most")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadConfiguration(f"{path} is not UTF-8 text, expected a TOML file") from None


def _print_tree(version: Version) -> None:
    tree = version.hierarchy
    shown = table("node", "id", "kind", "rules")
    for node in tree.in_order:
        indent = "  " * (len(tree.paths[node.node_id]) - 1)
        own = ", ".join(str(rule.priority) for rule in tree.rules if node.node_id in rule.shares)
        shown.add_row(indent + node.name, node.node_id, node.kind, own)
    console.print(shown)
    console.print(styled(f"version {version.number}, counts from {version.valid_from}", "dim"))


def _print_changed(changed: Changed, as_json: bool) -> None:
    version = changed.version
    if as_json:
        print_json(changed.as_json())
    elif not changed.made:
        console.print("Nothing would be different; no version was made.")
    else:
        console.print(
            f"version {version.number}: {version.what}; it counts from {version.valid_from} on", soft_wrap=True
        )


def _print_preview(preview: HierarchyPreview) -> None:
    if not preview.currencies:
        console.print(f"No charges in {preview.month}.")
    for one in preview.currencies:
        columns = ("before", "after", "change")
        shown = table(f"{preview.month} {preview.metric} {one.currency}", *columns, numbers=columns)
        for each in one.nodes:
            name = styled("unallocated", "dim") if each.node_id is None else f"{each.name} ({each.node_id})"
            shown.add_row(name, money(each.before), money(each.after), f"{each.change:+,.2f}" if each.change else "")
        shown.add_section()
        shown.add_row("total", money(one.total), money(one.total), "", style="bold")
        console.print(shown)
        moved = plain(add_up(each.change for each in one.nodes if each.change > 0))
        console.print(f"{moved} {one.currency} would move to other nodes; nothing was stored", soft_wrap=True)
