"""Where the key of an endpoint comes from, and where it never goes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from reviewer import AIModelManager, ModelConfig
from reviewer.errors import ConfigError, EngineRequestError
from tests.fake_engine import FakeEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio
KEY = "sk-very-secret"


class Fake(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}
        self.locked = False
        self.asked: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append(username)
        if self.locked:
            raise KeyringLocked("the owner said no")
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


@pytest.fixture
def ring() -> Iterator[Fake]:
    before, fake = keyring.get_keyring(), Fake()
    keyring.set_keyring(fake)
    yield fake
    keyring.set_keyring(before)


async def ask(url: str, **options: object) -> str:
    async with AIModelManager(ModelConfig(engine_url=url, **options)) as manager:  # type: ignore[arg-type]
        return await manager.generate_text("Hello?")


async def test_the_keyring_holds_a_key_for_each_endpoint(ring: Fake) -> None:
    with FakeEngine(tcp=True, api_key=KEY) as engine, FakeEngine(tcp=True) as other:
        ring.set_password("vllm-reviewer", engine.endpoint.url, KEY)
        url = f"{other.endpoint.url}, {engine.endpoint.url}/v1/"
        assert await ask(url, keyring=True) == "OK."
        assert ring.asked == [other.endpoint.url, engine.endpoint.url]
        assert engine.requests("/v1/models")[0]["headers"]["authorization"] == f"Bearer {KEY}"
        assert all("authorization" not in request["headers"] for request in other.requests())


async def test_the_setting_overrides_the_keyring(ring: Fake) -> None:
    with FakeEngine(tcp=True, api_key=KEY) as engine:
        assert await ask(engine.endpoint.url, keyring=True, api_key=KEY) == "OK."
        assert await ask(engine.endpoint.url, api_key=KEY) == "OK."
    assert ring.asked == []


async def test_the_error_for_a_missing_key_names_where_to_store_it(ring: Fake) -> None:
    with FakeEngine(tcp=True, api_key=KEY) as engine:
        with pytest.raises(EngineRequestError, match="requires a key") as caught:
            await ask(engine.endpoint.url, keyring=True)
        assert f"keyring set vllm-reviewer {engine.endpoint.url}" in (caught.value.hint or "")
    assert "REVIEWER_ENGINE_API_KEY" in (caught.value.hint or "")


async def test_a_locked_keyring_is_an_error(ring: Fake) -> None:
    ring.locked = True
    with pytest.raises(ConfigError, match="the owner said no") as caught:
        await ask("http://127.0.0.1:9", keyring=True)
    assert "REVIEWER_ENGINE_API_KEY" in (caught.value.hint or "")


async def test_the_package_is_needed_only_if_the_keyring_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with FakeEngine(tcp=True) as engine:
        assert await ask(engine.endpoint.url) == "OK."
        with pytest.raises(ConfigError, match="not installed") as caught:
            await ask(engine.endpoint.url, keyring=True)
    assert "[keyring]" in (caught.value.hint or "")
