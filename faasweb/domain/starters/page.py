"""A web page with a form that posts to itself."""

from html import escape
from string import Template
from urllib.parse import parse_qs

from spin_sdk import http
from spin_sdk.http import Request, Response

PAGE = Template("""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Greeting</title></head>
<body>
<h1>$greeting</h1>
<form method="post">
<label>Your name <input name="name" value="$name" required maxlength="80"></label>
<button>Greet me</button>
</form>
</body>
</html>
""")


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        form = parse_qs((request.body or b"").decode("utf-8", "replace"))
        name = form.get("name", [""])[0].strip()[:80]
        greeting = f"Hello, {name}!" if name else "Who are you?"
        # escape() keeps a visitor from writing HTML into the page.
        page = PAGE.substitute(greeting=escape(greeting), name=escape(name))
        return Response(200, {"content-type": "text/html; charset=utf-8"}, page.encode())
