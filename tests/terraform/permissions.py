"""Who may do what, as a table for people: python -m tests.terraform.permissions writes it into docs/permissions.md."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.terraform import hcl

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
BEGIN, END = "<!-- made by `make facts` -->", "<!-- end -->"


def grants() -> Iterator[tuple[str, str, str, str]]:
    """(account, role, on what, why) of terraform/access.tf, account by account."""
    local = hcl.local_values(hcl.ROOT)
    found = []
    for grant in local["grants"].values():
        accounts = grant["accounts"]
        if isinstance(accounts, str):
            (name,) = re.findall(r"^\$\{local\.(\w+)\}$", accounts)
            accounts = local[name]
        found += [(one, role, on, grant["why"]) for one in accounts for role in grant["roles"] for on in grant["on"]]
    order = [*local["functions"], *local["jobs"], "operators", "custodians"]
    yield from sorted(found, key=lambda one: order.index(one[0]))


def table() -> str:
    """The table in Markdown: a line for each account, role and reason."""
    merged: dict[tuple[str, str, str], list[str]] = {}
    for account, role, on, why in grants():
        merged.setdefault((account, role, why), []).append(on)
    lines = ["| account | role | on | what for |", "|---|---|---|---|"]
    lines += [
        f"| {account} | `{role}` | {', '.join(_shown(on) for on in places)} | {why} |"
        for (account, role, why), places in merged.items()
    ]
    return "\n".join(lines)


def _shown(on: str) -> str:
    kind, _, name = on.partition(":")
    return kind if not name else f"{kind.replace('-', ' ')} `{name}`"


def page(text: str) -> str:
    """The page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> int:
    """Exit status 0, or 2 for wrong words."""
    if len(sys.argv) != 1:
        sys.stderr.write("usage: python -m tests.terraform.permissions\n")
        return 2
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
