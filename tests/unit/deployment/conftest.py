"""Nothing here touches `.deployed` of the repository, where files of real stages may lie."""

from pathlib import Path

import pytest

from infra.deployment import env_file


@pytest.fixture(autouse=True)
def deployed_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stands for `.deployed`; it is not there yet."""
    folder = tmp_path / "deployed"
    monkeypatch.setattr(env_file, "FOLDER", folder)
    return folder
