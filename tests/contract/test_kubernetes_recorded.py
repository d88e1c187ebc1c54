"""What API servers answered once, replayed: refusals and shapes that a test can't bring a real server to give."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from faasweb.adapters.runtime.kubernetes_cluster import KubernetesCluster
from faasweb.adapters.runtime.kubernetes_connection import ClusterAddress, Connection
from faasweb.adapters.runtime.kubernetes_errors import FieldsOwned
from faasweb.adapters.runtime.kubernetes_state import endpoint_of
from faasweb.domain.errors import ClusterRefused, NamespaceMissing, NotFound, Unavailable
from faasweb.domain.spinapps import AppDefaults, AppOptions, AppSpec

RECORDED = Path(__file__).parent / "recorded" / "kubernetes"
APPS = "/apis/core.spinkube.dev/v1alpha1/namespaces/default/spinapps"
GREET = AppSpec("default", "greet", "registry.example.com/greet:1", options=AppOptions(use_spot=False))
Answer = tuple[int, str, bytes, dict[str, str]]


def recorded(case: str) -> Answer:
    answer = json.loads((RECORDED / f"{case}.json").read_text())["response"]
    body = answer["text"] if "text" in answer else json.dumps(answer["body"])
    return answer["status"], answer["content_type"], body.encode(), {}


def plain(status: int, text: str = "", content_type: str = "text/html", **headers: str) -> Answer:
    return status, content_type, text.encode(), headers


def spoken(status: int, **body: Any) -> Answer:
    return status, "application/json", json.dumps(body).encode(), {}


LAST_PAGE = spoken(200, items=[], metadata={})


class Replay:
    """A server that gives the answers it was told, the last one of a request again and again."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[Answer]] = {}
        self.asked: list[tuple[str, str, Any]] = []

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, path] = list(answers)

    def answer(self, method: str, path: str, body: Any) -> Answer:
        self.asked.append((method, path, body))
        known = self.answers.get((method, path.partition("?")[0])) or [recorded("spinapp_get_404")]
        return known.pop(0) if len(known) > 1 else known[0]


def handler_of(replay: Replay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, content_type, body, headers = replay.answer(
                self.command, self.path, json.loads(sent) if sent else None
            )
            if status == 0:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"content-type": content_type, "content-length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *args: object) -> None:
            """Quiet."""

    return Handler


@pytest.fixture
def replay() -> Replay:
    return Replay()


@pytest.fixture
def connection(replay: Replay, tmp_path: Path) -> Iterator[Connection]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(replay)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        address = ClusterAddress(str(kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_port}")))
        found = Connection(address, pause_s=0.01)
        yield found
        if found.known is not None:
            found.known.rest_client.pool_manager.clear()
        server.shutdown()
        thread.join()


def kubeconfig(folder: Path, url: str) -> Path:
    path = folder / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def cluster(connection: Connection) -> KubernetesCluster:
    return KubernetesCluster(connection, AppDefaults(), patience_s=0)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("unauthorized_401", "does not accept who we are"),
        ("rbac_get_403", "allow the verbs get on spinapps of core.spinkube.dev"),
        ("spinapp_get_crd_missing_404", "SpinKube is not installed in this cluster"),
    ],
)
def test_a_refused_look_says_what_to_do(replay, cluster, case, words):
    replay.on("GET", f"{APPS}/greet", recorded(case))
    replay.on("GET", "/api/v1/namespaces/default", spoken(200, kind="Namespace"))
    with pytest.raises(ClusterRefused) as refused:
        cluster.apply(GREET)
    assert words in refused.value.message


@pytest.mark.parametrize("case", ["anonymous_403", "rbac_get_403"])
def test_a_list_that_is_not_allowed_names_its_verb(replay, cluster, case):
    replay.on("GET", APPS, recorded(case))
    with pytest.raises(ClusterRefused, match="allow the verbs list on spinapps"):
        cluster.list("default")


@pytest.mark.parametrize("case", ["rbac_apply_403", "rbac_patch_without_create_apply_403"])
def test_an_apply_that_is_not_allowed_names_both_verbs_also_when_nothing_is_explained(replay, cluster, case):
    replay.on("PATCH", f"{APPS}/greet", recorded(case))
    with pytest.raises(ClusterRefused, match="patch and create spinapps in namespace default"):
        cluster.apply(GREET)


def test_a_namespace_is_missing_when_nothing_can_be_made_in_it(replay, cluster):
    replay.on("PATCH", f"{APPS}/greet", recorded("spinapp_create_namespace_missing_404"))
    with pytest.raises(NamespaceMissing, match=r"\ANamespace 'default' not found\Z"):
        cluster.apply(GREET)


def test_rights_that_are_missing_because_the_namespace_is_are_told_as_that(replay, cluster):
    replay.on("GET", f"{APPS}/greet", recorded("rbac_get_403"))
    replay.on("GET", "/api/v1/namespaces/default", recorded("namespace_get_404"))
    with pytest.raises(NamespaceMissing, match="Namespace 'default' not found"):
        cluster.apply(GREET)


def test_an_app_that_is_still_being_deleted_is_waited_for(replay, cluster):
    replay.on("PATCH", f"{APPS}/greet", recorded("spinapp_create_while_deleting_409"))
    with pytest.raises(Unavailable, match="still being deleted"):
        cluster.apply(GREET)


def test_a_change_at_the_same_moment_is_tried_again_later(replay, cluster):
    replay.on("PATCH", f"{APPS}/greet", recorded("spinapp_replace_stale_409"))
    with pytest.raises(Unavailable, match="changed by somebody else at this moment"):
        cluster.apply(GREET)


def test_what_is_invalid_is_told_by_field(replay, cluster):
    replay.on("PATCH", f"{APPS}/greet", recorded("spinapp_apply_invalid_422"))
    with pytest.raises(ClusterRefused, match=r"spinapps greet \(422\): spec.replicas: Invalid value"):
        cluster.apply(GREET)


def test_what_an_admission_webhook_says_is_passed_on(replay, cluster):
    said = 'admission webhook "vspinapp.kb.io" denied the request: executor "wasmtime" not found'
    replay.on("PATCH", f"{APPS}/greet", spoken(403, reason="Forbidden", message=said))
    with pytest.raises(ClusterRefused, match='executor "wasmtime" not found'):
        cluster.apply(GREET)


def test_a_namespace_that_is_being_deleted_takes_nothing(replay, cluster):
    details = {"causes": [{"reason": "NamespaceTerminating"}]}
    replay.on("PATCH", f"{APPS}/greet", spoken(403, reason="Forbidden", message="forbidden", details=details))
    with pytest.raises(ClusterRefused, match="Namespace 'default' is being deleted"):
        cluster.apply(GREET)


def test_fields_of_another_manager_are_taken_back_and_it_is_told(replay, cluster):
    app = recorded("spinapp_get_with_status_200")
    replay.on("GET", f"{APPS}/greet", app)
    replay.on("PATCH", f"{APPS}/greet", recorded("spinapp_apply_conflict_409"), recorded("spinapp_apply_update_200"))
    status = cluster.apply(GREET)
    forced = [path.partition("force=")[2] for method, path, _body in replay.asked if method == "PATCH"]
    assert forced == ["false", "true"]
    assert status.notes[0] == "faas had set .spec.image: it is as deployed here again."


def test_who_owns_a_field_is_known_from_the_conflict(replay, connection):
    replay.on("PATCH", f"{APPS}/greet", recorded("spinapp_apply_conflict_409"))
    with pytest.raises(FieldsOwned) as owned:
        connection.apply(f"{APPS}/greet", {})
    assert (owned.value.owners, owned.value.fields) == (["faas"], [".spec.image"])


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("service_get_cluster_ip_200", ("found", "greet.default.svc.cluster.local")),
        ("service_get_headless_200", ("pending", None)),
        ("service_get_404", ("not_found", None)),
        ("rbac_get_403", ("pending", None)),
    ],
)
def test_the_endpoint_is_what_the_service_says(replay, connection, case, expected):
    replay.on("GET", "/api/v1/namespaces/default/services/greet", recorded(case))
    assert endpoint_of(connection, "default", "greet")[:2] == expected


def test_a_list_is_read_to_its_end(replay, connection):
    replay.on("GET", APPS, recorded("spinapp_list_page1_200"), recorded("spinapp_list_page2_200"), LAST_PAGE)
    names = [item["metadata"]["name"] for item in connection.items(APPS, "a=b")]
    assert len(names) == len(set(names)) >= 2
    assert ["continue=" in path for _method, path, _body in replay.asked] == [False, True, True]
    assert all("labelSelector=a%3Db" in path for _method, path, _body in replay.asked)


def test_a_list_that_expires_between_two_pages_begins_anew(replay, connection):
    expired = spoken(410, reason="Expired", message="too old")
    replay.on("GET", APPS, recorded("spinapp_list_page1_200"), expired, LAST_PAGE)
    assert list(connection.items(APPS))
    assert ["continue=" in path for _method, path, _body in replay.asked] == [False, True, False]


def test_an_autoscaler_is_written_in_the_newest_version_that_is_served(replay, cluster):
    versions = [{"version": "v2"}, {"version": "v1"}]
    replay.on("GET", "/apis/autoscaling", spoken(200, kind="APIGroup", versions=versions))
    made = spoken(201, metadata={"resourceVersion": "1"})
    path = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/greet-hpa"
    replay.on("PATCH", path, made)
    replay.on("PATCH", f"{APPS}/greet", made)
    with pytest.raises(NotFound):  # nothing answers the look at the end
        cluster.apply(GREET)
    (body,) = [body for method, asked, body in replay.asked if method == "PATCH" and asked.startswith(path)]
    assert body["apiVersion"] == "autoscaling/v2"
    assert body["spec"]["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 50}


@pytest.mark.parametrize("case", ["spinapp_delete_404", "spinapp_delete_precondition_409"])
def test_deleting_what_is_gone_or_another_by_now_is_no_error(replay, connection, case):
    replay.on("DELETE", f"{APPS}/greet", recorded(case))
    connection.delete(f"{APPS}/greet", "some-uid")
    assert replay.asked[0][2]["preconditions"] == {"uid": "some-uid"}


@pytest.mark.parametrize(
    "trouble",
    [
        plain(429, "slow down", retry_after="0"),
        plain(503, "<h1>no upstream</h1>"),
        plain(500, "oops", "text/plain"),
        plain(0),
        plain(200, "<h1>sign in</h1>"),
    ],
    ids=["429", "503", "500", "cut", "a proxy's page"],
)
def test_what_passes_is_tried_again_and_then_told(replay, connection, trouble):
    good = spoken(200, kind="SpinApp")
    if trouble[0] != 200:
        replay.on("GET", f"{APPS}/greet", trouble, trouble, good)
        assert connection.find(f"{APPS}/greet") == {"kind": "SpinApp"}
    replay.on("GET", f"{APPS}/greet", trouble)
    with pytest.raises(Unavailable, match="cluster"):
        connection.find(f"{APPS}/greet")


def test_who_looks_on_asks_once(replay, cluster):
    replay.on("GET", f"{APPS}/greet", plain(503))
    with pytest.raises(Unavailable):
        cluster.status("default", "greet", quick=True)
    assert len(replay.asked) == 1
    with pytest.raises(Unavailable):
        cluster.status("default", "greet")
    assert len(replay.asked) == 4


def test_a_cluster_that_is_not_there_is_told_and_not_for_long(tmp_path):
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        config = kubeconfig(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}")
        cluster = KubernetesCluster(Connection(ClusterAddress(str(config)), pause_s=0.01), AppDefaults())
        assert cluster.ready() == "The Kubernetes cluster does not answer."


def test_our_token_is_sent_and_a_manager_of_our_own(replay, connection):
    replay.on("PATCH", f"{APPS}/greet", recorded("spinapp_apply_create_201"))
    assert connection.apply(f"{APPS}/greet", {"kind": "SpinApp"})["kind"] == "SpinApp"
    assert "fieldManager=faasweb" in replay.asked[0][1]


@pytest.mark.parametrize("content", ["", "a: [", "just text", "clusters: 1", "current-context: x"])
def test_a_kubeconfig_that_is_none_is_told_in_one_sentence(tmp_path, content):
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    told = KubernetesCluster(Connection(ClusterAddress(str(path))), AppDefaults()).ready() or ""
    assert told.startswith("The kubeconfig can't be used: set KUBECONFIG")
