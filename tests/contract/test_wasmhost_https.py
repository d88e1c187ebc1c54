"""Outgoing https: done by the host, with the certificate checked against the name that was asked for."""

import http.server
import shutil
import ssl
import subprocess
import threading
from urllib.parse import quote

import pytest

from tests.contract.wasmhost_process import WasmhostProcess, prepared_cache

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate"),
]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "6")
        self.end_headers()
        self.wfile.write(b"secure")

    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1: (certificate, key)."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *files], check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="module")
def website(certificate):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def fetch(data, url):
    process = WasmhostProcess(data, prepared_cache())
    try:
        process.deploy("probe", "fn-probe", allowed_outbound_hosts=["https://127.0.0.1:*", "https://localhost:*"])
        return process.call("fn-probe", f"/fetch?{quote(url)}").json
    finally:
        process.stop()


def test_a_trusted_certificate_is_accepted(tmp_path, monkeypatch, certificate, website):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert fetch(tmp_path, f"https://127.0.0.1:{website}/") == {"status": 200, "body": "secure"}


def test_an_unknown_certificate_is_refused(tmp_path, website):
    assert fetch(tmp_path, f"https://127.0.0.1:{website}/") == {"error": "ErrorCode_TlsCertificateError"}


def test_a_certificate_of_another_name_is_refused(tmp_path, monkeypatch, certificate, website):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert fetch(tmp_path, f"https://localhost:{website}/") == {"error": "ErrorCode_TlsCertificateError"}
