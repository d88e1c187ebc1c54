"""Returns without sending a response."""
# ruff: noqa: T201

from spin_sdk import http


class IncomingHandler(http.IncomingHandler):
    def handle(self, request, response_out):
        print("not a word")
