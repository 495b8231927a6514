"""Who may do what: terraform/access.tf against what the code does, what doctor looks for and what docs/permissions.md says."""

from __future__ import annotations

import re
from pathlib import Path

from common.adapters.gcp.doctor import grants as doctor_grants
from common.messages import MESSAGES
from common.subscriptions import SUBSCRIPTIONS
from common.tenant_data import KINDS
from deployment import facts
from tests.terraform import hcl, permissions

ROOT = Path(__file__).parents[2]
FUNCTIONS = {path.parent.name for path in (ROOT / "functions").glob("*/main.py")}


def test_the_page_of_permissions_says_what_terraform_grants() -> None:
    text = permissions.PAGE.read_text(encoding="utf-8")
    assert permissions.page(text) == text, "docs/permissions.md is stale: run make facts"


def test_grants_name_things_that_exist() -> None:
    names = {
        "project": {""},
        "bucket": {""},
        "key": {""},
        "topic": set(SUBSCRIPTIONS),
        "dead-topic": set(SUBSCRIPTIONS),
        "dead-letters": set(SUBSCRIPTIONS),
        "objects": {f"{kind}/" for kind in KINDS},
        "secret": set(facts.facts()["secrets"]),
    }
    for account, role, on, why in permissions.grants():
        kind, _, name = on.partition(":")
        assert name in names[kind], on
        assert account in FUNCTIONS | {"operators"}
        assert re.fullmatch(r"roles/[a-zA-Z.]+", role)
        assert role not in {"roles/owner", "roles/editor", "roles/viewer"}
        assert why


def test_every_kind_of_grant_is_bound() -> None:
    bound = "".join(str(one.body.get("for_each")) for one in hcl.resources() if one.type.endswith("_iam_member"))
    kinds = {on.partition(":")[0] for _, _, on, _ in permissions.grants()}
    assert kinds == {kind for kind in re.findall(r'"([a-z-]+)"', bound)}


def test_other_bindings_are_on_the_page() -> None:
    text = permissions.PAGE.read_text(encoding="utf-8").partition("## The platform's own accounts")[2]
    others = [
        one for one in hcl.resources() if one.type.endswith("_iam_member") and "each.value.role" not in one.body["role"]
    ]
    assert len(others) == len(re.findall(r"^\| .*`roles/", text, re.MULTILINE))
    for one in others:
        assert f"`{one.body['role']}`" in text, one.address


def test_a_function_may_publish_what_it_publishes_and_no_more() -> None:
    """Told by the calls in the function's folder; what ingest functions share lies in common/bills."""
    topics = {kind.__name__: kind.topic for kind in MESSAGES}
    allowed = {
        function: {
            on.partition(":")[2]
            for one, _, on, _ in permissions.grants()
            if one == function and on.startswith("topic:")
        }
        for function in FUNCTIONS
    }
    for function in FUNCTIONS:
        folders = [ROOT / "functions" / function] + [ROOT / "common" / "bills"] * function.startswith("ingest_")
        code = "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
        imported = {
            name for names in re.findall(r"from common\.messages import (.*)", code) for name in names.split(", ")
        }
        made = {
            name
            for name in imported
            if re.search(rf"\b{name}\(|replace\(message", code) and f"@handles({name})" not in code
        }
        made |= {name for name in imported if re.search(rf"publish\(\s*{name}\(", code)}
        wanted = {topics[name] for name in made if name in topics}
        found = {"ingest-" if one.startswith("ingest-") else one for one in allowed[function]}
        if function.startswith("ingest_"):
            own = f"ingest-{function.removeprefix('ingest_')}"
            assert {one for one in allowed[function] if one.startswith("ingest-")} <= {own}
            wanted.add("ingest-")  # what is left of a long landing
        assert found == wanted, function


def test_each_function_may_bury_what_it_receives() -> None:
    allowed = {(account, on) for account, role, on, _ in permissions.grants() if on.startswith("dead-topic:")}
    assert allowed == {(one.function, f"dead-topic:{one.topic}") for table in SUBSCRIPTIONS.values() for one in table}


def test_doctor_looks_for_the_same_grants() -> None:
    granted = {(account, role, on) for account, role, on, _ in permissions.grants() if account != "operators"}
    assert {(one.function, one.role, one.on) for one in doctor_grants.grants()} == granted
