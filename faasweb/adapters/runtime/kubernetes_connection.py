"""The way to a cluster's API server: found when it is first needed, tried again while it stumbles."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
import yaml
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.incluster_config import load_incluster_config
from kubernetes.config.kube_config import load_kube_config

from faasweb.adapters.runtime.kubernetes_errors import Refusal, Request, error_of
from faasweb.domain.errors import Unavailable

FIELD_MANAGER = "faasweb"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
TIMEOUT = urllib3.Timeout(connect=3, read=12)  # the cluster gives its own webhooks 10 s
QUICK = urllib3.Timeout(connect=2, read=3)
TRIES = 3
BUDGET_S = 10.0  # no try begins after that: a step of a deployment has half a minute
PAUSE_S = 0.3
LONGEST_PAUSE_S = 2.0
PAGE = 250

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Which cluster: a kubeconfig and a context of it, or, with neither, that of the pod or the default file."""

    kubeconfig: str = ""
    context: str = ""


class Connection:
    """Requests to one API server. Everything sent here may be sent twice without harm, so it is tried again."""

    def __init__(self, address: ClusterAddress, pause_s: float = PAUSE_S) -> None:
        self.address = address
        self.pause_s = pause_s
        self.lock = threading.Lock()
        self.known: ApiClient | None = None
        self.tries, self.timeout = TRIES, TIMEOUT

    def quick(self) -> Connection:
        """The same, but each request is tried once, and not for long."""
        self._client()
        other = copy.copy(self)
        other.tries, other.timeout = 1, QUICK
        return other

    def get(self, path: str) -> Object:
        return self._call(Request("GET", path))

    def glance(self, path: str) -> Object:
        """Once, and not for long."""
        return self.quick().get(path)

    def find(self, path: str) -> Object | None:
        """None when there is no such object. A missing API or namespace is an error."""
        answer = self._send(Request("GET", path))
        if isinstance(answer, Refusal):
            if answer.is_absent_object:
                return None
            raise error_of(answer)
        return answer

    def items(self, path: str, selector: str = "", fields: str = "") -> Iterator[Object]:
        """Every page. A list that expired between two pages begins anew; an object may then come twice."""
        token, restarts = "", 0
        while True:
            asked = {"limit": str(PAGE), "labelSelector": selector, "fieldSelector": fields, "continue": token}
            query = urlencode({name: value for name, value in asked.items() if value})
            answer = self._send(Request("GET", f"{path}?{query}"))
            if isinstance(answer, Refusal):
                if answer.status == 410 and restarts < TRIES:
                    token, restarts = "", restarts + 1
                    continue
                raise error_of(answer)
            yield from answer.get("items") or []
            token = (answer.get("metadata") or {}).get("continue") or ""
            if not token:
                return

    def apply(self, path: str, content: Mapping[str, Any], *, force: bool = False) -> Object:
        """Server-side apply of what is ours. FieldsOwned when another manager owns a part of it."""
        query = f"fieldManager={FIELD_MANAGER}&force={'true' if force else 'false'}"
        return self._call(Request("PATCH", f"{path}?{query}", dict(content), APPLY))

    def merge(self, path: str, content: Mapping[str, Any]) -> Object:
        return self._call(Request("PATCH", f"{path}?fieldManager={FIELD_MANAGER}", dict(content), MERGE))

    def delete(self, path: str, uid: str | None = None) -> None:
        """Absent, or another object of that name by now, is no error."""
        options: Object = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        answer = self._send(Request("DELETE", path, options))
        if isinstance(answer, Refusal) and not answer.is_absent_object and answer.status != 409:
            raise error_of(answer)

    def _call(self, request: Request) -> Object:
        answer = self._send(request)
        if isinstance(answer, Refusal):
            raise error_of(answer)
        return answer

    def _send(self, request: Request) -> Object | Refusal:
        """Unavailable when it does not answer at all, however often it is asked."""
        end, turn = time.monotonic() + BUDGET_S, 1
        while True:
            is_last = turn >= self.tries or time.monotonic() > end
            try:
                status, headers, body = self._request(request)
            except urllib3.exceptions.HTTPError as exc:
                if is_last:
                    raise Unavailable("The Kubernetes cluster does not answer.") from exc
                self._pause(turn, "")
            else:
                found = _object_in(headers.get("content-type", ""), body)
                if 200 <= status < 300 and found is not None:
                    return found
                refusal = Refusal(request, status, found)
                if is_last or not refusal.is_passing:
                    return refusal
                self._pause(turn, headers.get("retry-after", ""))
            turn += 1

    def _pause(self, turn: int, retry_after: str) -> None:
        asked = float(retry_after) if retry_after.isdecimal() else 0.0
        time.sleep(min(max(self.pause_s * turn, asked), LONGEST_PAUSE_S))

    def _request(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        """Past the client's own request: it turns answers into exceptions and loses half of what they say."""
        api = self._client()
        headers = {"accept": "application/json", "user-agent": "faasweb", "content-type": request.content_type}
        api.update_params_for_auth(headers, [], ["BearerToken"])  # refreshes a token that runs out
        body = None if request.content is None else json.dumps(request.content).encode()
        answer = api.rest_client.pool_manager.request(
            request.method,
            api.configuration.host + request.path,
            body=body,
            headers=headers,
            timeout=self.timeout,
            retries=False,
        )
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data

    def _client(self) -> ApiClient:
        with self.lock:
            if self.known is None:
                self.known = ApiClient(_configuration(self.address))
            return self.known


def _configuration(address: ClusterAddress) -> Configuration:
    """Unavailable while no cluster is named, or what names it can't be read."""
    found = Configuration()
    try:
        if address.kubeconfig or address.context:
            load_kube_config(address.kubeconfig or None, address.context or None, client_configuration=found)
            return found
        try:
            load_incluster_config(client_configuration=found)
        except ConfigException:  # not in a pod
            load_kube_config(client_configuration=found)
    except (ConfigException, OSError, ValueError, TypeError, yaml.YAMLError) as exc:
        named = f"The kubeconfig{f' with context {address.context}' if address.context else ''} can't be used"
        absent = "No Kubernetes cluster is named"
        raise Unavailable(
            f"{named if address.kubeconfig or address.context else absent}: set KUBECONFIG to the path of a "
            "kubeconfig (and FAASWEB_KUBE_CONTEXT to one of its contexts), or run in a pod with a service account."
        ) from exc
    return found


def _object_in(content_type: str, body: bytes) -> Object | None:
    """What is not JSON says nothing: ``404 page not found`` in plain text, or a proxy's page."""
    if "json" not in content_type:
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def segment(text: str) -> str:
    """A part of a path, whatever it holds."""
    return quote(text, safe="")
