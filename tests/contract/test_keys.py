"""Every key ring runs the same cases: CONTRACT_KEYS=local,kms (the embedded one by default)."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from backends import chosen
from platform_backends import KEYS

from common.errors import BadConfiguration, DecryptionFailed
from common.ports.keys import Sealed

SPAWN = multiprocessing.get_context("spawn")
CONTEXT = "default/aws-main"
SECRET = b'{"private_key": "-----BEGIN"}'


@pytest.fixture(params=chosen("KEYS", "local"))
def backend(request):
    return request.param


@pytest.fixture
def ring(backend, tmp_path):
    return KEYS[backend](tmp_path)


def seal_first(backend: str, place: Path, sealed) -> None:
    sealed.put(KEYS[backend](place).encrypt(SECRET, CONTEXT))


@pytest.mark.parametrize("plaintext", [b"", b"x", SECRET, bytes(range(256)) * 100])
def test_what_was_sealed_opens(ring, plaintext):
    sealed = ring.encrypt(plaintext, CONTEXT)
    assert ring.decrypt(sealed, CONTEXT) == plaintext


def test_the_ciphertext_hides_the_plaintext_and_never_repeats(ring):
    first, second = ring.encrypt(SECRET, CONTEXT), ring.encrypt(SECRET, CONTEXT)
    assert SECRET not in first.ciphertext
    assert first.ciphertext != second.ciphertext


def test_another_context_does_not_open(ring):
    sealed = ring.encrypt(SECRET, CONTEXT)
    for context in ("default/aws-other", "other/aws-main", ""):
        with pytest.raises(DecryptionFailed):
            ring.decrypt(sealed, context)


def test_another_key_does_not_open(backend, ring, tmp_path):
    sealed = ring.encrypt(SECRET, CONTEXT)
    other = KEYS[backend](tmp_path / "other")
    other.encrypt(SECRET, CONTEXT)
    with pytest.raises(DecryptionFailed):
        other.decrypt(sealed, CONTEXT)


def test_changed_bytes_do_not_open(ring):
    sealed = ring.encrypt(SECRET, CONTEXT)
    for place in range(len(sealed.ciphertext)):
        changed = bytearray(sealed.ciphertext)
        changed[place] ^= 1
        with pytest.raises(DecryptionFailed):
            ring.decrypt(replace(sealed, ciphertext=bytes(changed)), CONTEXT)


@pytest.mark.parametrize("length", [0, 1, 12, 13, 27])
def test_a_cut_off_ciphertext_does_not_open(ring, length):
    sealed = ring.encrypt(SECRET, CONTEXT)
    with pytest.raises(DecryptionFailed):
        ring.decrypt(replace(sealed, ciphertext=sealed.ciphertext[:length]), CONTEXT)


@pytest.mark.parametrize("version", ["", "99", "../1", "one"])
def test_an_unknown_key_version_does_not_open(ring, version):
    sealed = ring.encrypt(SECRET, CONTEXT)
    with pytest.raises(DecryptionFailed):
        ring.decrypt(replace(sealed, key_version=version), CONTEXT)


def test_nothing_opens_before_the_first_key(ring):
    with pytest.raises(DecryptionFailed):
        ring.decrypt(Sealed(b"x" * 40, "1"), CONTEXT)


def test_a_failure_says_the_promised_words_and_no_more(ring):
    sealed = ring.encrypt(SECRET, CONTEXT)
    with pytest.raises(DecryptionFailed) as caught:
        ring.decrypt(sealed, "other/aws-main")
    assert str(caught.value) == "Failed to decrypt credentials"
    assert caught.value.__cause__ is None


def test_a_rotation_seals_anew_and_still_opens_the_old(backend, ring, tmp_path):
    old = ring.encrypt(SECRET, CONTEXT)
    other = KEYS[backend](tmp_path)
    version = other.rotate()
    new = ring.encrypt(SECRET, CONTEXT)
    assert new.key_version == version != old.key_version
    assert ring.decrypt(old, CONTEXT) == other.decrypt(new, CONTEXT) == SECRET


def test_a_wrong_recorded_version_opens_only_where_the_ciphertext_tells_its_own(backend, ring):
    old = ring.encrypt(SECRET, CONTEXT)
    ring.rotate()
    mixed = replace(ring.encrypt(SECRET, CONTEXT), key_version=old.key_version)
    if KEYS[backend].version_is_bound:
        with pytest.raises(DecryptionFailed):
            ring.decrypt(mixed, CONTEXT)
    else:
        assert ring.decrypt(mixed, CONTEXT) == SECRET


def test_as_much_as_the_cloud_seals_can_be_sealed(ring):
    secret = bytes(64 * 1024)
    assert ring.decrypt(ring.encrypt(secret, CONTEXT), CONTEXT) == secret


def test_more_than_the_cloud_seals_is_refused(ring):
    with pytest.raises(BadConfiguration, match=r"65,537 bytes.*65,536"):
        ring.encrypt(bytes(64 * 1024 + 1), CONTEXT)


def test_ten_rotations_keep_all_versions(ring):
    sealed = [ring.encrypt(SECRET, CONTEXT)]
    for _ in range(10):
        version = ring.rotate()
        sealed.append(ring.encrypt(SECRET, CONTEXT))
        assert sealed[-1].key_version == version
    assert len({item.key_version for item in sealed}) == 11
    assert all(ring.decrypt(item, CONTEXT) == SECRET for item in sealed)


def test_rotations_at_the_same_time_lose_no_key(ring):
    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda _: ring.rotate(), range(40)))
    assert len(set(versions)) == 40


def test_processes_that_start_together_share_one_key(backend, ring, tmp_path):
    results = SPAWN.Queue()
    workers = [SPAWN.Process(target=seal_first, args=(backend, tmp_path, results)) for _ in range(4)]
    for worker in workers:
        worker.start()
    sealed = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(60)
    assert all(ring.decrypt(item, CONTEXT) == SECRET for item in sealed)
