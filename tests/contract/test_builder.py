"""What a builder promises, with a toolchain that writes its component at once; code store and registry are real."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from faasweb.adapters.builder.local import LocalBuilder
from faasweb.adapters.codestore.filesystem import FilesystemCodeStore
from faasweb.adapters.registry.layout import LayoutRegistry
from faasweb.domain.builds import Build, BuildStatus, Diagnostic, PushTarget
from faasweb.domain.errors import FaaswebError, InvalidInput, NotAllowed, TooLarge, Unauthenticated, Unavailable
from faasweb.domain.functions import Function, FunctionSettings
from faasweb.domain.manifest import written_manifest
from faasweb.domain.source import Source
from faasweb.ports import Builder, BuildFailure, Check, Component, Image, Say, Site

SOURCE = Source.single("class IncomingHandler: ...\n")
WASM = b"\0asm" + b"x" * 3000
PROBLEM = Diagnostic("app.py", 3, 5, "Name 'x' is not defined")


@dataclass
class InstantToolchain:
    """Compiles any source to the same component; a source with the word ``wrong`` does not build."""

    folder: Path
    error: FaaswebError | None = None
    sources: list[Source] = field(default_factory=list)

    def check(self, source: Source) -> Check:
        return Check([PROBLEM] if "wrong" in source.text else [])

    def dependencies(self, source: Source, say: Say, patience_s: float = 300.0) -> Site | BuildFailure | None:
        say("packages", f"{patience_s:.0f} s")
        return Site("0" * 64, {"six": "1.17.0"})

    def build(self, source: Source, say: Say) -> Component | BuildFailure:
        self.sources.append(source)
        if self.error:
            raise self.error
        if "wrong" in source.text:
            return BuildFailure(str(PROBLEM), [PROBLEM])
        say("build", "compiling")
        path = self.folder / "cached.wasm"
        path.write_bytes(WASM)
        return Component(path, f"sha256:{hashlib.sha256(WASM).hexdigest()}", len(WASM))

    def ready(self) -> str | None:
        return self.error.message if self.error else None


@dataclass
class RefusingRegistry:
    error: FaaswebError

    def push(self, image: Image, say: Say) -> str:
        raise self.error

    def remove(self, app_name: str) -> None: ...

    def ready(self) -> str | None:
        return None


@dataclass
class Said:
    lines: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, phase: str, line: str) -> None:
        self.lines.append((phase, line))

    @property
    def phases(self) -> Sequence[str]:
        return list(dict.fromkeys(phase for phase, _ in self.lines))


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def toolchain(tmp_path) -> InstantToolchain:
    return InstantToolchain(tmp_path)


@pytest.fixture
def code(tmp_path) -> FilesystemCodeStore:
    return FilesystemCodeStore(tmp_path / "code")


@pytest.fixture
def builder(tmp_path, toolchain, code) -> Builder:
    return LocalBuilder(toolchain, code, LayoutRegistry(tmp_path / "registry"))


def a_build(push: PushTarget | None = None, app_name: str = "greet") -> Build:
    return Build.create("ws-default", app_name, "key", SOURCE.hash, push=push).attempted()


def test_a_source_becomes_a_component_in_the_code_store(builder, code, said):
    build = a_build()
    progress = builder.advance(build, SOURCE, said)
    assert progress.again_in_s is None
    assert progress.build.status is BuildStatus.DONE
    assert progress.build.image is None
    artifact = progress.build.artifact
    assert artifact is not None
    assert artifact.key == f"build-artifacts/{build.id}/app.wasm"
    assert artifact.digest == f"sha256:{hashlib.sha256(code.get(artifact.key)).hexdigest()}"
    assert artifact.size == len(WASM)
    assert said.phases == ["check", "build"]


def test_a_build_with_a_push_target_is_pushed_under_its_tag(builder, said, tmp_path):
    build = builder.advance(a_build(PushTarget(tag="v7")), SOURCE, said).build
    assert build.status is BuildStatus.DONE
    assert build.image.startswith("local/greet:v7@sha256:")
    assert said.phases == ["check", "build", "push"]
    assert said.lines[-1] == ("push", build.image)
    index = json.loads((tmp_path / "registry" / "index.json").read_text())
    assert index["manifests"][0]["digest"] == build.image.partition("@")[2]


def test_a_target_without_a_tag_gets_the_tag_of_the_task(builder, said):
    build = builder.advance(a_build(PushTarget()), SOURCE, said).build
    assert build.image.startswith(f"local/greet:task-{build.id}@sha256:")


@dataclass
class OneFunction:
    function: Function

    def find(self, function_id: str) -> Function:
        return self.function


def test_where_functions_run_as_images_their_builds_are_pushed_too_with_their_settings(toolchain, code, said, tmp_path):
    registry, hosts = LayoutRegistry(tmp_path / "registry"), ("https://api.example.com",)
    settings = FunctionSettings(allowed_outbound_hosts=hosts)
    functions: Any = OneFunction(Function.create("ws-1", "greet", "", settings, SOURCE))
    builder = LocalBuilder(toolchain, code, registry, functions)
    upload = a_build()
    assert builder.advance(upload, SOURCE, said).build.image is None
    of_function = replace(upload, function_id="fn-1")
    image = builder.advance(of_function, SOURCE, said).build.image
    assert image is not None
    assert image.startswith(f"local/greet:task-{upload.id}@sha256:")
    assert registry.pull(image, tmp_path / "pulled.wasm", said).allowed_outbound_hosts == hosts


def test_an_image_has_the_files_and_stores_that_its_manifest_names(toolchain, code, said, tmp_path):
    registry = LayoutRegistry(tmp_path / "registry")
    functions: Any = OneFunction(Function.create("ws-1", "greet", "", FunctionSettings(), SOURCE))
    asked = 'source = "app.wasm"\nfiles = ["assets/*", "none"]\nkey_value_stores = ["notes"]\n'
    manifest = written_manifest("greet", "app").replace('source = "app.wasm"\n', asked)
    source = Source({**SOURCE.files, "spin.toml": manifest, "assets/a.txt": "a"})
    upload = a_build(PushTarget(tag="v1"))
    for build, stores in ((upload, ["notes"]), (replace(upload, function_id="fn-1"), ["default", "notes"])):
        image = LocalBuilder(toolchain, code, registry, functions).advance(build, source, said).build.image
        assert image is not None
        pushed = json.loads((tmp_path / "registry/blobs/sha256" / image.rpartition(":")[2]).read_bytes())
        locked = pushed["layers"][-1]["digest"].removeprefix("sha256:")
        component = json.loads((tmp_path / "registry/blobs/sha256" / locked).read_bytes())["components"][0]
        assert component["metadata"]["key_value_stores"] == stores
        assert [file["path"] for file in component["files"]] == ["assets/a.txt"]
    assert ("check", "spin.toml: files names 'none', and the project has nothing like that") in said.lines


def test_a_repeated_build_gives_the_same_image(builder, said):
    build = a_build(PushTarget(tag="v1"))
    first, second = (builder.advance(build, SOURCE, said).build for _ in range(2))
    assert (first.image, first.artifact) == (second.image, second.artifact)


def test_a_source_that_does_not_build_is_a_failed_build_with_its_diagnostics(builder, code, said):
    build = builder.advance(a_build(PushTarget(tag="v1")), Source.single("wrong\n"), said).build
    assert build.status is BuildStatus.FAILED
    assert build.error == "app.py:3:5: error: Name 'x' is not defined"
    assert build.diagnostics == (PROBLEM,)
    assert build.artifact is None
    assert not code.exists(f"build-artifacts/{build.id}/app.wasm")


def test_another_registry_fails_the_build_with_a_sentence_and_no_password(builder, said):
    target = PushTarget("ghcr.io/acme", "v1", "somebody", "hunter2")
    build = builder.advance(a_build(target), SOURCE, said).build
    assert build.status is BuildStatus.FAILED
    assert build.error.startswith("Push failed: This installation keeps images on its own disk")
    assert "hunter2" not in repr(build) + repr(said.lines)
    assert build.artifact is not None


@pytest.mark.parametrize(("app_name", "tag"), [("Not A Name", "v1"), ("greet", "not a tag")])
def test_a_name_or_tag_that_cannot_be_pushed_fails_the_build(builder, said, app_name, tag):
    build = builder.advance(a_build(PushTarget(tag=tag), app_name), SOURCE, said).build
    assert build.status is BuildStatus.FAILED
    assert build.error.startswith("Push failed: ")


@pytest.mark.parametrize("kind", [InvalidInput, NotAllowed, Unauthenticated, TooLarge])
def test_a_registry_that_says_no_fails_the_build_for_good(toolchain, code, said, kind):
    builder = LocalBuilder(toolchain, code, RefusingRegistry(kind("The registry said no.")))
    build = builder.advance(a_build(PushTarget(tag="v1")), SOURCE, said).build
    assert (build.status, build.error) == (BuildStatus.FAILED, "Push failed: The registry said no.")


def test_what_does_not_answer_now_is_raised_so_that_the_task_is_tried_again(toolchain, code, said):
    down = Unavailable("The registry did not answer.")
    builder = LocalBuilder(toolchain, code, RefusingRegistry(down))
    with pytest.raises(Unavailable):
        builder.advance(a_build(PushTarget(tag="v1")), SOURCE, said)
    toolchain.error = Unavailable("The toolchain is being prepared.")
    with pytest.raises(Unavailable):
        builder.advance(a_build(), SOURCE, said)


def test_a_source_that_the_toolchain_refuses_fails_the_build(builder, toolchain, said):
    toolchain.error = TooLarge("The code is too large.")
    build = builder.advance(a_build(), SOURCE, said).build
    assert (build.status, build.error) == (BuildStatus.FAILED, "The code is too large.")


def test_check_and_readiness_are_the_toolchains(builder, toolchain):
    assert builder.check(Source.single("wrong\n")).blocking == [PROBLEM]
    assert builder.ready() is None
    toolchain.error = Unavailable("The toolchain is being prepared.")
    assert builder.ready() == "The toolchain is being prepared."


def test_the_component_outlives_the_toolchains_copy(builder, code, said, tmp_path):
    build = builder.advance(a_build(), SOURCE, said).build
    (tmp_path / "cached.wasm").unlink()
    assert code.get(build.artifact.key) == WASM
