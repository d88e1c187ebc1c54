"""Which components stay on a machine, with a code store on disk and no compiler."""

import pytest

from faasweb.adapters.codestore.filesystem import FilesystemCodeStore
from faasweb.adapters.runtime import components
from faasweb.adapters.runtime.components import KEPT, Components
from faasweb.domain.errors import InvalidInput
from faasweb.wasmhost import live


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(components, "_compile", lambda wasm: wasm.with_suffix(".cwasm").write_bytes(b"machine code"))
    return Components(tmp_path, FilesystemCodeStore(tmp_path / "code"))


def provide(kept: Components, function_id: str, number: int) -> str:
    sha256 = f"{number:064x}"
    kept.code.put(f"build-artifacts/{number}/app.wasm", b"component %d" % number)
    kept.provide(function_id, sha256, f"build-artifacts/{number}/app.wasm")
    return sha256


def serve(kept: Components, function_id: str, sha256: str) -> None:
    live.write_release(kept.data, live.LiveRelease(function_id, "ws-2", "dp-1", mode="baked", component=sha256))


def here(kept: Components) -> set[str]:
    return {path.name.removesuffix(".cwasm") for path in kept.folder.glob("*.cwasm")} & {
        path.name.removesuffix(".wasm") for path in kept.folder.glob("*.wasm")
    }


def test_a_function_keeps_its_newest_components(kept):
    provided = [provide(kept, "fn-2", number) for number in range(KEPT + 3)]
    assert here(kept) == set(provided[3:])
    assert len(list(kept.folder.glob("*wasm"))) == 2 * KEPT


def test_what_is_live_stays_however_many_releases_fail_after_it(kept):
    serve(kept, "fn-2", first := provide(kept, "fn-2", 0))
    newer = [provide(kept, "fn-2", number) for number in range(1, KEPT + 5)]
    assert here(kept) == {first, *newer[-KEPT:]}
    serve(kept, "fn-2", newer[-1])
    again = provide(kept, "fn-2", 99)
    assert here(kept) == {*newer[1 - KEPT :], again}


def test_a_component_that_went_comes_back_when_it_is_needed(kept):
    provided = [provide(kept, "fn-2", number) for number in range(KEPT + 1)]
    assert provided[0] not in here(kept)
    assert provide(kept, "fn-2", 0) in here(kept)


def test_a_removed_function_takes_with_it_what_no_other_needs(kept):
    shared = provide(kept, "fn-2", 1)
    provide(kept, "fn-2", 2)
    provide(kept, "fn-3", 1)
    serve(kept, "fn-4", served := provide(kept, "fn-2", 3))  # live, though no list says so
    kept.forget("fn-2")
    assert here(kept) == {shared, served}
    kept.forget("fn-3")
    assert here(kept) == {served}
    assert not list(kept.folder.glob("*.kept"))


def test_forgetting_what_was_never_here_is_no_error(kept):
    kept.forget("fn-2")
    provide(kept, "fn-3", 1)
    kept.forget("fn-2")


def test_a_list_that_makes_no_sense_is_begun_anew(kept):
    provide(kept, "fn-2", 1)
    (kept.folder / "fn-2.kept").write_text("[1, ")
    provide(kept, "fn-2", 2)
    assert (kept.folder / "fn-2.kept").read_text() == f'["{2:064x}"]'


def test_what_is_no_component_is_refused_and_not_tried_again(tmp_path):
    wasm = tmp_path / "a.wasm"
    wasm.write_bytes(b"\0asm\x0d\0\1\0" + b"x" * 100)
    with pytest.raises(InvalidInput, match="not a valid one"):
        components._compile(wasm)
    assert not wasm.with_suffix(".cwasm").exists()
