"""Returns without sending a response."""

from spin_sdk import http


class IncomingHandler(http.IncomingHandler):
    def handle(self, request, response_out):
        print("not a word")
