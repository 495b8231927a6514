"""A format is told by its columns alone."""

import random

import pytest

from common.errors import UnknownFormat
from common.formats.recognition import formats, match, recognise, squeeze


@pytest.mark.parametrize("name", sorted(formats()))
def test_a_format_is_recognised_by_its_required_columns_in_any_order_and_case(name: str) -> None:
    columns = [column.upper() for column in formats()[name].required]
    random.Random(3).shuffle(columns)
    assert recognise([*columns, "SomethingNew"]).format.name == name


@pytest.mark.parametrize("name", sorted(formats()))
def test_unknown_columns_are_named(name: str) -> None:
    matched = match(formats()[name], [*formats()[name].required, "Totally/New Column"])
    assert "Totally/New Column" in matched.unknown


def test_three_spellings_of_one_column_are_one() -> None:
    spellings = ["lineItem/UnblendedCost", "line_item_unblended_cost", "LINEITEM UNBLENDEDCOST"]
    assert len({squeeze(one) for one in spellings}) == 1


def test_a_file_in_no_known_format_is_told_what_was_found_and_what_the_nearest_lacks() -> None:
    names = ["lineItem/UnblendedCost", "lineItem/CurrencyCode", "bill/PayerAccountId", "colour"]
    with pytest.raises(UnknownFormat) as caught:
        recognise(names)
    text = str(caught.value)
    assert "colour" in text and "AWS Cost and Usage Report" in text and "line_item_line_item_type" in text
    assert "\n" not in text


LOCALIZED = [
    "Kategorie der Verbrauchseinheit (MeterCategory)",
    "Genutzter Dienst (ConsumedService)",
    "使用日\uff08UsageDateTime\uff09",
]


def test_a_translated_column_is_known_by_the_name_in_parentheses() -> None:
    columns = recognise([*LOCALIZED, "Währung (Currency)", "PreTaxCost (PreTaxCost)", "Kosten (USD)"])
    assert columns.format.name == "azure_cost"
    assert columns.columns["date"] == "使用日\uff08UsageDateTime\uff09"
    assert columns.columns["billing_currency"] == "Währung (Currency)"
    assert columns.unknown == ("Kosten (USD)",)


def test_a_column_of_money_beside_its_translation_is_refused() -> None:
    with pytest.raises(UnknownFormat, match=r"columns Currency and Währung \(Currency\) have the same name"):
        recognise([*LOCALIZED, "Currency", "Währung (Currency)", "PreTaxCost"])


def test_only_a_format_that_portals_translate_reads_parentheses() -> None:
    required = formats()["oci_cost"].required
    with pytest.raises(UnknownFormat):
        recognise([f"Spalte ({name})" for name in required])
