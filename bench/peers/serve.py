"""Workloads of one system, run on request: one line of JSON in, one line out.

Data come as raw files from the folder that is the first argument. A request is
{"run": name, "dtype": "float32" | "float64", "out": file or null, "turn": seconds}; the answer
{"seconds": [...]}: of as many runs as take so long, of several all but the first; of two at least, if
one has ever taken less.
"""

import json
import resource
import sys
import time
import traceback

import numpy as np

folder = sys.argv[1]
with open(f"{folder}/manifest.json") as file:
    manifest = json.load(file)

settings = manifest["settings"]


def given(name):
    return np.float64 if name in manifest["doubles"] else np.float32


class Data(dict):
    """Data by their names; what was not handed over, for workloads that are not run, is one zero."""

    def __init__(self, data, nothing):
        super().__init__(data)
        self.nothing = nothing

    def __missing__(self, _):
        return self.nothing


def load(dtype, array):
    """All data by their names, as arrays of the system."""
    data = {
        name: array(np.fromfile(f"{folder}/{name}.bin", given(name)).reshape(shape).astype(dtype))
        for name, shape in manifest["shapes"].items()
    }
    return Data(data, array(np.zeros((1, 1), dtype)))


def serve(cases, finished, version):
    """Answers requests.

    cases -- from the name of a dtype to functions by the names of workloads
    finished -- waits for a result, and returns its arrays in order
    """
    tables = {}
    shortest = {}
    for line in sys.stdin:
        request = json.loads(line)
        dtype = request["dtype"]
        if dtype not in tables:
            tables[dtype] = cases(dtype)
        run = tables[dtype].get(request["run"])
        if run is None:
            print(json.dumps({"missing": True}), flush=True)
            continue
        turn = request["turn"]
        key = (request["run"], dtype)
        least = 2 if shortest.get(key, turn) < turn else 1
        try:
            seconds = []
            while len(seconds) < least or sum(seconds) < turn:
                start = time.perf_counter()
                result = finished(run())
                seconds.append(time.perf_counter() - start)
        except Exception:
            # Its row is left out; the others go on.
            traceback.print_exc()
            print(json.dumps({"missing": True}), flush=True)
            continue
        shortest[key] = min(shortest.get(key, turn), *seconds)
        if request.get("out"):
            np.concatenate([np.asarray(x, np.float64).ravel() for x in result]).tofile(
                request["out"]
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds[1:] or seconds, "peak": peak, "version": version}), flush=True)
