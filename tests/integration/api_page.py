"""The tables of docs/api.md, made of the routes: python -m tests.integration.api_page writes them."""

from __future__ import annotations

from pathlib import Path

from deployment.made_tables import with_table
from web.api.declare import Needs
from web.api.problems import CODES
from web.api.routes import ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
BEGIN, END = "<!-- made by python -m tests.integration.api_page -->", "<!-- end -->"


def tables() -> str:
    """Operations, then codes of problems."""
    lines = ["| operation | what it does | needs |", "|---|---|---|"]
    lines += [f"| `{one.method} {one.path}` | {one.summary} | {_needs(one.needs)} |" for one in ROUTES]
    lines += ["", "| code | status | meaning |", "|---|---|---|"]
    lines += [f"| `{code}` | {status} | {title} |" for code, (status, title) in CODES.items()]
    return "\n".join(lines)


def _needs(needs: Needs) -> str:
    return {Needs.NOTHING: "no key", Needs.ROOT: "the root key"}.get(needs, f"a key: {needs}")


def page(text: str) -> str:
    """The page with its tables as they must be."""
    return with_table(text, BEGIN, END, tables())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
