"""The server: what comes over sockets, and how an answer goes wrong when it is to."""
import json
import os
import re
import shutil
import signal
import socket
import ssl
import tempfile
import time
from urllib.parse import unquote

from . import certificates
from .connection import BadRequest, Listener, answer
from .faults import Chaos, Fault
from .journal import Journal
from .world import Request, World

STREAM_PATH = re.compile(r"/files/([^/]+)/([^/]+)/([^/]+)/file_stream")
GARBAGE = b"\x00<!doctype html><p>{\"data\":"
REMEMBERED = ("number", "at", "method", "path", "headers", "kind", "run", "operation", "variables", "connection", "status",
              "effect")
NO_FAULT = Fault()


def is_the_last(headers):
    return headers.get("connection", "").lower() == "close"


class FakeWandb(World):
    """W&B on 127.0.0.1.

        with FakeWandb() as w:
            w.base_url, w.requests, w.runs["entity/project/run"], w.violations

    tls: good, self-signed, expired, wrong-host; ca_file is whom to believe. state_file: what it knows outlives it.
    strict=False: bodies are not looked into and lines only counted. count_lag_s: line counts are those of that long ago.
    canonical: what the server calls an entity or a project that was asked for by another name. stream_headers: added to
    answers to file_stream. features: what ServerFeaturesQuery says is there. latency_ms: before each request.
    prefix: a path that all others are below."""

    def __init__(self, port=0, tls=None, state_file=None, prefix="", latency_ms=0.0, **of_world):
        super().__init__(**of_world)
        self.prefix, self.latency_ms = prefix, latency_ms
        self.faults, self.chaos_dice = [], None
        self.cut = 0  # requests that ended before their end
        self._in_flight, self._connections = {}, 0
        self._journal = None
        if state_file is not None:
            self._replay(state_file, mend=True)
            self._connections = max((request.connection for request in self.requests), default=0)
            self._journal = Journal(state_file)
        self._directory, self.ca_file, context = None, None, None
        if tls is not None:
            self._directory = tempfile.mkdtemp(prefix="fake-wandb-")
            self.ca_file, certificate, key = certificates.make(self._directory, tls)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
        self._listener = Listener(self._serve, port, context)
        self.port = self._listener.port
        self.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}{prefix}"
        self._listener.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._listener.close()
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    # ---- what a test says ----

    def fault(self, **given):
        """The next request(s) of that kind meet it; see Fault."""
        fault = Fault(**given)
        with self.lock:
            self.faults.append(fault)
        return fault

    def clear_faults(self):
        with self.lock:
            self.faults, self.chaos_dice = [], None

    def chaos(self, seed, probability, **given):
        """Each request meets one of RECOVERABLE with that probability; see Chaos."""
        with self.lock:
            self.chaos_dice = Chaos(seed, probability, **given)

    def drop_connections(self):
        self._listener.drop_connections()

    @property
    def tls_refused(self):
        """The handshakes that came to nothing, in OpenSSL's words."""
        return self._listener.refused

    def delete(self, run):
        super().delete(run)
        self._write_down("delete", run=run)

    def stop(self, run):
        super().stop(run)
        self._write_down("stop", run=run)

    def _write_down(self, told, **given):
        if self._journal is not None:
            self._journal.append({"told": told, "given": given}, b"")

    # ---- a connection ----

    def _serve(self, connection):
        with self.lock:
            self._connections += 1
            number = self._connections
        try:
            while not self._listener.closing:
                head = connection.head()
                if head is None or not self._exchange(connection, head, number):
                    return
        except (BadRequest, ValueError) as error:
            connection.sock.sendall(answer(400, {"Connection": "close"}, json.dumps({"error": str(error)}).encode()))

    def _exchange(self, connection, head, number):
        """One request and its answer; False: the connection is at its end."""
        path = head.target.split("?")[0]
        kind, run = self._route(path)
        notes = self._enter(run, connection) if kind == "file_stream" else []
        try:
            if self._refused_early(connection, head, number, kind, run):
                return False
            body = connection.body(head.headers)
            if body is None:
                self.cut += 1
                return False
            if path.startswith(f"{self.prefix}/_control/"):
                connection.sock.sendall(answer(200, {}, self._control(path, body)))
                return True
            request = Request(0, time.time(), head.method, path, head.headers, body, len(body), kind, run,
                              connection=number)
            return self._treat(connection, request, notes) and not is_the_last(head.headers)
        finally:
            self._leave(run, connection)

    def _refused_early(self, connection, head, number, kind, run):
        if not any(fault.early for fault in self.faults):
            return False
        request = Request(0, time.time(), head.method, head.target.split("?")[0], head.headers, b"",
                          int(head.headers.get("content-length", "0")), kind, run, connection=number)
        with self.lock:
            request.fault = fault = next((each for each in self.faults if each.early and each.meets(request)), None)
            if fault is None:
                return False
            request.number, request.status = len(self.requests) + 1, fault.status
            self.keep(request)
        self._leave(run, connection)
        connection.sock.sendall(answer(fault.status, {"Connection": "close", **fault.headers}, fault.text()))
        connection.sock.shutdown(socket.SHUT_WR)
        connection.wait_until_gone()  # closed at once, what is still coming would take the answer with it
        return True

    def keep(self, request):
        if self._journal is not None:
            meta = {name: getattr(request, name) for name in REMEMBERED}
            self._journal.append({**meta, "violations": request.violations}, request.body)
        super().keep(request)

    def _route(self, path):
        path = path.removeprefix(self.prefix)
        match = STREAM_PATH.fullmatch(path)
        if match:
            return "file_stream", "/".join(map(unquote, match.groups()))
        return {"/graphql": "graphql"}.get(path, "upload" if path.startswith("/_storage/") else "other"), None

    def _enter(self, run, connection):
        with self.lock:
            others = [other for other in self._in_flight.get(run, []) if not other.is_gone()]
            self._in_flight[run] = others + [connection]
        # Who gave up on this one before we came to read it may well have sent it again.
        at_once = others and not connection.is_gone()
        return [("concurrent", "two requests of one run at the same time")] if at_once else []

    def _leave(self, run, connection):
        with self.lock:
            if connection in self._in_flight.get(run, []):
                self._in_flight[run].remove(connection)

    # ---- a request ----

    def _treat(self, connection, request, notes):
        with self.lock:
            fault = next((each for each in self.faults if not each.early and each.meets(request)), None)
            if fault is None and self.chaos_dice is not None:
                fault = self.chaos_dice.throw(request)
        request.fault, fault = fault, fault or NO_FAULT
        if self.latency_ms + fault.wait_ms > 0:
            time.sleep((self.latency_ms + fault.wait_ms) / 1000)
        takes_effect = fault.takes_effect()
        body = self.parsed(request) if takes_effect else None
        with self.lock:
            request.number = len(self.requests) + 1
            for note in notes:
                self.note(request, *note)
            self._die(fault, "before")
            status, headers, data = self.answer(request, body) if takes_effect else (None, {}, b"")
            if fault.status is not None or fault.body is not None:
                status, data = fault.status or status, fault.text()
            if fault.garbage:
                status, data = 200, GARBAGE
            request.status = None if fault.hang or fault.reset else status
            self.keep(request)
            self._die(fault, "after")
        last = {"Connection": "close"} if is_the_last(request.headers) else {}
        return self._deliver(connection, request, fault, answer(status, {**headers, **last, **fault.headers}, data), len(data))

    def _die(self, fault, moment):
        if fault.die == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def _deliver(self, connection, request, fault, whole, data_len):
        """Ends the request's being under way right before the last byte: who has read that may send the next."""
        if fault.hang:
            connection.wait_until_gone()
            return False
        if fault.reset:
            self._leave(request.run, connection)
            connection.reset()
            return False
        if fault.no_http:
            whole = b"no HTTP at all\r\n\r\n" + GARBAGE
        if fault.half or fault.die == "reply":
            self._leave(request.run, connection)
            connection.sock.sendall(whole[:len(whole) - max(1, data_len // 2)])
            self._die(fault, "reply")
            return False
        if fault.slow_s is not None:
            for at in range(len(whole) - 1):
                connection.sock.sendall(whole[at:at + 1])
                time.sleep(fault.slow_s)
            whole = whole[-1:]
        self._leave(request.run, connection)
        connection.sock.sendall(whole)
        return not fault.no_http

    def _control(self, path, body):
        """POST /_control/fault, chaos, clear_faults, delete, stop: as the methods, arguments as a JSON object; set: attributes."""
        what, given = path.rsplit("/", 1)[-1], json.loads(body or b"{}")
        if what == "set":
            for name, value in given.items():
                setattr(self, name, value)
        elif what in ("fault", "chaos", "clear_faults", "delete", "stop"):
            getattr(self, what)(**given)
        else:
            raise ValueError(f"{what} is not understood")
        return b"{}"
