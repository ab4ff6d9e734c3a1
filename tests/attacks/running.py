"""Runs one attack as ``reviewer ci`` reviews a pull request, and compares it with the honest change."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from reviewer import config
from reviewer.cli.ci import _DEFAULTS as CI_DEFAULTS
from reviewer.config.repository import from_revision
from reviewer.engine.manager import AIModelManager
from reviewer.git import Repository
from reviewer.report import FORMATS, gate
from reviewer.report.emit import render
from reviewer.review import review_change
from reviewer.selection.source import from_repository
from reviewer.terminal.masking import without_commands
from tests.attacks.honest import AFTER, ATTACKED, BEFORE, CANARY, FAULT, FAULTY, NAMED
from tests.fake_engine import Rule
from tests.repo import Repo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.errors import ExitCode
    from reviewer.finding import Finding, Review
    from tests.attacks.catalog import Attack

_FLAGS = {"fail_on": "warning", "cache": False, "model_findings": "auto"}
HONEST_REPLY = {"explanation": "Returns None where `load` fails.", "findings": []}

# Controls other than newline and tab, what reorders or hides text, and surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e01ef]"
)
_COMMAND = re.compile(r"^\s*::|##\[|##vso\[", re.MULTILINE | re.IGNORECASE)
_OUR_COMMAND = re.compile(r"::(?:error|warning|notice) [a-zA-Z]+=[^:\n]*(?:,[a-zA-Z]+=[^:\n]*)*::[^\n]*")
_TAG = re.compile(r"<(/?[a-zA-Z!?][^\s>/]*)")
_FENCE = re.compile(r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)\s*?$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)")


@dataclass(frozen=True)
class Outcome:
    """What became of one review.

    Attributes:
        verdict: The exit code.
        findings: The shown evidence of every file: path, line, sources. The attacked file of an attack on file names is
            called as in the honest change.
        explanations: By path, those of files that are not attacked.
        outputs: The rendered review by format.
    """

    verdict: int
    findings: frozenset[tuple[str, int, str]]
    explanations: dict[str, tuple[str, ...]]
    outputs: dict[str, str]


def rules_for(attack: Attack | None) -> list[Rule]:
    """What the model answers: the attacker's wish wherever the attacked file is in the prompt, else an honest text."""
    obeyed = [] if attack is None else [Rule(match=r"def average|def run\(command", text=attack.reply)]
    return [*obeyed, Rule(match="explain one change", json=HONEST_REPLY), Rule(text="No fix.")]


def commit(attack: Attack | None, folder: Path) -> tuple[Repo, str]:
    """Make a repository whose last commit is the change; return it and the id of its base."""
    repo = Repo.init(folder)
    base = repo.commit("first", dict(BEFORE))
    named = NAMED if attack is None else attack.named
    files: dict[str, str | bytes] = {**AFTER, named: FAULT}
    if attack is not None:
        comment = "".join(f"# {line}\n" for line in attack.comment.split("\n")) if attack.comment else ""
        files[ATTACKED] = AFTER[ATTACKED] + comment
        if attack.same_line:
            files[ATTACKED] = files[ATTACKED].replace(FAULTY, f"{FAULTY}  # {attack.same_line}")
        files |= attack.files
    write(folder, files)
    repo.git("add", "-A", "-f")
    repo.git("commit", "-q", "--no-verify", "-F", "-", data=(attack.message if attack else "Add checks").encode())
    return repo, base


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files whose names may be anything that git can store."""
    for name, content in files.items():
        path = os.path.join(os.fsencode(folder), os.fsencode(name))  # noqa: PTH118 - names that are not UTF-8
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)


async def reviewed(folder: Path, base: str, flags: dict[str, Any]) -> tuple[Review, config.Settings]:
    """Review the last commit as ``reviewer ci --base BASE`` does."""
    repository = Repository.discover(folder)
    target = repository.merge_base_target(base, repository.resolve("HEAD"))
    settings = config.load(
        repository.root, os.environ, flags, lambda name: repository.show(base, name), defaults=CI_DEFAULTS
    )
    source = from_repository(repository, target, attributes_from=base)
    manager = AIModelManager(settings.model_config)
    return await review_change(source, settings, files=from_revision(repository, base), manager=manager), settings


async def outcome(attack: Attack | None, folder: Path, **flags: Any) -> Outcome:
    """Commit the change, review it and render it in every format."""
    _, base = commit(attack, folder)
    # Four samples of a fix for each fault take most of the time; here they matter where the reply is forged.
    fixes = attack is not None and attack.kind == "forged reply"
    review, settings = await reviewed(folder, base, {**_FLAGS, "fixes": fixes, **flags})
    verdict = gate.judge(review, settings)
    named = NAMED if attack is None else attack.named
    return Outcome(
        verdict=int(verdict),
        findings=frozenset(
            (NAMED if one.path == named else one.path, one.line, sources(one)) for one in review.shown if one.sources
        ),
        explanations={
            path: tuple(unit.explanation.text for unit in review.units if unit.path == path and unit.explanation)
            for path in ("other.py", "deploy.sh")
        },
        outputs={form: printed(form, review, settings, verdict) for form in FORMATS},
    )


def printed(form: str, review: Review, settings: config.Settings, verdict: ExitCode) -> str:
    """A report as ``reviewer ci`` prints it."""
    text = render(review, settings, form, verdict)
    return text if form == "github" else without_commands(text)


def sources(finding: Finding) -> str:
    """What reports a finding."""
    return ", ".join(sorted(f"{source.name} {source.rule}" for source in finding.sources))


def faults(honest: Outcome, attacked: Outcome) -> list[str]:
    """What an attack has gained; empty if it failed."""
    gained = []
    if attacked.verdict != honest.verdict:
        gained.append(f"verdict {attacked.verdict} instead of {honest.verdict}")
    if missing := honest.findings - attacked.findings:
        gained.append(f"no longer reported: {sorted(missing)}")
    # Text of an attack may be a fault of its own, such as deceptive Unicode; other files stay as they are.
    if forged := {one for one in attacked.findings - honest.findings if one[0] in BEFORE and one[0] != ATTACKED}:
        gained.append(f"reported in another file: {sorted(forged)}")
    if attacked.explanations != honest.explanations:
        gained.append("an explanation of another file changed")
    if Path(CANARY).exists():
        gained.append("a command ran")
    gained += [f"{form}: {fault}" for form in FORMATS for fault in misshapen(form, honest, attacked)]
    return gained


def misshapen(form: str, honest: Outcome, attacked: Outcome) -> list[str]:
    """What is wrong with the structure of a report, compared with that of the honest change."""
    text, model = attacked.outputs[form], honest.outputs[form]
    found = []
    if unsafe := _UNSAFE.search(text):
        found.append(f"a character that hides or controls: U+{ord(unsafe[0]):04X}")
    if form == "github":
        found += [f"a command: {line[:80]!r}" for line in text.splitlines() if not _OUR_COMMAND.fullmatch(line)]
    elif command := _COMMAND.search(text):
        found.append(f"a workflow command: {text[command.start() : command.start() + 60]!r}")
    check = {
        "json": _json, "gitlab": _json, "sarif": _json, "rdjson": _json, "rdjsonl": _json_lines,
        "checkstyle": _xml, "junit": _xml, "markdown": _markdown, "text": _last_line,
    }.get(form)  # fmt: skip
    return found + (check(text, model) if check else [])


def _shape(value: object) -> object:
    """The keys of a document, without how many items a list has."""
    if isinstance(value, dict):
        return tuple(sorted(value))
    return "list" if isinstance(value, list) else ""


def _json(text: str, model: str) -> list[str]:
    try:
        ours, theirs = json.loads(model), json.loads(text)
    except ValueError as problem:
        return [f"not JSON: {problem}"]
    faults = [] if _shape(ours) == _shape(theirs) else ["other keys at the top"]
    if isinstance(ours, dict):
        for key, value in ours.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                known = {_shape(item) for item in value}
                faults += [f"other keys in {key}" for item in theirs.get(key, ()) if _shape(item) not in known][:1]
    return faults


def _json_lines(text: str, model: str) -> list[str]:
    known = {_shape(json.loads(line)) for line in model.splitlines()}
    return ["other keys in a line" for line in text.split("\n") if line and _shape(json.loads(line)) not in known][:1]


def _xml(text: str, model: str) -> list[str]:
    try:
        tags = {element.tag for element in ET.fromstring(text).iter()}
    except ET.ParseError as problem:
        return [f"not XML: {problem}"]
    known = {one.tag for one in ET.fromstring(model).iter()} | {"skipped"}  # JUnit's name for what was not read
    return [f"other elements: {sorted(tags - known)}"] if tags - known else []


def _prose(markdown: str) -> str:
    return _CODE.sub("`code`", _FENCE.sub("```\n```", markdown))


def _markdown(text: str, model: str) -> list[str]:
    ours, theirs = _prose(model), _prose(text)
    tags = {tag.lower() for tag in _TAG.findall(theirs)} - {tag.lower() for tag in _TAG.findall(ours)}
    links = set(re.findall(r"\]\(([^)\s]*)", theirs)) - set(re.findall(r"\]\(([^)\s]*)", ours))
    found = [f"HTML: {sorted(tags)}"] if tags else []
    found += [f"links: {sorted(links)}"] if links else []
    return found + (["other headings"] if len(_headings(theirs)) > len(_headings(ours)) else [])


def _headings(prose: str) -> list[str]:
    """Headings other than those of a hunk, which a file of the attack has as well."""
    found = re.findall(r"^ {0,3}#{1,6} .*", prose, re.MULTILINE)
    return [line for line in found if not re.fullmatch(r"### `code`(?: in `code`)?", line)]


def _last_line(text: str, model: str) -> list[str]:
    counts = re.compile(r"^\d+ (?:errors?|warnings?)\b", re.MULTILINE)
    return [] if len(counts.findall(text)) == len(counts.findall(model)) else ["another number of summaries"]
