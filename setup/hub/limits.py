"""Limits of memory and processor time, by what this machine has."""

import os
import resource
import subprocess

import psutil

MB = 2**20
FILE_MB = 1024


class Rlimits:
    """What every Linux can do: limits for each process; all together are looked at from outside."""

    name = "limits of processes (no systemd here: the share of processors is not limited)"

    def command(self, settings, command):
        return command


class Systemd:
    """A scope of systemd for each student, which has a control group."""

    name = "scopes of systemd"

    def __init__(self, manager):
        self.manager = manager

    def command(self, settings, command):
        limits = [
            f"MemoryMax={settings['memoryMB']}M",
            "MemorySwapMax=0",
            f"CPUQuota={round(100 * settings['processors'])}%",
            f"TasksMax={settings['processes']}",
        ]
        properties = [part for limit in limits for part in ("-p", limit)]
        return ["systemd-run", *self.manager, "--scope", "--quiet", *properties, "--", *command]


def strongest():
    manager = [] if os.getuid() == 0 else ["--user"]
    test = ["systemd-run", *manager, "--scope", "--quiet", "-p", "MemoryMax=64M", "--", "true"]
    try:
        works = subprocess.run(test, capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        works = False
    return Systemd(manager) if works else Rlimits()


def limit_process(settings):
    """To be called in a new process: what it and those that it starts may take, each."""
    memory = settings["memoryMB"] * MB
    seconds = settings["processorMinutes"] * 60
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 10))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MB * MB, FILE_MB * MB))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)


def end_excess(pid, settings):
    """Ends what is too much of the programs below `pid`, and says what it was; None where all is well.

    The largest goes where all together take too much memory, all where they are too many: the kernel
    of Linux does not count those of a hub that runs as root.
    """
    sizes = sizes_below(pid)
    if len(sizes) > settings["processes"]:
        psutil.Process(pid).kill()
        return f"{len(sizes)} processes: the server was ended"
    if sum(sizes.values()) <= settings["memoryMB"] * MB:
        return None
    largest = max(sizes, key=lambda process: sizes[process])
    try:
        largest.kill()
    except psutil.Error:
        return None
    return f"too much memory: a program of {sizes[largest] // MB} MB was ended"


def sizes_below(pid):
    """The bytes of each process below `pid`; pages that some share are divided among them."""
    sizes = {}
    try:
        processes = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return sizes
    for process in processes:
        try:
            with open(f"/proc/{process.pid}/smaps_rollup") as file:
                lines = (line.split() for line in file)
                sizes[process] = 1024 * sum(int(line[1]) for line in lines if line[0] == "Pss:")
        except (OSError, ValueError):
            continue
    return sizes
