"""Runs the stand-in as a process: one line of JSON when ready, gone on SIGTERM or SIGINT.

python -m sandbox.hautech --credentials-file hautech.json --options '{"durationSeconds": 5}'
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from sandbox.hautech.credentials import Credentials
from sandbox.hautech.options import Options
from sandbox.hautech.server import Listeners


def main() -> int:
    """Serves until told to stop; returns the exit status."""
    arguments = _arguments()
    try:
        options = Options().changed(_read_options(arguments.options))
    except (OSError, ValueError) as error:
        print(f"--options: {error}", file=sys.stderr)
        return 2
    credentials = Credentials.generate()
    credentials.write(arguments.credentials_file)
    try:
        asyncio.run(_serve(arguments, options, credentials))
    finally:
        arguments.credentials_file.unlink(missing_ok=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.hautech", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="API port; 0: a free one")
    parser.add_argument("--media-port", type=int, default=0, help="media port; 0: a free one")
    parser.add_argument(
        "--media-url",
        help="base URL of upload URLs and image links, if something stands before the media port",
    )
    parser.add_argument("--options", default="{}", help="JSON, or the path of a JSON file")
    parser.add_argument(
        "--credentials-file",
        type=Path,
        required=True,
        help="where key and token are written, readable by the owner only; removed at the end",
    )
    parser.add_argument(
        "--exit-with-parent",
        action="store_true",
        help="stop when standard input ends, which it does when the parent dies",
    )
    return parser.parse_args()


def _read_options(text: str) -> dict[str, Any]:
    source = text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8")
    document = json.loads(source)
    if not isinstance(document, dict):
        raise ValueError("must be a JSON object")  # noqa: TRY004 - bad content, not a bad call
    return document


async def _serve(arguments: argparse.Namespace, options: Options, credentials: Credentials) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    if arguments.exit_with_parent:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
    listeners = Listeners(
        options=options,
        credentials=credentials,
        api_port=arguments.port,
        media_port=arguments.media_port,
        media_url=arguments.media_url,
    )
    try:
        await listeners.start()
        announcement = {
            "apiUrl": listeners.api_url,
            "mediaUrl": listeners.media_listener_url,
            "controlUrl": listeners.control_url,
            "appId": credentials.app_id,
            "keyId": credentials.key_id,
        }
        print(json.dumps(announcement), flush=True)
        await stop.wait()
    finally:
        await listeners.stop()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # os.read rather than sys.stdin: a buffered reader holds a lock that a daemon thread would
    # take with it into the end of the interpreter.
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended by itself meanwhile
        loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    sys.exit(main())
