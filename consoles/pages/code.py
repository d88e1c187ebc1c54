"""The Code tab: the editor, its drafts, and what it asks while somebody types. Its files are in ``files.py``."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from consoles import ratelimits
from consoles.http import status_of
from consoles.pages.doors import actor_of, at_function, takes
from consoles.pages.functions import deployed, example_of, missing, page
from consoles.pages.parts import wants_partial, went_to
from consoles.pages.project import Project, posted_source, project_of
from consoles.pages.request import PageRequest
from faasweb.domain import projects
from faasweb.domain.access import Need
from faasweb.domain.builds import Diagnostic
from faasweb.domain.errors import FaaswebError, InvalidInput, RateLimited, Stale, TooLarge, Unavailable
from faasweb.domain.functions import Function
from faasweb.domain.projects import Difference
from faasweb.domain.source import Source
from faasweb.usecases.functions import Changes


@takes("GET")
@at_function()
def code(request: PageRequest, function: Function) -> HttpResponseBase:
    """The editor with one file of the user's draft, or of the saved code; ``?file=`` names it."""
    project = project_of(request, function)
    context = page(
        request,
        function,
        "code",
        project=project,
        file=project.chosen(request.GET.get("file")),
        draft=project.draft,
        example=example_of(project.saved),
        missing=missing(request, project.function),
    )
    context["code"] = project.source.files.get(context["file"].path, "")
    return render(request, "functions/code.html", context)


def at_file(function: Function, path: str) -> str:
    """The address of the editor with that file; of none, with the one to begin with."""
    editor = reverse("function", args=(function.workspace_id, function.id))
    return f"{editor}?{urlencode({'file': path})}" if path else editor


@takes("POST")
@at_function(Need.WRITE)
def save(request: PageRequest, function: Function) -> HttpResponseBase:
    """Save the project; with ``deploy`` also bring it live. A stale save shows what differs and saves nothing."""
    project = project_of(request, function)
    base, actor = request.POST.get("base") or None, actor_of(request)
    source = project.source
    try:
        source = _resolved(request, project) if "files" in request.POST else posted_source(request, project)
        changes = Changes(source=projects.saveable(source))
        function = request.platform.functions.edit(actor, function.ref, changes, base=base)
    except Stale:
        return _stale(request, function, source, base or "")
    except (InvalidInput, TooLarge) as exc:
        return render(request, "functions/_save_refused.html", {"error": exc.message}, status=422)
    request.platform.functions.discard_draft(function, actor.name)
    if "deploy" in request.POST:
        return deployed(request, function)
    if wants_partial(request):
        context = page(request, function, "code", missing=missing(request, function))
        answer = render(request, "functions/_saved.html", context)
        answer["HX-Reswap"] = "innerHTML"  # what needs no reading does not move the page
        return answer
    messages.success(request, _("Saved."))
    return redirect(at_file(function, request.POST.get("file", "")))


def _stale(request: PageRequest, function: Function, mine: Source, base: str) -> HttpResponse:
    functions = request.platform.functions
    now = functions.with_source(functions.get(function.ref))
    theirs = now.source or Source({})
    try:
        functions.keep_draft(now, actor_of(request).name, mine, base)
    except FaaswebError:
        messages.warning(request, _("Your draft could not be kept: copy your text before you leave this page."))
    found = projects.differences(mine, theirs, functions.source_of(now, base))
    context = page(request, now, "code", found=[_shown(item) for item in found])
    if len(found) == 1 and isinstance(found[0].mine, str) and isinstance(found[0].theirs, str):
        context["one"] = context["found"][0]
    template = "functions/_stale.html" if wants_partial(request) else "functions/stale.html"
    return render(request, template, context, status=409)


def _shown(item: Difference) -> dict[str, object]:
    """For the template: a difference, which side is proposed, and its texts."""
    texts = {
        side: text if isinstance(text, str) else "" for side, text in (("mine", item.mine), ("theirs", item.theirs))
    }
    diff = {"before": texts["theirs"], "after": texts["mine"]} if item.is_text else None
    return {"item": item, "take": "mine" if item.ours else "theirs", "diff": diff, **texts}


def _resolved(request: PageRequest, project: Project) -> Source:
    """What is saved now, with mine where that was chosen: ``take-N`` and ``text-N`` are of the Nth of ``files``."""
    contents = projects.contents_of(project.saved)
    own = projects.contents_of(project.source)
    for number, path in enumerate(request.POST.getlist("files")):
        if request.POST.get(f"take-{number}") != "mine":
            continue
        text = request.POST.get(f"text-{number}")
        kept = own.get(path) if text is None else text.replace("\r\n", "\n")
        if kept is None:
            contents.pop(path, None)
        else:
            contents[path] = kept
    return projects.with_files(contents)


@takes("POST")
@at_function(Need.WRITE)
def keep_draft(request: PageRequest, function: Function) -> HttpResponseBase:
    """Autosave of the editor. 409 tells that the draft is kept, but that the saved code has moved on meanwhile."""
    base, functions = request.POST.get("base", ""), request.platform.functions
    try:
        source = posted_source(request, project_of(request, function))
        draft = functions.keep_draft(function, actor_of(request).name, source, base)
    except FaaswebError as exc:
        return JsonResponse({"message": exc.message}, status=status_of(exc))
    project = project_of(request, function)
    changed = [file.path for file in project.files if file.changed]
    # What is saved already is no draft, wherever it started.
    kept = base != function.code_hash and project.draft is not None
    answer = {"saved_at": draft.saved_at.isoformat(), "changed": changed}
    return JsonResponse(answer, status=409 if kept else 200)


@takes("POST")
@at_function(Need.WRITE)
def discard_draft(request: PageRequest, function: Function) -> HttpResponseBase:
    request.platform.functions.discard_draft(function, actor_of(request).name)
    return went_to(request, "function", function.workspace_id, function.id)


@takes("POST")
@at_function(Need.READ)
def check(request: PageRequest, function: Function) -> HttpResponseBase:
    """What the checkers say about the whole project, with the text in the editor."""
    project = project_of(request, function)
    try:
        source = projects.saveable(posted_source(request, project))
        found = list(request.platform.builds.check(source).diagnostics)
    except (InvalidInput, TooLarge) as exc:
        found = [Diagnostic(request.POST.get("file") or project.source.main_file, 1, 1, exc.message)]
    except Unavailable as exc:
        return JsonResponse({"message": exc.message, "diagnostics": []}, status=status_of(exc))
    return JsonResponse({"diagnostics": [_diagnostic(item) for item in found]})


def _diagnostic(item: Diagnostic) -> dict[str, object]:
    end = {"end_line": item.end_line, "end_column": item.end_column} if item.end_line and item.end_column else {}
    return {
        "file": item.file,
        "line": item.line,
        "column": item.column,
        **end,
        "message": item.message,
        "code": item.code,
        "severity": "error" if item.blocking else "warning",
    }


@takes("POST")
@at_function(Need.READ)
def complete(request: PageRequest, function: Function) -> HttpResponseBase:
    """What could be typed at ``line`` and ``column`` of the text in the editor."""
    try:
        ratelimits.completions.take(ratelimits.caller_of(actor_of(request)))
        source = posted_source(request, project_of(request, function))
        source.check_files()
    except (InvalidInput, TooLarge, RateLimited) as exc:
        return JsonResponse({"message": exc.message, "completions": []}, status=status_of(exc))
    place = [request.POST.get(name, "") for name in ("line", "column")]
    line, column = (int(number[:9]) if number.isascii() and number.isdigit() else 1 for number in place)
    found = request.platform.editing.complete(source, request.POST.get("file") or source.main_file, line, column)
    shown = [{"label": c.label, "kind": c.kind, "detail": c.detail, "insert": c.insert} for c in found]
    return JsonResponse({"completions": shown})
