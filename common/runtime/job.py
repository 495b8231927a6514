"""An execution of a job: its work, with the outcome line that every attempt ends in."""

from __future__ import annotations

import os
from collections.abc import Callable
from uuid import uuid4

from common.errors import CostError
from common.ports import Runtime
from common.runtime.bootstrap import runtime
from common.runtime.handling import handling


def execute(name: str, work: Callable[[Runtime, str], None]) -> int:
    """Do the work; exit status 0, 1 where another try is to come, which Cloud Run makes within the same execution.

    work: takes the runtime and the name of this execution.
    """
    rt = runtime()
    execution = os.environ.get("CLOUD_RUN_EXECUTION") or str(uuid4())
    attempt = int(os.environ.get("CLOUD_RUN_TASK_ATTEMPT", "0")) + 1
    try:
        with handling(name, rt.settings, {"id": execution, "deliveryattempt": attempt}):
            work(rt, execution)
    except CostError:
        return 1  # told by the outcome line
    return 0
