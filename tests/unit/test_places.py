"""Which places bills may be read from, by the pure rules of each runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.domain.places import Place, PlaceRules, canonical

CLOUD = PlaceRules(
    reads_files=False,
    own=(Place.of("gs://p-costwire"), Place.of("gs://p-costwire-source"), Place.of("gs://p-costwire-state")),
    own_buckets=("gcf-v2-sources-",),
    uploads=Place.of("gs://p-costwire/uploads"),
)
EMBEDDED = PlaceRules(reads_files=True, own=(Place.of("/home/me/.costwire/objects"),))


def setting_fault(rules: PlaceRules, location: str) -> str | None:
    return rules.setting_fault(Place.of(location), location)


@pytest.mark.parametrize(
    "location",
    [
        "gs://p-costwire",
        "gs://p-costwire/raw/other_org",
        "GS://P-Costwire/raw",
        "gs://p-costwire//raw",
        " gs://p-costwire/focus",
        "gs://p-costwire/uploads/acme_1/aws/run",
        "gs://p-costwire-source/functions.zip",
        "gs://p-costwire-state",
        "gs://gcf-v2-sources-123-us-central1/x",
    ],
)
def test_no_location_is_a_bucket_of_the_platform(location: str) -> None:
    assert "is storage of Costwire itself" in str(setting_fault(CLOUD, location))


@pytest.mark.parametrize("location", ["file:///etc", "/etc", "FILE:///etc", "file://localhost/etc", "bills"])
def test_no_location_is_a_file_in_the_cloud(location: str) -> None:
    assert "which cloud functions cannot read" in str(setting_fault(CLOUD, location))


@pytest.mark.parametrize(
    "location", ["gs://p-costwire-bills/cur", "gs://acme", "s3://acme/cur", "gs://other/p-costwire"]
)
def test_buckets_of_others_may_be_read(location: str) -> None:
    assert setting_fault(CLOUD, location) is None


def test_an_upload_is_read_by_its_own_integration_alone() -> None:
    location = "gs://p-costwire/uploads/acme_1/aws/run1/march.csv"
    place = Place.of(location)
    assert CLOUD.reading_fault(place, location, "acme_1", "aws") is None
    for org, integration in (("other_1", "aws"), ("acme_1", "gcp"), ("acme", "aws"), ("", ""), ("acme_1", "")):
        assert CLOUD.reading_fault(place, location, org, integration) is not None
    for steps in ("raw/acme_1/aws/x", "uploads", "uploads/acme_1", "uploads/acme_1/aws/../../other_1/aws"):
        above = f"gs://p-costwire/{steps}"
        assert CLOUD.reading_fault(Place.of(above), above, "acme_1", "aws") is not None


@pytest.mark.parametrize(
    "location",
    [
        "/home/me/.costwire/objects",
        "file:///home/me/.costwire/objects/raw/other_org",
        "file:///home/me/bills/../.costwire/objects/raw",
        "file:///home/me/%2ecostwire/objects",
        "/home/me//.costwire/./objects/raw",
    ],
)
def test_no_location_on_one_machine_is_in_the_state_folder(location: str) -> None:
    assert "is storage of Costwire itself" in str(setting_fault(EMBEDDED, location))


@pytest.mark.parametrize(
    "location", ["/home/me/bills", "file:///home/me", "/home/me/.costwire/objects2", "gs://acme/cur"]
)
def test_other_folders_of_one_machine_may_be_read(location: str) -> None:
    assert setting_fault(EMBEDDED, location) is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("gs://b/acme", "gs://b/acme", True),
        ("gs://b/acme/", "gs://b/acme/cur/march.csv", True),
        ("gs://b", "gs://b/acme", True),
        ("gs://b/acme", "gs://b/acme-2", False),
        ("gs://b/acme", "gs://c/acme", False),
        ("gs://b/acme", "s3://b/acme", False),
        ("az://acct/exports", "az://acct/exports/costs", True),
        ("az://ACCT//Exports/costs", "az://acct/exports/costs/march", True),
        ("az://acct/exports", "az://acct/other", False),
        ("az://acct/exports/costs", "az://other/exports/costs", False),
        ("az://acct/exports/costs", "az://acct/exports/Costs", False),
    ],
)
def test_places_overlap_where_one_holds_the_other(one: str, other: str, expected: bool) -> None:
    assert Place.of(one).overlaps(Place.of(other)) is Place.of(other).overlaps(Place.of(one)) is expected


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://Acct.blob.core.windows.net/exports/a%20b/c", "az://acct/exports/a b/c"),
        ("https://acct.blob.core.windows.net/exports?sv=1&sig=token", None),
        ("https://acct.blob.core.windows.net.evil.example/exports", None),
        ("az://acct/exports/100%25", None),
        ("s3://bucket/x", None),
    ],
)
def test_a_containers_address_is_stored_as_a_location_of_azure(location: str, expected: str | None) -> None:
    assert canonical(location) == (expected or location)


def test_rules_are_pure(tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "objects")
    rules = PlaceRules(reads_files=True, own=(Place.of(str(tmp_path / "objects")),))
    assert setting_fault(rules, str(tmp_path / "link")) is None  # following links is for who asks
