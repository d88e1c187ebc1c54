"""Turns the CSV in the body of a request into JSON. Numbers become numbers, empty cells become null.

The delimiter is found out from the first lines; ?delimiter=; says it outright.
"""

import csv
import io
import json
from urllib.parse import parse_qs, urlsplit

from spin_sdk import http
from spin_sdk.http import Request, Response

LIMIT = 10_000  # rows


def respond(status: int, value: object) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(value, ensure_ascii=False).encode())


def delimiter_of(request: Request, text: str) -> str:
    chosen = parse_qs(urlsplit(request.uri).query, separator="&").get("delimiter", [""])[0]
    if chosen:
        return chosen[0]
    try:
        return csv.Sniffer().sniff(text[:4096], delimiters=",;\t|").delimiter
    except csv.Error:
        return ","


def typed(cell: str | None) -> str | int | float | None:
    """What the cell's text most probably means."""
    if not cell:
        return None
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        try:
            text = (request.body or b"").decode("utf-8-sig")
        except UnicodeDecodeError:
            return respond(400, {"error": "The body is not UTF-8 text."})
        if not text.strip():
            return respond(400, {"error": "Send CSV in the body; its first line names the columns."})
        rows: list[dict[str, object]] = []
        for row in csv.DictReader(io.StringIO(text), delimiter=delimiter_of(request, text)):
            if len(rows) == LIMIT:
                return respond(413, {"error": f"More than {LIMIT} rows."})
            rows.append({name: typed(cell) for name, cell in row.items() if name})
        print(f"converted {len(rows)} rows")
        return respond(200, rows)
