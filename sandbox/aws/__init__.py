"""Local AWS: emulators as guarded processes, and the real template deployed to them."""

from sandbox.aws.clients import LocalAws
from sandbox.aws.environment import worker_environment
from sandbox.aws.events import subscribe_queue
from sandbox.aws.ministack import MiniStack
from sandbox.aws.moto import MotoServer
from sandbox.aws.processes import EmulatorError
from sandbox.aws.stack import (
    RESOURCES_TEMPLATE,
    DeployError,
    StackOutputs,
    create_stack,
    deploy,
    turn_expiry_on,
)

__all__ = [
    "RESOURCES_TEMPLATE",
    "DeployError",
    "EmulatorError",
    "LocalAws",
    "MiniStack",
    "MotoServer",
    "StackOutputs",
    "create_stack",
    "deploy",
    "subscribe_queue",
    "turn_expiry_on",
    "worker_environment",
]
