"""wasi:filesystem over files held in memory: read-only, nothing of the machine's disk is reachable."""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from faasweb.wasmhost.abi_shapes import Err
from faasweb.wasmhost.interfaces.io import InputStream
from faasweb.wasmhost.interfaces.registry import Interface, resource
from faasweb.wasmhost.sandbox import Sandbox

preopens = Interface("wasi:filesystem/preopens")
types = Interface("wasi:filesystem/types")

WRITING = ("create", "truncate", "exclusive")
MAX_READ = 1 << 20


class Node:
    """A file (``content``) or a directory (``names`` of its entries)."""

    __slots__ = ("content", "names", "path")

    def __init__(self, path: str, content: bytes | None = None) -> None:
        self.path = path
        self.content = content
        self.names: set[str] = set()

    @property
    def kind(self) -> str:
        return "directory" if self.content is None else "regular-file"

    def read(self) -> bytes:
        if self.content is None:
            raise Err("is-directory")
        return self.content


def tree(files: Mapping[str, bytes]) -> dict[str, Node]:
    """Nodes by path, with the directories that the files imply. What leads out of the tree is left out."""
    nodes = {"": Node("")}
    for path, content in files.items():
        _add(nodes, posixpath.normpath(path).lstrip("/"), content)
    return nodes


def _add(nodes: dict[str, Node], path: str, content: bytes | None) -> None:
    if path in nodes or path.startswith(".."):
        return
    parent, name = posixpath.split(path)
    _add(nodes, parent, None)
    nodes[parent].names.add(name)
    nodes[path] = Node(path, content)


class MemoryFilesystem:
    """A tree of files under one mount point. Safe to share between requests: nothing can be changed.

    ``shared`` is a tree that others use too; where both have a file, this one's own is seen.
    """

    def __init__(self, mount: str, files: Mapping[str, bytes], shared: Mapping[str, Node] | None = None) -> None:
        self.mount = mount
        self.nodes = tree(files)
        self.shared = shared or {}
        if "" in self.shared:
            self.nodes[""].names |= self.shared[""].names

    def find(self, start: Node, path: str) -> Node:
        """The node at ``path``, seen from ``start``. Raises Err(no-entry), or not-permitted outside of the mount."""
        resolved = posixpath.normpath(posixpath.join(start.path, path))
        if path.startswith("/") or resolved == ".." or resolved.startswith("../"):
            raise Err("not-permitted")
        resolved = "" if resolved == "." else resolved
        node = self.nodes.get(resolved) or self.shared.get(resolved)
        if node is None:
            raise Err("no-entry")
        return node


@resource("wasi", "descriptor")
class Descriptor:
    """An open file or directory."""

    def __init__(self, node: Node, filesystem: MemoryFilesystem) -> None:
        self.node = node
        self.filesystem = filesystem

    def find(self, path: str) -> Node:
        """The node at ``path``, seen from here. Raises Err."""
        return self.filesystem.find(self.node, path)


@resource("wasi", "directory-entry-stream")
class DirectoryEntries:
    """Where a listing has got to."""

    def __init__(self, entries: Iterator[Node]) -> None:
        self.entries = entries


def _status(node: Node) -> dict[str, Any]:
    return {
        "type": node.kind,
        "link-count": 1,
        "size": len(node.content or b""),
        "data-access-timestamp": None,
        "data-modification-timestamp": None,
        "status-change-timestamp": None,
    }


def _identity(node: Node) -> dict[str, int]:
    return {"lower": id(node), "upper": 0}


@preopens.function("get-directories")
def get_directories(guest: Sandbox) -> list[tuple[Descriptor, str]]:
    return [(Descriptor(each.nodes[""], each), each.mount) for each in guest.filesystems]


@types.method("descriptor", "get-type")
def get_type(guest: Sandbox, descriptor: Descriptor) -> str:
    return descriptor.node.kind


@types.method("descriptor", "get-flags")
def get_flags(guest: Sandbox, descriptor: Descriptor) -> set[str]:
    return {"read"}


@types.method("descriptor", "stat")
def stat(guest: Sandbox, descriptor: Descriptor) -> dict[str, Any]:
    return _status(descriptor.node)


@types.method("descriptor", "stat-at")
def stat_at(guest: Sandbox, descriptor: Descriptor, flags: set[str], path: str) -> dict[str, Any]:
    return _status(descriptor.find(path))


@types.method("descriptor", "metadata-hash")
def metadata_hash(guest: Sandbox, descriptor: Descriptor) -> dict[str, int]:
    return _identity(descriptor.node)


@types.method("descriptor", "metadata-hash-at")
def metadata_hash_at(guest: Sandbox, descriptor: Descriptor, flags: set[str], path: str) -> dict[str, int]:
    return _identity(descriptor.find(path))


@types.method("descriptor", "is-same-object")
def is_same_object(guest: Sandbox, descriptor: Descriptor, other: Descriptor) -> bool:
    return descriptor.node is other.node


@types.method("descriptor", "open-at")
def open_at(
    guest: Sandbox, descriptor: Descriptor, flags: set[str], path: str, how: set[str], access: set[str]
) -> Descriptor:
    if not how.isdisjoint(WRITING) or not access.isdisjoint(("write", "mutate-directory")):
        raise Err("read-only")
    node = descriptor.find(path)
    if "directory" in how and node.content is not None:
        raise Err("not-directory")
    return Descriptor(node, descriptor.filesystem)


@types.method("descriptor", "read")
def read(guest: Sandbox, descriptor: Descriptor, length: int, offset: int) -> tuple[bytes, bool]:
    content = descriptor.node.read()
    piece = content[offset : offset + min(length, MAX_READ)]
    return piece, offset + len(piece) >= len(content)


@types.method("descriptor", "read-via-stream")
def read_via_stream(guest: Sandbox, descriptor: Descriptor, offset: int) -> InputStream:
    return InputStream(descriptor.node.read(), offset)


@types.method("descriptor", "read-directory")
def read_directory(guest: Sandbox, descriptor: Descriptor) -> DirectoryEntries:
    node = descriptor.node
    if node.content is not None:
        raise Err("not-directory")
    return DirectoryEntries(descriptor.find(name) for name in sorted(node.names))


@types.method("directory-entry-stream", "read-directory-entry")
def read_directory_entry(guest: Sandbox, stream: DirectoryEntries) -> dict[str, str] | None:
    node = next(stream.entries, None)
    return None if node is None else {"type": node.kind, "name": posixpath.basename(node.path)}


@types.method("descriptor", "readlink-at")
def readlink_at(guest: Sandbox, descriptor: Descriptor, path: str) -> str:
    descriptor.find(path)
    raise Err("invalid")


@types.method("descriptor", "advise", "sync", "sync-data")
def accept(guest: Sandbox, descriptor: Descriptor, *details: Any) -> None:
    """Advice and flushing change nothing for files in memory."""


@types.method(
    "descriptor",
    "write-via-stream",
    "append-via-stream",
    "set-size",
    "set-times",
    "set-times-at",
    "write",
    "create-directory-at",
    "link-at",
    "remove-directory-at",
    "rename-at",
    "symlink-at",
    "unlink-file-at",
)
def refuse_writing(guest: Sandbox, descriptor: Descriptor, *details: Any) -> None:
    raise Err("read-only")


@types.function("filesystem-error-code")
def filesystem_error_code(guest: Sandbox, error: Any) -> None:
    return None
