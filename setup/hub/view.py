"""What a student's sandbox shows, as arguments of bubblewrap."""

import functools
import os
import subprocess
import sys
from pathlib import Path

HOME = "/student"
MB = 2**20

NAMESPACES = [
    *(f"--unshare-{name}" for name in ("user", "ipc", "pid", "net", "uts", "cgroup-try")),
    *("--cap-drop", "ALL", "--uid", "1000", "--gid", "1000"),
]

# The system's folders that programs and libraries are found in, and what they look up by name.
SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
FILES = [
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"),
    *("/etc/alternatives", "/etc/bash.bashrc", "/etc/terminfo", "/etc/mime.types", "/etc/fonts"),
]
DEVICES = ["null", "zero", "full", "random", "urandom", "tty"]
# Devices can be used where their file system is read-only, and their modes cannot be set there. Not by
# bubblewrap, whose `--remount-ro` makes them unusable.
KEEPING_DEVICES = [
    *("unshare", "--mount", "--propagation", "slave", "sh", "-ec"),
    'for name in $DEVICES; do mount --bind "/dev/$name" "/dev/$name"; '
    'mount -o remount,bind,ro "/dev/$name"; done; unset DEVICES; exec "$@"',
    "sh",
]
# Of the course: the packages, the kernel, what they need and what students copy.
COURSE = [
    *("lib", "course", "kernel", "node_modules", "data", "package.json", "tsconfig.json"),
    *("notebooks", "exercises", "setup/jupyter", "setup/hub"),
]


def problem():
    """Why there can be no sandbox here, as a sentence; None where there can."""
    try:
        test = ["bwrap", *NAMESPACES, *_no_nesting(), "--ro-bind", "/", "/", "true"]
        tried = subprocess.run(test, capture_output=True, text=True, timeout=30)
    except OSError:
        return "bubblewrap is not installed (on Debian: apt-get install bubblewrap)"
    if tried.returncode != 0:
        return f"bubblewrap gets no name spaces here: {tried.stderr.strip()}"
    return None


def can_set_devices():
    """Whether a student could set the modes of this machine's devices: as root's own they would be."""
    return os.getuid() == 0 and not _keeping_devices()


@functools.cache
def _keeping_devices():
    """What comes before bubblewrap where it runs as root, if this root may mount."""
    if os.getuid() != 0:
        return []
    before = ["env", f"DEVICES={' '.join(DEVICES)}", *KEEPING_DEVICES]
    try:
        tried = subprocess.run([*before, "true"], capture_output=True, timeout=30)
    except OSError:
        return []
    return before if tried.returncode == 0 else []


def view_of(settings, home, hub_socket, names):
    """The arguments up to the command: the course, `home` as /student, and nothing of others."""
    root = settings["root"]
    seen = [os.path.join(root, name) for name in COURSE]
    if settings["solutions"]:
        seen.append(os.path.join(root, "solutions"))
    # Python's own files, and Node.js with npm, are not always below /usr.
    seen += [sys.prefix, sys.base_prefix, *_node(settings["node"])]
    room = str(settings["memoryMB"] // 4 * MB)
    return [
        *_keeping_devices(),
        "bwrap",
        *NAMESPACES,
        *_no_nesting(),
        *("--die-with-parent", "--new-session", "--hostname", "course"),
        *(part for path in SYSTEM for part in _system_folder(path)),
        *(part for path in FILES for part in ("--ro-bind-try", path, path)),
        # Where the hub runs as root, a student could set what holds for the whole machine (/proc/sys).
        *("--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", "--size", room, "--tmpfs", "/dev/shm"),
        *("--remount-ro", "/dev", "--size", room, "--tmpfs", "/tmp"),
        *(part for path in seen for part in ("--ro-bind-try", path, path)),
        *("--symlink", os.path.join(root, "node_modules"), "/node_modules"),
        *("--ro-bind", names, "/etc/passwd", "--ro-bind", hub_socket, "/run/hub.sock"),
        *("--bind", home, HOME, "--remount-ro", "/", "--chdir", HOME),
    ]


def _node(node):
    modules = Path(node).parent.parent / "lib" / "node_modules" / "npm"
    return [node, *(str(Path(node).with_name(name)) for name in ("npm", "npx")), str(modules)]


def _system_folder(path):
    if os.path.islink(path):
        return ["--symlink", os.readlink(path), path]
    return ["--ro-bind", path, path] if os.path.isdir(path) else []


def _no_nesting():
    helped = subprocess.run(["bwrap", "--help"], capture_output=True, text=True)
    return ["--disable-userns"] if "--disable-userns" in helped.stdout else []
