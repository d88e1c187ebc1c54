"""Every environment variable, read once. A wrong value stops the start with a sentence that says what to set."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from pathlib import Path

import environ
from csp.constants import NONCE
from django.core.exceptions import ImproperlyConfigured

from faasweb.data_folder import secret_key_in, sqlite_in
from faasweb.domain.errors import InvalidInput
from faasweb.domain.images import listed_problem
from faasweb.domain.spinapps import AppOptions
from faasweb.environment import (
    env,
    env_choice,
    env_flag,
    env_given,
    env_int,
    env_list,
    env_namespace,
    env_namespaces,
    env_path,
    env_secret,
    env_url,
    is_loopback,
)

BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(BASE_DIR / ".env")

# --- the house ---------------------------------------------------------------------------------------------------

ENVIRONMENT = env_choice("ENVIRONMENT", ("development", "production"))
PRODUCTION = ENVIRONMENT == "production"
DEBUG = False  # pages never show tracebacks; errors are in the log
LOG_LEVEL = env_choice("LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR"))

DATA_DIR = env_path("FAASWEB_DATA", str(BASE_DIR / "var"))
CACHE_DIR = env_path("FAASWEB_CACHE", f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/faasweb")
BIND = env("FAASWEB_BIND", "127.0.0.1")
PORT = env_int("PORT", 8000, 1, 65535)

OPEN_MODE = env_flag("FAASWEB_OPEN")
if OPEN_MODE and (PRODUCTION or not is_loopback(BIND)):
    raise ImproperlyConfigured(
        "FAASWEB_OPEN=1 lets anybody in: it needs ENVIRONMENT=development and FAASWEB_BIND on loopback (127.0.0.1)"
    )

if PRODUCTION or env_given("FAASWEB_SECRET_KEY"):
    SECRET_KEY = env_secret("FAASWEB_SECRET_KEY", 32)
else:
    SECRET_KEY = secret_key_in(DATA_DIR)
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

NAMESPACE = env_namespace("FAASWEB_NAMESPACE", "default")
NAMESPACES = env_namespaces("FAASWEB_NAMESPACES")
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
BUILDER_TOKEN = env_secret("FAASWEB_BUILDER_TOKEN", 20, "")
BUILDER_OPEN = env_flag("FAASWEB_BUILDER_OPEN")
BUILDER_IS_LOCAL = not PRODUCTION and is_loopback(BIND)
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

if _database := env("DATABASE_URL", ""):
    _users = {**environ.Env.db_url_config(_database), "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
elif PRODUCTION:
    raise ImproperlyConfigured("set DATABASE_URL, e.g. postgres://user:password@host:5432/faasweb")
else:
    _users = sqlite_in(DATA_DIR)
DATABASES = {"default": _users}
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
