"""Signing in and out, and what belongs to a user: API tokens."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model, login, update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.forms import SetPasswordForm as SetPassword
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, LogoutView
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consoles.identity import address_of, session_actor
from consoles.pages.doors import signed_in, takes
from consoles.pages.request import PageRequest
from faasweb.bootstrap import get_platform
from faasweb.domain import clock
from faasweb.domain.access import Actor, Scope
from faasweb.domain.errors import FaaswebError
from faasweb.domain.names import NAME_LIMIT

TRIES = 10
TRIES_WINDOW_S = 300


class SignIn(LoginView):
    """User name and password. After ten failures from one address it refuses for five minutes."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def post(self, request: PageRequest, *args: object, **kwargs: object) -> HttpResponseBase:  # type: ignore[override]
        if int(cache.get(self._key(), 0)) >= TRIES:
            form = self.get_form()
            form.add_error(None, _("Too many failed attempts. Try again in five minutes."))
            answer = self.render_to_response(self.get_context_data(form=form), status=429)
            answer["Retry-After"] = str(TRIES_WINDOW_S)
            return answer
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: forms.BaseForm) -> HttpResponse:
        cache.add(self._key(), 0, TRIES_WINDOW_S)
        cache.incr(self._key())
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        answer = super().form_valid(form)
        _entered(self.request, "password")
        return answer

    def _key(self) -> str:
        return f"sign-in-failures:{address_of(self.request)}"


def _entered(request: HttpRequest, by: str) -> None:
    actor = session_actor(request.user, address_of(request))
    if actor is not None:
        get_platform().credentials.entered(actor, by)


class SignOut(LogoutView):
    next_page = "sign-in"

    def post(self, request: PageRequest, *args: object, **kwargs: object) -> HttpResponseBase:  # type: ignore[override]
        if request.actor is not None:
            request.platform.accounts.audit(request.actor, "user.sign_out", request.actor.name)
        return super().post(request, *args, **kwargs)


@takes("GET")
def sign_in_link(request: PageRequest, secret: str) -> HttpResponseBase:
    """The page a one-time link opens. A press on its button redeems it, so that link previews can't use it up."""
    return render(request, "accounts/sign_in_link.html", {"secret": secret})


@takes("POST")
def redeem_link(request: PageRequest, secret: str) -> HttpResponseBase:
    user_id = request.platform.accounts.redeem_sign_in_link(secret)
    if user_id is None:
        return render(request, "accounts/sign_in_link.html", {"secret": None}, status=410)
    user = get_user_model().objects.get(pk=user_id)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    _entered(request, "link")
    return redirect("account" if not user.has_usable_password() else "workspace-list")


def _user(request: PageRequest) -> User:
    """The user of a page that only signed-in people reach."""
    if not isinstance(request.user, User):
        raise TypeError("this view has no door")
    return request.user


class TokenForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=NAME_LIMIT)
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may"),
        widget=forms.CheckboxSelectMultiple,
        choices=[
            (Scope.READ, gettext_lazy("read")),
            (Scope.WRITE, gettext_lazy("write and deploy")),
            (Scope.INVOKE, gettext_lazy("invoke functions")),
        ],
        initial=[Scope.READ, Scope.WRITE, Scope.INVOKE],
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Expires"),
        coerce=int,
        choices=[
            (30, gettext_lazy("in 30 days")),
            (90, gettext_lazy("in 90 days")),
            (365, gettext_lazy("in a year")),
            (0, gettext_lazy("never")),
        ],
        initial=90,
    )


@takes("GET")
@signed_in
def account(request: PageRequest, actor: Actor) -> HttpResponseBase:
    return _account(request, actor, TokenForm(), SetPassword(_user(request)))


def _account(
    request: PageRequest,
    actor: Actor,
    token_form: TokenForm,
    password_form: forms.Form,
    *,
    secret: str | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "tokens": request.platform.accounts.tokens_of(actor),
        "form": token_form,
        "password_form": password_form,
        "secret": secret,
        "nav": "account",
    }
    return render(request, "accounts/account.html", context, status=status)


@takes("POST")
@signed_in
def create_token(request: PageRequest, actor: Actor) -> HttpResponseBase:
    """The answer shows the secret, once; a reload of the page does not."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _account(request, actor, form, SetPassword(_user(request)), status=422)
    days = form.cleaned_data["days"]
    try:
        _token, secret = request.platform.credentials.issue_token(
            actor,
            form.cleaned_data["name"],
            scopes=frozenset(Scope(scope) for scope in form.cleaned_data["scopes"]),
            expires_at=clock.now() + timedelta(days=days) if days else None,
        )
    except FaaswebError as exc:
        form.add_error(None, exc.message)
        return _account(request, actor, form, SetPassword(_user(request)), status=422)
    return _account(request, actor, TokenForm(), SetPassword(_user(request)), secret=secret)


@takes("POST")
@signed_in
def revoke_token(request: PageRequest, actor: Actor, token_id: int) -> HttpResponseBase:
    request.platform.credentials.revoke_token(actor, token_id)
    messages.success(request, _("The token is revoked."))
    return redirect("account")


@takes("POST")
@signed_in
def set_password(request: PageRequest, actor: Actor) -> HttpResponseBase:
    form = SetPassword(_user(request), request.POST)
    if not form.is_valid():
        return _account(request, actor, TokenForm(), form, status=422)
    form.save()
    update_session_auth_hash(request, _user(request))
    request.platform.accounts.audit(actor, "user.set_password", actor.name)
    messages.success(request, _("Your password is set."))
    return redirect("account")
