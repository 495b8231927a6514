"""Every document store runs the same cases: CONTRACT_DOCUMENTS=sqlite,... (the embedded one by default)."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from backends import DOCUMENTS, chosen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import AlreadyExists, NotFound, Permanent
from common.ports import Document, DocumentStore, Order, Transaction

SPAWN = multiprocessing.get_context("spawn")
COUNTER = "orgs/default/usage/2026-04"


@pytest.fixture(params=chosen("DOCUMENTS", "sqlite"))
def backend(request):
    return request.param


@pytest.fixture
def store(backend, tmp_path):
    yield DOCUMENTS[backend](tmp_path)
    DOCUMENTS[backend].clear(tmp_path)


def increment(store: DocumentStore) -> None:
    def work(transaction: Transaction) -> None:
        document = transaction.get(COUNTER) or {"runs": 0}
        transaction.set(COUNTER, {"runs": document["runs"] + 1})

    store.transact(work)


def increment_often(backend: str, place: Path, times: int) -> None:
    store = DOCUMENTS[backend](place)
    for _ in range(times):
        increment(store)


def create_once(backend: str, place: Path, who: int, winners) -> None:
    try:
        DOCUMENTS[backend](place).create("processed/delivery-1", {"who": who})
    except AlreadyExists:
        return
    winners.put(who)


def commit_then_die(backend: str, place: Path) -> None:
    store = DOCUMENTS[backend](place)
    store.set("settings/kept", {"committed": True})

    def work(transaction: Transaction) -> None:
        transaction.set("settings/kept", {"committed": False})
        transaction.set("settings/other", {})
        os.kill(os.getpid(), signal.SIGKILL)

    store.transact(work)


def test_a_document_comes_back_as_it_was_written(store):
    document = {
        "text": "Zürich €\u0000'\"\\",
        "empty": "",
        "none": None,
        "yes": True,
        "count": -(2**63),
        "amount": "0.000000000000000000000001",
        "list": [1, "1", None, {"deep": []}],
        "object": {"a.b": {"c": {}}},
    }
    store.set("orgs/default/budgets/cloud", document)
    assert store.get("orgs/default/budgets/cloud") == document


def test_a_missing_document_is_none(store):
    assert store.get("orgs/nobody") is None
    assert store.list("orgs") == []


def test_what_is_read_is_a_copy(store):
    document = {"members": ["a"]}
    store.set("orgs/default", document)
    document["members"].append("b")
    store.get("orgs/default")["members"].append("c")
    assert store.get("orgs/default") == {"members": ["a"]}


def test_an_update_writes_the_named_fields_whole_and_leaves_the_others(store):
    store.set("orgs/default", {"plan": "starter", "config": {"a": 1, "b": 2}, "a.b": 1})
    store.update("orgs/default", {"config": {"b": 3}, "a.b": None, "new": ["x"]})
    assert store.get("orgs/default") == {"plan": "starter", "config": {"b": 3}, "a.b": None, "new": ["x"]}


def test_an_update_of_no_document_makes_none(store):
    store.update("orgs/nobody", {"plan": "starter"})
    assert store.get("orgs/nobody") is None


def test_set_replaces_the_whole_document(store):
    store.set("orgs/default", {"plan": "starter", "status": "TRIAL"})
    store.set("orgs/default", {"plan": "scale"})
    assert store.get("orgs/default") == {"plan": "scale"}


def test_create_refuses_what_exists(store):
    store.create("orgs/default", {"first": True})
    with pytest.raises(AlreadyExists, match="orgs/default"):
        store.create("orgs/default", {"first": False})
    assert store.get("orgs/default") == {"first": True}


def test_delete_removes_and_may_be_repeated(store):
    store.create("orgs/default", {})
    store.delete("orgs/default")
    store.delete("orgs/default")
    assert store.get("orgs/default") is None
    store.create("orgs/default", {})


def test_list_gives_one_collection_by_id(store):
    for path in ("orgs/b", "orgs/a", "orgs/Z", "orgs/a/budgets/x", "orgsx/c", "orgs/ä"):
        store.set(path, {"path": path})
    assert [document_id for document_id, _ in store.list("orgs")] == ["Z", "a", "b", "ä"]
    assert store.list("orgs/a/budgets") == [("x", {"path": "orgs/a/budgets/x"})]


def test_the_children_of_a_missing_document_are_listed_and_it_is_not(store):
    store.set("orgs/gone/budgets/x", {"n": 1})
    store.set("orgs/here", {"n": 2})
    assert store.list("orgs") == [("here", {"n": 2})]
    assert store.list("orgs", {"n": 1}) == []
    assert store.list("orgs/gone/budgets") == [("x", {"n": 1})]
    assert store.get("orgs/gone") is None


def test_a_name_of_a_field_may_be_any_text(store):
    document = {"a.b": 1, "`c`": "2", "ä b": {"x/y": None}, "9": True}
    store.set("things/a", document)
    store.set("things/b", {"a": {"b": 1}})
    assert store.get("things/a") == document
    assert store.list("things", {"a.b": 1, "`c`": "2", "9": True}) == [("a", document)]


def test_texts_that_differ_far_behind_their_beginning_differ(store):
    for name in ("a", "b"):
        store.set(f"things/{name}", {"text": "x" * 2000 + name})
    assert store.list("things", {"text": "x" * 2000 + "b"}) == [("b", {"text": "x" * 2000 + "b"})]


def test_lists_and_objects_are_equal_as_a_whole(store):
    store.set("things/a", {"list": [1, "x"], "object": {"k": [], "l": None}})
    store.set("things/b", {"list": [1], "object": {"k": []}})
    assert [name for name, _ in store.list("things", {"list": [1, "x"]})] == ["a"]
    assert [name for name, _ in store.list("things", {"object": {"l": None, "k": []}})] == ["a"]
    assert store.list("things", {"list": 1}) == []


@pytest.mark.parametrize("moment", ["2026-04-01T12:00:00+00:00", "2026-04-01T12:00:00.000001+00:00"])
def test_the_moment_by_which_a_document_expires_is_text_on_both_sides(store, moment):
    document = {"function": "f", "expires_at": moment}
    store.set("processed/a", document)
    store.create("orgs/default/processed/b", document)
    store.set("processed/c", {"expires_at": "2026-04-01T12:00:01+00:00"})
    assert store.get("processed/a") == document
    assert store.transact(lambda transaction: transaction.get("orgs/default/processed/b")) == document
    assert store.list("processed", {"expires_at": moment}) == [("a", document)]
    assert store.list("processed", {"expires_at": "never"}) == []


@pytest.mark.parametrize(
    "moment", [None, 1, "", "tomorrow", "2026-04-01T12:00:00Z", "2026-04-01T12:00:00", "2026-04-01T14:00:00+02:00"]
)
def test_a_moment_of_expiry_that_stores_would_read_otherwise_is_refused(store, moment):
    with pytest.raises(Permanent, match="processed/a has no moment in 'expires_at'"):
        store.set("processed/a", {"expires_at": moment})
    store.set("orgs/processed", {"expires_at": moment})
    assert store.get("orgs/processed") == {"expires_at": moment}


def test_list_keeps_the_documents_whose_fields_are_equal(store):
    documents = {
        "a": {"n": 1, "s": "x"},
        "b": {"n": True, "s": "x"},
        "c": {"n": "1", "s": "x"},
        "d": {"n": None},
        "e": {},
    }
    for name, document in documents.items():
        store.set(f"things/{name}", document)

    def ids(**where: object) -> list[str]:
        return [document_id for document_id, _ in store.list("things", where)]

    assert ids(n=1) == ["a"]
    assert ids(n=True) == ["b"]
    assert ids(n="1") == ["c"]
    assert ids(n=None) == ["d"]
    assert ids(s="x", n=1) == ["a"]
    assert ids(s="y") == []
    assert ids() == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    "where",
    [
        None,
        {"n": 1},
        {"n": True},
        {"n": None},
        {"s": "x", "n": 1},
        {"s": "y"},
        {"long": "x" * 2000 + "b"},
        {"list": [1]},
    ],
    ids=str,
)
def test_count_says_how_many_documents_list_gives(store, where):
    for number, n in enumerate((1, 1, True, "1", None)):
        document = {"n": n, "s": "x", "long": "x" * 2000 + "ab"[number % 2], "list": [number]}
        store.set(f"things/{number}", document)
        store.set(f"things/{number}/below/1", document)
    assert store.count("things", where) == len(store.list("things", where))


def test_a_collection_without_documents_counts_none(store):
    assert store.count("things") == 0
    with pytest.raises(Permanent, match="names a document"):
        store.count("things/a")


def ids(found: Sequence[tuple[str, Document]]) -> str:
    return " ".join(document_id for document_id, _ in found)


def test_list_orders_by_one_field_and_then_by_id_in_the_same_direction(store):
    values = {
        "a": "x",
        "b": 10,
        "c": None,
        "d": 9,
        "e": True,
        "f": "X",
        "g": 9,
        "h": "xy",
        "i": False,
        "j": "ä",
        "k": -1,
    }
    for name, value in values.items():
        store.set(f"things/{name}", {"n": value, "even": name in "bdfhj"})
    for name, unlisted in {"l": [1], "m": {"x": 1}, "n": "x" * 1501}.items():
        store.set(f"things/{name}", {"n": unlisted, "even": True})
    store.set("things/without", {"even": True})
    ordered = "c i e k d g b f a h j"
    assert ids(store.list("things", order=Order("n"))) == ordered
    assert ids(store.list("things", order=Order("n", descending=True))) == " ".join(reversed(ordered.split()))
    assert ids(store.list("things", {"even": True}, Order("n"))) == "d b f h j"
    assert ids(store.list("things", {"even": True, "n": 9}, Order("n"))) == "d"


@pytest.mark.parametrize("order", [None, Order("n"), Order("n", descending=True)])
@pytest.mark.parametrize("where", [None, {"even": True}, {"even": True, "list": [1]}])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_give_everything_once_and_in_order(store, order, where, limit):
    for number in range(7):
        name = f"{number * 5 % 7}"
        store.set(f"things/{name}", {"n": number // 2 or None, "even": number % 2 == 0, "list": [1]})
    for name in "xyz":
        store.set(f"things/{name}", {"n": [], "even": True, "list": [2]})
    whole, found, after = store.list("things", where, order), [], None
    while page := store.list("things", where, order, limit, after):
        assert len(page) <= limit
        found += page
        store.delete(f"things/{page[-1][0]}")  # a cursor stays good when its document goes
        after = page[-1]
    assert found == whole and len(found) >= 4


def test_a_page_that_no_store_gives_is_refused(store):
    with pytest.raises(Permanent, match="limit of a listing is 0"):
        store.list("things", limit=0)
    with pytest.raises(Permanent, match="cursor has no value to order by in 'n'"):
        store.list("things", order=Order("n"), after=("a", {}))
    with pytest.raises(Permanent, match="order of 'expires_at'"):
        store.list("processed", order=Order("expires_at"))


@pytest.mark.parametrize(
    "value",
    [
        0.1,
        Decimal("0.1"),
        [0.1],
        {"deep": [{"cost": 1.0}]},
        datetime(2026, 4, 1, tzinfo=UTC),
        b"x",
        [[1]],
        2**63,
        {1: "x"},
    ],
)
def test_what_no_store_keeps_exactly_is_refused(store, value):
    with pytest.raises(Permanent, match="orgs/default"):
        store.set("orgs/default", {"field": value})
    with pytest.raises(Permanent, match="orgs/default"):
        store.transact(lambda transaction: transaction.create("orgs/default", {"field": value}))
    assert store.get("orgs/default") is None


def test_a_refused_float_is_told_what_to_do_and_not_shown(store):
    with pytest.raises(Permanent, match="amount as decimal text") as caught:
        store.set("orgs/default", {"budget": {"amount": 1234.5}})
    assert "budget.amount" in str(caught.value)
    assert "1234.5" not in str(caught.value)


def test_a_document_beyond_a_mebibyte_is_refused(store):
    with pytest.raises(Permanent, match="1,048,576"):
        store.set("orgs/default", {"text": "x" * (1 << 20)})


def test_size_is_counted_as_the_cloud_stores_it(store):
    numbers = {"numbers": [1] * 131_500}
    with pytest.raises(Permanent, match=r"1,052,\d+ bytes, the limit is 1,048,576"):
        store.set("orgs/default", numbers)
    store.set("orgs/default", {"numbers": [1] * 130_900})
    assert store.get("orgs/default") == {"numbers": [1] * 130_900}


def nested(levels: int) -> dict:
    document: dict = {}
    for _ in range(levels):
        document = {"in": document}
    return document


def test_twenty_levels_are_kept_and_no_more(store):
    store.set("orgs/default", nested(20))
    assert store.get("orgs/default") == nested(20)
    with pytest.raises(Permanent, match="20 levels"):
        store.set("orgs/default", nested(21))


@pytest.mark.parametrize("name", ["", "__reserved__", "x" * 1501])
def test_a_name_that_no_field_may_have_is_refused(store, name):
    with pytest.raises(Permanent, match="orgs/default has a field name"):
        store.set("orgs/default", {"deep": {name: 1}})


@pytest.mark.parametrize(
    "path", ["", "orgs", "orgs/", "/orgs", "orgs/a/budgets", "orgs//budgets/x", "orgs/..", "orgs/__a__"]
)
def test_a_path_that_names_no_document_is_refused(store, path):
    with pytest.raises(Permanent):
        store.set(path, {})
    with pytest.raises(Permanent):
        store.get(path)


def test_a_document_is_no_collection(store):
    with pytest.raises(Permanent):
        store.list("orgs/a")


def test_a_transaction_writes_everything(store):
    store.set("things/old", {})

    def work(transaction: Transaction) -> str:
        assert transaction.get("things/old") == {}
        assert transaction.get("things/new") is None
        transaction.create("things/new", {"n": 1})
        transaction.set("things/other", {"n": 2})
        transaction.delete("things/old")
        return "done"

    assert store.transact(work) == "done"
    assert store.list("things") == [("new", {"n": 1}), ("other", {"n": 2})]


def test_an_error_in_a_transaction_undoes_everything_and_passes_through(store):
    store.set("things/old", {"n": 1})

    def work(transaction: Transaction) -> None:
        transaction.set("things/old", {"n": 2})
        transaction.create("things/new", {})
        raise NotFound("as the work says")

    with pytest.raises(NotFound, match="as the work says"):
        store.transact(work)
    assert store.list("things") == [("old", {"n": 1})]


def test_a_create_of_what_exists_fails_the_whole_transaction(store):
    store.set("things/taken", {"n": 1})

    def work(transaction: Transaction) -> None:
        transaction.set("things/other", {})
        transaction.create("things/taken", {"n": 2})

    with pytest.raises(AlreadyExists, match="things/taken"):
        store.transact(work)
    assert store.list("things") == [("taken", {"n": 1})]


def test_a_read_after_a_write_is_refused_in_a_transaction(store):
    def work(transaction: Transaction) -> None:
        transaction.set("things/a", {})
        transaction.get("things/b")

    with pytest.raises(Permanent, match="read first"):
        store.transact(work)
    assert store.get("things/a") is None


@pytest.mark.parametrize(
    "inner",
    [
        lambda store: store.transact(lambda transaction: None),
        lambda store: store.set("things/b", {}),
        lambda store: store.create("things/b", {}),
        lambda store: store.delete("things/b"),
    ],
    ids=["transact", "set", "create", "delete"],
)
def test_a_write_beside_an_open_transaction_is_refused(store, inner):
    def work(transaction: Transaction) -> None:
        transaction.set("things/a", {})
        inner(store)

    with pytest.raises(Permanent, match="open in this thread: use that one"):
        store.transact(work)
    assert store.list("things") == []
    inner(store)


def test_the_store_works_on_after_a_failed_transaction(store):
    with pytest.raises(ZeroDivisionError):
        store.transact(lambda transaction: 1 // 0)
    increment(store)
    assert store.get(COUNTER) == {"runs": 1}


def test_threads_do_not_lose_updates(backend, store):
    writers, rounds = DOCUMENTS[backend].writers, DOCUMENTS[backend].rounds
    threads = [threading.Thread(target=lambda: [increment(store) for _ in range(rounds)]) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get(COUNTER) == {"runs": writers * rounds}


def test_processes_do_not_lose_updates(backend, store, tmp_path):
    writers, rounds = DOCUMENTS[backend].writers, DOCUMENTS[backend].rounds
    workers = [SPAWN.Process(target=increment_often, args=(backend, tmp_path, rounds)) for _ in range(writers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * writers
    assert store.get(COUNTER) == {"runs": writers * rounds}


def test_fifty_chunks_that_finish_at_once_all_land(store):
    folder = "orgs/default/deliveries/d1/chunks"
    start = threading.Barrier(8)

    def finish(worker: int) -> None:
        start.wait()
        for chunk in range(worker, 50, 8):
            store.create(f"{folder}/{chunk:05d}", {"chunk": chunk, "rows": 1000 + chunk})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(finish, range(8)))
    assert [document["chunk"] for _, document in store.list(folder)] == list(range(50))


def test_one_of_many_processes_creates(backend, store, tmp_path):
    winners = SPAWN.Queue()
    workers = [SPAWN.Process(target=create_once, args=(backend, tmp_path, who, winners)) for who in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert store.get("processed/delivery-1") == {"who": winners.get(timeout=5)}
    assert winners.empty()


def test_a_killed_process_loses_nothing_committed_and_leaves_nothing_else(backend, store, tmp_path):
    worker = SPAWN.Process(target=commit_then_die, args=(backend, tmp_path))
    worker.start()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL
    assert store.list("settings") == [("kept", {"committed": True})]
    store.set("settings/other", {"writable": True})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(-5, 9), st.booleans()), min_size=1, max_size=12
    )
)
def test_transfers_keep_the_sum_whatever_fails(store, moves):
    for account in range(4):
        store.set(f"accounts/{account}", {"balance": "10"})
    for source, target, amount, fails in moves:

        def transfer(
            transaction: Transaction,
            source: int = source,
            target: int = target,
            amount: int = amount,
            fails: bool = fails,
        ) -> None:
            paths = {f"accounts/{source}", f"accounts/{target}"}
            balances = {path: int((transaction.get(path) or {})["balance"]) for path in sorted(paths)}
            balances[f"accounts/{source}"] -= amount
            balances[f"accounts/{target}"] += amount
            for number, (path, balance) in enumerate(balances.items()):
                transaction.set(path, {"balance": str(balance)})
                if fails and number == 0:
                    raise InterruptedError

        try:
            store.transact(transfer)
        except InterruptedError:
            assert fails
    assert sum(int(document["balance"]) for _, document in store.list("accounts")) == 40
