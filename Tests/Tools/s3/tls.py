#!/usr/bin/python3
"""tls.py CERTIFICATE KEY PORT: TLS in front of an S3 server of the tests.

Takes TLS connections on a free port of the loopback address, shows the certificate, and passes what it receives on to
PORT of the loopback address. When it listens, a line `ready PORT` is printed; it ends with its standard input.
"""
import asyncio
import ssl
import sys

# How many bytes are passed on at a time.
PIECE = 256 << 10


async def pass_on(reader, writer):
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()


async def serve(client, port):
    """Passes bytes both ways until either side ends."""
    reader, writer = client
    server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
    ways = [pass_on(reader, server_writer), pass_on(server_reader, writer)]
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        # A client that broke off is no error here.
        await asyncio.gather(*tasks, return_exceptions=True)
        server_writer.close()
        writer.close()


async def main(certificate, key, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = await asyncio.start_server(
        lambda *client: serve(client, int(port)), "127.0.0.1", 0, ssl=context, limit=PIECE
    )
    print(f"ready {listener.sockets[0].getsockname()[1]}", flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
