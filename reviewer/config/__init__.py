"""Settings: one immutable value, read once at the start of a command and passed in.

Sources, in rising order: the defaults, the user's own file, the repository's file, the environment, the flags. Each
setting remembers where its value came from, so that ``reviewer config show`` can answer "why is it so".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from reviewer.config import sources
from reviewer.config.options import BY_FIELD, FORMATS, OPTIONS, Option
from reviewer.engine.config import DEFAULT_MODEL, Device, ModelConfig, Quantization

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["BY_FIELD", "DEFAULT", "FORMATS", "OPTIONS", "Option", "Settings", "load", "user_file"]

REPO_FILE = ".reviewer.toml"
PYPROJECT = "pyproject.toml"
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
        hook_deadline: Seconds that a hook's whole review may take; None waits for all of it.
        background: The commit's hook does not wait; a post-commit hook begins the review. Not where a gate is set.
        fail_on: The least severity that fails a review; None never fails. (The value of ``finding.Severity``; the
            type itself stands in a layer above this one.)
        require: Fail where a review cannot be made, or is incomplete.
        context: How far to look for what is shown beside a change; ``"auto"`` leaves it to what pays for the model.
        summary: Whether to sum the change up; auto does where the model can and there is more than one piece.
        include, exclude: Patterns of paths, ``/`` between parts.
        skip_generated: Leave out what nobody wrote by hand, as ``skipping.py`` tells it.
        min_severity: The least severity that is shown.
        max_findings_per_file: Of one file; None shows all.
        use_model: Ask the model at all; without it a review holds what rules and analyzers report.
        model_findings: Report defects that the model itself claims; auto does for models with measured skill.
        fixes: Ask the model to explain and fix what rules and analyzers report.
        rules: Run the packaged rules.
        analyzers: What ``[reviewer.analyzers]`` holds, by name; ``evidence.analyzers.parse_config`` reads it.
        trust_repository: Run the commands that the repository's configuration names for analyzers.
        url: Endpoints to attach to, with commas between them; ``api_key`` goes with them and is kept out of ``repr``.
        keyring: Take the key from the system's keyring where ``api_key`` is not set.
        ca_file: Certificates to trust for https, in place of the system's.
        python: A Python interpreter that has vLLM.
        max_memory_gb: In GB of 10**9 bytes; None leaves it to the plan.
        idle_timeout: Seconds; None never stops the engine.
        origins: Where each value came from, by field; those left out are defaults.
        notes: What the user should know about how the settings came about.
    """

    model: str = DEFAULT_MODEL
    embedded: bool = False
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
    analyzers: Mapping[str, object] = field(default_factory=dict)
    trust_repository: bool = False
    explanations: bool = True
    summary: Summary = "auto"
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
            model=self.model,
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

    Args:
        repo_root: The repository's top folder; None leaves its file out.
        env: The environment.
        flags: Values by field name; None means not given.
        read_repo_file: Gives a file of the repository by name; the working tree's when None. In CI this reads the
            base revision, since the head is written by whoever asks for the review.
        defaults: A command's own defaults, by field name.

    Raises:
        ConfigError: A file, variable or flag is wrong; the message names it.
    """
    merged: sources.Values = {}
    notes: list[str] = []
    for layer in (
        sources.from_flags(defaults or {}, "default of this command"),
        _user_values(),
        _repo_values(repo_root, read_repo_file, notes),
        sources.from_environment(env),
        sources.from_flags(flags or {}),
    ):
        _merge(merged, layer)
    values: dict[str, Any] = {name: value for name, (value, _) in merged.items()}
    notes += _exposed(values)
    return Settings(**values, origins={name: origin for name, (_, origin) in merged.items()}, notes=tuple(notes))


def user_file() -> Path:
    """The user's own file, which may be missing."""
    from reviewer import paths

    return paths.config_dir() / "config.toml"


def default(name: str) -> object:
    """The default of a field."""
    return getattr(Settings(), name)


def _exposed(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Warnings of endpoints that are not encrypted; a URL that cannot be read is told when it is used."""
    if not values.get("url"):
        return ()
    from reviewer.engine.client.endpoint import exposed
    from reviewer.errors import ConfigError

    try:
        return exposed(values["url"], with_key=bool(values.get("api_key") or values.get("keyring")))
    except ConfigError:
        return ()


def _merge(merged: sources.Values, layer: sources.Values) -> None:
    if "analyzers" in merged and layer.get("analyzers", (None, ""))[1] in (REPO_FILE, f"{PYPROJECT} [tool.reviewer]"):
        layer = {name: value for name, value in layer.items() if name != "analyzers"}  # the user's own choice stands
    merged.update(layer)
    if "model" in layer and "embedded" not in layer and merged.get("embedded", (False,))[0]:
        # Whoever names a model means it, whatever a weaker source says of the embedded one.
        merged["embedded"] = (False, layer["model"][1])


def _user_values() -> sources.Values:
    path = user_file()
    data = _read(path)
    return {} if data is None else sources.from_toml(data, str(path), trusted=True) or {}


def _repo_values(root: Path | None, read: Callable[[str], bytes | None] | None, notes: list[str]) -> sources.Values:
    if read is None:
        if root is None:
            return {}
        folder = root
        read = lambda name: _read(folder / name)  # noqa: E731 - a def would need a name that says no more
    own, project = read(REPO_FILE), read(PYPROJECT)
    table = None if project is None or b"reviewer" not in project else project
    if own is None:
        values = (
            None if table is None else sources.from_toml(table, PYPROJECT, table=("tool", "reviewer"), trusted=False)
        )
        return values or {}
    if table is not None and b"[tool.reviewer" in table:
        notes.append(f"{REPO_FILE} is used; [tool.reviewer] in {PYPROJECT} is left out")
    return sources.from_toml(own, REPO_FILE, trusted=False) or {}


def _read(path: Path) -> bytes | None:
    from reviewer.errors import ConfigError

    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from problem
