"""What runs first in a student's sandbox: brings the course up to date, then runs the server.

Connections come in by a socket that was opened outside, and go out to the hub by another.
"""

import asyncio
import json
import os
import resource
import shutil
import socket
import sys
import traceback
from pathlib import Path
from urllib.parse import urlsplit

from course_copy import give_course
from relay import passing_to

HUB_SOCKET = "/run/hub.sock"


def limit(processes):
    if processes is None:
        return
    # Counted in this namespace of users alone, so it has to be set from within.
    resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))


def settle(course, home, folders):
    try:
        for name in give_course(course, home, folders):
            print(f"offered: {name}", flush=True)
        # JupyterLab looks for a style sheet in the folder of the user's settings alone.
        custom = Path(os.environ["JUPYTER_CONFIG_DIR"], "custom")
        shutil.copytree(Path(course, "setup", "jupyter", "custom"), custom, dirs_exist_ok=True)
    except Exception:
        # A student who has made something odd of the folder is let in to put it right.
        traceback.print_exc()


async def serve(descriptor, command):
    own = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    hub = urlsplit(os.environ["JUPYTERHUB_API_URL"])
    incoming = socket.socket(fileno=descriptor)
    await asyncio.start_unix_server(
        passing_to(lambda: asyncio.open_connection(own.hostname, own.port)), sock=incoming
    )
    await asyncio.start_server(
        passing_to(lambda: asyncio.open_unix_connection(HUB_SOCKET)), hub.hostname, hub.port
    )
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()


def main():
    plan = json.loads(sys.argv[1])
    limit(plan["processes"])
    settle(plan["course"], plan["home"], plan["folders"])
    if plan["descriptor"] is None:
        os.execv(plan["command"][0], plan["command"])
    sys.exit(asyncio.run(serve(plan["descriptor"], plan["command"])))


if __name__ == "__main__":
    main()
