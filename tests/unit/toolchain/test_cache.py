"""The cache of built components: whole or absent, bounded, and never taken from under a reader."""

import hashlib
import os
import threading
import time

import pytest

from faasweb.adapters.toolchain.cache import BuildCache
from faasweb.adapters.toolchain.work import sweep, work_folder
from faasweb.domain.errors import Unavailable

KEYS = [hashlib.sha256(bytes([number])).hexdigest() for number in range(5)]


@pytest.fixture
def cache(tmp_path):
    return BuildCache(tmp_path)


def put(cache, key, content=b"wasm"):
    wasm = cache.cache / "made.wasm"
    wasm.write_bytes(content)
    return cache.put(key, wasm)


def make_older(cache, key, seconds):
    moment = time.time() - seconds
    os.utime(cache.folder / key, (moment, moment))


def test_what_was_put_is_found_again(cache):
    component = put(cache, KEYS[0], b"content")
    assert component.path.read_bytes() == b"content"
    assert component.digest == "sha256:" + hashlib.sha256(b"content").hexdigest()
    assert component.size == 7
    assert cache.get(KEYS[0]) == component
    assert cache.get(KEYS[1]) is None


@pytest.mark.parametrize("damage", ["app.wasm", "app.wasm.sha256"])
def test_a_damaged_entry_is_as_if_it_were_not_there_and_is_replaced(cache, damage):
    entry = put(cache, KEYS[0]).path.parent
    (entry / damage).write_bytes(b"other")
    assert cache.get(KEYS[0]) is None
    (entry / damage).unlink()
    assert cache.get(KEYS[0]) is None
    assert cache.get(KEYS[0]) is None
    put(cache, KEYS[0], b"new")
    assert cache.get(KEYS[0]).path.read_bytes() == b"new"


def test_what_was_used_longest_ago_makes_room(tmp_path):
    for number in range(3):
        put(BuildCache(tmp_path), KEYS[number], bytes(100))
        make_older(BuildCache(tmp_path), KEYS[number], 10_000 - number)
    cache = BuildCache(tmp_path, size_limit=250)
    cache.get(KEYS[0])
    put(cache, KEYS[3], bytes(100))
    assert [cache.get(key) is not None for key in KEYS[:4]] == [True, False, False, True]


def test_what_may_be_in_use_stays_even_when_the_cache_is_full(tmp_path):
    cache = BuildCache(tmp_path, size_limit=150)
    for number in range(3):
        put(cache, KEYS[number], bytes(100))
    assert all(cache.get(key) for key in KEYS[:3])


def test_builds_of_one_key_take_turns(cache):
    order = []

    def second():
        with cache.only_one(KEYS[0], wait_s=5):
            order.append("second")

    with cache.only_one(KEYS[0], wait_s=5):
        other = threading.Thread(target=second)
        other.start()
        time.sleep(0.3)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_waiting_for_another_build_has_an_end(cache):
    with (
        cache.only_one(KEYS[0], wait_s=1),
        pytest.raises(Unavailable, match="still running"),
        cache.only_one(KEYS[0], wait_s=0.2),
    ):
        pass


def test_leftovers_of_killed_processes_are_swept(tmp_path):
    old, new = work_folder(tmp_path) / "build-old", work_folder(tmp_path) / "build-new"
    for folder in (old, new):
        (folder / "app").mkdir(parents=True)
    os.utime(old, (0, 0))
    sweep(tmp_path)
    assert not old.exists()
    assert new.exists()
