"""Forms of functions: what a browser sends, turned into the domain's settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from faasweb.domain.errors import FaaswebError, InvalidInput
from faasweb.domain.functions import METHODS, EnvironmentVariable, Function, FunctionSettings
from faasweb.domain.names import DESCRIPTION_LIMIT, NAME_LIMIT
from faasweb.domain.starters import Starter
from faasweb.usecases.functions import (
    MASK,
    Changes,
    SettingsChanges,
    Variables,
    edited_environment,
    merged_environment,
)

Row = tuple[str, str, bool]  # of an environment variable: name, value, whether it may be shown
DEFAULT_MEMORY_MB = FunctionSettings().memory_mb
MEMORY_CHOICES = [(128, "128 MB"), (256, "256 MB"), (512, "512 MB"), (1024, "1024 MB")]
# The API's name of a field, where the form spells it differently.
_FIELDS = {
    "httpMethods": "http_methods",
    "environmentVariables": "environment",
    "allowedOutboundHosts": "hosts",
    "memory": "memory_mb",
    "timeout": "timeout_s",
}


class Refusable(forms.Form):
    def refuse(self, error: FaaswebError) -> None:
        """Show the refusal at the field it is about."""
        field = str(error.details.get("field", ""))
        field = _FIELDS.get(field, field)
        self.add_error(field if field in self.fields else None, error.message)


class Remembering(Refusable):
    """Knows what it showed: what somebody else changed meanwhile stays, unless it was changed here too."""

    shown = forms.CharField(required=False, widget=forms.HiddenInput)

    def changed(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        """Of ``typed`` what differs from what was shown; everything when that is not known."""
        before = self.shown_before()
        return {name: value for name, value in typed.items() if name not in before or before[name] != value}

    def shown_before(self) -> dict[str, Any]:
        try:
            before = json.loads(self.data.get("shown", ""))
        except ValueError:
            return {}
        return before if isinstance(before, dict) else {}


class SettingsForm(Remembering):
    """Everything about a function but its code. Environment variables come as rows of equal length."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=NAME_LIMIT)
    description = forms.CharField(
        label=gettext_lazy("Description"),
        max_length=DESCRIPTION_LIMIT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    http_methods = forms.MultipleChoiceField(
        label=gettext_lazy("HTTP methods"),
        choices=[(method, method) for method in METHODS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one HTTP method.")},
    )
    memory_mb = forms.TypedChoiceField(label=gettext_lazy("Memory"), coerce=int, initial=DEFAULT_MEMORY_MB)
    timeout_s = forms.IntegerField(label=gettext_lazy("Timeout in seconds"), min_value=1, max_value=900, initial=30)
    hosts = forms.CharField(
        label=gettext_lazy("Allowed outbound hosts"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy("One per line, like https://api.example.com. Everything else is refused."),
    )
    environment = forms.Field(label=gettext_lazy("Environment variables"), required=False)

    def __init__(self, *args: Any, memory_mb: int = DEFAULT_MEMORY_MB, **kwargs: Any) -> None:
        """``memory_mb`` is offered too: the JSON API allows sizes that the list does not have."""
        super().__init__(*args, **kwargs)
        memory = cast(forms.TypedChoiceField, self.fields["memory_mb"])
        memory.choices = sorted({**dict(MEMORY_CHOICES), memory_mb: f"{memory_mb} MB"}.items())
        self.rows: list[Row] = []

    @classmethod
    def of(cls, function: Function, missing: Sequence[str] = ()) -> SettingsForm:
        """A form that shows a function; values of secrets stay where they are. ``missing`` gets rows to fill in."""
        settings = function.settings
        rows = [
            (variable.name, MASK if variable.value and not variable.plain else variable.value, variable.plain)
            for variable in settings.environment
        ]
        there = {name.lower() for name, _value, _plain in rows}
        rows += [(name, "", False) for name in missing if name not in there]
        shown = {
            "name": function.name,
            "description": function.description,
            "http_methods": list(settings.http_methods),
            "memory_mb": settings.memory_mb,
            "timeout_s": settings.timeout_s,
            "hosts": list(settings.allowed_outbound_hosts),
            "rows": rows,
        }
        initial = shown | {"hosts": "\n".join(settings.allowed_outbound_hosts), "shown": json.dumps(shown)}
        form = cls(memory_mb=settings.memory_mb, initial=initial)
        form.rows = rows
        return form

    def clean(self) -> dict[str, object]:
        if self.is_bound:
            self.rows = self._rows()
        return self.cleaned_data

    def _rows(self) -> list[Row]:
        data = self.data
        if not hasattr(data, "getlist"):
            return []
        names, values = data.getlist("env_name"), data.getlist("env_value")
        plain = set(data.getlist("env_plain"))
        pairs = enumerate(zip(names, values, strict=False))
        rows = [(name.strip(), value.replace("\r\n", "\n"), str(index) in plain) for index, (name, value) in pairs]
        return [row for row in rows if row[0]]

    def settings(self) -> FunctionSettings:
        """As typed, for a function that is new. Raises InvalidInput."""
        typed = _variables(self.rows)
        _check_masked((), typed)
        return FunctionSettings(
            memory_mb=self.cleaned_data["memory_mb"],
            timeout_s=self.cleaned_data["timeout_s"],
            http_methods=tuple(self.cleaned_data["http_methods"]),
            environment=merged_environment((), typed),
            allowed_outbound_hosts=tuple(self.cleaned_data["hosts"].split()),
        )

    def changes(self, function: Function) -> Changes:
        """What was changed here. Raises InvalidInput for a hidden value that can't stay."""
        typed = self.cleaned_data
        changed = self.changed(
            {
                "name": typed["name"],
                "description": typed["description"].replace("\r\n", "\n"),
                "http_methods": typed["http_methods"],
                "memory_mb": typed["memory_mb"],
                "timeout_s": typed["timeout_s"],
                "hosts": typed["hosts"].split(),
            }
        )
        settings = SettingsChanges(
            memory_mb=changed.get("memory_mb"),
            timeout_s=changed.get("timeout_s"),
            http_methods=tuple(changed["http_methods"]) if "http_methods" in changed else None,
            allowed_outbound_hosts=tuple(changed["hosts"]) if "hosts" in changed else None,
            environment=self._environment(function),
        )
        return Changes(name=changed.get("name"), description=changed.get("description"), settings=settings)

    def _environment(self, function: Function) -> Callable[[Variables], Variables] | None:
        """How the rows change a function's variables; None when they are as they were shown."""
        typed, shown = _variables(self.rows), _rows_in(self.shown_before())
        if shown == typed:
            return None
        _check_masked(function.settings.environment, [variable for variable in typed if variable not in (shown or ())])
        if shown is None:
            return lambda now: merged_environment(now, typed)
        return lambda now: edited_environment(now, shown, typed)


def _variables(rows: Sequence[Row]) -> list[EnvironmentVariable]:
    return [EnvironmentVariable(name, value, plain) for name, value, plain in rows]


def _rows_in(shown: Mapping[str, Any]) -> list[EnvironmentVariable] | None:
    """None when the browser sent back something else than it was given."""
    try:
        return [EnvironmentVariable(str(name), str(value), bool(plain)) for name, value, plain in shown["rows"]]
    except (KeyError, TypeError, ValueError):
        return None


def _check_masked(before: Sequence[EnvironmentVariable], typed: Sequence[EnvironmentVariable]) -> None:
    """A secret's value is kept under its own name and as a secret only: any other way it must be typed again."""
    secrets = {variable.name for variable in before if not variable.plain}
    for variable in typed:
        if variable.value == MASK and (variable.plain or variable.name not in secrets):
            raise InvalidInput(
                _("Type the value of %(name)s again: hidden values stay hidden, under their own names.")
                % {"name": variable.name},
                field="environmentVariables",
            )


class FunctionForm(SettingsForm):
    """A new function: its settings and its first code."""

    @classmethod
    def starting(cls, starter: Starter, typed: Mapping[str, str]) -> FunctionForm:
        """A starter with everything it needs; ``typed`` holds what was written before it was chosen."""
        form = cls(
            initial={
                "name": typed.get("name", ""),
                "description": typed.get("description", ""),
                "code": starter.source,
                "http_methods": list(starter.http_methods),
                "hosts": "\n".join(starter.allowed_outbound_hosts),
            }
        )
        form.rows = [(name, "", False) for name in starter.environment]
        return form

    code = forms.CharField(label=gettext_lazy("Code"), strip=False, widget=forms.Textarea)
    field_order = ["name", "description", "code"]
