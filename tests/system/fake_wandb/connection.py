"""HTTP/1.1 on sockets of our own, so that an answer can also go wrong: one thread a connection."""
import gzip
import select
import socket
import ssl
import struct
import threading
from typing import NamedTuple

HEAD_MAX = 64 << 10
BODY_MAX = 1 << 30
PHRASES = {200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 409: "Conflict",
           413: "Payload Too Large", 429: "Too Many Requests", 500: "Internal Server Error"}


class Head(NamedTuple):
    method: str
    target: str
    headers: dict  # names in small letters


class BadRequest(Exception):
    pass


class Connection:
    def __init__(self, sock):
        self.sock, self.buffer = sock, b""

    def head(self):
        """None at the end of the connection."""
        while b"\r\n\r\n" not in self.buffer:
            more = self.sock.recv(65536)
            if not more:
                return None
            self.buffer += more
            if len(self.buffer) > HEAD_MAX and b"\r\n\r\n" not in self.buffer:
                raise BadRequest("the head has no end")
        text, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = text.decode("latin-1").split("\r\n")
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise BadRequest(f"{first!r} is no request")
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise BadRequest(f"{line!r} is no header")
            headers[name.lower()] = value.strip()
        return Head(words[0], words[1], headers)

    def body(self, headers):
        """None when the other side goes away before its end."""
        if headers.get("expect", "").lower() == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= BODY_MAX:
            raise BadRequest(f"a body of {length} bytes")
        return self._exactly(length)

    def _exactly(self, length):
        data = bytearray(length)
        at = min(length, len(self.buffer))
        data[:at], self.buffer = self.buffer[:at], self.buffer[at:]
        view = memoryview(data)
        while at < length:
            got = self.sock.recv_into(view[at:])
            if got == 0:
                return None
            at += got
        return bytes(data)

    def _line(self):
        while b"\r\n" not in self.buffer:
            more = self.sock.recv(65536)
            if not more:
                return None
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _chunks(self):
        body = b""
        while True:
            line = self._line()
            if line is None:
                return None
            length = int(line.split(b";")[0], 16)
            chunk = self._exactly(length)
            if chunk is None or self._line() is None:
                return None
            body += chunk
            if length == 0:
                return body

    def is_gone(self):
        """The other side sends no more: whatever was asked here, it does not wait for the answer."""
        try:
            poll = select.poll()
            poll.register(self.sock.fileno(), select.POLLRDHUP)
            return any(event & (select.POLLRDHUP | select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))
        except (OSError, ValueError):
            return True

    def wait_until_gone(self):
        """Reads and throws away whatever comes."""
        while self.sock.recv(65536):
            pass

    def reset(self):
        """RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def decoded(body, headers):
    return gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body


def answer(status, headers, body):
    lines = [f"HTTP/1.1 {status} {PHRASES.get(status, 'Whatever')}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Listener:
    """Calls serve(connection) in a thread of its own for each connection, until it returns or breaks."""

    def __init__(self, serve, port=0, tls=None):
        self.serve, self.tls = serve, tls
        self.refused = []  # what became of handshakes that failed
        self.closing = False
        self._open, self._lock = {}, threading.Lock()
        self.sock = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port = self.sock.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def start(self):
        """Apart from the making: who serves may look at the listener."""
        self._thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            with self._lock:
                if self.closing:
                    sock.close()
                    return
                self._open[sock] = threading.Thread(target=self._run, args=(sock,), daemon=True)
                self._open[sock].start()

    def _run(self, plain):
        sock = plain
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                sock = self.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                with self._lock:
                    self._open[sock] = self._open.pop(plain)
                sock.do_handshake()
            self.serve(Connection(sock))
        except ssl.SSLError as error:
            self.refused.append(str(error))
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.pop(sock, None)
                self._open.pop(plain, None)
            sock.close()

    def drop_connections(self):
        with self._lock:
            for sock in self._open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        with self._lock:
            self.closing = True
            threads = list(self._open.values())
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        self.drop_connections()
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(5)
        self._thread.join(5)
