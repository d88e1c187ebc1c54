"""What somebody edits: the files of their draft if there is one, else of the saved code, and what the form brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from consoles.pages.doors import actor_of
from consoles.pages.request import PageRequest
from faasweb.domain import projects
from faasweb.domain.errors import NotFound
from faasweb.domain.functions import Function
from faasweb.domain.manifest import MANIFEST
from faasweb.domain.source import MAIN_FILE, Source
from faasweb.ports import Draft

PACKAGES = "requirements.txt"


@dataclass(frozen=True, slots=True)
class File:
    """One file as the list shows it. ``role`` is main, manifest, packages, data or empty."""

    path: str
    size: int
    role: str
    changed: bool

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def folder(self) -> str:
        return self.path.removesuffix(self.name)


@dataclass(frozen=True, slots=True)
class Project:
    """``base`` is the hash of the saved code that ``source`` started from."""

    function: Function
    source: Source
    saved: Source
    draft: Draft | None

    @property
    def base(self) -> str:
        return self.draft.base if self.draft else self.function.code_hash

    @property
    def stale(self) -> bool:
        return self.draft is not None and self.draft.base != self.function.code_hash

    @property
    def files(self) -> Sequence[File]:
        """The main file first, then by path."""
        before, main = projects.contents_of(self.saved), self.source.main_file
        contents = projects.contents_of(self.source)
        ordered = sorted(contents, key=lambda path: (path != main, path))
        return [self._file(path, contents[path], contents[path] != before.get(path)) for path in ordered]

    def _file(self, path: str, content: str | bytes, changed: bool) -> File:
        roles = {self.source.main_file: "main", MANIFEST: "manifest", PACKAGES: "packages"}
        size = len(content.encode(errors="replace") if isinstance(content, str) else content)
        return File(path, size, roles.get(path) or ("" if isinstance(content, str) else "data"), changed)

    def chosen(self, path: str | None) -> File:
        """The file of that path, or the one to begin with."""
        files = self.files
        return next((file for file in files if file.path == path), files[0])


def project_of(request: PageRequest, function: Function) -> Project:
    """As it is kept on the server."""
    function = request.platform.functions.with_source(function)
    saved = function.source or Source({MAIN_FILE: ""})
    draft = request.platform.functions.draft(function, actor_of(request).name)
    return Project(function, draft.source if draft else saved, saved, draft)


def posted_source(request: PageRequest, project: Project) -> Source:
    """With the text of the editor, which the form sends as ``file`` and ``code``."""
    if "code" not in request.POST:
        return project.source
    path = request.POST.get("file") or project.source.main_file
    return projects.changed(project.source, path, request.POST["code"])


def existing(source: Source, path: str) -> str:
    """``path``, if there is such a file. NotFound."""
    if path not in source.files and path not in source.data:
        raise NotFound(projects.NOT_THERE.format(path=path))
    return path
