"""The Builder Service for a server (`manage.py builder`): its API, and routes of the functions that it made live."""

import re
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

from consoles.builder.start import check_settings
from faasweb import asgi
from faasweb.routing import Refused, Router
from faasweb.threads import OnThreads

FUNCTION_ROUTES = re.compile(r"/fn/")
NOTHING = re.compile(r"(?!)")


class BuilderHandler(WSGIHandler):
    """Django with the middleware of `settings.BUILDER_MIDDLEWARE`, which also chooses the addresses."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Load the Builder Service's list."""
        with asgi.middleware(settings.BUILDER_MIDDLEWARE):
            super().load_middleware(is_async)


class BuilderRouter(Router):
    """Functions have their routes here only when they run on this machine."""

    edge_paths = FUNCTION_ROUTES if settings.RUNTIME == "embedded" else NOTHING

    def refusal(self, refused: Refused) -> dict[str, Any]:
        """As its clients read it."""
        return {"detail": str(refused)}


check_settings()
application = BuilderRouter(edge=asgi.edge_stack, web=OnThreads(BuilderHandler(), asgi.WEB_THREADS))
