"""Which object asks for which month, and what the commands for the provider are filled with."""

import pytest

from common.providers.notices import month_wanted

CUR, COSTS, DROPPED = "s3://bills/exports/cur", "az://acme/bills/exports/costs", "gs://bills/dropped"


@pytest.mark.parametrize(
    ("location", "written", "month"),
    [
        (CUR, "s3://bills/exports/cur/metadata/BILLING_PERIOD=2026-03/cur-Manifest.json", "2026-03"),
        (CUR, "s3://bills/exports/cur/metadata/BILLING_PERIOD=2026-03/2026-03-02T01:02:03Z-abc/cur-Manifest.json", "2026-03"),
        (CUR, "s3://bills/exports/cur/metadata/billing_period=2026-03/Manifest.json", "2026-03"),
        (CUR, "s3://bills/exports/cur/20260301-20260401/cur-Manifest.json", "2026-03"),
        ("s3://BILLS/exports/cur/", "s3://bills/exports/cur/20260301-20260401/cur-Manifest.json", "2026-03"),
        (f"{CUR}/20260301-20260401", f"{CUR}/20260301-20260401/cur-Manifest.json", "2026-03"),
        (COSTS, "az://acme/bills/exports/costs/20260301-20260331/run/manifest.json", "2026-03"),
        (COSTS, "az://acme/bills/exports/costs/20260301-20260331/_manifest.json", "2026-03"),
        (CUR, "s3://bills/exports/cur/cur-Manifest.json", ""),
        (CUR, "s3://bills/exports/cur/metadata/BILLING_PERIOD=2026-13/cur-Manifest.json", ""),
        (CUR, "s3://bills/exports/cur/data/BILLING_PERIOD=2026-03/cur-00001.csv.gz", None),
        (COSTS, "az://acme/bills/exports/costs/20260301-20260331/run/part_0_0001.csv", None),
        (DROPPED, "gs://bills/dropped/march.csv", ""),
        (f"{DROPPED}/march.csv", "gs://bills/dropped/march.csv", ""),
        (DROPPED, "gs://bills/dropped/folder/", None),
        (DROPPED, "gs://bills/dropped/.march.csv.part", None),
        (DROPPED, "gs://bills/dropped/README.md", None),
        (DROPPED, "gs://bills/dropped2/march.csv", None),
        (DROPPED, "gs://bills/march.csv", None),
        (DROPPED, "gs://other/dropped/march.csv", None),
        (DROPPED, "s3://bills/dropped/march.csv", None),
        (COSTS, "az://other/bills/exports/costs/20260301-20260331/run/manifest.json", None),
    ],
)  # fmt: skip
def test_an_object_asks_for_its_month(location: str, written: str, month: str | None) -> None:
    assert month_wanted(location, written, has_manifests=False) == month


def test_a_file_beside_manifests_waits_for_its_own() -> None:
    assert month_wanted(CUR, f"{CUR}/extra.csv", has_manifests=True) is None
    assert month_wanted(CUR, f"{CUR}/20260301-20260401/cur-Manifest.json", has_manifests=True) == "2026-03"
