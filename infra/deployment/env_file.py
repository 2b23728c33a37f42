"""`.deployed/STAGE.env`: what the command line needs to work with a deployed stage. No secrets."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from worker.runtime.commands.deployed.variables import FROM_OUTPUTS

FOLDER = Path(__file__).resolve().parents[2] / ".deployed"


def settings_of(outputs: Mapping[str, str]) -> dict[str, str]:
    """The variables that name a stack's resources, from its outputs."""
    return {variable: outputs[output] for variable, output in FROM_OUTPUTS.items()}


def write_env_file(stage_name: str, values: Mapping[str, str]) -> Path:
    """Writes the file, for `source` in any POSIX shell, and returns its path."""
    path = _path(stage_name)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"# hautech-worker, stage {stage_name}. Written by `make deploy`; holds no secret."]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in sorted(values.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def remove_env_file(stage_name: str) -> None:
    """Removes the file of a stage whose resources are gone, if there is one."""
    _path(stage_name).unlink(missing_ok=True)


def _path(stage_name: str) -> Path:
    return FOLDER / f"{stage_name}.env"
