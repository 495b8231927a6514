"""Text that is safe to display: the content of a bill, a file name or a setting without terminal control or hidden characters.

Replaced by U+FFFD, so that the removal is visible:
- control characters: C0 (ESC, BEL, backspace, ...), DEL and C1 (the one-character CSI, ...), so that no escape sequence is left;
- what reorders or hides text: bidi embeddings, overrides, isolates and marks, zero-width spaces, soft hyphens, fillers, tags, byte order
  marks, and the rest of Unicode's invisible format characters;
- lone surrogates, as in file names that are not UTF-8, and noncharacters.
Line breaks and tabs become spaces.  Preserved, since scripts and emoji need them: zero-width joiners between signs of scripts that join
(never beside Latin, Greek or Cyrillic), and a variation selector behind a visible sign.  Letters, accents and right-to-left scripts
stay as they are.
Source: Unicode 15, DerivedCoreProperties (Default_Ignorable_Code_Point) and UnicodeData (Cc, Cf, Cs).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_BREAKS = "\t\n\v\f\r\x85\u2028\u2029"
_JOINERS = "\u180e\u200c\u200d"
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_INVISIBLE = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SUSPECT = re.compile(f"\r\n|[{_INVISIBLE}]")
_SELECTOR = re.compile(f"[{_SELECTORS}]")
_JOINING = re.compile("[\u0590-\u1dff\u2010-\U0010ffff]")
_KEYCAPS = "0123456789#*"
_SEEN = "\ufffd"


def one_line(text: str) -> str:
    """The text on one line, fit for people.  Doing it twice changes nothing more."""
    return _replaced(text, _shown)


def lines(text: str) -> str:
    """The same of a text of several lines, whose line feeds stay."""
    if _SUSPECT.search(text) is None:
        return text
    return "\n".join(map(one_line, text.replace("\r\n", "\n").split("\n")))


def in_all(value: Any, fit: Callable[[str], str] = one_line) -> Any:
    """JSON values, mappings and lists with every text in them made fit, the names of fields too."""
    if isinstance(value, str):
        return fit(value)
    if isinstance(value, Mapping):
        return {fit(str(name)): in_all(member, fit) for name, member in value.items()}
    return [in_all(member, fit) for member in value] if isinstance(value, list | tuple) else value


def json_text(document: str) -> str:
    """A JSON document with the same characters written as `\\uXXXX`, which no terminal acts on and every reader understands."""
    return _replaced(document, _escaped)


def without_slack_markup(text: str) -> str:
    """Text in which Slack finds no mention and no link: it shows `&`, `<` and `>` instead of following them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _replaced(text: str, replacement: Callable[[re.Match[str]], str]) -> str:
    return text if text.isascii() and text.isprintable() else _SUSPECT.sub(replacement, text)


def _shown(found: re.Match[str]) -> str:
    if found[0] == "\r\n" or found[0] in _BREAKS:
        return " "
    return found[0] if _is_needed(found) else _SEEN


def _escaped(found: re.Match[str]) -> str:
    if found[0] in ("\n", "\r\n") or _is_needed(
        found
    ):  # a line feed is the document's own: strings have none that is not escaped
        return found[0]
    units = found[0].encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))


def _is_needed(found: re.Match[str]) -> bool:
    """Whether a sign that cannot be seen makes its visible neighbours what they are."""
    before, after = found.string[max(found.start() - 1, 0) : found.start()], found.string[found.end() : found.end() + 1]
    if _SELECTOR.fullmatch(found[0]):
        return bool(before) and (before in _KEYCAPS or not before.isascii()) and _is_visible(before)
    if found[0] in _JOINERS:
        follows = _SELECTOR.fullmatch(before) or (_JOINING.fullmatch(before) and _is_visible(before))
        return bool(follows and _JOINING.fullmatch(after) and _is_visible(after))
    return False


def _is_visible(sign: str) -> bool:
    return not sign.isspace() and _SUSPECT.fullmatch(sign) is None
