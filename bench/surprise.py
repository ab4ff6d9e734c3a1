"""Whether a model's surprise tells faulty changes from right ones.

    reviewer engine start --embedded=1.5b
    python bench/surprise.py ../real_hunks.jsonl --faults 20 --right 20 --answers FILE
    python bench/surprise.py ../real_hunks.jsonl --faults 80 --right 80 --answers FILE --detector contrast
    python bench/surprise.py CASES --answers FILE --detector contrast

Reads cases as `reviewer eval` does, with whole files, and takes hunks of 1 to 12 added lines that have small edits (see
``small_edits.py``). With ``--faults N``, N hunks of other commits than the right ones get one small edit each as a
fault; otherwise the cases' own labels count. The detectors:

edits
    The greatest gain of a small edit of an added line: log P(text with the edit) - log P(text as it is), from the first
    token that differs to the end of the function or 12 lines after the hunk. At most ``--trials`` edits of each hunk
    are tried, those whose first token can gain the most, so that a long hunk has no more chances than a short one. For
    faults, the edit that takes the fault back is tried as well, but counts only in its own row.
contrast
    Surprise of the added lines after the old version in the prompt, minus without it; and by token.

Prompts are scored one by one with ``prompt_logprobs`` and appended to ``--answers``: an interrupted run continues.
``--seconds`` ends a run early, with status 3.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from common import table
from small_edits import Edit, edits

from reviewer import syntax
from reviewer.engine.server import registry
from reviewer.evaluation.cases import Case, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

LINES_BEFORE, LINES_AFTER, MOST_LINES, MOST_CHARS = 10, 12, 12, 1400
AT_ONCE = 4
# Where the model's likeliest token is there already, no edit is tried; the value of a hunk without any edit tried.
LEAST_BOUND, NOTHING = 0.1, -99.0
FALSE_ALARMS = 0.05
RESAMPLES = 2000


@dataclass(frozen=True)
class Site:
    """A hunk of a changed file, with the fault in it if there is one.

    Attributes:
        added: Numbers of the added lines of ``text``.
        first, last: The lines around them that are shown.
        before: The old side of the lines shown.
        undo: The edit that takes a fault back that was put in; None otherwise.
    """

    group: str
    language: str
    text: str
    added: frozenset[int]
    first: int
    last: int
    before: str
    faulty: bool
    undo: Edit | None = None

    def shown(self, text: str) -> str:
        return "\n".join(text.split("\n")[self.first - 1 : self.last]) + "\n"

    @cached_property
    def edits(self) -> list[Edit]:
        return edits(self.language, self.text, self.added)

    @property
    def prompt(self) -> str:
        return self.shown(self.text)

    def edited(self, edit: Edit) -> str:
        """The prompt with an edit."""
        return self.shown(edit.applied(self.text))

    @property
    def after_old(self) -> str:
        """The text after its old version."""
        return f"# Before the change\n{self.before}\n# After the change\n{self.prompt}"

    def offset(self, edit: Edit) -> int:
        """Where an edit begins in the prompt, in bytes."""
        return edit.start - len("".join(f"{line}\n" for line in self.text.split("\n")[: self.first - 1]).encode())

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Where the added lines are in the prompt, in bytes and without indentation."""
        found, at = [], 0
        for number, line in enumerate(self.prompt.split("\n"), self.first):
            size = len(line.encode())
            if number in self.added and line.strip():
                found.append((at + size - len(line.lstrip().encode()), at + size))
            at += size + 1
        return found


@dataclass(frozen=True)
class Scored:
    """A prompt's tokens: ids, offsets, log-probabilities of each and of the likeliest one in its place."""

    ids: list[int]
    starts: list[int]
    own: list[float]
    best: list[float]
    texts: list[str]


class Scorer:
    """Asks the engine for log-probabilities, each prompt once."""

    def __init__(self, answers: Path, model: str, seconds: float) -> None:
        running = [state for state in registry.running(measure=False) if model in state.model]
        (endpoint,) = [state.endpoint for state in running if state.endpoint is not None]
        transport = httpx.AsyncHTTPTransport(uds=str(endpoint.uds)) if endpoint.uds else None
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        self._client = httpx.AsyncClient(transport=transport, base_url=endpoint.url, headers=headers, timeout=600)
        self._answers, self._deadline = answers, time.monotonic() + seconds
        self._places = asyncio.Semaphore(AT_ONCE)
        self._known: dict[str, dict[str, Any]] = {}
        self._model = ""
        self.tokens = 0
        if answers.exists():
            rows = [json.loads(line) for line in answers.read_text().splitlines()]
            self._known = {row["key"]: row for row in rows}

    async def score(self, prompt: str) -> Scored | None:
        """The scores of a prompt; None where the time is over."""
        key = hashlib.sha256(prompt.encode()).hexdigest()[:24]
        async with self._places:
            if key not in self._known:
                if time.monotonic() > self._deadline:
                    return None
                self._known[key] = {"key": key, **await self._ask(prompt)}
                with self._answers.open("a") as file:
                    file.write(json.dumps(self._known[key]) + "\n")
        row = self._known[key]
        return Scored(row["ids"], row["starts"], row["own"], row["best"], row["texts"])

    async def _ask(self, prompt: str) -> dict[str, Any]:
        self._model = self._model or (await self._client.get("/v1/models")).json()["data"][0]["id"]
        body: dict[str, Any] = {"model": self._model, "prompt": prompt}
        cut = await self._client.post("/tokenize", json={**body, "return_token_strs": True})
        ids, strings = cut.raise_for_status().json()["tokens"], cut.json()["token_strs"]
        body |= {"prompt": ids, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 1}
        answer = (await self._client.post("/v1/completions", json=body)).raise_for_status().json()
        rows = answer["choices"][0]["prompt_logprobs"]
        starts = [0]  # a token's string has one character for each byte
        for string in strings[:-1]:
            starts.append(starts[-1] + len(string))
        likeliest = [max(row.values(), key=lambda one: one["logprob"]) if row else {} for row in rows]
        self.tokens += len(ids)
        return {
            "ids": ids,
            "starts": starts,
            "own": [0.0, *(row[str(one)]["logprob"] for row, one in zip(rows[1:], ids[1:], strict=True))],
            "best": [one.get("logprob", 0.0) for one in likeliest],
            "texts": [one.get("decoded_token", "") for one in likeliest],
        }


def sites(cases: Iterable[Case]) -> Iterator[Site]:
    """The hunks that both detectors can read."""
    for case in cases:
        labelled = frozenset().union(*case.defects)
        for file in case.change.files:
            text = case.texts.get(file.path)
            for hunk in file.hunks if text is not None and file.path in case.before else ():
                faulty = any((file.path, line) in labelled for line in hunk.anchors)
                if text is not None and (faulty or case.clean):
                    yield from _site(case, text, case.before[file.path], hunk, faulty)


def _site(case: Case, text: str, old: str, hunk: Any, faulty: bool) -> Iterator[Site]:
    if not 1 <= len(hunk.added) <= MOST_LINES:
        return
    first, last = max(1, min(hunk.added) - LINES_BEFORE), max(hunk.added) + LINES_AFTER
    inside = [one for one in syntax.functions(case.language, text) if one.start <= min(hunk.added) <= one.end]
    if inside:
        first, last = max(first, inside[-1].start), max(*hunk.added, min(last, inside[-1].end))
    last = min(last, text.count("\n") + 1)
    lead, rest = hunk.new_start - first, last - (hunk.new_start + hunk.new_count - 1)
    start, end = max(0, hunk.old_start - 1 - lead), hunk.old_start + hunk.old_count - 1 + rest
    before = "\n".join(old.split("\n")[start : max(start, end)])
    site = Site(case.group or case.id, case.language, text, frozenset(hunk.added), first, last, before, faulty)
    if len(site.prompt) <= MOST_CHARS and site.edits:
        yield site


def chosen(found: Sequence[Site], faults: int, right: int, seed: int = 7) -> list[Site]:
    """Right hunks, and those of other commits with a fault put into each; or all of them as they are labelled."""
    order = random.Random(seed)
    if not faults:
        return order.sample(found, len(found))  # an early end leaves a sample of all languages
    groups: dict[str, list[Site]] = {}
    for site in found:
        groups.setdefault(site.group, []).append(site)
    names = sorted(groups)
    order.shuffle(names)
    halves = [[site for name in names[at::2] for site in groups[name]] for at in (0, 1)]
    broken = [one for site in halves[0] if (one := _with_fault(site, order)) is not None][:faults]
    clean = halves[1][:right]
    mixed = [site for pair in zip(broken, clean, strict=False) for site in pair]
    return mixed + broken[len(clean) :] + clean[len(broken) :]


def _with_fault(site: Site, order: random.Random) -> Site | None:
    """Put one edit into a hunk that another edit can take back; its kind is drawn first, since most are variables."""
    kinds = sorted({edit.kind for edit in site.edits})
    for _ in range(10):
        kind = order.choice(kinds)
        edit = order.choice([one for one in site.edits if one.kind == kind])
        text = edit.applied(site.text)
        if syntax.new_errors(site.language, site.text, text) == 0:
            old = site.text.encode()[edit.start : edit.end].decode()
            undo = Edit(kind, edit.start, edit.start + len(edit.new.encode()), old, edit.line)
            values = {name: getattr(site, name) for name in ("group", "language", "added", "first", "last", "before")}
            broken = Site(**values, text=text, faulty=True, undo=undo)
            if undo in broken.edits:
                return broken
    return None


async def by_edits(scorer: Scorer, site: Site, trials: int) -> dict[str, float] | None:
    """The greatest gains of one hunk."""
    base = await scorer.score(site.prompt)
    if base is None:
        return None
    order = sorted(site.edits, key=lambda edit: -_bound(base, site.offset(edit)))
    tried = [edit for edit in order[:trials] if _bound(base, site.offset(edit)) > LEAST_BOUND]
    extra = [] if site.undo is None or site.undo in tried else [site.undo]
    texts = [scorer.score(site.edited(edit)) for edit in (*tried, *extra)]
    scored = await asyncio.gather(*texts)
    if any(one is None for one in scored):
        return None
    gains = [_gain(base, one) for one in scored if one is not None]
    best = max(range(len(tried)), key=lambda at: gains[at][0], default=-1)
    found = {
        "gain": gains[best][0] if tried else NOTHING,
        "gain of the first token": max(_bound(base, site.offset(edit)) for edit in site.edits),
        "gain of what follows the edit": max((gain[1] for gain in gains[: len(tried)]), default=NOTHING),
        "tried": float(len(tried)),
    }
    if site.undo is not None:
        at = tried.index(site.undo) if site.undo in tried else len(tried)
        found |= {"true": gains[at][0], "reached": float(at < len(tried)), "named": float(best == at)}
        found["line"] = float(bool(tried) and tried[best].line == site.undo.line)
    return found


def _bound(base: Scored, offset: int) -> float:
    """What the first differing token can gain at most: nothing is likelier than the likeliest one."""
    at = max(index for index, start in enumerate(base.starts) if start <= offset)
    if at == 0:
        return float("-inf")
    return base.best[at] - base.own[at]


def _gain(base: Scored, edited: Scored) -> tuple[float, float]:
    """Log-likelihood gained from the first differing token on, and what of it comes after the edit."""
    pairs = list(zip(base.ids, edited.ids, strict=False))
    first = next(at for at, (one, other) in enumerate([*pairs, (0, 1)]) if one != other)
    ends = list(zip(reversed(base.ids[first:]), reversed(edited.ids[first:]), strict=False))
    same = next(at for at, (one, other) in enumerate([*ends, (0, 1)]) if one != other)
    whole = sum(edited.own[first:]) - sum(base.own[first:])
    rest = sum(edited.own[len(edited.own) - same :]) - sum(base.own[len(base.own) - same :])
    return whole, rest


async def by_contrast(scorer: Scorer, site: Site, _trials: int) -> dict[str, float] | None:
    """The surprise of one hunk's added lines, alone and after the old side."""
    alone, after = await asyncio.gather(scorer.score(site.prompt), scorer.score(site.after_old))
    if alone is None or after is None:
        return None
    shift = len(site.after_old.encode()) - len(site.prompt.encode())
    plain, contrasted = _added(alone, site.spans, 0), _added(after, site.spans, shift)
    if not plain or not contrasted:
        return None
    means = [_mean(each) for each in (plain, contrasted)]
    tops = [max(best - own for own, best in each) for each in (plain, contrasted)]
    return {
        "mean surprise alone": means[0],
        "mean surprise after the old side": means[1],
        "mean, after minus alone": means[1] - means[0],
        "most surprising token alone": tops[0],
        "most surprising token after the old side": tops[1],
        "sum, after minus alone": -sum(own for own, _ in contrasted) + sum(own for own, _ in plain),
    }


def _added(scored: Scored, spans: Sequence[tuple[int, int]], shift: int) -> list[tuple[float, float]]:
    """Own and best log-probability of the tokens of the added lines."""
    marked = [
        any(start + shift <= at + 1 and at < end + shift for start, end in spans) and at > 0 for at in scored.starts
    ]
    return [(own, best) for own, best, inside in zip(scored.own, scored.best, marked, strict=True) if inside]


def _mean(tokens: Sequence[tuple[float, float]]) -> float:
    return -sum(own for own, _ in tokens) / len(tokens)


DETECTORS: dict[str, Callable[..., Any]] = {"edits": by_edits, "contrast": by_contrast}


def report(results: Sequence[tuple[Site, dict[str, float]]]) -> str:
    """AUC and recall at 5% false alarms of every value, with bootstrap intervals over hunks."""
    faulty = [values for site, values in results if site.faulty]
    right = [values for site, values in results if not site.faulty]
    rows = [("hunks", f"{len(faulty)} faulty, {len(right)} right")]
    rows += [(name, _told([one[name] for one in faulty], [one[name] for one in right])) for name in right[0]]
    known = [values for values in faulty if "true" in values]
    if known:
        rows.append(("the true edit", _told([one["true"] for one in known], [one["gain"] for one in right])))
        rows.append(("the true edit gains", f"{sum(one['true'] > 0 for one in known)} of {len(known)}"))
        for name in ("reached", "named", "line"):
            rows.append((f"the true edit: {name}", f"{sum(one[name] for one in known):.0f} of {len(known)}"))
    return table(rows)


def _told(faulty: Sequence[float], right: Sequence[float]) -> str:
    return f"AUC {interval(faulty, right, auc)}, recall {interval(faulty, right, recall)}"


def auc(faulty: Sequence[float], right: Sequence[float]) -> float:
    """The share of pairs in which the faulty one is higher; a tie counts half."""
    pairs = [(one > other) + (one == other) / 2 for one in faulty for other in right]
    return sum(pairs) / len(pairs)


def recall(faulty: Sequence[float], right: Sequence[float]) -> float:
    """The share of faulty ones above a threshold that at most 5% of the right ones exceed."""
    allowed = int(FALSE_ALARMS * len(right))
    threshold = sorted(right, reverse=True)[allowed]
    return sum(one > threshold for one in faulty) / len(faulty)


def interval(faulty: Sequence[float], right: Sequence[float], value: Callable[..., float]) -> str:
    """A value with its 95% bootstrap interval over hunks."""
    again = random.Random(1)
    drawn = sorted(
        value(again.choices(faulty, k=len(faulty)), again.choices(right, k=len(right))) for _ in range(RESAMPLES)
    )
    low, high = drawn[int(0.025 * RESAMPLES)], drawn[int(0.975 * RESAMPLES)]
    return f"{value(faulty, right):.2f} ({low:.2f} to {high:.2f})"


async def measured(options: argparse.Namespace) -> int:
    found = chosen([site for path in options.cases for site in sites(load(path))], options.faults, options.right)
    scorer = Scorer(options.answers, options.model, options.seconds)
    began = time.monotonic()
    detect = DETECTORS[options.detector]
    places = asyncio.Semaphore(2)

    async def placed(site: Site) -> dict[str, float] | None:
        async with places:  # hunk by hunk, so that an early end leaves few half done
            return await detect(scorer, site, options.trials)

    results = await asyncio.gather(*(placed(site) for site in found))
    done = [(site, values) for site, values in zip(found, results, strict=True) if values is not None]
    print(f"{len(done)} of {len(found)} hunks; {scorer.tokens} tokens in {time.monotonic() - began:.0f} s")
    if options.values:
        rows = [
            {"faulty": site.faulty, "kind": site.undo.kind if site.undo else "", "group": site.group, **values}
            for site, values in done
        ]
        options.values.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if len({site.faulty for site, _ in done}) == 2:
        print(report(done))
    return 0 if len(done) == len(found) else 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path, nargs="+", help="folders or JSONL files of cases")
    parser.add_argument("--detector", choices=DETECTORS, default="edits")
    parser.add_argument("--faults", type=int, default=0, help="put faults into that many hunks")
    parser.add_argument("--right", type=int, default=150, help="right hunks to compare them with")
    parser.add_argument("--trials", type=int, default=4, help="edits tried on each hunk")
    parser.add_argument("--answers", type=Path, required=True, help="where scores are kept")
    parser.add_argument("--model", default="1.5b", help="part of the name of the running model")
    parser.add_argument("--values", type=Path, help="write the values of each hunk to a JSONL file")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no request after that time")
    return asyncio.run(measured(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
