"""The client against a server that is a real process, over a real socket."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reviewer.engine.client import wire
from reviewer.engine.client.client import EngineClient
from reviewer.engine.client.endpoint import Endpoint
from reviewer.errors import (
    ConfigError,
    EngineDiedError,
    EngineError,
    EngineRequestError,
    EngineUnreachableError,
    InferenceTimeoutError,
    PromptTooLongError,
    ReviewerError,
)
from tests.fake_engine import HAS_UDS, SERVED_NAME, FakeEngine, Rule, Script

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

HELLO = [{"role": "user", "content": "hello there"}]
KEY = "sk-very-secret"


@pytest.fixture(scope="module")
def engine() -> Iterator[FakeEngine]:
    with FakeEngine() as running:
        yield running


def use(endpoint: Endpoint, action: Callable[[EngineClient], Awaitable[Any]], **options: Any) -> Any:
    async def run() -> Any:
        async with EngineClient(endpoint, **options) as client:
            return await action(client)

    return asyncio.run(run())


def ask(endpoint: Endpoint, *, timeout: float = 10, **options: Any) -> Any:
    return use(endpoint, lambda client: client.chat(HELLO, max_tokens=32, timeout=timeout, **options))


def replied(response: httpx.Response) -> Any:
    """Ask with the network replaced by one response."""
    endpoint = Endpoint("http://localhost", api_key=KEY, served_name=SERVED_NAME)
    network = httpx.MockTransport(lambda _: response)
    return use(endpoint, lambda client: client.chat(HELLO, max_tokens=8), network=network)


class TestAnswers:
    def test_chat(self, engine: FakeEngine) -> None:
        engine.update(Rule(text="four words of text"))
        answer = ask(engine.endpoint)
        assert (answer.text, answer.finish_reason) == ("four words of text", "stop")
        assert (answer.prompt_tokens, answer.completion_tokens) == (2, 4)
        assert 0 < answer.seconds < 10

    def test_request_contains_the_options(self, engine: FakeEngine) -> None:
        engine.update()
        schema = {"type": "object", "properties": {"line": {"enum": [3, 7]}}, "required": ["line"]}
        answer = ask(
            engine.endpoint, temperature=0.3, schema=schema, seed=5, stop=("END",), extra={"reasoning_effort": "low"}
        )
        assert json.loads(answer.text) == {"line": 3}
        body = engine.requests("/v1/chat/completions")[-1]["body"]
        assert body["response_format"]["json_schema"]["schema"] == schema
        del body["response_format"]
        assert body == {
            "model": SERVED_NAME, "messages": HELLO, "max_tokens": 32, "temperature": 0.3, "seed": 5, "stop": ["END"],
            "reasoning_effort": "low",
        }  # fmt: skip

    def test_absent_options_are_not_sent(self, engine: FakeEngine) -> None:
        ask(engine.endpoint)
        body = engine.requests("/v1/chat/completions")[-1]["body"]
        assert set(body) == {"model", "messages", "max_tokens", "temperature"}

    def test_truncated_answer_is_marked(self, engine: FakeEngine) -> None:
        engine.update(Rule(json={"explanation": "cut"}, finish_reason="length"))
        assert ask(engine.endpoint).finish_reason == "length"

    def test_log_probabilities(self, engine: FakeEngine) -> None:
        engine.update(Rule(text="yes", yes=0.75))
        (first,) = ask(engine.endpoint, logprobs=True).logprobs
        assert first["yes"] == pytest.approx(-0.2877, abs=1e-3)
        assert set(first) == {"yes", "no"}
        assert ask(engine.endpoint).logprobs == ()

    def test_raw_completion(self, engine: FakeEngine) -> None:
        engine.update(Rule(match="^<fim>", path="/v1/completions", text="return 1"))
        assert use(engine.endpoint, lambda client: client.complete("<fim>def f", max_tokens=8)).text == "return 1"
        assert "messages" not in engine.requests("/v1/completions")[-1]["body"]

    def test_stream(self, engine: FakeEngine) -> None:
        engine.update(Rule(text="one two three"))
        assert use(engine.endpoint, _pieces) == ["one", " two", " three"]

    def test_leaving_a_stream_early_ends_the_request(self, engine: FakeEngine) -> None:
        engine.update(Rule(text="one two three four", gap=0.2))

        async def first(client: EngineClient) -> str:
            async with aclosing(client.stream(HELLO, max_tokens=8)) as pieces:
                return await anext(pieces)

        assert use(engine.endpoint, first) == "one"

    def test_health_models_and_metrics(self, engine: FakeEngine) -> None:
        engine.update()
        assert use(engine.endpoint, lambda client: client.health()) is True
        (model,) = use(engine.endpoint, lambda client: client.models())
        assert (model["id"], model["max_model_len"]) == (SERVED_NAME, 4096)
        assert use(engine.endpoint, lambda client: client.metrics())["vllm:request_success_total"] > 0

    def test_an_unknown_model_name_is_asked_of_the_server(self, engine: FakeEngine) -> None:
        endpoint = Endpoint(engine.endpoint.url, uds=engine.endpoint.uds)
        ask(endpoint)
        assert engine.requests("/v1/chat/completions")[-1]["body"]["model"] == SERVED_NAME

    def test_all_requests_are_open_at_once(self, engine: FakeEngine) -> None:
        engine.update(Rule(delay=0.7))

        async def many(client: EngineClient) -> None:
            await asyncio.gather(*(client.chat(HELLO, max_tokens=8) for _ in range(130)))

        use(engine.endpoint, many)
        assert max(request["in_flight"] for request in engine.requests()) >= 128

    def test_tcp_with_a_key(self) -> None:
        with FakeEngine(tcp=True, api_key=KEY) as engine:
            assert engine.endpoint.is_local
            assert ask(engine.endpoint).text == "OK."

    def test_answer_without_usage_or_content(self) -> None:
        answer = replied(
            httpx.Response(200, json={"choices": [{"message": {"content": None}, "finish_reason": "length"}]})
        )
        assert (answer.text, answer.finish_reason, answer.prompt_tokens) == ("", "length", 0)

    def test_analysis_of_a_reasoning_model_is_not_the_answer(self) -> None:
        message = {"content": "final", "reasoning_content": "hm", "reasoning": "hm"}
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}
        answer = replied(httpx.Response(200, json={"choices": [{"message": message}], "usage": usage}))
        assert (answer.text, answer.cached_tokens) == ("final", 8)


async def _pieces(client: EngineClient, **options: Any) -> list[str]:
    return [piece async for piece in client.stream(HELLO, max_tokens=32, **options)]


class TestFailures:
    @pytest.mark.parametrize("stream", [False, True])
    def test_nothing_listens(self, tmp_path: Path, stream: bool) -> None:
        port = _closed_port()
        for endpoint in (Endpoint("http://localhost", uds=tmp_path / "no"), Endpoint(f"http://127.0.0.1:{port}")):
            target = Endpoint(endpoint.url, uds=endpoint.uds, served_name="m")
            started = time.monotonic()
            with pytest.raises(EngineUnreachableError, match="nothing answers") as caught:
                use(target, _pieces) if stream else ask(target)
            assert time.monotonic() - started < 30
            assert caught.value.hint == "reviewer engine start"

    def test_host_that_drops_packets_is_unreachable_within_a_second(self) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            address = listener.getsockname()
            fillers = [socket.socket() for _ in range(3)]  # a full backlog drops new connections
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            started = time.monotonic()
            try:
                with pytest.raises(EngineUnreachableError):
                    ask(Endpoint(f"http://127.0.0.1:{address[1]}", served_name="m"))
                assert time.monotonic() - started < 30  # the kernel alone would try for two minutes
            finally:
                for filler in fillers:
                    filler.close()

    @pytest.mark.skipif(not HAS_UDS, reason="needs Unix sockets")
    def test_stale_socket(self, engine: FakeEngine) -> None:
        stale = engine.folder / "stale"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(stale))
        with pytest.raises(EngineUnreachableError):
            ask(Endpoint("http://localhost", uds=stale, served_name="m"))

    @pytest.mark.parametrize("rule", [Rule(die=True), Rule(cut=True)], ids=["dies", "cuts"])
    @pytest.mark.parametrize("stream", [False, True])
    def test_broken_off_in_the_middle(self, rule: Rule, stream: bool) -> None:
        rule.text = "one two three four five six"
        with FakeEngine(Script(rules=[rule])) as engine, pytest.raises(EngineDiedError, match="died"):
            use(engine.endpoint, _pieces) if stream else ask(engine.endpoint)

    def test_gone_after_it_answered(self) -> None:
        with FakeEngine() as engine:

            async def twice(client: EngineClient) -> None:
                await client.chat(HELLO, max_tokens=8)
                engine.stop()
                await client.chat(HELLO, max_tokens=8)

            with pytest.raises(EngineDiedError):
                use(engine.endpoint, twice)

    @pytest.mark.parametrize("stream", [False, True])
    def test_slow_answer(self, engine: FakeEngine, stream: bool) -> None:
        engine.update(Rule(text="one two three four five", delay=0.0 if stream else 30, gap=10))
        started = time.monotonic()
        with pytest.raises(InferenceTimeoutError, match=r"within 0\.5 s"):
            use(engine.endpoint, lambda c: _pieces(c, timeout=0.5)) if stream else ask(engine.endpoint, timeout=0.5)
        assert time.monotonic() - started < 30

    def test_time_out_is_a_time_out_error(self) -> None:
        assert issubclass(InferenceTimeoutError, TimeoutError)

    def test_prompt_too_long(self) -> None:
        with FakeEngine(Script(max_model_len=40)) as engine:
            with pytest.raises(PromptTooLongError, match=r"40 tokens.* 6\d input tokens") as caught:
                use(engine.endpoint, lambda client: client.chat([{"role": "user", "content": "w " * 60}], max_tokens=8))
            assert "smaller change" in (caught.value.hint or "")

    @pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
    @pytest.mark.parametrize("stream", [False, True])
    def test_refusal_is_quoted_and_bounded(self, engine: FakeEngine, status: int, stream: bool) -> None:
        engine.update(Rule(status=status, text="the reason\x1b[31m" + "x" * 5000))
        with pytest.raises(EngineRequestError, match=f"HTTP {status}: the reason") as caught:
            use(engine.endpoint, _pieces) if stream else ask(engine.endpoint)
        assert len(str(caught.value)) < 600
        assert "\x1b" not in str(caught.value)

    def test_a_server_that_has_lost_its_engine_counts_as_dead(self, engine: FakeEngine) -> None:
        said = "EngineCore encountered an issue. See stack trace (above) for the root cause."
        engine.update(Rule(status=500, text=said))
        with pytest.raises(EngineDiedError, match=r"died: EngineCore"):
            ask(engine.endpoint)
        with pytest.raises(EngineDiedError, match=r"broke off its answer: EngineCore"):
            wire.read_delta("data: " + json.dumps({"error": {"message": said, "code": 500}}))

    def test_wrong_key_names_the_variable_and_never_the_key(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        with FakeEngine(tcp=True, api_key="another") as engine:
            endpoint = Endpoint(engine.endpoint.url, api_key=KEY, served_name=SERVED_NAME)
            with pytest.raises(EngineRequestError, match="refused the key") as caught:
                ask(endpoint)
        assert "REVIEWER_" in str(caught.value)
        for text in (str(caught.value), repr(endpoint), caplog.text):
            assert KEY not in text

    def test_server_that_echoes_the_key(self) -> None:
        with pytest.raises(EngineRequestError) as caught:
            replied(httpx.Response(500, json={"error": {"message": f"bad key {KEY}"}}))
        assert KEY not in str(caught.value)

    def test_redirect_is_not_followed(self) -> None:
        with pytest.raises(EngineRequestError, match=r"redirects to https://evil\.example/"):
            replied(httpx.Response(307, headers={"Location": "https://evil.example/"}))

    @pytest.mark.parametrize(
        "content",
        [
            b"", b"<html>hello</html>", b"null", b"[]", b"{}", b'{"choices": []}', b'{"choices": [7]}',
            b'{"choices": [{"message": {"content": 7}}]}', b'{"choices": [{"text": "x", "finish_reason": 3}]}',
            b"[" * 200_000, b"\xff\xfe\x00",
        ],
        ids=range(11),
    )  # fmt: skip
    def test_absurd_reply(self, content: bytes) -> None:
        with pytest.raises(EngineRequestError, match="reply is not") as caught:
            replied(httpx.Response(200, content=content))
        assert len(str(caught.value)) < 500

    @pytest.mark.parametrize("line", ["data: {", "data: {}", 'data: {"choices": [{"delta": {"content": 7}}]}'])
    def test_absurd_stream(self, line: str) -> None:
        network = httpx.MockTransport(lambda _: httpx.Response(200, text=f"{line}\n\n"))
        with pytest.raises(EngineRequestError, match="reply is not"):
            use(Endpoint("http://localhost", served_name="m"), _pieces, network=network)

    def test_error_within_a_stream(self) -> None:
        events = (
            ": ping",
            'data: {"choices": [{"delta": {"content": "a"}}]}\r',
            'data: {"error": {"message": "no room"}}',
        )
        text = "".join(f"{event}\n\n" for event in events)
        network = httpx.MockTransport(lambda _: httpx.Response(200, text=text))
        with pytest.raises(EngineRequestError, match="broke off its answer: no room"):
            use(Endpoint("http://localhost", served_name="m"), _pieces, network=network)

    @pytest.mark.parametrize("packed", [False, True])
    def test_endless_reply_is_cut(self, packed: bool) -> None:
        content = b'{"choices": "' + b"x" * (17 * 2**20)
        headers = {"Content-Encoding": "gzip"} if packed else {}
        with pytest.raises(EngineRequestError, match="longer than 16 MiB"):
            replied(httpx.Response(200, content=gzip.compress(content) if packed else content, headers=headers))

    def test_server_without_a_model(self) -> None:
        network = httpx.MockTransport(lambda _: httpx.Response(200, json={"data": []}))
        with pytest.raises(EngineRequestError, match="serves no model"):
            use(Endpoint("http://localhost"), lambda c: c.chat(HELLO, max_tokens=8), network=network)

    def test_health_never_raises(self, tmp_path: Path) -> None:
        with FakeEngine(Script(healthy=False)) as engine:
            assert use(engine.endpoint, lambda client: client.health()) is False
        assert use(engine.endpoint, lambda client: client.health()) is False

    def test_health_of_a_server_without_that_route(self) -> None:
        network = httpx.MockTransport(
            lambda request: (
                httpx.Response(200, json={"data": []})
                if request.url.path == "/proxy/v1/models"
                else httpx.Response(404)
            )
        )
        endpoint = Endpoint.from_url("https://box.example/proxy/v1/")
        assert use(endpoint, lambda client: client.health(), network=network) is True

    def test_every_failure_is_an_engine_error_with_exit_code_3(self) -> None:
        for kind in (EngineUnreachableError, EngineDiedError, InferenceTimeoutError, PromptTooLongError):
            assert issubclass(kind, EngineError)
            assert kind.exit_code == 3


def test_local_requests_do_not_use_a_proxy_from_the_environment(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.update()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{_closed_port()}")
    assert ask(engine.endpoint).text == "OK."


@pytest.mark.parametrize(
    ("url", "base", "local", "encrypted"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", True, True),
        ("http://localhost:8000/v1", "http://localhost:8000", True, True),
        ("http://[::1]:8000/", "http://[::1]:8000", True, True),
        ("https://box.example/vllm/v1/", "https://box.example/vllm", False, True),
        ("http://10.0.0.7:8000", "http://10.0.0.7:8000", False, False),
        ("http://localhost.evil.example", "http://localhost.evil.example", False, False),
    ],
)
def test_url(url: str, base: str, local: bool, encrypted: bool) -> None:
    endpoint = Endpoint.from_url(url)
    assert (endpoint.url, endpoint.is_local, endpoint.is_encrypted) == (base, local, encrypted)


@pytest.mark.parametrize(
    "url",
    ["", "box:8000", "ftp://box", "http://", "http://user:pw@box", "http://box?key=1", "http://box:99999", "http://["],
)
def test_unusable_url(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Endpoint.from_url(url)
    assert isinstance(caught.value, ReviewerError)
    assert "pw" not in str(caught.value)


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
