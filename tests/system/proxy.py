"""A small HTTP proxy on 127.0.0.1: CONNECT, and requests that name their host."""
import socket
import threading
from urllib.parse import urlsplit


class Proxy:
    """`seen` is what it was asked for: "CONNECT host:port", "POST http://…". `refuses`: a status it answers instead.

        with Proxy() as proxy:
            … proxy.url …
    """

    def __init__(self):
        self.seen, self.headers, self.refuses = [], [], None
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client:
                self._exchange(client)
        except OSError:
            pass

    def _exchange(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(65536)
            if not more:
                return
            head += more
        head, rest = head.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        method, target, _ = first.split(" ")
        self.seen.append(f"{method} {target}")
        self.headers.append(dict(line.split(": ", 1) for line in lines if ": " in line))
        if self.refuses is not None:
            client.sendall(f"HTTP/1.1 {self.refuses} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            return
        url = urlsplit(f"//{target}" if method == "CONNECT" else target)
        with socket.create_connection((url.hostname, url.port)) as server:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:  # one request a connection: what comes later on it would go unseen
                kept = [line for line in lines if not line.lower().startswith(("connection:", "proxy-"))]
                server.sendall("\r\n".join([f"{method} {url.path} HTTP/1.1", *kept, "Connection: close", "", ""]).encode())
            server.sendall(rest)
            self._join(client, server)

    def _join(self, client, server):
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)
        back.join()

    def _pump(self, source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass
