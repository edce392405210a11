"""Makes and takes away accounts: `accounts.py FILE add|remove NAME …`, and prints passwords."""

import sys

from passwords import PasswordFile, new_password


def main(path, action, *names):
    file = PasswordFile(path)
    for name in names:
        if action == "add":
            password = new_password()
            file.set(name, password)
            print(f"{name}\t{password}")
        else:
            print(f"{name}\t{'removed' if file.remove(name) else 'has no account'}")


main(*sys.argv[1:])
