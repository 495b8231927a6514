"""An example for each command, which its `--help` ends with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "": ("costwire demo", "costwire import YOUR-BILL.csv"),
    "import": (
        "costwire import march.csv april.csv.gz",
        "costwire import ~/bills",
        "costwire import cur-export --integration production",
    ),
    "connect": (
        "costwire connect aws --location file:///mnt/bills/cur",
        "costwire connect aws --location s3://my-bucket/exports --credential role.json --id aws-main",
        "costwire connect azure --location az://myaccount/exports/costs --credential application.json --id azure-main",
        "costwire connect oci --location oci://bling/TENANCY-OCID/reports/cost-csv --credential key.json",
        "costwire connect aws --location https://bills.example.com/march.csv.gz --credential signed-address --id partner",
        "costwire connect openai --credential key.json",
        "costwire connect gcp --location bq://my-project/billing_export --credential key.json --id gcp-main",
    ),
    "sync": ("costwire sync", "costwire sync --integration aws-main --period 2026-03"),
    "apply": ("costwire apply -f costwire.toml --dry-run", "costwire apply -f costwire.toml"),
    "schedule": ("costwire schedule", "costwire schedule --every-hours 6"),
    "watch": ("costwire watch",),
    "serve": ("costwire serve", "costwire serve --port 9000"),
    "costs": (
        "costwire costs --by service --month 2026-03",
        "costwire costs --by account,tag:team --where region=us-east-1 --compare previous --last 30d",
        "costwire costs --by service --in USD --out costs.csv",
    ),
    "charges": (
        "costwire charges --where service=AmazonEC2 --month 2026-03",
        "costwire charges 9e7dcdf6a1b2c3d4e5f6/0:line-17@2026-03-04T00:00:00Z",
    ),
    "report": ("costwire report --month 2026-03", "costwire report --month 2026-03 --out march.html"),
    "tags": ("costwire tags --month 2026-03", "costwire tags team"),
    "match": ("costwire match --month 2026-09", "costwire match --last 7d --json"),
    "meters": ("costwire meters list",),
    "meters import": (
        "costwire meters import spend_logs.jsonl",
        "costwire meters import calls.csv --column time=at --column model=model --column input=in --column output=out --provider openai",
    ),
    "meters list": ("costwire meters list",),
    "meters keys": ("costwire meters keys meter_keys.csv",),
    "sql": ('costwire sql "select ServiceName, sum(BilledCost) as cost from cost_data_standard_1_3 group by ServiceName"',),
    "export": ("costwire export focus.parquet", "costwire export march.csv --period 2026-03"),
    "runs": ("costwire runs --integration aws-main",),
    "quarantine": ("costwire quarantine", "costwire quarantine --show-rows"),
    "restatements": ("costwire restatements --since 2026-04-01",),
    "validate": ("costwire validate focus.csv",),
    "replay": ("costwire replay", "costwire replay --delivery 9e7dcdf6"),
    "doctor": ("costwire doctor", "costwire doctor --integration aws-main --json"),
    "demo": ("costwire demo",),
    "clean-up": ("costwire clean-up --dry-run", "costwire clean-up"),
    "retention": ("costwire retention",),
    "retention set": ("costwire retention set versions 90",),
    "channels": ("costwire channels list",),
    "channels add": (
        "costwire channels add ops --slack --webhook webhook.txt",
        "costwire channels add finance --email ada@example.com",
    ),
    "channels list": ("costwire channels list",),
    "channels test": ("costwire channels test ops",),
    "channels remove": ("costwire channels remove ops",),
    "deliveries": ("costwire deliveries --period 2026-03",),
    "deliveries withdraw": ("costwire deliveries withdraw 9e7dcdf6",),
    "deliveries restore": ("costwire deliveries restore 9e7dcdf6",),
    "integrations": ("costwire integrations list",),
    "integrations list": ("costwire integrations list",),
    "integrations show": ("costwire integrations show aws-main",),
    "integrations check": ("costwire integrations check", "costwire integrations check aws-main --json"),
    "integrations pause": ("costwire integrations pause aws-main",),
    "integrations resume": ("costwire integrations resume aws-main",),
    "integrations permissions": ("costwire integrations permissions aws --location s3://my-bucket/exports --id aws-main",),
    "integrations webhook": (
        "costwire integrations webhook aws-main",
        "costwire integrations webhook aws-main --sender arn:aws:sns:eu-west-1:111122223333:costwire-aws-main",
    ),
    "integrations remove": ("costwire integrations remove aws-main",),
    "budgets": ("costwire budgets list",),
    "budgets add": (
        "costwire budgets add Everything --amount 10000 --currency USD",
        "costwire budgets add Data --amount 500 --currency EUR --provider aws",
        "costwire budgets add Everything --amount 10000 --currency USD --preview",
    ),
    "budgets set": ("costwire budgets set Everything --amount 12000 --threshold 90 --threshold 100",),
    "budgets list": ("costwire budgets list",),
    "budgets remove": ("costwire budgets remove Everything",),
    "alerts": ("costwire alerts list",),
    "alerts list": ("costwire alerts list",),
    "alerts show": ("costwire alerts show everything-2026-03-80",),
    "alerts ack": ("costwire alerts ack everything-2026-03-80",),
    "alerts snooze": ("costwire alerts snooze everything-2026-03-80",),
    "tenants": ("costwire tenants list",),
    "tenants add": ('costwire tenants add "Acme Corp" --slug acme',),
    "tenants list": ("costwire tenants list",),
    "tenants show": ("costwire tenants show acme",),
    "tenants suspend": ("costwire tenants suspend acme",),
    "tenants resume": ("costwire tenants resume acme",),
    "tenants remove": ("costwire tenants remove acme",),
    "tenants restore": ("costwire tenants restore acme",),
    "api-keys": ("costwire api-keys list",),
    "api-keys add": ("costwire api-keys add Dashboards", "costwire api-keys add Pipeline --role editor --expires 90d"),
    "api-keys list": ("costwire api-keys list",),
    "api-keys rotate": ("costwire api-keys rotate 9e7dcdf6 --overlap 7d",),
    "api-keys revoke": ("costwire api-keys revoke 9e7dcdf6",),
    "members": ("costwire members list",),
    "members list": ("costwire members list",),
    "members invite": ("costwire members invite ana@example.com --role owner",),
    "members role": ("costwire members role ana@example.com editor",),
    "members remove": ("costwire members remove ana@example.com",),
    "keys": ("costwire keys rotate",),
    "keys rotate": ("costwire keys rotate",),
    "keys reencrypt": ("costwire keys reencrypt",),
    "rates": ("costwire rates list",),
    "rates set": ("costwire rates set exchange_rates.csv",),
    "rates list": ("costwire rates list",),
    "subscriptions": ("costwire subscriptions list",),
    "subscriptions add": (
        'costwire subscriptions add OpenAI "ChatGPT Business" --price 30 --seats 10 --currency USD --start 2026-09-01',
        "costwire subscriptions add Figma Organization --price 540 --seats 4 --currency USD --cycle annual --start 2026-09-15",
    ),
    "subscriptions set": ("costwire subscriptions set subscriptions.toml",),
    "subscriptions list": ("costwire subscriptions list",),
    "subscriptions show": ("costwire subscriptions show figma-organization",),
    "subscriptions change": ("costwire subscriptions change figma-organization --seats 6 --on 2026-12-01",),
    "subscriptions cancel": ("costwire subscriptions cancel figma-organization --on 2027-09-01",),
    "subscriptions disable": ("costwire subscriptions disable figma-organization",),
    "subscriptions enable": ("costwire subscriptions enable figma-organization",),
    "subscriptions invoice": ("costwire subscriptions invoice figma-organization --for 2026-12-01 --amount 850 --number F-17",),
    "subscriptions vendors": ("costwire subscriptions vendors",),
    "prices": ("costwire prices list",),
    "prices set": ("costwire prices set prices.csv",),
    "prices list": ("costwire prices list",),
    "services": ("costwire services unknown",),
    "services unknown": ("costwire services unknown",),
    "services set": ("costwire services set services.csv",),
    "services list": ("costwire services list",),
}  # fmt: skip
"""The words after `costwire` -> what can be typed."""


def add_examples(command: Any, path: str = "") -> None:
    """Give a command of typer, and all below it, their examples."""
    lines = EXAMPLES.get(path, ())
    if lines:
        # \b: the lines stay as they are
        command.epilog = "\b\n" + "\n".join(
            ["Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)]
        )
    for name, below in getattr(command, "commands", {}).items():
        add_examples(below, f"{path} {name}".strip())
