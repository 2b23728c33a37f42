"""A cold start in a process of its own: imports and clients, as a function has them or by hand.

python -m bench.cold_floor is not meant for people: `bench.cold_start` runs this file with an
interpreter that sees one folder of packages and nothing else.

cold_floor.py FOLDER function        imports the handlers; `_HANDLER` says which one is prepared
cold_floor.py FOLDER floor CLIENTS   imports four libraries and makes the same clients, which are
                                     JSON: what `function` told of those that it made
cold_floor.py FOLDER nothing         what both have in common: the interpreter and this file
"""

import json
import sys
import time
from typing import Any


def _by_hand(clients: list[dict[str, Any]]) -> dict[str, Any]:
    # structlog imports it where it is installed, and by hand it would not be.
    sys.modules["rich"] = None  # type: ignore[assignment]  # None is how Python hides a module
    import boto3
    import pydantic  # noqa: F401 - importing it is what is measured
    import requests
    import structlog  # noqa: F401 - the same
    from botocore.config import Config

    for client in clients:
        boto3.client(
            client["service"],
            region_name=client["region"],
            config=Config(**client["config"]),
        )
    requests.Session()
    # `import pydantic` brings hardly any of pydantic: a name does, when it is first asked for.
    bare_cpu_s = time.process_time()
    from pydantic import BaseModel  # noqa: F401 - asking for the name is what is measured

    return {"model_cpu_s": time.process_time() - bare_cpu_s}


def _function() -> dict[str, Any]:
    from botocore.session import Session

    made = []
    create = Session.create_client

    def noted(self: Session, service: str, region_name: str, config: Any) -> object:
        options = config._user_provided_options  # noqa: SLF001 - there is no public way
        made.append({"service": service, "region": region_name, "config": options})
        return create(self, service, region_name=region_name, config=config)

    # Whatever the function makes goes through here; it has no list of its clients to ask for.
    Session.create_client = noted  # type: ignore[method-assign,assignment]
    import worker.runtime.aws_lambda  # noqa: F401 - `_HANDLER` is prepared while it is imported

    return {"clients": made}


def main() -> None:
    """Prints what the start took, without that of the interpreter."""
    _, folder, what, *clients = sys.argv
    sys.path.insert(0, folder)
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    told = {}
    if what == "function":
        told = _function()
    elif what == "floor":
        told = _by_hand(json.loads(clients[0]))
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    print(json.dumps({**told, "cpu_s": cpu_s, "wall_s": wall_s}))


if __name__ == "__main__":
    main()
