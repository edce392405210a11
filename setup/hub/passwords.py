"""Passwords in a file, as hashes: who has an account, and how one changes a password."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from pathlib import Path

# Without letters and digits that look alike: 12 of them have 59 bits.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
LENGTH = 12
SHORTEST = 10
COST = {"n": 2**14, "r": 8, "p": 1}
# Guesses at one account, before it has to be waited for some time.
MOST_FAILURES = 10
SECONDS_TO_WAIT = 60


class PasswordFile:
    """Hashes of passwords by names; each change replaces the file, so that no reader sees half."""

    def __init__(self, path):
        self.path = Path(path)

    def has(self, name):
        return name in self._read()

    def is_right(self, name, password):
        kept = self._read().get(name)
        # As long for a name that does not exist: who has an account is not told.
        salt, hashed = (base64.b64decode(part) for part in (kept or NOBODY).split("$"))
        return hmac.compare_digest(_hash(password, salt), hashed) and kept is not None

    def set(self, name, password):
        self._write({**self._read(), name: _kept(password)})

    def remove(self, name):
        passwords = self._read()
        removed = passwords.pop(name, None) is not None
        self._write(passwords)
        return removed

    def _read(self):
        try:
            return json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}

    def _write(self, passwords):
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(passwords, file, indent=1)
        part.rename(self.path)


def new_password():
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def _hash(password, salt):
    return hashlib.scrypt(password.encode(), salt=salt, **COST)


def _kept(password):
    salt = secrets.token_bytes(16)
    return "$".join(base64.b64encode(part).decode() for part in (salt, _hash(password, salt)))


NOBODY = _kept(new_password())


class Failures:
    """Counts wrong passwords by names, and says when it is enough."""

    def __init__(self):
        self.by_name = {}

    def are_too_many(self, name):
        count, last = self.by_name.get(name, (0, 0))
        return count >= MOST_FAILURES and time.monotonic() - last < SECONDS_TO_WAIT

    def add(self, name):
        count, _ = self.by_name.get(name, (0, 0))
        self.by_name[name] = (count + 1, time.monotonic())

    def forget(self, name):
        self.by_name.pop(name, None)


async def in_thread(function, *args):
    """A hash takes a while; the hub goes on."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)
