from __future__ import annotations

import hashlib

import pytest

from faasweb.domain import clock
from faasweb.domain.errors import InvalidInput, NotFound, TooLarge
from faasweb.domain.functions import Function
from faasweb.domain.source import Source
from faasweb.ports import Draft, Repositories


def draft_of(function: Function, text: str, user: str = "kim") -> Draft:
    return Draft(function.id, user, Source({"app.py": text}), function.code_hash, clock.now())


@pytest.mark.parametrize(
    "text",
    ["", "print(1)\r\n", "\0", "x" * 1_000_000, "가" * 333_333, "😀" * 250_000, "a" + "😀" * 249_999 + "b"],
    ids=["empty", "short", "NUL", "ASCII", "Korean", "emoji", "mixed"],
)
def test_a_draft_is_read_back_as_it_was_saved(store: Repositories, function: Function, text: str):
    draft = draft_of(function, text)
    store.drafts.save(draft)
    assert store.drafts.get(function.id, "kim") == draft


def test_a_shorter_draft_leaves_nothing_of_a_longer_one(store: Repositories, function: Function):
    store.drafts.save(draft_of(function, "x" * 900_000))
    short = draft_of(function, "short")
    store.drafts.save(short)
    assert store.drafts.get(function.id, "kim") == short
    store.drafts.remove(function.id, "kim")
    store.drafts.remove(function.id, "kim")
    assert store.drafts.get(function.id, "kim") is None


@pytest.mark.parametrize("user", ["kim", "kim#1", "kim@example.com", "김", "#", "a b", "%23", ""])
def test_drafts_belong_to_one_user(store: Repositories, function: Function, user: str):
    store.drafts.save(draft_of(function, "x" * 900_000, "kim"))
    store.drafts.save(draft_of(function, "mine", user))
    draft = store.drafts.get(function.id, user)
    assert draft
    assert (draft.source.text, draft.user) == ("mine", user)
    if user != "kim":
        other = store.drafts.get(function.id, "kim")
        assert other
        assert len(other.source.text) == 900_000


def test_a_draft_has_the_limit_of_a_source(store: Repositories, function: Function):
    for text in ("x" * 1_000_001, "가" * 333_334):
        with pytest.raises(TooLarge):
            store.drafts.save(draft_of(function, text))
    with pytest.raises(InvalidInput):
        store.drafts.save(draft_of(function, "\ud800"))
    assert store.drafts.get(function.id, "kim") is None


def test_a_removed_function_keeps_no_draft(store: Repositories, function: Function):
    store.functions.remove(function)
    with pytest.raises(NotFound):
        store.drafts.save(draft_of(function, "late"))


def test_a_draft_of_several_files_is_read_back_as_it_was_saved(store: Repositories, function: Function):
    noise = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(62_500))
    source = Source({"app.py": "x = (\r\n", "pkg/a.py": "가" * 9}, "pkg.a", {"a.bin": noise, "b.bin": b"\0"})
    draft = Draft(function.id, "kim", source, function.code_hash, clock.now())
    store.drafts.save(draft)
    assert store.drafts.get(function.id, "kim") == draft
    store.drafts.save(draft_of(function, "short"))
    assert store.drafts.get(function.id, "kim") != draft
    large = Source({"app.py": ""}, data={"a.bin": noise, "b.bin": noise[::-1]})
    with pytest.raises(TooLarge):
        store.drafts.save(Draft(function.id, "kim", large, function.code_hash, clock.now()))
