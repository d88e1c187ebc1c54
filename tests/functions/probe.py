"""One function that tries everything the host answers, chosen by path. The query is the argument."""
# ruff: noqa: T201, S311, PTH123, PTH208

import asyncio
import json
import os
import random
import secrets
import sys
import time
import uuid
from urllib.parse import unquote

from spin_sdk import http, key_value, redis, sqlite, variables
from spin_sdk.http import Request, Response
from spin_sdk.wit.imports.sqlite import Value_Blob, Value_Integer, Value_Null, Value_Real, Value_Text
from spin_sdk.wit.types import Err

TABLE = "create table if not exists t(a text, b integer, c real, d blob, e text)"


def answer(value, status=200):
    return Response(status, {"content-type": "application/json"}, json.dumps(value).encode())


def echo(request, query):
    body = request.body or b""
    return answer({"method": request.method, "uri": request.uri, "headers": dict(request.headers), "size": len(body)})


def output(request, query):
    print("line one")
    print("line two", file=sys.stderr)
    sys.stdout.write("no newline")
    return answer("ok")


def flood(request, query):
    piece = "x" * 99
    for _ in range(int(query) * 10_000):
        print(piece)
    return answer("ok")


def flood_wide(request, query):
    piece = "x" * (1 << 20)
    for _ in range(int(query)):
        print(piece)
    return answer("ok")


def count(request, query):
    with key_value.open_default() as store:
        number = int(store.get("n") or b"0") + 1
        store.set("n", str(number).encode())
        return answer({"n": number, "keys": store.get_keys(), "exists": store.exists("n")})


def table(request, query):
    with sqlite.open_default() as database:
        database.execute(TABLE, [])
        row = [Value_Text("x"), Value_Integer(7), Value_Real(0.5), Value_Blob(b"\x01"), Value_Null()]
        database.execute("insert into t values (?, ?, ?, ?, ?)", row)
        result = database.execute("select * from t limit 1", [])
        total = database.execute("select count(*) from t", []).rows[0].values[0].value
        return answer({"columns": result.columns, "values": [str(v) for v in result.rows[0].values], "total": total})


def sql(request, query):
    with sqlite.open_default() as database:
        try:
            result = database.execute(unquote(query), [])
        except Err as error:
            return answer({"error": str(error.value)})
        return answer({"rows": [[str(value) for value in row.values] for row in result.rows]})


def fetch(request, query):
    try:
        response = http.send(Request("GET", unquote(query), {"x-probe": "1"}, None))
    except Err as error:
        return answer({"error": type(error.value).__name__})
    return answer({"status": response.status, "body": response.body.decode()[:200]})


def post(request, query):
    response = http.send(Request("POST", unquote(query), {}, b"x" * 200_000))
    return answer({"status": response.status, "body": response.body.decode()})


def fetch_both(request, query):
    async def both():
        urls = unquote(query).split(",")
        return await asyncio.gather(*(http.send_async(Request("GET", url, {}, None)) for url in urls))

    loop = http.PollLoop()
    asyncio.set_event_loop(loop)
    started = time.monotonic()
    responses = loop.run_until_complete(both())
    return answer({"seconds": time.monotonic() - started, "statuses": [r.status for r in responses]})


def files(request, query):
    found = {}
    for path in ("/etc/passwd", "/app/../etc/passwd", "/app/data.txt", "/proc/self/environ", "/app/none"):
        try:
            with open(path) as file:
                found[path] = file.read()
        except OSError as error:
            found[path] = type(error).__name__
    try:
        with open("/app/new.txt", "w") as file:
            file.write("x")
        found["write"] = "written"
    except OSError as error:
        found["write"] = type(error).__name__
    return answer({"found": found, "listing": sorted(os.listdir("/app"))})


def read(request, query):
    try:
        with open(unquote(query)) as file:
            return answer(file.read())
    except OSError as error:
        return answer({"error": type(error).__name__})


def listing(request, query):
    return answer(sorted(os.listdir(unquote(query))))


def stores(request, query):
    with key_value.open(query) as store, sqlite.open(query) as database:
        store.set("where", query.encode())
        database.execute("create table if not exists here(a)", [])
        return answer(store.get("where").decode())


def redis_call(request, query):
    try:
        with redis.open("redis://localhost") as connection:
            connection.get("x")
    except Err as error:
        return answer({"error": str(error.value)})
    return answer("connected")


def no_store(request, query):
    try:
        key_value.open("nope")
    except Err as error:
        return answer({"error": type(error.value).__name__})
    return answer("opened")


def variable(request, query):
    try:
        return answer(variables.get(query))
    except Err as error:
        return answer({"error": type(error.value).__name__})


def chance(request, query):
    return answer([random.random(), str(uuid.uuid4()), secrets.token_hex(4)])


def loop(request, query):
    while True:
        pass


def sleep(request, query):
    time.sleep(float(query))
    return answer("slept")


def memory(request, query):
    block = bytearray(int(query) << 20)
    return answer(len(block))


def memory_slowly(request, query):
    blocks = []
    while True:
        blocks.append(bytearray(1 << 20))


def recurse(request, query):
    def deeper(n):
        return deeper(n + 1)

    sys.setrecursionlimit(10**6)
    return answer(deeper(0))


def fail(request, query):
    raise ValueError("boom in user code")


def leave(request, query):
    sys.exit(3)


def abort(request, query):
    os.abort()


def nothing(request, query):
    return None


def not_a_number(request, query):
    return Response(float("nan"), {}, b"")


def nan_body(request, query):
    return answer(float("nan"))


def text_body(request, query):
    return Response(200, {}, "text")


def big(request, query):
    return Response(200, {"content-type": "application/octet-stream"}, b"x" * int(query))


def many_headers(request, query):
    return Response(200, {f"x-h{n}": "v" for n in range(int(query))}, b"")


def split_header(request, query):
    return Response(200, {"x-a": "b\r\nset-cookie: c=d"}, b"")


def environment(request, query):
    return answer(dict(os.environ))


def lazy(request, query):
    import colorsys
    import tomllib

    return answer([colorsys.__name__, tomllib.loads("a = 1")])


def teapot(request, query):
    return Response(418, {"content-type": "text/plain"}, b"short and stout")


def empty_500(request, query):
    return Response(500, {}, b"")


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        path, _, query = request.uri.partition("?")
        return globals()[path.strip("/") or "echo"](request, query)
