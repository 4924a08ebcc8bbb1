"""A database that an older program left, killed while it wrote: nothing of it is lost, and a run that was going on goes on, with the
numbers it would have had."""
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

from harness import DAEMON, ROOT, Daemon, everything
from wire import REFUSAL, Wire
import workload

import tap

DATABASES = ROOT / "tests/golden/databases"
sys.path.insert(0, str(DATABASES))
import record

MEANS_SINCE, DEAD_TOKENS_SINCE = 6, 11  # versions of the database


def version_known():
    return int(re.search(r"SCHEMA_VERSION +(\d+)", (ROOT / "daemon/store/schema.h").read_text())[1])


def go_on(daemon):
    """The run that goes on, by a trainer that was started again."""
    record.train(workload, daemon, record.GOES_ON, record.KILLED_AT, record.STEPS, "second").finish(timeout=60)
    return everything(daemon.database, record.GOES_ON)


def means(daemon):
    """Versions 6 to 10 kept those of partial windows, too."""
    return daemon.rows("SELECT m.run, m.window, m.n_steps, n_tokens_folded, mse_loss, l0, l2_per_row, extra FROM window_means m JOIN windows w "
                       "USING (run, attempt, window) WHERE flaws NOT LIKE '%partial%' ORDER BY m.run, m.window")


def facts(daemon):
    """What is kept of the two runs beside their numbers. That the one that goes on has nobody to go on with is soon noticed."""
    return [daemon.rows(query) for query in (
        "SELECT id, replace(state, 'crashed', 'running'), step, messages, dropped, late, refused, lost, missing, attempt, user, n_training_tokens FROM runs ORDER BY id",
        "SELECT run, applied, finished FROM streams ORDER BY run",
        "SELECT run, attempt, step, kind, text FROM events ORDER BY run, time",
        "SELECT run, attempt, step, text, restorable FROM marks ORDER BY run")]


def put_back(file):
    daemon = Daemon()
    with tarfile.open(file) as tar:
        tar.extractall(daemon.directory)
    return daemon


class Upgrade(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """The same, had today's program been there all the time."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "today.tar.xz"
            subprocess.run([sys.executable, record.__file__, ROOT, file], check=True)
            with put_back(file) as daemon:
                cls.expected = go_on(daemon)
                cls.expected_means = means(daemon)

    def read_first(self, file):
        """What the older program would have shown, read from a copy."""
        daemon = put_back(file)
        self.addCleanup(daemon.__exit__)
        self.assertEqual(int(file.name.split(".")[0]), daemon.rows("PRAGMA user_version")[0][0])
        return everything(daemon.database, record.ENDED), facts(daemon)

    def test_there_is_one_of_each_version(self):
        recorded = {path.name for path in DATABASES.glob("*.tar.xz")}
        released = {f"{version}.tar.xz" for version in (1, 2, 3)} | {"5.tar.xz"}
        self.assertLessEqual(released, recorded)

    def check_what_was_stored(self, daemon, version):
        numbers, before = self.read_first(DATABASES / f"{version}.tar.xz")
        self.assertEqual(record.STEPS, len(numbers["steps"]))
        self.assertEqual(version_known(), daemon.rows("PRAGMA user_version")[0][0])
        now = everything(daemon.database, record.ENDED)  # columns of later versions are at the end
        self.assertEqual(numbers, {part: [row[:len(before[0])] for row in now[part]] for part, before in numbers.items()})
        self.assertEqual(before, facts(daemon))
        self.assertGreater(min(row[0] for row in daemon.rows("SELECT rows_bytes FROM runs_data")), 0)
        self.assertEqual([("ok",)], daemon.rows("PRAGMA integrity_check"))
        self.assertEqual([], list(daemon.directory.glob("*.damaged-*")))

    def check_all(self, version):
        with put_back(DATABASES / f"{version}.tar.xz") as daemon:
            self.check_what_was_stored(daemon, version)
            kept = means(daemon)
            n_windows, = daemon.rows("SELECT count(*) FROM windows WHERE run = ?", record.GOES_ON)[0]
            after = go_on(daemon)
            if version < MEANS_SINCE:  # nothing is added up while a database is brought up to date …
                self.assertEqual([], kept)
                closed = [window for window in self.expected_means if window[0] == record.GOES_ON and window[1] >= 3]
                self.assertEqual(closed, means(daemon))  # … but what closes then, with steps from before
            else:
                self.assertEqual([window for window in self.expected_means if window in kept], kept)
                self.assertEqual(self.expected_means, means(daemon))
            expected = dict(self.expected)
            if version < DEAD_TOKENS_SINCE:  # of windows that had closed it is not known, of others it is by the state from before
                old, new = expected["windows"][:n_windows], expected["windows"][n_windows:]
                expected["windows"] = [row[:-1] + (None,) for row in old] + new
                self.assertEqual({0}, {row[-1] for row in new})
            for part, rows in expected.items():
                self.assertEqual(rows, after[part], part)
            self.assertEqual(0, daemon.stop(), daemon.words())

    def test_of_version_1_all_that_was_stored_is_there_and_why_a_run_cannot_go_on_is_said(self):
        with put_back(DATABASES / "1.tar.xz") as daemon:
            self.check_what_was_stored(daemon, 1)
            self.assertIn(f"run {record.GOES_ON}: cannot be loaded (its state is of version 3, and this sae-metricsd reads 5 to",
                          daemon.words())
            out = subprocess.run([DAEMON, "stop", record.GOES_ON], env=daemon.environment(), capture_output=True, text=True,
                                 check=False)
            self.assertIn("to go on it needs another id", out.stderr)
            with Wire(daemon.socket) as trainer:
                answer = trainer.open(record.GOES_ON)
            self.assertEqual(REFUSAL, answer[0], answer)
            self.assertIn("to go on it needs another id", str(answer))
            self.assertEqual(0, daemon.stop(), daemon.words())

    def test_of_version_2_runs_go_on(self):
        self.check_all(2)

    def test_of_version_3_runs_go_on(self):
        self.check_all(3)

    def test_of_version_5_runs_go_on(self):
        self.check_all(5)

    def test_of_version_6_runs_go_on(self):
        self.check_all(6)

    def test_of_version_7_runs_go_on(self):
        self.check_all(7)


if __name__ == "__main__":
    tap.main()
