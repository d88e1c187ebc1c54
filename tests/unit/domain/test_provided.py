"""What a spin.toml gives its component: which files are seen where, and which stores open."""

import time

import pytest

from faasweb.domain.errors import InvalidInput, TooLarge
from faasweb.domain.manifest import written_manifest
from faasweb.domain.provided import MOUNTED_LIMIT, NOTHING_ASKED, Provided, unmatched
from faasweb.domain.source import Source

PROJECT = ("app.py", "assets/a.txt", "assets/.hidden", "assets/deep/er/b.txt", "data/one.json", "data/two.csv", "x.txt")


def source_with(files="[]", exclude="[]", paths=PROJECT, more=""):
    own = f"files = {files}\nexclude_files = {exclude}\n{more}\n"
    manifest = written_manifest("greet", "app").replace('source = "app.wasm"\n', f'source = "app.wasm"\n{own}')
    return Source({"spin.toml": manifest, **{path: f"text of {path}" for path in paths}})


def mounts(*arguments):
    return dict(source_with(*arguments).provided.mounts)


def test_without_a_manifest_there_are_the_default_stores_and_no_files():
    assert Source.single("x = 1").provided == NOTHING_ASKED
    assert source_with().provided == NOTHING_ASKED


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        ('["assets/a.txt"]', ["assets/a.txt"]),
        ('["./x.txt"]', ["x.txt"]),
        ('["assets"]', ["assets/.hidden", "assets/a.txt", "assets/deep/er/b.txt"]),
        ('["assets/"]', ["assets/.hidden", "assets/a.txt", "assets/deep/er/b.txt"]),
        ('["assets/*"]', ["assets/.hidden", "assets/a.txt"]),
        ('["**/*.txt"]', ["assets/a.txt", "assets/deep/er/b.txt", "x.txt"]),
        ('["assets/**"]', ["assets/.hidden", "assets/a.txt", "assets/deep/er/b.txt"]),
        ('["data/*.json", "data/tw?.[c]sv"]', ["data/one.json", "data/two.csv"]),
        ('["none.txt", "other/*"]', []),
    ],
)
def test_a_pattern_mounts_what_it_matches_at_its_own_path(files, seen):
    assert mounts(files) == {path: path for path in seen}


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        ('[{source = "data", destination = "/"}]', {"one.json": "data/one.json", "two.csv": "data/two.csv"}),
        (
            '[{source = "data/", destination = "/d/e"}]',
            {"d/e/one.json": "data/one.json", "d/e/two.csv": "data/two.csv"},
        ),
        ('[{source = "x.txt", destination = "/y.txt"}]', {"y.txt": "x.txt"}),
    ],
)
def test_a_source_with_a_destination_is_seen_there(files, seen):
    assert mounts(files) == seen


def test_contents_are_by_the_path_that_is_opened():
    provided = source_with('[{source = "data", destination = "/"}, {source = "data", destination = "/again"}]').provided
    assert provided.files["one.json"] == provided.files["again/one.json"] == b"text of data/one.json"
    assert set(provided.contents) == {"data/one.json", "data/two.csv"}


def test_excluded_files_are_left_out():
    assert mounts('["**/*.txt"]', '["assets/*"]') == {"x.txt": "x.txt"}


def test_patterns_that_match_nothing_are_told():
    source = source_with('["none.txt", "assets", {source = "nowhere", destination = "/"}]')
    assert unmatched(source.manifest, source.contents) == ["none.txt", "nowhere"]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ('["../secret"]', "only files of the project"),
        ('["/etc/passwd"]', "only files of the project"),
        ('[{source = "data", destination = "/../x"}]', "only files of the project"),
        ('[{source = "data", destination = "x"}]', "a destination starts with /"),
        ('[{source = "data/*", destination = "/x"}]', "name a folder or a file"),
        ('["x.txt", {source = "data", destination = "/x.txt"}]', "both a file and a folder"),
        (f'["{"x" * 500}"]', "more than 400 characters"),
        (str(["x"] * 51), "51 patterns"),
    ],
)
def test_what_cannot_be_mounted_is_refused_when_the_source_is_saved(files, problem):
    with pytest.raises(InvalidInput, match=problem):
        source_with(files).checked()


def test_too_many_mounted_files_and_too_many_bytes_are_refused():
    paths = [f"many/{number}" for number in range(MOUNTED_LIMIT + 1)]
    with pytest.raises(TooLarge, match="401 files"):
        source_with('["many"]', "[]", ["app.py", *paths]).checked()
    places = ", ".join(f'{{source = "big", destination = "/{number}"}}' for number in range(5))
    source = source_with(f"[{places}]")
    with pytest.raises(TooLarge, match="bytes; the limit"):
        Source({**source.files, "big": "x" * 4_000_000}).checked()


@pytest.mark.parametrize("pattern", ["/".join(["**"] * 100), "*a" * 190, "/".join(["**", "*a*"] * 50)])
def test_patterns_made_to_be_slow_are_not(pattern):
    deep = ["/".join("a" * 20) + f"/{'a' * 150}{number}" for number in range(200)]
    used = time.process_time()
    source_with(f'["{pattern}"]', f'["{pattern}"]', ["app.py", *deep]).provided  # noqa: B018 - only its time counts
    assert time.process_time() - used < 10


def test_named_stores_come_beside_the_default_ones():
    stores = 'key_value_stores = ["notes", "default"]\nsqlite_databases = ["big"]'
    provided = source_with(more=stores).provided
    assert provided.key_value_stores == ("default", "notes")
    assert provided.sqlite_databases == ("default", "big")


@pytest.mark.parametrize("names", ['["a/b"]', '[""]', str([f"s{number}" for number in range(20)])])
def test_names_that_can_be_no_stores_are_refused(names):
    with pytest.raises(InvalidInput, match="key_value_stores"):
        source_with(more=f"key_value_stores = {names}").checked()


def test_a_manifest_of_nobody_asks_for_nothing():
    assert Provided.by(None, {"x": b""}) == NOTHING_ASKED
