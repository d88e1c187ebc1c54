"""The main job of docs/api.md, run as it is printed there: by a shell, against the whole product, with a token."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.server import Server, serving

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE_S = 120
LINES_S = 10  # lines arrive a moment after the call that printed them


def blocks(language: str) -> list[str]:
    main_job = PAGE.partition("\n## The main job\n")[2].partition("\n## ")[0]
    return [text for found, text in BLOCK.findall(main_job) if found == language]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("faasweb")) as running:
        yield running
    assert running.process.stdout
    running.process.stdout.close()


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """Made as the page says: sign in, then make one."""
    with httpx.Client(base_url=server.url, follow_redirects=True) as browser:
        page = browser.get(server.sign_in_path()).text
        field = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert field
        browser.post(f"{server.sign_in_path()}/redeem", data={"csrfmiddlewaretoken": field[1]}).raise_for_status()
        made = browser.post(
            "/api/tokens",
            json={"name": "of the page", "scopes": ["read", "write", "invoke"]},
            headers={"X-CSRFToken": browser.cookies["csrftoken"]},
        )
        secret: str = made.raise_for_status().json()["token"]
        return secret


def shell(script: str, folder: Path) -> list[str]:
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return ended.stdout.splitlines()


def objects(text: str) -> list[Any]:
    """The JSON objects that several calls printed one after the other."""
    found, rest = [], text.lstrip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        found.append(value)
        rest = rest[end:].lstrip()
    return found


def test_the_main_job_works_as_it_is_printed(server, token, tmp_path):
    (source,) = blocks("python")
    (tmp_path / "greet.py").write_text(source)
    begin, *steps = blocks("sh")
    begin = begin.replace("http://127.0.0.1:8000", server.url).replace("fwt_...", token)
    assert server.url in begin
    assert token in begin

    script = "\n".join([begin, *(f"{step}\necho; echo ----" for step in steps), "echo $FN"])
    _made, built, deployed, called, seen, function_id = "\n".join(shell(script, tmp_path)).split("----")

    assert '"status":"done"' in built
    assert json.loads(deployed)["service_status"] == "found"
    record, answer = objects(called)
    assert record["responseBody"] == answer == {"hello": "지수"}
    executions, lines, cpu = objects(seen)
    assert [entry["statusCode"] for entry in executions["logs"]] == [200, 200]
    assert cpu["status"] == "success"
    look_again = f"{begin}\nFN={function_id.strip()}\n{steps[-1]}"
    until = time.monotonic() + LINES_S
    while printed(lines).count("greeting 지수") < 2 and time.monotonic() < until:
        _, lines, _ = objects("\n".join(shell(look_again, tmp_path)))
    assert printed(lines).count("greeting 지수") == 2


def printed(page: dict[str, Any]) -> list[str]:
    return [entry["line"] for entry in page["logs"]]
