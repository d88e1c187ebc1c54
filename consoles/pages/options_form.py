"""The form of Deploy with options: how a function's app runs in a cluster."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consoles.pages.forms import Remembering
from faasweb.domain.functions import Function
from faasweb.domain.spinapps import AppOptions
from faasweb.usecases.clusters import Clusters

AUTO, FIXED = "auto", "fixed"


class OptionsForm(Remembering):
    """Only what was changed here is chosen; an amount that was emptied goes back to what is usual."""

    AMOUNTS = ("cpu_limit", "memory_limit")

    scale = forms.ChoiceField(choices=[(AUTO, ""), (FIXED, "")])
    replicas = forms.IntegerField(
        min_value=1,
        required=False,
        error_messages={"min_value": gettext_lazy("At least one pod has to run.")},
    )
    cpu_limit = forms.CharField(max_length=40, required=False)
    memory_limit = forms.CharField(max_length=40, required=False)
    use_spot = forms.BooleanField(required=False)

    @classmethod
    def of(cls, clusters: Clusters, function: Function) -> OptionsForm:
        """As the next deployment would be without it."""
        chosen, now = clusters.chosen(function), clusters.effective(function)
        shown = {
            "scale": AUTO if now.autoscaling else FIXED,
            "replicas": now.replicas or clusters.defaults.replicas,
            "cpu_limit": chosen.cpu_limit or "",
            "memory_limit": chosen.memory_limit or "",
            "use_spot": bool(now.use_spot),
        }
        return cls(initial=shown | {"shown": json.dumps(shown)})

    def clean_replicas(self) -> int | None:
        wanted: int | None = self.cleaned_data["replicas"]
        if wanted is None and self.cleaned_data.get("scale") == FIXED:
            raise forms.ValidationError(_("Say how many pods."))
        return wanted

    def options(self) -> AppOptions:
        """What was chosen here, checked. InvalidInput."""
        changed = self._changed()
        fixed = self.cleaned_data["scale"] == FIXED
        return AppOptions(
            autoscaling=not fixed if "scale" in changed else None,
            replicas=self.cleaned_data["replicas"] if fixed and changed.keys() & {"scale", "replicas"} else None,
            cpu_limit=changed.get("cpu_limit") or None,
            memory_limit=changed.get("memory_limit") or None,
            use_spot=changed.get("use_spot"),
        )

    def forgotten(self) -> list[str]:
        return [name for name in self.AMOUNTS if self._changed().get(name) == ""]

    def _changed(self) -> dict[str, Any]:
        typed = self.cleaned_data
        return self.changed({name: typed[name] for name in ("scale", "replicas", *self.AMOUNTS, "use_spot")})
