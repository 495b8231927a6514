"""BigQuery: local-bigquery from PyPI, a REST and a Storage Read server over DuckDB, in an environment of its own.

The environment is made on demand in `.emulators/bigquery`, from bigquery.lock; it needs Python 3.13.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.emulators.gcloud import PROJECT
from tests.emulators.process import HOST, NotToBeHad, Peer, free_port, start

ROOT = Path(__file__).parents[2] / ".emulators"
LOCK = Path(__file__).with_suffix(".lock")
SECOND = "_SECOND"
"""How the names of the second one's variables end."""
SHIM = Path(__file__).with_name("bigquery_shim.py")
MADE_SECONDS = 600
_EXTENSION = "from duckdb_extensions import import_extension as load; load('ducklake'); load('spatial')"


def bigquery(folder: Path) -> Peer:
    """local-bigquery, for REST and for the Storage Read API.  Raises NotToBeHad.

    Load jobs read buckets that lie as folders under `BIGQUERY_BUCKETS`, and else from STORAGE_EMULATOR_HOST.
    """
    return _started(folder / "bigquery", "")


def second_bigquery(folder: Path) -> Peer:
    """Another one, for the second worker of a test run: one process works on one question at a time."""
    return _started(folder / "second-bigquery", SECOND)


def for_this_worker() -> None:
    """Let the second worker of a test run use the second one."""
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw1":
        for name in (name for name in list(os.environ) if name.endswith(SECOND)):
            os.environ[name.removesuffix(SECOND)] = os.environ[name]


def _started(folder: Path, ending: str) -> Peer:
    python = _environment(ROOT / "bigquery")
    port, grpc_port = free_port(), free_port()
    buckets, data = folder / "buckets", folder / "data"
    for needed in (buckets, data):
        needed.mkdir(parents=True)
    command = [str(python), str(SHIM), "--host", HOST, "--port", str(port), "--grpc-port", str(grpc_port)]
    command += ["--project", PROJECT, "--dataset", "unused", "--data-dir", str(data), "serve"]
    environment = {
        f"BIGQUERY_EMULATOR_HOST{ending}": f"http://{HOST}:{port}",
        f"BIGQUERY_STORAGE_EMULATOR_HOST{ending}": f"{HOST}:{grpc_port}",
        f"BIGQUERY_BUCKETS{ending}": str(buckets),
    }
    home = str(ROOT / "bigquery" / "home")
    own = {"HOME": home, "GCS_LOCAL_ROOT": str(buckets), "PYTHONPATH": ""}
    return start("BigQuery", command, port, environment, folder / "bigquery.log", **own)


def _environment(place: Path) -> Path:
    """The environment's Python; made where the lock has changed since, by one process at a time."""
    wanted = hashlib.sha256(LOCK.read_bytes() + _EXTENSION.encode()).hexdigest()
    python, mark = place / "bin" / "python", place / "made-from"
    with _alone(place):
        if not (mark.is_file() and mark.read_text() == wanted):
            _make(place, python)
            mark.write_text(wanted)
    return python


def _make(place: Path, python: Path) -> None:
    base = _python()
    shutil.rmtree(place, ignore_errors=True)
    home = place / "home"
    home.mkdir(parents=True)
    _run([base, "-m", "venv", str(place)], "no environment for Python 3.13")
    # --no-deps: local-bigquery asks for a DuckDB whose extensions are not to be had as packages
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(LOCK)]
    _run(install, "a package of bigquery.lock is temporarily unavailable")
    _run([str(python), "-c", _EXTENSION], "DuckDB's extensions cannot be set up", HOME=str(home))


def _run(command: list[str], missing: str, **environment: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=MADE_SECONDS, check=False, env={**os.environ, **environment}
    )
    if done.returncode:
        raise NotToBeHad(f"{missing}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")


def _python() -> str:
    """A Python 3.13 that runs."""
    named = [found for found in [shutil.which("python3.13")] if found]
    candidates = [*named, *map(str, sorted((Path.home() / ".pyenv" / "versions").glob("3.13*/bin/python3.13")))]
    for candidate in candidates:
        if subprocess.run([candidate, "--version"], capture_output=True, timeout=30, check=False).returncode == 0:
            return candidate
    raise NotToBeHad("it needs Python 3.13, as python3.13 or under ~/.pyenv/versions")


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    place.parent.mkdir(exist_ok=True)
    (place.parent / ".gitignore").write_text("*\n")
    with (place.parent / f"{place.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
