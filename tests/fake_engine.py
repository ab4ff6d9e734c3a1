"""A fake model server as a real process: it speaks vLLM's HTTP API and does what a script tells it.

In a test::

    with FakeEngine(Script(rules=[Rule(match="def average", json={"explanation": "…", "findings": []})])) as engine:
        ...  # engine.endpoint leads to it
        assert len(engine.requests("/v1/chat/completions")) == 1

Where no rule matches, the reply is the smallest instance of the request's JSON schema, or "OK." without one.
As the command of a ``ServerSpec``: ``ServerSpec(argv=tuple(script.argv(folder)), ...)``. Flags it does not know are
ignored, so that it accepts vLLM's own command line.

Standard library only, and nothing of the package is imported by the process: it must start in a blink.
"""

# ruff: noqa: T201 - a process whose output is a log
from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from reviewer.engine.client.endpoint import Endpoint

SERVED_NAME = "fake"
HAS_UDS = hasattr(socket, "AF_UNIX")


@dataclass
class Rule:
    """What to do with a request whose prompt (all messages, one per line) matches; the first rule that fits is taken.

    Attributes:
        match: Regular expression, searched over lines; the empty one fits every prompt.
        path: Only for this route, such as ``/v1/completions``; for a GET route it must be named.
        text, json: The reply's content.
        raw: The body of the whole HTTP reply, in place of a completion.
        status: HTTP status; one other than 200 sends ``text`` as an OpenAI error.
        headers: More headers of the reply.
        finish_reason: ``"length"`` also cuts the text to its first half.
        delay: Seconds to wait before the reply, and ``gap`` between the pieces of a stream.
        die: Exit in the middle of the reply (``"os"`` kills the whole process).
        cut: Close the connection in the middle of the reply, and go on serving others.
        yes: Probability of "yes" as the first token, where log-probabilities are asked for.
        sure: Log-probability of the first token, where they are asked for.
        times: Use the rule this often only.
    """

    match: str = ""
    path: str | None = None
    text: str | None = None
    json: Any = None
    raw: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    finish_reason: str = "stop"
    delay: float = 0.0
    gap: float = 0.0
    die: bool = False
    cut: bool = False
    yes: float | None = None
    sure: float = -0.1
    times: int | None = None


@dataclass
class Script:
    """How the server behaves from its start.

    Attributes:
        rules: Tried in order for each request.
        ready_after: Seconds until it listens.
        log: Lines printed while it starts, spread over ``ready_after``.
        die: Exit while starting, after the log, with this code.
        children: Worker processes to start, like vLLM's; ``strays`` leave the session and lose their parent.
        stubborn: Ignore SIGTERM, children too.
        ballast_mb: Memory to hold, in MB.
        max_model_len: Context length in tokens; a token is a word or a sign.
        metrics: Values to add to those of ``/metrics``.
        healthy: Answer of ``/health`` once it listens.
    """

    rules: list[Rule] = field(default_factory=list)
    ready_after: float = 0.0
    log: list[str] = field(default_factory=list)
    die: int | None = None
    children: int = 0
    strays: int = 0
    stubborn: bool = False
    ballast_mb: int = 0
    max_model_len: int = 4096
    metrics: dict[str, float] = field(default_factory=dict)
    healthy: bool = True

    def write(self, path: Path) -> None:
        """Store it for the process; a running one takes up the new rules with its next request."""
        aside = path.with_suffix(".tmp")
        aside.write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")
        aside.replace(path)

    @classmethod
    def read(cls, path: Path) -> Script:
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(**data | {"rules": [Rule(**rule) for rule in data["rules"]]})

    def argv(self, folder: Path) -> list[str]:
        """A command that serves it; the script and the log of requests lie in ``folder``."""
        script = folder / "script.json"
        self.write(script)
        return [sys.executable, str(Path(__file__).resolve()), "--script", str(script)]


class FakeEngine:
    """Runs the server for one test; a context manager.

    Args:
        script: What it does; ``engine.script`` may be changed later and given to ``update``.
        tcp: Listen on loopback instead of a Unix socket.
        api_key: The key that it wants.
        wait: Wait until it answers.
        certificate: PEM file of key and certificates; it speaks https then.
        name: The name of its model.
    """

    def __init__(
        self, script: Script | None = None, *, tcp: bool = not HAS_UDS, api_key: str | None = None, wait: bool = True,
        certificate: Path | None = None, name: str = SERVED_NAME,
    ) -> None:  # fmt: skip
        self.script = script or Script()
        self._api_key = api_key
        self._wait = wait
        self._certificate = certificate
        self._name = name
        # A Unix socket's path is bounded at 108 bytes; pytest's own folders are too deep for it.
        self.folder = Path(tempfile.mkdtemp(prefix="fake-"))
        self.uds = None if tcp else self.folder / "s"
        self.port = _free_port() if tcp else 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it answers."""
        from reviewer.engine.client.endpoint import Endpoint

        scheme = "https" if self._certificate else "http"
        url = "http://localhost" if self.uds else f"{scheme}://127.0.0.1:{self.port}"
        return Endpoint(url, uds=self.uds, api_key=self._api_key, served_name=self._name)

    def start(self) -> Self:
        """Start it; a test that needs no restart uses ``with`` instead."""
        if self.uds is not None:
            self.uds.unlink(missing_ok=True)
        where = ["--uds", str(self.uds)] if self.uds else ["--port", str(self.port)]
        where += ["--served-model-name", self._name]
        where += ["--ssl-certfile", str(self._certificate)] if self._certificate else []
        env = os.environ | ({"VLLM_API_KEY": self._api_key} if self._api_key else {})
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [*self.script.argv(self.folder), *where], stdout=output, stderr=output, env=env
            )
        if self._wait:
            self._until_ready()
        return self

    def update(self, *rules: Rule) -> None:
        """Replace the rules from the next request on."""
        self.script.rules = list(rules)
        self.script.write(self.folder / "script.json")

    def requests(self, path: str | None = None) -> list[dict[str, Any]]:
        """The requests so far: ``path``, ``method``, ``body``, ``headers``, ``prompt``, ``in_flight``, ``at``."""
        log = self.folder / "requests.jsonl"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        found = [json.loads(line) for line in lines]
        return [request for request in found if path is None or request["path"] == path]

    def output(self) -> str:
        """What the process printed."""
        return (self.folder / "output").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _until_ready(self) -> None:
        deadline = time.monotonic() + 30
        while not _answers(self.uds, self.port):
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the fake engine did not start:\n{self.output()}")
            time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(uds: Path | None, port: int) -> bool:
    family, address = (socket.AF_UNIX, str(uds)) if uds else (socket.AF_INET, ("127.0.0.1", port))
    with socket.socket(family) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


# --- the process -----------------------------------------------------------------------------------------------------


def smallest(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:  # noqa: PLR0911 - one per kind
    """The smallest valid instance of a JSON schema: first choice, fewest items, shortest text."""
    root = schema if root is None else root
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return smallest(target, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return smallest(schema[key][0], root)
    kind = schema.get("type", "object")
    if kind == "object":
        wanted = schema.get("required", [])
        return {name: smallest(part, root) for name, part in schema.get("properties", {}).items() if name in wanted}
    if kind == "array":
        return [smallest(schema.get("items", {}), root) for _ in range(schema.get("minItems", 0))]
    if kind == "string":
        return "x" * max(1, schema.get("minLength", 1))
    return {"integer": schema.get("minimum", 0), "number": schema.get("minimum", 0), "boolean": False}.get(kind)


def tokens(text: str) -> list[str]:
    return re.findall(r"\s*(?:\w+|[^\w\s])|\s+$", text)


class _State:
    """What the threads of the server share."""

    def __init__(self, script: Path, served_name: str, api_key: str | None, folder: Path) -> None:
        self.script_file = script
        self.served_name = served_name
        self.api_key = api_key
        self.log = folder / "requests.jsonl"
        self.lock = threading.Lock()
        self.in_flight = 0
        self.used: dict[str, int] = {}
        self.counts = {"requests": 0, "prompt": 0, "generation": 0}

    def rule_for(self, path: str, prompt: str) -> Rule:
        for rule in Script.read(self.script_file).rules:
            if rule.path not in (None, path) or not re.search(rule.match, prompt, re.MULTILINE):
                continue
            key = json.dumps(dataclasses.asdict(rule))
            with self.lock:
                self.used[key] = self.used.get(key, 0) + 1
                if rule.times is None or self.used[key] <= rule.times:
                    return rule
        return Rule()

    def record(self, entry: dict[str, Any]) -> None:
        with self.lock, self.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: _State

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """vLLM logs each request too; a log that grows with use is what the server has to bear."""
        print(f"INFO: {format % args}", flush=True)

    def address_string(self) -> str:
        return "local"

    def do_GET(self) -> None:
        self._record(None, "")
        script = Script.read(self.state.script_file)
        if any(rule.path == self.path for rule in script.rules):
            rule = self.state.rule_for(self.path, "")
            time.sleep(rule.delay)
            self._send(rule.status, (rule.raw or "").encode(), headers=rule.headers)
        elif self.path == "/health":
            self._send(200 if script.healthy else 503, b"")
        elif self.path == "/version":
            self._json({"version": "0.0.fake"})
        elif self.path == "/metrics":
            self._send(200, self._metrics(script).encode(), "text/plain; version=0.0.4")
        elif self.path != "/v1/models":
            self._error(404, "Not Found")
        elif self._authorized():
            self._json(self._models(script))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        prompt = body.get("prompt") or "\n".join(str(m.get("content")) for m in body.get("messages", []))
        with self.state.lock:
            self.state.in_flight += 1
        try:
            self._record(body, prompt)
            if self._authorized():
                self._answer(body, prompt)
        finally:
            with self.state.lock:
                self.state.in_flight -= 1

    def _answer(self, body: dict[str, Any], prompt: str) -> None:
        script = Script.read(self.state.script_file)
        if self.path == "/tokenize":
            found = tokens(prompt)
            return self._json(
                {"count": len(found), "max_model_len": script.max_model_len, "tokens": list(range(len(found)))}
            )
        if self.path not in ("/v1/chat/completions", "/v1/completions"):
            return self._error(404, "Not Found")
        rule = self.state.rule_for(self.path, prompt)
        time.sleep(rule.delay)
        used, room = len(tokens(prompt)), script.max_model_len - int(body.get("max_tokens") or 16)
        if rule.status != 200:
            return self._error(rule.status, rule.text or "scripted", rule.headers)
        if rule.raw is not None:
            return self._send(200, rule.raw.encode(), headers=rule.headers)
        if used > room:
            limit = (
                f"This model's maximum context length is {script.max_model_len} tokens. However, your prompt contains"
            )
            return self._error(400, f"{limit} {used} input tokens. Please reduce the length of the input prompt.")
        return self._complete(body, prompt, rule)

    def _complete(self, body: dict[str, Any], prompt: str, rule: Rule) -> None:
        text = self._text(body, rule)
        reason = rule.finish_reason
        if reason == "length":
            text = text[: max(1, len(text) // 2)]
        with self.state.lock:
            self.state.counts["requests"] += 1
            self.state.counts["prompt"] += len(tokens(prompt))
            self.state.counts["generation"] += len(tokens(text))
        if body.get("stream"):
            return self._stream(text, reason, rule)
        chat = self.path == "/v1/chat/completions"
        choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [_logprob(text, rule)]}
        reply = {
            "id": "fake-1", "object": "chat.completion" if chat else "text_completion", "created": int(time.time()),
            "model": body.get("model"), "choices": [choice],
            "usage": {
                "prompt_tokens": len(tokens(prompt)), "completion_tokens": len(tokens(text)),
                "total_tokens": len(tokens(prompt)) + len(tokens(text)), "prompt_tokens_details": {"cached_tokens": 0},
            },
        }  # fmt: skip
        return self._json(reply, break_off=rule.die or rule.cut, die=rule.die)

    def _text(self, body: dict[str, Any], rule: Rule) -> str:
        if rule.json is not None:
            return json.dumps(rule.json)
        if rule.text is not None:
            return rule.text
        wanted = (body.get("response_format") or {}).get("json_schema")
        return json.dumps(smallest(wanted["schema"])) if wanted else "OK."

    def _stream(self, text: str, reason: str, rule: Rule) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        pieces = tokens(text)
        for number, piece in enumerate(pieces):
            if number == max(1, len(pieces) // 2) and (rule.die or rule.cut):
                return self._break_off(rule.die)
            said = {"delta": {"content": piece}} if self.path == "/v1/chat/completions" else {"text": piece}
            self._event({"choices": [{"index": 0, **said, "finish_reason": None}]})
            time.sleep(rule.gap)
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True
        return None

    def _event(self, data: object) -> None:
        self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()

    def _authorized(self) -> bool:
        key = self.state.api_key
        if key is None or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        self._send(401, json.dumps({"error": "Unauthorized"}).encode())
        return False

    def _json(self, data: object, *, break_off: bool = False, die: bool = False) -> None:
        content = json.dumps(data).encode()
        if not break_off:
            return self._send(200, content)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        return self._break_off(die)

    def _break_off(self, die: bool) -> None:
        if die:
            print("Fatal: scripted death", flush=True)
            os._exit(9)
        self.close_connection = True

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        error = {"message": message, "type": "BadRequestError", "param": None, "code": status}
        self._send(status, json.dumps({"error": error}).encode(), headers=headers)

    def _send(
        self, status: int, content: bytes, kind: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _models(self, script: Script) -> dict[str, Any]:
        model = {"id": self.state.served_name, "object": "model", "max_model_len": script.max_model_len}
        return {"object": "list", "data": [model]}

    def _metrics(self, script: Script) -> str:
        counts = self.state.counts
        values = {
            "vllm:prompt_tokens_total": counts["prompt"],
            "vllm:generation_tokens_total": counts["generation"],
            "vllm:request_success_total": counts["requests"],
            "vllm:num_requests_running": max(0, self.state.in_flight),
        }
        label = f'{{engine="0",model_name="{self.state.served_name}"}}'
        return "".join(f"# TYPE {k} gauge\n{k}{label} {float(v)}\n" for k, v in (values | script.metrics).items())

    def _record(self, body: object, prompt: str) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        entry = {"method": self.command, "path": self.path, "body": body, "prompt": prompt, "headers": headers}
        self.state.record(entry | {"in_flight": self.state.in_flight, "at": time.time()})


def _logprob(text: str, rule: Rule) -> dict[str, Any]:
    import math

    first = (tokens(text) or [""])[0]
    top = [{"token": first, "logprob": rule.sure}]
    if rule.yes is not None:
        top = [
            {"token": "yes", "logprob": math.log(max(rule.yes, 1e-9))},
            {"token": "no", "logprob": math.log(max(1 - rule.yes, 1e-9))},
        ]
    return top[0] | {"top_logprobs": top}


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = os.name != "nt"


if HAS_UDS:

    class _UnixServer(_Server):
        address_family = socket.AF_UNIX

        def get_request(self) -> tuple[Any, Any]:
            connection, _ = super().get_request()
            return connection, ("local", 0)


_SLEEP = "import signal, sys, time; {ignore}print('worker ready', flush=True); time.sleep({seconds})"


def _start_workers(script: Script) -> None:
    """Like vLLM's engine core and workers: some in our session, some that have left it and lost their parent."""
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " if script.stubborn else ""
    code = _SLEEP.format(ignore=ignore, seconds=600)
    for _ in range(script.children):
        subprocess.Popen([sys.executable, "-c", code])
    start = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True)"
    for _ in range(script.strays):
        subprocess.run([sys.executable, "-c", start, code], check=True)


def _start_up(script: Script) -> None:
    if script.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _start_workers(script)
    pause = script.ready_after / max(1, len(script.log))
    for line in script.log:
        print(line, flush=True)
        time.sleep(pause)
    if not script.log:
        time.sleep(script.ready_after)
    if script.die is not None:
        sys.stdout.flush()
        os._exit(script.die)


def _encrypted(listener: socket.socket, certificate: str) -> socket.socket:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    # The handshake is left to the connection's own thread: one client that stalls must not hold up the others.
    return context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)


def _give_up_after(seconds: float) -> None:
    """Outlive no test-suite, whatever went wrong there."""
    timer = threading.Timer(seconds, os._exit, (99,))
    timer.daemon = True
    timer.start()


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--script", type=Path, required=True)
    parser.add_argument("--uds")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--served-model-name", default=SERVED_NAME)
    parser.add_argument("--ssl-certfile")
    arguments, _ = parser.parse_known_args()
    script = Script.read(arguments.script)
    ballast = bytearray(script.ballast_mb * 1_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    key = os.environ.get("VLLM_API_KEY")
    _Handler.state = _State(arguments.script, arguments.served_model_name, key, arguments.script.parent)
    _give_up_after(900)
    _start_up(script)
    if arguments.uds:  # like vLLM's, it does not start where a socket was left
        server: _Server = _UnixServer(arguments.uds, _Handler)
    else:
        server = _Server((arguments.host, arguments.port), _Handler)
    if arguments.ssl_certfile:
        server.socket = _encrypted(server.socket, arguments.ssl_certfile)
    print("Application startup complete.", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
