"""A compressed file that is too large to be read as it is: a job unpacks it, and it is landed in ranges, whatever dies or repeats."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import zstandard

from common.config import Settings
from common.errors import Retryable
from common.ingestion import unpacking
from common.ingestion.one_file import unpack_files
from common.records.deliveries import Delivery
from common.runtime import bootstrap
from costwire.worker import work
from functions.unpack_files import job
from tests.support import Laptop, cur_line, cur_text

LINES = 300
NAME = "bill.csv.gz"


@dataclass
class Started:
    """A job whose executions run when a test says so, in a process of their own as in the cloud."""

    jobs: list[str] = field(default_factory=list)

    def start(self, job: str, work: Callable[[], None]) -> None:
        self.jobs.append(job)


class Cloudy(Laptop):
    """The runtime of a test, whose jobs are started and do nothing by themselves."""

    @cached_property
    def jobs(self) -> Started:
        return Started()


@contextmanager
def opened(kind: type[Laptop], home: Path, **settings: Any) -> Iterator[Laptop]:
    made = kind(Settings(home=home, packed_bytes=500, chunk_bytes=20_000, **settings))
    bootstrap.use(made)
    try:
        yield made
    finally:
        bootstrap.use(None)


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Cloudy]:
    with opened(Cloudy, tmp_path / "home") as made:
        assert isinstance(made, Cloudy)
        yield made


def text(lines: int = LINES) -> bytes:
    return cur_text([cur_line(number, "1.25") for number in range(lines)]).encode()


def packed(folder: Path, how: str, name: str = NAME) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    if how == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bill.csv", text())
    else:
        path.write_bytes(gzip.compress(text()) if how == "gzip" else zstandard.compress(text()))
    return folder


def execute(rt: Laptop, execution: str = "one") -> None:
    """An execution of the job, and what it has published."""
    unpack_files(rt, execution)
    assert [one.error for one in work(rt, rt.clock.sleep) if one.error] == []


def shown(rt: Laptop) -> Delivery:
    (document,) = rt.deliveries()
    delivery = Delivery.from_document(document)
    assert delivery.state == "current" and rt.billed() == {"USD": LINES * 5 / 4}
    return delivery


def left_over(rt: Laptop) -> list[str]:
    return [one.uri for one in rt.objects.list("raw/default/bill/incoming/")]


@pytest.mark.parametrize("how", ["gzip", "zstd", "zip"])
def test_a_large_compressed_file_is_landed_in_ranges_of_what_is_in_it(tmp_path: Path, how: str) -> None:
    with opened(Laptop, tmp_path / "home") as rt:
        assert [one.error for one in rt.bring(packed(tmp_path / "bills", how)) if one.error] == []
        delivery = shown(rt)
        assert len(delivery.chunks) > 3 and delivery.parts[0].size_bytes == len(text())
        assert left_over(rt) == [] and rt.documents.list("unpackings") == []
        ((_, run),) = rt.documents.list("orgs/default/runs")
        assert run["status"] == "succeeded"


def test_rows_are_those_of_the_same_file_unpacked(tmp_path: Path) -> None:
    exported = []
    for name in ("packed", "plain"):
        folder = tmp_path / name
        with opened(Laptop, tmp_path / f"home-{name}") as rt:
            if name == "packed":
                packed(folder, "gzip")
            else:
                folder.mkdir()
                (folder / NAME).write_bytes(text())
            rt.bring(folder)
            exported.append(sorted(map(str, rt.exported())))
    assert exported[0] == exported[1]


def test_a_small_compressed_file_is_read_as_it_is(tmp_path: Path) -> None:
    with opened(Cloudy, tmp_path / "home") as rt:
        folder = tmp_path / "bills"
        folder.mkdir()
        (folder / NAME).write_bytes(gzip.compress(text(1)))
        assert (folder / NAME).stat().st_size <= 500 * 2
        rt.__dict__["settings"] = rt.settings.model_copy(update={"packed_bytes": 5_000})
        rt.bring(folder)
        assert rt.jobs.jobs == [] and len(rt.deliveries()) == 1  # type: ignore[attr-defined]


def test_the_run_waits_for_the_job_and_a_second_request_adds_nothing(rt: Cloudy, tmp_path: Path) -> None:
    folder = packed(tmp_path / "bills", "gzip")
    rt.bring(folder)
    assert rt.jobs.jobs == [unpacking.JOB] and rt.deliveries() == []
    ((_, run),) = rt.documents.list("orgs/default/runs")
    assert run["status"] == "running"
    assert len(rt.documents.list("unpackings")) == 1
    execute(rt)
    assert len(shown(rt).chunks) > 3
    assert rt.documents.list("unpackings") == [] and left_over(rt) == []


def test_executions_more_than_needed_do_nothing(rt: Cloudy, tmp_path: Path) -> None:
    rt.bring(packed(tmp_path / "bills", "gzip"))
    execute(rt, "one")
    before = rt.deliveries()
    for execution in ("one", "two"):
        execute(rt, execution)
    assert rt.deliveries() == before


def test_a_file_that_another_execution_works_on_is_left_to_it(rt: Cloudy, tmp_path: Path) -> None:
    rt.bring(packed(tmp_path / "bills", "gzip"))
    ((name, _),) = rt.documents.list("unpackings")
    assert unpacking._take(rt, f"unpackings/{name}", "one") is not None
    execute(rt, "two")
    assert rt.deliveries() == []
    rt.clock.sleep(unpacking.TAKEN_FOR.total_seconds() + 1)  # the other one has died
    execute(rt, "two")
    shown(rt)


def test_the_same_execution_goes_on_at_once_with_the_copy_that_it_had_made(
    rt: Cloudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = packed(tmp_path / "bills", "gzip")
    rt.bring(folder)
    put = rt.objects.put

    def dies(name: str, content: Any) -> Any:
        if not name.endswith(".packed"):
            raise Retryable("the instance was killed")
        return put(name, content)

    monkeypatch.setattr(rt.objects, "put", dies)
    with pytest.raises(Retryable):
        unpack_files(rt, "one")
    monkeypatch.setattr(rt.objects, "put", lambda name, content: _no_copy(put, name, content))
    execute(rt, "one")
    shown(rt)


def _no_copy(put: Callable[[str, Any], Any], name: str, content: Any) -> Any:
    assert not name.endswith(".packed"), "copied again"
    return put(name, content)


def test_signs_of_life_keep_the_file_and_the_claim(rt: Cloudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = packed(tmp_path / "bills", "gzip")
    rt.bring(folder)
    seen: list[tuple[bool, str]] = []
    keeps = unpacking._keep_claim

    def later(rt: Laptop, message: Any) -> None:
        keeps(rt, message)
        ((_name, document),) = rt.documents.list("unpackings")
        claim = rt.documents.get("orgs/default/integrations/bill")["landing"]  # type: ignore[index]
        seen.append((document["taken"]["until"] > rt.clock.now().isoformat(), claim["until"]))
        rt.clock.sleep(3_000)  # as long as a piece may take

    monkeypatch.setattr(unpacking, "_keep_claim", later)
    monkeypatch.setattr(unpacking, "_PIECE_BYTES", 10_000)
    unpack_files(rt, "one")
    assert len(seen) > 3 and all(held for held, _ in seen)
    assert [until for _, until in seen] == sorted({until for _, until in seen})  # each renewal reaches further


@pytest.mark.parametrize("damage", ["cut off", "too much"])
def test_a_stream_that_is_no_bill_is_refused_with_the_reason(
    rt: Cloudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    folder = packed(tmp_path / "bills", "gzip")
    if damage == "cut off":
        (folder / NAME).write_bytes((folder / NAME).read_bytes()[:-200])
    else:
        monkeypatch.setattr(unpacking, "most_unpacked", lambda content: 1_000)
    rt.bring(folder)
    execute(rt)
    ((_, run),) = rt.documents.list("orgs/default/runs")
    assert run["status"] == "rejected"
    assert ("is incomplete" if damage == "cut off" else "unpacks to more than") in run["error"]
    assert rt.documents.list("unpackings") == []


def test_a_refused_file_is_tried_again_by_the_next_run(rt: Cloudy, tmp_path: Path) -> None:
    folder = packed(tmp_path / "bills", "gzip")
    whole = (folder / NAME).read_bytes()
    (folder / NAME).write_bytes(whole[:-200])
    rt.bring(folder)
    execute(rt)
    (folder / NAME).write_bytes(whole)
    rt.bring(folder)
    execute(rt)
    shown(rt)


def test_a_file_that_changes_meanwhile_is_read_as_it_is_listed_next(rt: Cloudy, tmp_path: Path) -> None:
    folder = packed(tmp_path / "bills", "gzip")
    rt.bring(folder)
    (folder / NAME).unlink()
    packed(folder, "zstd")
    execute(rt)
    execute(rt)
    shown(rt)


def test_what_fails_time_and_again_ends_its_run_and_does_not_keep_others_from_theirs(
    rt: Cloudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rt.bring(packed(tmp_path / "bad", "gzip"), integration="bad")
    rt.bring(packed(tmp_path / "bills", "gzip"))
    unpack = unpacking.unpack_part

    def fails(listing: Any, one: Any, ports: Any, alive: Any) -> Any:
        if "/bad" in listing.uri:
            raise Retryable("the store is away")
        return unpack(listing, one, ports, alive)

    monkeypatch.setattr(unpacking, "unpack_part", fails)
    for _ in range(4):
        with pytest.raises(Retryable):
            unpack_files(rt, "one")
    unpack_files(rt, "one")
    list(work(rt, rt.clock.sleep))
    shown(rt)
    runs = {run["integration_id"]: run for _, run in rt.documents.list("orgs/default/runs")}
    assert runs["bad"]["status"] == "failed" and "the store is away" in runs["bad"]["error"]
    assert rt.documents.list("unpackings") == []


def test_nobody_unpacks_for_an_organization_that_is_gone(rt: Cloudy, tmp_path: Path) -> None:
    rt.bring(packed(tmp_path / "bills", "gzip"))
    rt.documents.delete("orgs/default")
    unpack_files(rt, "one")
    assert rt.documents.list("unpackings") == [] and left_over(rt) == []


def test_a_copy_is_not_dropped_while_it_is_unpacked(rt: Cloudy) -> None:
    assert unpacking.SIGN_OF_LIFE * 3 < unpacking.TAKEN_FOR < timedelta(hours=1)


def test_the_process_of_an_execution_unpacks_and_says_whether_to_try_again(
    rt: Cloudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rt.bring(packed(tmp_path / "bills", "gzip"))
    monkeypatch.setenv("CLOUD_RUN_EXECUTION", "costwire-unpack-files-x7")
    with monkeypatch.context() as patch:
        patch.setattr(rt.objects, "put", _away)
        assert job.main() == 1
    ((_, noted),) = rt.documents.list("unpackings")
    assert (noted["tries"], noted["taken"]["by"]) == (1, "costwire-unpack-files-x7")
    monkeypatch.setenv("CLOUD_RUN_TASK_ATTEMPT", "1")
    assert job.main() == 0
    list(work(rt, rt.clock.sleep))
    shown(rt)


def _away(name: str, content: Any) -> Any:
    raise Retryable("the store is away")
