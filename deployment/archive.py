"""Make the source archive that every function is deployed from: python -m deployment.archive build/functions.zip

The same files make the same bytes, so its digest tells whether anything has to be deployed.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("common", "functions", "web")
KINDS = frozenset({".py", ".sql", ".toml", ".json", ".csv", ".j2", ".html", ".css", ".js", ".svg", ".LICENSE"})
_MOMENT = (1980, 1, 1, 0, 0, 0)


def contents() -> Iterator[tuple[str, Path]]:
    """(name in the archive, file), by name."""
    found = {"main.py": ROOT / "deployment" / "main.py", "requirements.txt": ROOT / "requirements-cloud.lock"}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.suffix in KINDS and path.is_file():
                found[path.relative_to(ROOT).as_posix()] = path
    yield from sorted(found.items())


def write(target: Path) -> str:
    """Write the archive; returns `sha256:<hex>` of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in contents():
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return f"sha256:{hashlib.sha256(target.read_bytes()).hexdigest()}"


def main() -> int:
    """Exit status 0, or 2 for wrong words."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m deployment.archive TARGET.zip\n")
        return 2
    sys.stdout.write(f"{write(Path(sys.argv[1]))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
