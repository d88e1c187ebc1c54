"""Writes its body piece by piece, waiting between the pieces. The query is their count and the seconds between."""

import time

from spin_sdk import http
from spin_sdk.wit.imports.types import Fields, OutgoingBody, OutgoingResponse, ResponseOutparam
from spin_sdk.wit.types import Ok


class IncomingHandler(http.IncomingHandler):
    def handle(self, request, response_out):
        count, pause, size = (request.path_with_query() or "").partition("?")[2].split(",")
        response = OutgoingResponse(Fields())
        body = response.body()
        ResponseOutparam.set(response_out, Ok(response))
        stream = body.write()
        for number in range(int(count)):
            stream.blocking_write_and_flush((f"piece {number}\n" * int(size)).encode()[:4096])
            time.sleep(float(pause))
        stream.__exit__(None, None, None)
        OutgoingBody.finish(body, None)
