"""Calls another HTTP service. Its address must be on the function's list of allowed hosts.

Change SERVICE and allow its host in the settings; without that the call is refused before it leaves.
"""

import json

from spin_sdk import http
from spin_sdk.http import Request, Response
from spin_sdk.wit.types import Err

SERVICE = "https://api.github.com/repos/python/cpython"


def respond(status: int, value: object) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(value).encode())


def reason(error: Err[object]) -> str:
    """ErrorCode_HttpRequestDenied and its like, as a sentence."""
    name = type(error.value).__name__.removeprefix("ErrorCode_")
    if name == "HttpRequestDenied":
        return f"{SERVICE} is not on this function's list of allowed hosts."
    return f"{SERVICE} could not be reached: {name}."


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        headers = {"accept": "application/json", "user-agent": "my-function"}
        try:
            answer = http.send(Request("GET", SERVICE, headers, None))
        except Err as error:
            return respond(502, {"error": reason(error)})
        if answer.status != 200:
            return respond(502, {"error": f"{SERVICE} answered {answer.status}."})
        repository = json.loads(answer.body or b"{}")
        return respond(200, {"name": repository.get("full_name"), "stars": repository.get("stargazers_count")})
