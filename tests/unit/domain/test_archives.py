from __future__ import annotations

import contextlib
import io
import stat
import struct
import time
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faasweb.domain.archives import ENTRIES_LIMIT, read_zip
from faasweb.domain.errors import FaaswebError, InvalidInput, TooLarge
from faasweb.domain.source import Source


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content, method)
    return target.getvalue()


def special(mode: int, name: str = "link") -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (mode | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../a.py", "leads out"),
        ("a/../../b.py", "leads out"),
        (".venv/../../b.py", "leads out"),
        ("/etc/passwd", "absolute"),
        ("//host/a.py", "absolute"),
        ("C:/a.py", "drive letter"),
        ("c:a.py", "drive letter"),
        ("a\\b.py", "backslash"),
        ("a//b.py", "empty part"),
        ("a/./b.py", "dot alone"),
        ("a\nb.py", "control characters"),
        ("a\u202eyp.b", "control characters"),
        ("x" * 201 + ".py", "too long"),
        ("/".join(["d" * 100] * 5), "too long"),
        ("/".join(["d"] * 21), "deeper"),
    ],
)
def test_a_hostile_name_is_refused_and_named(name: str, told: str):
    with pytest.raises(InvalidInput, match=told) as refusal:
        read_zip(zipped((name, b"x")))
    assert refusal.value.details == {"field": "file"}
    assert refusal.value.message.isprintable()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_special_files_are_refused(kind: int):
    with pytest.raises(InvalidInput, match="'link' is refused: it is a link"):
        read_zip(zipped((special(kind), b"/etc/passwd")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("a.py", "a.py"), "twice"),
        (("a.py", "A.py"), "upper and lower case"),
        (("a", "a/b.py"), "folder of that name"),
        (("a", "A/b.py"), "folder of that name"),
        (("a", "a/"), "folder of that name"),
        (("caf\u00e9.py", "cafe\u0301.py"), "twice"),
    ],
)
def test_names_that_clash_are_refused(names: tuple[str, str], told: str):
    with pytest.raises(InvalidInput, match=told):
        read_zip(zipped(*[(name, b"" if name.endswith("/") else b"x") for name in names]))


def test_an_encrypted_file_is_refused():
    content = bytearray(zipped(("a.py", b"x")))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    with pytest.raises(InvalidInput, match="encrypted"):
        read_zip(bytes(content))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int):
    with pytest.raises(InvalidInput, match="Deflate"):
        read_zip(zipped(("a.py", b"x"), method=method))


def test_a_bomb_is_refused_by_what_it_says_and_by_what_comes_out():
    honest = zipped(("bomb.txt", bytes(17_000_000)))
    assert len(honest) < 100_000
    with pytest.raises(TooLarge, match=r"bomb\.txt"):
        read_zip(honest)
    liar = bytearray(honest)
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", liar, liar.index(mark) + place, 10)
    with pytest.raises(InvalidInput, match="Invalid zip file format"):
        read_zip(bytes(liar))


def test_a_hundred_thousand_entries_are_refused_before_they_are_read():
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    for count in (100_000 & 0xFFFF, 3):  # what the end of the file says may be a lie
        directory = entry * 100_000
        content = directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), 0, 0)
        begin = time.process_time()
        with pytest.raises(TooLarge, match=f"{ENTRIES_LIMIT:,} entries"):
            read_zip(content)
        assert time.process_time() - begin < 1


def test_too_many_files_are_refused():
    with pytest.raises(TooLarge, match="2,000 files"):
        read_zip(zipped(*[(f"{number}.py", b"") for number in range(2001)], method=zipfile.ZIP_STORED))


def test_a_file_over_the_limit_is_refused_unread():
    with pytest.raises(TooLarge):
        read_zip(bytes(8_000_001))


def test_what_systems_and_tools_leave_behind_is_left_out():
    left = ["__MACOSX/._app.py", ".DS_Store", "pkg/__pycache__/a.pyc", ".git/config", ".venv/lib/x.py", "app.wasm"]
    kept = ["app.py", "pkg/a.py", "static/web.wasm"]
    entries = [(name, b"x") for name in (*left, *kept)]
    found = read_zip(zipped(*entries, (special(stat.S_IFLNK, ".venv/bin/python"), b"/usr/bin/python"), ("empty/", b"")))
    assert sorted(found) == kept


def test_names_without_a_mark_of_their_encoding_are_read_as_utf_8():
    content = zipped(("데모.py", b"x"))
    marked = bytearray(content)
    for mark, place in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        marked[marked.index(mark) + place] &= ~0x08
    assert list(read_zip(bytes(marked))) == ["데모.py"] == list(read_zip(content))


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04", b"PK\x05\x06", b"not a zip file", zlib.compress(b"x")])
def test_what_is_no_zip_file_is_refused(content: bytes):
    with pytest.raises(InvalidInput, match="Invalid zip file format"):
        read_zip(content)


SAMPLE = zipped(("spin.toml", b"x"), ("app.py", b"print(1)\n" * 20), ("pkg/", b""), ("pkg/a.py", b"y"))


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), max_size=8), st.integers(0, 40))
def test_a_damaged_archive_is_read_or_refused_and_nothing_else(changes: list[tuple[int, int]], cut: int):
    content = bytearray(SAMPLE)
    for place, value in changes:
        content[place] = value
    for use in (read_zip, Source.unpack):
        with contextlib.suppress(FaaswebError):
            use(bytes(content[: len(content) - cut]))
