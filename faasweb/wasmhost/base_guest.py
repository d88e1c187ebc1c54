"""The guest side of instant mode: one generic component that imports the user's module for each request.

This file is not imported by faasweb. ``base.py`` componentizes it once per machine, together with the SDK and the
standard library, and the host mounts the user's files read-only at ``/app``. It runs on the guest's Python 3.12.
"""
# mypy: ignore-errors
# The SDK it uses is installed in the toolchain environment only.

import importlib
import importlib.abc
import importlib.machinery
import marshal
import os
import random
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from spin_sdk import http, key_value, llm, mqtt, mysql, postgres, redis, sqlite, variables  # noqa: F401

APP = "/app"
ERROR_HEADER = "x-faasweb-error"  # taken off by the host
MAX_ERROR = 2000
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
STANDARD_LIBRARY = Path("/python")

# Imported at build, so that a request finds them already executed. The rest of the library is kept as bytecode.
PRELOADED = """
asyncio abc ast base64 binascii bisect calendar cmath codecs collections collections.abc colorsys concurrent.futures
configparser contextlib contextvars copy csv dataclasses datetime decimal difflib email email.message email.parser
email.utils enum fnmatch fractions functools hashlib heapq hmac html html.parser html.entities http http.client
http.cookies importlib.metadata importlib.resources inspect io ipaddress itertools json keyword locale logging
logging.handlers math mimetypes numbers operator pathlib pickle platform pprint queue random re reprlib secrets select
selectors shlex signal socket statistics string stringprep struct subprocess tempfile textwrap threading time timeit
token tokenize traceback types typing unicodedata unittest urllib.error urllib.parse urllib.request uuid warnings
weakref xml.dom.minidom xml.etree.ElementTree zipfile zoneinfo encodings.ascii encodings.cp1252 encodings.idna
encodings.latin_1 encodings.punycode encodings.unicode_escape encodings.utf_16 encodings.utf_8 encodings.utf_8_sig
""".split()  # noqa: SIM905
LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "lib2to3", "turtledemo", "ensurepip", "site-packages", "pydoc_data"}


class FunctionError(Exception):
    """What is wrong with the user's module, as a sentence."""

    __module__ = "builtins"  # so that it prints without a module name


class KeptLibrary(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports standard library modules from bytecode held in memory: ``/python`` exists only at build."""

    def __init__(self):
        self.modules = {}

    def keep(self, path):
        name = str(path.relative_to(STANDARD_LIBRARY).with_suffix("")).replace("/", ".")
        is_package = name.endswith(".__init__")
        name = name.removesuffix(".__init__")
        code = compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True)
        self.modules[name] = (is_package, marshal.dumps(code))
        if spec := getattr(sys.modules.get(name), "__spec__", None):
            spec.loader = self  # some packages execute a module of the library anew

    def find_spec(self, name, path=None, target=None):
        kept = self.modules.get(name)
        return importlib.machinery.ModuleSpec(name, self, is_package=kept[0]) if kept else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(marshal.loads(self.modules[module.__name__][1]), module.__dict__)  # noqa: S102, S302


def preload():
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # this guest has no such extension module


def keep_library():
    library = KeptLibrary()
    for path in STANDARD_LIBRARY.rglob("*.py"):
        if LEFT_OUT.isdisjoint(path.relative_to(STANDARD_LIBRARY).parts):
            try:
                library.keep(path)
            except (SyntaxError, ValueError):
                continue  # a template or a test file with a broken encoding
    sys.meta_path.append(library)


preload()
keep_library()


def report(error):
    """Print a traceback that starts at the first line of the user's files; answer 500 with a word for the host."""
    frame = error.__traceback__
    while frame is not None and not frame.tb_frame.f_code.co_filename.startswith(APP):
        frame = frame.tb_next
    traceback.print_exception(error.with_traceback(frame))
    return http.Response(500, {ERROR_HEADER: one_line(error)}, None)


def one_line(error):
    """``ValueError: text``; a syntax error with its place; one of our own sentences as it is."""
    if isinstance(error, FunctionError):
        return str(error)
    text = " ".join(traceback.format_exception_only(error)[-1].split())
    if isinstance(error, SyntaxError) and error.filename:
        text += f" ({error.filename.removeprefix(APP + '/')}, line {error.lineno})"
    return text[:MAX_ERROR]


def checked(response):
    """``response``, or a sentence that says what is wrong with it instead of an error inside the SDK."""
    if response is None:
        raise FunctionError("handle_request returned None: it must return a Response")
    missing = [name for name in ("status", "headers", "body") if not hasattr(response, name)]
    if missing:
        raise FunctionError(f"handle_request returned {type(response).__name__}: it must return a Response")
    if not isinstance(response.status, int) or not 200 <= response.status <= 599:
        raise FunctionError(f"the status of a Response is a number from 200 to 599, not {response.status!r}")
    if not isinstance(response.headers, Mapping):
        raise FunctionError(f"the headers of a Response are a dict, not {type(response.headers).__name__}")
    if response.body is not None and not isinstance(response.body, bytes | bytearray):
        raise FunctionError(f"the body of a Response is bytes, not {type(response.body).__name__}: use .encode()")
    for name, value in response.headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise FunctionError(f"the header {name!r} of a Response must be a str with a str value")
        if not TOKEN.fullmatch(name) or any(character in value for character in "\r\n\0"):
            raise FunctionError(f"the header {name!r} of a Response has a character that headers cannot have")
    return response


class Delegate(http.IncomingHandler):
    """Calls the user's ``handle_request`` and prints only the user's part of a traceback."""

    def __init__(self, handler):
        self.handler = handler

    def handle_request(self, request):
        try:
            return checked(self.handler.handle_request(request))
        except BaseException as error:
            return report(error)


def load_module(name):
    sys.path[:] = [APP, f"{APP}/.site"]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()
    sys.dont_write_bytecode = True
    random.seed(os.urandom(16))  # otherwise every request would start from the state at build
    return importlib.import_module(name)


def load_handler(name):
    module = load_module(name)
    handler_class = getattr(module, "IncomingHandler", None)
    if isinstance(handler_class, type) and handler_class is not http.IncomingHandler:
        handler = handler_class()
        overrides_all = getattr(handler_class, "handle", None) is not http.IncomingHandler.handle
        return handler if overrides_all and hasattr(handler, "handle") else Delegate(handler)
    if hasattr(module, "init_incoming_handler"):
        return Delegate(module.init_incoming_handler())
    raise FunctionError(
        "it defines no class IncomingHandler; "
        "write `class IncomingHandler(http.IncomingHandler)` with a method `handle_request(self, request)`"
    )


class BrokenModule(http.IncomingHandler):
    """Answers for a module that could not be loaded."""

    def __init__(self, name, error):
        self.name = name
        self.error = error

    def handle_request(self, request):
        response = report(self.error)
        response.headers[ERROR_HEADER] = f"{self.name}.py cannot be imported: {response.headers[ERROR_HEADER]}"
        return response


class IncomingHandler(http.IncomingHandler):
    def handle(self, request, response_out):
        name = os.environ.pop("FAASWEB_MODULE", "app")
        try:
            handler = load_handler(name)
        except BaseException as error:
            handler = BrokenModule(name, error)
        handler.handle(request, response_out)
        sys.stdout.flush()
