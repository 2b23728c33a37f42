"""`python3 -m infra.image.trim FOLDER`: takes out of a virtual environment what no worker reads."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from infra.lambda_package.errors import PackageError
from infra.lambda_package.prune import SERVICES, prune

CREDENTIAL_SERVICES: Final = ("signin", "sso", "sso-oidc", "sts")
"""Asked for credentials by the SDK itself: Kubernetes gives a pod a role through STS, and the others
are how people sign in who run `doctor` on their machine. (Source: botocore.credentials)"""


def trim(environment: Path) -> None:
    """Prunes the packages of a virtual environment, and leaves no command in it but Python.

    Raises:
        PackageError: it has no packages, or something that is kept is not where it was.
    """
    folders = list(environment.glob("lib/python3.*/site-packages"))
    if len(folders) != 1:
        raise PackageError(f"{environment} is no virtual environment: {len(folders)} site-packages")
    prune(folders[0], services=(*SERVICES, *CREDENTIAL_SERVICES))
    for path in (environment / "bin").iterdir():
        if path.is_dir():  # byte code of a script, which has the time of the build in it
            shutil.rmtree(path)
        elif not path.name.startswith("python"):
            path.unlink()


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
