"""A small JSON API: routes by method and path, reads query parameters and a JSON body."""

import json
from urllib.parse import parse_qs, urlsplit

from spin_sdk import http
from spin_sdk.http import Request, Response


def json_response(value: object, status: int = 200) -> Response:
    body = json.dumps(value, ensure_ascii=False).encode()
    return Response(status, {"content-type": "application/json"}, body)


def greet(request: Request) -> Response:
    query = parse_qs(urlsplit(request.uri).query)
    name = query.get("name", ["world"])[0]
    return json_response({"message": f"Hello, {name}!"})


def add(request: Request) -> Response:
    try:
        numbers = [float(number) for number in json.loads(request.body or b"")["numbers"]]
    except (ValueError, KeyError, TypeError):
        return json_response({"error": 'Send JSON like {"numbers": [1, 2]}.'}, 400)
    return json_response({"sum": sum(numbers)})


ROUTES = {
    ("GET", "/greet"): greet,
    ("POST", "/add"): add,
}


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        path = urlsplit(request.uri).path.rstrip("/") or "/"
        route = ROUTES.get((request.method, path))
        if route is None:
            known = [f"{method} {path}" for method, path in ROUTES]
            return json_response({"error": "There is nothing here.", "routes": known}, 404)
        return route(request)
