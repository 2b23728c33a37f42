"""A package knows the endpoints of its own services just as botocore does, and no others."""

import json
import shutil
from itertools import product
from pathlib import Path

import botocore
import pytest
from botocore.exceptions import EndpointVariantError, NoRegionError
from botocore.regions import EndpointResolver

from infra.image.trim import CREDENTIAL_SERVICES
from infra.lambda_package.errors import PackageError
from infra.lambda_package.prune import SERVICES, cut_endpoints
from tests.unit.infra.botocore_data import write_data

WHOLE = Path(botocore.__file__).parent / "data"
KEPT = (*SERVICES, *CREDENTIAL_SERVICES)
PREFIXES = ("dynamodb", "s3", "secretsmanager", "sns", "sqs", "sts", "oidc", "portal.sso", "signin")
"""By which botocore looks up the endpoints of those services."""


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """Endpoints as the image has them, which keeps more services than the package for Lambda."""
    data = tmp_path_factory.mktemp("data")
    shutil.copy(WHOLE / "endpoints.json", data)
    for service in KEPT:
        shutil.copytree(WHOLE / service, data / service)
    cut_endpoints(data)
    return json.loads((data / "endpoints.json").read_bytes())


def test_every_region_of_every_kept_service_has_the_endpoint_that_it_had(cut):
    whole = json.loads((WHOLE / "endpoints.json").read_bytes())
    names = [name for partition in whole["partitions"] for name in partition["regions"]]
    regions = [*names, "aws-global", "mars-north-1", None]
    before, after = EndpointResolver(whole), EndpointResolver(cut)

    assert len(names) > 30
    for prefix, region, dual, fips in product(PREFIXES, regions, (False, True), (False, True)):
        asked = (prefix, region, None, dual, fips)
        assert _answer(after, asked) == _answer(before, asked), asked


def test_other_services_are_gone_and_partitions_are_not(cut):
    whole = json.loads((WHOLE / "endpoints.json").read_bytes())
    left = {name for partition in cut["partitions"] for name in partition["services"]}
    named = {name for partition in whole["partitions"] for name in partition["services"]}

    assert left == named & set(PREFIXES)
    assert [{**partition, "services": {}} for partition in cut["partitions"]] == [
        {**partition, "services": {}} for partition in whole["partitions"]
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"partitions": [{}]}', '{"partitions": [{"services": null}]}']
)
def test_a_file_of_another_form_is_refused(tmp_path, text):
    write_data(tmp_path, SERVICES)
    (tmp_path / "endpoints.json").write_text(text)

    with pytest.raises(PackageError, match="endpoints have changed"):
        cut_endpoints(tmp_path)

    assert (tmp_path / "endpoints.json").read_text() == text


def test_a_model_that_does_not_name_its_endpoints_is_refused(tmp_path):
    write_data(tmp_path, SERVICES)
    (tmp_path / "sqs" / "2020-01-01" / "service-2.json.gz").write_bytes(b"not packed")

    with pytest.raises(PackageError, match="endpoints have changed"):
        cut_endpoints(tmp_path)


def _answer(resolver, asked):
    try:
        return resolver.construct_endpoint(*asked)
    except (EndpointVariantError, NoRegionError) as error:
        return repr(error)
