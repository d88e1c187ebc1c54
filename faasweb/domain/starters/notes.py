"""Notes in the built-in SQLite database: list, read, write and delete them.

GET /notes    POST /notes {"text": "..."}    GET /notes/1    DELETE /notes/1
"""

import json
from urllib.parse import urlsplit

from spin_sdk import http, sqlite
from spin_sdk.http import Request, Response
from spin_sdk.wit.imports.sqlite import Connection, QueryResult, Value_Integer, Value_Text

SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""


def respond(status: int, value: object) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(value, ensure_ascii=False).encode())


def as_dicts(result: QueryResult) -> list[dict[str, object]]:
    """Rows come as lists of typed values; the columns' names come apart from them."""
    rows = ([getattr(cell, "value", None) for cell in row.values] for row in result.rows)
    return [dict(zip(result.columns, cells, strict=True)) for cells in rows]


def read_text(request: Request) -> str:
    """The note in the request's body, or an empty text when there is none."""
    try:
        text = json.loads(request.body or b"")["text"]
    except (ValueError, KeyError, TypeError):
        return ""
    return text.strip() if isinstance(text, str) else ""


def all_notes(db: Connection, request: Request) -> Response:
    if request.method == "POST":
        text = read_text(request)
        if not text:
            return respond(400, {"error": 'Send JSON like {"text": "buy milk"}.'})
        # Values go in as parameters, never into the SQL itself.
        created = db.execute("INSERT INTO notes (text) VALUES (?) RETURNING id, text, created", [Value_Text(text)])
        return respond(201, as_dicts(created)[0])
    return respond(200, as_dicts(db.execute("SELECT id, text, created FROM notes ORDER BY id DESC LIMIT 100", [])))


def one_note(db: Connection, request: Request, note: int) -> Response:
    found = as_dicts(db.execute("SELECT id, text, created FROM notes WHERE id = ?", [Value_Integer(note)]))
    if not found:
        return respond(404, {"error": f"There is no note {note}."})
    if request.method == "DELETE":
        db.execute("DELETE FROM notes WHERE id = ?", [Value_Integer(note)])
    return respond(200, found[0])


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        path = urlsplit(request.uri).path.strip("/").split("/")
        with sqlite.open_default() as db:
            db.execute(SCHEMA, [])
            match path:
                case ["notes"]:
                    return all_notes(db, request)
                case ["notes", number] if number.isdecimal():
                    return one_note(db, request, int(number))
        return respond(404, {"error": "Try /notes or /notes/1."})
