from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from faasweb.domain import clock
from faasweb.domain.access import Actor
from faasweb.domain.declared import declared
from faasweb.domain.errors import Conflict, InvalidInput, NotFound, Stale, TooLarge, Unavailable
from faasweb.domain.functions import (
    EnvironmentVariable,
    Function,
    FunctionRef,
    FunctionSettings,
    FunctionStatus,
)
from faasweb.domain.ids import is_function_id
from faasweb.domain.names import clean_description
from faasweb.domain.source import Source
from faasweb.ports import Accounts, CodeStore, Draft, DraftRepository, FunctionRepository, Queue, Runtime
from faasweb.usecases.releases import Releases
from faasweb.usecases.retry import on_conflict
from faasweb.usecases.tasks import APPLY_SETTINGS, CLEAR_AWAY

Variables = tuple[EnvironmentVariable, ...]


@dataclass(frozen=True, slots=True)
class SettingsChanges:
    """Some of a function's settings: ``None`` leaves one as it is, whoever changes it meanwhile.

    ``environment`` makes the variables of then from those of now.
    """

    runtime: str | None = None
    memory_mb: int | None = None
    timeout_s: int | None = None
    http_methods: tuple[str, ...] | None = None
    allowed_outbound_hosts: tuple[str, ...] | None = None
    environment: Callable[[Variables], Variables] | None = None

    def applied(self, now: FunctionSettings) -> FunctionSettings:
        given: dict[str, Any] = {name: getattr(self, name) for name in self.names() if name != "environment"}
        if self.environment is not None:
            given["environment"] = self.environment(now.environment)
        return replace(now, **given)

    def names(self) -> list[str]:
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]


@dataclass(frozen=True, slots=True)
class Changes:
    """An edit: ``None`` leaves a field as it is. ``clear`` names nullable fields to empty.

    ``source`` replaces all files, ``text`` the main file only.
    """

    name: str | None = None
    description: str | None = None
    settings: FunctionSettings | SettingsChanges | None = None
    source: Source | None = None
    text: str | None = None
    status: FunctionStatus | None = None
    invocation_url: str | None = None
    last_deployed: datetime | None = None
    clear: frozenset[str] = frozenset()

    def values(self) -> dict[str, object]:
        names = ("name", "description", "settings", "source", "text", "status", "invocation_url", "last_deployed")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return given | dict.fromkeys(self.clear)

    def applied(self, function: Function, source: Source | None) -> Function:
        """The function with these changes, checked. ``source`` is what ``source`` or ``text`` make of its code."""
        given = self.values() | ({} if source is None else {"source": source})
        given.pop("text", None)
        if isinstance(self.settings, SettingsChanges):
            given["settings"] = self.settings.applied(function.settings)
        return function.edited(**given)

    def names(self) -> list[str]:
        """What is changed, for the audit trail."""
        values = self.values()
        if isinstance(self.settings, SettingsChanges):
            del values["settings"]
        return sorted([*values, *(self.settings.names() if isinstance(self.settings, SettingsChanges) else ())])


@dataclass(frozen=True, slots=True)
class Functions:
    repository: FunctionRepository
    drafts: DraftRepository
    code: CodeStore
    runtime: Runtime
    releases: Releases
    queue: Queue
    accounts: Accounts

    def create(
        self,
        actor: Actor,
        workspace_id: str,
        name: str,
        source: Source,
        *,
        description: str | None = None,
        settings: FunctionSettings | None = None,
        function_id: str | None = None,
    ) -> Function:
        """A new function, not deployed yet. Its code is durable before its item exists.

        What its ``spin.toml`` declares is set where ``settings`` do not say otherwise. ``function_id`` is the one that
        it has in another installation.
        """
        manifest = source.manifest
        settings = declared(settings or FunctionSettings(), manifest)
        description = description or (manifest.description if manifest else None)
        function = Function.create(workspace_id, name, description, settings, source)
        function = replace(function, id=function_id or function.id)
        self.code.put(function.code_key, source.packed)
        try:
            function = self.repository.add(function)
        except (NotFound, Conflict):
            self.code.delete_prefix(f"{function.code_key.rpartition('/')[0]}/")
            raise
        self.accounts.audit(actor, "function.create", function.id, {"name": function.name})
        return function

    def get(self, ref: FunctionRef) -> Function:
        return self.repository.get(ref)

    def find(self, function_id: str) -> Function:
        return self.repository.find(function_id)

    def resolve(self, workspace_id: str, key: str) -> Function:
        """By id or by app name, as function routes spell it. An app name may look like an id."""
        if is_function_id(key):
            with contextlib.suppress(NotFound):
                return self.repository.get(FunctionRef(workspace_id, key))
        return self.repository.find_by_app_name(workspace_id, key)

    def list(self, workspace_id: str) -> Sequence[Function]:
        return self.repository.list(workspace_id)

    def with_source(self, function: Function) -> Function:
        """The function with its saved code at hand."""
        return function if function.source else replace(function, source=self.releases.source(function.code_key))

    def edit(self, actor: Actor, ref: FunctionRef, changes: Changes, *, base: str | None = None) -> Function:
        """Save. With ``base``, the hash of the code the editor started from, a stale save raises Stale.

        Changed settings take effect on what is live at once; changed code waits for the next deployment. Of the
        statuses only active and disabled are anybody's choice: others follow deployments and are passed over.
        What the code's ``spin.toml`` declares takes effect on settings that were not made by hand.
        """
        if changes.status not in (None, FunctionStatus.ACTIVE, FunctionStatus.DISABLED):
            changes = replace(changes, status=None)

        def save() -> tuple[Function, Function]:
            before = self.repository.get(ref)
            source = self._source_after(before, changes, base)
            edited = changes.applied(before, source)
            if source is not None:
                edited = self._declared(before, edited, source)
                self.code.put(edited.code_key, source.packed)  # durable before the item that names it
            return before, self.repository.save(edited)

        before, function = on_conflict(save)
        if changes.settings is not None or function.settings != before.settings:
            self._apply_settings_soon(ref)
        self.accounts.audit(actor, "function.edit", function.id, {"fields": changes.names()})
        return function

    def _source_after(self, function: Function, changes: Changes, base: str | None) -> Source | None:
        """The source that the changes lead to; None when they leave it as it is."""
        source = changes.source if changes.text is None else self._with_text(function, changes.text)
        if source is not None and base is not None and function.code_hash not in (base, source.hash):
            raise Stale("Somebody saved this function meanwhile.", current_hash=function.code_hash)
        return source

    def _declared(self, before: Function, edited: Function, source: Source) -> Function:
        """With what the ``spin.toml`` of the source declares."""
        manifest, saved = source.manifest, self._readable(before)
        declared_before = saved.manifest if saved else None
        settings = declared(edited.settings, manifest, declared_before).checked()
        edited = replace(edited, settings=settings)
        untold = ("", declared_before.description if declared_before else "")
        if manifest and manifest.description and edited.description in untold:
            edited = replace(edited, description=clean_description(manifest.description))
        return edited

    def _readable(self, function: Function) -> Source | None:
        """The saved code; None when it can't be read any more, or says something that is not valid any more."""
        try:
            source = self.with_source(function).source
            return source.checked() if source and not source.is_single else source
        except (InvalidInput, TooLarge, NotFound):
            return None

    def _with_text(self, function: Function, text: str) -> Source:
        """Code that can't be read any more is replaced as a whole."""
        saved = self._readable(function)
        return saved.with_text(text) if saved else Source.single(text)

    def _apply_settings_soon(self, ref: FunctionRef) -> None:
        try:
            self.apply_settings(ref)
        except Unavailable:
            APPLY_SETTINGS.enqueue(self.queue, ref.workspace_id, ref.id)

    def apply_settings(self, ref: FunctionRef) -> None:
        """Tell the runtime the settings of now. Again, when meanwhile something else went live or was edited."""
        told: Function | None = None
        while True:
            function = self.repository.get(ref)
            if function.live is None or (told and (told.live, told.settings) == (function.live, function.settings)):
                return
            self.runtime.update_settings(self.releases.live(function))
            told = function

    def remove(self, actor: Actor, ref: FunctionRef) -> None:
        """Out of sight and no longer served now; the rest is cleared away by a task that survives crashes."""
        function = self.repository.get(ref)
        removal = self.repository.remove(function)
        CLEAR_AWAY.enqueue(self.queue, removal.id)
        self.accounts.audit(actor, "function.remove", function.id, {"name": function.name})

    # drafts

    def draft(self, function: Function, user: str) -> Draft | None:
        return self.drafts.get(function.id, user)

    def keep_draft(self, function: Function, user: str, source: Source, base: str) -> Draft:
        """Unsaved code, kept as it is: it need not be a valid source. A draft equal to the saved code is dropped."""
        source.check_files()
        draft = Draft(function.id, user, source, base, clock.now())
        saved = self.with_source(function).source
        if saved is not None and _same(source, saved):
            self.drafts.remove(function.id, user)
        else:
            self.drafts.save(draft)
        return draft

    def source_of(self, function: Function, code_hash: str) -> Source | None:
        """Code that the function had saved before, if it is still kept."""
        if not re.fullmatch(r"[0-9a-f]{64}(-zip)?", code_hash):
            return None
        try:
            return self.releases.source(replace(function, code_hash=code_hash).code_key)
        except (NotFound, InvalidInput):
            return None

    def discard_draft(self, function: Function, user: str) -> None:
        self.drafts.remove(function.id, user)


def _same(draft: Source, saved: Source) -> bool:
    """A browser sends line ends of its own."""
    mine, theirs = (
        {path: text.replace("\r\n", "\n") for path, text in source.files.items()} for source in (draft, saved)
    )
    return mine == theirs and draft.data == saved.data


MASK = "********"
"""What doors show instead of a secret value; sent back, it leaves the stored value as it is."""


def merged_environment(
    before: Sequence[EnvironmentVariable], after: Sequence[EnvironmentVariable]
) -> tuple[EnvironmentVariable, ...]:
    """``after``, with every masked value replaced by the one stored under that name.

    Who can't see a value can't mark it as plain either: that would show it.
    """
    stored = {variable.name: variable for variable in before}
    return tuple(_unmasked(variable, stored.get(variable.name)) for variable in after)


def edited_environment(
    now: Sequence[EnvironmentVariable], shown: Sequence[EnvironmentVariable], typed: Sequence[EnvironmentVariable]
) -> tuple[EnvironmentVariable, ...]:
    """What somebody typed who was shown ``shown``, on top of what others did meanwhile: that is ``now``."""
    stored = {variable.name: variable for variable in now}
    kept = [stored.get(variable.name) if variable in shown else variable for variable in typed]
    known = {variable.name for variable in (*shown, *typed)}
    added = [variable for variable in now if variable.name not in known]
    return merged_environment(now, [variable for variable in (*kept, *added) if variable is not None])


def _unmasked(variable: EnvironmentVariable, stored: EnvironmentVariable | None) -> EnvironmentVariable:
    if variable.value != MASK:
        return variable
    if stored is None:
        return replace(variable, value="")
    return replace(stored, plain=stored.plain and variable.plain)
