"""`python -m tests.sandbox.hasty_worker run`: the real worker, which tries again within seconds what
the one that ships tries after half a minute. Everything else is the same.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import cached_property

from worker.bootstrap import Application
from worker.engine.rules import EngineRules
from worker.runtime.commands.environment import load_with_region
from worker.runtime.process import run_worker

TRY_AGAIN_S = 2.0


class HastyApplication(Application):
    """The worker's parts with shorter rests while somebody else is in trouble."""

    @cached_property
    def rules(self) -> EngineRules:
        """The rules of the settings, but for the rests."""
        return replace(super().rules, circuit_open_s=TRY_AGAIN_S, systemic_wait_s=TRY_AGAIN_S)


if __name__ == "__main__":
    sys.exit(run_worker(load_with_region(os.environ), HastyApplication))
