"""Draws a badge as SVG: /?label=build&value=passing&colour=2da44e"""

import re
from html import escape
from urllib.parse import parse_qs, urlsplit

from spin_sdk import http
from spin_sdk.http import Request, Response

CHARACTER = 7  # pixels, about, at font size 11
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{label}: {value}">
<rect width="{width}" height="20" rx="3" fill="#{colour}"/>
<path d="M3 0h{left}v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="#444"/>
<g fill="#fff" font-family="Verdana, sans-serif" font-size="11" text-anchor="middle">
<text x="{label_middle}" y="14">{label}</text>
<text x="{value_middle}" y="14">{value}</text>
</g>
</svg>
"""


def badge(label: str, value: str, colour: str) -> str:
    label_width, value_width = (len(text) * CHARACTER + 12 for text in (label, value))
    return SVG.format(
        width=label_width + value_width,
        left=label_width - 3,
        label_middle=label_width / 2,
        value_middle=label_width + value_width / 2,
        label=escape(label),
        value=escape(value),
        colour=colour,
    )


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        query = parse_qs(urlsplit(request.uri).query)
        label, value, colour = (query.get(name, [""])[0][:40] for name in ("label", "value", "colour"))
        if not re.fullmatch(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}", colour):
            colour = "2da44e"
        svg = badge(label or "status", value or "live", colour)
        headers = {"content-type": "image/svg+xml", "cache-control": "max-age=60"}
        return Response(200, headers, svg.encode())
