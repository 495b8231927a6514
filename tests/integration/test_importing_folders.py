"""`costwire import FOLDER`: each bill below is imported under an integration of its own; what is not a bill is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from common.errors import BadBill, BadConfiguration
from common.ingestion import bills_below
from common.ingestion.importing import BillOnDisk, import_bills
from common.ingestion.requesting import Outcome
from common.ingestion.syncing import sync
from common.records.organizations import ensure_default
from costwire.waiting import wait
from costwire.worker import subscribe_all
from tests.support import Laptop, cur_line, cur_text, laptop

SAMPLES = Path(__file__).parents[2] / "costwire" / "samples"
NO_BILL = "name,colour\napple,red\n"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home") as made:
        ensure_default(made.documents, made.clock.now())
        subscribe_all(made)
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "bills"
    made.mkdir()
    return made


def bring(rt: Laptop, *paths: Path, **stated: str) -> tuple[Outcome, tuple[str, ...]]:
    requested, skipped = import_bills(rt, [BillOnDisk(path, "default", **stated) for path in paths])  # type: ignore[arg-type]
    return wait(rt, requested), skipped


def shown(rt: Laptop) -> dict[str, Decimal]:
    rows = rt.ask(
        "select x_IntegrationId, sum(BilledCost) as billed from cost_data_standard_1_3 group by x_IntegrationId"
    )
    return {row["x_IntegrationId"]: row["billed"] for row in rows}


def write_cur(path: Path, cost: str, **changes: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(cur_text([cur_line(1, cost, **changes)]))
    return path


def write_layout(root: Path, cost: str) -> Path:
    """A legacy CUR of March below `root`, with its manifest."""
    key = "cur/20260301-20260401/assembly/cur-1.csv"
    write_cur(root / key, cost)
    manifest = {"assemblyId": "assembly", "reportKeys": [key], "billingPeriod": {"start": "20260301T000000.000Z"}}
    (root / "cur/20260301-20260401/cur-Manifest.json").write_text(json.dumps(manifest))
    return root


def test_the_bills_of_seven_providers_in_one_folder_are_seven_integrations(rt: Laptop) -> None:
    outcome, skipped = bring(rt, SAMPLES)
    assert (
        [line.rpartition("/")[2] for line in skipped]
        == [
            "subscriptions.toml is skipped: it is not a CSV, Parquet or JSON lines file"  # a ledger is recorded, not imported
        ]
    )
    assert outcome.reasons == ()
    assert shown(rt) == {
        "aws-111122223333": Decimal("4706.35686864"),
        "azure-87774719": Decimal("21697.075204157"),
        "focus": Decimal("7.68872739051"),
        "gcp-010011-abcdef-012345": Decimal("560.103727920095983632") + Decimal("13.4456720399999988"),
        "oci-ocid1-tenancy-oc1-test000011": Decimal("83210.9628"),
        "openai": Decimal("60.998530674999999475"),
        "opencost": Decimal(0),  # estimates are in no cost
    }


def test_files_of_several_providers_side_by_side_are_told_apart_and_synced_alone(rt: Laptop, folder: Path) -> None:
    shutil.copy(SAMPLES / "oci" / "cost-report-2026-03.csv.gz", folder / "a.csv.gz")
    shutil.copy(SAMPLES / "azure" / "ea-2026-03.csv.gz", folder / "b.csv.gz")
    write_cur(folder / "part-1.csv", "2")
    write_cur(folder / "part-2.csv", "3")
    expected = {
        "oci-ocid1-tenancy-oc1-test000011": Decimal("83210.9628"),
        "azure-87774719": Decimal("21697.075204157"),
        "aws-111122223333": Decimal(5),
    }
    assert bring(rt, folder)[1] == () and shown(rt) == expected
    assert wait(rt, sync(rt, "default")).reasons == () and shown(rt) == expected


def test_what_is_not_a_bill_is_skipped_and_named(rt: Laptop, folder: Path) -> None:
    write_cur(folder / "march.csv", "2")
    (folder / "fruit.csv").write_text(NO_BILL)
    (folder / "read.me.txt").write_text("hello")
    (folder / "march.csv.sha256").write_text("0")
    (folder / ".hidden.csv").write_text(NO_BILL)
    outcome, skipped = bring(rt, folder)
    assert outcome.reasons == () and shown(rt) == {"aws-111122223333": Decimal(2)}
    assert [line.partition(" is skipped: ")[0] for line in skipped] == [
        str(folder / "fruit.csv"),
        str(folder / "read.me.txt"),
    ]
    assert "red" not in str(skipped)


def test_a_bill_beside_a_manifest_that_does_not_list_it_is_named_and_not_counted(rt: Laptop, folder: Path) -> None:
    write_layout(folder, "7")
    leftover = write_cur(folder / "cur/20260301-20260401/older/cur-1.csv", "100")
    copied = write_cur(folder / "copy-of-march.csv", "50")
    shutil.copy(SAMPLES / "oci" / "cost-report-2026-03.csv.gz", folder)
    _, skipped = bring(rt, folder)
    assert shown(rt) == {"aws-111122223333": Decimal(7), "oci-ocid1-tenancy-oc1-test000011": Decimal("83210.9628")}
    (line,) = skipped
    assert str(leftover) in line and str(copied) in line and "are skipped: no manifest beside it lists it" in line


def test_a_damaged_part_of_a_bill_rejects_it_and_is_not_skipped(rt: Laptop, folder: Path) -> None:
    write_cur(folder / "part-1.csv", "2")
    (folder / "part-2.csv").write_text("")
    outcome, skipped = bring(rt, folder)
    assert skipped == () and shown(rt) == {}
    assert len(outcome.reasons) == 1 and "part-2.csv is empty" in outcome.reasons[0]


def test_an_export_whose_manifest_is_broken_is_refused_and_not_read_without_it(rt: Laptop, folder: Path) -> None:
    write_layout(folder, "7")
    (folder / "cur/20260301-20260401/cur-Manifest.json").write_text("{")
    outcome, _ = bring(rt, folder)
    assert shown(rt) == {} and "is not valid JSON" in outcome.reasons[0]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, {"aws-111122223333": Decimal(2), "aws-999900001111": Decimal(3)}),
        ({"integration_id": "mine"}, {"mine": Decimal(5)}),
    ],
)
def test_bills_of_two_accounts_are_two_integrations_unless_one_is_named(
    rt: Laptop, folder: Path, stated: dict[str, str], expected: dict[str, Decimal]
) -> None:
    write_cur(folder / "prod.csv", "2")
    write_cur(folder / "dev.csv", "3", PayerAccountId="999900001111")
    bring(rt, folder, **stated)
    assert shown(rt) == expected


def test_files_that_name_several_accounts_are_one_bill(rt: Laptop, folder: Path) -> None:
    lines = [cur_line(1, "2"), cur_line(2, "3", PayerAccountId="999900001111")]
    (folder / "part-1.csv").write_text(cur_text(lines))
    write_cur(folder / "part-2.csv", "4")
    outcome, _ = bring(rt, folder)
    assert len(outcome.deliveries) == 1 and sum(shown(rt).values()) == 9


def test_the_parts_of_a_very_long_bill_are_not_told_apart(
    rt: Laptop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bills_below, "MOST_TOLD_APART", 1)
    write_cur(folder / "a.csv", "2")
    write_cur(folder / "b.csv", "3", PayerAccountId="999900001111")
    bring(rt, folder)
    assert shown(rt) == {"aws-111122223333": Decimal(5)}


def test_one_integration_cannot_have_bills_of_several_providers(rt: Laptop, folder: Path) -> None:
    write_cur(folder / "a.csv", "2")
    shutil.copy(SAMPLES / "oci" / "cost-report-2026-03.csv.gz", folder)
    with pytest.raises(BadConfiguration, match=r"has 2 bills: AWS .*leave out --integration"):
        bring(rt, folder, integration_id="mine")
    assert rt.bus.pending() == 0


def test_only_bills_of_the_provider_that_is_asked_for(rt: Laptop, folder: Path) -> None:
    write_cur(folder / "a.csv", "2")
    shutil.copy(SAMPLES / "oci" / "cost-report-2026-03.csv.gz", folder)
    _, skipped = bring(rt, folder, provider="aws")
    assert shown(rt) == {"aws-111122223333": Decimal(2)}
    assert skipped == (f"{folder / 'cost-report-2026-03.csv.gz'} is skipped: it is a bill of OCI, not of AWS",)


def test_a_folder_without_a_bill_is_an_error_that_says_why(rt: Laptop, folder: Path) -> None:
    with pytest.raises(BadBill, match="holds no bill: no CSV, Parquet or JSON lines file"):
        bring(rt, folder)
    (folder / "fruit.csv").write_text(NO_BILL)
    with pytest.raises(BadBill, match=r"holds no bill: .*fruit\.csv is skipped: "):
        bring(rt, folder)


def test_several_paths_one_of_them_a_folder(rt: Laptop, folder: Path, tmp_path: Path) -> None:
    write_layout(folder / "aws", "7")
    (folder / "fruit.csv").write_text(NO_BILL)
    oci = SAMPLES / "oci" / "cost-report-2026-03.csv.gz"
    fruit = tmp_path / "more-fruit.csv"
    fruit.write_text(NO_BILL)
    _, skipped = bring(rt, oci, folder, fruit)
    assert shown(rt) == {"aws-111122223333": Decimal(7), "oci-ocid1-tenancy-oc1-test000011": Decimal("83210.9628")}
    assert [line.partition(" is skipped: ")[0] for line in skipped] == [str(folder / "fruit.csv"), str(fruit)]
