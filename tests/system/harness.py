"""A daemon of the test's own in a temporary directory, and what its database says.

The build directory is $SAE_METRICSD_BUILD (meson sets it). Daemons are ended by their own pid.
"""
import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILD = Path(os.environ["SAE_METRICSD_BUILD"])
ROOT = Path(__file__).resolve().parent.parent.parent
DAEMON = BUILD / "daemon" / "sae-metricsd"
# Parts that are built only where their libraries are.
PICTURES = BUILD / "daemon" / "pictures" / "sae-metricsd-pictures"
WATCH = BUILD / "daemon" / "watch" / "sae-metricsd-watch"
sys.path[:0] = [str(ROOT / "client" / "python"), str(ROOT / "tests")]
os.environ.setdefault("SAE_METRICS_LIBRARY", str(BUILD / "client" / "libsae-metrics.so.0"))
os.environ.setdefault("SAE_METRICS_QUIET", "1")
os.environ.setdefault("SAE_METRICS_AUTOSTART", "0")

PATIENCE_S = 60 if "sanitize=none" in os.environ.get("SAE_METRICSD_BUILD_KIND", "sanitize=none") else 300


def own_environment():
    """An environment without the W&B account, settings and proxies of whoever runs the tests: none is sent anything."""
    theirs = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CREDENTIALS_DIRECTORY", "LD_PRELOAD")
    kept = {name: value for name, value in os.environ.items()
            if name not in theirs and not name.startswith(("WANDB_", "SAE_METRICSD_"))
            and not name.lower().endswith("_proxy")}
    return {**kept, "SAE_METRICSD_CONFIG": "/dev/null", "NETRC": "/nowhere/netrc",
            "WANDB_BASE_URL": "http://127.0.0.1:9"}


def wait_until(true, what, patience_s=PATIENCE_S):
    """Waits for the event itself; fails with `what` when it never comes."""
    deadline = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s} s for {what}")
        time.sleep(0.005)


class Serving:
    """What a daemon is to a test, whoever starts it: its `process`, `log` and `database`."""

    def kill(self, number=signal.SIGKILL):
        """kill -9, unless told otherwise; returns its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        self.process = None
        if status == -signal.SIGABRT:  # an assertion, or a sanitizer: why stands in its log, which is soon gone
            for line in self.words().splitlines()[-100:]:
                print(f"# {line}", flush=True)
        return status

    def words(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def rows(self, query, *parameters):
        return query_database(self.database, query, *parameters)


class Daemon(Serving):
    """`sae-metricsd serve` on a socket and a database under its own directory."""

    def __init__(self, directory=None, arguments=(), variables=None):
        self._own = directory is None
        self.directory = Path(directory or tempfile.mkdtemp(prefix="sae-metricsd-test-"))
        self.socket = self.directory / "socket"
        self.database = self.directory / "metrics.db"
        self.log = self.directory / "log"
        self.arguments = list(arguments)
        self.variables = variables or {}
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        if self._own:
            shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, crash_at=None, wait=True):
        environment = {**own_environment(), "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1", **self.variables}
        if crash_at:
            environment["SAE_METRICSD_CRASH_AT"] = crash_at
        with open(self.log, "ab") as log:
            self.process = self.begin(
                [DAEMON, "serve", "--socket", self.socket, "--db", self.database, *self.arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        if wait:
            wait_until(self.answers, "the daemon to answer")
        return self

    def begin(self, command, **options):
        return subprocess.Popen(command, **options)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.words()}")
        return subprocess.run([DAEMON, "status", "--json"], env=self.environment(),
                              capture_output=True, check=False).returncode == 0 and self._reachable()

    def _reachable(self):
        return self.status().get("daemon", {}).get("reachable") is True

    def environment(self):
        """For the program itself."""
        environment = self.trainer_environment()
        environment.pop("LD_PRELOAD", None)
        return environment

    def trainer_environment(self):
        """For a child that imports the package: a library built with a sanitizer needs its runtime loaded first."""
        return {**os.environ, "SAE_METRICS_SOCKET": str(self.socket)}

    def stop(self):
        return self.kill(signal.SIGTERM)

    def status(self, *arguments):
        out = subprocess.run([DAEMON, "status", "--json", *arguments], env=self.environment(),
                             capture_output=True, text=True, check=False)
        return json.loads(out.stdout) if out.stdout else {}


def query_database(path, query, *parameters):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(query, parameters).fetchall()
    finally:
        connection.close()


def number(value, kind):
    """A value of the `history` view as a Python number or text."""
    return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}.get(kind, value)


def same(expected, got, tolerance=2e-6):
    """Integers and texts equal, floats to `tolerance` relative, NaN like NaN."""
    if isinstance(expected, float) and isinstance(got, (int, float)):
        if math.isnan(expected) or math.isnan(got):
            return math.isnan(expected) and math.isnan(got)
        if math.isinf(expected) or math.isinf(got):
            return expected == got
        return abs(expected - got) <= tolerance * max(abs(expected), abs(got), 1e-30)
    return type(expected) is type(got) and expected == got


def everything(database, run):
    """All the numbers of a run, without times: for comparing two roads to the same end."""
    def ask(query):
        return query_database(database, query, run)

    names = [row[0] for row in query_database(
        database, "SELECT name FROM pragma_table_info('steps') WHERE name NOT IN ('time', 'elapsed_s', 'run')")]
    window_names = [row[0] for row in query_database(
        database, "SELECT name FROM pragma_table_info('windows') WHERE name NOT IN ('time', 'run')")]
    quoted = ", ".join(f'"{name}"' for name in names)
    quoted_windows = ", ".join(f'"{name}"' for name in window_names)
    return {
        "history": ask("SELECT attempt, line, step, key, value, kind, text FROM history WHERE run = ? ORDER BY 1, 3, 4, 2"),
        "histograms": ask('SELECT attempt, line, step, key, bins, "values" FROM histograms WHERE run = ? ORDER BY 1, 3, 4'),
        "steps": ask(f"SELECT {quoted} FROM steps WHERE run = ? ORDER BY attempt, step"),
        "windows": ask(f"SELECT {quoted_windows} FROM windows WHERE run = ? ORDER BY attempt, window"),
    }
