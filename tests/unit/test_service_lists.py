"""The comparison of the service tables with public lists: on the lists that were taken in, and on small ones of our own."""

from __future__ import annotations

import pytest

from deployment import service_lists
from deployment.service_lists import Listed, compare, our_categories, read_csv, read_lists, reasoned, report


@pytest.fixture(scope="module")
def everything() -> tuple[list[Listed], list[str]]:
    """Each code of the lists with the category that the mapping gives it."""
    lists = read_lists()
    return lists, our_categories(lists)


def test_at_most_one_code_in_twenty_is_other_and_the_rest_agree_but_for_a_reason(
    everything: tuple[list[Listed], list[str]],
) -> None:
    compared = compare(*everything, reasoned())
    assert [(one.provider, one.codes > 100) for one in compared] == [("aws", True), ("azure", True), ("gcp", True)]
    assert [report(one) for one in compared if not one.holds] == []


def test_every_reason_is_for_a_difference_that_our_tables_have(everything: tuple[list[Listed], list[str]]) -> None:
    theirs = {(one.provider, one.known_as, one.category, ours) for one, ours in zip(*everything, strict=True)}
    stale = [
        row
        for row in read_csv(service_lists.CLASSIFICATION / "service_differences.csv")
        if not row["reason"]
        or row["theirs"] == row["ours"]
        or (row["provider"], row["code"], row["theirs"], row["ours"]) not in theirs
    ]
    assert stale == []


@pytest.mark.parametrize(
    ("code", "category", "said"),
    [
        ("AmazonTomorrow", "Compute", "Other: AmazonTomorrow (Compute)"),
        ("AmazonS3", "Compute", "differs: AmazonS3 (Compute, ours Storage)"),
    ],
)
def test_a_code_that_is_other_or_differs_fails_above_one_in_twenty(code: str, category: str, said: str) -> None:
    lists = [Listed("aws", "AmazonEC2", "Compute")] * 18 + [Listed("aws", code, category)]
    (found,) = compare(lists, our_categories(lists), [])
    assert not found.holds
    assert said in report(found)


def test_one_in_twenty_is_allowed_and_a_difference_with_a_reason_does_not_count() -> None:
    lists = [Listed("aws", "AmazonEC2", "Compute")] * 18 + [
        Listed("aws", "x", "Storage"),
        Listed("aws", "y", "Storage"),
    ]
    ours = ["Compute"] * 20
    reason = {"provider": "aws", "code": "x", "theirs": "Storage", "ours": "Compute", "reason": "because"}
    assert not compare(lists, ours, [])[0].holds
    (found,) = compare(lists, ours, [reason])
    assert (found.holds, found.explained, [one.code for one, _ in found.differing]) == (True, 1, ["y"])


def test_each_provider_is_asked_as_its_bills_are_mapped() -> None:
    lists = [
        Listed("azure", "microsoft.eventgrid", "", "microsoft.keyvault/vaults"),
        Listed("gcp", "Cloud Run", ""),
        Listed("azure", "functions", "", "microsoft.web/sites"),
        Listed("aws", "AmazonS3", ""),
        Listed("azure", "kubernetesservice", "", "microsoft.security/pricings"),
        Listed("azure", "microsoft.nowhere", "", "microsoft.nowhere/things"),
    ]
    assert our_categories(lists) == ["Security", "Compute", "Compute", "Storage", "Compute", "Other"]


def test_the_command_says_how_each_list_compares(capsys: pytest.CaptureFixture[str]) -> None:
    assert service_lists.main() == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if ": ok" in line] == [
        "aws",
        "azure",
        "gcp",
    ]
