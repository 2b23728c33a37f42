"""A stand-in of the Hautech API that draws real pictures, takes its time and can misbehave.

Two ways to use it: `StandIn` in a thread of a test, or `python -m sandbox.hautech` as a
process of its own with `ControlClient` to steer it.
"""

from sandbox.hautech.client import ControlClient
from sandbox.hautech.credentials import Credentials
from sandbox.hautech.faults import FaultRule
from sandbox.hautech.options import Options
from sandbox.hautech.server import StandIn

__all__ = ["ControlClient", "Credentials", "FaultRule", "Options", "StandIn"]
