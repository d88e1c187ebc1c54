"""A real registry for tests: Debian's docker-registry on a free port of this machine, gone with the tests.

Where CI=true a missing one is a failure, because nothing else proves that images arrive.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

USER, PASSWORD = "pusher", "correct horse"
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n"  # bcrypt of PASSWORD
START_S = 30
ATTEMPTS = 3  # between finding a free port and listening on it another process may take it


@dataclass(frozen=True)
class DockerRegistry:
    """``host`` as it stands in references. ``folder`` holds what it stores and its log."""

    host: str
    folder: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}"


@contextlib.contextmanager
def docker_registry(folder: Path, auth: dict[str, Any] | None = None) -> Iterator[DockerRegistry]:
    """``auth`` is that part of the registry's configuration; without it anybody may do anything."""
    program = shutil.which("docker-registry")
    if program is None:
        told = "no docker-registry: install Debian's docker-registry"
        raise pytest.fail.Exception(told) if os.environ.get("CI") == "true" else pytest.skip.Exception(told)
    folder.mkdir(parents=True, exist_ok=True)
    for left in reversed(range(ATTEMPTS)):
        host = f"127.0.0.1:{_free_port()}"
        config = {
            "version": "0.1",
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": host, "secret": "of-the-tests"},
            **({"auth": auth} if auth else {}),
        }
        (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
        try:
            if not _answers(host, process):
                assert left, (folder / "log").read_text()
                continue
            yield DockerRegistry(host, folder)
            return
        finally:
            process.terminate()
            process.wait(20)


def _answers(host: str, process: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"http://{host}/v2/", timeout=5)
            return True
        time.sleep(0.05)
    return False


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def htpasswd(folder: Path) -> dict[str, Any]:
    """``auth`` of a registry that lets in USER with PASSWORD."""
    path = folder / "htpasswd"
    path.write_text(HTPASSWD)
    return {"htpasswd": {"realm": "tests", "path": str(path)}}


# --- tokens ------------------------------------------------------------------------------------------------------


@dataclass
class TokenServer:
    """Hands out tokens that the registry trusts; ``asked`` are the queries, with the Basic header or None.

    ``spelling`` is what the answer calls the token, ``public`` what strangers may do.
    """

    folder: Path
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    asked: list[tuple[dict[str, list[str]], str | None]] = field(default_factory=list)
    spelling: str = "token"
    public: tuple[str, ...] = ("pull",)
    lives_s: int = 300
    url: str = ""

    def auth(self) -> dict[str, Any]:
        """``auth`` of a registry that wants tokens of this server."""
        path = self.folder / "token.pem"
        path.write_bytes(self._certificate().public_bytes(serialization.Encoding.PEM))
        told = {"realm": f"{self.url}/token", "service": "tests", "issuer": "tests", "rootcertbundle": str(path)}
        return {"token": told}

    def token(self, scope: str, actions: list[str]) -> str:
        kind, name, _ = scope.split(":")
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(self._der).decode()]}
        claims = {
            "iss": "tests",
            "aud": "tests",
            "sub": USER,
            "jti": secrets.token_hex(8),
            "iat": now - 30,
            "nbf": now - 30,
            "exp": now + self.lives_s,
            "access": [{"type": kind, "name": name, "actions": actions}],
        }
        signed = f"{_base64url(json.dumps(head).encode())}.{_base64url(json.dumps(claims).encode())}"
        return f"{signed}.{_base64url(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    @property
    def _der(self) -> bytes:
        pem = (self.folder / "token.pem").read_bytes()
        return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)

    def _certificate(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def answer(self, query: dict[str, list[str]], basic: str | None) -> tuple[int, dict[str, Any]]:
        self.asked.append((query, basic))
        right = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if basic not in (None, right):
            return 401, {"details": "incorrect username or password"}
        scope = query["scope"][0]
        wanted = scope.rpartition(":")[2].split(",")
        allowed = wanted if basic else [action for action in wanted if action in self.public]
        return 200, {self.spelling: self.token(scope, allowed), "expires_in": self.lives_s}


@contextlib.contextmanager
def token_server(folder: Path) -> Iterator[TokenServer]:
    folder.mkdir(parents=True, exist_ok=True)
    tokens = TokenServer(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            status, content = tokens.answer(query, self.headers.get("Authorization"))
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        tokens.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield tokens
        finally:
            server.shutdown()
            thread.join()


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
