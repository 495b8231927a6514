"""Services that refuse, and bills that are bad: told in one clear line, replayed once the cause is gone, and as on the laptop."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google.cloud import kms_v1

from common.records.runs import FAILED
from common.tenancy import credentials
from tests import commands
from tests.cloud.deployed import missing_peers
from tests.cloud.refusals import HttpRefuser, Refusal
from tests.cloud.refused_world import (
    GOOD,
    LINES,
    RING,
    World,
    costwire,
    dead_run,
    ends_well,
    is_clear,
    of,
    of_an_account_of_its_own,
    replay,
)
from tests.support import cur_line, cur_text

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing_peers()), reason=missing_peers())]

LOAD, ASK = r"POST .*/jobs", r"POST .*/(jobs|queries)"
WRITE = r"POST /upload/.*"


@pytest.mark.parametrize(
    ("service", "request_", "role", "topic"),
    [
        ("bigquery", LOAD, r"roles/bigquery.dataEditor", "delivery-mapped"),
        ("bigquery", ASK, r"roles/bigquery", "delivery-mapped"),
        ("storage", WRITE, "roles/storage.objectUser", "bill-landed"),
    ],
)
def test_a_missing_permission_is_named_with_its_role(
    world: World, steady: str, service: str, request_: str, role: str, topic: str
) -> None:
    org = world.tenant()
    world.bring(org, cur_text(LINES[:4]))
    refuser: HttpRefuser = getattr(world, service)
    about = world.dataset(org) if service == "bigquery" else f"focus/{org}/"
    with refuser.refusing(Refusal(403, "accessDenied" if service == "bigquery" else "forbidden", request_, about)):
        error = world.bring(org, GOOD, status=1)
        assert refuser.refused
        reason = dead_run(world, org, topic)
        assert reason in error and "permission denied" in reason and role in reason
        world.bring(steady, of_an_account_of_its_own(), f"beside-{service}-{len(request_)}")
    assert world.billed(org) == {"USD": Decimal("5")} and world.leftovers(org) == []
    replay(world, topic)
    ends_well(world, org)


@pytest.mark.parametrize(
    ("service", "status", "reason"),
    [
        ("bigquery", 403, "rateLimitExceeded"),
        ("bigquery", 403, "quotaExceeded"),
        ("bigquery", 429, "rateLimitExceeded"),
        ("storage", 403, "rateLimitExceeded"),
        ("storage", 429, "rateLimitExceeded"),
    ],
)
def test_a_quota_that_is_used_up_for_a_while_costs_time_alone(
    world: World, steady: str, service: str, status: int, reason: str
) -> None:
    refuser: HttpRefuser = getattr(world, service)
    integration = f"{service}-{status}-{reason}".lower()
    request, about = (
        (LOAD, world.dataset(steady)) if service == "bigquery" else (WRITE, f"focus/{steady}/{integration}/")
    )
    with refuser.refusing(Refusal(status, reason, request, about, times=2)):
        world.bring(steady, of_an_account_of_its_own(), integration)
        assert len(refuser.refused) == 2
    rows = "select sum(BilledCost) as billed from cost_data_standard_1_3 where x_IntegrationId = @one"
    (row,) = world.rt.warehouse.query(steady, rows, {"one": integration})
    assert row["billed"] == 25 and world.leftovers(steady) == []


def test_a_quota_that_stays_used_up_is_told_and_replayed(world: World) -> None:
    org = world.tenant()
    with world.bigquery.refusing(Refusal(403, "quotaExceeded", LOAD, world.dataset(org))):
        world.bring(org, GOOD, status=1)
        reason = world.letter("delivery-mapped", of(org)).reason
        assert "quotaExceeded; given up after 5 tries; run costwire replay" in reason and is_clear(reason)
        assert (world.runs(org)[-1]["status"], world.runs(org)[-1]["error"]) == (FAILED, reason)
    assert world.states(org) == ["landed"]
    replay(world, "delivery-mapped")
    ends_well(world, org)


def test_credentials_are_left_as_they_are_while_the_key_is_disabled(world: World) -> None:
    org = world.tenant()
    rt = world.rt
    credentials.store(rt.sealed, rt.keys, rt.clock.now(), org, "aws", "aws", b"hush", "a test")
    kept = world.rt.sealed.list(f"orgs/{org}/credentials")
    old = f"{RING}/cryptoKeys/credentials/cryptoKeyVersions/1"
    world.costwire("keys", "rotate")
    disabled = kms_v1.CryptoKeyVersion(name=old, state=kms_v1.CryptoKeyVersion.CryptoKeyVersionState.DISABLED)
    world.keys.update_crypto_key_version(crypto_key_version=disabled, update_mask={"paths": ["state"]})
    error = world.costwire("keys", "reencrypt", "--org", org, status=1).stderr
    assert "is disabled or destroyed" in error and "gcloud kms keys versions" in error and "hush" not in error
    assert world.rt.sealed.list(f"orgs/{org}/credentials") == kept
    enabled = kms_v1.CryptoKeyVersion(name=old, state=kms_v1.CryptoKeyVersion.CryptoKeyVersionState.ENABLED)
    world.keys.update_crypto_key_version(crypto_key_version=enabled, update_mask={"paths": ["state"]})
    assert "1 re-encrypted" in world.costwire("keys", "reencrypt", "--org", org).stdout


BILLS: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "an empty file": [("", ())],
    "a wrong format": [(GOOD, ()), ("a,b\nx,y\n", ())],
    "another currency than before": [(GOOD, ()), (cur_text([cur_line(1, "7", CurrencyCode="EUR")]), ())],
    "the same bill twice": [(GOOD, ()), (GOOD, ())],
    "an older bill late": [
        (GOOD, ("--delivered-at", "2026-04-02")),
        (cur_text(LINES[:5]), ("--delivered-at", "2026-04-01")),
    ],
    "a line that cannot be mapped": [(cur_text([*LINES, cur_line(30, "much")]), ())],
}


@pytest.mark.parametrize("case", BILLS)
def test_a_bill_that_is_bad_ends_as_on_the_laptop(world: World, tmp_path: Path, case: str) -> None:
    org = world.tenant()
    laptop = {"COSTWIRE_RUNTIME": "embedded", "COSTWIRE_HOME": str(tmp_path / "home")}
    outcomes = []
    costwire(laptop, tmp_path, "tenants", "add", org, "--slug", org)
    for settings in (laptop, world.made.settings):
        told = []
        for number, (content, words) in enumerate(BILLS[case]):
            path = tmp_path / "bill.csv"
            path.write_text(content, encoding="utf-8")
            os.utime(path, (1_775_000_000 + number, 1_775_000_000 + number))
            whose = ("--provider", "aws", "--integration", "bill", "--org", org, *words)
            told.append(imported(settings, tmp_path, str(path), *whose))
        for command in ("deliveries", "costs"):
            told.append(facts(costwire(settings, tmp_path, command, "--json", "--org", org).stdout))
        outcomes.append(told)
    assert outcomes[0] == outcomes[1]


def imported(settings: dict[str, str], folder: Path, *words: str) -> tuple[int, str]:
    """Exit status and the line on stderr."""
    done = commands.run("import", *words, env={**os.environ, **settings}, cwd=folder, timeout=200)
    assert done.returncode == 0 or is_clear(done.stderr.strip()), done.stderr
    return done.returncode, done.stderr


def facts(text: str) -> Any:
    """What a command prints, without places, times and names of runs."""
    gone = {"uri", "landed_at", "proved_at", "run_id", "delivered_at", "seen_at", "version", "difference_at", "mark"}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(one) for name, one in sorted(value.items()) if name not in gone}
        return sorted((plain(one) for one in value), key=json.dumps) if isinstance(value, list) else value

    return plain(json.loads(text))
