"""Two Django stacks behind one port (`manage.py up`), or the edge stack alone (`manage.py edge`).

What waits for somebody else (live streams, function routes, invocations) runs on Django's ASGI handler with the
short list `settings.EDGE_MIDDLEWARE`; everything else runs as WSGI on a few threads with `settings.MIDDLEWARE`.
Django under ASGI hops to a thread for each synchronous middleware: ten of them cost nine tenths of the speed.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import django
from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries

from faasweb.routing import Router
from faasweb.threads import OnThreads

WEB_THREADS = 8

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faasweb.settings")
django.setup(set_prefix=False)


@contextlib.contextmanager
def middleware(entries: Sequence[str]) -> Iterator[None]:
    """For a handler with a list of its own. Django reads `settings.MIDDLEWARE` only, and only there, once."""
    everything = settings.MIDDLEWARE
    settings.MIDDLEWARE = entries
    try:
        yield
    finally:
        settings.MIDDLEWARE = everything


class EdgeHandler(ASGIHandler):
    """Django's ASGI handler with the middleware of `settings.EDGE_MIDDLEWARE`."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request. Django's own starts and joins a thread for each, and the event loop waits for both.

        Without it, what Django itself runs in a thread (its signals) shares one; views have `consoles.http.in_thread`.
        """
        await self.handle(scope, receive, send)

    def load_middleware(self, is_async: bool = False) -> None:
        """Load the edge's list."""
        with middleware(settings.EDGE_MIDDLEWARE):
            super().load_middleware(is_async)


def _spare_the_edge() -> None:
    """Django tidies its database connections around each request of any handler, by a change of threads in ASGI: a
    fifth of what a call costs. On the edge that is done where the connections are, in `consoles.http.in_thread`.
    """
    for signal, tidy in (
        (request_started, reset_queries),
        (request_started, close_old_connections),
        (request_finished, close_old_connections),
        (request_finished, close_caches),
    ):
        if signal.disconnect(tidy):
            signal.connect(tidy, sender=WSGIHandler)


_spare_the_edge()
edge_stack = EdgeHandler()
edge = Router(edge=edge_stack, web=edge_stack, origins=settings.CORS_ORIGINS)
application = Router(edge=edge_stack, web=OnThreads(WSGIHandler(), WEB_THREADS), origins=settings.CORS_ORIGINS)
