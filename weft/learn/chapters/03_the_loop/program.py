"""Two poets and a bell, on the tiny loop."""

import socket

from tiny_loop import Loop

from weft.learn import drawn, poets

loop = Loop()


@drawn
def listen(name, port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setblocking(False)
    loop.add_reader(connection, read_piece, name, connection)


@drawn
def read_piece(name, connection):
    piece = connection.recv(1024)
    for line in piece.decode().splitlines():
        print(f"{name}: {line}")
    if not piece:
        loop.remove_reader(connection)
        connection.close()


@drawn
def ring(name, times):
    print("ding")
    if times > 1:
        loop.call_later(0.15, ring, name, times - 1)


with poets(loom=0.4, river=0.3) as ports:
    for poet, port in ports.items():
        loop.call_soon(listen, poet, port)
    loop.call_later(0.15, ring, "bell", 2)
    loop.run()
