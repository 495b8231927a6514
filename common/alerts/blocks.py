"""Slack Block Kit blocks within Slack's limits.

Source: https://docs.slack.dev/reference/block-kit/blocks and
https://docs.slack.dev/reference/block-kit/composition-objects/text-object (header 150 characters, section text 3,000, ten fields of
2,000 each, 50 blocks a message, ten elements a context).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.domain.legible import without_slack_markup

HEADER_LIMIT = 150
TEXT_LIMIT = 3000
FIELD_LIMIT = 2000
FIELDS_PER_SECTION = 10
ELEMENTS_PER_CONTEXT = 10

Block = dict[str, Any]


def to_blocks(
    headline: str,
    rows: Sequence[tuple[str, str]],
    drivers: Sequence[str],
    notes: Sequence[str],
    link: str | None = None,
) -> tuple[Block, ...]:
    """Headline, a section of labelled values, the drivers as a list, a link to the alert's page, and the small print."""
    blocks: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(headline, HEADER_LIMIT), "emoji": False}}
    ]
    for first in range(0, len(rows), FIELDS_PER_SECTION):
        fields = [
            _markdown(f"*{without_slack_markup(label)}*\n{without_slack_markup(value)}", FIELD_LIMIT)
            for label, value in rows[first : first + FIELDS_PER_SECTION]
        ]
        blocks.append({"type": "section", "fields": fields})
    if drivers:
        listed = "\n".join(f"• {without_slack_markup(driver)}" for driver in drivers)
        blocks.append({"type": "section", "text": _markdown(f"*Top drivers*\n{listed}", TEXT_LIMIT)})
    if link:
        blocks.append({"type": "section", "text": _markdown(f"<{link}|Open in Costwire>", TEXT_LIMIT)})
    if notes:
        elements = [_markdown(without_slack_markup(note), FIELD_LIMIT) for note in notes[:ELEMENTS_PER_CONTEXT]]
        blocks.append({"type": "context", "elements": elements})
    return tuple(blocks)


def _markdown(text: str, limit: int) -> Block:
    """Verbatim: Slack makes no link of an address, a channel or a person that a name holds."""
    return {"type": "mrkdwn", "text": _cut(text, limit), "verbatim": True}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
