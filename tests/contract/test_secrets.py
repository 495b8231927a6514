"""All stores of secrets run the same cases: CONTRACT_SECRETS=environment,secret_manager (the embedded one by default)."""

from __future__ import annotations

import pytest
from backends import chosen
from platform_backends import SECRETS

from common.errors import BadConfiguration

VALUE = "https://hooks.example/T0/B0/žluť"


@pytest.fixture(params=chosen("SECRETS", "environment"))
def backend(request):
    return SECRETS[request.param]


@pytest.fixture
def secrets(backend, tmp_path):
    return backend.open(tmp_path)


def test_a_secret_that_nobody_has_set_is_none(secrets):
    assert secrets.get("slack-webhook-url") is None


def test_a_secret_is_read_by_its_name(backend, secrets, tmp_path):
    backend.put(tmp_path, "slack-webhook-url", VALUE)
    backend.put(tmp_path, "smtp-password", "other")
    assert (secrets.get("slack-webhook-url"), secrets.get("smtp-password")) == (VALUE, "other")


def test_the_latest_value_counts(backend, secrets, tmp_path):
    for value in ("first", "second"):
        backend.put(tmp_path, "smtp-password", value)
    assert secrets.get("smtp-password") == "second"


def test_a_removed_secret_is_none(backend, secrets, tmp_path):
    backend.put(tmp_path, "smtp-password", "x")
    assert secrets.get("smtp-password") == "x"
    backend.remove(tmp_path, "smtp-password")
    assert secrets.get("smtp-password") is None


@pytest.mark.parametrize("stored", ["pass word\n", "pass word\r\n"])
def test_the_line_break_that_echo_leaves_is_not_part_of_a_secret(backend, secrets, tmp_path, stored):
    backend.put(tmp_path, "smtp-password", stored)
    assert secrets.get("smtp-password") == "pass word"


def test_other_blanks_are_part_of_a_secret(backend, secrets, tmp_path):
    backend.put(tmp_path, "smtp-password", " a\nb ")
    assert secrets.get("smtp-password") == " a\nb "


@pytest.mark.parametrize("name", ["", "Slack", "a_b", "a--b", "-a", "../x", "a/b", "x" * 101])
def test_a_name_that_is_none_is_refused(secrets, name):
    with pytest.raises(BadConfiguration, match="slack-webhook-url"):
        secrets.get(name)
