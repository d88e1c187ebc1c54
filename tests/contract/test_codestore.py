"""What every code store promises, on a folder and on S3 (moto, in this process)."""

from __future__ import annotations

import errno
import os
import threading

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from faasweb.adapters.codestore.filesystem import FilesystemCodeStore
from faasweb.adapters.codestore.s3 import S3CodeStore
from faasweb.domain.errors import InvalidInput, NotFound, Unavailable
from faasweb.ports import CodeStore

KEY = "ws-default/fn-abcdefgh/0123.py"
HOSTILE = [
    "",
    "/",
    "/etc/passwd",
    "../escaped",
    "a/../../escaped",
    "a/./b",
    "a//b",
    "a/",
    "a b",
    "a\\b",
    "a\x00b",
    "a\n",
    "~writing/x",
    "é",
    "a" * 256,
    "/".join(["a" * 200] * 6),
]


@pytest.fixture
def s3(aws_session):
    with mock_aws():
        client = aws_session.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="code")
        yield client


@pytest.fixture(params=["filesystem", "s3"])
def store(request, tmp_path) -> CodeStore:
    if request.param == "filesystem":
        return FilesystemCodeStore(tmp_path / "code")
    return S3CodeStore(request.getfixturevalue("s3"), "code")


@pytest.fixture
def folder(tmp_path) -> FilesystemCodeStore:
    return FilesystemCodeStore(tmp_path / "code")


def test_what_is_put_is_got_back_byte_by_byte(store):
    for content in (b"", b"x", bytes(range(256)) * 1000):
        store.put(KEY, content)
        assert store.get(KEY) == content


def test_putting_again_replaces_the_whole_content(store):
    store.put(KEY, b"a longer text than the next one")
    store.put(KEY, b"short")
    assert store.get(KEY) == b"short"


def test_what_was_never_put_is_not_found(store, tmp_path):
    assert not store.exists(KEY)
    with pytest.raises(NotFound):
        store.get(KEY)
    with pytest.raises(NotFound):
        store.fetch(KEY, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_a_stored_file_outlives_its_source(store, tmp_path):
    source = tmp_path / "app.wasm"
    source.write_bytes(b"\0asm" * 5000)
    store.put_file(KEY, source)
    source.unlink()
    assert store.exists(KEY)
    assert store.get(KEY) == b"\0asm" * 5000


def test_a_file_that_replaces_the_source_leaves_the_stored_one_alone(store, tmp_path):
    source, newer = tmp_path / "app.wasm", tmp_path / "newer"
    source.write_bytes(b"old")
    store.put_file(KEY, source)
    newer.write_bytes(b"new")
    newer.replace(source)
    assert store.get(KEY) == b"old"


def test_storing_a_file_twice_is_no_error(store, tmp_path):
    source = tmp_path / "app.wasm"
    source.write_bytes(b"wasm")
    store.put_file(KEY, source)
    store.put_file(KEY, source)
    assert store.get(KEY) == b"wasm"


def test_a_file_that_is_not_there_is_not_found(store, tmp_path):
    with pytest.raises(NotFound):
        store.put_file(KEY, tmp_path / "absent")
    assert not store.exists(KEY)


def test_fetch_makes_folders_and_replaces_what_is_there(store, tmp_path):
    target = tmp_path / "live" / "app.wasm"
    store.put(KEY, b"one")
    store.fetch(KEY, target)
    assert target.read_bytes() == b"one"
    store.put(KEY, b"two")
    store.fetch(KEY, target)
    store.fetch(KEY, target)
    assert target.read_bytes() == b"two"
    assert [entry.name for entry in target.parent.iterdir()] == ["app.wasm"]


def test_a_fetched_file_stays_when_the_stored_one_goes(store, tmp_path):
    store.put("a/b", b"kept")
    store.fetch("a/b", tmp_path / "mine")
    store.delete_prefix("a/")
    assert (tmp_path / "mine").read_bytes() == b"kept"


def test_deleting_a_folder_takes_everything_below_it_and_nothing_else(store):
    for key in ("ws-1/fn-1/a", "ws-1/fn-1/b/c", "ws-1/fn-12/a", "ws-1/other"):
        store.put(key, b"x")
    assert store.delete_prefix("ws-1/fn-1/") == 2
    assert not store.exists("ws-1/fn-1/a")
    assert not store.exists("ws-1/fn-1/b/c")
    assert store.exists("ws-1/fn-12/a")
    assert store.delete_prefix("ws-1/fn-1/") == 0
    assert store.delete_prefix("never/there/") == 0
    store.put("ws-1/fn-1/a", b"again")
    assert store.get("ws-1/fn-1/a") == b"again"


def test_one_key_is_deleted_and_its_neighbours_stay(store: CodeStore):
    for key in ("ws-1/fn-1.py", "ws-1/fn-1/a.py", "ws-1/fn-1.pyc"):
        store.put(key, b"x")
    store.delete("ws-1/fn-1.py")
    store.delete("ws-1/fn-1.py")
    assert [store.exists(key) for key in ("ws-1/fn-1.py", "ws-1/fn-1/a.py", "ws-1/fn-1.pyc")] == [False, True, True]


def test_deleting_goes_on_after_the_first_page_of_a_thousand(store):
    for number in range(1003):
        store.put(f"many/{number}", b"")
    assert store.delete_prefix("many/") == 1003
    assert not store.exists("many/1002")


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_key_is_refused_by_every_method(store, key, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for use in (
        lambda: store.put(key, b"x"),
        lambda: store.put_file(key, source),
        lambda: store.get(key),
        lambda: store.fetch(key, tmp_path / "target"),
        lambda: store.exists(key),
        lambda: store.location(key),
        lambda: store.delete_prefix(key + "/"),
        lambda: store.delete(key),
    ):
        with pytest.raises(InvalidInput):
            use()
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize("prefix", ["", "/", "a", "a/b", "../", "a/../", "a//"])
def test_only_a_folder_below_the_store_can_be_deleted(store, prefix):
    store.put("a/b", b"x")
    with pytest.raises(InvalidInput):
        store.delete_prefix(prefix)
    assert store.exists("a/b")


def test_location_names_bucket_and_key(store):
    bucket = "code" if isinstance(store, S3CodeStore) else "local"
    assert store.location(KEY) == f"s3://{bucket}/{KEY}"


def test_ping_is_silent_when_it_works(store):
    store.ping()


def test_readers_see_an_old_or_a_new_content_but_never_a_mixture(folder):
    contents = [bytes([number]) * 200_000 for number in range(4)]
    folder.put(KEY, contents[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for content in contents:
                folder.put(KEY, content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert all(folder.get(KEY) in contents for _ in range(200))
    finally:
        stop.set()
        writer.join()


def test_a_write_survives_a_delete_of_its_folder_at_the_same_moment(folder):
    stop = threading.Event()

    def delete() -> None:
        while not stop.wait(0.005):
            folder.delete_prefix("ws-1/")

    deleter = threading.Thread(target=delete)
    deleter.start()
    try:
        for _ in range(20):
            folder.put("ws-1/fn-1/a", b"x")
    finally:
        stop.set()
        deleter.join()


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "The code store's disk is full."),
        (errno.EROFS, "The code store's folder can't be written or read by this process."),
        (errno.EIO, "The code store's disk reported an error."),
    ],
)
def test_a_disk_that_fails_is_told_without_server_paths(folder, monkeypatch, number, sentence):
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number), "/secret/path")

    folder.ping()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Unavailable) as caught:
        folder.put(KEY, b"x")
    assert caught.value.message == sentence
    monkeypatch.undo()
    assert not folder.exists(KEY)
    assert list((folder.root / "~writing").iterdir()) == []


def test_a_key_cannot_be_a_file_and_a_folder(folder):
    folder.put("a/b", b"x")
    for use in (lambda: folder.put("a", b"y"), lambda: folder.put("a/b/c", b"y"), lambda: folder.get("a")):
        with pytest.raises(InvalidInput):
            use()


def test_a_stored_file_shares_the_disk_space_of_its_source(folder, tmp_path):
    source = tmp_path / "app.wasm"
    source.write_bytes(b"wasm")
    folder.put_file(KEY, source)
    assert (folder.root / KEY).samefile(source)


def test_without_hard_links_a_file_is_copied(folder, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refuse)
    source = tmp_path / "app.wasm"
    source.write_bytes(b"wasm")
    folder.put_file(KEY, source)
    folder.fetch(KEY, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"wasm"
    assert not (folder.root / KEY).samefile(source)


def test_what_a_killed_process_left_is_swept(folder):
    folder.put(KEY, b"x")
    left = folder.root / "~writing" / "left"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    folder.put(KEY, b"y")
    assert not left.exists()


def test_a_bucket_that_is_missing_is_unavailable_and_not_empty(s3):
    store = S3CodeStore(s3, "no-such-bucket")
    for use in (store.ping, lambda: store.get(KEY), lambda: store.put(KEY, b""), lambda: store.delete_prefix("a/")):
        with pytest.raises(Unavailable):
            use()


def test_a_large_file_is_uploaded_in_parts(s3, tmp_path):
    source = tmp_path / "large"
    source.write_bytes(os.urandom(9 * 1024 * 1024))
    store = S3CodeStore(s3, "code")
    store.put_file(KEY, source)
    assert s3.head_object(Bucket="code", Key=KEY)["ETag"].endswith('-2"')
    assert store.get(KEY) == source.read_bytes()


def test_an_object_that_s3_refuses_to_delete_is_told(s3, monkeypatch):
    store = S3CodeStore(s3, "code")
    store.put("a/b", b"x")
    monkeypatch.setattr(s3, "delete_objects", lambda **_: {"Errors": [{"Key": "a/b", "Code": "AccessDenied"}]})
    with pytest.raises(Unavailable):
        store.delete_prefix("a/")


def test_an_s3_that_cannot_be_reached_is_unavailable(tmp_path):
    client = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:9",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}),
    )
    store = S3CodeStore(client, "code")
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for use in (
        lambda: store.put(KEY, b"x"),
        lambda: store.get(KEY),
        lambda: store.exists(KEY),
        lambda: store.put_file(KEY, source),
        lambda: store.fetch(KEY, tmp_path / "target"),
        lambda: store.delete_prefix("a/"),
        store.ping,
    ):
        with pytest.raises(Unavailable):
            use()
