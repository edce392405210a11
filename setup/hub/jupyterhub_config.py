"""JupyterHub's configuration, made of the settings that setup/hub/settings.mjs has read."""

import json
import os
import sys
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import authenticator  # noqa: E402
import limits  # noqa: E402
import spawner  # noqa: E402

c = get_config()  # noqa: F821
settings = json.loads(Path(os.environ["HUB_SETTINGS"]).read_text())
state = settings["state"]
root = settings["root"]

c.JupyterHub.bind_url = f"{settings['scheme']}://{settings['host']}:{settings['port']}"
c.JupyterHub.ssl_cert = settings["certificate"]
c.JupyterHub.ssl_key = settings["key"]
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = settings["hubPort"]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{settings['proxyPort']}"
c.ConfigurableHTTPProxy.command = [settings["node"], settings["proxy"]]
c.ConfigurableHTTPProxy.pid_file = os.path.join(state, "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{state}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = os.path.join(state, "cookie_secret")
c.JupyterHub.active_server_limit = settings["servers"]
# The hub's own time is for people; what they start takes longer on a busy machine.
c.JupyterHub.concurrent_spawn_limit = 8
c.JupyterHub.init_spawners_timeout = 1

c.JupyterHub.authenticator_class = authenticator.PasswordAuthenticator
c.PasswordAuthenticator.path = os.path.join(state, "passwords.json")
c.Authenticator.admin_users = set(settings["admins"])
# Who may log in is decided by who has a password.
c.Authenticator.allow_all = True
c.Authenticator.username_pattern = settings["namePattern"]
c.Authenticator.auth_refresh_age = 60
c.Authenticator.refresh_pre_spawn = True
c.JupyterHub.template_paths = [os.path.join(HERE, "templates")]

isolated = settings["isolation"] == "bubblewrap"
c.JupyterHub.spawner_class = spawner.SandboxSpawner if isolated else spawner.CourseSpawner
c.CourseSpawner.settings = c.SandboxSpawner.settings = settings
limiting = limits.strongest()
Path(state, "limits").write_text(limiting.name)
c.CourseSpawner.limiting = c.SandboxSpawner.limiting = limiting
c.Spawner.cmd = [os.path.join(sys.prefix, "bin", "jupyterhub-singleuser")]
c.Spawner.default_url = "/lab/tree/notebooks/README.md"
c.Spawner.start_timeout = 180
c.Spawner.http_timeout = 180
c.Spawner.poll_interval = 10

c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "services": ["idle-culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    }
]
idle = round(settings["serverIdleMinutes"] * 60)
# How often servers and the proxy tell when they were last used.
c.JupyterHub.last_activity_interval = max(1, min(300, idle // 3))
c.Spawner.environment = {"JUPYTERHUB_ACTIVITY_INTERVAL": str(max(1, min(300, idle // 3)))}
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [
            *(sys.executable, "-m", "jupyterhub_idle_culler"),
            *(f"--timeout={idle}", f"--cull-every={max(1, min(60, idle // 4))}"),
        ],
    }
]

if settings["configuration"]:
    exec(compile(Path(settings["configuration"]).read_text(), settings["configuration"], "exec"))
