"""Copies the exercise notebooks of all students: `collect.py STUDENTS TARGET NAME.ipynb …`.

A student may have put a link in the place of a folder or a file, also while this runs: none is
followed, so that each hands in what is in the student's own folder and nothing else.
"""

import os
import shutil
import stat
import sys
from pathlib import Path

FOLDER = "exercises"


def collect(students, target, names):
    """The number of notebooks that were copied; what is not one is told of."""
    count = 0
    for student in sorted(os.listdir(students)):
        if student.startswith("."):
            continue
        try:
            home = os.open(os.path.join(students, student), os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            folder = os.open(FOLDER, os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=home)
        except OSError as error:
            print(f"{student}: {FOLDER} is not a folder: {error.strerror}")
            os.close(home)
            continue
        for name in names:
            count += _copy(folder, name, Path(target, student), student)
        os.close(folder)
        os.close(home)
    return count


def _copy(folder, name, target, student):
    try:
        # A pipe would be waited for.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return 0
    except OSError as error:
        print(f"{student}: {name} was left out: {error.strerror}")
        return 0
    with open(file, "rb") as source:
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            print(f"{student}: {name} was left out: it is not a file")
            return 0
        target.mkdir(parents=True, exist_ok=True)
        with open(target / name, "wb") as copy:
            shutil.copyfileobj(source, copy)
    return 1


if __name__ == "__main__":
    print(f"{collect(sys.argv[1], sys.argv[2], sys.argv[3:])} notebooks in {sys.argv[2]}")
