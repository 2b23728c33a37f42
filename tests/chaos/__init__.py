"""The service under fire: real worker processes, real sockets that break, signals that kill.

python -m tests.chaos --jobs 300 --workers 8 --seed 1
"""

from tests.chaos.result import ChaosResult
from tests.chaos.run import run_chaos

__all__ = ["ChaosResult", "run_chaos"]
