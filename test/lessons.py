"""Executes notebooks through their kernels and says which of them end without an error.

Usage: lessons.py [--limit SECONDS] [--jobs COUNT] [--report FILE] [--seeds COUNT | --seed K]
                  [--stored] [NOTEBOOK ...]

Without a notebook it takes all of notebooks/ and solutions/. Each runs from top to bottom in a new
kernel whose working directory is the notebook's own; the files stay as they are. As many run at the
same time as there are processors, at most four; --jobs 1 runs one after the other. The exit status
is 1 where a notebook failed. The report is a JSON list of {"notebook", "seconds", "error", "claims"}.

A claim that is false fails its notebook, unless it rests on seconds: this may be a busy machine. With
--seeds 3 every notebook runs three times more, on other seeds (`runSeed`); the claims that do not
hold there are listed, and the exit status is 1 where there are any. With --stored the outputs of the
run as built are compared with those that the files hold, number by number except times.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

ROOT = Path(__file__).resolve().parent.parent
CLAIM = "application/vnd.implicit-lab.claim+json"
# Begun last, a long one would run alone at the end.
LONGEST_FIRST = ("06", "07", "03", "15", "05", "10", "11", "04b", "13", "09")


def main():
    options = arguments()
    # Running the solutions must not count as progress in this checkout.
    os.environ["IMPLICIT_LAB_PROGRESS"] = "off"
    notebooks = options.notebooks or [
        path for folder in ("notebooks", "solutions") for path in sorted((ROOT / folder).glob("*.ipynb"))
    ]
    reported = options.seeds > 0 or options.seed is not None
    if reported:
        os.environ["IMPLICIT_LAB_CLAIMS"] = "report"
    results = []
    for seed in range(options.seeds + 1) if options.seed is None else [options.seed]:
        os.environ["IMPLICIT_LAB_SEED"] = str(seed)
        if reported:
            print("As built" if seed == 0 else f"Other seeds, run {seed}", flush=True)
        paths = [path.resolve() for path in notebooks]
        run_made = asyncio.run(all_executed(paths, options, options.stored and seed == 0))
        results += [{**result, "seed": seed} for result in run_made]
    if options.report:
        options.report.write_text(json.dumps(results))
    false = report_of_claims(results) if reported else 0
    return 1 if false or any(result["error"] for result in results) else 0


def report_of_claims(results):
    """Prints how many claims hold on all seeds, and those that do not; returns how many do not."""
    runs = {}
    for result in results:
        for claim in result["claims"]:
            runs.setdefault((result["notebook"], claim["sentence"]), []).append((result["seed"], claim))
    false = {
        key: wrong for key, made in runs.items() if (wrong := [run for run in made if not run[1]["holds"]])
    }
    print(f"\n{len(runs) - len(false)} of {len(runs)} claims hold on all seeds that were run")
    for (notebook, sentence), wrong in false.items():
        print(f"\n{notebook}\n  {sentence}")
        for seed, claim in wrong:
            numbers = ", ".join(f"{name} {value}" for name, value in claim["numbers"].items())
            rests = " (rests on seconds)" if claim["timed"] else ""
            print(f"  ✗ run {seed}: {numbers}{rests}")
    return len(false)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=900, help="seconds that one cell may take")
    parser.add_argument(
        "--jobs", type=positive, default=min(4, os.cpu_count() or 1), help="how many run at the same time"
    )
    parser.add_argument("--report", type=Path, help="a file for the results, as JSON")
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seeds", type=natural, default=0, help="how many further runs, on other seeds")
    seeds.add_argument("--seed", type=natural, metavar="K", help="run K alone; 0 is as built")
    parser.add_argument("--stored", action="store_true", help="compare with the stored outputs")
    parser.add_argument("notebooks", nargs="*", type=Path)
    return parser.parse_args()


def positive(text):
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is not a positive number")
    return count


def natural(text):
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError(f"{count} is below 0")
    return count


async def all_executed(paths, options, stored):
    """Runs the notebooks, up to the given number at a time; the results come in the order of the notebooks."""
    places = asyncio.Semaphore(options.jobs)

    async def in_turn(path):
        async with places:
            return await executed(path, options.limit, stored)

    def place(path):
        number = path.name.split("-")[0]
        is_long = path.parent.name == "notebooks" and number in LONGEST_FIRST
        return LONGEST_FIRST.index(number) if is_long else len(LONGEST_FIRST)

    by_length = sorted(paths, key=place)
    results = dict(zip(by_length, await asyncio.gather(*map(in_turn, by_length))))
    return [results[path] for path in paths]


async def executed(path, limit, stored):
    """Runs one notebook and prints one line about it."""
    name = str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
    start = time.monotonic()
    cells = 0
    error = ""
    notebook = None
    try:
        notebook = nbformat.read(path, as_version=4)
        cells = forget_outputs(notebook)
        await run(notebook, path.parent, name, cells, limit)
        error = first_error(notebook)
    except CellTimeoutError:
        error = f"a cell was not finished after {limit:g} s"
    except CellExecutionError as failure:
        error = str(failure)
    except Exception as failure:  # A notebook that cannot be read, or a kernel that died.
        error = f"{type(failure).__name__}: {failure}"
    seconds = time.monotonic() - start
    clear_line()
    outcome = f"FAILED\n{error.rstrip()}" if error else f"{cells} cells"
    print(f"{name}: {seconds:.1f} s, {outcome}", flush=True)
    if stored and not error:
        print(difference(notebook, path), flush=True)
    claims = claims_of(notebook) if notebook else []
    return {"notebook": name, "seconds": seconds, "error": error, "claims": claims}


def difference(notebook, path):
    """Says in what the outputs of a run differ from those in the file; numbers by their size first."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / path.name
        nbformat.write(notebook, fresh)
        program = ROOT / "test" / "stored-outputs.ts"
        command = ["node", "--require", "tsx/cjs", program, fresh, path]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    found = json.loads(run.stdout)
    lines = [f"  {found['differing']} of {found['numbers']} stored numbers differ"]
    by_size = sorted(found["samples"], key=lambda text: -float(text.split(" %")[0]))
    return "\n".join([*lines, *(f"  {text}" for text in [*found["words"], *by_size][:40])])


def claims_of(notebook):
    """The claims that a notebook's outputs made; a prediction keeps its own in the metadata."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [
        claim
        for output in outputs
        for claim in [
            *([output["data"][CLAIM]] if CLAIM in output.get("data", {}) else []),
            *output.get("metadata", {}).get("implicit-lab", {}).get("claims", []),
        ]
    ]


def forget_outputs(notebook):
    """Clears what an earlier run left, so that it cannot pass for this one; returns the number of cells to run."""
    to_run = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
            to_run += bool(cell.source.strip())
    return to_run


async def run(notebook, folder, name, cells, limit):
    done = 0

    def progress(**_):
        nonlocal done
        done += 1
        if sys.stdout.isatty():
            clear_line()
            print(f"{name}: cell {done} of {cells}", end="", flush=True)

    client = NotebookClient(
        notebook,
        timeout=limit,
        kernel_name=notebook.metadata.kernelspec.name,
        resources={"metadata": {"path": str(folder)}},
        on_cell_execute=progress,
    )
    await client.async_execute()


def first_error(notebook):
    """What went wrong although every request was answered: an error shown, or a cell never run."""
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if cell.execution_count is None:
            return f"cell {number} was not executed"
        if "raises-exception" in cell.metadata.get("tags", []):
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                return f"cell {number}: " + "\n".join(output.traceback)
    return ""


def clear_line():
    if sys.stdout.isatty():
        print("\r\x1b[K", end="")


if __name__ == "__main__":
    sys.exit(main())
