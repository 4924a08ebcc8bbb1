"""A user of the test's own, for what depends on who one is: with nobody's folders in /tmp, and a home in a temporary directory.

Root becomes a user that nobody has. Anybody else stays who he is, with folders of the test's own; what needs /tmp is skipped
then, where something of his is there already.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import BUILD, DAEMON, PATIENCE_S, ROOT, own_environment, query_database

FIRST_UID = 2_000_000_000


class OwnUser:
    """`python` and `sae-metricsd` as this user. Ends the daemons he has started, and removes all that is his."""

    def __init__(self, login=True, package=True):
        self.home = Path(tempfile.mkdtemp(prefix="sae-metricsd-test-"))
        self.uid = os.getuid() or FIRST_UID + os.getpid()
        self.shared = [Path(f"{above}/sae-metricsd-{self.uid}") for above in ("/tmp", "/var/tmp")]
        self.pids = set()
        self.program = None
        if package:
            self._lay_out_package()
        self.environment = {**own_environment(), "HOME": str(self.home), "SAE_METRICS_STRICT": "1"}
        for name in ("SAE_METRICS_SOCKET", "SAE_METRICS_LIBRARY", "SAE_METRICS_QUIET", "SAE_METRICS_AUTOSTART",
                     "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "PYTHONPATH", "PYTHONHOME"):
            self.environment.pop(name, None)
        # Nobody but root looks into a daemon, not even the leak sanitizer's own thread.
        self.environment["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=1"
        if login:
            self.environment["XDG_RUNTIME_DIR"] = str(self.home / "run")
            (self.home / "run").mkdir(mode=0o700)
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, self.uid, -1)

    def _lay_out_package(self):
        """As a wheel has it: the library and the program beside the modules. Copies: the build may be where only its owner gets."""
        package = self.home / "site" / "sae_metrics"
        shutil.copytree(ROOT / "client/python/sae_metrics", package, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(BUILD / "client/libsae-metrics.so.0", package)
        shutil.copy(DAEMON, package)
        self.program = package / "sae-metricsd"

    def owns_shared_folders(self):
        return not any(path.exists() for path in self.shared)

    @property
    def runtime_socket(self):
        return self.home / "run/sae-metricsd/socket"

    @property
    def database(self):
        return self.home / ".local/state/sae-metricsd/metrics.db"

    @property
    def log(self):
        path = self.database.parent / "sae-metricsd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _become(self):
        if os.getuid() == 0:
            os.setgroups([])
            os.setuid(self.uid)

    def begin(self, *command, **variables):
        environment = {name: value for name, value in {**self.environment, **variables}.items() if value is not None}
        return subprocess.Popen([str(word) for word in command], env=environment, cwd="/", preexec_fn=self._become, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *command, **variables):
        process = self.begin(*command, **variables)
        out, err = process.communicate(timeout=PATIENCE_S)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def sae_metricsd(self, *arguments, **variables):
        return self.run(self.program, *arguments, **variables)

    def start(self, *arguments, **variables):
        """What `sae-metricsd start --json` says."""
        out = self.sae_metricsd("start", "--json", *arguments, **variables)
        assert out.returncode == 0, out.stderr
        said = json.loads(out.stdout)
        if said["started"]:
            self.pids.add(said["pid"])
        return said

    def python_command(self, script):
        return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(self.home / 'site')!r})\n{script}"]

    def python(self, script, **variables):
        return self.run(*self.python_command(script), **{**self.python_variables(), **variables})

    @staticmethod
    def python_variables():
        """A library built with a sanitizer needs its runtime loaded first."""
        return {name: os.environ[name] for name in ("LD_PRELOAD",) if name in os.environ}

    def daemons(self):
        """The pids of the daemons that run as this user. Of one who is not the test's alone, those that have his database here:
        he may well have others."""
        found = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self._is_daemon(entry)}
        return found if os.getuid() == 0 else found & self._holders()

    def _is_daemon(self, process):
        try:
            status = (process / "status").read_text()
            return f"\nUid:\t{self.uid}\t" in status and b"sae-metricsd\0serve\0" in (process / "cmdline").read_bytes()
        except OSError:
            return False  # it has ended meanwhile

    def _holders(self):
        locks = [lock.read_text().strip() for lock in self.home.rglob("metrics.db.lock")]
        return {int(pid) for pid in locks if pid}

    def rows(self, query, *parameters, database=None):
        return query_database(database or self.database, query, *parameters)

    def close(self):
        for pid in self.daemons():
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_S
        while self.daemons() and time.monotonic() < deadline:
            time.sleep(0.005)
        if os.getuid() == 0:
            for path in self.shared:
                shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)
