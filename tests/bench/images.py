"""Pushes to and pulls from Debian's docker-registry on this machine, and an image on its way to its first answer."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx

from faasweb.adapters.registry.credentials import PlatformCredentials
from faasweb.adapters.registry.oci import OciRegistry
from faasweb.domain.images import RegistryRules
from faasweb.ports import Image
from tests.bench.machine import Machine
from tests.docker_registry import docker_registry

Row = tuple[str, str, str]


def rows(machine: Machine, workspace: str, code: str) -> Iterator[Row]:
    wasm = max((machine.data / "components").glob("*.wasm"), key=lambda path: path.stat().st_size)
    size = f"{wasm.stat().st_size / 1e6:.1f} MB"
    with tempfile.TemporaryDirectory() as folder, docker_registry(Path(folder)) as server, httpx.Client() as client:
        registry = OciRegistry(client, PlatformCredentials(RegistryRules((server.host,)), "", ""))
        image = Image("bench", "v1", wasm, datetime.now(UTC), registry=f"{server.host}/bench/cold")
        begun = time.perf_counter()
        reference = registry.push(image, lambda phase, line: None)
        yield f"push of a component of {size}, cold", spent(begun), ""
        begun = time.perf_counter()
        registry.push(replace(image, tag="v2"), lambda phase, line: None)
        yield "push of a component that the registry has", spent(begun), ""
        begun = time.perf_counter()
        pulled = registry.pull(reference, Path(folder) / "pulled.wasm", lambda phase, line: None)
        yield "pull, every digest verified", spent(begun), ""
        same = pulled.component.path.read_bytes() == wasm.read_bytes()
        yield "what came back is byte for byte the same", "yes" if same else "NO", "yes"
        yield deployed(machine, workspace, code, reference)


def deployed(machine: Machine, workspace: str, code: str, reference: str) -> Row:
    """A function whose saved code is another one than the image's."""
    created = machine.create(f"/api/workspaces/{workspace}/functions", {"name": "pulled", "code": code})
    begun = time.perf_counter()
    body = {"namespace": "default", "image_ref": reference, "function_id": created["id"]}
    answer = machine.create("/api/v1/deploy", body)
    took = spent(begun)
    text = machine.api.get(f"/fn/{workspace}/{created['id']}").text
    status = answer["service_status"]
    return "deploy of that image, from the call to its first answer", f"{took} ({status}, answers {text!r})", ""


def spent(begun: float) -> str:
    return f"{time.perf_counter() - begun:.2f} s"
