"""What programs ask a console about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from consoles.http import ConsoleRequest, json_answer


def status(request: HttpRequest) -> HttpResponse:
    """``GET /`` for whoever does not ask for HTML."""
    message = "FaaS Backend API is running"
    return json_answer({"status": "ok", "message": message, "environment": settings.ENVIRONMENT})


@require_safe
def readyz(request: ConsoleRequest) -> HttpResponse:
    """200 when every part can work, otherwise 503 with a sentence for each that can't."""
    problems = {**down(), **request.platform.readiness.problems()}
    if problems:
        return json_answer({"status": "not ready", "problems": problems}, 503)
    return json_answer({"status": "ready"})


def down() -> Mapping[str, str]:
    """The processes that the supervisor of this data folder has not got running; empty without a supervisor."""
    try:
        parts = json.loads((settings.DATA_DIR / "run" / "status.json").read_text())["parts"]
        return {
            name: f"{name} is not running ({part.get('last_exit') or part['state']})."
            for name, part in parts.items()
            if part["state"] not in ("running", "done")
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
