"""What functions print and use, by the settings."""

from __future__ import annotations

from django.conf import settings

from faasweb.ports import LogStore, MetricStore


def logs() -> LogStore:
    if settings.LOKI_SERVICE_URL:
        import httpx

        from faasweb.adapters.logs.loki import LokiLogStore

        return LokiLogStore(httpx.Client(base_url=settings.LOKI_SERVICE_URL, timeout=30))
    from faasweb.adapters.logs.embedded import EmbeddedLogStore

    return EmbeddedLogStore(settings.DATA_DIR / "telemetry.db")


def metrics() -> MetricStore:
    if settings.PROMETHEUS_SERVICE_URL:
        import httpx

        from faasweb.adapters.metrics.prometheus import PrometheusMetricStore

        return PrometheusMetricStore(httpx.Client(base_url=settings.PROMETHEUS_SERVICE_URL, timeout=15))
    from faasweb.adapters.metrics.embedded import EmbeddedMetricStore

    return EmbeddedMetricStore(settings.DATA_DIR / "telemetry.db")
