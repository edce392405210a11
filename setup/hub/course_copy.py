"""Gives a student the course, and later what is new in it, without touching what is theirs.

Runs where the student's programs run, and sees what they see: a link that leads elsewhere leads
nowhere.
"""

import hashlib
import json
import os
import shutil
from datetime import date
from pathlib import Path

RECORD = ".course.json"


def give_course(course, home, folders):
    """Brings `home` up to date with `course`, and returns what was offered next to a student's file.

    Notebooks and README.md are copied. One that the course has changed since is put beside the
    student's as `NAME.updated-DATE.ipynb`; one that the student has deleted comes back. All else
    (sources, pictures) is a link to the course.
    """
    course, home = Path(course), Path(home)
    given = _read(home / RECORD)
    offered = []
    for path in _files(course, folders):
        source, target = course / path, home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not _is_copied(path):
            if not os.path.lexists(target):
                target.symlink_to(source)
            continue
        now = _hash(source)
        if not os.path.lexists(target):
            _copy(source, target)
        elif given.get(str(path)) != now and not _is_same(target, now):
            beside = _beside(target, now)
            if beside is not None:
                _copy(source, beside)
                offered.append(str(beside.relative_to(home)))
        given[str(path)] = now
    _write(home / RECORD, given)
    return offered


def _files(course, folders):
    for folder in folders:
        for path in sorted((course / folder).rglob("*")):
            relative = path.relative_to(course)
            if path.is_file() and not any(part.startswith(".") for part in relative.parts):
                yield relative


def _is_copied(path):
    return path.suffix == ".ipynb" or path.name == "README.md"


def _beside(target, now):
    """A free name beside `target`; none where what is offered is there already."""
    stem = f"{target.stem}.updated-{date.today().isoformat()}"
    for number in range(1, 1000):
        name = stem if number == 1 else f"{stem}-{number}"
        beside = target.with_name(name + target.suffix)
        if not os.path.lexists(beside):
            return beside
        if _is_same(beside, now):
            return None
    return None


def _is_same(path, now):
    return path.is_file() and _hash(path) == now


def _hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _copy(source, target):
    # Under another name first: what is cut off does not pass for the student's own.
    part = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, part)
    part.rename(target)


def _read(path):
    try:
        record = json.loads(path.read_text())
        return record if isinstance(record, dict) else {}
    except (OSError, ValueError):
        return {}


def _write(path, record):
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(record, indent=1))
    part.rename(path)
