"""Settings and URLs of a tiny site, for tests of what stands before Django: `faasweb.asgi` on a real server."""

import asyncio
from collections.abc import AsyncIterator

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

SECRET_KEY = "only for this test"
ROOT_URLCONF = __name__
ALLOWED_HOSTS = ["127.0.0.1"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.gzip.GZipMiddleware"]
EDGE_MIDDLEWARE: list[str] = []
CORS_ORIGINS: list[str] = []


def received(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"stack": type(request).__name__, "bytes": len(request.body)})


def large(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(b"x" * 100_000 for _ in range(100))


async def beats(request: HttpRequest) -> StreamingHttpResponse:
    async def forever() -> AsyncIterator[bytes]:
        while True:
            yield b": beat\n\n"
            await asyncio.sleep(0.1)

    return StreamingHttpResponse(forever(), content_type="text/event-stream")


async def received_by_edge(request: HttpRequest) -> HttpResponse:
    return received(request)


urlpatterns = [
    path("received", received),
    path("large", large),
    path("stream/beats", beats),
    path("fn/received", received_by_edge),
]
