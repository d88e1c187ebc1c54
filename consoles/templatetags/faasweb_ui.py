"""Small parts of pages: {% load faasweb_ui %}. docs/design-system.md shows them in use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from django import template
from django.templatetags.static import static
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from faasweb.domain import clock
from faasweb.domain.deployments import Deployment, DeploymentStatus
from faasweb.domain.functions import Function, FunctionStatus
from faasweb.domain.images import shown_image

register = template.Library()

SPRITE = "vendor/bootstrap-icons-1.13.2/sprite.svg"
Label = str | Promise
NOTHING = "\N{EN DASH}"  # stands where there is no value

# Word of a status -> tone of its pill and what people read. Tones: ok busy bad off draft.
PILLS: dict[str, tuple[str, Label]] = {
    "live": ("ok", gettext_lazy("Live")),
    "active": ("ok", gettext_lazy("Active")),
    "success": ("ok", gettext_lazy("Success")),
    "done": ("ok", gettext_lazy("Done")),
    "queued": ("busy", gettext_lazy("Queued")),
    "pending": ("busy", gettext_lazy("Pending")),
    "building": ("busy", gettext_lazy("Building")),
    "pushing": ("busy", gettext_lazy("Pushing")),
    "deploying": ("busy", gettext_lazy("Deploying")),
    "applying": ("busy", gettext_lazy("Applying")),
    "checking": ("busy", gettext_lazy("Checking")),
    "failed": ("bad", gettext_lazy("Failed")),
    "error": ("bad", gettext_lazy("Error")),
    "disabled": ("off", gettext_lazy("Disabled")),
    "replaced": ("off", gettext_lazy("Replaced")),
    "running": ("ok", gettext_lazy("Running")),
    "starting": ("busy", gettext_lazy("Starting")),
    "stopped": ("bad", gettext_lazy("Not running")),
    "draft": ("draft", gettext_lazy("Not deployed")),
}

PHASES: tuple[tuple[DeploymentStatus, Label], ...] = (
    (DeploymentStatus.QUEUED, gettext_lazy("Queue")),
    (DeploymentStatus.BUILDING, gettext_lazy("Build")),
    (DeploymentStatus.APPLYING, gettext_lazy("Apply")),
    (DeploymentStatus.CHECKING, gettext_lazy("Health check")),
    (DeploymentStatus.LIVE, gettext_lazy("Live")),
)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite (deploy/vendor/icons.txt lists them); ``label`` when it stands alone for a meaning."""
    reader = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html('<svg class="icon" {}><use href="{}#{}"></use></svg>', reader, static(SPRITE), name)


@register.simple_tag
def status_pill(status: str) -> SafeString:
    """A dot and a word for a status of a function, deployment, build or execution."""
    tone, label = PILLS.get(str(status), ("off", str(status)))
    return format_html('<span class="pill pill-{}">{}</span>', tone, label)


@register.simple_tag
def function_pill(function: Function) -> SafeString:
    return status_pill(function_state(function))


@register.filter
def function_state(function: Function) -> str:
    """What to tell about a function in one word: the switch first, then work in progress, then what answers."""
    if function.status is FunctionStatus.DISABLED:
        return "disabled"
    if function.deploying:
        return "deploying"
    if function.live:
        return "live"
    return "failed" if function.status is FunctionStatus.FAILED else "draft"


@register.simple_tag
def http_status(code: int) -> SafeString:
    """The status code of an answer as a pill."""
    tone = "ok" if 200 <= code < 300 else "bad" if code >= 500 else "busy" if code >= 400 else "off"
    return format_html('<span class="pill pill-{} pill-code">{}</span>', tone, code)


@register.simple_tag
def timeago(moment: datetime | None) -> SafeString:
    """``3 minutes ago``, kept fresh and given its local time by times.js."""
    if moment is None:
        return format_html('<span class="faint">{}</span>', NOTHING)
    age = clock.now() - moment
    shown = (
        _("now") if age.total_seconds() < 60 else _("%(age)s ago") % {"age": timesince(moment, clock.now(), depth=1)}
    )
    return format_html('<time datetime="{}" data-time="relative">{}</time>', moment.isoformat(), shown)


@register.simple_tag
def local_time(moment: datetime, form: str = "datetime") -> SafeString:
    """A moment in the reader's zone; ``form`` is datetime or time. Without scripts it shows UTC."""
    shown = f"{moment:%H:%M:%S}" if form == "time" else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" data-time="{}">{}</time>', moment.isoformat(), form, shown)


@register.simple_tag
def log_time(at_ns: int) -> SafeString:
    """The time of a log entry, given in nanoseconds since 1970."""
    return local_time(datetime.fromtimestamp(at_ns / 1e9, UTC), "time")


@register.simple_tag
def duration(milliseconds: float | None) -> str:
    """``0.4 ms``, ``12 ms``, ``1.24 s``, ``2 m 05 s``; a dash for None."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1:
        return f"{milliseconds:.2g} ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.{1 if milliseconds < 10 else 0}f} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.2f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} m {seconds:02d} s"


@register.simple_tag
def took(begin: datetime, end: datetime) -> str:
    return duration((end - begin).total_seconds() * 1000)


@register.simple_tag
def cores(value: float | None) -> str:
    """CPU in cores with four decimals; a dash for None."""
    return NOTHING if value is None else f"{value:.4f}"


@register.filter
def without_digest(image: str) -> str:
    """An image as people read it: ``registry/repository:tag``."""
    return shown_image(image)


@register.filter
def number(value: int) -> str:
    """``48,213``, grouped as the reader's language does."""
    return number_format(value, use_l10n=True, force_grouping=True)


@register.filter
def words(text: str) -> list[str]:
    """``"p50,p95"`` as a list."""
    return text.split(",")


@register.filter
def phases(deployment: Deployment) -> list[tuple[str, str, Label]]:
    """Steps of a deployment in progress: (status, waiting | running | done, what people read)."""
    at = next((index for index, (status, _name) in enumerate(PHASES) if status is deployment.status), 0)
    return [
        (str(status), "done" if index < at else "running" if index == at else "waiting", name)
        for index, (status, name) in enumerate(PHASES)
    ]


@register.simple_tag
def sparkline(values: Sequence[float], label: str = "", tone: str = "") -> SafeString:
    """A small area chart, drawn by the server. Without ``label`` it is decoration; ``tone`` bad is for errors."""
    reader = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    if len(values) < 2:
        values = [0, 0]
    top, step = max(*values, 1e-9), 100 / (len(values) - 1)
    points = " ".join(f"{index * step:.1f},{30 - 28 * value / top:.1f}" for index, value in enumerate(values))
    return format_html(
        '<svg class="sparkline {}" viewBox="0 0 100 32" preserveAspectRatio="none" {}>'
        '<polygon class="area" points="0,32 {} 100,32"></polygon><polyline class="line" points="{}"></polyline></svg>',
        tone,
        reader,
        points,
        points,
    )
