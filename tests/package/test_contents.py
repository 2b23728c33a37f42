"""What is in the package is what the functions import: no more, no less."""

import json
import subprocess
import sys

import pytest

from infra.lambda_package.manifest import MANIFEST

pytestmark = pytest.mark.timeout(300)  # the first of them makes the package

_RUN = """
import importlib, json, sys
from pathlib import Path

root = Path(sys.argv[1])
sys.path.insert(0, str(root))
for path in sorted((root / "worker").rglob("*.py")):
    parts = path.relative_to(root).with_suffix("").parts
    importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))

from worker.adapters.aws.clients import AwsClients

clients = AwsClients(4)
for name in ("dynamodb", "s3", "secretsmanager", "sns", "sqs"):
    getattr(clients, name)

# What is imported only when it is needed: by a signature, by the size of an AVIF, by rules of folders.
import PIL.AvifImagePlugin
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from worker.drops.yaml_text import read_yaml
from worker.hautech.auth import SelfSignedToken

assert read_yaml("rules: []").value == {"rules": []}
pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
assert SelfSignedToken(app_id="a", key_id="k", key_secret=pem.decode()).token()

from_package, compiled = set(), set()
for module in list(sys.modules.values()):
    file = getattr(module, "__file__", None) or ""
    if file.startswith(str(root)):
        from_package.add(Path(file).relative_to(root).parts[0])
        if file.endswith(".py") and getattr(module, "__cached__", None):
            assert Path(module.__cached__).is_file(), module.__cached__
print(json.dumps(sorted(from_package)))
"""


def test_every_shipped_module_is_importable_and_every_shipped_package_is_imported(unpacked):
    """In an interpreter that sees nothing else: no packages of this environment, no sources."""
    used = _run(unpacked, _RUN)

    shipped = {
        member.name
        for member in unpacked.iterdir()
        # Compiled modules at the top, and what pillow's own modules are linked with.
        if not member.name.endswith((".dist-info", ".libs", "__pycache__"))
    }
    assert set(used) == shipped


def test_nothing_of_the_command_line_or_the_container_is_shipped(unpacked):
    for name in ("typer", "rich", "pygments", "prometheus_client", "boto3", "s3transfer", "cffi"):
        assert not (unpacked / name).exists()
    for name in ("runtime/cli.py", "runtime/commands", "runtime/health.py", "adapters/memory"):
        assert not (unpacked / "worker" / name).exists()


def test_every_module_is_compiled(unpacked):
    sources = {path for path in unpacked.rglob("*.py") if path.is_file()}
    tag = sys.implementation.cache_tag
    compiled = {
        path.parent.parent / f"{path.name.removesuffix(f'.{tag}.pyc')}.py"
        for path in unpacked.rglob("*.pyc")
    }

    assert compiled == sources


def test_the_package_says_what_it_is(unpacked):
    manifest = json.loads((unpacked / MANIFEST).read_text())

    assert manifest["architecture"] == "native"
    assert manifest["compiledBy"].startswith(manifest["python"])


def _run(unpacked, code):
    # -I: no environment, no current folder; -S: no site-packages.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code, unpacked],
        capture_output=True,
        text=True,
        check=False,
        env={"AWS_REGION": "eu-west-1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
