"""Clients of AWS, or of what speaks like it, by the settings."""

from __future__ import annotations

from django.conf import settings


def client(service: str, region: str = "") -> object:
    """Of our own region unless one is named; who asks is known from the environment, a file or the pod's role."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard"},
        max_pool_connections=32,
        tcp_keepalive=True,  # balancers on the way forget idle connections without a word
        parameter_validation=False,  # a fifth of the CPU of a write; our own types have been checked, AWS checks again
        # TLS guards the way and hashes name the content; stores that are not AWS stumble over these checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client(
        service,
        region_name=region or settings.AWS_REGION,
        endpoint_url=settings.AWS_ENDPOINT_URL or None,
        config=config,
    )
