"""What every registry promises: the layout on disk, and a real docker-registry open, with passwords and with tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from faasweb.adapters.registry.credentials import PlatformCredentials
from faasweb.adapters.registry.layout import LayoutRegistry
from faasweb.adapters.registry.oci import OciRegistry
from faasweb.adapters.registry.registries import Registries
from faasweb.adapters.registry.spin_image import spin_image
from faasweb.domain.errors import InvalidInput, NotFound, Unauthenticated
from faasweb.domain.functions import EnvironmentVariable, FunctionSettings
from faasweb.domain.images import ImageRef, RegistryRules
from faasweb.ports import Image, ImageRegistry
from tests.docker_registry import PASSWORD, USER, DockerRegistry, TokenServer, docker_registry, htpasswd, token_server

CREATED = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
WASM = b"\0asm\x0d\0\1\0" + bytes(range(256)) * 40_000  # two of the pieces that files are read in, and some more
KINDS = ("layout", "open", "passwords", "tokens")


@dataclass
class Scene:
    """A registry; ``at`` is the ``registry_url`` for it, and ``again`` another adapter for the same one."""

    again: Callable[[], ImageRegistry]
    at: str
    folder: Path
    said: list[str] = field(default_factory=list)
    login: dict[str, Any] = field(default_factory=dict)
    tokens: TokenServer | None = None
    host: str = ""

    def __post_init__(self) -> None:
        self.registry = self.again()
        self.component = self.folder / "app.wasm"
        self.component.write_bytes(WASM)

    def write(self, content: bytes) -> None:
        """A new file: a registry on the same disk may share the one before."""
        self.component.unlink()
        self.component.write_bytes(content)

    def say(self, phase: str, line: str) -> None:
        self.said.append(f"{phase} {line}")

    def image(self, **changes: Any) -> Image:
        return replace(Image("greet", "v1", self.component, CREATED, registry=self.at, **self.login), **changes)

    def push(self, **changes: Any) -> str:
        return self.registry.push(self.image(**changes), self.say)

    def pull(self, reference: str) -> Any:
        return self.registry.pull(reference, self.folder / "pulled.wasm", self.say)


@pytest.fixture(scope="session")
def servers(tmp_path_factory) -> Iterator[Callable[[str], tuple[DockerRegistry, TokenServer | None]]]:
    """A docker-registry of each kind, started when it is first asked for."""
    with ExitStack() as stack:
        running: dict[str, tuple[DockerRegistry, TokenServer | None]] = {}

        def start(kind: str) -> tuple[DockerRegistry, TokenServer | None]:
            if kind not in running:
                folder, tokens = tmp_path_factory.mktemp(kind), None
                auth = htpasswd(folder) if kind == "passwords" else None
                if kind == "tokens":
                    tokens = stack.enter_context(token_server(folder))
                    auth = tokens.auth()
                running[kind] = stack.enter_context(docker_registry(folder, auth)), tokens
            return running[kind]

        yield start


@pytest.fixture(params=KINDS)
def scene(request, tmp_path, servers) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield make_scene(request.param, tmp_path, servers, stack, request.node.name)


def make_scene(kind: str, tmp_path: Path, servers: Any, stack: ExitStack, test: str) -> Scene:
    if kind == "layout":
        return Scene(lambda: LayoutRegistry(tmp_path / "registry"), "", tmp_path)
    server, tokens = servers(kind)
    if tokens:
        tokens.asked.clear()
    rules = RegistryRules((server.host,))

    def again() -> OciRegistry:
        client = stack.enter_context(httpx.Client(timeout=30))
        return OciRegistry(client, PlatformCredentials(rules, "", ""), pause=lambda seconds: None)

    login = {} if kind == "open" else {"username": USER, "password": PASSWORD}
    at = f"{server.host}/team/t{hashlib.sha256(test.encode()).hexdigest()[:12]}"  # each test a repository of its own
    scene = Scene(again, at, tmp_path, login=login, tokens=tokens, host=server.host)
    if kind == "passwords":  # a pull knows only what the platform knows
        known = PlatformCredentials(rules, USER, PASSWORD)
        scene.registry = OciRegistry(stack.enter_context(httpx.Client(timeout=30)), known)
    return scene


# --- both ways ---------------------------------------------------------------------------------------------------


def test_what_was_pushed_comes_back_byte_for_byte(scene: Scene):
    reference = scene.push()
    pulled = scene.pull(reference)
    assert pulled.component.path.read_bytes() == WASM
    assert pulled.component.digest == f"sha256:{hashlib.sha256(WASM).hexdigest()}"
    assert pulled.component.size == len(WASM)
    assert pulled.reference == reference
    assert (pulled.app_name, pulled.route) == ("greet", "/...")


def test_the_reference_names_registry_tag_and_the_digest_of_the_manifest(scene: Scene):
    ref = ImageRef.parse(scene.push())
    assert ref.name == (scene.at or "local/greet")
    assert ref.tag == "v1"
    assert ref.digest == spin_image(scene.image()).manifest.digest


def test_an_image_is_found_by_its_tag_alone_and_by_its_digest_alone(scene: Scene):
    reference = scene.push()
    named, _, digest = reference.partition("@")
    for asked in (named, f"{named.removesuffix(':v1')}@{digest}", reference):
        pulled = scene.pull(asked)
        assert pulled.component.path.read_bytes() == WASM
        assert ImageRef.parse(pulled.reference).digest == digest


def test_pushing_again_gives_the_same_reference(scene: Scene):
    assert len({scene.push() for _ in range(3)}) == 1


def test_a_tag_moves_and_the_image_before_is_still_there_by_its_digest(scene: Scene):
    older = scene.push()
    scene.write(WASM + b"newer")
    newer = scene.push()
    assert newer != older
    assert scene.pull(older.partition("@")[0]).component.path.read_bytes() == WASM + b"newer"
    assert scene.pull(older).component.path.read_bytes() == WASM


def test_what_the_author_asked_for_is_told_but_no_secret(scene: Scene):
    environment = (EnvironmentVariable("GREETING", "hello", plain=True), EnvironmentVariable("API_KEY", "hunter2"))
    settings = FunctionSettings(environment=environment, allowed_outbound_hosts=("https://api.example.com",))
    pulled = scene.pull(scene.push(settings=settings))
    assert pulled.allowed_outbound_hosts == ("https://api.example.com",)
    assert pulled.environment == {"GREETING": "hello"}
    assert pulled.variables == ("api_key",)


def test_an_image_that_is_not_there_is_not_found(scene: Scene):
    scene.push()
    name = scene.at or "local/greet"
    for absent in (f"{name}:v2", f"{name}@sha256:{'0' * 64}", f"{scene.host or 'local'}/team/never:v1"):
        with pytest.raises(NotFound, match="no image"):
            scene.pull(absent)


@pytest.mark.parametrize(
    "text", ["", "greet", "local/greet:", "local/Greet:v1", "local/greet:v1@sha256:12", "http://x/y:1"]
)
def test_what_is_no_reference_is_refused(scene: Scene, text: str):
    with pytest.raises(InvalidInput):
        scene.pull(text)


@pytest.mark.parametrize(("change", "field"), [({"app_name": "Greet"}, "app_name"), ({"tag": "a b"}, "tag")])
def test_names_that_registries_refuse_are_refused(scene: Scene, change: dict[str, str], field: str):
    with pytest.raises(InvalidInput) as caught:
        scene.push(**change)
    assert caught.value.details["field"] in (field, "image_ref")


def test_a_component_that_is_none_is_refused_after_the_pull(scene: Scene):
    for content in (b"not wasm", b"\0asm\1\0\0\0a core module"):
        scene.write(content)
        with pytest.raises(InvalidInput, match="no WebAssembly component"):
            scene.pull(scene.push())


def test_nothing_that_is_said_or_stored_here_holds_a_password(scene: Scene):
    reference = scene.push()
    told = [*scene.said, reference, repr(scene.image()), repr(scene.registry)]
    assert scene.said
    assert not [line for line in told if PASSWORD in line]


# --- over HTTP ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=KINDS[1:])
def distant(request, tmp_path, servers) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield make_scene(request.param, tmp_path, servers, stack, request.node.name)


def test_what_the_registry_has_is_not_sent_again(distant: Scene):
    distant.push()
    distant.said.clear()
    distant.push(tag="v2")
    component = hashlib.sha256(WASM).hexdigest()
    assert f"push sha256:{component} is there already" in distant.said


def test_a_host_alone_gets_a_repository_for_each_application(distant: Scene):
    reference = distant.push(registry=distant.host, app_name="of-its-own")
    assert reference.startswith(f"{distant.host}/of-its-own:v1@sha256:")
    assert distant.pull(reference).component.path.read_bytes() == WASM


def test_a_small_component_arrives_too(distant: Scene):
    distant.write(WASM[:20])
    assert distant.pull(distant.push()).component.path.read_bytes() == WASM[:20]


@pytest.fixture(params=("passwords", "tokens"))
def guarded(request, tmp_path, servers) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield make_scene(request.param, tmp_path, servers, stack, request.node.name)


def test_a_wrong_password_is_told_and_not_repeated(guarded: Scene):
    with pytest.raises(Unauthenticated, match="does not accept") as caught:
        guarded.push(password="swordfish")
    assert "swordfish" not in f"{caught.value.message}{guarded.said}"


@pytest.mark.parametrize("password", ["", "dummy-password"])
def test_without_a_password_the_platforms_own_is_used(guarded: Scene, password: str):
    with pytest.raises(Unauthenticated, match="wants a user name"):
        guarded.again().push(guarded.image(username="AWS", password=password), guarded.say)
    rules = RegistryRules((guarded.host,))
    with httpx.Client() as client:
        known = OciRegistry(client, PlatformCredentials(rules, USER, PASSWORD))
        assert known.push(guarded.image(username="AWS", password=password), guarded.say)


def test_the_platforms_password_is_not_shown_to_a_registry_that_only_the_star_allows(guarded: Scene):
    with httpx.Client() as client:
        known = OciRegistry(client, PlatformCredentials(RegistryRules(("*",), strict=False), USER, PASSWORD))
        with pytest.raises(Unauthenticated, match="wants a user name"):
            known.push(guarded.image(username="", password=""), guarded.say)


# --- tokens ------------------------------------------------------------------------------------------------------


@pytest.fixture
def tokens(tmp_path, servers) -> Iterator[tuple[Scene, TokenServer]]:
    with ExitStack() as stack:
        scene = make_scene("tokens", tmp_path, servers, stack, "of-tokens")
        assert scene.tokens
        yield scene, scene.tokens
        scene.tokens.spelling, scene.tokens.lives_s = "token", 300


@pytest.mark.parametrize("spelling", ["token", "access_token"])
def test_a_token_is_asked_for_once_and_used_for_all_of_a_push(tokens, spelling: str):
    scene, server = tokens
    server.spelling = spelling
    scene.push()
    scene.push(tag="v2")
    [(query, basic)] = server.asked
    assert query["scope"] == [f"repository:{scene.at.partition('/')[2]}:pull,push"]
    assert query["service"] == ["tests"]
    assert basic is not None


def test_a_token_that_has_ended_is_asked_for_again(tokens):
    scene, server = tokens
    server.lives_s = -100_000  # over before it begins, for the registry; nothing to keep here
    with pytest.raises(Unauthenticated):
        scene.push()
    server.lives_s = 300
    assert scene.push()
    assert len(server.asked) > 1


def test_strangers_get_a_token_too_and_may_pull(tokens):
    scene, server = tokens
    reference = scene.push()
    server.asked.clear()
    assert scene.again().pull(reference, scene.folder / "again.wasm", scene.say).reference == reference
    assert [basic for _query, basic in server.asked] == [None]


# --- which registry ----------------------------------------------------------------------------------------------


def test_an_image_goes_where_it_says_and_by_default_to_the_disk_or_where_the_operator_said(tmp_path, servers):
    server, _ = servers("open")
    with httpx.Client(timeout=30) as client, ExitStack() as stack:
        scene = make_scene("open", tmp_path, servers, stack, "which")
        here = LayoutRegistry(tmp_path / "registry")
        for default, begin in (("", "local/greet:v1@"), (f"http://{server.host}/shared", f"{server.host}/shared:v1@")):
            rules = RegistryRules((f"{server.host}/team",), default)
            registry = Registries(here, OciRegistry(client, PlatformCredentials(rules, "", "")), rules)
            pushed = registry.push(scene.image(registry=""), scene.say)
            assert pushed.startswith(begin)
            assert registry.pull(pushed, tmp_path / "a.wasm", scene.say).component.path.read_bytes() == WASM
            elsewhere = registry.push(scene.image(), scene.say)
            assert elsewhere.startswith(f"{scene.at}:v1@")
            assert registry.pull(elsewhere, tmp_path / "b.wasm", scene.say).component.path.read_bytes() == WASM
            with pytest.raises(InvalidInput, match="FAASWEB_REGISTRIES"):
                registry.push(scene.image(registry="ghcr.io/team"), scene.say)
            with pytest.raises(InvalidInput, match="FAASWEB_REGISTRIES"):
                registry.pull("ghcr.io/team/x:1", tmp_path / "c.wasm", scene.say)
            registry.remove("greet")
            assert registry.ready() is None
        assert json.loads((tmp_path / "registry" / "index.json").read_text())["manifests"] == []
