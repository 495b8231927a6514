"""Errors of a vendor's SDK as Costwire's, wherever a block meets one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from common.errors import CostError


@contextmanager
def explained_by(explain: Callable[[Exception], CostError | None]) -> Iterator[None]:
    """Turn an error that leaves the block into ours, where `explain` has one; ours, and one that is nobody's, leave it as they are."""
    try:
        yield
    except CostError:
        raise
    except Exception as error:
        ours = explain(error)
        if ours is None:
            raise
        raise ours from error
