"""A stack of three functions as osls makes them, without its zip: for looks at a deployment."""

from __future__ import annotations

from typing import Any

from worker.runtime.commands.deployed.variables import FROM_OUTPUTS

_TIMEOUTS_S = {"requests": 60, "polls": 50, "reconcile": 60}
_QUEUES = {"requests": "RequestQueue", "polls": "PollQueue"}


def functions_template() -> dict[str, Any]:
    """Functions, their mappings, their log groups and the schedule, with the outputs of infra/lambda.yml."""
    resources: dict[str, Any] = {"Role": _role(), "Schedule": _rule()}
    outputs = {}
    for role, timeout_s in _TIMEOUTS_S.items():
        name = role.capitalize()
        resources[f"{name}LogGroup"] = {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": {"Fn::Sub": f"/aws/lambda/${{FunctionPrefix}}-{role}"}},
        }
        resources[name] = _function(role, timeout_s)
        if role in _QUEUES:
            resources[f"{name}Mapping"] = _mapping(name, _QUEUES[role])
        outputs[f"{name}FunctionName"] = {"Value": {"Ref": name}}
    parameters = ("ResourcesStackName", "FunctionPrefix", "HautechSecretArn")
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": resources,
        "Outputs": outputs,
    }


def _imported(output: str) -> dict[str, Any]:
    return {"Fn::ImportValue": {"Fn::Sub": f"${{ResourcesStackName}}-{output}"}}


def _function(role: str, timeout_s: int) -> dict[str, Any]:
    variables: dict[str, Any] = {name: _imported(output) for name, output in FROM_OUTPUTS.items()}
    variables["HAUTECH_SECRET_ARN"] = {"Ref": "HautechSecretArn"}
    variables["POWERTOOLS_SERVICE_NAME"] = {"Ref": "ResourcesStackName"}
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": {"Fn::Sub": f"${{FunctionPrefix}}-{role}"},
            "Handler": f"worker.runtime.aws_lambda.handle_{role}",
            "Runtime": "python3.13",
            "Architectures": ["arm64"],
            "MemorySize": 512,
            "Timeout": timeout_s,
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": "# nothing is sent to it"},
            "Environment": {"Variables": variables},
        },
    }


def _mapping(function: str, queue: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": {"Ref": function},
            "EventSourceArn": _imported(f"{queue}Arn"),
            "BatchSize": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": 10},
        },
    }


def _rule() -> dict[str, Any]:
    properties = {"ScheduleExpression": "rate(5 minutes)", "State": "ENABLED"}
    return {"Type": "AWS::Events::Rule", "Properties": properties}


def _role() -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
