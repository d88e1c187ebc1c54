from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from faasweb.adapters.repositories import keys
from faasweb.adapters.repositories.items import artifact_from, artifact_item, settings_from, settings_item
from faasweb.adapters.repositories.table import (
    ABSENT,
    Check,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Operation,
    Put,
    Table,
    item_size,
    unchanged,
)
from faasweb.domain.builds import BUILD_DEADLINE, Build, BuildStatus, Diagnostic, LogLine, PushTarget
from faasweb.domain.clock import parse, sortable
from faasweb.domain.errors import Conflict, NotFound

DIAGNOSTIC_LIMIT = 1000
"""Characters of one diagnostic that are kept: fifty of them have to fit an item."""
CHUNK_BYTES = 300 * 1024


def not_found(build_id: str) -> NotFound:
    return NotFound(f"Task not found: {build_id}")


def build_item(build: Build) -> Item:
    return {
        "Type": "BuildTask",
        "task_id": build.id,
        "workspace_id": build.workspace_id,
        "function_id": build.function_id,
        "app_name": build.app_name,
        "status": str(build.status),
        "code_key": build.code_key,
        "code_hash": build.code_hash,
        "created_at": sortable(build.created_at),
        "updated_at": sortable(build.updated_at),
        "deadline": sortable(build.deadline),
        "push": _push_item(build.push),
        "origin": build.origin,
        "attempts": build.attempts,
        "external_id": build.external_id,
        "misses": build.misses,
        "trouble": build.trouble,
        "artifact": artifact_item(build.artifact),
        "wasm_path": build.artifact.key if build.artifact else None,
        "image_url": build.image,
        "error_message": build.error,
        "diagnostics": [_diagnostic_item(diagnostic) for diagnostic in build.diagnostics],
        "settings": settings_item(build.settings) if build.settings else None,
        "revision": build.revision,
    }


def _push_item(push: PushTarget | None) -> Item | None:
    if push is None:
        return None
    return {"registry": push.registry, "tag": push.tag, "username": push.username, "password": push.password}


def _diagnostic_item(diagnostic: Diagnostic) -> list[Any]:
    message = diagnostic.message[:DIAGNOSTIC_LIMIT]
    place = [diagnostic.file[:DIAGNOSTIC_LIMIT], diagnostic.line, diagnostic.column]
    return [*place, message, diagnostic.code, diagnostic.blocking]


def build_from(item: Mapping[str, Any]) -> Build:
    created = parse(item["created_at"])
    return Build(
        id=item["task_id"],
        workspace_id=item["workspace_id"],
        app_name=item.get("app_name") or "",
        code_key=item.get("code_key") or item.get("source_code_path") or "",
        code_hash=item.get("code_hash") or "",
        created_at=created,
        updated_at=parse(item.get("updated_at") or item["created_at"]),
        deadline=parse(item["deadline"]) if item.get("deadline") else created + BUILD_DEADLINE,
        function_id=item.get("function_id"),
        push=PushTarget(**item["push"]) if item.get("push") else None,
        origin=item.get("origin"),
        status=_status_from(item["status"]),
        attempts=item.get("attempts") or 0,
        external_id=item.get("external_id"),
        misses=item.get("misses") or 0,
        trouble=item.get("trouble"),
        artifact=artifact_from(item.get("artifact")),
        image=item.get("image_url"),
        error=item.get("error_message"),
        diagnostics=tuple(Diagnostic(*parts) for parts in item.get("diagnostics") or ()),
        settings=settings_from(item["settings"]) if item.get("settings") else None,
        revision=item.get("revision") or 0,
    )


_STATUSES = {status.value: status for status in BuildStatus}
_STATUSES |= {"running": BuildStatus.BUILDING, "completed": BuildStatus.DONE}  # the earlier systems' words


def _status_from(text: str) -> BuildStatus:
    """One of the earlier systems wrote capitals. What nobody knows any more can't be going on."""
    return _STATUSES.get(text) or _STATUSES.get(text.lower(), BuildStatus.FAILED)


def build_keys(workspace_id: str, build: Mapping[str, Any]) -> list[Key]:
    """Every key that belongs to a build but its log; ``build`` is its item or an item that points to it."""
    build_id = build["task_id"]
    keys_ = [
        keys.build(workspace_id, build_id),
        keys.build_pointer(build_id),
        keys.built(workspace_id, parse(build["created_at"]), build_id),
        keys.open_build(build_id),
    ]
    return [*keys_, keys.build_of_function(build["function_id"], build_id)] if build.get("function_id") else keys_


def image_keys(image: str | None) -> list[Key]:
    """One by the whole reference, one by what stands before its digest."""
    return [keys.image(name) for name in dict.fromkeys((image, image.partition("@")[0]))] if image else []


def _creation(build: Build) -> Sequence[Operation]:
    pointer = {
        "task_id": build.id,
        "workspace_id": build.workspace_id,
        "function_id": build.function_id,
        "created_at": sortable(build.created_at),
    }
    item_key, *pointer_keys = build_keys(build.workspace_id, pointer)
    unless_removed: list[Operation] = [Check(keys.open_removal(build.workspace_id), ABSENT)]
    if build.function_id:
        unless_removed.append(Check(keys.function_pointer(build.function_id)))
    pointers = [Put(key, pointer, ABSENT) for key in pointer_keys if key != keys.open_build(build.id)]
    opened = [] if build.status.finished else [Put(keys.open_build(build.id), pointer)]
    return [*unless_removed, Put(item_key, build_item(build), ABSENT), *pointers, *opened]


@dataclass(frozen=True, slots=True)
class Builds:
    table: Table

    def add(self, build: Build) -> None:
        """Conflict when the id is taken, NotFound when its workspace or function was removed."""
        operations = _creation(build)
        try:
            self.table.write(operations)
        except ConditionFailed as exc:
            if any(isinstance(operations[index], Check) for index in exc.indexes):
                raise NotFound("What was to be built has been deleted.") from exc
            raise Conflict(f"Build {build.id} exists already.") from exc

    def get(self, build_id: str) -> Build:
        pointer = self.table.get(keys.build_pointer(build_id))
        item = pointer and self.table.get(keys.build(pointer["workspace_id"], build_id))
        if not item:
            raise not_found(build_id)
        return build_from(item)

    def list(self, workspace_id: str, limit: int = 50) -> Sequence[Build]:
        partition, bounds = keys.workspace_partition(workspace_id), keys.below(keys.BUILT)
        pointers = self.table.query(partition, *bounds, limit=limit, reverse=True)
        wanted = [keys.build(workspace_id, pointer["task_id"]) for pointer in pointers]
        found = self.table.batch_get(wanted)
        return [build_from(found[key]) for key in wanted if key in found]

    def find_by_image(self, image: str) -> Build:
        pointer = self.table.get(keys.image(image))
        if pointer is None:
            raise NotFound(f"Image {image} was not built here", image=image)
        return self.get(pointer["task_id"])

    def save(self, build: Build) -> Build:
        saved = replace(build, revision=build.revision + 1)
        key = keys.build(build.workspace_id, build.id)
        closed = [Delete(keys.open_build(build.id))] if build.status.finished else []
        pushed = [
            Put(image_key, {"task_id": build.id}) for image_key in image_keys(build.image) if build.origin is None
        ]
        try:
            self.table.write([Put(key, build_item(saved), unchanged(build.revision)), *closed, *pushed])
        except ConditionFailed as exc:
            if self.table.get(key) is None:
                raise not_found(build.id) from exc
            raise Conflict(f"Build {build.id} changed meanwhile.") from exc
        return saved

    def append_log(self, build_id: str, lines: Sequence[LogLine]) -> None:
        """Lines of a build that is gone are dropped."""
        for chunk in _chunks(lines):
            key = keys.build_lines(build_id, chunk[0][0])
            try:
                self.table.write([Check(keys.build_pointer(build_id)), Put(key, {"lines": chunk}, ABSENT)])
            except ConditionFailed as exc:
                if 0 in exc.indexes:
                    return

    def read_log(self, build_id: str, after: int = 0) -> Sequence[LogLine]:
        partition, (first, last) = keys.build_partition(build_id), keys.below(keys.LINES)
        if after:  # the chunk that holds the next line may begin before it
            beginning = keys.build_lines(build_id, after + 1)[1]
            before = self.table.query(partition, first, beginning, limit=1, reverse=True, keys_only=True)
            first = before[0]["SK"] if before else first
        chunks = self.table.query(partition, first, last)
        return [_line_from(parts) for chunk in chunks for parts in chunk["lines"] if parts[0] > after]


def _chunks(lines: Sequence[LogLine]) -> Iterator[list[list[Any]]]:
    chunk: list[list[Any]] = []
    size = 0
    for line in lines:
        parts = [line.number, sortable(line.at), line.phase, line.text]
        grown = item_size({"": parts})
        if chunk and size + grown > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(parts)
        size += grown
    if chunk:
        yield chunk


def _line_from(parts: Sequence[Any]) -> LogLine:
    return LogLine(parts[0], parse(parts[1]), parts[2], parts[3])
