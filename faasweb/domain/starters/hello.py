from spin_sdk import http
from spin_sdk.http import Request, Response


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        print(f"{request.method} {request.uri}")  # shows up in the function's logs
        return Response(200, {"content-type": "text/plain"}, b"Hello from your function!\n")
