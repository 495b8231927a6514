"""A file that declares organizations, integrations and budgets: what it means, and that every mistake in it is refused with its place."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from common.declared.reading import BUDGET as BUDGET_KEYS
from common.declared.reading import INTEGRATION as INTEGRATION_KEYS
from common.declared.reading import ORGANIZATION as ORGANIZATION_KEYS
from common.declared.reading import SCOPE, parse_declaration, read_declaration
from common.declared.wanted import DeclaredIntegration, DeclaredOrganization
from common.domain.budgets import DEFAULT_FORECAST_THRESHOLDS, DEFAULT_THRESHOLDS, Scope
from common.errors import BadConfiguration, NotFound

FOLDER = Path("/etc/costwire")
ORGANIZATION = '[[organizations]]\nslug = "acme"\nname = "Acme"\nplan = "Scale"\n'
INTEGRATION = '[[integrations]]\nid = "aws"\nprovider = "aws"\nlocation = "bills"\n'
BUDGET = '[[budgets]]\nname = "Cloud"\namount = "10.50"\ncurrency = "USD"\n'


def refusal(text: str) -> str:
    with pytest.raises(BadConfiguration) as refused:
        parse_declaration(text, FOLDER)
    return str(refused.value)


def test_every_key_of_a_file_is_read() -> None:
    found = parse_declaration(
        ORGANIZATION
        + '[[integrations]]\norg = "acme"\nid = "gcp"\nprovider = "gcp"\nlocation = "gs://b/x"\nallow_overlap = true\npaused = true\n'
        + '[[budgets]]\norg = "acme"\nname = "Fair"\namount = 3000\ncurrency = "EUR"\nperiod = "custom"\nmetric = "EffectiveCost"\n'
        + 'thresholds = [100, "87.5"]\nforecast_thresholds = []\nowner = "o@example.com"\nchannels = ["slack"]\n'
        + 'starts_on = 2026-11-01\nends_on = "2026-12-15"\n'
        + 'scope = { providers = ["AWS"], accounts = "1", services = ["S"], regions = ["r"], '
        + 'clusters = ["c"], namespaces = ["n"], tags = { team = ["a", "b"] } }\n',
        FOLDER,
    )
    assert found.organizations == (DeclaredOrganization("acme", "Acme", "Scale"),)
    assert found.integrations == (DeclaredIntegration("acme", "gcp", "gcp", "gs://b/x", True, True),)
    (budget,) = (one.budget for one in found.budgets)
    assert (budget.amount, budget.currency, budget.period, budget.metric) == (3000, "EUR", "custom", "EffectiveCost")
    assert (budget.thresholds, budget.forecast_thresholds) == ((Decimal("87.5"), Decimal(100)), ())
    assert (budget.owner, budget.channels) == ("o@example.com", ("slack",))
    assert (budget.starts_on, budget.ends_on) == (date(2026, 11, 1), date(2026, 12, 15))
    assert budget.scope == Scope(("aws",), ("1",), ("S",), ("r",), {"team": ("a", "b")}, ("c",), ("n",))


def test_a_key_that_is_left_out_has_the_default_of_the_commands() -> None:
    found = parse_declaration(INTEGRATION + BUDGET, FOLDER)
    assert found.integrations == (DeclaredIntegration("default", "aws", "aws", "/etc/costwire/bills"),)
    (budget,) = (one.budget for one in found.budgets)
    assert (budget.amount, budget.period, budget.metric, budget.scope) == (
        Decimal("10.50"),
        "monthly",
        "BilledCost",
        Scope(),
    )
    assert (budget.thresholds, budget.forecast_thresholds) == (DEFAULT_THRESHOLDS, DEFAULT_FORECAST_THRESHOLDS)


def test_an_amount_is_exact_to_the_last_digit() -> None:
    text = BUDGET.replace("10.50", "12345678901234.123456789012345678901234")
    assert parse_declaration(text, FOLDER).budgets[0].request.amount == Decimal(
        "12345678901234.123456789012345678901234"
    )


def test_a_relative_location_is_beside_the_file_whatever_the_folder_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "costwire.toml").write_text(INTEGRATION.replace("bills", "../bills"))
    (found,) = read_declaration(tmp_path / "costwire.toml").integrations
    assert found.location == str(tmp_path.resolve().parent / "bills")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BUDGET.replace('"10.50"', "10.50"), 'a TOML float, which cannot hold every decimal exactly; write it in quotes: "10.50"'),
        (BUDGET.replace('"10.50"', "nan"), "amount is nan, a TOML float"),
        (BUDGET.replace('"10.50"', "true"), "amount is true or false, expected a whole number, or a decimal in quotes"),
        (BUDGET.replace('"10.50"', "0x" + "f" * 5000), "amount is a whole number, expected"),
        (BUDGET.replace('"10.50"', "1" * 5000), "a number has too many digits"),
        (BUDGET.replace('"10.50"', '"ten"'), "amount is 'ten', expected a plain number"),
        (BUDGET.replace('"10.50"', "-1"), "amount is -1, expected more than 0"),
        (BUDGET + "thresholds = [80.5]\n", "thresholds is 80.5, a TOML float"),
        (BUDGET + "thresholds = 80\n", "thresholds is a whole number, expected a list such as [80, 100]"),
        (BUDGET + 'period = "weekly"\n', "period is 'weekly', expected one of"),
        (BUDGET + 'chanels = ["slack"]\n', "unknown key 'chanels'; did you mean 'channels'?"),
        (BUDGET + 'scope = { service = ["a"] }\n', "scope: unknown key 'service'; did you mean 'services'?"),
        (BUDGET + "scope = { services = [] }\n", "services is an empty list; give a value, or leave the key out"),
        (BUDGET + "scope = { tags = { team = [1] } }\n", "scope, tags: team is a list, expected a list of texts"),
        (BUDGET + "starts_on = 2026-11-01T00:00:00\n", "starts_on is a date or a time, expected a day"),
        (BUDGET + 'starts_on = "soon"\n', "starts_on is 'soon', expected a day"),
        (BUDGET + "starts_on = 2026-11-01\n", "a monthly budget takes no start and end"),
        (BUDGET + 'owner = " "\n', "owner is empty"),
        (BUDGET.replace('currency = "USD"\n', ""), "currency is missing"),
        (BUDGET + BUDGET.replace("10.50", "11"), "[[budgets]] number 2: budget Cloud of default is declared twice"),
        (ORGANIZATION.replace("Scale", "Huge"), "plan is 'Huge', expected one of"),
        (ORGANIZATION.replace("acme", "no slug"), "organization is 'no slug', expected"),
        (ORGANIZATION.replace("acme", "default"), "organization default exists in every deployment"),
        (INTEGRATION.replace('provider = "aws"', 'provider = "azur"'), "did you mean 'azure'?"),
        (INTEGRATION + 'paused = "yes"\n', "paused is text, expected true or false"),
        (INTEGRATION.replace('"bills"', "1"), "location is a whole number, expected text in quotes"),
        (INTEGRATION.replace("[[integrations]]", "[integrations]"), "integrations is a table, expected tables under [[integrations]]"),
        ("budgets = [1]\n", "[[budgets]] number 1 is a whole number, expected a table"),
        ("[[budget]]\n", "unknown key 'budget'; did you mean 'budgets'?"),
        ("x = \n", "the file is not valid TOML: Invalid value (at line 1"),
        ("x = " + "[" * 5000, "not valid TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_reason(text: str, said: str) -> None:
    refused = refusal(text)
    assert said in refused and "\n" not in refused


def test_a_refusal_names_the_table_once() -> None:
    assert refusal(BUDGET + BUDGET.replace("Cloud", "Two").replace("USD", "usd")).startswith(
        "[[budgets]] number 2: currency is 'usd'"
    )
    assert refusal(BUDGET + "metrics = 1\n").count("[[budgets]] number 1") == 1


@pytest.mark.parametrize("key", ["credential", "secret_key", "token", "password"])
def test_a_credential_in_the_clear_is_refused_and_never_repeated(key: str) -> None:
    refused = refusal(INTEGRATION + f'{key} = "s3cr3t"\n')
    assert "costwire connect PROVIDER --id ID --credential FILE" in refused and "s3cr3t" not in refused


def test_a_file_that_is_missing_or_not_text_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.toml does not exist; give the TOML file"):
        read_declaration(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'x = "\xe9"')
    with pytest.raises(BadConfiguration, match="is not UTF-8 text"):
        read_declaration(tmp_path / "latin.toml")


def test_the_file_of_the_documentation_is_valid_and_has_every_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "apply.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    found = parse_declaration(example, FOLDER)
    assert (len(found.organizations), len(found.integrations), len(found.budgets)) == (1, 1, 1)
    assert not [key for key in (*ORGANIZATION_KEYS, *INTEGRATION_KEYS, *BUDGET_KEYS, *SCOPE) if key not in example]
