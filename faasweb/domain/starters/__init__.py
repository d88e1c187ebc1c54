"""Functions to start from. Each is one file beside this one, as a developer would write it.

The files are text for this product: they import the Spin SDK, which only guests have, and are never imported here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Example:
    """A request that shows what a starter does."""

    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


@dataclass(frozen=True, slots=True)
class Starter:
    """``environment`` names the variables it reads; ``allowed_outbound_hosts`` are the hosts it calls."""

    id: str
    title: str
    summary: str
    source: str = field(repr=False)
    example: Example
    http_methods: tuple[str, ...] = ("GET",)
    environment: tuple[str, ...] = ()
    allowed_outbound_hosts: tuple[str, ...] = ()


def _source(name: str) -> str:
    return Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")


STARTERS: tuple[Starter, ...] = (
    Starter("hello", "Hello", "Answers with a line of text.", _source("hello"), Example()),
    Starter(
        "json-api",
        "JSON API",
        "Routes by method and path, reads query parameters and a JSON body.",
        _source("json_api"),
        Example("GET", "/greet?name=Ada"),
        ("GET", "POST"),
    ),
    Starter(
        "webhook",
        "Webhook",
        "Checks an HMAC signature before it believes what it is sent.",
        _source("webhook"),
        Example(
            "POST",
            "/",
            (("content-type", "application/json"), ("x-github-event", "ping")),
            '{"zen": "Keep it logically awesome."}',
        ),
        ("POST",),
        environment=("WEBHOOK_SECRET",),
    ),
    Starter(
        "counter",
        "Counter",
        "Counts visits per page in the key-value store.",
        _source("counter"),
        Example("GET", "/welcome"),
        ("GET", "DELETE"),
    ),
    Starter(
        "notes",
        "Notes in SQLite",
        "Lists, reads, writes and deletes rows of the built-in database.",
        _source("notes"),
        Example("POST", "/notes", (("content-type", "application/json"),), '{"text": "buy milk"}'),
        ("GET", "POST", "DELETE"),
    ),
    Starter(
        "fetch",
        "Call another service",
        "Fetches JSON from a host that is allowed in the settings.",
        _source("fetch"),
        Example(),
        allowed_outbound_hosts=("https://api.github.com",),
    ),
    Starter(
        "page",
        "Web page",
        "Renders an HTML page with a form.",
        _source("page"),
        Example("POST", "/", (("content-type", "application/x-www-form-urlencoded"),), "name=Ada"),
        ("GET", "POST"),
    ),
    Starter(
        "csv-to-json",
        "CSV to JSON",
        "Converts the body of a request.",
        _source("csv_to_json"),
        Example("POST", "/", (("content-type", "text/csv"),), "name,age\nAda,36\nGrace,85\n"),
        ("POST",),
    ),
    Starter(
        "badge",
        "SVG badge",
        "Draws an image from query parameters.",
        _source("badge"),
        Example("GET", "/?label=build&value=passing&colour=2da44e"),
    ),
)
