"""The known name that is closest to one that is not known, for error messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LEAST = 0.6


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """`; did you mean 'service'?` where a known name is close to the text, whatever the case; empty where none is."""
    by_folded = {folded(name): name for name in known}
    close = get_close_matches(folded(text), list(by_folded), n=1, cutoff=_LEAST)
    return f"; did you mean '{by_folded[close[0]]}'?" if close else ""


def folded(name: str) -> str:
    """A name without case, underscores, dashes and spaces: `sub_account_id` and `SubAccountId` are one."""
    return "".join(character for character in name.casefold() if character not in "_- ")
