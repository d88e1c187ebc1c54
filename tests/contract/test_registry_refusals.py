"""What a registry may answer, and what becomes of it: tried again, or a sentence that tells what to do."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from moto import mock_aws

from faasweb.adapters.registry import oci
from faasweb.adapters.registry.credentials import PlatformCredentials, ecr_region
from faasweb.adapters.registry.oci import OciRegistry
from faasweb.adapters.registry.spin_image import COMPONENT, spin_image
from faasweb.domain.errors import (
    Conflict,
    FaaswebError,
    InvalidInput,
    NotAllowed,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from faasweb.domain.images import RegistryRules
from faasweb.ports import Image
from tests.docker_registry import docker_registry

CREATED = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
WASM = b"\0asm\x0d\0\1\0" + b"x" * 5000
ECR = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com"
Answer = Callable[[httpx.Request], httpx.Response | None]


@dataclass
class Registry:
    """A registry that takes everything, but for what ``answer`` says first. It keeps what it was sent."""

    answer: Answer = lambda request: None
    requests: list[httpx.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        self.requests.append(request)
        self.bodies.append(body)
        return self.answer(request) or self._usual(request, body)

    def _usual(self, request: httpx.Request, body: bytes) -> httpx.Response:
        path = request.url.path
        if request.method == "POST":
            return httpx.Response(202, headers={"Location": f"{path}1?state=a%2Fb"})
        if request.method == "PUT":
            name = request.url.params.get("digest") or path.rpartition("/")[2]
            self.stored |= {name: body, f"sha256:{hashlib.sha256(body).hexdigest()}": body}
            return httpx.Response(201)
        found = self.stored.get(path.rpartition("/")[2])
        return httpx.Response(404) if found is None else httpx.Response(200, content=found)


@dataclass
class Scene:
    folder: Path
    registry: Registry
    adapter: OciRegistry
    pauses: list[float]
    said: list[str] = field(default_factory=list)

    def say(self, phase: str, line: str) -> None:
        self.said.append(line)

    def image(self, registry: str = "ghcr.io/team/greet", **more: Any) -> Image:
        component = self.folder / "app.wasm"
        if not component.exists():
            component.write_bytes(WASM)
        return Image("greet", "v1", component, CREATED, registry=registry, **more)

    def push(self, *args: Any, **more: Any) -> str:
        return self.adapter.push(self.image(*args, **more), self.say)

    def pull(self, reference: str = "ghcr.io/team/greet:v1") -> Any:
        return self.adapter.pull(reference, self.folder / "pulled.wasm", self.say)


@pytest.fixture
def scene(tmp_path) -> Iterator[Callable[..., Scene]]:
    clients = []

    def make(answer: Answer = lambda request: None, platform: PlatformCredentials | None = None) -> Scene:
        registry = Registry(answer)
        pauses: list[float] = []
        client = httpx.Client(transport=httpx.MockTransport(registry))
        clients.append(client)
        known = platform or PlatformCredentials(RegistryRules(("ghcr.io",)), "", "")
        return Scene(tmp_path, registry, OciRegistry(client, known, pause=pauses.append), pauses)

    yield make
    for client in clients:
        client.close()


def refusing(method: str, status: int, code: str = "", message: str = "hunter2 /secret", **headers: str) -> Answer:
    content = {"errors": [{"code": code, "message": message}]} if code else {}

    def answer(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(status, json=content, headers=headers) if request.method == method else None

    return answer


# --- a push ------------------------------------------------------------------------------------------------------


def test_a_push_looks_then_sends_the_blobs_and_the_manifest_last(scene):
    using = scene()
    using.push()
    methods = [request.method for request in using.registry.requests]
    assert methods == ["HEAD", "POST", "PUT"] * 3 + ["PUT"]
    made = spin_image(using.image())
    assert using.registry.requests[-1].url.path == "/v2/team/greet/manifests/v1"
    assert using.registry.requests[-1].headers["content-type"] == "application/vnd.oci.image.manifest.v1+json"
    assert set(using.registry.stored) == {*(blob.digest for blob in made.blobs), made.manifest.digest, "v1"}
    sent = [request for request in using.registry.requests if request.url.params.get("digest")]
    assert all(request.url.params["state"] == "a/b" and "transfer-encoding" not in request.headers for request in sent)


@pytest.mark.parametrize(
    ("method", "status", "code", "kind", "told"),
    [
        ("POST", 403, "DENIED", NotAllowed, "denies"),
        ("POST", 404, "NAME_UNKNOWN", NotFound, "no repository team/greet"),
        ("PUT", 413, "SIZE_INVALID", TooLarge, "too large"),
        ("PUT", 400, "MANIFEST_INVALID", InvalidInput, "MANIFEST_INVALID"),
        ("POST", 405, "UNSUPPORTED", InvalidInput, "405 (UNSUPPORTED)"),
        ("POST", 200, "", Unavailable, "200 where 202"),
        ("POST", 400, "</script>", InvalidInput, "with 400."),
    ],
)
def test_what_it_refuses_is_told_in_our_words(scene, method, status, code, kind, told):
    using = scene(refusing(method, status, code))
    with pytest.raises(kind) as caught:
        using.push()
    assert told in caught.value.message
    assert "hunter2" not in caught.value.message
    assert using.pauses == []


def test_a_tag_that_may_not_change_is_a_conflict(scene):
    told = "The image tag 'v1' already exists in the 'x' repository and cannot be overwritten because it is immutable."
    using = scene(refusing("PUT", 400, "TAG_INVALID", told))
    with pytest.raises(Conflict, match="choose another"):
        using.push()


@pytest.mark.parametrize("trouble", [429, 500, 503, "connect", "broken"])
def test_a_registry_that_is_busy_or_away_is_asked_again(scene, trouble):
    left = [1, 1, 1]

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.method != "PUT" or not left:
            return None
        left.pop()
        if trouble == "connect":
            raise httpx.ConnectError("refused")
        if trouble == "broken":
            raise httpx.WriteError("broken pipe")
        return httpx.Response(int(trouble))

    using = scene(answer)
    assert using.push()
    assert using.pauses == [0.5, 1.0, 2.0]
    assert using.registry.stored[spin_image(using.image()).blobs[1].digest] == WASM


def test_it_waits_as_long_as_the_registry_says_within_reason(scene):
    left = ["7", "100000"]

    def answer(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(429, headers={"Retry-After": left.pop(0)}) if left else None

    using = scene(answer)
    using.push()
    assert using.pauses == [7.0, 20.0]


def test_the_patience_has_an_end(scene):
    using = scene(refusing("HEAD", 503))
    with pytest.raises(Unavailable, match=r"ghcr\.io answered 503"):
        using.push()
    assert len(using.pauses) == 4


def test_a_push_ends_when_its_time_is_over(scene, monkeypatch):
    monkeypatch.setattr(oci, "TIME_LIMIT_S", -1.0)
    with pytest.raises(Unavailable, match="too slow"):
        scene().push()


def test_an_upload_that_the_registry_lost_begins_anew(scene):
    left = [404, 416]

    def answer(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(left.pop()) if left and request.method == "PUT" else None

    using = scene(answer)
    assert using.push()
    assert [request.method for request in using.registry.requests].count("POST") == 5


def test_a_registry_that_stored_something_else_is_not_believed(scene):
    using = scene(refusing("PUT", 201, **{"Docker-Content-Digest": f"sha256:{'0' * 64}"}))
    with pytest.raises(Unavailable, match="something else"):
        using.push()


def test_an_answer_without_end_is_cut(scene):
    using = scene(lambda request: httpx.Response(202, content=b"x" * 70_000) if request.method == "POST" else None)
    with pytest.raises(Unavailable, match="64,000"):
        using.push()


def test_a_component_that_is_gone_is_told_without_its_path(scene):
    using = scene()
    image = using.image()
    image.component.unlink()
    with pytest.raises(Unavailable) as caught:
        using.adapter.push(image, using.say)
    assert str(using.folder) not in caught.value.message


def test_a_blob_goes_in_pieces_where_whole_ones_are_too_large(tmp_path, monkeypatch):
    """A proxy before a real registry refuses large requests, as some do."""
    monkeypatch.setattr(oci, "PIECE", 2000)
    with (
        docker_registry(tmp_path / "behind") as behind,
        limiting_proxy(behind.url, 3000) as host,
        httpx.Client() as client,
    ):
        adapter = OciRegistry(client, PlatformCredentials(RegistryRules((host,)), "", ""))
        component = tmp_path / "app.wasm"
        component.write_bytes(WASM)
        said: list[str] = []
        image = Image("greet", "v1", component, CREATED, registry=f"{host}/team/greet")
        reference = adapter.push(image, lambda phase, line: said.append(line))
        pulled = adapter.pull(reference, tmp_path / "pulled.wasm", lambda phase, line: None)
        assert pulled.component.path.read_bytes() == WASM


class limiting_proxy:  # noqa: N801 - read like a function
    """Passes on to ``url`` what is no larger than ``limit``; 413 otherwise. Answers its host."""

    def __init__(self, url: str, limit: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if len(body) > limit:
                    self.reply(413, {}, b"")
                    return
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                request = urllib.request.Request(url + self.path, body or None, headers, method=self.command)
                try:
                    with urllib.request.urlopen(request, timeout=20) as got:
                        self.reply(got.status, dict(got.headers), got.read())
                except urllib.request.HTTPError as exc:
                    with exc:
                        self.reply(exc.code, dict(exc.headers), exc.read())

            def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "connection", "date", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = pass_on  # noqa: N815 - http.server calls them so

            def log_message(self, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self.thread.start()
        return f"127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


# --- who asks ----------------------------------------------------------------------------------------------------


def challenge(text: str) -> Callable[[httpx.Request], httpx.Response | None]:
    """Asks whoever brings no authorization for it."""

    def answer(request: httpx.Request) -> httpx.Response | None:
        if "authorization" in request.headers or request.url.host != "ghcr.io":
            return None
        return httpx.Response(401, headers={"WWW-Authenticate": text})

    return answer


def test_a_registry_without_tls_is_not_asked_unless_it_is_listed_as_such(scene):
    using = scene()
    using.push("registry.example.com:5000/x")
    assert {request.url.scheme for request in using.registry.requests} == {"https"}
    for host in ("registry.example.com", "registry.example.com:5000"):
        plain = OciRegistry(using.adapter.client, using.adapter.platform, frozenset({host}))
        using.registry.requests.clear()
        plain.push(using.image("registry.example.com:5000/x"), using.say)
        assert {request.url.scheme for request in using.registry.requests} == {"http"}
    for host in ("127.0.0.1:5000", "localhost:5000", "[::1]:5000", "localhost"):
        using.registry.requests.clear()
        using.push(f"{host}/x")
        assert {request.url.scheme for request in using.registry.requests} == {"http"}


def test_dockers_own_registry_lives_elsewhere_than_its_name_says(scene):
    using = scene()
    using.push("docker.io/greet")
    assert using.registry.requests[-1].url == "https://registry-1.docker.io/v2/library/greet/manifests/v1"


@pytest.mark.parametrize("realm", ["http://auth.example.com/token", "ftp://x", "", "http://ghcr.io/token", "http://["])
def test_no_password_goes_to_a_token_server_without_tls(scene, realm):
    using = scene(challenge(f'Bearer realm="{realm}",service="x"'))
    with pytest.raises(NotAllowed, match="without TLS"):
        using.push(username="ada", password="hunter2")
    assert all("authorization" not in request.headers for request in using.registry.requests)


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (401, b"{}", Unauthenticated),
        (403, b"{}", Unauthenticated),
        (200, b"{}", Unavailable),
        (200, b"[]", Unavailable),
        (200, b'{"token": 5}', Unavailable),
        (200, b'{"token": "a\\nb"}', Unavailable),
        (200, b"x" * 70_000, Unavailable),
        (200, b'{"token":' + b"[" * 30_000, Unavailable),
        (200, b'{"token": "t", "expires_in": 1' + b"0" * 400 + b"}", Unavailable),
        (503, b"", Unavailable),
    ],
)
def test_a_token_server_that_gives_none_ends_the_push(scene, status, content, kind):
    ask = challenge('Bearer realm="https://auth.example.com/token",service="x"')

    def answer(request):
        if request.url.host == "auth.example.com":
            return httpx.Response(status, content=content)
        return ask(request)

    with pytest.raises(kind) as caught:
        scene(answer).push(username="ada", password="hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_challenge_that_nobody_knows_is_refused(scene):
    with pytest.raises(Unauthenticated):
        scene(challenge("Negotiate")).push(username="ada", password="hunter2")


# --- a pull ------------------------------------------------------------------------------------------------------


def pushed(scene: Callable[..., Scene], answer: Answer = lambda request: None, **more: Any) -> Scene:
    using = scene(**more)
    using.push()
    using.registry.requests.clear()
    using.registry.answer = answer
    return using


def test_what_a_blob_redirects_to_never_sees_a_password(scene):
    known = PlatformCredentials(RegistryRules(("ghcr.io",)), "ada", "hunter2")
    ask = challenge('Basic realm="x"')

    def answer(request):
        if request.url.host == "bucket.example.com":
            return httpx.Response(200, content=WASM)
        if "/blobs/" in request.url.path and request.url.path.endswith(hashlib.sha256(WASM).hexdigest()):
            return httpx.Response(307, headers={"Location": "https://bucket.example.com/signed?x=1"})
        return ask(request)

    using = pushed(scene, answer, platform=known)
    assert using.pull().component.path.read_bytes() == WASM
    there = [request for request in using.registry.requests if request.url.host == "bucket.example.com"]
    assert there
    assert all("authorization" not in request.headers for request in there)
    assert any("authorization" in request.headers for request in using.registry.requests)


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "ftp://x/y", "http://ghcr.io/x"])
def test_a_redirect_to_somewhere_without_tls_is_not_followed(scene, target):
    using = pushed(scene, refusing("GET", 302, Location=target))
    with pytest.raises(NotAllowed, match="without TLS"):
        using.pull()
    assert len(using.registry.requests) == 1


@pytest.mark.parametrize("location", ["http://[", "//[/x"])
def test_a_redirect_to_what_is_no_address_is_told(scene, location):
    with pytest.raises(Unavailable, match="an address that is none"):
        scene(refusing("GET", 302, Location=location)).pull()


def test_an_answer_that_is_compressed_unasked_is_not_unpacked(scene):
    packed = httpx.ByteStream(gzip.compress(b" " * 100_000))
    using = scene(lambda request: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=packed))
    with pytest.raises(Unavailable, match="compressed content"):
        using.pull()
    assert {request.headers["accept-encoding"] for request in using.registry.requests} == {"identity"}


def test_an_answer_that_only_drips_ends_with_the_time(scene, monkeypatch):
    class Drops(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b" "
            monkeypatch.setattr("time.monotonic", lambda: 1e9)  # so late comes the second drop
            yield b" "

    with pytest.raises(Unavailable, match="too slow"):
        scene(lambda request: httpx.Response(200, stream=Drops())).pull()


def test_redirects_have_an_end(scene):
    with pytest.raises(Unavailable, match="for ever"):
        pushed(scene, refusing("GET", 302, Location="/v2/again")).pull()


@pytest.mark.parametrize("change", [b"y", b"", b"xx"])
def test_a_blob_that_is_not_what_its_digest_says_is_refused(scene, change):
    using = pushed(scene)
    digest = f"sha256:{hashlib.sha256(WASM).hexdigest()}"
    using.registry.stored[digest] = WASM[:-1] + change
    with pytest.raises(InvalidInput, match="digest"):
        using.pull()


def manifest_of(*layers: str, **more: Any) -> bytes:
    described = [{"mediaType": kind, "digest": f"sha256:{'1' * 64}", "size": 5} for kind in layers]
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{'2' * 64}", "size": 5}
    return json.dumps({"schemaVersion": 2, "config": config, "layers": described, **more}).encode()


@pytest.mark.parametrize(
    ("manifest", "kind", "told"),
    [
        (b"no json", InvalidInput, "can't be read"),
        (b"[]", InvalidInput, "can't be read"),
        (b"[" * 100_000, InvalidInput, "can't be read"),
        (b'{"schemaVersion": 1}', InvalidInput, "another kind"),
        (manifest_of(COMPONENT, manifests=[]), InvalidInput, "list of images"),
        (manifest_of(), InvalidInput, "0 components"),
        (manifest_of(COMPONENT, COMPONENT), InvalidInput, "2 components"),
        (manifest_of("application/vnd.oci.image.layer.v1.tar+gzip"), InvalidInput, "files or archives"),
        (manifest_of(COMPONENT, "application/vnd.wasm.content.layer.v1+data"), InvalidInput, "files or archives"),
        (manifest_of(COMPONENT, "application/vnd.wasm.content.bundle.v1.tar+gzip"), InvalidInput, "files or archives"),
        (manifest_of(COMPONENT, config=None), InvalidInput, "can't be read"),
        (manifest_of(COMPONENT).replace(b'"size": 5', b'"size": 256000001'), TooLarge, "256,000,000"),
        (manifest_of(COMPONENT).replace(b"sha256:1", b"sha512:1"), InvalidInput, "SHA-256"),
        (manifest_of(COMPONENT, pad="x" * 4_000_000), Unavailable, "4,000,000"),
    ],
)
def test_an_image_that_can_not_run_here_is_refused_with_the_reason(scene, manifest, kind, told):
    using = pushed(scene)
    using.registry.stored["v1"] = manifest
    with pytest.raises(kind, match=told):
        using.pull()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda app: app["components"].append(app["components"][0]), "several components"),
        (lambda app: app["triggers"].append(app["triggers"][0]), "several components"),
        (lambda app: app["triggers"][0].update(trigger_type="redis"), "not called by HTTP"),
        (lambda app: app["components"][0].update(files=[{"path": "a", "inline": ""}]), "files or dependencies"),
        (lambda app: app["components"][0]["source"].update(digest=f"sha256:{'3' * 64}"), "another component"),
        (lambda app: app.pop("triggers"), "can't be read"),
        (lambda app: app.update(components="x"), "can't be read"),
        (lambda app: app.update(metadata={"name": "\ud800"}), "can't be read"),
    ],
)
def test_an_application_that_can_not_run_here_is_refused_with_the_reason(scene, change, told):
    using = pushed(scene)
    _, _, locked = spin_image(using.image()).blobs
    assert isinstance(locked.content, bytes)
    app = json.loads(locked.content)
    change(app)
    changed = json.dumps(app).encode()
    digest = f"sha256:{hashlib.sha256(changed).hexdigest()}"
    manifest = json.loads(using.registry.stored["v1"])
    manifest["layers"][-1].update(digest=digest, size=len(changed))
    using.registry.stored |= {"v1": json.dumps(manifest).encode(), digest: changed}
    with pytest.raises(InvalidInput, match=told):
        using.pull()


def test_a_manifest_that_is_not_what_was_asked_for_by_digest_is_refused(scene):
    using = pushed(scene)
    digest = f"sha256:{'0' * 64}"
    using.registry.stored[digest] = using.registry.stored["v1"]
    with pytest.raises(InvalidInput, match="digest"):
        using.pull(f"ghcr.io/team/greet@{digest}")


# --- ECR ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "region"),
    [
        (ECR, "ap-northeast-2"),
        ("1.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("1.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("1.dkr-ecr.eu-west-1.on.aws", "eu-west-1"),
        (f"{ECR}.evil.example", None),
        ("evil.example", None),
        ("x.dkr.ecr.eu-west-1.amazonaws.com", None),
        ("public.ecr.aws", None),
    ],
)
def test_the_region_of_an_ecr_registry_is_in_its_name(host, region):
    assert ecr_region(host) == region


def for_ecr(client: Callable[[str], Any]) -> PlatformCredentials:
    return PlatformCredentials(RegistryRules((), f"{ECR}/faas"), "", "", client)


def test_ecr_is_entered_with_a_token_of_the_platforms_role(scene, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    asked: list[str] = []

    def client(region: str) -> Any:
        asked.append(region)
        return boto3.client("ecr", region_name=region)

    def answer(request: httpx.Request) -> httpx.Response | None:
        if "authorization" not in request.headers:
            return httpx.Response(401, headers={"WWW-Authenticate": 'Basic realm="https://ecr/",service="ecr"'})
        return None

    with mock_aws():
        using = scene(answer, for_ecr(client))
        reference = using.push(f"{ECR}/faas", username="AWS", password="dummy-password")
        using.push(f"{ECR}/faas")
        assert using.pull(reference).component.path.read_bytes() == WASM
    assert set(asked) == {"ap-northeast-2"}
    kind, _, encoded = using.registry.requests[-1].headers["authorization"].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(encoded).startswith(b"AWS:")


def test_a_token_of_ecr_is_kept_until_shortly_before_its_end(scene):
    asked: list[str] = []
    now = datetime.now(UTC)

    class Ecr:
        def get_authorization_token(self) -> Any:
            asked.append("")
            ends = now + timedelta(minutes=4 if len(asked) == 1 else 60)
            token = base64.b64encode(f"AWS:{len(asked)}".encode()).decode()
            return {"authorizationData": [{"authorizationToken": token, "expiresAt": ends}]}

    known = for_ecr(lambda region: Ecr())
    using = scene(platform=known)
    for _ in range(3):
        using.push(f"{ECR}/faas")
    assert len(asked) == 2
    assert "AWS:" not in repr(known)


def test_given_credentials_are_used_for_ecr_too(scene):
    def client(region: str) -> Any:
        raise AssertionError("the role is not asked")

    assert scene(platform=for_ecr(client)).push(f"{ECR}/faas", username="AWS", password="a-token")


def aws_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "arn:aws:secret"}}, "GetAuthorizationToken")


@pytest.mark.parametrize(
    ("trouble", "kind", "told"),
    [
        (NoCredentialsError(), NotAllowed, "via the platform's role"),
        (aws_error("AccessDeniedException"), NotAllowed, "ecr:GetAuthorizationToken in ap-northeast-2"),
        (aws_error("ExpiredTokenException"), NotAllowed, "via the platform's role"),
        (aws_error("ThrottlingException"), Unavailable, "too busy"),
        (EndpointConnectionError(endpoint_url="https://x"), Unavailable, "did not answer"),
    ],
)
def test_credentials_that_the_role_does_not_give_are_told(
    scene, trouble: Exception, kind: type[FaaswebError], told: str
):
    class Failing:
        def get_authorization_token(self) -> Any:
            raise trouble

    with pytest.raises(kind, match=told) as caught:
        scene(platform=for_ecr(lambda region: Failing())).push(f"{ECR}/faas")
    assert "arn:aws" not in str(caught.value)


def test_a_repository_that_ecr_does_not_have_is_told_with_what_to_do(scene):
    using = scene(refusing("POST", 404, "NAME_UNKNOWN"))
    with pytest.raises(NotFound) as caught:
        using.push(f"{ECR}/team/faas", username="AWS", password="a-token")
    assert "aws ecr create-repository --repository-name team/faas --region ap-northeast-2" in caught.value.message
