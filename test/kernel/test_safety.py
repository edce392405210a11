"""Nobody but the client is heard, and no message brings the kernel down."""

import json
import os
import random
import stat
import subprocess
import time

import zmq
from conftest import TIMEOUT, full, until


DELIMITER = b"<IDS|MSG>"


def socket_to(kernel, channel, kind=zmq.DEALER):
    info = kernel.client.get_connection_info()
    socket = zmq.Context.instance().socket(kind)
    socket.linger = 0
    socket.connect(f"tcp://{info['ip']}:{info[channel + '_port']}")
    return socket


def request(session, code="leaked = true"):
    message = session.msg("execute_request", {"code": code, "silent": False})
    return session.serialize(message)


def test_a_message_with_a_wrong_signature_is_dropped(kernel):
    kernel.run("var leaked = false")
    shell = socket_to(kernel, "shell")
    frames = request(kernel.client.session)
    frames[1] = b"0" * 64
    shell.send_multipart(frames)
    frames[1] = b""
    shell.send_multipart(frames)
    assert shell.poll(1500) == 0, "no answer"
    assert kernel.run("leaked").value == "false"
    frames = request(kernel.client.session)
    shell.send_multipart(frames)
    assert shell.poll(1000 * TIMEOUT), "the same message signed is answered"
    kernel.run("0")


def test_malformed_and_truncated_frames_never_bring_it_down(kernel):
    count = 10_000 if full() else 2_000
    rng = random.Random(7)
    kernel.run("const before = 1")
    sockets = [socket_to(kernel, name) for name in ("shell", "control", "stdin")]
    for i in range(count):
        socket = rng.choice(sockets)
        try:
            socket.send_multipart(damaged(kernel.client.session, rng), zmq.NOBLOCK)
        except zmq.Again:
            time.sleep(0.01)
        if i % 500 == 0:
            for other in sockets:
                while other.poll(0):
                    other.recv_multipart()
    for socket in sockets:
        socket.close()
    assert kernel.run("before + 1").value == "2"
    assert kernel.manager.is_alive()


def damaged(session, rng):
    """Random bytes; a message with a part missing, cut or changed; or well signed nonsense."""
    kind = rng.randrange(5)
    if kind == 0:
        return [rng.randbytes(rng.randrange(60)) for _ in range(rng.randrange(1, 9))]
    name = rng.choice(["complete_request", "inspect_request", "history_request", "is_complete_request", "comm_info_request", "comm_open", "comm_msg", "input_reply", "no_such_request", "kernel_info_request"])
    frames = session.serialize(session.msg(name, {}))
    if kind == 1:
        return frames[: rng.randrange(1, len(frames))]
    if kind == 2:
        at = rng.randrange(len(frames))
        frames[at] = frames[at][: rng.randrange(len(frames[at]) + 1)]
        return frames
    nonsense = [None, [], "x", -1, 1e300, {"a": None}, True]
    keys = ["code", "cursor_pos", "hist_access_type", "n", "session", "start", "pattern", "comm_id", "data", "target_name", "value"]
    content = {key: rng.choice(nonsense) for key in rng.sample(keys, 6)}
    if kind == 3:
        header = json.dumps({"msg_type": name, "msg_id": 1}).encode()
        parts = [header, b"{}", b"{}", json.dumps(content).encode()]
        return [DELIMITER, session.sign(parts), *parts]
    return session.serialize(session.msg(name, content))


def test_sockets_listen_on_the_given_address_only(kernel):
    info = kernel.client.get_connection_info()
    ports = {info[f"{name}_port"] for name in ("shell", "iopub", "stdin", "control", "hb")}
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:
            for line in list(lines)[1:]:
                local, _, state = line.split()[1:4]
                address, port = local.split(":")
                if state == "0A" and int(port, 16) in ports:
                    listening.add(address)
    assert listening == {"0100007F"}, "127.0.0.1"


def test_the_connection_file_is_not_readable_by_others(tmp_path):
    from jupyter_client.connect import write_connection_file

    file, _ = write_connection_file(str(tmp_path / "connection.json"))
    os.chmod(file, 0o644)
    bin = os.path.join(os.path.dirname(__file__), "..", "..", "kernel", "bin", "implicit-kernel.cjs")
    process = subprocess.Popen(["node", bin, "start", file])
    try:
        assert until(lambda: stat.S_IMODE(os.stat(file).st_mode) == 0o600)
    finally:
        process.terminate()
        process.wait(TIMEOUT)


