"""How a student's server is started: for the hub on one machine and in the image, the same."""

import os
import sys


def folders(solutions=True):
    """What of the course is copied."""
    return ["notebooks", "exercises", *(["solutions"] if solutions else [])]


def variables(root, home, node, compiler_idle_minutes=1):
    """The environment: programs, and where Jupyter and the library keep what is a student's."""
    programs = [
        os.path.join(sys.prefix, "bin"),
        os.path.join(root, "node_modules", ".bin"),
        os.path.dirname(node),
        *("/usr/local/bin", "/usr/bin", "/bin"),
    ]
    return {
        "PATH": os.pathsep.join(programs),
        "JUPYTER_CONFIG_DIR": f"{home}/.jupyter",
        "JUPYTER_DATA_DIR": f"{home}/.local/share/jupyter",
        "JUPYTER_RUNTIME_DIR": f"{home}/.local/run",
        "IPYTHONDIR": f"{home}/.ipython",
        "JUPYTER_CONFIG_PATH": os.path.join(root, "setup", "jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "IMPLICIT_LAB_COURSE": home,
        # Many share a machine: what is not in use gives its memory back.
        "IMPLICIT_KERNEL_REST_SECONDS": str(round(60 * compiler_idle_minutes, 1)),
        "MALLOC_ARENA_MAX": "2",
    }


def arguments(home, kernel_idle_minutes):
    """What `jupyterhub-singleuser` is told."""
    idle = kernel_idle_minutes * 60
    look = max(1, min(60, round(idle / 4)))
    return [
        f"--ServerApp.root_dir={home}",
        "--ServerApp.allow_root=True",
        f"--FileContentsManager.preferred_dir={home}/notebooks",
        "--MultiKernelManager.default_kernel_name=implicit-kernel",
        "--LabApp.extension_manager=readonly",
        f"--MappingKernelManager.cull_idle_timeout={round(idle)}",
        f"--MappingKernelManager.cull_interval={look}",
        "--MappingKernelManager.cull_connected=True",
        f"--TerminalManager.cull_inactive_timeout={round(idle)}",
        f"--TerminalManager.cull_interval={look}",
    ]
