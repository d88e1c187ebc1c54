"""Texts that templates translate by variable. Translations are collected from literals, so here they are as such.

``tests/unit/test_translations.py`` holds them against what the domain really says.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

# Id of a starter -> title and summary.
STARTERS: dict[str, tuple[str, str]] = {
    "hello": (gettext_noop("Hello"), gettext_noop("Answers with a line of text.")),
    "json-api": (
        gettext_noop("JSON API"),
        gettext_noop("Routes by method and path, reads query parameters and a JSON body."),
    ),
    "webhook": (gettext_noop("Webhook"), gettext_noop("Checks an HMAC signature before it believes what it is sent.")),
    "counter": (gettext_noop("Counter"), gettext_noop("Counts visits per page in the key-value store.")),
    "notes": (
        gettext_noop("Notes in SQLite"),
        gettext_noop("Lists, reads, writes and deletes rows of the built-in database."),
    ),
    "fetch": (
        gettext_noop("Call another service"),
        gettext_noop("Fetches JSON from a host that is allowed in the settings."),
    ),
    "page": (gettext_noop("Web page"), gettext_noop("Renders an HTML page with a form.")),
    "csv-to-json": (gettext_noop("CSV to JSON"), gettext_noop("Converts the body of a request.")),
    "badge": (gettext_noop("SVG badge"), gettext_noop("Draws an image from query parameters.")),
}

# Where people read the bare word: states of functions, builds, deployments, of a deployment's steps and of processes.
STATES: tuple[str, ...] = (
    gettext_noop("active"),
    gettext_noop("applying"),
    gettext_noop("building"),
    gettext_noop("checking"),
    gettext_noop("deploying"),
    gettext_noop("disabled"),
    gettext_noop("done"),
    gettext_noop("failed"),
    gettext_noop("live"),
    gettext_noop("pending"),
    gettext_noop("pushing"),
    gettext_noop("queued"),
    gettext_noop("replaced"),
    gettext_noop("running"),
    gettext_noop("stopped"),
    gettext_noop("waiting"),
    gettext_noop("being removed"),
)

# Of open work, on the operator site.
KINDS: tuple[str, ...] = (
    gettext_noop("build"),
    gettext_noop("deployment"),
    gettext_noop("function"),
    gettext_noop("workspace"),
)

SCOPES: tuple[str, ...] = (gettext_noop("read"), gettext_noop("write"), gettext_noop("invoke"))
