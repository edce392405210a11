"""Passes connections on between a TCP port and a Unix socket.

A student's server has a network of its own, in which nothing else is. Two sockets lead in and out.
"""

import asyncio


async def _copy(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except (OSError, RuntimeError):
        # The other side has gone; so does this connection.
        writer.close()


def passing_to(connect):
    """A handler of connections that copies each to the one that `connect()` opens."""

    async def handle(reader, writer):
        try:
            far_reader, far_writer = await connect()
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                end.close()

    return handle
