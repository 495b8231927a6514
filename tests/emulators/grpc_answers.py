"""What a gRPC server of our own answers with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

Method = tuple[Callable[[Any], Any], Any, Any]
"""What answers, the request's class, the answer's class."""


class Refused(Exception):
    """The answer is a status: its code and words."""

    def __init__(self, code: grpc.StatusCode, words: str) -> None:
        super().__init__(words)
        self.code = code
