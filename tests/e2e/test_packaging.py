"""What is installed is complete: the image's own steps, run without Docker, make a wheel that works far from a clone."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IMAGE_VENV = "/opt/costwire"
PACKAGES = ("common", "functions", "costwire", "web")
LARGEST_WHEEL = 2_000_000
LARGEST_SAMPLES = 700_000


def instructions(word: str) -> list[str]:
    """The arguments of every instruction of one kind, in order."""
    return re.findall(rf"^{word} (.+)$", DOCKERFILE, re.MULTILINE)


def copied() -> list[tuple[list[str], str]]:
    """(sources, target) of what the image copies from the checkout."""
    found = [line.split() for line in instructions("COPY") if not line.startswith("--from=")]
    return [(words[:-1], words[-1]) for words in found]


def shipped() -> Iterator[Path]:
    """Every file of the packages that the program reads, from the root."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            hidden = any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(ROOT).parts)
            if path.is_file() and not hidden:
                yield path.relative_to(ROOT)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(wheel, environment) as the RUN lines of the image make them; links to this one's packages stand for the locked ones."""
    folder = tmp_path_factory.mktemp("image")
    source, venv = folder / "src", folder / "venv"
    for names, target in copied():
        for name in names:
            place = source / target / (name if target == "./" else "")
            place.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-r", str(ROOT / name), str(place)], check=True)
    for line in instructions("RUN"):
        if IMAGE_VENV not in line:
            continue  # making the user takes root
        if "--require-hashes" in line:
            _link_packages(venv)
            continue
        command = line.replace(IMAGE_VENV, str(venv)).replace("python -m venv", f"{sys.executable} -m venv")
        done = subprocess.run(["/bin/sh", "-c", command], cwd=source, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    (wheel,) = (source / "wheels").glob("*.whl")
    return wheel, venv


def _link_packages(venv: Path) -> None:
    """Links to every package of this environment but Costwire itself, which the wheel must bring."""
    (target,) = venv.glob("lib/python*/site-packages")
    for older in target.glob("setuptools*"):  # a new environment may have one; the lock replaces it
        shutil.rmtree(older)
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "costwire" not in path.name and not (target / path.name).exists():
            (target / path.name).symlink_to(path)


@pytest.mark.slow
def test_the_wheel_has_every_file_that_the_program_reads_and_is_small(installed: tuple[Path, Path]) -> None:
    wheel, _ = installed
    with zipfile.ZipFile(wheel) as archive:
        sizes = {one.filename: one.file_size for one in archive.infolist()}
    assert {path.as_posix() for path in shipped()} - set(sizes) == set()
    assert {name.partition("/")[0].partition("-")[0] for name in sizes} == set(PACKAGES)
    assert wheel.stat().st_size < LARGEST_WHEEL
    assert sum(size for name, size in sizes.items() if name.startswith("costwire/samples/")) < LARGEST_SAMPLES


@pytest.mark.slow
def test_the_installed_command_runs_the_demo_without_a_clone(installed: tuple[Path, Path], tmp_path: Path) -> None:
    _, venv = installed
    (entrypoint,) = re.findall(r'"(.+)"', *instructions("ENTRYPOINT"))
    (default,) = re.findall(r'"(.+)"', *instructions("CMD"))
    where = subprocess.run(
        [venv / "bin" / "python", "-c", "import costwire, common, functions; print(costwire.__file__, common.__file__)"],
        cwd=tmp_path, env={}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert all(path.startswith(str(venv)) for path in where.stdout.split())
    done = subprocess.run(
        [venv / "bin" / entrypoint, default],
        cwd=tmp_path, env={"PATH": f"{venv}/bin"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("proved, difference 0") == 9
    assert "26,963.54" in done.stdout
    assert re.search(r"^your own bill: +costwire import", done.stdout, re.MULTILINE)
    assert str(ROOT) not in done.stdout


def test_the_image_copies_what_exists_and_what_its_ignore_file_lets_through() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [line.removeprefix("!") for line in lines if line.startswith("!")]
    sources = [name for names, _ in copied() for name in names]
    assert sources and sorted(sources) == sorted(allowed)
    assert "*" in lines and all((ROOT / name).exists() for name in sources)
    ignored = [line for line in lines if line.startswith("**/")]
    for private in (".costwire", ".costwire-demo", "__pycache__"):
        assert any(fnmatch.fnmatch(f"costwire/{private}", line) for line in ignored), private


def test_the_image_runs_locked_dependencies_as_a_user_without_rights() -> None:
    last = DOCKERFILE.rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER [1-9]\d*$", last, re.MULTILINE)
    assert any("--require-hashes -r requirements.lock" in line for line in instructions("RUN"))
    unlocked = [line for line in instructions("RUN") if "pip install" in line and "--require-hashes" not in line]
    assert all("--no-deps" in line and "--no-index" in line for line in unlocked)
    assert {line.split()[0] for line in instructions("FROM")} == {"python:3.11-slim"}
