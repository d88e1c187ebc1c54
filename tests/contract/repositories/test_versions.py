from __future__ import annotations

from dataclasses import replace

import pytest

from faasweb.domain.builds import Artifact
from faasweb.domain.errors import Conflict, NotFound
from faasweb.domain.functions import Function
from faasweb.ports import Repositories
from tests.contract.repositories import make


def test_a_version_is_read_back_as_it_was_added(store: Repositories, function: Function):
    artifact = Artifact("sha256:" + "0" * 64, 12_345_678, "build-artifacts/1/app.wasm")
    version = make.version(
        function, 1, artifact=artifact, image="registry/app:1@sha256:0", build_id="b", created_by="김"
    )
    bare = make.version(function, 2)
    store.versions.add(version)
    store.versions.add(bare)
    assert store.versions.get(function.id, 1) == version
    assert store.versions.get(function.id, 2) == bare


def test_a_version_never_changes(store: Repositories, function: Function):
    version = make.version(function)
    store.versions.add(version)
    with pytest.raises(Conflict):
        store.versions.add(replace(version, image="other"))
    assert store.versions.get(function.id, 1) == version


def test_the_list_is_newest_first(store: Repositories, function: Function):
    for number in (1, 2, 9, 10, 11, 100):
        store.versions.add(make.version(function, number))
    assert [version.number for version in store.versions.list(function.id)] == [100, 11, 10, 9, 2, 1]
    assert [version.number for version in store.versions.list(function.id, limit=2)] == [100, 11]


def test_an_unknown_version_is_not_found(store: Repositories, function: Function):
    for function_id, number in ((function.id, 1), ("fn-22222222", 1), ("", 0)):
        with pytest.raises(NotFound):
            store.versions.get(function_id, number)


def test_a_removed_function_gets_no_version(store: Repositories, function: Function):
    store.functions.remove(function)
    with pytest.raises(NotFound):
        store.versions.add(make.version(function))
    assert store.versions.list(function.id) == []
