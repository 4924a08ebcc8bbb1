"""The server as a process of its own."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from .world import World

PATIENCE_S = 30
OF_SERVER = ("port", "tls", "prefix", "latency_ms")  # what a World does not take


class FakeWandbProcess:
    """Started on the same port each time. `options` are FakeWandb's own; `faults` and `chaos` those of its start.

        with FakeWandbProcess() as w:
            w.tell("fault", path="file_stream", die="reply")
            …
            w.wait()
            w.start()
            w.state().runs
    """

    def __init__(self, faults=(), chaos=None, **options):
        self.directory = Path(tempfile.mkdtemp(prefix="fake-wandb-"))
        self.state_file = self.directory / "state"
        self.options, self.faults, self.chaos = options, list(faults), chaos
        self.port, self.process, self.base_url = 0, None, None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, faults=None):
        """faults: instead of those it was made with."""
        port_file = self.directory / "port"
        port_file.unlink(missing_ok=True)
        given = {"options": self.options, "faults": self.faults if faults is None else faults, "chaos": self.chaos}
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).parent, "--port", str(self.port), "--port-file", port_file,
             "--state-file", self.state_file, "--given", json.dumps(given)], stdin=subprocess.DEVNULL, env=environment)
        deadline = time.monotonic() + PATIENCE_S
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start: {self.process.poll()}")
            time.sleep(0.005)
        self.port = int(port_file.read_text(encoding="ascii"))
        self.base_url = f"http://127.0.0.1:{self.port}{self.options.get('prefix', '')}"
        return self

    def tell(self, what, **given):
        """A method of FakeWandb by name (fault, chaos, clear_faults, delete), stop(run=), or set(attribute=)."""
        request = urllib.request.Request(f"{self.base_url}/_control/{what}", json.dumps(given).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(request, timeout=PATIENCE_S).close()

    def wait(self):
        """Until it has died by itself."""
        status, self.process = self.process.wait(PATIENCE_S), None
        return status

    def kill(self, number=signal.SIGKILL):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(number)
            self.wait()

    def state(self):
        """What it remembers: runs, requests, violations."""
        of_world = {name: value for name, value in self.options.items() if name not in OF_SERVER}
        return World(self.state_file, **of_world)
