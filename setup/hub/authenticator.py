"""Logging in by name and password."""

from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from tornado import web
from traitlets import Unicode

from passwords import SHORTEST, Failures, PasswordFile, in_thread


class PasswordAuthenticator(Authenticator):
    """Lets in who has an account in a file of passwords."""

    path = Unicode(config=True)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.passwords = PasswordFile(self.path)
        self.failures = Failures()

    async def authenticate(self, handler, data):
        name = data["username"]
        return name if await self.is_right(name, data["password"]) else None

    async def is_right(self, name, password):
        if self.failures.are_too_many(name):
            return False
        if not await in_thread(self.passwords.is_right, name, password):
            self.failures.add(name)
            return False
        self.failures.forget(name)
        return True

    async def refresh_user(self, user, handler=None):
        # An account that was taken away is logged out.
        return self.passwords.has(user.name)

    def get_handlers(self, app):
        return [*super().get_handlers(app), ("/password", PasswordHandler)]


class PasswordHandler(BaseHandler):
    """The page on which people change their passwords."""

    @web.authenticated
    async def get(self):
        await self.show()

    @web.authenticated
    async def post(self):
        name = self.current_user.name
        given = self.get_body_argument("password", "", strip=False)
        new = self.get_body_argument("new", "", strip=False)
        if not await self.authenticator.is_right(name, given):
            await self.show(error="That is not your present password.")
        elif len(new) < SHORTEST:
            await self.show(error=f"A password has at least {SHORTEST} characters.")
        elif new != self.get_body_argument("again", "", strip=False):
            await self.show(error="The two new passwords differ.")
        else:
            await in_thread(self.authenticator.passwords.set, name, new)
            await self.show(done=True)

    async def show(self, error="", done=False):
        self.set_status(400 if error else 200)
        html = await self.render_template(
            "password.html", error=error, done=done, shortest=SHORTEST
        )
        self.finish(html)
