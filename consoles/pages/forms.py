"""Forms of functions: what a browser sends, turned into the domain's settings."""

from __future__ import annotations

from typing import cast

from django import forms
from django.utils.translation import gettext_lazy

from faasweb.domain.errors import FaaswebError
from faasweb.domain.functions import METHODS, EnvironmentVariable, Function, FunctionSettings
from faasweb.domain.names import DESCRIPTION_LIMIT, NAME_LIMIT
from faasweb.usecases.functions import MASK, Changes, merged_environment

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


class SettingsForm(Refusable):
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
    memory_mb = forms.TypedChoiceField(label=gettext_lazy("Memory"), coerce=int, choices=MEMORY_CHOICES, initial=256)
    timeout_s = forms.IntegerField(label=gettext_lazy("Timeout in seconds"), min_value=1, max_value=900, initial=30)
    hosts = forms.CharField(
        label=gettext_lazy("Allowed outbound hosts"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy("One per line, like https://api.example.com. Everything else is refused."),
    )
    environment = forms.Field(label=gettext_lazy("Environment variables"), required=False)

    @classmethod
    def of(cls, function: Function) -> SettingsForm:
        """A form that shows a function; values of secrets stay where they are."""
        settings = function.settings
        form = cls(
            initial={
                "name": function.name,
                "description": function.description,
                "http_methods": list(settings.http_methods),
                "memory_mb": settings.memory_mb,
                "timeout_s": settings.timeout_s,
                "hosts": "\n".join(settings.allowed_outbound_hosts),
            }
        )
        if settings.memory_mb not in dict(MEMORY_CHOICES):
            memory = cast(forms.TypedChoiceField, form.fields["memory_mb"])
            memory.choices = sorted([*MEMORY_CHOICES, (settings.memory_mb, f"{settings.memory_mb} MB")])
        form.rows = [
            (variable.name, variable.value if variable.plain else MASK, variable.plain)
            for variable in settings.environment
        ]
        return form

    rows: list[tuple[str, str, bool]] = []

    def clean(self) -> dict[str, object]:
        if self.is_bound:
            self.rows = self._rows()
        return self.cleaned_data

    def _rows(self) -> list[tuple[str, str, bool]]:
        data = self.data
        if not hasattr(data, "getlist"):
            return []
        names, values = data.getlist("env_name"), data.getlist("env_value")
        plain = set(data.getlist("env_plain"))
        rows = [(n.strip(), v, str(i) in plain) for i, (n, v) in enumerate(zip(names, values, strict=False))]
        return [row for row in rows if row[0]]

    def settings(self, before: FunctionSettings | None = None) -> FunctionSettings:
        """As typed; masked values are those of ``before``."""
        typed = [EnvironmentVariable(name, value, plain) for name, value, plain in self.rows]
        return FunctionSettings(
            memory_mb=self.cleaned_data["memory_mb"],
            timeout_s=self.cleaned_data["timeout_s"],
            http_methods=tuple(self.cleaned_data["http_methods"]),
            environment=merged_environment(before.environment if before else (), typed),
            allowed_outbound_hosts=tuple(self.cleaned_data["hosts"].split()),
        )

    def changes(self, function: Function) -> Changes:
        return Changes(
            name=self.cleaned_data["name"],
            description=self.cleaned_data["description"],
            settings=self.settings(function.settings),
        )


class FunctionForm(SettingsForm):
    """A new function: its settings and its first code."""

    code = forms.CharField(label=gettext_lazy("Code"), strip=False, widget=forms.Textarea)
    field_order = ["name", "description", "code"]
