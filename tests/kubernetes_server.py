"""A real Kubernetes API server for tests: etcd and kube-apiserver on free ports of this machine, gone with the tests.

`FAASWEB_TEST_KUBE_APISERVER` names the program, or its `.xz`; etcd comes from Debian's `etcd-server`. There are no
controllers: nothing makes pods, Deployments or endpoints, and what is deleted is deleted at once.
"""

from __future__ import annotations

import ctypes
import hashlib
import lzma
import os
import platform
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

VARIABLE = "FAASWEB_TEST_KUBE_APISERVER"
CRD = Path(__file__).parent / "fixtures" / "kubernetes" / "spinapp-crd.yaml"
# What is known of an .xz, and what has to come out of it.
UNPACKED_SHA256 = {
    "411ecd2582d61b15ed13fb59cc2661153625c010a00f9332d7955067baeb6801": (
        "c60b959ff750315c95ce9bebb05ffc457fe5695faa9fe70d84d787e59c5277e8"
    ),
}
START_S = 60
STOP_S = 20
ATTEMPTS = 3  # between finding a free port and listening on it another process may take it
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class ApiServer:
    """A running server. ``token`` is the administrator's; ``ca`` is the certificate to trust."""

    folder: Path
    url: str
    ca: Path
    token: str
    kubeconfig: Path

    def client(self, token: str | None = None, **headers: str) -> httpx.Client:
        """A client of the plain REST API; without a token it is the administrator's."""
        trusted = ssl.create_default_context(cafile=str(self.ca))
        headers = {"authorization": f"Bearer {token or self.token}", **headers}
        return httpx.Client(base_url=self.url, headers=headers, verify=trusted, timeout=30)

    def add_namespace(self, name: str | None = None) -> str:
        """A namespace of one's own: tests that share the server never meet."""
        name = name or f"test-{secrets.token_hex(4)}"
        self._post("/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def account(self, namespace: str, name: str, rules: Sequence[dict[str, list[str]]] = ()) -> str:
        """The token of a service account that may do what the rules of its Role in ``namespace`` say."""
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
        who = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        self._post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
        if rules:
            self._post(f"{rbac}/roles", {"metadata": {"name": name}, "rules": list(rules)})
            self._post(f"{rbac}/rolebindings", {"metadata": {"name": name}, "roleRef": role, "subjects": [who]})
        return self.token_of(namespace, name)

    def token_of(self, namespace: str, name: str) -> str:
        """A token of a service account that exists, as a pod of it has one."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        made = self._post(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
        token: str = made["status"]["token"]
        return token

    def kubeconfig_for(self, token: str) -> Path:
        """A kubeconfig of whoever has the token."""
        path = self.folder / f"kubeconfig-{hashlib.sha256(token.encode()).hexdigest()[:12]}"
        _write_kubeconfig(path, self.url, self.ca, token)
        return path

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        with self.client() as client:
            return client.post(path, json=body).raise_for_status().json()


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """A running server with the SpinApp kind. Skips the test, with the reason, where there can't be one."""
    program = unpacked(_program())
    with tempfile.TemporaryDirectory(prefix="faasweb-kubernetes-") as folder:
        server, processes = _start(program, Path(folder))
        try:
            _install_crd(server)
            yield server
        finally:
            _stop(processes)


def _program() -> Path:
    named = os.environ.get(VARIABLE) or shutil.which("kube-apiserver")
    if not shutil.which("etcd") and os.environ.get("CI") == "true":
        pytest.fail("no etcd: install Debian's etcd-server")
    if not named:
        pytest.skip(f"no Kubernetes API server: set {VARIABLE} to the path of kube-apiserver or of its .xz")
    if not shutil.which("etcd"):
        pytest.skip("no etcd: install Debian's etcd-server")
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the Kubernetes API server of the tests runs on linux/amd64 only")
    path = Path(named)
    if not path.is_file():
        pytest.fail(f"{VARIABLE}={named}: there is no such file")
    return path


def unpacked(program: Path) -> Path:
    """The executable itself. An .xz is unpacked once into the cache folder, whole or not at all."""
    if program.suffix != ".xz":
        return program
    packed = hashlib.sha256(program.read_bytes()).hexdigest()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = home / "faasweb-tests" / f"kube-apiserver-{packed[:12]}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    content = lzma.decompress(program.read_bytes())
    expected = UNPACKED_SHA256.get(packed)
    if expected and hashlib.sha256(content).hexdigest() != expected:
        pytest.fail(f"{program} does not hold what it should")
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f"{target.name}.", delete=False) as file:
        file.write(content)
    part = Path(file.name)
    part.chmod(0o755)
    part.replace(target)
    return target


def _start(program: Path, folder: Path) -> tuple[ApiServer, list[subprocess.Popen[bytes]]]:
    for attempt in range(1, ATTEMPTS + 1):
        place = folder / str(attempt)
        place.mkdir(mode=0o700)
        server, commands = _plan(program, place)
        processes = [_run(command, place) for command in commands]
        if _wait_until_ready(server, processes):
            _write_kubeconfig(server.kubeconfig, server.url, server.ca, server.token)
            return server, processes
        _stop(processes)
    said = "\n".join(f"{log.name}:\n{log.read_text()[-3000:]}" for log in sorted(place.glob("*.log")))
    raise AssertionError(f"the API server did not start within {START_S} s\n{said}")


def _plan(program: Path, place: Path) -> tuple[ApiServer, tuple[list[str], list[str]]]:
    clients, peers, port = (f"127.0.0.1:{_free_port()}" for _ in range(3))
    token = secrets.token_hex(16)
    tokens = _private(place / "tokens.csv", f'{token},admin,admin,"system:masters"\n')
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forms = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    accounts = _private(place / "sa.key", key.private_bytes(*forms).decode())
    etcd = {
        "data-dir": place / "etcd",
        "listen-client-urls": f"http://{clients}",
        "advertise-client-urls": f"http://{clients}",
        "listen-peer-urls": f"http://{peers}",
        "initial-advertise-peer-urls": f"http://{peers}",
        "initial-cluster": f"default=http://{peers}",
        "unsafe-no-fsync": "true",
    }
    apiserver = {
        "etcd-servers": f"http://{clients}",
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        "secure-port": port.rpartition(":")[2],
        "insecure-port": "0",
        "cert-dir": place / "cert",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": accounts,
        "service-account-signing-key-file": accounts,
        "token-auth-file": tokens,
        "authorization-mode": "RBAC",
        "disable-admission-plugins": "ServiceAccount",
        "service-cluster-ip-range": "10.0.0.0/24",
        "endpoint-reconciler-type": "none",
    }
    server = ApiServer(place, f"https://{port}", place / "cert" / "apiserver.crt", token, place / "kubeconfig")
    return server, (_command("etcd", etcd), _command(str(program), apiserver))


def _command(program: str, options: dict[str, Any]) -> list[str]:
    return [program, *(f"--{name}={value}" for name, value in options.items())]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _private(path: Path, content: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(content)
    return path


def _run(command: list[str], place: Path) -> subprocess.Popen[bytes]:
    libc = ctypes.CDLL(None)

    def die_with_the_tests() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    with (place / f"{Path(command[0]).name}.log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_the_tests,
        )


def _wait_until_ready(server: ApiServer, processes: list[subprocess.Popen[bytes]]) -> bool:
    until = time.monotonic() + START_S
    while time.monotonic() < until and all(process.poll() is None for process in processes):
        if server.ca.exists() and _answers(server, "/readyz"):
            return True
        time.sleep(0.1)
    return False


def _answers(server: ApiServer, path: str) -> bool:
    try:
        with server.client() as client:
            return client.get(path).status_code == httpx.codes.OK
    except (httpx.TransportError, ssl.SSLError):  # not listening yet, or its certificate is half written
        return False


def _install_crd(server: ApiServer) -> None:
    with server.client() as client:
        body = yaml.safe_load(CRD.read_text())
        client.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json=body).raise_for_status()
    until = time.monotonic() + START_S
    while not _answers(server, "/apis/core.spinkube.dev/v1alpha1/spinapps"):
        assert time.monotonic() < until, "SpinApps were not served in time"
        time.sleep(0.1)
    time.sleep(1)  # served is a moment before writable


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """The API server first: it waits for etcd."""
    for process in reversed(processes):
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _write_kubeconfig(path: Path, url: str, ca: Path, token: str) -> None:
    cluster = {"server": url, "certificate-authority": str(ca)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "tests", "user": {"token": token}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
        "current-context": "tests",
    }
    _private(path, yaml.safe_dump(content))
