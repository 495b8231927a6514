"""A bill of many parts, and its alert, while functions are killed and messages repeated, on the emulators: the same as without.

Run by make test-cloud, beside the other files, since it waits for most of its time.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cloud.deployed import Killer, deployed, missing_peers
from tests.cloud.flow import (
    all_sent,
    arrived,
    exported,
    repeated,
    run_to_the_end,
    settle,
    wait_until,
    watch_spend,
    write_bill,
)
from tests.emulators.push_proxy import PushFaults

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing_peers()), reason=missing_peers())]
PARTS, LINES = 24, 40


def test_faults_change_neither_the_rows_nor_the_number_of_notifications(tmp_path: Path) -> None:
    """Killed functions, repeated, late and unheard pushes, the warehouse away for a while, many chunks that finish at once."""
    bill = write_bill(tmp_path / "bill", PARTS, LINES)
    outcomes = []
    for name, faults in (("calm", None), ("stormy", PushFaults(seed=7))):
        (tmp_path / name).mkdir()
        with deployed(name, tmp_path / name, faults) as made:
            watch_spend(made, str(PARTS * LINES))
            run_to_the_end(made, bill)
            if faults:
                with Killer(made, seed=7, every_seconds=3.0) as killer:
                    time.sleep(10)
                    made.warehouse.go_away(10)
                    time.sleep(10)
                assert len(killer.kills) > 3
            settle(made)
            wait_until(lambda made=made: made.received.mail and made.received.slack and all_sent(made), 180)
            time.sleep(5)  # a second notification would come now
            outcomes.append((exported(made), arrived(made)))
    calm, stormy = outcomes
    assert calm[0].count(b"\n") == PARTS * LINES + 1
    assert stormy[0] == calm[0]
    assert stormy[1] == calm[1]
    assert not repeated(calm[1])
