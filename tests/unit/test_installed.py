"""Hints name a command that works however Costwire was installed: uvx and `pipx run` leave none on the search path."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from costwire import installed

Install = Callable[..., None]
UVX = "/home/me/.cache/uv/archive-v0/x1Yz"
PIPX_RUN = "/home/me/.local/share/pipx/.cache/d4c5e6"
HINT = "no bills yet; start with: costwire import YOUR-BILL.csv"


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Costwire runs from this environment, and was installed from this source."""

    def set_up(prefix: str, source: object = None, on_path: bool = True) -> None:
        class Recorded:
            def read_text(self, name: str) -> str | None:
                return json.dumps(source) if source and name == "direct_url.json" else None

        monkeypatch.setattr(sys, "prefix", prefix)
        monkeypatch.setattr(installed, "distribution", lambda name: Recorded())
        monkeypatch.setattr(installed.shutil, "which", lambda name: f"{prefix}/bin/{name}" if on_path else None)

    installed._runner.cache_clear()
    yield set_up
    installed._runner.cache_clear()


@pytest.mark.parametrize(
    ("prefix", "source", "expected"),
    [
        (UVX, None, "uvx costwire"),
        (UVX, {"url": "file:///src/cost%20wire", "dir_info": {}}, "uvx --from '/src/cost wire' costwire"),
        (
            UVX,
            {"url": "https://example.com/costwire.git", "vcs_info": {"vcs": "git", "commit_id": "1"}},
            "uvx --from git+https://example.com/costwire.git costwire",
        ),
        ("/home/me/.cache/uv/environments-v2/a1", None, "uvx costwire"),
        (PIPX_RUN, None, "pipx run costwire"),
        (PIPX_RUN, {"url": "file:///src", "dir_info": {}}, "pipx run --spec /src costwire"),
        ("/home/me/.local/share/pipx/venvs/costwire", None, "costwire"),
        ("/home/me/.local/share/uv/tools/costwire", None, "costwire"),
    ],
)
def test_the_command_is_the_one_that_ran_it(install: Install, prefix: str, source: object, expected: str) -> None:
    install(prefix, source)
    assert installed.command() == expected
    assert installed.in_this_shell(HINT) == HINT.replace("costwire import", f"{expected} import")


def test_a_command_that_is_not_on_the_search_path_is_named_by_its_path(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("/src/.venv", on_path=False)
    monkeypatch.setattr(sys, "argv", [str(Path.cwd() / ".venv/bin/costwire")])
    assert installed.command() == ".venv/bin/costwire"


def test_only_commands_are_rewritten(install: Install) -> None:
    install(UVX)
    text = "costwire: /opt/costwire import and .venv/bin/costwire sync, costwire-demo, Costwire"
    assert installed.in_this_shell(text) == text


def test_the_sdks_of_google_cloud_are_added_as_costwire_was_installed(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(UVX)
    assert installed.extra_install("cloud") == "run make install-cloud", "this is a clone"
    monkeypatch.setattr(installed, "__file__", str(tmp_path / "costwire" / "installed.py"))
    assert installed.extra_install("cloud") == "run uvx --from 'costwire[cloud]' costwire"
    installed._runner.cache_clear()
    install("/home/me/.local/share/pipx/venvs/costwire", {"url": "file:///src", "dir_info": {}})
    assert installed.extra_install("cloud") == "run pipx install --force '/src[cloud]'"


@pytest.mark.parametrize(
    ("package", "what", "extra"),
    [
        ("google.cloud.storage", "Google Cloud's SDKs are", "cloud"),
        ("boto3", "AWS's SDK is", "aws"),
        ("azure.core", "Azure's SDKs are", "azure"),
    ],
)
def test_a_missing_sdk_is_named_with_the_way_to_add_it(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str, what: str, extra: str
) -> None:
    install(UVX)
    monkeypatch.setattr(installed, "__file__", str(tmp_path / "costwire" / "installed.py"))
    assert installed.missing_sdk(package) == f"{what} not installed; run uvx --from 'costwire[{extra}]' costwire"
    assert installed.missing_sdk("yaml") is None
