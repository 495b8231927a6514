"""Which process holds a lease, and whether it is gone."""

from __future__ import annotations

import os
import subprocess
import sys

from common.adapters.embedded import processes
from common.adapters.embedded.processes import is_gone, this_process


def holder(**changes: str) -> str:
    names = ("boot", "namespace", "pid", "started")
    parts = dict(zip(names, this_process().split("|"), strict=True)) | changes
    return "|".join(parts[name] for name in names)


def test_a_running_process_is_not_gone():
    assert not is_gone(this_process())


def test_an_ended_process_is_gone():
    code = "from common.adapters.embedded.processes import this_process; print(this_process())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert is_gone(ended.stdout.strip())


def test_a_killed_process_that_nobody_waited_for_is_gone():
    code = "from common.adapters.embedded.processes import this_process; print(this_process(), flush=True)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        name = child.stdout.readline().strip()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(name)


def test_another_process_with_the_same_pid_is_not_the_holder():
    assert is_gone(holder(started="1"))


def test_nothing_outlives_its_boot():
    assert is_gone(holder(boot="another-boot"))


def test_a_process_of_another_container_may_be_alive():
    assert not is_gone(holder(namespace="pid:[1]", pid="1", started="1"))


def test_without_proc_a_pid_that_is_in_use_may_be_the_holder(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert this_process() == f"||{os.getpid()}|"
    assert not is_gone(this_process())


def test_without_proc_a_pid_that_is_not_in_use_is_gone(monkeypatch, tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert is_gone(f"||{child.pid}|")


def test_a_holder_with_a_boot_id_cannot_be_judged_without_one(monkeypatch, tmp_path):
    name = holder(pid="999999999", started="1")
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert not is_gone(name)
