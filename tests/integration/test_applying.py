"""`costwire apply`: a deployment becomes what a file declares, once; what cannot be applied is refused before anything is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from common.declared.applying import Interrupted, apply_plan
from common.declared.planning import make_plan
from common.declared.reading import parse_declaration
from common.errors import BadConfiguration, CostError, NotFound, Retryable
from common.ingestion.connecting import Connection, connect
from common.tenancy.integrations import pause
from costwire.cli import app
from tests.integration.test_which_delivery_is_shown import cur
from tests.support import Laptop, laptop

ROOT = Path(__file__).parents[2]
ORGANIZATION = '[[organizations]]\nslug = "acme"\nname = "Acme"\nplan = "Starter"\n'
INTEGRATION = '[[integrations]]\norg = "acme"\nid = "aws"\nprovider = "aws"\nlocation = "bills"\n'
BUDGET = '[[budgets]]\norg = "acme"\nname = "Cloud"\namount = "100.50"\ncurrency = "USD"\nowner = "o@example.com"\n'
ALL = ORGANIZATION + INTEGRATION + BUDGET


class Place:
    """A folder with a file to apply, and a runtime."""

    def __init__(self, folder: Path, rt: Laptop) -> None:
        self.folder, self.rt, self.file = folder, rt, folder / "costwire.toml"
        (folder / "bills").mkdir()

    def typed(self, text: str, *words: str) -> str:
        self.file.write_text(text)
        done = CliRunner().invoke(app, ["apply", "-f", str(self.file), *words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    def applied(self, text: str, *words: str) -> str:
        return self.typed(text, "--yes", *words)

    def stored(self) -> dict[str, Any]:
        """Every document of organizations."""
        found = dict(self.rt.documents.list("orgs"))
        for org in [*found, "default"]:
            for kind in ("integrations", "budgets", "settings", "alerts"):
                found |= {f"{org}/{kind}/{name}": one for name, one in self.rt.documents.list(f"orgs/{org}/{kind}")}
            sealed = self.rt.sealed.list(f"orgs/{org}/credentials")
            found |= {f"{org}/credentials/{name}": one for name, one in sealed}
        return found

    def budget(self, name: str = "Cloud") -> dict[str, Any]:
        (found,) = (one for _, one in self.rt.documents.list("orgs/acme/budgets") if one["name"] == name)
        return found

    def integration(self) -> dict[str, Any]:
        found = self.rt.documents.get("orgs/acme/integrations/aws")
        assert found is not None
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with laptop(tmp_path / "home") as rt:
        yield Place(tmp_path, rt)


def test_a_new_deployment_is_made_from_one_file(place: Place) -> None:
    said = place.applied(ALL)
    assert place.stored()["acme"]["status"] == "ACTIVE" and place.stored()["acme"]["plan"] == "Starter"
    assert place.integration()["config"] == {"location": (place.folder / "bills").as_uri()}
    assert (place.budget()["amount"], place.budget()["owner"]) == ("100.5", "o@example.com")
    assert "Plan: 3 to create.\n" in said and "Applied: 3 of 3 changes." in said
    assert "create  budget Cloud of acme\n           amount: 100.5\n           currency: USD\n" in said


def test_applying_twice_changes_nothing(place: Place) -> None:
    place.applied(ALL)
    before = place.stored()
    assert place.applied(ALL) == "Plan: 3 unchanged.\n"
    assert place.stored() == before


def test_each_kind_is_changed_and_the_plan_shows_old_and_new(place: Place) -> None:
    place.applied(ALL)
    (place.folder / "other").mkdir()
    changed = ALL.replace('"Acme"', '"Acme Ltd"').replace("Starter", "Scale").replace('"bills"', '"other"')
    said = place.applied(changed.replace("100.50", "200") + "scope = { services = ['EC2'] }\nthresholds = [90]\n")
    for line in (
        "change  organization acme\n           name: Acme -> Acme Ltd\n           plan: Starter -> Scale\n",
        f"           location: {(place.folder / 'bills').as_uri()} -> {(place.folder / 'other').as_uri()}\n",
        "           amount: 100.5 -> 200\n           scope.services: nothing -> [\"EC2\"]\n"
        "           thresholds: 50, 80, 95, 100 -> 90\n",
        "Plan: 3 to change.\n",
    ):  # fmt: skip
        assert line in said
    organization = place.stored()["acme"]
    assert (organization["name"], organization["plan"], organization["limits"]["seats"]) == ("Acme Ltd", "Scale", 11)
    assert place.integration()["config"]["location"].endswith("/other")
    assert (place.budget()["amount"], place.budget()["thresholds"]) == ("200", [90])
    assert place.budget()["scope"]["services"] == ["EC2"]


def test_what_the_file_no_longer_says_of_a_budget_returns_to_its_default(place: Place) -> None:
    place.applied(ALL + "scope = { services = ['EC2'] }\nchannels = ['slack']\n")
    said = place.applied(ALL.replace('owner = "o@example.com"\n', ""))
    assert "owner: o@example.com -> nothing" in said and 'scope.services: ["EC2"] -> nothing' in said
    budget = place.budget()
    assert (budget["owner"], budget["channels"], budget["scope"]["services"]) == (None, [], [])


def test_the_order_of_values_is_not_a_change(place: Place) -> None:
    place.applied(
        ALL + "scope = { services = ['a', 'b'], tags = { x = ['1', '2'], y = '3' } }\nthresholds = [80, 90]\n"
    )
    again = ALL + "scope = { services = ['b', 'a'], tags = { y = '3', x = ['2', '1'] } }\nthresholds = ['90.0', 80]\n"
    assert place.applied(again) == "Plan: 3 unchanged.\n"


def test_one_value_with_a_comma_is_not_two_values(place: Place) -> None:
    place.applied(ALL + "scope = { services = ['a, b'] }\n")
    assert 'scope.services: ["a, b"] -> ["a", "b"]' in place.applied(ALL + "scope = { services = ['a', 'b'] }\n")
    assert place.budget()["scope"]["services"] == ["a", "b"]


def test_an_integration_is_paused_and_resumed_and_stays_paused_when_it_moves(place: Place) -> None:
    place.applied(ALL)
    (place.folder / "other").mkdir()
    paused = ALL.replace('"bills"\n', '"bills"\npaused = true\n')
    assert "paused: false -> true" in place.applied(paused)
    assert place.integration()["status"] == "disabled"
    place.applied(paused.replace('"bills"', '"other"'))
    assert place.integration()["status"] == "disabled"
    assert place.applied(paused.replace('"bills"', '"other"')) == "Plan: 3 unchanged.\n"
    assert "paused: true -> false" in place.applied(ALL)
    assert place.integration()["status"] == "validating"


def test_a_bill_that_was_imported_by_hand_is_fetched_by_the_schedule_once_it_is_declared(place: Place) -> None:
    path = cur(place.folder / "bills" / "bill.csv", "10")
    place.rt.bring(path, integration="aws")
    text = INTEGRATION.replace('org = "acme"\n', "").replace('"bills"', '"bills/bill.csv"')
    assert "one_off: true -> false" in place.applied(text)
    assert place.applied(text) == "Plan: 1 unchanged.\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"USD"', '"EUR"', "budget Cloud of acme: currency cannot change from USD to EUR"),
        ("[[budgets]]", '[[budgets]]\nperiod = "yearly"', "period cannot change from monthly to yearly"),
        ("[[budgets]]", '[[budgets]]\nmetric = "ListCost"', "metric cannot change from BilledCost to ListCost"),
        ('provider = "aws"', 'provider = "gcp"', "integration aws of acme: provider cannot change from aws to gcp"),
    ],
)
def test_a_change_that_is_not_possible_refuses_the_whole_file(place: Place, old: str, new: str, said: str) -> None:
    place.applied(ALL)
    before = place.stored()
    with pytest.raises(BadConfiguration, match=f"{said}.*nothing was applied"):
        place.applied(ALL.replace('"Acme"', '"Acme Ltd"').replace("100.50", "7").replace(old, new))
    assert place.stored() == before


def test_overlap_that_was_allowed_is_not_taken_back_in_place(place: Place) -> None:
    place.applied(ALL)
    allowed = ALL.replace('"bills"\n', '"bills"\nallow_overlap = true\n')
    assert "allow_overlap: false -> true" in place.applied(allowed)
    with pytest.raises(BadConfiguration, match="allow_overlap cannot change from true to false"):
        place.applied(ALL)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (ALL + BUDGET.replace("acme", "acmee"), NotFound, "no organization acmee; .* did you mean 'acme'"),
        (ALL.replace('"bills"', '"nowhere"'), BadConfiguration, "integration aws of acme: .*nowhere.*; nothing was applied"),
        (ALL.replace('"bills"', '"ftp://bucket/x"'), BadConfiguration, "location has the scheme ftp://"),
        (ALL.replace('"100.50"', "100.50"), BadConfiguration, "a TOML float"),
        (ALL + "ownr = 'x'\n", BadConfiguration, "unknown key 'ownr'; did you mean 'owner'"),
    ],
)  # fmt: skip
def test_a_mistake_anywhere_in_the_file_writes_nothing(
    place: Place, text: str, kind: type[CostError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        place.applied(text)
    assert place.stored() == {}


def test_an_organization_that_is_being_removed_is_refused(place: Place) -> None:
    place.applied(ALL)
    document = place.stored()["acme"]
    place.rt.documents.set("orgs/acme", {**document, "removal_began_at": "2026-04-10T00:00:00+00:00"})
    with pytest.raises(BadConfiguration, match="organization acme is being removed"):
        place.applied(ALL.replace("100.50", "7"))


def test_a_dry_run_shows_the_plan_and_writes_nothing(place: Place) -> None:
    assert "Plan: 3 to create.\n" in place.typed(ALL, "--dry-run")
    assert place.stored() == {}
    place.applied(ALL)
    before = place.stored()
    assert "amount: 100.5 -> 7" in place.typed(ALL.replace("100.50", "7"), "--dry-run", "--prune")
    assert place.stored() == before


def test_without_a_terminal_nothing_is_applied_unless_yes_is_given(place: Place) -> None:
    with pytest.raises(BadConfiguration, match="applying 3 changes needs a confirmation; give --yes"):
        place.typed(ALL)
    with pytest.raises(BadConfiguration, match="give --yes"):
        place.typed(ALL, "--json")
    assert place.stored() == {}


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1)])
def test_on_a_terminal_the_answer_decides(place: Place, answer: str, status: int) -> None:
    place.file.write_text(ALL)
    person, terminal = os.openpty()
    os.write(person, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "costwire", "apply", "-f", str(place.file)],
        env={**os.environ, "COSTWIRE_HOME": str(place.rt.home), "PYTHONPATH": str(ROOT)},
        stdin=terminal, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(person)
    os.close(terminal)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Plan: 3 to create." in done.stdout
    assert bool(place.stored()) == (answer == "y")


def test_only_prune_removes_and_only_budgets_of_organizations_that_the_file_names(place: Place) -> None:
    place.applied(ALL + BUDGET.replace("Cloud", "Old") + BUDGET.replace('"acme"', '"default"'))
    assert "Plan: 3 unchanged.\n" in place.applied(ALL)
    said = place.applied(ALL.replace("100.50", "7"), "--prune")
    assert said.startswith("remove  budget Old of acme\nchange  budget Cloud of acme\n")
    assert sorted(one["name"] for name, one in place.stored().items() if "/budgets/" in name) == ["Cloud", "Cloud"]
    assert place.applied(ALL.replace("100.50", "7"), "--prune") == "Plan: 3 unchanged.\n"


def test_json_has_the_exact_amounts_and_says_whether_it_was_applied(place: Place) -> None:
    planned = json.loads(place.typed(ALL, "--json", "--dry-run"))
    assert planned["applied"] is False and [one["action"] for one in planned["steps"]] == ["create"] * 3
    done = json.loads(place.applied(ALL, "--json"))
    assert done["applied"] is True and done["steps"] == planned["steps"]
    amount = next(one for one in done["steps"][2]["differences"] if one["field"] == "amount")
    assert amount == {"field": "amount", "old": None, "new": "100.5", "obstacle": None}


def test_a_service_that_no_charge_has_is_named_in_the_plan(place: Place) -> None:
    place.rt.bring(cur(place.folder / "bills" / "bill.csv", "10"))
    budget = BUDGET.replace('"acme"', '"default"') + "scope = { services = ['Nothing At All'] }\n"
    assert "warning: budget Cloud of default: no charge has service Nothing At All" in place.typed(budget, "--dry-run")


def test_a_failure_half_way_says_what_is_done_and_is_continued(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*words: object) -> None:
        raise Retryable("the warehouse is away; it will be retried")

    with monkeypatch.context() as broken:
        broken.setattr("common.declared.applying.add_budget", away)
        with pytest.raises(Interrupted) as stopped:
            place.applied(ALL)
    assert str(stopped.value) == (
        "create budget Cloud of acme: the warehouse is away; it may succeed later; "
        "done before: create organization acme, create integration aws of acme; run costwire apply again to continue"
    )
    assert "Plan: 1 to create, 2 unchanged.\n" in place.applied(ALL)
    assert place.budget()["amount"] == "100.5"


def test_what_single_commands_made_is_taken_over_unchanged(place: Place) -> None:
    place.applied(ORGANIZATION)
    connect(place.rt, Connection("acme", "aws", str(place.folder / "bills"), "aws"))
    words = ["budgets", "add", "Cloud", "--amount", "100.50", "--currency", "USD", "--owner", "o@example.com", "--org", "acme"]  # fmt: skip
    assert CliRunner().invoke(app, words).exit_code == 0
    assert place.applied(ALL) == "Plan: 3 unchanged.\n"
    pause(place.rt, "acme", "aws", "a test")
    assert "paused: true -> false" in place.typed(ALL, "--dry-run")


def test_a_plan_with_a_change_that_is_not_possible_carries_out_no_step(place: Place) -> None:
    place.applied(ALL)
    text = ALL.replace('"Acme"', '"Acme Ltd"').replace('"USD"', '"EUR"')
    before, plan = place.stored(), make_plan(place.rt, parse_declaration(text, place.folder))
    with pytest.raises(BadConfiguration, match="nothing was applied"):
        apply_plan(place.rt, plan, "test")
    assert place.stored() == before
