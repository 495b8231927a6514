"""What folders have and buckets have not: paths, links, permissions."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from common.adapters.locations import PLACES, open_source
from common.config import Settings
from common.errors import BadConfiguration, Changed, NotFound
from common.ports import Location, Runtime, Source, file_uri
from common.runtime.bootstrap import CloudRuntime, EmbeddedRuntime
from common.tenancy import credentials

NOBODY = 65534


@contextmanager
def as_an_ordinary_user():
    """Root may read everything, so a test about permissions steps down."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def open_location(uri: str) -> Location:
    """A place that needs no credential."""
    return open_source(Source(uri), lambda: pytest.fail("no credential was expected to be asked for"))


def names(uri: str) -> list[str]:
    return [item.name for item in open_location(uri).list()]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bills").mkdir()
    (tmp_path / "bills" / "a.csv").write_text("x")
    return tmp_path / "bills"


def test_a_path_is_taken_from_the_working_folder(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    location = open_location("bills")
    assert location.uri == folder.as_uri()
    monkeypatch.chdir("/")
    assert [item.name for item in location.list()] == ["a.csv"]


def test_a_path_may_start_at_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert names("~/bills") == ["a.csv"]


def test_uris_are_decoded_and_paths_are_not(tmp_path):
    (tmp_path / "100% mine").mkdir()
    (tmp_path / "100% mine" / "a.csv").write_text("x")
    assert names(f"file://{tmp_path}/100%25%20mine") == ["a.csv"]
    assert names(f"FILE://localhost{tmp_path}/100%25%20mine") == ["a.csv"]
    assert names(f"{tmp_path}/100% mine") == ["a.csv"]
    assert names(open_location(f"{tmp_path}/100% mine").uri) == ["a.csv"]


@pytest.mark.parametrize("uri", ["", "file://server/share", "file:bills", "file://"])
def test_a_uri_that_names_no_path_here_is_refused(uri):
    with pytest.raises(BadConfiguration, match="expected"):
        open_location(uri)


@pytest.mark.parametrize("scheme", ["ftp", "sftp", "AzBlob"])
def test_another_scheme_is_named_and_the_rest_is_not(scheme):
    with pytest.raises(BadConfiguration, match=f"scheme {scheme.lower()}://") as caught:
        open_location(f"{scheme}://account/bills?sig=secret-token")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("kind", [EmbeddedRuntime, CloudRuntime])
def test_another_place_is_one_entry_and_gets_its_tenant_and_credential(tmp_path, monkeypatch, kind):
    beside = EmbeddedRuntime(Settings(home=tmp_path))
    rt: Runtime = kind(Settings(home=tmp_path, runtime="cloud" if kind is CloudRuntime else "embedded"))
    if kind is CloudRuntime:
        vars(rt).update(documents=beside.documents, sealed=beside.sealed, keys=beside.keys)
    opened = []

    def open_bucket(source: Source, credential):
        opened.append((source.org_slug, source.integration_id, source.provider, source.config, credential()))
        return open_location(str(tmp_path))

    monkeypatch.setitem(PLACES, "s3", open_bucket)
    asked = Source("s3://bucket/cur", "acme_1", "main", "aws", {"region": "eu-west-1"})
    if kind is CloudRuntime:
        with pytest.raises(NotFound, match="integration main has no credential"):
            rt.source(asked)
    else:
        rt.source(asked)
        assert opened.pop()[-1] is None, "on their own machine users are who they are signed in as"
    credentials.store(rt.sealed, rt.keys, rt.clock.now(), "acme_1", "main", "aws", b"stored", "a test")
    rt.source(asked)
    rt.source(replace(asked, secret=b"not stored yet"))
    whose = ("acme_1", "main", "aws", {"region": "eu-west-1"})
    assert opened == [(*whose, b"stored"), (*whose, b"not stored yet")]
    assert "not stored" not in repr(replace(asked, secret=b"not stored yet"))


def test_links_are_followed(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.csv").write_text("linked")
    (folder / "more").symlink_to(tmp_path / "elsewhere")
    (folder / "c.csv").symlink_to(tmp_path / "elsewhere" / "b.csv")
    (tmp_path / "current").symlink_to(folder)
    assert names(str(tmp_path / "current")) == ["a.csv", "c.csv", "more/b.csv"]
    with open_location(str(tmp_path / "current")).open("more/b.csv") as opened:
        assert opened.read() == b"linked"


def test_a_link_that_leads_back_ends(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "up").symlink_to(folder)
    (folder / "deep" / "self").symlink_to(folder / "deep")
    assert names(str(folder)) == ["a.csv"]


def test_a_link_to_nothing_is_no_file(folder):
    (folder / "gone.csv").symlink_to(folder / "none")
    assert names(str(folder)) == ["a.csv"]


def test_what_is_no_file_is_not_listed(folder):
    os.mkfifo(folder / "pipe")
    assert names(str(folder)) == ["a.csv"]
    with pytest.raises(BadConfiguration, match="neither a file nor a folder"):
        open_location(str(folder / "pipe")).list()


def test_a_folder_that_may_not_be_read_is_named(folder):
    (folder / "closed").mkdir()
    (folder / "closed").chmod(0)
    for above in (folder, *folder.parents[:-2]):
        above.chmod(0o755)
    with as_an_ordinary_user(), pytest.raises(BadConfiguration, match="closed may not be read"):
        open_location(str(folder)).list()


def test_a_file_that_may_not_be_read_is_named(folder):
    (folder / "a.csv").chmod(0)
    for above in (folder, *folder.parents[:-2]):
        above.chmod(0o755)
    with as_an_ordinary_user(), pytest.raises(BadConfiguration, match=r"a\.csv may not be read"):
        open_location(str(folder)).open("a.csv")


def test_a_file_name_that_is_no_text_is_told(folder):
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.csv")).write_text("x")
    with pytest.raises(BadConfiguration, match="not UTF-8"):
        open_location(str(folder)).list()


def test_a_file_that_is_written_while_it_is_read_is_noticed(folder):
    location = open_location(folder.as_uri())
    (listed,) = location.list()
    with location.open("a.csv", listed.version) as opened:
        assert opened.read(1) == b"x"
        with (folder / "a.csv").open("a") as writer:
            writer.write("y")
        with pytest.raises(Changed):
            while opened.read(1):
                pass


def test_a_location_of_some_files_of_a_folder_has_only_these(tmp_path: Path) -> None:
    for name in ("a?b&c=d.csv", "sub/é.csv", "other.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    chosen = ["a?b&c=d.csv", "sub/é.csv"]
    uri = file_uri(tmp_path, chosen)
    assert names(uri) == chosen and open_location(uri).uri == uri
    assert names(file_uri(tmp_path)) == [*chosen[:1], "other.csv", *chosen[1:]]
