"""A stand-in for systemd, of what a daemon sees of it: a socket that it holds open and passes as descriptor 3, a socket that it is
told on, a watchdog, a folder of credentials. The real one is in tests/systemd."""
import os
import shutil
import signal
import socket as sockets
import subprocess
import tempfile
import time
from pathlib import Path

from harness import DAEMON, Serving, own_environment, wait_until

FIRST_FD = 3


class ServiceManager(Serving):
    """The socket unit, from the beginning; start() and stop() are the service's."""

    def __init__(self, watchdog_ms=0, arguments=(), listen=True):
        self.directory = Path(tempfile.mkdtemp(prefix="sae-metricsd-test-"))
        self.database = self.directory / "metrics.db"
        self.credentials = self.directory / "credentials"
        self.log = self.directory / "log"
        self.watchdog_ms = watchdog_ms
        self.arguments = list(arguments)
        self.process = None
        self.started = None
        self.said = []  # [seconds after the start, {name: value}] of the last start
        self._listening = []
        self._told = sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM)
        self._told.bind(str(self.directory / "notify"))
        self._told.setblocking(False)
        if listen:
            self.listen(self.socket)

    @property
    def socket(self):
        return self.directory / "socket"

    def listen(self, path, kind=sockets.SOCK_STREAM, backlog=4096):
        s = sockets.socket(sockets.AF_UNIX, kind)
        s.bind(str(path))
        if kind == sockets.SOCK_STREAM and backlog is not None:
            s.listen(backlog)
        self._listening.append(s)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        for s in (*self._listening, self._told):
            s.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _pass(self):
        """Runs in the child: each number is free before something is moved to it."""
        held = [os.dup(s.fileno()) for s in self._listening]
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate(held)]
        for i, fd in enumerate(high):
            os.dup2(fd, FIRST_FD + i, inheritable=True)

    def start(self, wait=True, **variables):
        n = len(self._listening)
        environment = {**own_environment(), "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1",
                       "NOTIFY_SOCKET": str(self.directory / "notify"), "CREDENTIALS_DIRECTORY": str(self.credentials),
                       "LISTEN_FDS": str(n), "LISTEN_FDNAMES": ":".join(["sae-metricsd.socket"] * n), **variables}
        if self.watchdog_ms:
            environment["WATCHDOG_USEC"] = str(self.watchdog_ms * 1000)
        for name in ("SAE_METRICS_SOCKET", "XDG_RUNTIME_DIR", "JOURNAL_STREAM"):
            if name not in variables:
                environment.pop(name, None)
        self.said = []
        self.hear()
        self.said = []
        with open(self.log, "ab") as log:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", 'LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@"', "sh",
                 DAEMON, "serve", "--db", self.database, *self.arguments],
                env={k: v for k, v in environment.items() if v is not None}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=self._pass, pass_fds=range(FIRST_FD, FIRST_FD + n))
        if wait:
            self.wait_for("READY", "1")
        return self

    def hear(self):
        """What was said since; returns all of it."""
        while True:
            try:
                message = self._told.recv(65536).decode()
            except BlockingIOError:
                return self.said
            self.said.append((time.monotonic() - self.started if self.started else 0,
                              dict(line.split("=", 1) for line in message.splitlines())))

    def has_said(self, name, value=None):
        return any(name in words and value in (None, words[name]) for _, words in self.hear())

    def wait_for(self, name, value=None):
        """Until it has said so; the seconds since its start."""
        def heard():
            if self.has_said(name, value):
                return True
            if self.process.poll() is not None:
                raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.words()}")
            return False
        wait_until(heard, f"the daemon to say {name}={value or ''}")
        return next(at for at, words in self.said if name in words and value in (None, words[name]))

    def statuses(self):
        return [words["STATUS"] for _, words in self.hear() if "STATUS" in words]

    def stop(self):
        status = self.kill(signal.SIGTERM)
        self.hear()
        return status
