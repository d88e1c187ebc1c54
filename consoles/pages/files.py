"""The files of a function's project. Each change is kept as a draft: nothing is saved before Save."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from consoles.pages.code import at_file
from consoles.pages.doors import actor_of, at_function, takes
from consoles.pages.project import existing, project_of
from consoles.pages.request import PageRequest
from faasweb.domain import projects
from faasweb.domain.access import Need
from faasweb.domain.errors import InvalidInput, NotFound, TooLarge
from faasweb.domain.functions import Function
from faasweb.domain.source import MAIN_FILE, Source

Change = Callable[[Source], tuple[Source, str]]


@takes("POST")
@at_function(Need.WRITE)
def add(request: PageRequest, function: Function) -> HttpResponseBase:
    """A new empty file, ``path``."""
    return _changed(request, function, lambda source: _with_new(source, request.POST.get("path", "")))


def _with_new(source: Source, path: str) -> tuple[Source, str]:
    return projects.added(source, path), path.strip()


@takes("POST")
@at_function(Need.WRITE)
def rename(request: PageRequest, function: Function) -> HttpResponseBase:
    """``file`` becomes ``path``."""

    def change(source: Source) -> tuple[Source, str]:
        path = request.POST.get("path", "").strip()
        return projects.renamed(source, request.POST.get("file", ""), path), path

    return _changed(request, function, change)


@takes("POST")
@at_function(Need.WRITE)
def remove(request: PageRequest, function: Function) -> HttpResponseBase:
    return _changed(request, function, lambda source: (projects.removed(source, request.POST.get("file", "")), ""))


@takes("POST")
@at_function(Need.WRITE)
def upload(request: PageRequest, function: Function) -> HttpResponseBase:
    """Files and archives: added, or with ``mode=replace`` instead of all that is there."""
    replacing = request.POST.get("mode") == "replace"

    def change(source: Source) -> tuple[Source, str]:
        sent = [file for file in request.FILES.getlist("files") if isinstance(file, UploadedFile)]
        contents: projects.Contents = {}
        for file in sent:
            contents |= projects.uploaded(file.name or "", file.read())
            projects.with_files(contents).check_files()  # many small archives may hold much
        if not contents:
            raise InvalidInput(_("Choose at least one file."), field="file")
        if not replacing:
            return projects.merged(source, contents), min(contents)
        alone = len(contents) == 1 and next(iter(contents)).endswith(".py")
        return projects.with_files({MAIN_FILE: min(contents.values())} if alone else contents), ""

    return _changed(request, function, change)


def _changed(request: PageRequest, function: Function, change: Change) -> HttpResponseBase:
    """Keep the draft with the change, and show the file it leads to; a refusal changes nothing."""
    project = project_of(request, function)
    shown = request.POST.get("file", "")
    try:
        source, shown = change(project.source)
        request.platform.functions.keep_draft(function, actor_of(request).name, source, project.base)
    except (InvalidInput, NotFound, TooLarge) as exc:
        messages.error(request, exc.message)
    return redirect(at_file(function, shown))


@takes("GET")
@at_function()
def download(request: PageRequest, function: Function) -> HttpResponseBase:
    """One file (``?file=``), or the whole project: a zip file, or the text of a function of one file."""
    source = project_of(request, function).source
    contents = {
        path: content.encode(errors="replace") if isinstance(content, str) else content
        for path, content in projects.contents_of(source).items()
    }
    path = request.GET.get("file")
    if path is None and len(contents) > 1:
        return _attachment(_zipped(contents), f"{function.app_name}.zip")
    path = existing(source, path) if path is not None else next(iter(contents))
    return _attachment(contents[path], path.rpartition("/")[2])


def _zipped(contents: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(contents.items()):
            archive.writestr(path, content)
    return made.getvalue()


def _attachment(content: bytes, name: str) -> HttpResponse:
    """Never shown by the browser: anybody may have written it."""
    answer = HttpResponse(content, content_type="application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return answer
