"""Whether a model's verdicts tell faulty changes from right ones.

    reviewer engine start --embedded=1.5b
    python bench/verdicts.py bench/cases ../real_hunks.jsonl --pairs 60 --answers FILE

Reads cases as `reviewer eval` does, with whole files, and takes hunks of 1 to 12 added lines: each labelled one with a
right one of another commit that adds as many lines, or nearly so, since whatever compares sides may otherwise measure
length. Nothing is generated but what a detector needs:

verdict
    log P(Yes) - log P(No) as the first token, asked whether the change has a defect.
narrow
    The same for questions about what the change touches (bounds, resources, errors, missing values, …): the highest,
    each less the mean of that question over all hunks, since a question has a bias of its own.
orders
    Which of the old and the new version has a defect, asked in both orders.
reasoning
    The share of eight samples that end in a verdict against the change after up to three sentences about it.
rewrites
    Each added line (up to four) is taken out and filled in eight times: the share of the commonest other text, minus
    the share of the line itself; the highest of the lines.

Answers are appended to ``--answers``, so that an interrupted run continues.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import random
import re
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from common import table
from surprise import Site, auc, interval, recall, sites

from reviewer.engine.server import registry
from reviewer.evaluation.cases import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

AT_ONCE, SAMPLES, TEMPERATURE = 8, 8, 0.7
MOST_TAKEN_OUT, LEAST_CHARS = 4, 8
_SYSTEM = "You review changes to code. You are exact and fair: most changes are right."
_GENERAL = "Does the change introduce a defect?"
_NARROW = {
    r"\bfor\b|\bwhile\b|\.\.|range\(|[<>]=?|length|size|count|\blen\b": (
        "Do the added lines read, loop or count one too far or one too few?"
    ),
    r"(?i)open|connect|acquire|lock|stream|client|alloc|socket|cursor": (
        "Do the added lines leave a file, a connection, a lock or memory unreleased on some path?"
    ),
    r"(?i)catch|except|\berr\b|error|rescue|result|throw|raise|fail": "Do the added lines lose an error?",
    r"(?i)await|async|\bgo\b|thread|launch|spawn|mutex|chan|atomic|\block": (
        "Do the added lines race, block, or forget to wait for something?"
    ),
    r"(?i)null|\bnil\b|\bnone\b|undefined|option|!!|\?\.": "Can the added lines use a value that is missing?",
    r"==|!=|[<>]|&&|\|\||\band\b|\bor\b|\bnot\b|![\w(]|\bif\b": (
        "Is a condition of the added lines the wrong way round, too wide or too narrow?"
    ),
    r"\w\s*[-+*/%]\s*\w": "Is a calculation of the added lines wrong: an operator, a unit, an overflow or a rounding?",
    r"\(\s*[^()]+,\s*[^()]+\)": "Do the added lines pass the wrong variable, or arguments in the wrong order?",
}
_REASONING = (
    "Say in at most three short sentences what the added lines do for ordinary and for unusual input. "
    "Then end with a line `VERDICT: DEFECT` or `VERDICT: RIGHT`."
)


class Asker:
    """Asks the running engine, each request once."""

    def __init__(self, answers: Path, model: str) -> None:
        running = [state for state in registry.running(measure=False) if model in state.model]
        (endpoint,) = [state.endpoint for state in running if state.endpoint is not None]
        transport = httpx.AsyncHTTPTransport(uds=str(endpoint.uds)) if endpoint.uds else None
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        self._client = httpx.AsyncClient(transport=transport, base_url=endpoint.url, headers=headers, timeout=900)
        self._answers, self._places, self._model = answers, asyncio.Semaphore(AT_ONCE), ""
        rows = [json.loads(line) for line in answers.read_text().splitlines()] if answers.exists() else []
        self._known: dict[str, Any] = {row["key"]: row["value"] for row in rows}

    async def first(self, question: str) -> dict[str, float]:
        """Log-probabilities of the likeliest first tokens of a reply."""
        body = {**_chat(question), "max_tokens": 1, "temperature": 0, "logprobs": True, "top_logprobs": 20}
        choice = (await self._asked("/v1/chat/completions", body))[0]
        tokens = choice["logprobs"]["content"][0]["top_logprobs"]
        return {one["token"]: one["logprob"] for one in tokens}

    async def replies(self, question: str, tokens: int) -> list[str]:
        """Several replies."""
        body = {**_chat(question), "max_tokens": tokens, "temperature": TEMPERATURE, "n": SAMPLES, "seed": 1}
        return [choice["message"]["content"] for choice in await self._asked("/v1/chat/completions", body)]

    async def middles(self, before: str, after: str) -> list[str]:
        """Several fillings of one line."""
        prompt = f"<|fim_prefix|>{before}<|fim_suffix|>{after}<|fim_middle|>"
        body = {"prompt": prompt, "max_tokens": 48, "temperature": TEMPERATURE, "n": SAMPLES, "seed": 1, "stop": ["\n"]}
        return [choice["text"] for choice in await self._asked("/v1/completions", body)]

    async def _asked(self, path: str, body: dict[str, Any]) -> Any:
        key = hashlib.sha256(json.dumps([path, body], sort_keys=True).encode()).hexdigest()[:24]
        async with self._places:
            if key not in self._known:
                self._model = self._model or (await self._client.get("/v1/models")).json()["data"][0]["id"]
                answer = await self._client.post(path, json={"model": self._model, **body})
                self._known[key] = answer.raise_for_status().json()["choices"]
                with self._answers.open("a") as file:
                    file.write(json.dumps({"key": key, "value": self._known[key]}) + "\n")
        return self._known[key]


def _chat(question: str) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": question}]}


def _numbered(site: Site) -> str:
    lines = site.text.split("\n")
    return "\n".join(
        f"{'+' if number in site.added else ' '} {lines[number - 1]}" for number in range(site.first, site.last + 1)
    )


def _change(site: Site) -> str:
    return (
        f"Code in {site.language} before a change:\n```\n{site.before}\n```\n"
        f"After it, added lines marked with +:\n```\n{_numbered(site)}\n```\n"
    )


def _difference(tokens: dict[str, float], one: str, other: str) -> float:
    def mass(word: str) -> float:
        found = [value for token, value in tokens.items() if token.strip().lower() == word]
        return math.log(sum(map(math.exp, found))) if found else min(tokens.values())

    return mass(one) - mass(other)


async def _yes(asker: Asker, site: Site, question: str) -> float:
    return _difference(await asker.first(f"{_change(site)}{question} Answer Yes or No."), "yes", "no")


async def verdict(asker: Asker, site: Site) -> float:
    return await _yes(asker, site, _GENERAL)


async def narrow(asker: Asker, site: Site) -> dict[str, float]:
    added = "\n".join(line for number, line in enumerate(site.text.split("\n"), 1) if number in site.added)
    questions = [question for pattern, question in _NARROW.items() if re.search(pattern, added)]
    return dict(zip(questions, await asyncio.gather(*(_yes(asker, site, one) for one in questions)), strict=True))


async def orders(asker: Asker, site: Site) -> float:
    def question(first: str, second: str) -> str:
        code = f"Version A:\n```\n{first}\n```\nVersion B:\n```\n{second}\n```\n"
        return f"{code}One of these versions has a defect. Which one? Answer A or B."

    after = site.prompt
    new_last, new_first = await asyncio.gather(
        asker.first(question(site.before, after)), asker.first(question(after, site.before))
    )
    return (_difference(new_last, "b", "a") + _difference(new_first, "a", "b")) / 2


async def reasoning(asker: Asker, site: Site) -> float:
    replies = await asker.replies(f"{_change(site)}{_REASONING}", 140)
    found = [one.group(1) for reply in replies if (one := re.search(r"VERDICT:\W*(DEFECT|RIGHT)", reply))]
    return found.count("DEFECT") / len(found) if found else 0.5


async def rewrites(asker: Asker, site: Site) -> float:
    lines = site.text.split("\n")
    wanted = sorted(
        (n for n in site.added if len(lines[n - 1].strip()) >= LEAST_CHARS), key=lambda n: -len(lines[n - 1])
    )
    values = []
    for number in wanted[:MOST_TAKEN_OUT]:
        own = lines[number - 1]
        indent = own[: len(own) - len(own.lstrip())]
        before = "".join(f"{line}\n" for line in lines[site.first - 1 : number - 1]) + indent
        after = "\n" + "\n".join(lines[number : site.last])
        said = Counter("".join(text.split()) for text in await asker.middles(before, after))
        mine = said.pop("".join(own.split()), 0)
        values.append((max(said.values(), default=0) - mine) / SAMPLES)
    return max(values, default=-1.0)


DETECTORS: dict[str, Callable[[Asker, Site], Awaitable[Any]]] = {
    "verdict": verdict,
    "narrow": narrow,
    "orders": orders,
    "reasoning": reasoning,
    "rewrites": rewrites,
}


def pairs(found: Sequence[Site], count: int, seed: int = 5) -> list[Site]:
    """Faulty hunks, each followed by a right one with as many added lines."""
    order = random.Random(seed)
    right = [site for site in found if not site.faulty]
    order.shuffle(right)
    faulty = [site for site in found if site.faulty]
    groups = {site.group for site in faulty}
    right = [site for site in right if site.group not in groups]
    chosen: list[Site] = []
    for site in order.sample(faulty, len(faulty))[:count]:
        if not right:
            break
        match = min(right, key=lambda one: (abs(len(one.added) - len(site.added)), one.language != site.language))
        right.remove(match)
        chosen += [site, match]
    return chosen


def centred(values: Sequence[dict[str, float]]) -> list[float]:
    """The highest answer of each hunk, less the mean of its question."""
    means = {
        question: statistics.fmean(one[question] for one in values if question in one)
        for question in {question for one in values for question in one}
    }
    return [max((value - means[question] for question, value in one.items()), default=-9.0) for one in values]


def told(chosen: Iterable[Site], values: Sequence[float]) -> str:
    """AUC and recall at 5% false alarms, with bootstrap intervals over hunks."""
    rows = list(zip(chosen, values, strict=True))
    faulty = [value for site, value in rows if site.faulty]
    right = [value for site, value in rows if not site.faulty]
    return f"AUC {interval(faulty, right, auc)}, recall {interval(faulty, right, recall)}"


async def measured(options: argparse.Namespace) -> None:
    """Ask everything and print the figures."""
    chosen = pairs([site for path in options.cases for site in sites(load(path))], options.pairs)
    asker = Asker(options.answers, options.model)
    rows = [("hunks", f"{len(chosen)}, half of them faulty")]
    rows.append(("number of added lines", told(chosen, [float(len(site.added)) for site in chosen])))
    for name in options.detectors or DETECTORS:
        began = time.monotonic()
        values = await asyncio.gather(*(DETECTORS[name](asker, site) for site in chosen))
        scores = centred(values) if name == "narrow" else values
        rows.append((name, f"{told(chosen, scores)}, {time.monotonic() - began:.0f} s"))
        print(table(rows[-1:]), flush=True)
    print(table(rows))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path, nargs="+", help="folders or JSONL files of cases")
    parser.add_argument("--detectors", nargs="*", choices=DETECTORS, help="only these")
    parser.add_argument("--pairs", type=int, default=60, help="faulty hunks, each with a right one")
    parser.add_argument("--answers", type=Path, required=True, help="where answers are kept")
    parser.add_argument("--model", default="1.5b", help="part of the name of the running model")
    asyncio.run(measured(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
