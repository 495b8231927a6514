"""Slack Block Kit blocks within Slack's limits.

Source: https://docs.slack.dev/reference/block-kit/blocks (header 150 characters, section text 3,000, ten fields of
2,000 each, 50 blocks a message, ten elements a context).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HEADER_LIMIT = 150
TEXT_LIMIT = 3000
FIELD_LIMIT = 2000
FIELDS_PER_SECTION = 10
ELEMENTS_PER_CONTEXT = 10

Block = dict[str, Any]


def to_blocks(
    headline: str, rows: Sequence[tuple[str, str]], drivers: Sequence[str], notes: Sequence[str]
) -> tuple[Block, ...]:
    """Headline, a section of labelled values, the drivers as a list, and the small print."""
    blocks: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(headline, HEADER_LIMIT), "emoji": False}}
    ]
    for first in range(0, len(rows), FIELDS_PER_SECTION):
        fields = [
            _markdown(f"*{escape(label)}*\n{escape(value)}", FIELD_LIMIT)
            for label, value in rows[first : first + FIELDS_PER_SECTION]
        ]
        blocks.append({"type": "section", "fields": fields})
    if drivers:
        listed = "\n".join(f"• {escape(driver)}" for driver in drivers)
        blocks.append({"type": "section", "text": _markdown(f"*Top drivers*\n{listed}", TEXT_LIMIT)})
    if notes:
        elements = [_markdown(escape(note), FIELD_LIMIT) for note in notes[:ELEMENTS_PER_CONTEXT]]
        blocks.append({"type": "context", "elements": elements})
    return tuple(blocks)


def escape(text: str) -> str:
    """Text whose `&`, `<` and `>` Slack shows instead of following."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown(text: str, limit: int) -> Block:
    return {"type": "mrkdwn", "text": _cut(text, limit)}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
