"""Settings: one immutable value, read once at the start of a command and passed in.

Sources, in rising priority: defaults, the user's file, the repository's file, the environment, flags. Each setting
records its origin for ``reviewer config show``.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from reviewer import untrusted
from reviewer.config import sources
from reviewer.config.options import BY_FIELD, FORMATS, OPTIONS, Option
from reviewer.engine.config import DEFAULT_MODEL, Device, ModelConfig, Quantization
from reviewer.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["BY_FIELD", "DEFAULT", "FORMATS", "OPTIONS", "Option", "Settings", "load", "user_file"]

REPO_FILE = ".reviewer.toml"
PYPROJECT = "pyproject.toml"
_MAX_BYTES = 1 << 20
DEFAULT = "default"

FailOn = Literal["error", "warning", "info"]
ContextExtent = Literal["auto", "none", "scope", "file"]
Summary = Literal["auto", "on", "off"]
ModelFindings = Literal["auto", "on", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a user can set.

    Attributes:
        timeout: Seconds without progress of the engine after which a request is given up.
        hook_budget: Seconds that a hook waits for an engine that is not ready.
        hook_deadline: Seconds that a hook's review may take; None means no limit.
        background: Commits do not wait; a post-commit hook starts the review. Ignored where a gate is set.
        fail_on: The least severity that fails a review (a value of ``finding.Severity``); None never fails.
        require: Fail when a review cannot be made or is incomplete.
        context: Extent of the code shown beside a change; ``"auto"`` chooses by model.
        summary: Whether to summarise the change; ``"auto"`` does for able models and more than one unit.
        include, exclude: Path patterns with ``/`` between parts.
        skip_generated: Leave out generated and vendored files; see ``selection/skipping.py``.
        min_severity: The least severity that is shown.
        max_findings_per_file: None shows all.
        use_model: Ask the model; without it a review holds what rules and analyzers report.
        model_findings: Report defects that the model itself claims; auto does for models with measured skill.
        fixes: Ask the model to explain and fix what rules and analyzers report.
        rules: Run the packaged rules.
        rule_files: Other tools whose rule files are read (``config.repository.RULE_FILES``).
        analyzers: Content of ``[reviewer.analyzers]`` by name; see ``evidence.analyzers.parse_config``.
        trust_repository: Run the commands that the repository's configuration names for analyzers.
        start_engine: Let the language server start an engine.
        trust_comments: Let comments that the change adds suppress findings.
        url: Comma-separated endpoints; ``api_key`` belongs to them.
        keyring: Read the key from the system's keyring if ``api_key`` is not set.
        ca_file: Certificates to trust for https instead of the system's.
        python: A Python interpreter with vLLM.
        max_memory_gb: In GB of 10**9 bytes; None lets the plan choose.
        idle_timeout: Seconds; None never stops the engine.
        origins: Origin of each value that is not a default, by field.
        notes: Remarks for the user about how the settings were read.
    """

    model: str = DEFAULT_MODEL
    embedded: bool | str = False
    quantization: Quantization = "auto"
    temperature: float = 0.2
    max_model_len: int | None = None
    timeout: float = 120.0
    hook_budget: float = 10.0
    hook_deadline: float | None = 120.0
    background: bool = False
    fail_on: FailOn | None = None
    require: bool = False
    format: str = "text"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    context: ContextExtent = "auto"
    skip_generated: bool = True
    min_severity: FailOn = "info"
    max_findings_per_file: int | None = None
    cache: bool = True
    completions: bool = True
    use_model: bool = True
    model_findings: ModelFindings = "auto"
    fixes: bool = True
    rules: bool = True
    rule_files: tuple[str, ...] = ()
    analyzers: Mapping[str, object] = field(default_factory=dict)
    trust_repository: bool = False
    trust_comments: bool = True
    explanations: bool = True
    summary: Summary = "auto"
    start_engine: bool = False
    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    keyring: bool = False
    ca_file: str | None = None
    python: str | None = None
    max_memory_gb: float | None = None
    max_num_seqs: int | None = None
    device: Device = "auto"
    start_timeout: float = 300.0
    idle_timeout: float | None = 1800.0
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    notes: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def model_config(self) -> ModelConfig:
        """The part that the engine takes."""
        return ModelConfig(
            model=DEFAULT_MODEL if self.embedded else self.model,
            embedded=self.embedded,
            max_memory_gb=self.max_memory_gb,
            quantization=self.quantization,
            device=self.device,
            max_model_len=self.max_model_len,
            max_num_seqs=self.max_num_seqs,
            temperature=self.temperature,
            timeout=self.timeout,
            start_timeout=self.start_timeout,
            engine_url=self.url,
            api_key=self.api_key,
            keyring=self.keyring,
            ca_file=self.ca_file,
            engine_python=self.python,
            idle_timeout=self.idle_timeout,
        )

    def origin(self, name: str) -> str:
        """Where the value of a field came from; ``"default"`` where nothing set it."""
        return self.origins.get(name, DEFAULT)


def load(
    repo_root: Path | None,
    env: Mapping[str, str],
    flags: Mapping[str, object] | None = None,
    read_repo_file: Callable[[str], bytes | None] | None = None,
    *,
    defaults: Mapping[str, object] | None = None,
) -> Settings:
    """Read the settings.

    A repository may only lower the limits that the user has set, or that are the defaults.

    Args:
        repo_root: The repository's top folder; None reads no repository file.
        env: The environment.
        flags: Values by field name; None means not given.
        read_repo_file: Returns a file of the repository by name; None reads the working tree. CI reads the base
            revision, because the author of the change controls the head.
        defaults: A command's own defaults, by field name.

    Raises:
        ConfigError: A file, variable or flag is wrong; the message names it.
    """
    merged: sources.Values = {}
    notes: list[str] = []
    for layer in (sources.from_flags(defaults or {}, "command default"), _user_values()):
        _merge(merged, layer)
    _merge(merged, _within_limits(_repo_values(repo_root, read_repo_file, notes), merged, notes))
    for layer in (sources.from_environment(env), sources.from_flags(flags or {})):
        _merge(merged, layer)
    values: dict[str, Any] = {name: value for name, (value, _) in merged.items()}
    notes += _exposed(values)
    return Settings(**values, origins={name: origin for name, (_, origin) in merged.items()}, notes=tuple(notes))


def user_file() -> Path:
    """Path of the user's file, which may not exist."""
    from reviewer import paths

    return paths.config_dir() / "config.toml"


def default(name: str) -> object:
    """The default of a field."""
    return getattr(Settings(), name)


def _exposed(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Warnings about unencrypted endpoints; an invalid URL is reported when it is used."""
    if not values.get("url"):
        return ()
    from reviewer.engine.client.endpoint import exposed

    try:
        return exposed(values["url"], with_key=bool(values.get("api_key") or values.get("keyring")))
    except ConfigError:
        return ()


def _within_limits(layer: sources.Values, merged: sources.Values, notes: list[str]) -> sources.Values:
    """Drop values of the repository that exceed the user's limits."""
    kept: sources.Values = {}
    for name, (value, origin) in layer.items():
        option = BY_FIELD[name]
        own: Any = merged[name][0] if name in merged else default(name)
        # No limit of the user's own: the memory plan bounds the repository's value.
        if option.is_limit and own is not None and (value is None or value > own):
            shown = getattr(option.kind, "none", None) if value is None else f"{value:g}"
            notes.append(f"{origin}: {option.key} = {shown} exceeds your limit of {own:g} and is ignored")
        else:
            kept[name] = (value, origin)
    return kept


def _merge(merged: sources.Values, layer: sources.Values) -> None:
    """Let a layer override weaker ones.

    A named model overrides a weaker ``embedded``; ``embedded = true`` keeps the embedded model that a weaker layer
    names.

    Raises:
        ConfigError: The layer sets both a model and ``embedded``.
    """
    from reviewer.errors import ConfigError

    asked, weaker = layer.get("embedded", (False,))[0], merged.get("embedded", (False,))[0]
    if asked and "model" in layer:
        (model, where), (_, other) = layer["model"], layer["embedded"]
        both = where if where == other else f"{where} and {other}"
        raise ConfigError(f"{both}: the model {model} and embedded cannot be combined", hint="set one of them")
    kept = merged.get("embedded")
    if "analyzers" in merged and layer.get("analyzers", (None, ""))[1] in (REPO_FILE, f"{PYPROJECT} [tool.reviewer]"):
        layer = {name: value for name, value in layer.items() if name != "analyzers"}  # the user's own choice stands
    merged.update(layer)
    if "model" in layer and weaker:
        merged["embedded"] = (False, layer["model"][1])
    if asked is True and isinstance(weaker, str) and kept is not None:
        merged["embedded"] = kept


def _user_values() -> sources.Values:
    path = user_file()
    data = _read(path)
    return {} if data is None else sources.from_toml(data, str(path), trusted=True) or {}


def _repo_values(root: Path | None, read: Callable[[str], bytes | None] | None, notes: list[str]) -> sources.Values:
    if read is None:
        if root is None:
            return {}
        read = functools.partial(_read_below, root)
    own, project = read(REPO_FILE), read(PYPROJECT)
    if own is not None:
        if project is not None and b"[tool.reviewer" in project:
            notes.append(f"{REPO_FILE} is used; [tool.reviewer] in {PYPROJECT} is ignored")
        return sources.from_toml(own, REPO_FILE, trusted=False) or {}
    if project is None or b"reviewer" not in project:
        return {}
    return sources.from_toml(project, PYPROJECT, table=("tool", "reviewer"), trusted=False) or {}


def _read_below(root: Path, name: str) -> bytes | None:
    return _read(root / name)


def _read(path: Path) -> bytes | None:
    try:
        return untrusted.read_file(path, _MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise ConfigError(f"cannot read {path}: {problem.strerror}") from problem
