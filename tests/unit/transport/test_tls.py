"""Which certificates are trusted, and what is spoken inside TLS."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest
import trustme

from clickasync.transport.tls import client_context


@pytest.fixture(autouse=True)
def _no_certificates_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_certifis_certificates_are_trusted() -> None:
    """Where the environment names none."""
    certifis = ssl.create_default_context(cafile=certifi.where())
    assert client_context().get_ca_certs(True) == certifis.get_ca_certs(True) != []


def test_a_file_of_the_environment_is_trusted_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's own certificate, and none besides."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert client_context().get_ca_certs(True) == [ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())]


def test_a_folder_of_the_environment_is_trusted_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the certificates of certifi besides."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert client_context().get_ca_certs() == []


def test_http_1_1_is_what_is_spoken_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has HTTP/2 too hears which one it is."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("gateway.test").configure_cert(theirs)
    theirs.set_alpn_protocols(["h2", "http/1.1"])
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context().wrap_bio(down, up, server_hostname="gateway.test")
    server = theirs.wrap_bio(up, down, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert client.selected_alpn_protocol() == "http/1.1"
