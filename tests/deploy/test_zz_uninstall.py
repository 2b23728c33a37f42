"""Taking it away again, last of all: what is left are buckets with data, and the secret."""

from __future__ import annotations

from tests.deploy.orders import Desk
from tests.deploy.stage import DeployedStage


def test_uninstalling_leaves_buckets_with_data_and_the_secret(
    stage: DeployedStage, desk: Desk
) -> None:
    assert desk.garment  # the input bucket holds photos, and some picture is there
    desk.wait_for_pictures(*desk.send(desk.full_naomi()))

    said = stage.run("undeploy", "--resources", "--force")  # dead letters of all that was tried

    outputs = stage.outputs
    assert {one["Name"] for one in stage.aws.client("s3").list_buckets()["Buckets"]} == {
        outputs.input_bucket_name,
        outputs.output_bucket_name,
    }
    assert f"{outputs.input_bucket_name} holds data and stays" in said
    assert stage.aws.client("lambda").list_functions()["Functions"] == []
    assert stage.aws.client("iam").list_roles()["Roles"] == []
    assert stage.aws.client("dynamodb").list_tables()["TableNames"] == []
    assert stage.aws.client("secretsmanager").describe_secret(SecretId=stage.stage.secret_name)[
        "Name"
    ]
