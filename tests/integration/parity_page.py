"""The table of docs/api.md that names the routes of each command: python -m tests.integration.parity_page writes it.

A new command without an entry here fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deployment.made_tables import with_table
from web.api.routes import ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
BEGIN, END = "<!-- made by python -m tests.integration.parity_page -->", "<!-- end of the commands -->"
_HERE = "runs on the machine where it is typed"
_OPERATOR = "of operators, who have the command line; it reaches what the API's service account may not"

PARITY: Mapping[str, tuple[str, ...] | str] = {
    "import": "reads a file of the machine where it is typed; `set_up_integration` connects a location",
    "connect": ("set_up_integration", "validate_integration"),
    "sync": ("trigger_sync", "run_pipeline"),
    "apply": "reads a file of several organizations; every part of it has a route",
    "schedule": ("show_schedule", "change_schedule"),
    "watch": _HERE,
    "serve": _HERE,
    "demo": _HERE,
    "validate": "checks a file of the machine where it is typed",
    "costs": ("costs", "costs_summary", "costs_by_service", "costs_by_account"),
    "charges": ("list_charges", "get_charge"),
    "match": ("match_meter",),
    "report": "a page of the dashboard, `/{org}/report`",
    "tags": "`costs` with `group=tag:KEY`, and `list_dimension_values`",
    "sql": "any SQL would be any load; the routes ask bounded questions",
    "export": ("export",),
    "runs": ("list_all_runs", "pipeline_status"),
    "quarantine": ("list_quarantined_lines",),
    "restatements": ("list_all_restatements",),
    "audit": ("list_audit_records", "list_platform_audit_records"),
    "job": ("list_jobs", "run_one_job", "bootstrap_platform"),
    "replay": ("replay_one_delivery",),
    "clean-up": _OPERATOR,
    "retention": ("show_retention",),
    "retention set": ("change_retention",),
    "doctor": _OPERATOR,
    "channels add": ("add_mail_channel",),
    "channels list": ("list_all_channels",),
    "channels test": "waits until the message was sent, and then withdraws it",
    "channels remove": ("remove_channel",),
    "deliveries": ("list_all_deliveries", "get_delivery"),
    "deliveries withdraw": "changes what the warehouse shows, which the API's service account may not",
    "deliveries restore": "changes what the warehouse shows, which the API's service account may not",
    "integrations list": ("list_all_integrations",),
    "integrations show": ("get_integration",),
    "integrations check": ("validate_integration",),
    "integrations pause": ("pause_integration",),
    "integrations resume": ("resume_integration",),
    "integrations remove": ("remove_integration",),
    "integrations split": ("change_integration",),
    "integrations permissions": ("show_needed_permissions",),
    "integrations webhook": "a function of a deployment does not know the address of `provider_webhook`, which operators have",
    "budgets add": ("set_budget", "preview"),
    "budgets set": ("change_one_budget",),
    "budgets list": ("list_all_budgets", "get_budget"),
    "budgets remove": ("remove_one_budget",),
    "alerts list": ("list_all_alerts", "alert_status"),
    "alerts show": ("get_alert",),
    "alerts ack": ("acknowledge",),
    "alerts snooze": ("snooze",),
    "tenants add": ("onboard_organization",),
    "tenants list": ("list_all_organizations",),
    "tenants show": ("list_all_organizations",),
    "tenants suspend": _OPERATOR,
    "tenants resume": _OPERATOR,
    "tenants remove": _OPERATOR,
    "tenants restore": _OPERATOR,
    "keys rotate": _OPERATOR,
    "keys reencrypt": _OPERATOR,
    "api-keys add": ("create_key",),
    "api-keys list": ("list_keys",),
    "api-keys rotate": ("rotate_key",),
    "api-keys revoke": ("revoke_key",),
    "rates set": ("replace_rates",),
    "rates list": ("list_rates",),
    "prices set": ("set_contract_prices", "remove_contract_prices"),
    "prices list": ("list_contract_prices",),
    "services unknown": ("list_unknown_services",),
    "services set": ("replace_services",),
    "services list": ("list_services",),
    "subscriptions add": ("add_subscription",),
    "subscriptions set": "reads a file of the machine where it is typed; `add_subscription` adds each of its lines",
    "subscriptions list": ("list_all_subscriptions",),
    "subscriptions show": ("get_subscription",),
    "subscriptions change": ("change_subscription",),
    "subscriptions cancel": ("cancel_subscription",),
    "subscriptions disable": ("disable_subscription",),
    "subscriptions enable": ("enable_subscription",),
    "subscriptions invoice": ("note_subscription_invoice",),
    "subscriptions vendors": ("list_vendors",),
    "meters import": ("import_meter_log",),
    "meters list": ("list_meter_logs",),
    "meters keys": ("show_meter_keys", "set_meter_keys"),
    "members list": ("list_all_members",),
    "members invite": ("invite_member",),
    "members role": ("change_member",),
    "members remove": ("remove_one_member",),
    "hierarchy show": ("show_hierarchy",),
    "hierarchy versions": ("list_hierarchy_versions",),
    "hierarchy add": ("add_hierarchy_node",),
    "hierarchy rename": ("change_hierarchy_node",),
    "hierarchy move": ("change_hierarchy_node",),
    "hierarchy remove": ("remove_hierarchy_node",),
    "hierarchy apply": ("set_allocation_rules", "preview_hierarchy_change"),
    "hierarchy rules list": ("show_hierarchy",),
    "hierarchy rules add": ("set_allocation_rules",),
    "hierarchy rules remove": ("set_allocation_rules",),
}
"""Command -> operations of the API, or why there is none."""


def table() -> str:
    """Commands, each with its routes or the reason."""
    known = {one.operation: f"`{one.method} {one.path}`" for one in ROUTES}
    lines = ["| command | route |", "|---|---|"]
    for command, found in PARITY.items():
        shown = f"none: {found}" if isinstance(found, str) else "<br>".join(known[name] for name in found)
        lines.append(f"| `costwire {command}` | {shown} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with its table as it must be."""
    return with_table(text, BEGIN, END, table())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
