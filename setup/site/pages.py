"""Writes the pages of the site: every notebook, and every Markdown page that one of them leads to.

Usage: pages.py OUTPUT [LIVE]

LIVE is the address of a site of `npm run lite`, absolute or from the root of the pages; each notebook
then leads to its live page.

A page is where its source is in the checkout, so that relative links stay right; what else a
page links to inside the checkout is copied. Maths is left as `<span class="math">` for KaTeX.
"""

import html
import json
import os
import re
import shutil
import sys
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
from nbconvert.filters.ansi import ansi2html
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
START = ROOT / "notebooks" / "README.md"
FOLDERS = ("notebooks", "exercises", "solutions")
FOLDED = "// folded: "
HIDDEN_FIGURE = re.compile(r'<div data-output="\d+">(<img [^>]*>)</div>')
LINK = re.compile(r'(\b(?:href|src)=")([^"]+)(")')
LIVE = sys.argv[2] if len(sys.argv) > 2 else ""
highlight = Highlight2HTML(pygments_lexer="typescript")


def main() -> None:
    output = Path(sys.argv[1])
    notebooks = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.ipynb"))]
    pages = [START, *notebooks]
    written: set[Path] = set()
    while pages:
        source = pages.pop(0)
        if source in written:
            continue
        written.add(source)
        text, linked = page_of(source)
        target = output / target_of(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        for path in linked:
            if is_page(path):
                pages.append(path)
            else:
                copy_to = output / path.relative_to(ROOT)
                copy_to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy_to)
    (output / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><title>implicit-lab</title>'
        '<meta http-equiv="refresh" content="0; url=notebooks/index.html">'
        '<a href="notebooks/index.html">The course</a>\n'
    )
    write_code_styles(output / "assets" / "code.css")
    print(f"{len(written)} pages")


def is_page(path: Path) -> bool:
    return path.is_dir() or path.suffix in (".md", ".ipynb")


def target_of(source: Path) -> Path:
    """Where the page of a source is in the site."""
    path = source.relative_to(ROOT)
    if source.is_dir():
        return path / "index.html"
    return path.with_name("index.html") if path.name == "README.md" else path.with_suffix(".html")


def page_of(source: Path) -> tuple[str, list[Path]]:
    if source.is_dir():
        return page(source, listing(source)), []
    if source.suffix == ".ipynb":
        body = body_of(nbformat.read(source, as_version=4))
    else:
        body = markdown(source.read_text(encoding="utf-8"))
    body, linked = relinked(body, source)
    return page(source, body), linked


def page(source: Path, body: str) -> str:
    title = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)
    up = "../" * (len(target_of(source).parts) - 1)
    template = Template((HERE / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=re.sub(r"<[^>]+>", "", title[1]).replace("¶", "") if title else source.stem,
        body=body,
        navigation=navigation(source),
        up=up,
        live=live_link(source, up),
    )


def live_link(source: Path, up: str) -> str:
    """The link to the page in which a notebook runs, where there is a site of such pages."""
    if not LIVE or source.suffix != ".ipynb":
        return ""
    start = LIVE if urlsplit(LIVE).scheme or LIVE.startswith("/") else up + LIVE
    path = source.relative_to(ROOT).as_posix()
    address = f"{start.rstrip('/')}/lab/index.html?path={path}"
    return f'<a class="live" href="{html.escape(address)}">Run it in your browser</a>'


def listing(folder: Path) -> str:
    """The notebooks of a folder, by their headings."""
    rows = [
        f'<li><a href="{path.with_suffix(".html").name}">{first_heading(path)}</a></li>'
        for path in sorted(folder.glob("*.ipynb"))
    ]
    return f"<h1>{folder.name}</h1><ul>{''.join(rows)}</ul>"


def navigation(source: Path) -> str:
    """Links to the page before and after, in the same folder."""
    pages = sorted(source.parent.glob("*.ipynb"))
    if source not in pages:
        return ""
    at = pages.index(source)
    links = []
    for name, other in (("previous", at - 1), ("next", at + 1)):
        if 0 <= other < len(pages):
            path = pages[other].with_suffix(".html").name
            links.append(f'<a rel="{name}" href="{path}">{first_heading(pages[other])}</a>')
    return "".join(links)


def first_heading(path: Path) -> str:
    first = nbformat.read(path, as_version=4).cells[0].source
    return html.escape(first.splitlines()[0].lstrip("# "))


def relinked(body: str, source: Path) -> tuple[str, list[Path]]:
    """Leads links inside the checkout to their places in the site; also returns where they led."""
    linked = []

    def replace(match: re.Match) -> str:
        address = urlsplit(html.unescape(match[2]))
        if address.scheme or not address.path:
            return match[0]
        path = Path(os.path.normpath(source.parent / unquote(address.path)))
        if (path / "README.md").exists():
            path = path / "README.md"
        elif path.is_dir() and not any(path.glob("*.ipynb")):
            sources = sorted(file for file in path.rglob("*") if file.is_file()) or [path]
            # A folder without a page of its own: its door, or else its first file.
            path = path / "index.ts" if (path / "index.ts").exists() else sources[0]
        is_listed = path.is_dir() and any(path.glob("*.ipynb"))
        if not path.is_relative_to(ROOT) or not (path.is_file() or is_listed):
            raise SystemExit(f"{source.relative_to(ROOT)} links to {address.path}, which is not there.")
        linked.append(path)
        target = target_of(path) if is_page(path) else path.relative_to(ROOT)
        new = os.path.relpath(target, target_of(source).parent)
        return f"{match[1]}{html.escape(new)}{'#' + address.fragment if address.fragment else ''}{match[3]}"

    return LINK.sub(replace, body), linked


class Renderer(IPythonRenderer):
    def heading(self, text: str, level: int, **attributes: Any) -> str:
        """With the name that GitHub gives a heading, so that links into a page are right in both."""
        words = html.unescape(re.sub(r"<[^>]+>", "", text))
        name = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        link = f'<a class="anchor-link" href="#{name}">¶</a>'
        return f'<h{level} id="{name}">{text}{link}</h{level}>'

    def block_math(self, body: str) -> str:
        return f'<span class="math display">{html.escape(body, quote=False)}</span>'

    def inline_math(self, body: str) -> str:
        return f'<span class="math">{html.escape(body, quote=False)}</span>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")


def markdown(text: str) -> str:
    renderer = Renderer(escape=False)
    return MarkdownWithMath(renderer=renderer).render(text)


def body_of(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(
        markdown(cell.source) if cell.cell_type == "markdown" else code_cell(cell)
        for cell in notebook.cells
    )


def code_cell(cell: nbformat.NotebookNode) -> str:
    purpose, source = folded(cell.source)
    code = highlight(source) if source.strip() else ""
    outputs = "".join(shown(output) for output in cell.get("outputs", []))
    lines = source.count("\n") + 1
    # A long cell above a picture is opened on demand; the short ones tell the story.
    if purpose or lines > 12:
        summary = f"{html.escape(purpose)} ({lines} lines)" if purpose else f"{lines} lines of code"
        code = f'<details class="cell"><summary>{summary}</summary>{code}</details>'
    else:
        code = f'<div class="cell">{code}</div>'
    return code + (f'<div class="outputs">{outputs}</div>' if outputs else "")


def folded(source: str) -> tuple[str, str]:
    """What a cell that is folded does, and its code."""
    first, _, rest = source.partition("\n")
    return (first[len(FOLDED) :].strip(), rest) if first.startswith(FOLDED) else ("", source)


def shown(output: nbformat.NotebookNode) -> str:
    if output.output_type == "stream":
        return f'<pre class="text">{ansi2html(output.text)}</pre>'
    if output.output_type == "error":
        return f'<pre class="text">{ansi2html(chr(10).join(output.traceback))}</pre>'
    data = output.data
    if "application/vnd.plotly.v1+json" in data:
        return figure(output)
    if "text/html" in data:
        figures = output.metadata.get("implicit-lab", {}).get("figures", [])
        return f'<div class="html">{with_figures(data["text/html"], figures)}</div>'
    if "image/png" in data:
        return picture(data["image/png"], data.get("text/plain", ""), output.metadata)
    return f'<pre class="text">{ansi2html(data.get("text/plain", ""))}</pre>'


def figure(output: nbformat.NotebookNode) -> str:
    """The picture, which plotly.js replaces by the figure itself where scripts run."""
    data = output.data
    image = picture(data["image/png"], data["text/plain"], output.metadata) if "image/png" in data else ""
    return f'<figure>{image}{specification(data["application/vnd.plotly.v1+json"])}</figure>'


def specification(spec: dict) -> str:
    # In a script element only its end could be mistaken.
    text = json.dumps(spec, separators=(",", ":")).replace("</", "<\\/")
    return f'<script type="application/json">{text}</script>'


def with_figures(text: str, figures: list[dict]) -> str:
    """The page of a prediction, whose pictures become figures."""
    remaining = iter(figures)
    return HIDDEN_FIGURE.sub(lambda m: f"<figure>{m[1]}{specification(next(remaining))}</figure>", text)


def picture(png: str, words: str, metadata: dict) -> str:
    size = metadata.get("image/png", {})
    width = f' width="{size["width"]}"' if "width" in size else ""
    return f'<img src="data:image/png;base64,{png.strip()}" alt="{html.escape(words)}"{width}>'


def write_code_styles(file: Path) -> None:
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n")


if __name__ == "__main__":
    main()
