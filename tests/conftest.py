"""Shared by all tests."""

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from common.telemetry.logs import LOGGER, CloudFormatter
from tests.emulators.bigquery import for_this_worker

for_this_worker()
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # a server that a test stops is no news
os.fsync = lambda descriptor: None  # no test takes the power away, and each import waits for the disk twenty times
# a busy machine is no failure; a change is judged by the same examples each time, `make explore` looks for others
settings.register_profile("costwire", deadline=None, derandomize=not os.environ.get("EXPLORE"), print_blob=True)
settings.load_profile("costwire")


@pytest.fixture(autouse=True)
def _logging_of_the_cloud_ends_with_its_test() -> Iterator[None]:
    """A function that ran as in the cloud has made the whole process log as there."""
    yield
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one.formatter, CloudFormatter)]:
        root.removeHandler(handler)
        logging.getLogger(LOGGER).setLevel(logging.NOTSET)
        logging.captureWarnings(False)
