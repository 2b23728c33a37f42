"""Serves moto on a free loopback port and writes the port to the file `port` when it listens.

A script for `sandbox.aws.moto`, run in the folder of the guarded process.
"""

from pathlib import Path
from threading import Event

from moto.server import ThreadedMotoServer


def main() -> None:
    """Serves until it is killed."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    # Renamed when complete, so that a reader never sees half a number.
    Path("port.tmp").write_text(str(port), encoding="ascii")
    Path("port.tmp").rename("port")
    Event().wait()


if __name__ == "__main__":
    main()
