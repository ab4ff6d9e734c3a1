"""Use every method of ``AIModelManager`` on real vLLM with the smallest embedded model.

    reviewer engine install && reviewer model install --embedded=135m
    python examples/manager_demo.py

Uses the running engine of this configuration, if there is one, and stops it at the end. Exits with 0 only if every call
returned a usable result.
"""

from __future__ import annotations

import asyncio
import sys
import time

import psutil

from reviewer import AIModelManager, ModelConfig

CODE = '''\
def area(width, height):
    """Return the area of a rectangle."""
    return <CURSOR>


print(area(2, 3))
'''


async def main() -> None:
    # Without embedded=… or model=… the model is openai/gpt-oss-20b.
    manager = AIModelManager(ModelConfig(embedded="135m", temperature=0.3, max_tokens=80))
    try:
        title("load_model: plan the memory, start vLLM, wait until it answers")
        began = time.perf_counter()
        await manager.load_model(progress=Steps())
        print(f"loaded in {time.perf_counter() - began:.1f} s")
        await ask(manager)
        await watch(manager)

        title("restart: start a new engine process")
        before = manager.get_model_status()["engine"]["pid"]
        await manager.restart(progress=Steps())
        after = manager.get_model_status()["engine"]["pid"]
        print(f"process {before}, then {after}")
        expect(before != after and not psutil.pid_exists(before), "a new process replaced the old one")
        expect(bool(await manager.generate_text("What is a unit test?")), "the new engine answers")
    finally:
        title("unload_model: end the engine's processes and free its memory")
        await manager.unload_model()
    print("state:", manager.get_model_status()["state"])
    expect(not psutil.pid_exists(after), "no process remains")


async def ask(manager: AIModelManager) -> None:
    title("generate_text")
    text = await manager.generate_text("In one sentence: what is a git commit?", timeout=30.0)
    print(text)
    expect(bool(text), "there is an answer")

    title("stream_text: the answer as it is generated")
    pieces = 0
    async for piece in manager.stream_text("In one sentence: what is a git branch?"):
        print(piece, end="", flush=True)
        pieces += 1
    print(f"\n({pieces} pieces)")
    expect(pieces > 1, "it came in pieces")

    title("generate_code_completion: the code that belongs at the cursor")
    cursor = CODE.index("<CURSOR>")
    code = CODE.replace("<CURSOR>", "")
    inserted = await manager.generate_code_completion(code, cursor_position=cursor)
    whole = code[:cursor] + inserted + code[cursor:]
    print(whole)
    expect(bool(inserted.strip()) and "```" not in inserted, "it is code, without a fence around it")
    expect("print(area(2, 3))" not in inserted.splitlines(), "the next line is not written twice")

    title("explain_code, with a question")
    answer = await manager.explain_code(whole, question="What does area return?")
    print(answer)
    expect(bool(answer), "there is an answer")


async def watch(manager: AIModelManager) -> None:
    title("health_check")
    health = await manager.health_check()
    print(f"{health['status']}: engine {health['engine']}, endpoint answers: {health['endpoint']}")
    print(f"model files whole: {health['model_files']}")
    print(f"memory {gigabytes(health['memory_bytes'])} of {gigabytes(health['memory_limit_bytes'])}")
    expect(health["status"] == "healthy", f"it is healthy, not {health['problems']}")

    title("get_model_status")
    status = manager.get_model_status()
    print(f"{status['model']}, {status['dtype']}, {status['context_tokens']} tokens of context")
    performance = status["performance"]
    print(f"{performance['requests']} requests, {performance['avg_inference_time']:.2f} s on average")
    print(f"{performance['completion_tokens']} tokens, {performance['tokens_per_second']:.1f} per second")
    expect(performance["avg_inference_time"] > 0 and not performance["failed"], "every request was answered")


class Steps:
    """Prints what the manager is doing; loading takes about a minute."""

    def step(self, message: str) -> None:
        print(f"... {message}", flush=True)

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        pass


def gigabytes(count: int | None) -> str:
    return "unknown" if count is None else f"{count / 1e9:.1f} GB"


def expect(true: bool, what: str) -> None:
    if not true:
        sys.exit(f"manager_demo: failed: {what}")


def title(text: str) -> None:
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
