from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faasweb.domain.errors import InvalidInput, TooLarge
from faasweb.domain.functions import code_key
from faasweb.domain.source import Source

SPIN_TOML = b"""\
spin_manifest_version = 2
[application]
name = "greet"
[[trigger.http]]
route = "/..."
component = "greet"
[component.greet.build]
command = "componentize-py -w spin-http componentize MODULE -o app.wasm"
"""


def project(**files: bytes) -> Source:
    return Source.project({"app.py": b"x = 1\n", **files})


letters = st.characters(codec="utf-8", exclude_characters="/\0")
part = st.text(letters, min_size=1, max_size=9)
paths = st.lists(part, min_size=1, max_size=3).map("/".join)


@given(
    st.dictionaries(paths, st.text(max_size=50) | st.binary(max_size=50), max_size=6), st.sampled_from(["app", "a.b"])
)
def test_a_source_is_unpacked_as_it_was_packed(contents: dict[str, str | bytes], module: str):
    texts = {path: content for path, content in contents.items() if isinstance(content, str)}
    data = {path: content for path, content in contents.items() if isinstance(content, bytes)}
    source = Source(texts, module, data)
    packed = source.packed
    assert Source.unpack(packed) == source
    assert Source.unpack(packed).packed == packed
    assert Source.unpack(packed).hash == source.hash


@given(st.text())
def test_a_single_text_is_stored_as_it_is(text: str):
    source = Source({"app.py": text})
    assert Source.unpack(source.packed) == source
    assert source.packed == text.encode() or text.startswith("PK")


def test_the_hash_of_a_single_file_stays_what_it_was():
    source = Source.single("print('hi')\n")
    assert source.hash == "11698bd552be3c6217b9f9f3f40b84dfb3670361a188619073b7bc2f3439c06b"
    assert code_key("ws", "fn", source.hash) == f"ws/fn/{source.hash}.py"


def test_the_hash_of_several_files_says_where_they_are_stored():
    source = project(**{"b.py": b"y = 2\n"})
    digest, kind = source.hash.split("-")
    assert (len(digest), kind) == (64, "zip")
    assert code_key("ws", "fn", source.hash) == f"ws/fn/{digest}.zip"


def test_the_module_comes_from_the_build_command():
    manifest = SPIN_TOML.replace(b"MODULE", b"site.web")
    source = project(**{"spin.toml": manifest, "site/web/__init__.py": b"y = 2\n"})
    assert (source.module, source.main_file, source.text) == ("site.web", "site/web/__init__.py", "y = 2\n")
    assert Source.unpack(source.packed) == source


def test_a_module_without_a_file_is_refused():
    with pytest.raises(InvalidInput, match=r"There is no file web\.py for the module web\."):
        project(**{"spin.toml": SPIN_TOML.replace(b"MODULE", b"web")})
    with pytest.raises(
        InvalidInput, match=r"There is no file app\.py .*name the main file app\.py, or add a spin\.toml"
    ):
        Source.project({"main.py": b"x = 1"})


def test_another_main_text_keeps_the_other_files():
    source = project(**{"b.py": b"y = 2\n", "logo.png": b"\x89PNG\xff"})
    edited = source.with_text("z = 3\r\n")
    assert edited.files == {"app.py": "z = 3\n", "b.py": "y = 2\n"}
    assert edited.data == source.data
    assert edited.hash != source.hash
    with pytest.raises(InvalidInput):
        source.with_text(" ")


def test_an_odd_name_of_a_python_file_makes_no_difference():
    for name in ("app.py", "123.py", ".py", "my-app_v2 x.py", "함수.py", "a" * 300 + ".py"):
        assert Source.upload(name, b"x = 1\n") == Source.single("x = 1\n")


@pytest.mark.parametrize("name", ["notes.txt", "app.PY", "app", "", "app.zip.txt", "x.ZIP"])
def test_other_extensions_are_refused_by_name(name: str):
    with pytest.raises(InvalidInput, match=r"only \.py and \.zip files are supported") as refusal:
        Source.upload(name, b"x = 1\n")
    assert refusal.value.details == {"field": "file"}
    assert name in refusal.value.message


def test_a_python_file_has_to_be_text_and_has_a_limit():
    with pytest.raises(InvalidInput, match="not UTF-8"):
        Source.upload("app.py", b"\xff")
    with pytest.raises(InvalidInput, match="empty"):
        Source.upload("app.py", b" \n")
    with pytest.raises(TooLarge):
        Source.upload("app.py", b"#" * 1_000_001)
