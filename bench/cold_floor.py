"""A cold start in a process of its own: imports and clients, as a function has them or by hand.

python -m bench.cold_floor is not meant for people: `bench.cold_start` runs this file with an
interpreter that sees one folder of packages and nothing else.

cold_floor.py FOLDER function         imports the handlers; `_HANDLER` says which one is prepared
cold_floor.py FOLDER floor SERVICE…   imports four libraries and makes the same clients
"""

import json
import sys
import time


def _by_hand(services: list[str]) -> None:
    # structlog imports it where it is installed, and by hand it would not be.
    sys.modules["rich"] = None  # type: ignore[assignment]
    import boto3
    import pydantic  # noqa: F401 - importing it is what is measured
    import requests
    import structlog  # noqa: F401

    for service in services:
        boto3.client(service)  # type: ignore[call-overload]
    requests.Session()


def _function() -> None:
    import worker.runtime.aws_lambda  # noqa: F401


def main() -> None:
    """Prints what the start took, without that of the interpreter."""
    _, folder, what, *services = sys.argv
    sys.path.insert(0, folder)
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    if what == "function":
        _function()
    else:
        _by_hand(services)
    print(
        json.dumps({"cpu_s": time.process_time() - cpu_s, "wall_s": time.perf_counter() - wall_s})
    )


if __name__ == "__main__":
    main()
