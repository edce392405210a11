"""The command of the image: gives the student the course, then runs the server of JupyterHub.

Where a container is already a student's own, this takes the place of the sandbox of `npm run hub`.
With --alone it is JupyterLab without a hub; with --dry-run it prints the command.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import server
from inside import settle

KERNEL_IDLE_MINUTES = 30


def main(arguments):
    root = str(Path(__file__).parent.parent.parent)
    home = os.path.expanduser("~")
    # Where cells find the library; a volume that is mounted as the home does not have it.
    modules = Path(home, "node_modules")
    if not os.path.lexists(modules):
        modules.symlink_to(os.path.join(root, "node_modules"))
    node = shutil.which("node") or "/usr/local/bin/node"
    os.environ.update(server.variables(root, home, node))
    settle(root, home, server.folders())
    alone = "--alone" in arguments
    dry = "--dry-run" in arguments
    rest = [argument for argument in arguments if argument not in ("--alone", "--dry-run")]
    name = "jupyter-lab" if alone else "jupyterhub-singleuser"
    program = os.path.join(sys.prefix, "bin", name)
    command = [program, *server.arguments(home, KERNEL_IDLE_MINUTES), *rest]
    if dry:
        print(json.dumps(command))
    else:
        os.execv(program, command)


if __name__ == "__main__":
    main(sys.argv[1:])
