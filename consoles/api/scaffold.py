from __future__ import annotations

from ninja import Router, Schema
from pydantic import Field

from consoles.http import ConsoleRequest
from faasweb.domain.errors import InvalidInput

router = Router()


class ScaffoldIn(Schema):
    """``output_path`` is read and has no effect: nothing is written to a server for its callers."""

    image_ref: str = Field(min_length=1)
    component: str | None = None
    replicas: int = Field(1, ge=1)
    output_path: str | None = None


class ScaffoldOut(Schema):
    """``yaml_content`` is what to save; ``file_path`` is always null. Without success, ``error`` says why."""

    success: bool
    yaml_content: str | None
    file_path: str | None
    error: str | None


@router.post("/scaffold", response=ScaffoldOut, operation_id="scaffold")
def scaffold(request: ConsoleRequest, body: ScaffoldIn) -> ScaffoldOut:
    """The SpinApp manifest of an image, to look at or to apply by hand."""
    return scaffolded(request, body.image_ref, body.component, body.replicas)


def scaffolded(request: ConsoleRequest, image: str, component: str | None, replicas: int) -> ScaffoldOut:
    """What can't be scaffolded is an answer too, not an error."""
    try:
        content = request.platform.apps.scaffold(image, component, replicas)
    except InvalidInput as exc:
        return ScaffoldOut(success=False, yaml_content=None, file_path=None, error=exc.message)
    return ScaffoldOut(success=True, yaml_content=content, file_path=None, error=None)
