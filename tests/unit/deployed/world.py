"""A deployment in which all is well, as AWS tells it; a test changes the one thing that it is about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.unit.deployed.answers import REGION, Answer, AnswerError, refused

ACCOUNT = "123456789012"
RESOURCES, FUNCTIONS = "hautech-worker-resources-dev", "hautech-worker-dev"
CONTAINER, MONITORING = "hautech-worker-container-dev", "hautech-worker-monitoring-dev"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:hautech-worker-dev-AbCdEf"
TOKEN = "a-token-that-nobody-may-see"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/hautech-worker:build-7"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
RULE = "hautech-worker-dev-ReconcileEventsRuleSchedule1"
TASK = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/worker:7"
ALARMS = ["RequestsWait-1", "CircuitOpen-2"]


def sqs_arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def sqs_url(name: str) -> str:
    return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"


RESOURCE_OUTPUTS = {
    **{f"{queue}QueueUrl": sqs_url(queue) for queue in ("Request", "Poll", "DeadLetter")},
    **{f"{queue}QueueArn": sqs_arn(queue) for queue in ("Request", "Poll", "DeadLetter")},
    **{f"{queue}QueueName": queue for queue in ("Request", "Poll", "DeadLetter")},
    "JobTableName": "jobs",
    "JobTableArn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/jobs",
    "ResultTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:results",
    "InputBucketName": "photos",
    "InputBucketArn": "arn:aws:s3:::photos",
    "OutputBucketName": "pictures",
    "OutputBucketArn": "arn:aws:s3:::pictures",
    "EncryptionKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/none",
}

VARIABLES = {
    "WORKER_REQUEST_QUEUE_URL": sqs_url("Request"),
    "WORKER_POLL_QUEUE_URL": sqs_url("Poll"),
    "WORKER_DEAD_LETTER_QUEUE_URL": sqs_url("DeadLetter"),
    "WORKER_JOB_TABLE": "jobs",
    "WORKER_RESULT_TOPIC_ARN": RESOURCE_OUTPUTS["ResultTopicArn"],
    "WORKER_INPUT_BUCKETS": "photos, more-photos",
    "WORKER_OUTPUT_BUCKETS": "pictures",
    "HAUTECH_SECRET_ARN": SECRET,
    "POWERTOOLS_SERVICE_NAME": RESOURCES,
}


def stack(parameters: Mapping[str, str], outputs: Mapping[str, str]) -> dict[str, Any]:
    return {
        "StackName": "",  # filled in with the name under which it stands
        "CreationTime": datetime(2026, 5, 4, tzinfo=UTC),
        "StackStatus": "UPDATE_COMPLETE",
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }


def function(role: str, timeout_s: int) -> dict[str, Any]:
    return {
        "FunctionName": f"hautech-worker-dev-{role}",
        "Handler": f"worker.runtime.aws_lambda.handle_{role}",
        "Runtime": "python3.13",
        "Architectures": ["arm64"],
        "MemorySize": 512,
        "Timeout": timeout_s,
        "PackageType": "Zip",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "LastModified": "2026-05-04T09:13:02.000+0000",
        "CodeSha256": "c2hhMjU2",
        "Environment": {"Variables": dict(VARIABLES)},
    }


def mapping(queue: str) -> dict[str, Any]:
    return {
        "UUID": f"{queue:-<36}",  # as long as AWS's own
        "EventSourceArn": sqs_arn(queue),
        "BatchSize": 10,
        "State": "Enabled",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 20},
        "LastProcessingResult": "No records processed",
    }


AES = {"SSEAlgorithm": "AES256"}


class World:
    """What is deployed. `answers` is what AWS says of it at that moment; `refuses` are its actions
    that the caller may not use, `imports` whether it says who imports what."""

    def __init__(self) -> None:
        self.refuses: set[str] = set()
        self.imports: dict[str, list[str]] = {}
        # The bucket with the photos was there before, with a key of its own.
        on_it = {"ResourcesStackName": RESOURCES, "InputBucketKeyArn": KEY}
        self.encrypts: dict[str, str | None] = {"photos": "alias/photos", "pictures": None}
        self.key_manager = "CUSTOMER"
        names = ("Requests", "Polls", "Reconcile")
        self.stacks: dict[str, dict[str, Any]] = {
            RESOURCES: stack(
                {"RequestVisibilityTimeoutSeconds": "360", "PollVisibilityTimeoutSeconds": "300"},
                RESOURCE_OUTPUTS,
            ),
            FUNCTIONS: stack(
                {**on_it, "FunctionPrefix": "hautech-worker-dev", "HautechSecretArn": SECRET},
                {f"{one}FunctionName": f"hautech-worker-dev-{one.lower()}" for one in names},
            ),
            CONTAINER: stack(
                {**on_it, "ImageUri": IMAGE, "MinTasks": "1"},
                {
                    "ClusterName": "cluster",
                    "ServiceName": "service",
                    "TaskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/task",
                    "SecurityGroupId": "sg-1",
                    "LogGroupName": "container-logs",
                },
            ),
            MONITORING: stack(
                {**on_it, "OldestRequestSeconds": "1800"},
                {"AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"},
            ),
        }
        self.made: dict[str, list[tuple[str, str]]] = {
            FUNCTIONS: [("AWS::Events::Rule", RULE)],
            CONTAINER: [("AWS::ECS::TaskDefinition", TASK)],
            MONITORING: [("AWS::CloudWatch::Alarm", name) for name in ALARMS],
        }
        self.functions = {
            one["FunctionName"]: one
            for one in (function("requests", 60), function("polls", 50), function("reconcile", 60))
        }
        self.mappings = {
            "hautech-worker-dev-requests": [mapping("Request")],
            "hautech-worker-dev-polls": [mapping("Poll")],
        }
        self.reserved: dict[str, int] = {}
        self.unreserved = 1000
        self.rule: dict[str, Any] = {"State": "ENABLED", "ScheduleExpression": "rate(5 minutes)"}
        self.visibility_s = {sqs_url("Request"): 360, sqs_url("Poll"): 300}
        self.groups: dict[str, int | None] = {
            **{f"/aws/lambda/{name}": 30 for name in self.functions},
            "container-logs": 30,
        }
        self.alarms: dict[str, dict[str, Any]] = {
            name: {"StateValue": "OK", "ActionsEnabled": True, "AlarmActions": ["arn:aws:sns:x"]}
            for name in ALARMS
        }
        self.listeners = 1
        self.service: dict[str, Any] = {
            "status": "ACTIVE",
            "runningCount": 2,
            "desiredCount": 2,
            "taskDefinition": TASK,
            "events": [{"message": "(service service) has reached a steady state."}],
            "deployments": [{"status": "PRIMARY", "rolloutState": "COMPLETED"}],
        }
        self.container: dict[str, Any] = {
            "name": "worker",
            "image": IMAGE,
            "stopTimeout": 30,
            "environment": [{"name": key, "value": value} for key, value in VARIABLES.items()],
        }
        self.secret = json.dumps({"HAUTECH_API_TOKEN": TOKEN})

    def answers(self) -> dict[str, Answer]:
        table: dict[str, Answer] = {
            "cloudformation:DescribeStacks": self._stack,
            "cloudformation:ListImports": self._imports,
            "cloudformation:DescribeStackResources": self._made,
            "lambda:GetFunctionConfiguration": lambda asked: self.functions[asked["FunctionName"]],
            "lambda:GetFunctionConcurrency": self._reserved,
            "lambda:GetAccountSettings": lambda _: {
                "AccountLimit": {"UnreservedConcurrentExecutions": self.unreserved}
            },
            "lambda:ListEventSourceMappings": lambda asked: {
                "EventSourceMappings": self.mappings[asked["FunctionName"]]
            },
            "lambda:GetFunction": lambda asked: {
                "Configuration": self.functions[asked["FunctionName"]],
                "Code": {"Location": "https://aws.invalid/zip?X-Amz-Signature=secret"},
            },
            "events:DescribeRule": lambda asked: {"Name": asked["Name"], **self.rule},
            "sqs:GetQueueAttributes": lambda asked: {
                "Attributes": {"VisibilityTimeout": str(self.visibility_s[asked["QueueUrl"]])}
            },
            "logs:DescribeLogGroups": self._groups,
            "cloudwatch:DescribeAlarms": lambda asked: {
                "MetricAlarms": [
                    {"AlarmName": name, **self.alarms[name]}
                    for name in asked["AlarmNames"]
                    if name in self.alarms
                ]
            },
            "sns:GetTopicAttributes": lambda _: {
                "Attributes": {"SubscriptionsConfirmed": str(self.listeners)}
            },
            "ecs:DescribeServices": lambda _: {"services": [self.service] if self.service else []},
            "ecs:DescribeTaskDefinition": lambda _: {
                "taskDefinition": {"containerDefinitions": [self.container]}
            },
            "s3:GetBucketEncryption": self._encryption,
            "kms:DescribeKey": lambda _: {
                "KeyMetadata": {"KeyId": "1234abcd", "Arn": KEY, "KeyManager": self.key_manager}
            },
            "secretsmanager:GetSecretValue": lambda _: {"SecretString": self.secret},
        }
        return {action: self._unless_refused(action, table[action]) for action in table}

    def _unless_refused(self, action: str, answer: Answer) -> Answer:
        def say(asked: Mapping[str, Any]) -> dict[str, Any]:
            if action in self.refuses:
                raise refused(action)
            return answer(asked)

        return say

    def _stack(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        name = asked["StackName"]
        if name not in self.stacks:
            raise AnswerError("ValidationError", 400, f"Stack with id {name} does not exist")
        return {"Stacks": [{**self.stacks[name], "StackName": name}]}

    def _imports(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        export = asked["ExportName"]
        if export not in self.imports:
            said = f"Export '{export}' is not imported by any stack."
            raise AnswerError("ValidationError", 400, said)
        return {"Imports": self.imports[export]}

    def _made(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "StackResources": [
                {
                    "LogicalResourceId": f"Resource{at}",
                    "PhysicalResourceId": physical_id,
                    "ResourceType": kind,
                    "Timestamp": datetime(2026, 5, 4, tzinfo=UTC),
                    "ResourceStatus": "CREATE_COMPLETE",
                }
                for at, (kind, physical_id) in enumerate(self.made[asked["StackName"]])
            ]
        }

    def _encryption(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        key = self.encrypts[asked["Bucket"]]
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else AES
        rule = {"ApplyServerSideEncryptionByDefault": default}
        return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}

    def _reserved(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        name = asked["FunctionName"]
        reserved = self.reserved
        return {"ReservedConcurrentExecutions": reserved[name]} if name in reserved else {}

    def _groups(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "logGroups": [
                {"logGroupName": name, **({"retentionInDays": days} if days else {})}
                for name, days in self.groups.items()
                if name.startswith(asked["logGroupNamePrefix"])
            ]
        }
