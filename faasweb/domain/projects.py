"""What an editor does to the files of a source, and how two sources differ. A draft may hold anything within limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from faasweb.domain.archives import check_path, read_zip
from faasweb.domain.errors import InvalidInput, NotFound
from faasweb.domain.source import MAIN_MODULE, Source

Contents = dict[str, str | bytes]
"""Files by path: text, or bytes that are none."""

NOT_THERE = "There is no file {path}: it was renamed or deleted meanwhile."


def with_files(contents: Mapping[str, str | bytes]) -> Source:
    """A draft of these files, unchecked, with the module that its ``spin.toml`` names, if that can be read."""
    source = Source(
        MappingProxyType({path: content for path, content in contents.items() if isinstance(content, str)}),
        data=MappingProxyType({path: content for path, content in contents.items() if isinstance(content, bytes)}),
    )
    try:
        manifest = source.manifest
    except InvalidInput:
        manifest = None  # saving says what is wrong in it
    return replace(source, module=manifest.module if manifest else MAIN_MODULE)


def contents_of(source: Source) -> Contents:
    return {**source.files, **source.data}


def changed(source: Source, path: str, text: str) -> Source:
    """With that text as the file at ``path``, whether it was there or not."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return with_files({**contents_of(source), path: text})


def added(source: Source, path: str, text: str = "") -> Source:
    """With one more file. InvalidInput (``path``) when the name can't be or is taken."""
    path = _free(source, path)
    return with_files({**contents_of(source), path: text})


def renamed(source: Source, path: str, new: str) -> Source:
    """The same content under another name. NotFound; InvalidInput as ``added``."""
    contents = contents_of(source)
    if path not in contents:
        raise NotFound(NOT_THERE.format(path=path))
    if new.strip() == path:
        return source
    new = _free(source, new)
    return with_files({(new if name == path else name): content for name, content in contents.items()})


def removed(source: Source, path: str) -> Source:
    """Without that file. NotFound; InvalidInput when nothing would be left."""
    contents = contents_of(source)
    if path not in contents:
        raise NotFound(NOT_THERE.format(path=path))
    if len(contents) == 1:
        raise InvalidInput("A function has at least one file: add another one first.", field="path")
    return with_files({name: content for name, content in contents.items() if name != path})


def uploaded(filename: str, content: bytes) -> Contents:
    """What a file brings: itself, or all that is in a ``.zip``. InvalidInput, TooLarge."""
    if filename.endswith(".zip"):
        return {path: _read(path, inner) for path, inner in read_zip(content).items()}
    path = check_path(filename)
    return {path: _read(path, content)}


def _read(path: str, content: bytes) -> str | bytes:
    if b"\0" not in content:
        try:
            return content.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError:
            pass
    if path.endswith(".py"):
        raise InvalidInput(f"{path!r} is not UTF-8 text: save it as UTF-8.", field="file")
    return content


def merged(source: Source, more: Contents) -> Source:
    """Everything of both; of the same name, that of ``more``."""
    return with_files({**contents_of(source), **more})


def saveable(source: Source) -> Source:
    """The source as it may be saved or run. InvalidInput and TooLarge say what to put right."""
    return Source.single(source.text) if source.is_single else source.checked()


def _free(source: Source, path: str) -> str:
    path = path.strip()
    if not path:
        raise InvalidInput("Type a name, like helpers.py or pages/index.html.", field="path")
    path = check_path(path)
    if path in contents_of(source):
        raise InvalidInput(f"There is a file {path} already.", field="path")
    return path


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that is not the same in two sources; None where it is not there.

    ``ours`` says whether we changed it since both were equal, ``theirs_too`` whether they did as well.
    """

    path: str
    mine: str | bytes | None
    theirs: str | bytes | None
    ours: bool
    theirs_too: bool

    @property
    def is_text(self) -> bool:
        return not isinstance(self.mine, bytes) and not isinstance(self.theirs, bytes)


def differences(mine: Source, theirs: Source, base: Source | None) -> list[Difference]:
    """By path. Without ``base``, what both began with, everything counts as changed by both."""
    left, right = contents_of(mine), contents_of(theirs)
    before = contents_of(base) if base else None
    return [
        Difference(
            path,
            left.get(path),
            right.get(path),
            before is None or left.get(path) != before.get(path),
            before is None or right.get(path) != before.get(path),
        )
        for path in sorted({*left, *right})
        if left.get(path) != right.get(path)
    ]
