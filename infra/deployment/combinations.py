"""Parameters of the templates that do not go together: CloudFormation would find out later, or nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Values = Mapping[str, str]
"""All parameters of a template: given, kept from the last deployment, or the default."""


def problems_of_resources(values: Values) -> Iterator[str]:
    """Of infra/resources.yml."""
    if values["NotifyOfUploads"] == "true" and values["ExistingInputBucket"]:
        yield (
            "RESOURCE_PARAMS: NotifyOfUploads=true: only for a bucket that is made here; of "
            "ExistingInputBucket, set the notification on the bucket, and RequestSourceArns to its ARN"
        )


def problems_of_container(values: Values) -> Iterator[str]:
    """Of infra/container.yml."""
    endpoints = values["VpcEndpoints"]
    if endpoints != "none" and not values["RouteTableIds"]:
        yield (
            f"PARAMS: VpcEndpoints={endpoints}: needs RouteTableIds=rtb-…, the route tables of the "
            "subnets, into which the gateways are written"
        )
    least, most = values["MinTasks"], values["MaxTasks"]
    if least.isdigit() and most.isdigit() and int(least) > int(most):
        yield f"PARAMS: MinTasks={least} MaxTasks={most}: the least must not be more than the most"
