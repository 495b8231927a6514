"""Who may do what: terraform/access.tf against what the code does, what doctor looks for and what docs/permissions.md says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from common.adapters.gcp import firestore_indexes
from common.adapters.gcp.doctor import grants as doctor_grants
from common.messages import MESSAGES
from common.messages.subscriptions import SUBSCRIPTIONS, received_by
from common.records.sizes import OBJECTS
from deployment import facts
from tests.terraform import hcl, permissions
from tests.unit.test_imports import area, files, imports

ROOT = Path(__file__).parents[2]
FUNCTIONS = set(facts.functions())
JOBS = {name.replace("-", "_") for name in facts.facts()["jobs"]["names"]}
HUMANS = {"operators", "custodians"}
DECRYPTS = ("roles/cloudkms.cryptoKeyDecrypter", "roles/cloudkms.cryptoKeyEncrypterDecrypter", "roles/cloudkms.admin")


def test_the_page_of_permissions_says_what_terraform_grants() -> None:
    text = permissions.PAGE.read_text(encoding="utf-8")
    assert permissions.page(text) == text, "docs/permissions.md is stale: run make facts"


def test_grants_name_things_that_exist() -> None:
    names = {
        "project": {""},
        "database": set(firestore_indexes.DATABASES),
        "datasets": {""},
        "bucket": {""},
        "key": {""},
        "topic": set(SUBSCRIPTIONS),
        "dead-topic": set(SUBSCRIPTIONS),
        "dead-letters": set(SUBSCRIPTIONS),
        "objects": {f"{kind}/" for kind in OBJECTS},
        "secret": set(facts.facts()["secrets"]),
        "job": JOBS,
    }
    for account, role, on, why in permissions.grants():
        kind, _, name = on.partition(":")
        assert name in names[kind], on
        assert account in FUNCTIONS | JOBS | HUMANS
        assert re.fullmatch(r"roles/[a-zA-Z.]+", role)
        assert role not in {"roles/owner", "roles/editor", "roles/viewer"}
        assert why


def test_only_custodians_and_what_signs_in_for_customers_may_decrypt_credentials() -> None:
    """A role that may change the key's policy may grant itself the rest; what sends to channels decrypts, and reaches no credential."""
    sign_in = {one for one in FUNCTIONS if one.startswith("ingest_")} | JOBS
    found = list(permissions.grants())
    assert {account for account, role, _, _ in found if role in DECRYPTS} == {
        "custodians",
        "send_notifications",
    } | sign_in
    reach = {(account, role) for account, role, on, _ in found if on == "database:credentials"}
    assert {account for account, _ in reach} == HUMANS | sign_in
    assert {role for account, role in reach if account in sign_in} == {"roles/datastore.viewer"}
    assert {account for account, _, on, _ in found if on == "database:processed"} == FUNCTIONS


def test_no_account_has_all_databases_or_datasets_of_the_project() -> None:
    for account, role, on, _ in permissions.grants():
        if role.startswith(("roles/datastore.", "roles/bigquery.data")):
            assert on.startswith(("database:", "datasets")), (account, role)


def test_every_kind_of_grant_is_bound() -> None:
    bound = "".join(str(one.body.get("for_each")) for one in hcl.resources() if one.type.endswith("_iam_member"))
    kinds = {on.partition(":")[0] for _, _, on, _ in permissions.grants()}
    triggers = {one["trigger"] for one in facts.functions().values()}
    assert kinds == {kind for kind in re.findall(r'"([a-z-]+)"', bound)} - triggers


def test_other_bindings_are_on_the_page() -> None:
    text = permissions.PAGE.read_text(encoding="utf-8").partition("## The platform's own accounts")[2]
    others = [
        one for one in hcl.resources() if one.type.endswith("_iam_member") and "each.value.role" not in one.body["role"]
    ]
    assert len(others) == len(re.findall(r"^\| .*`roles/", text, re.MULTILINE))
    for one in others:
        assert f"`{one.body['role']}`" in text, one.address


USE_CASES = ("ingestion", "normalization", "budgets", "alerts", "tenancy", "retention", "match", "running_costs")


def reached(function: str) -> set[Path]:
    """The files of use cases, and of routes, that a function's code can reach."""
    seen: set[Path] = set()
    waiting = files(f"functions/{function}")
    while waiting:
        for name in imports(waiting.pop()):
            path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
            if (area(name) in USE_CASES or name.startswith("web.")) and path.is_file() and path not in seen:
                seen.add(path)
                waiting.append(path)
    return seen


def published(path: Path) -> set[str]:
    """The classes of the messages that a file makes and publishes; of a delivery's own messages, BillLanded."""
    called = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    if not any(isinstance(one, ast.Attribute) and one.attr in ("publish", "publish_all") for one in called):
        return set()
    made = {one.id for one in called if isinstance(one, ast.Name)} & {kind.__name__ for kind in MESSAGES}
    return made | {"BillLanded" for one in called if isinstance(one, ast.Attribute) and one.attr == "messages"}


def test_a_function_may_publish_what_it_publishes_and_no_more() -> None:
    """By the calls in the use cases that it reaches; what is left of a long landing is the message itself again."""
    topics = {kind.__name__: kind.topic for kind in MESSAGES}
    for function in FUNCTIONS:
        grants = [(one, on) for one, _, on, _ in permissions.grants() if on.startswith("topic:")]
        allowed = {on.partition(":")[2] for one, on in grants if one == function}
        wanted = {topics[name] for path in reached(function) for name in published(path)}
        if function.startswith("ingest_"):
            assert {one for one in allowed if one.startswith("ingest-")} <= {one.topic for one in received_by(function)}
            wanted.add("ingest-")
        assert {"ingest-" if one.startswith("ingest-") else one for one in allowed} == wanted, function


def test_each_function_may_bury_what_it_receives() -> None:
    allowed = {(account, on) for account, role, on, _ in permissions.grants() if on.startswith("dead-topic:")}
    assert allowed == {(one.function, f"dead-topic:{one.topic}") for table in SUBSCRIPTIONS.values() for one in table}


def test_doctor_looks_for_the_same_grants() -> None:
    granted = {(account, role, on) for account, role, on, _ in permissions.grants() if account not in HUMANS}
    assert {(one.function, one.role, one.on) for one in doctor_grants.grants()} == granted
