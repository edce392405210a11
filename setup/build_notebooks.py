"""Turns lessons into notebooks: each notebooks/NN-title.md becomes NN-title.ipynb, executed.

The last figure of a lesson is its cover, pictures/NN-title.png, for pages that point to it.

One way only: the Markdown is the source, the notebook is generated. A notebook remembers the hash
of the text it was made from, and is left alone while that text is the same (--all makes all again).
Names, as in `05-mnist`, make those alone, changed or not.
"""

import argparse
import base64
import hashlib
import os
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

LESSONS = Path(__file__).resolve().parent.parent / "notebooks"
LIMIT_BYTES = 1_500_000
KERNELSPEC = {"name": "implicit-kernel", "display_name": "TypeScript", "language": "typescript"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="lessons to make, without the ending")
    parser.add_argument("--all", action="store_true", help="make all, changed or not")
    arguments = parser.parse_args()

    sources = sorted(LESSONS.glob("[0-9][0-9]-*.md"))
    known = [source.stem for source in sources]
    for name in arguments.names:
        if name not in known:
            print(f"No lesson is called {name}. There are: {', '.join(known)}", file=sys.stderr)
            return 2
    failed = 0
    for source in sources:
        if arguments.names and source.stem not in arguments.names:
            continue
        if not (arguments.all or arguments.names) and is_current(source):
            print(f"{source.stem}: unchanged")
            continue
        failed += not build(source)
    return 1 if failed else 0


def hash_of(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


def is_current(source: Path) -> bool:
    target = source.with_suffix(".ipynb")
    if not target.exists():
        return False
    made_from = nbformat.read(target, as_version=4).metadata.get("implicit-lab", {})
    return made_from.get("sha256") == hash_of(source)


def build(source: Path) -> bool:
    notebook = from_markdown(source)
    began = time.monotonic()
    try:
        execute(notebook, source.stem)
    except CellExecutionError as error:
        print(f"\n{source.stem}: failed after {time.monotonic() - began:.0f} s\n{error}", file=sys.stderr)
        return False
    clean(notebook)
    text = nbformat.writes(notebook) + "\n"
    size = len(text.encode())
    if size > LIMIT_BYTES:
        print(f"\n{source.stem}: {size:,} bytes, more than {LIMIT_BYTES:,}", file=sys.stderr)
        return False
    write_cover(notebook, source)
    partial = source.with_suffix(".ipynb.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, source.with_suffix(".ipynb"))
    print(f"\r{source.stem}: {time.monotonic() - began:.0f} s, {size / 1000:.0f} kB" + " " * 20)
    return True


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
        cell.metadata = nbformat.from_dict({})
    return notebook


def execute(notebook: nbformat.NotebookNode, name: str) -> None:
    total = sum(cell.cell_type == "code" for cell in notebook.cells)

    def show(cell, cell_index):
        done = sum(c.cell_type == "code" for c in notebook.cells[: cell_index + 1])
        if cell.cell_type == "code" and sys.stdout.isatty():
            print(f"\r{name}: cell {done} of {total}", end="", flush=True)

    NotebookClient(
        notebook,
        timeout=1200,
        kernel_name=KERNELSPEC["name"],
        resources={"metadata": {"path": str(LESSONS)}},
        on_cell_start=show,
        record_timing=False,
    ).execute()


def clean(notebook: nbformat.NotebookNode) -> None:
    """Takes out what changes from run to run without a meaning."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.pop("transient", None)


def write_cover(notebook: nbformat.NotebookNode, source: Path) -> None:
    pictures = [
        output.data["image/png"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    if pictures:
        folder = source.parent / "pictures"
        folder.mkdir(exist_ok=True)
        (folder / f"{source.stem}.png").write_bytes(base64.b64decode(pictures[-1]))


if __name__ == "__main__":
    sys.exit(main())
