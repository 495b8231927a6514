"""Whether a slice can be swapped: the rule of every warehouse."""

from __future__ import annotations

from common.ports import Replacement


def settled(current: str | None, replaced: str | None, delivery_id: str, instead_of: str | None) -> Replacement | None:
    """What to answer where there is nothing to do: the delivery is shown already, or another than was expected; else None.

    replaced: the delivery that the current one took the place of.
    """
    if current == delivery_id:
        return Replacement(shown=True, replaced=replaced)
    if current != instead_of:
        return Replacement(shown=False, current=current)
    return None
