"""What is taken out of an image's packages."""

import pytest

from infra.image.trim import CREDENTIAL_SERVICES, trim
from infra.lambda_package.errors import PackageError
from infra.lambda_package.prune import SERVICES
from tests.unit.infra.botocore_data import write_data


def test_models_that_the_sdk_needs_to_get_credentials_stay(tmp_path):
    data = tmp_path / "lib/python3.13/site-packages/botocore/data"
    (tmp_path / "bin").mkdir()
    write_data(data, (*SERVICES, *CREDENTIAL_SERVICES, "ec2"))

    trim(tmp_path)

    left = {path.name for path in data.iterdir() if path.is_dir()}
    assert left == {*SERVICES, *CREDENTIAL_SERVICES}
    assert "sts" in left, "a pod of Kubernetes gets its role through it"


def test_no_command_of_a_dependency_stays(tmp_path):
    data = tmp_path / "lib/python3.13/site-packages/botocore/data"
    write_data(data, (*SERVICES, *CREDENTIAL_SERVICES))
    (tmp_path / "bin/__pycache__").mkdir(parents=True)
    for name in ("python", "python3.13", "activate", "jp.py", "__pycache__/jp.cpython-313.pyc"):
        (tmp_path / "bin" / name).touch()

    trim(tmp_path)

    assert {path.name for path in (tmp_path / "bin").iterdir()} == {"python", "python3.13"}


def test_a_folder_that_is_no_environment_is_refused(tmp_path):
    with pytest.raises(PackageError, match="no virtual environment"):
        trim(tmp_path)
