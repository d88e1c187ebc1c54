"""Every environment variable, read once. A wrong value stops the start with a sentence that says what to set."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import re
import secrets
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONCE
from django.core.exceptions import ImproperlyConfigured

from faasweb.domain.errors import InvalidInput
from faasweb.domain.images import listed_problem
from faasweb.domain.spinapps import AppOptions

BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(BASE_DIR / ".env")


def _reason(exc: Exception) -> str:
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc)


def env(name: str, default: str | None = None) -> str:
    """The value of NAME, or the content of the file that NAME_FILE names (a mounted secret)."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text().strip()
        except (OSError, ValueError) as exc:
            raise ImproperlyConfigured(f"{name}_FILE={path!r} can't be read ({_reason(exc)})") from exc
    value = os.environ.get(name) or default
    if value is None:
        raise ImproperlyConfigured(f"set {name} (or {name}_FILE)")
    return value


def env_choice(name: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``; the first is the default."""
    value = env(name, choices[0])
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r}: choose one of {', '.join(choices)}")
    return value


def env_flag(name: str, default: bool = False) -> bool:
    value = env(name, "1" if default else "0").lower()
    if value not in ("0", "1", "true", "false", "yes", "no"):
        raise ImproperlyConfigured(f"{name}={value!r}: write 1 or 0")
    return value in ("1", "true", "yes")


def env_int(name: str, default: int, low: int, high: int) -> int:
    value = env(name, str(default))
    if not (value.isascii() and value.isdecimal()) or not low <= int(value) <= high:
        raise ImproperlyConfigured(f"{name}={value!r}: write a whole number from {low} to {high}")
    return int(value)


def env_list(name: str, default: str = "") -> list[str]:
    """Comma separated, or a JSON array as the earlier system wrote it."""
    value = env(name, default).strip()
    if value.startswith("["):
        try:
            return [str(item) for item in json.loads(value)]
        except ValueError as exc:
            raise ImproperlyConfigured(f"{name}: not a JSON array") from exc
    return [item.strip() for item in value.split(",") if item.strip()]


def env_url(name: str) -> str:
    """An http or https address without a slash at its end; empty when it is not set."""
    value = env(name, "").rstrip("/")
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ImproperlyConfigured(f"{name}={value!r}: write an address like http://builder.example.com:8000")
    return value


def env_path(name: str, default: str) -> Path:
    return Path(env(name, default)).expanduser().resolve()


# --- the house ---------------------------------------------------------------------------------------------------

ENVIRONMENT = env_choice("ENVIRONMENT", ("development", "production"))
PRODUCTION = ENVIRONMENT == "production"
DEBUG = False  # pages never show tracebacks; errors are in the log
LOG_LEVEL = env_choice("LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR"))

DATA_DIR = env_path("FAASWEB_DATA", str(BASE_DIR / "var"))
CACHE_DIR = env_path("FAASWEB_CACHE", f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/faasweb")
BIND = env("FAASWEB_BIND", "127.0.0.1")
PORT = env_int("PORT", 8000, 1, 65535)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


OPEN_MODE = env_flag("FAASWEB_OPEN")
if OPEN_MODE and (PRODUCTION or not _is_loopback(BIND)):
    raise ImproperlyConfigured(
        "FAASWEB_OPEN=1 lets anybody in: it needs ENVIRONMENT=development and FAASWEB_BIND on loopback (127.0.0.1)"
    )


def _secret_key() -> str:
    """Given in production; embedded, made once and kept in the data folder."""
    if PRODUCTION or os.environ.get("FAASWEB_SECRET_KEY") or os.environ.get("FAASWEB_SECRET_KEY_FILE"):
        key = env("FAASWEB_SECRET_KEY")
        if len(key) < 32:
            raise ImproperlyConfigured("FAASWEB_SECRET_KEY: at least 32 characters")
        return key
    path = DATA_DIR / "secret_key"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_secret_key(path)
        key = path.read_text()
    except (OSError, ValueError) as exc:
        raise ImproperlyConfigured(
            f"the data folder {DATA_DIR} can't be used ({path.name}: {_reason(exc)}): set FAASWEB_DATA to one that can"
        ) from exc
    if not key:
        raise ImproperlyConfigured(f"{path} is empty: delete it and start again")
    return key


def _make_secret_key(path: Path) -> None:
    """Whole or not at all, also on a full disk; of two processes that make one, the first wins."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".secret_key.") as made:  # readable by its owner
        made.write(secrets.token_urlsafe(48))
        made.flush()
        os.fsync(made.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(made.name, path)


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env_list("FAASWEB_HOSTS", "" if PRODUCTION else "*")
if PRODUCTION and not ALLOWED_HOSTS:
    raise ImproperlyConfigured("set FAASWEB_HOSTS to the host names this console is reached at, comma separated")
CSRF_TRUSTED_ORIGINS = env_list("FAASWEB_ORIGINS")
try:
    PROXIES = [ipaddress.ip_network(network) for network in env_list("FAASWEB_PROXIES")]
except ValueError as exc:
    raise ImproperlyConfigured(f"FAASWEB_PROXIES: {exc}; write networks like 10.0.0.0/16, comma separated") from exc

# --- what stands behind the ports --------------------------------------------------------------------------------

AWS_REGION = env("AWS_REGION", "ap-northeast-2")
AWS_ENDPOINT_URL = env("AWS_ENDPOINT_URL", "")
DYNAMODB_TABLE_NAME = env("DYNAMODB_TABLE_NAME", "")
S3_BUCKET_NAME = env("S3_BUCKET_NAME", "")
BUILDER_SERVICE_URL = env_url("BUILDER_SERVICE_URL")
BUILDER_SERVICE_TOKEN = env("BUILDER_SERVICE_TOKEN", "")
LOKI_SERVICE_URL = env("LOKI_SERVICE_URL", "")
PROMETHEUS_SERVICE_URL = env("PROMETHEUS_SERVICE_URL", "")
ECR_REGISTRY_URL = env("ECR_REGISTRY_URL", "")
RUNTIME = env_choice("FAASWEB_RUNTIME", ("embedded", "kubernetes", "builder"))
if RUNTIME == "embedded" and BUILDER_SERVICE_URL and not S3_BUCKET_NAME:
    raise ImproperlyConfigured(
        "BUILDER_SERVICE_URL: functions that run on this machine need their components here, so set S3_BUCKET_NAME to "
        "the bucket that the Builder Service writes to"
    )
if RUNTIME == "builder" and not BUILDER_SERVICE_URL:
    raise ImproperlyConfigured("FAASWEB_RUNTIME=builder: set BUILDER_SERVICE_URL to the Builder Service's address")
if RUNTIME == "kubernetes" and not ECR_REGISTRY_URL and not BUILDER_SERVICE_URL:
    raise ImproperlyConfigured(
        "FAASWEB_RUNTIME=kubernetes: set ECR_REGISTRY_URL to the registry and repository that the cluster pulls from"
    )


def _namespace(name: str, value: str) -> str:
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", value):
        raise ImproperlyConfigured(f"{name}={value!r}: write the name of a Kubernetes namespace")
    return value


NAMESPACE = _namespace("FAASWEB_NAMESPACE", env("FAASWEB_NAMESPACE", "default"))
NAMESPACES = [_namespace("FAASWEB_NAMESPACES", value) for value in env_list("FAASWEB_NAMESPACES")]
AUTOSCALING = env_flag("FAASWEB_AUTOSCALING", True)
REPLICAS = env_int("FAASWEB_REPLICAS", 1, 1, 1000)
USE_SPOT = env_flag("FAASWEB_USE_SPOT", True)
KUBECONFIG = env("KUBECONFIG", "")
KUBE_CONTEXT = env("FAASWEB_KUBE_CONTEXT", "")
EXECUTOR = env("FAASWEB_EXECUTOR", "containerd-shim-spin")
SERVICE_ACCOUNT = env("FAASWEB_SERVICE_ACCOUNT", "")
PULL_SECRETS = env_list("FAASWEB_PULL_SECRETS")
CPU_LIMIT = env("FAASWEB_CPU_LIMIT", "500m")
CPU_REQUEST = env("FAASWEB_CPU_REQUEST", "100m")
MEMORY_LIMIT = env("FAASWEB_MEMORY_LIMIT", "500Mi")
MEMORY_REQUEST = env("FAASWEB_MEMORY_REQUEST", "400Mi")
MAX_REPLICAS = env_int("FAASWEB_MAX_REPLICAS", 10, 1, 1000)
CPU_PERCENT = env_int("FAASWEB_CPU_PERCENT", 50, 1, 100)
try:
    AppOptions(
        service_account=SERVICE_ACCOUNT or None,
        cpu_limit=CPU_LIMIT,
        memory_limit=MEMORY_LIMIT,
        cpu_request=CPU_REQUEST,
        memory_request=MEMORY_REQUEST,
        pull_secrets=PULL_SECRETS,
        executor=EXECUTOR,
    ).checked()
except InvalidInput as exc:
    raise ImproperlyConfigured(f"FAASWEB_{str(exc.details['field']).upper()}: {exc.message}") from exc
INVOCATION_HOSTS = [host.lower() for host in env_list("FAASWEB_INVOCATION_HOSTS")]
_MIRRORS = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")  # what else machines with a mirror have set
PIP_INDEX_URL = env_url("FAASWEB_PIP_INDEX_URL") or next(filter(None, map(os.environ.get, _MIRRORS)), "")
WHEELS_DIR = env_path("FAASWEB_WHEELS", "") if env("FAASWEB_WHEELS", "") else None
_NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
NETWORK_ENVIRONMENT = {
    name: value for name in (*_NETWORK, *map(str.lower, _NETWORK)) if (value := os.environ.get(name))
}
WASMHOST_PROCESSES = env_int("FAASWEB_WASMHOST_PROCESSES", min(4, os.cpu_count() or 1), 1, 64)
EXECUTION_RETENTION_DAYS = env_int("FAASWEB_EXECUTION_RETENTION_DAYS", 14, 1, 3650)
CORS_ORIGINS = env_list("CORS_ORIGINS")
RATE_API = env_int("FAASWEB_RATE_API", 1_200 if PRODUCTION else 0, 0, 1_000_000)
RATE_INVOKE = env_int("FAASWEB_RATE_INVOKE", 6_000 if PRODUCTION else 0, 0, 1_000_000)
REGISTRIES = env_list("FAASWEB_REGISTRIES")
if problem := listed_problem(REGISTRIES):
    raise ImproperlyConfigured(f"FAASWEB_REGISTRIES: {problem}")
if problem := listed_problem([ECR_REGISTRY_URL] if ECR_REGISTRY_URL else []):
    raise ImproperlyConfigured(f"ECR_REGISTRY_URL: {problem}")
REGISTRY_USERNAME = env("FAASWEB_REGISTRY_USERNAME", "")
REGISTRY_PASSWORD = env("FAASWEB_REGISTRY_PASSWORD", "")
PLAIN_HTTP_REGISTRIES = [host.lower() for host in env_list("FAASWEB_PLAIN_HTTP_REGISTRIES")]

# --- the Builder Service that this installation offers to others ---------------------------------------------------

BUILDER_PORT = env_int("FAASWEB_BUILDER_PORT", 0, 0, 65535)
BUILDER_TOKEN = env("FAASWEB_BUILDER_TOKEN", "")
if BUILDER_TOKEN and len(BUILDER_TOKEN) < 20:
    raise ImproperlyConfigured("FAASWEB_BUILDER_TOKEN: at least 20 characters")
BUILDER_OPEN = env_flag("FAASWEB_BUILDER_OPEN")
BUILDER_IS_LOCAL = not PRODUCTION and _is_loopback(BIND)
if BUILDER_PORT and BUILDER_SERVICE_URL:
    raise ImproperlyConfigured("FAASWEB_BUILDER_PORT: a Builder Service builds by itself, so unset BUILDER_SERVICE_URL")

# --- Django ------------------------------------------------------------------------------------------------------

ROOT_URLCONF = "faasweb.urls"
WSGI_APPLICATION = "faasweb.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False

INSTALLED_APPS = [
    "consoles",
    "faasweb.adapters.accounts",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_q",
    "ninja",
]
MIDDLEWARE = [
    "consoles.middleware.request_id",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "consoles.middleware.api_errors",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "consoles.middleware.platform",
]
# The edge stack waits for others; every entry must be async, or each request hops threads for it.
EDGE_MIDDLEWARE = ["consoles.middleware.edge"]
# The Builder Service knows no sessions: its callers are programs.
BUILDER_MIDDLEWARE = [
    "consoles.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "consoles.builder.middleware.door",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "consoles.context.shell",
            ],
        },
    }
]


def _database() -> dict[str, object]:
    """PostgreSQL by DATABASE_URL; embedded, SQLite with the options under which concurrent writers don't fail."""
    url = env("DATABASE_URL", "")
    if url:
        return {**environ.Env.db_url_config(url), "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    if PRODUCTION:
        raise ImproperlyConfigured("set DATABASE_URL, e.g. postgres://user:password@host:5432/faasweb")
    path = DATA_DIR / "django.db"
    with contextlib.suppress(OSError):  # read-only, or somebody else's: whoever opens it will say so
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)  # whoever reads the sessions in it can be anybody
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": 600,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }


DATABASES = {"default": _database()}
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "workspace-list"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어"), ("ja", "日本語")]
LOCALE_PATHS = [BASE_DIR / "consoles" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env_path("FAASWEB_STATIC_ROOT", str(DATA_DIR / "static"))
# From a checkout files are served where they lie; the image collects, compresses and fingerprints them.
COLLECTED = (STATIC_ROOT / "staticfiles.json").exists()
if not PRODUCTION:
    with contextlib.suppress(OSError):  # what can't be written is said where it is needed
        STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns of a folder that is not there
WHITENOISE_USE_FINDERS = not COLLECTED
WHITENOISE_MAX_AGE = 3600
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if COLLECTED or PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- security ----------------------------------------------------------------------------------------------------

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "consoles.pages.errors.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = False  # the load balancer speaks TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", NONCE],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}

# --- tasks -------------------------------------------------------------------------------------------------------

Q_CLUSTER = {
    "name": "default",
    "orm": "default",
    "workers": 2,
    "timeout": 60,
    "retry": 120,
    "max_attempts": 3,
    "ack_failures": True,
    "bulk": 1,
    "queue_limit": 4,
    "poll": 0.2,
    "catch_up": False,
    "save_limit": 1000,
    "label": "Queue",
    # One build at a time and none waiting in memory: a waiting one would pass its retry and be given out twice.
    "ALT_CLUSTERS": {"builds": {"workers": 1, "queue_limit": 1, "timeout": 420, "retry": 540}},
}

# --- logging -----------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    # Django logs every answer of 500 and above, also those that a view gave on purpose; an exception is news.
    "filters": {"exceptions": {"()": "django.utils.log.CallbackFilter", "callback": lambda record: record.exc_info}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # These write whole requests at DEBUG, secrets included.
        "botocore": {"level": "WARNING"},
        "boto3": {"level": "WARNING"},
        "s3transfer": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "kubernetes": {"level": "WARNING"},
        "django.request": {"level": "ERROR", "filters": ["exceptions"]},
        # Each start, task and process of the queue; a person who runs faasweb wants to know of trouble only.
        "django-q": {"level": "DEBUG" if LOG_LEVEL == "DEBUG" else "WARNING"},
    },
}
