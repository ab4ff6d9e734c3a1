"""https with a throw-away CA: trusted, not trusted, another host's, and no TLS at all."""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from reviewer import AIModelManager
from reviewer.engine.client import tls
from reviewer.engine.client.client import EngineClient
from reviewer.engine.client.endpoint import Endpoint
from reviewer.errors import ConfigError, EngineCertificateError, EngineError, EngineUnreachableError
from tests.fake_engine import FakeEngine

if TYPE_CHECKING:
    from pathlib import Path

HELLO = [{"role": "user", "content": "hello there"}]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def certificate(authority: trustme.CA, host: str, path: Path) -> Path:
    authority.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(path)
    return path


def ask(endpoint: Endpoint) -> Any:
    async def run() -> Any:
        async with EngineClient(endpoint) as client:
            return (await client.chat(HELLO, max_tokens=8)).text

    return asyncio.run(run())


def test_a_private_ca_that_is_named_is_trusted(authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    with FakeEngine(tcp=True, certificate=certificate(authority, "127.0.0.1", tmp_path / "s.pem")) as engine:
        assert ask(Endpoint(engine.endpoint.url, ca_file=ca_file)) == "OK."

        async def through_the_manager() -> str:
            async with AIModelManager(engine_url=engine.endpoint.url, ca_file=str(ca_file)) as manager:
                return await manager.generate_text("Hello?")

        assert asyncio.run(through_the_manager()) == "OK."


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="their stores cannot be replaced for a test")
def test_the_system_store_is_asked(
    authority: trustme.CA, ca_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL's variable stands for the administrator who added a CA to the store."""
    with FakeEngine(tcp=True, certificate=certificate(authority, "127.0.0.1", tmp_path / "s.pem")) as engine:
        with pytest.raises(EngineCertificateError):
            ask(engine.endpoint)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
        assert ask(engine.endpoint) == "OK."


@pytest.mark.parametrize("named", [True, False], ids=["another host", "unknown CA"])
def test_nothing_is_sent_to_an_untrusted_server(
    authority: trustme.CA, ca_file: Path, tmp_path: Path, named: bool
) -> None:
    host = "gpu.example" if named else "127.0.0.1"
    with FakeEngine(tcp=True, certificate=certificate(authority, host, tmp_path / "s.pem")) as engine:
        endpoint = Endpoint(engine.endpoint.url, api_key="hush", ca_file=ca_file if named else None)
        with pytest.raises(EngineCertificateError) as caught:
            ask(endpoint)
        assert engine.requests() == []
    assert engine.endpoint.url in caught.value.message
    assert ("not valid for" in caught.value.message) == named
    assert "REVIEWER_ENGINE_CA_FILE" in (caught.value.hint or "")
    assert isinstance(caught.value, EngineError)
    assert caught.value.exit_code == 3


def test_https_to_a_server_without_tls_is_explained(ca_file: Path) -> None:
    with FakeEngine(tcp=True) as engine, pytest.raises(EngineUnreachableError, match="no encrypted connection") as bad:
        ask(Endpoint(engine.endpoint.url.replace("http:", "https:"), served_name="m", ca_file=ca_file))
    assert "http://" in (bad.value.hint or "")


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_without_certificates_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ca\.pem cannot be read"):
        ask(Endpoint("https://127.0.0.1:9", ca_file=path))


def test_plain_http_does_not_read_the_trust_store() -> None:
    assert tls.context(Endpoint("http://127.0.0.1:8000")).cert_store_stats()["x509"] == 0


def test_a_client_of_a_socket_loads_no_authorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    def create(**options: object) -> ssl.SSLContext:
        loaded.append(options)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(ssl, "create_default_context", create)
    plain = Endpoint("http://localhost", uds=tmp_path / "s", served_name="m")
    with pytest.raises(EngineUnreachableError):
        ask(plain)
    assert loaded == []  # 70 ms, and 0.8 MiB in cycles for each connection to an engine that came back
