"""Whether a model's own claims of defects are worth reporting, by what was measured of it.

A model finds defects where an evaluation showed that its recall exceeds its rate of false alarms for certain, and that
it complains of at most one in ten clean changes. ``reviewer eval`` records what it measured; nothing is assumed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reviewer import files, paths

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.profile import ModelProfile

MAX_FALSE_ALARMS = 0.10


def finds(setting: str, profile: ModelProfile) -> bool:
    """Return whether to ask a model for defects of its own.

    Args:
        setting: ``Settings.model_findings``.
        profile: The model.
    """
    return setting == "on" or (setting == "auto" and _is_skilled(profile))


def record(profile_id: str, digest: str, *, skill_low: float, false_alarms: float) -> None:
    """Record what an evaluation measured of a model.

    Args:
        profile_id: The model's name.
        digest: What tells its weights apart.
        skill_low: Lower end of the 95% interval of recall minus false alarms.
        false_alarms: Share of the clean changes with a finding.
    """
    known = _known()
    known[_key(profile_id, digest)] = {"skill_low": skill_low, "false_alarms": false_alarms}
    path = _path()
    files.make_folder(path.parent)
    files.write(path, json.dumps(known, indent=2, sort_keys=True) + "\n")


def _is_skilled(profile: ModelProfile) -> bool:
    measured = _known().get(_key(profile.id, profile.digest))
    return (
        isinstance(measured, dict)
        and measured.get("skill_low", 0.0) > 0.0
        and measured.get("false_alarms", 1.0) <= MAX_FALSE_ALARMS
    )


def _known() -> dict[str, object]:
    try:
        known = json.loads(_path().read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _key(profile_id: str, digest: str) -> str:
    return f"{profile_id}@{digest}"


def _path() -> Path:
    return paths.data_dir() / "skill.json"
