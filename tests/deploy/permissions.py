"""The roles of the deployed functions: read, with one action taken away, put back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sandbox.aws import LocalAws

_BATCH_FORMS: Final = {
    "sqs:SendMessage": "sqs:SendMessageBatch",
    "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
    "sqs:DeleteMessage": "sqs:DeleteMessageBatch",
}
"""AWS asks for the left one for both calls and knows no action of the right name (Source: SQS guide,
"Actions for Amazon SQS: permissions reference"); the emulator asks for each call's own name."""

TAGGED: Final = "tagged/"
"""The folder of pictures with tags. AWS asks for `s3:PutObjectTagging`, too, to write one; the emulator
looks at no tags, so a role that lacks the permission is refused what has to be written there."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One action of one statement of a role."""

    sid: str
    action: str

    def __str__(self) -> str:
        return f"{self.sid}: {self.action}"


class DeployedRole:
    """The inline policy of a deployed function's role.

    Args:
        aws: the emulator.
        name: of the role, as IAM knows it.
    """

    def __init__(self, aws: LocalAws, name: str) -> None:
        self._iam: Any = aws.client("iam")
        self.name = name
        (self._policy_name,) = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        answer = self._iam.get_role_policy(RoleName=name, PolicyName=self._policy_name)
        document = answer["PolicyDocument"]
        self.document = _as_in_the_template(
            json.loads(document) if isinstance(document, str) else document
        )
        self._put(self.document)

    @property
    def permissions(self) -> list[Permission]:
        """All that the role allows, in the order of the template."""
        return [
            Permission(one["Sid"], action)
            for one in self.document["Statement"]
            for action in _listed(one["Action"])
        ]

    def resource_name(self, permission: Permission) -> str:
        """What an error about it must name: a queue; "" for others, of which there is one each."""
        (one,) = [each for each in self.document["Statement"] if each["Sid"] == permission.sid]
        is_queue = permission.action.startswith("sqs:")
        return str(one["Resource"]).rpartition(":")[2] if is_queue else ""

    @contextmanager
    def without(self, *taken: Permission) -> Iterator[None]:
        """The role lacks these permissions while the block lasts."""
        less = copy.deepcopy(self.document)
        for one in less["Statement"]:
            gone = {each.action for each in taken if each.sid == one["Sid"]}
            one["Action"] = [action for action in _listed(one["Action"]) if action not in gone]
        less["Statement"] = [one for one in less["Statement"] if one["Action"]]
        self._put(less)
        try:
            yield
        finally:
            self._put(self.document)

    def _put(self, document: dict[str, Any]) -> None:
        understood = copy.deepcopy(document)
        if not _has(document, "s3:PutObjectTagging"):
            place = f"arn:aws:s3:::*/{TAGGED}*"
            refusal = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": place}
            understood["Statement"].append(refusal)
        for one in understood["Statement"]:
            actions = _listed(one["Action"])
            one["Action"] = [
                *actions,
                *(_BATCH_FORMS[name] for name in actions if name in _BATCH_FORMS),
            ]
        self._iam.put_role_policy(
            RoleName=self.name,
            PolicyName=self._policy_name,
            PolicyDocument=json.dumps(understood),
        )


def _as_in_the_template(document: dict[str, Any]) -> dict[str, Any]:
    """Without what was put in for the emulator when the role was read before."""
    statements = [one for one in document["Statement"] if one["Effect"] == "Allow"]
    ours = set(_BATCH_FORMS.values())
    actions = [[each for each in _listed(one["Action"]) if each not in ours] for one in statements]
    kept = [{**one, "Action": left} for one, left in zip(statements, actions, strict=True)]
    return {**document, "Statement": kept}


def _has(document: dict[str, Any], action: str) -> bool:
    return any(action in _listed(one["Action"]) for one in document["Statement"])


def _listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions
