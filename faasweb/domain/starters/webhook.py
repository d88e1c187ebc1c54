"""Receives a webhook and believes it only when its signature is right.

Set the environment variable WEBHOOK_SECRET to what the sender knows too. The sender signs the body with
HMAC-SHA256 and sends "sha256=<hex>" in X-Hub-Signature-256, as GitHub does.
"""

import hashlib
import hmac
import json
import os

from spin_sdk import http
from spin_sdk.http import Request, Response


def answer(status: int, **values: object) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(values).encode())


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        # Read the environment here: at module level it would be that of the build, which is empty.
        secret = os.environ.get("WEBHOOK_SECRET", "")
        if not secret:
            return answer(500, error="Set the environment variable WEBHOOK_SECRET first.")
        body = request.body or b""
        if not is_signed(body, request.headers.get("x-hub-signature-256", ""), secret):
            return answer(401, error="The signature is missing or wrong.")
        event = request.headers.get("x-github-event", "unknown")
        print(f"received {event}: {len(body)} bytes")
        return answer(202, received=event, bytes=len(body))
