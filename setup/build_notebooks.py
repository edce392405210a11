"""Makes the notebooks of the course from their texts.

- notebooks/NN-title.md, a lesson, becomes notebooks/NN-title.ipynb, executed; its last figure is
  its cover, notebooks/pictures/NN-title.png, for pages that point to it. A cell whose first line is
  `// folded: what it does` is folded in JupyterLab, where that line stays to be seen.
- exercises/NN-title.md becomes exercises/NN-title.ipynb, with stubs where the solutions were, and
  solutions/NN-title.ipynb, executed.

One way only: the Markdown is the source, the notebooks are generated. A notebook remembers the hash
of the text it was made from, and is left alone while that text is the same (--all makes all again).
Names, as in `05-mnist` or `exercises/05-mnist`, make those alone, changed or not. An exercise
notebook that holds someone's own work is never overwritten.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ROOT / "notebooks"
EXERCISES = ROOT / "exercises"
SOLUTIONS = ROOT / "solutions"
LIMIT_BYTES = 1_500_000
FOLDED = "// folded: "
HIDDEN_PICTURE = re.compile(r'<img src="data:image/png;base64,([^"]+)"')
KERNELSPEC = {"name": "implicit-kernel", "display_name": "TypeScript", "language": "typescript"}


class BuildError(Exception):
    """What keeps a notebook from being made, in words."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="lessons and exercises to make, without the ending")
    parser.add_argument("--all", action="store_true", help="make all, changed or not")
    arguments = parser.parse_args()

    sources = [
        source for folder in (LESSONS, EXERCISES) for source in sources_in(folder)
    ]
    known = {name for source in sources for name in names_of(source)}
    for name in arguments.names:
        if name not in known:
            listed = ", ".join(names_of(source)[1] for source in sources)
            print(f"Nothing is called {name}. There are: {listed}", file=sys.stderr)
            return 2
    failed = 0
    for source in sources:
        if arguments.names and not set(arguments.names) & set(names_of(source)):
            continue
        always = arguments.all or bool(arguments.names)
        for target, make in targets_of(source):
            failed += not made(source, target, make, always)
    return 1 if failed else 0


def sources_in(folder: Path) -> list[Path]:
    """The texts of a folder in the order of their numbers: 04, 04b, 05."""
    texts = [path for path in folder.glob("[0-9][0-9]*-*.md") if re.match(r"\d\d[a-z]?-", path.name)]
    return sorted(texts, key=lambda path: path.name.split("-")[0])


def names_of(source: Path) -> tuple[str, str]:
    return source.stem, f"{source.parent.name}/{source.stem}"


def targets_of(source: Path):
    if source.parent == LESSONS:
        return [(source.with_suffix(".ipynb"), make_lesson)]
    return [
        (source.with_suffix(".ipynb"), make_exercises),
        (SOLUTIONS / f"{source.stem}.ipynb", make_solutions),
    ]


def made(source: Path, target: Path, make, always: bool) -> bool:
    """Makes one notebook if that is needed, and prints one line about it."""
    name = f"{target.parent.name}/{target.stem}"
    if not always and is_current(source, target):
        print(f"{name}: unchanged")
        return True
    began = time.monotonic()
    try:
        note = make(source, target)
    except (CellExecutionError, DeadKernelError, BuildError) as error:
        print(f"\r{name}: failed after {time.monotonic() - began:.0f} s\n{error}", file=sys.stderr)
        return False
    size = target.stat().st_size / 1000
    print(f"\r{name}: {note or f'{time.monotonic() - began:.0f} s, {size:.0f} kB'}" + " " * 20)
    return True


def make_lesson(source: Path, target: Path) -> None:
    notebook = from_markdown(source)
    execute(notebook, target)
    write(notebook, target)
    write_cover(notebook, source)


def make_exercises(source: Path, target: Path) -> str | None:
    if target.exists() and not is_pristine(target):
        return "left as it is, since it holds someone's own work (move it away, or undo that)"
    target.write_text(converted(source, "exercise"), encoding="utf-8")
    return None


def make_solutions(source: Path, target: Path) -> None:
    notebook = nbformat.reads(converted(source, "solution"), as_version=4)
    target.parent.mkdir(exist_ok=True)
    execute(notebook, target)
    write(notebook, target)


def converted(source: Path, kind: str) -> str:
    """The notebook that course/exercises makes of a source; it alone knows what a solution is."""
    program = ROOT / "course" / "exercises" / "source" / "main.ts"
    run = subprocess.run(
        ["node", "--require", "tsx/cjs", program, kind, source],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    if run.returncode != 0:
        raise BuildError(run.stderr.strip())
    return run.stdout


def is_current(source: Path, target: Path) -> bool:
    return origin_of(target).get("sha256") == hash_of(source)


def is_pristine(target: Path) -> bool:
    """Whether an exercise notebook is as it was made; a different kind of file is not."""
    hashed = hashlib.sha256()
    for cell in read(target).get("cells", []):
        text = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        hashed.update(f"{cell['cell_type']}\0{text}\0".encode())
    return origin_of(target).get("cells") == hashed.hexdigest()


def origin_of(target: Path) -> dict:
    return read(target).get("metadata", {}).get("implicit-lab", {})


def read(target: Path) -> dict:
    try:
        return json.loads(target.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def hash_of(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


def from_markdown(source: Path) -> nbformat.NotebookNode:
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": KERNELSPEC,
            "implicit-lab": {"source": source.name, "sha256": hash_of(source)},
        }
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03}"
        folded = cell.cell_type == "code" and cell.source.startswith(FOLDED)
        cell.metadata = nbformat.from_dict({"jupyter": {"source_hidden": True}} if folded else {})
    return notebook


def execute(notebook: nbformat.NotebookNode, target: Path) -> None:
    total = sum(cell.cell_type == "code" for cell in notebook.cells)

    def show(cell, cell_index):
        done = sum(c.cell_type == "code" for c in notebook.cells[: cell_index + 1])
        if cell.cell_type == "code" and sys.stdout.isatty():
            print(f"\r{target.parent.name}/{target.stem}: cell {done} of {total}", end="", flush=True)

    NotebookClient(
        notebook,
        timeout=1200,
        kernel_name=KERNELSPEC["name"],
        resources={"metadata": {"path": str(target.parent)}},
        on_cell_start=show,
        record_timing=False,
    ).execute(env={**os.environ, "IMPLICIT_LAB_PROGRESS": "off"})


def write(notebook: nbformat.NotebookNode, target: Path) -> None:
    clean(notebook)
    text = nbformat.writes(notebook) + "\n"
    size = len(text.encode())
    if size > LIMIT_BYTES:
        raise BuildError(f"{size:,} bytes, more than {LIMIT_BYTES:,}")
    partial = target.with_suffix(".ipynb.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, target)


def clean(notebook: nbformat.NotebookNode) -> None:
    """Takes out what changes from run to run without a meaning."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            # A result that has shown itself already leaves an empty one.
            cell.outputs = [output for output in cell.outputs if output.get("data") != {}]
        for output in cell.get("outputs", []):
            output.pop("transient", None)


def write_cover(notebook: nbformat.NotebookNode, source: Path) -> None:
    pictures = [
        picture
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for picture in pictures_of(output.get("data", {}))
    ]
    if pictures:
        folder = source.parent / "pictures"
        folder.mkdir(exist_ok=True)
        (folder / f"{source.stem}.png").write_bytes(base64.b64decode(pictures[-1]))


def pictures_of(data: dict) -> list[str]:
    """An output's pictures; those under a prediction are part of its page."""
    if "image/png" in data:
        return [data["image/png"]]
    return HIDDEN_PICTURE.findall(data.get("text/html", ""))


if __name__ == "__main__":
    sys.exit(main())
