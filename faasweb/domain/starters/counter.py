"""Counts visits per page in the key-value store, which outlives requests and deployments."""

import json
from urllib.parse import urlsplit

from spin_sdk import http, key_value
from spin_sdk.http import Request, Response


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        page = urlsplit(request.uri).path
        with key_value.open_default() as store:
            key = f"visits:{page}"
            visits = int(store.get(key) or b"0")
            if request.method == "DELETE":
                store.delete(key)
                visits = 0
            else:
                # Two requests at the same moment may count as one: the store has no transactions.
                visits += 1
                store.set(key, str(visits).encode())
        body = json.dumps({"page": page, "visits": visits}).encode()
        return Response(200, {"content-type": "application/json"}, body)
