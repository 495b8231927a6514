"""How Costwire was installed, and so which command the user can type again: uvx and `pipx run` leave none on the search path."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PLAIN = "costwire"
_HINT = re.compile(r"(?<![\w./-])costwire (?=[a-z]|--)")
_UV_CACHE = re.compile(r"(archive|environments|builds)-v\d+")


def command() -> str:
    """What to type for `costwire`: by uvx or pipx again where they ran it, by a path where it is not on the search path."""
    runner = _runner()
    if runner or shutil.which(_PLAIN):
        return runner or _PLAIN
    started = Path(sys.argv[0])
    return f"{sys.executable} -m {_PLAIN}" if started.suffix == ".py" else from_here(started.absolute())


def in_this_shell(text: str) -> str:
    """A sentence whose hints can be typed where uvx or `pipx run` ran Costwire."""
    runner = _runner()
    return _HINT.sub(lambda _: f"{runner} ", text) if runner else text


_SDKS = {
    "google": ("cloud", "Google Cloud's SDKs are"),
    "boto3": ("aws", "AWS's SDK is"),
    "botocore": ("aws", "AWS's SDK is"),
    "azure": ("azure", "Azure's SDKs are"),
}
"""Package -> the extra that brings it, and what it is."""


def missing_sdk(package: str) -> str | None:
    """What to do where a package cannot be imported; None where it is none of a provider's."""
    extra, what = _SDKS.get(package.partition(".")[0], ("", ""))
    return f"{what} not installed; {extra_install(extra)}" if extra else None


def extra_install(name: str) -> str:
    """How to add the SDKs of an extra."""
    if (Path(__file__).parents[1] / "Makefile").is_file():
        return "run make install-cloud"
    extra = shlex.quote(f"{_source() or _PLAIN}[{name}]")
    if (_runner() or "").startswith("uvx"):
        return f"run uvx --from {extra} {_PLAIN}"
    return f"run pipx install --force {extra}"


def from_here(path: Path) -> str:
    """A path as it is typed in the current folder."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


@cache
def _runner() -> str | None:
    """The command that ran Costwire from an environment of its own that no search path has; None where it is installed."""
    steps = Path(sys.prefix).parts
    if any(_UV_CACHE.fullmatch(step) for step in steps):
        return f"uvx --from {_source()} {_PLAIN}" if _source() else f"uvx {_PLAIN}"
    if "pipx" in steps and {".cache", "cache"} & set(steps):
        return f"pipx run --spec {_source()} {_PLAIN}" if _source() else f"pipx run {_PLAIN}"
    return None


def _source() -> str | None:
    """What was installed, as an installer takes it (PEP 610); None for a package of an index."""
    try:
        recorded = distribution(_PLAIN).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    if not recorded:
        return None
    found = json.loads(recorded)
    url = str(found["url"])
    if "vcs_info" in found:
        return f"{found['vcs_info']['vcs']}+{url}"
    return shlex.quote(from_here(Path(unquote(urlsplit(url).path)))) if url.startswith("file:") else url
