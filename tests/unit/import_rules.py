"""Which folder may import which: the rules that test_imports.py checks, and that the table in docs/architecture.md is made of.

`python -m tests.unit.import_rules` writes the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deployment.made_tables import with_table

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
BEGIN, END = "<!-- made by python -m tests.unit.import_rules -->", "<!-- end of what is made -->"


@dataclass(frozen=True)
class Rule:
    """What a folder holds, and the folders of `common/` that it may import beside the standard library and packages."""

    what: str
    may_import: tuple[str, ...]


_LEAVES = ("errors", "domain")
_DATA = (*_LEAVES, "config", "focus", "messages", "ports", "telemetry", "stopping", "progress")
_BILLS = (*_DATA, "formats", "providers", "records")
_WAREHOUSE = (*_BILLS, "validation", "warehouse")

RULES: dict[str, Rule] = {
    "common/domain": Rule(
        "money, periods, names, budgets, alerts, completeness, freshness, forecast, the outbox, displayed text: pure",
        (),
    ),
    "common/errors.py": Rule("what can go wrong, and what the platform does about it", ()),
    "common/stopping.py": Rule("Ctrl-C and SIGTERM on the command line", ()),
    "common/progress.py": Rule("how far long work is, for whoever listens", ()),
    "common/config.py": Rule("settings, each with its default and meaning", ("errors",)),
    "common/focus": Rule("the pinned FOCUS version as data", ()),
    "common/telemetry": Rule("log lines, spans, metrics as data", (*_LEAVES, "config")),
    "common/messages": Rule("the messages, their wire form, the table of subscriptions", (*_LEAVES, "telemetry")),
    "common/ports": Rule("protocols: what a function needs from the world", (*_LEAVES, "config", "messages")),
    "common/formats": Rule(
        "bytes to text columns: container, bounds, recognition, DuckDB's source, the second reader, control totals",
        (*_LEAVES, "ports", "stopping", "progress"),
    ),
    "common/providers": Rule(
        "one folder per provider: discovery, manifests, columns, mapping SQL, rules; `registry.py` lists them",
        (*_LEAVES, "ports", "formats"),
    ),
    "common/records": Rule(
        "one place for each document's shape and path: organization, integration, run, delivery, chunk, alert, standing",
        (*_LEAVES, "messages", "ports", "formats", "providers"),
    ),
    "common/validation": Rule("the FOCUS 1.3 rules and the validator", (*_LEAVES, "focus", "formats")),
    "common/warehouse": Rule(
        "views, questions, transpiling, rates, restatement, roll-up, which delivery is shown", (*_BILLS, "warehouse")
    ),
    "common/reference": Rule("tables: services, regions, units, currencies (data only)", ()),
    "common/ingestion": Rule(
        "use cases: connecting, importing, synchronizing, dispatch, landing, what belongs together",
        (*_BILLS, "alerts", "tenancy"),
    ),
    "common/normalization": Rule(
        "use cases: a chunk to FOCUS rows, quarantine, proof, finish, another try", (*_WAREHOUSE, "alerts")
    ),
    "common/budgets": Rule(
        "use cases: setting and removing, what was spent, what is expected, evaluation",
        (*_BILLS, "alerts", "warehouse"),
    ),
    "common/match": Rule(
        "use cases: logs of a tenant's own meter, and the match of meter, usage and cost",
        (*_BILLS, "alerts", "warehouse"),
    ),
    "common/alerts": Rule("use cases: raising, late sources, acknowledging, sending, what messages say", _BILLS),
    "common/tenancy": Rule(
        "use cases: organizations, credentials, schedules, exchange rates, classes of services, removal, restoring",
        (*_WAREHOUSE, "alerts"),
    ),
    "common/saas": Rule(
        "use cases: the ledger of subscriptions: adding, changing, a file of them, the catalogue of vendors",
        (*_BILLS, "alerts", "ingestion", "tenancy"),
    ),
    "common/retention": Rule("use cases: how long everything lives, what may go, clean-up", (*_BILLS, "warehouse")),
    "common/running_costs": Rule(
        "use cases: the model of what running costs, what each organization took of it, the platform's own bill",
        (*_BILLS, "budgets", "retention", "warehouse"),
    ),
    "common/declared": Rule(
        "use cases: what a file declares: reading it, the plan, carrying it out",
        (*_BILLS, "budgets", "ingestion", "tenancy"),
    ),
    "common/reporting": Rule(
        "use cases: typed answers for every interface: costs, deliveries, runs, quarantine, restatements, exports, alerts, health",
        (*_BILLS, "ingestion", "match", "tenancy", "warehouse"),
    ),
    "common/adapters/shared": Rule("what both runtimes' adapters share", (*_DATA, "formats", "records", "warehouse")),
    "common/adapters/embedded": Rule(
        "ports on one machine", (*_DATA, "formats", "records", "warehouse", "adapters.shared")
    ),
    "common/adapters/gcp": Rule(
        "ports on Google Cloud; `doctor/` looks at a deployment",
        (*_DATA, "formats", "providers", "records", "tenancy", "warehouse", "adapters.shared"),
    ),
    "common/adapters/aws": Rule("places of AWS", (*_DATA, "providers", "adapters.shared")),
    "common/adapters/azure": Rule("places of Azure", (*_DATA, "providers", "adapters.shared")),
    "common/adapters/oci": Rule("places of OCI", (*_DATA, "providers", "adapters.shared")),
    "common/adapters/stripe": Rule("who pays for which plan", (*_DATA, "adapters.shared")),
    "common/adapters/oidc": Rule("the OpenID provider by which users sign in", (*_DATA, "adapters.shared")),
    "common/adapters/answers": Rule("answers of providers' APIs", (*_DATA, "formats", "providers", "adapters.shared")),
    "common/adapters/locations": Rule(
        "where bills are left",
        (
            *_DATA,
            "providers",
            "adapters.answers",
            "adapters.aws",
            "adapters.azure",
            "adapters.gcp",
            "adapters.oci",
            "adapters.shared",
        ),
    ),
    "common/adapters/notifiers": Rule("notification channels", (*_DATA, "adapters.shared")),
    "common/runtime": Rule(
        "bootstrap (adapters chosen), entry point, pushes, processed events",
        (
            *_BILLS,
            "running_costs",
            "tenancy",
            "warehouse",
            "adapters.shared",
            "adapters.embedded",
            "adapters.gcp",
            "adapters.locations",
            "adapters.notifiers",
            "adapters.oidc",
            "adapters.stripe",
        ),
    ),
    "functions": Rule(
        "one thin entry point per function: decode, call one use case",
        (
            "messages",
            "runtime",
            "ingestion",
            "normalization",
            "match",
            "budgets",
            "alerts",
            "tenancy",
            "retention",
            "running_costs",
        ),
    ),
    "web": Rule(
        "HTTP surfaces: authenticate, read, call one use case, render; `web/api` has the API, `web/pages` the dashboard",
        (
            *_LEAVES,
            "config",
            "ports",
            "records",
            "telemetry",
            "alerts",
            "budgets",
            "ingestion",
            "match",
            "normalization",
            "providers",
            "reporting",
            "retention",
            "saas",
            "tenancy",
            "warehouse",
        ),
    ),
    "costwire": Rule("the command line, and the worker that delivers messages", ("*",)),
    "deployment": Rule("the source archive, `make deploy`, the cost estimate", ("*",)),
}
"""Folder or file -> its rule.  A folder may always import itself.  No folder of `functions/` imports another one."""


def table() -> str:
    """The rules as a table of Markdown."""
    lines = ["| folder | what | may import of `common/` |", "|---|---|---|"]
    for folder, rule in RULES.items():
        names = ", ".join(sorted(rule.may_import)).replace("*", "all of it") or "nothing"
        lines.append(f"| `{folder}` | {rule.what} | {names} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with the table as it must be."""
    return with_table(text, BEGIN, END, table())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
