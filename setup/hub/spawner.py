"""Starts a student's server, with the course and a folder of the student's own."""

import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from subprocess import Popen

from jupyterhub.spawner import SimpleLocalProcessSpawner
from jupyterhub.utils import random_port
from traitlets import Any, Dict

import limits
import server
import view
from relay import passing_to

HERE = Path(__file__).parent
# Inside, where nothing else is.
PORT = 8888
SECONDS_BETWEEN_LOOKS = 5
# Of the hub's own environment.
KEPT = ["LANG", "LC_ALL", "TZ"]


class CourseSpawner(SimpleLocalProcessSpawner):
    """A server that has the hub's rights: no wall between students."""

    settings = Dict(config=True)
    limiting = Any(limits.Rlimits(), config=True)

    async def start(self):
        port = random_port()
        folder = self._folder()
        # Where cells find the library.
        modules = Path(folder).parent / "node_modules"
        if not modules.is_symlink():
            modules.symlink_to(os.path.join(self.settings["root"], "node_modules"))
        env = self._environment(folder, f"http://127.0.0.1:{port}", self.hub.api_url)
        self._launch([], folder, None, env)
        return ("127.0.0.1", port)

    def _folder(self):
        name = self.user.escaped_name
        if name.startswith("."):
            raise ValueError(f"a folder cannot be called {name}")
        folder = os.path.join(self.settings["students"], name)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return folder

    def _environment(self, home, own, hub):
        kept = {
            name: value
            for name, value in self.get_env().items()
            if name in KEPT or name.startswith(("JUPYTERHUB_", "MEM_", "CPU_"))
        }
        return {
            "LANG": "C.UTF-8",
            **kept,
            **server.variables(
                self.settings["root"],
                home,
                self.settings["node"],
                self.settings["compilerIdleMinutes"],
            ),
            "HOME": home,
            "USER": "student",
            "SHELL": "/bin/bash",
            "JUPYTERHUB_SERVICE_URL": own + self.server.base_url,
            "JUPYTERHUB_API_URL": hub,
            "JUPYTERHUB_ACTIVITY_URL": f"{hub}/users/{self.user.escaped_name}/activity",
        }

    def _launch(self, before, home, descriptor, env):
        isolated = descriptor is not None
        plan = {
            "course": self.settings["root"],
            "home": env["HOME"],
            "folders": server.folders(self.settings["solutions"]),
            "processes": self.settings["processes"] if isolated else None,
            "descriptor": descriptor,
            "command": [
                *self.cmd,
                *self.get_args(),
                *server.arguments(env["HOME"], self.settings["kernelIdleMinutes"]),
            ],
        }
        command = [*before, sys.executable, str(HERE / "inside.py"), json.dumps(plan)]
        log = os.path.join(self.settings["state"], "logs", f"{self.user.escaped_name}.log")
        with open(log, "wb") as output:
            self.proc = Popen(
                self.limiting.command(self.settings, command),
                cwd=home,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=() if descriptor is None else (descriptor,),
                start_new_session=True,
                preexec_fn=lambda: limits.limit_process(self.settings),
            )
        self.pid = self.proc.pid


class SandboxSpawner(CourseSpawner):
    """A server in a sandbox of its own, by bubblewrap."""

    ways = Any()
    watch = Any()
    place = Any()

    async def start(self):
        folder = self._folder()
        # Short, since the name of a socket is. Nobody but the hub's user gets in.
        self.place = tempfile.mkdtemp(prefix="hub-")
        inlet, outlet = (os.path.join(self.place, name) for name in ("server", "hub"))
        names = os.path.join(self.place, "passwd")
        Path(names).write_text(f"student:x:1000:1000::{view.HOME}:/bin/bash\n")
        # Opened here and handed over, so that no student chooses where it leads.
        with socket.socket(socket.AF_UNIX) as incoming:
            incoming.bind(inlet)
            incoming.listen(128)
            own = await asyncio.start_server(
                passing_to(lambda: asyncio.open_unix_connection(inlet)), "127.0.0.1", 0
            )
            api = self.hub.api_url
            outgoing = await asyncio.start_unix_server(
                passing_to(lambda: asyncio.open_connection("127.0.0.1", self.settings["hubPort"])),
                outlet,
            )
            self.ways = (own, outgoing)
            env = self._environment(view.HOME, f"http://127.0.0.1:{PORT}", api)
            before = [*view.view_of(self.settings, folder, outlet, names), "--"]
            self._launch(before, folder, incoming.fileno(), env)
        self.watch = asyncio.ensure_future(self._watch())
        return ("127.0.0.1", own.sockets[0].getsockname()[1])

    async def _watch(self):
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            pid = self.pid
            if not pid:
                continue
            ended = await loop.run_in_executor(None, limits.end_excess, pid, self.settings)
            if ended is not None:
                self.log.warning("%s: %s", self.user.name, ended)

    async def poll(self):
        status = await super().poll()
        if status is not None:
            self._close()
        return status

    async def stop(self, now=False):
        # A signal would reach bubblewrap, not the server: all in it ends at once. What a notebook
        # has saved is in the student's folder.
        await super().stop(now=True)
        self._close()

    def _close(self):
        if self.watch:
            self.watch.cancel()
        for way in self.ways or ():
            way.close()
        if self.place:
            shutil.rmtree(self.place, ignore_errors=True)
        self.ways = self.watch = self.place = None
