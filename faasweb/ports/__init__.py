"""What the product needs from outside, as roles. Adapters translate their vendor's errors at the border.

Every method may raise ``Unavailable`` (or its subclass named here) when the thing behind it does not answer.
"""

from __future__ import annotations

from faasweb.ports.accounts import Accounts, Member, Token
from faasweb.ports.building import (
    Assistant,
    Builder,
    BuildFailure,
    Check,
    Completion,
    Component,
    Progress,
    Say,
    Site,
    Toolchain,
)
from faasweb.ports.cluster import Cluster
from faasweb.ports.codestore import CodeStore
from faasweb.ports.queue import Queue
from faasweb.ports.registry import Image, ImageRegistry, PulledImage
from faasweb.ports.repositories import (
    BuildRepository,
    DeploymentRepository,
    Draft,
    DraftRepository,
    ExecutionRepository,
    FunctionRepository,
    Maintenance,
    OpenWork,
    Removal,
    Repositories,
    VersionRepository,
    WorkspaceRepository,
)
from faasweb.ports.running import Answer, DraftRunner, Health, Release, Runtime
from faasweb.ports.watching import LogStore, MetricStore

__all__ = [
    "Accounts",
    "Answer",
    "Assistant",
    "BuildFailure",
    "BuildRepository",
    "Builder",
    "Check",
    "Cluster",
    "CodeStore",
    "Completion",
    "Component",
    "DeploymentRepository",
    "Draft",
    "DraftRepository",
    "DraftRunner",
    "ExecutionRepository",
    "FunctionRepository",
    "Health",
    "Image",
    "ImageRegistry",
    "LogStore",
    "Maintenance",
    "Member",
    "MetricStore",
    "OpenWork",
    "Progress",
    "PulledImage",
    "Queue",
    "Release",
    "Removal",
    "Repositories",
    "Runtime",
    "Say",
    "Site",
    "Token",
    "Toolchain",
    "VersionRepository",
    "WorkspaceRepository",
]
