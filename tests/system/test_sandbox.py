"""The daemon within what the service's unit leaves of system calls: all that it does for people works there."""
import json
import os
import re
import subprocess
import unittest
from pathlib import Path

from harness import BUILD, DAEMON, ROOT, Daemon, wait_until
from sandbox import MISSING, Sandbox, settings
from test_query import children
from users import Reader
from wire import QUERY
import workload

import tap

DONE = 0
UNIT = BUILD / "systemd" / "sae-metricsd.service"


class Confined(Daemon):
    def begin(self, *arguments, **options):
        sandbox = Sandbox(UNIT.read_text())
        return super().begin(*arguments, preexec_fn=sandbox.enter, **options)


@unittest.skipIf(MISSING, MISSING or "")
@unittest.skipUnless("sanitize=none" in os.environ.get("SAE_METRICSD_BUILD_KIND", "sanitize=none"), "a sanitizer's runtime makes calls of its own")
class Sandboxed(unittest.TestCase):
    def setUp(self):
        self.daemon = Confined()
        self.addCleanup(self.daemon.__exit__)
        self.daemon.start()

    def test_it_is_one(self):
        status = Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines())
        self.assertEqual(("1", "2", 0), (fields["NoNewPrivs"], fields["Seccomp"], int(fields["CapEff"], 16)))

    def test_runs_are_trained_and_shown_and_questions_in_sql_are_answered(self):
        handle = workload.begin(self.daemon.socket, "inside01")
        for step in range(120):
            workload.log_step(handle, "inside01", 0, step)
        handle.finish(timeout=60)
        self.assertEqual(["finished"], [run["state"] for run in self.daemon.status()["runs"]])
        out = subprocess.run([DAEMON, "query", "--json", "--socket", self.daemon.socket, "SELECT count(*), max(step) FROM steps"],
                             env=self.daemon.environment(), capture_output=True, check=False)
        self.assertEqual((0, b""), (out.returncode, out.stderr))
        self.assertEqual([[120, 119]], json.loads(out.stdout)["rows"])
        out = subprocess.run([DAEMON, "export", "inside01", "--jsonl", "--socket", self.daemon.socket], env=self.daemon.environment(),
                             capture_output=True, check=False)
        self.assertEqual((0, 120), (out.returncode, len(out.stdout.splitlines())), out.stderr)

    def test_a_question_in_sql_goes_before_the_daemon_where_memory_is_short(self):
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
        with Reader(self.daemon, os.getuid()) as reader:
            reader.wire.send(QUERY, 7, "sql", {"sql": endless, "timeout_ms": 60000})
            wait_until(lambda: children(self.daemon.process.pid), "it to be asked")
            pid, = children(self.daemon.process.pid)
            wait_until(lambda: Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n", "it to offer itself")


class Memory(unittest.TestCase):
    def test_the_unit_has_what_the_manual_asks_for_and_no_question_takes_the_daemon_along(self):
        unit, manual = UNIT.read_text(), (ROOT / "daemon" / "sae-metricsd.8.scd").read_text()
        of_nobody = int(re.search(r"host_memory  \+  (\d+) MiB  \+  a quarter of both", manual)[1])
        wanted = f"{(4096 + of_nobody) * 5 // 4}M"
        self.assertEqual(([wanted], ["continue"]), (settings(unit, "MemoryMax"), settings(unit, "OOMPolicy")))
        self.assertIn(f"*MemoryMax={wanted}*", manual)


if __name__ == "__main__":
    tap.main()
