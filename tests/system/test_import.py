"""`sae-metricsd import`: several databases become one, and nothing is lost, doubled or changed on the way."""
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

from harness import DAEMON, PATIENCE_S, ROOT, Daemon, own_environment, query_database, wait_until
import workload

import tap

OK, FAILED, USAGE, NO_DATABASE = 0, 1, 2, 3
OLD = ROOT / "tests" / "golden" / "databases"


def imported(*arguments):
    return subprocess.run([DAEMON, "import", *map(str, arguments)], env=own_environment(), capture_output=True, text=True, check=False)


def views(path):
    return [name for name, in query_database(path, "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")]


def everything(path, runs=None):
    """All rows of all views, as sets: what a program that reads them finds."""
    found = {}
    for view in views(path):
        rows = query_database(path, f"SELECT * FROM {view}")
        names = [name for name, in query_database(path, f"SELECT name FROM pragma_table_info('{view}')")]
        own = names.index("id" if "id" in names else "run")
        found[view] = sorted((row for row in rows if runs is None or row[own] in runs), key=repr)
    return found


def exact(found):
    """Numbers by their bits: -0.0 is not 0.0, nor 1 the same as 1.0."""
    return {view: sorted((tuple(value.hex() if isinstance(value, float) else value for value in row) for row in rows), key=repr)
            for view, rows in found.items()}


class Import(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sae-metricsd-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.into = self.folder / "all.db"

    def database(self, name, *runs, steps=120, back_to=None):
        """A closed copy of a database in which these have been trained."""
        path = self.folder / name
        with Daemon() as daemon:
            for run in runs:
                handle = workload.begin(daemon.socket, run, config={"run": run}, tags=["x"])
                for step in [*range(steps), *range(back_to if back_to is not None else steps, steps)]:
                    workload.log_step(handle, run, 0, step)
                handle.event("note", f"of {run}")
                handle.log({f"own/{run}": 1.5, "shared/key": 2}, step=steps - 1)
                handle.finish(timeout=60)
            subprocess.run([DAEMON, "export", "--database", path, "--db", daemon.database], env=daemon.environment(), check=True, stdout=subprocess.DEVNULL)
        return path

    def check(self, result, status, *lines):
        self.assertEqual((status, [*lines]), (result.returncode, result.stdout.splitlines()), result.stderr)

    def test_a_whole_database_comes_out_as_it_was_in_every_view(self):
        path = self.database("a.db", "first001", "second01", back_to=60)
        self.check(imported(path, "--into", self.into), OK, f"{path}: 2 added, 0 brought up to date, 0 there already")
        self.assertGreater(len(views(path)), 12)
        self.assertEqual(everything(path), everything(self.into))
        self.assertEqual([("ok",)], query_database(self.into, "PRAGMA integrity_check"))

    def test_export_and_import_give_each_number_back_to_the_last_bit(self):
        """Values that SQL has no room for, and those at the ends of what there is, over several hops."""
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "edges001", feature_sampling_window=50, config={"ü\u202e": ["\x1b[31m", 1e308]})
            for step in range(120):
                workload.log_step(handle, "edges001", 0, step)
            handle.log_step(120, n_rows=4, mse_loss=math.nan, l1_loss=math.inf, overall_loss=-math.inf, l0=5e-324)
            handle.log({"nan": math.nan, "up": math.inf, "down": -math.inf, "least": 5e-324, "most": sys.float_info.max, "zero": -0.0, "tenth": 0.1,
                        "int": 2 ** 63 - 1, "negative": -2 ** 63, "text": "'x", "empty": ""}, step=120)
            handle.finish(timeout=60)
            path = daemon.directory / "copy.db"
            subprocess.run([DAEMON, "export", "--database", path, "--db", daemon.database], env=daemon.environment(), check=True, stdout=subprocess.DEVNULL)
            connection = sqlite3.connect(path)
            connection.execute("UPDATE steps_data SET l0 = 9e999, fvu = -9e999, elapsed_s = 2.2250738585072011e-308, n_tokens_folded = -9223372036854775808 "
                               "WHERE step = 7")
            connection.execute("UPDATE steps_data SET n_tokens_folded = 9223372036854775807, l0 = -1.7976931348623157e308 WHERE step = 8")
            connection.commit()
            connection.close()
            before = exact(everything(path))
            for hop in "1.db", "2.db":
                into = self.folder / hop
                self.assertEqual(OK, imported(path, "--into", into).returncode)
                path = self.folder / f"copy of {hop}"
                subprocess.run([DAEMON, "export", "--database", path, "--db", into], env=daemon.environment(), check=True, stdout=subprocess.DEVNULL)
                self.assertEqual(before, exact(everything(path)))
            self.assertTrue(all(before[view] for view in ("runs", "steps", "history", "windows", "feature_counts", "events", "lines")))
            flat = {value for rows in before.values() for row in rows for value in row}
            self.assertLessEqual({float.hex(9e999), float.hex(-9e999), float.hex(5e-324), 2 ** 63 - 1, -2 ** 63}, flat)

    def test_importing_again_changes_nothing(self):
        path = self.database("a.db", "first001")
        imported(path, "--into", self.into)
        before = everything(self.into)
        for _ in range(2):
            self.check(imported(path, "--into", self.into), OK, f"{path}: 0 added, 0 brought up to date, 1 there already")
        self.assertEqual(before, everything(self.into))

    def test_runs_of_two_hosts_stand_side_by_side_each_with_its_own_rows(self):
        a, b = self.database("a.db", "first001", "second01"), self.database("b.db", "third001", steps=90)
        self.check(imported(a, b, "--into", self.into), OK, f"{a}: 2 added, 0 brought up to date, 0 there already",
                   f"{b}: 1 added, 0 brought up to date, 0 there already")
        for path, runs in (a, ("first001", "second01")), (b, ("third001",)):
            self.assertEqual(everything(path, runs), everything(self.into, runs))
        numbers = [n for n, in query_database(self.into, "SELECT n FROM runs_data")]
        self.assertEqual(len(numbers), len(set(numbers)))

    def test_of_a_run_that_is_in_both_the_one_that_was_seen_last_stays_whichever_comes_first(self):
        old = self.database("old.db", "first001", "other001", steps=60)
        new = self.folder / "new.db"
        shutil.copy(old, new)
        connection = sqlite3.connect(new)
        connection.execute("UPDATE runs_data SET last_seen = last_seen + 9 WHERE id = 'first001'")
        connection.execute("DELETE FROM steps_data WHERE step > 30")
        connection.commit()
        connection.close()
        for files in ((old, new), (new, old)):
            self.into.unlink(missing_ok=True)
            self.assertEqual(OK, imported(*files, "--into", self.into).returncode)
            self.assertEqual(everything(new, ("first001",)), everything(self.into, ("first001",)))
            self.assertEqual(everything(files[0], ("other001",)), everything(self.into, ("other001",)))

    def test_a_database_of_each_older_version_is_read_and_not_changed(self):
        olds = sorted(OLD.glob("*.tar.xz"))
        self.assertGreater(len(olds), 3)
        for old in olds:
            folder = self.folder / old.name
            with tarfile.open(old) as tar:
                tar.extractall(folder)
            path = folder / "metrics.db"
            before = path.read_bytes()
            (n,), = query_database(path, "SELECT count(*) FROM runs_data")
            self.assertGreater(n, 0)
            into = folder / "all.db"
            self.check(imported(path, "--into", into), OK, f"{path}: {n} added, 0 brought up to date, 0 there already")
            self.assertEqual(before, path.read_bytes())
            for table, order in (("runs", "id"), ("steps", "run, step, attempt"), ("history", "run, step, attempt, key"), ("windows", "run, attempt, window")):
                names = ", ".join(f'"{name}"' for name, in query_database(path, f"SELECT name FROM pragma_table_info('{table}')"))
                self.assertEqual(query_database(path, f"SELECT {names} FROM {table} ORDER BY {order}"),
                                 query_database(into, f"SELECT {names} FROM {table} ORDER BY {order}"), (old.name, table))

    def test_one_that_cannot_be_read_does_not_stop_the_others(self):
        path, broken, none = self.database("a.db", "first001"), self.folder / "broken.db", self.folder / "none.db"
        broken.write_bytes(path.read_bytes()[:8192] + b"\xff" * 200000)
        text = self.folder / "text.db"
        text.write_text("this is no database, and long enough to look at")
        result = imported(broken, none, text, path, "--into", self.into)
        self.assertEqual(FAILED, result.returncode)
        self.assertEqual([f"{path}: 1 added, 0 brought up to date, 0 there already"], result.stdout.splitlines())
        for each in broken, none, text:
            self.assertIn(f"sae-metricsd import: {each}: ", result.stderr)
        self.assertEqual(everything(path), everything(self.into))

    def test_what_is_no_file_is_neither_waited_for_nor_written_into(self):
        path = self.database("a.db", "first001")
        pipe = self.folder / "pipe.db"
        os.mkfifo(pipe)
        result = imported(pipe, path, "--into", self.into)
        self.check(result, FAILED, f"{path}: 1 added, 0 brought up to date, 0 there already")
        self.assertEqual(f"sae-metricsd import: {pipe}: it is no file\n", result.stderr)
        result = imported(path, "--into", pipe)
        self.check(result, FAILED)
        self.assertEqual(f"sae-metricsd import: {pipe}: it is no file\n", result.stderr)
        self.assertTrue(pipe.is_fifo())

    def endless(self, name, *runs):
        """A database of these runs in which the steps of the second have no end."""
        path = self.database(name, *runs)
        connection = sqlite3.connect(path)
        connection.execute("DELETE FROM steps_data WHERE run = (SELECT n FROM runs_data WHERE id = ?)", (runs[1],))
        connection.execute("ALTER TABLE steps_data RENAME TO kept")
        connection.execute("CREATE VIEW steps_data AS SELECT * FROM kept UNION ALL SELECT * FROM kept WHERE (WITH RECURSIVE c(x) AS "
                           "(SELECT 1 UNION ALL SELECT 1 FROM c) SELECT count(*) FROM c WHERE x = run)")
        connection.commit()
        connection.close()
        return path

    def ended_in_the_middle(self, path, number):
        """(status, stdout, stderr) of an import that has begun to write what it cannot bring to an end."""
        with subprocess.Popen([DAEMON, "import", path, "--into", self.into], env=own_environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: Path(f"{self.into}-journal").exists() or process.poll() is not None, "its rows to be read")
            process.send_signal(number)
            out, words = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out, words

    def test_one_that_never_ends_is_ended_by_ctrl_c_and_nothing_of_it_stays(self):
        path, other = self.endless("a.db", "first001", "second01"), self.database("other.db", "third001")
        self.assertEqual(OK, imported(other, "--into", self.into).returncode)
        before = everything(self.into)
        status, out, words = self.ended_in_the_middle(path, signal.SIGINT)
        self.assertEqual((-signal.SIGINT, ""), (status, out))
        self.assertIn(f"{path}: stopped", words)
        self.assertEqual(before, everything(self.into))

    def test_one_that_is_killed_leaves_nothing(self):
        path, other = self.endless("a.db", "first001", "second01"), self.database("other.db", "third001")
        self.assertEqual(OK, imported(other, "--into", self.into).returncode)
        before = everything(self.into)
        self.assertEqual(-signal.SIGKILL, self.ended_in_the_middle(path, signal.SIGKILL)[0])
        self.assertEqual(OK, imported(other, "--into", self.into).returncode)
        self.assertEqual(before, everything(self.into))
        self.assertEqual([("ok",)], query_database(self.into, "PRAGMA integrity_check"))

    def test_half_of_an_import_is_not_read(self):
        path = self.database("a.db", "first001", "second01")
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA cache_size = 3")
        connection.execute("BEGIN")
        connection.execute("UPDATE runs_data SET project = 'half'")
        connection.execute("UPDATE steps_data SET l0 = l0 + 1, extra = printf('%.3000c', 'x')")
        for suffix in "", "-journal":
            shutil.copy(f"{path}{suffix}", f"{self.into}{suffix}")
        connection.rollback()
        connection.close()
        out = subprocess.run([DAEMON, "status", "--json", "--db", self.into], env=own_environment(), capture_output=True, text=True, check=False)
        self.assertEqual((NO_DATABASE, ""), (out.returncode, out.stdout))
        self.assertIn("an import into it was interrupted: repeat it", out.stderr)
        self.check(imported(path, "--into", self.into), OK, f"{path}: 0 added, 0 brought up to date, 2 there already")
        self.assertEqual(everything(path), everything(self.into))

    def test_nobody_else_can_read_what_private_runs_are_put_into(self):
        path = self.database("a.db", "first001")
        self.assertEqual(OK, imported(path, "--into", self.into).returncode)
        self.assertEqual(0o600, self.into.stat().st_mode & 0o777)

    def test_a_folder_is_all_databases_in_it_but_not_the_one_they_go_into(self):
        inside = self.folder / "many"
        inside.mkdir()
        path = self.database("many/a.db", "first001")
        result = imported(inside, "--into", inside / "all.db")
        self.check(result, OK, f"{path}: 1 added, 0 brought up to date, 0 there already")
        again = imported(inside, "--into", inside / "all.db")
        self.assertEqual(FAILED, again.returncode)
        self.assertIn("it is the one that the others go into", again.stderr)

    def test_the_database_of_a_daemon_is_read_but_not_imported_into(self):
        path = self.database("a.db", "first001")
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "live0001")
            workload.log_step(handle, "live0001", 0, 0)
            handle.flush(60)
            self.assertEqual(OK, imported(daemon.database, "--into", self.into).returncode)
            result = imported(path, "--into", daemon.database)
            self.assertEqual((FAILED, ""), (result.returncode, result.stdout))
            self.assertIn("a daemon has it: import into another file", result.stderr)
            self.assertEqual([("live0001",)], daemon.rows("SELECT id FROM runs"))
            handle.finish(timeout=60)

    def test_what_somebody_elses_file_is_is_left_alone(self):
        path = self.database("a.db", "first001")
        other = self.folder / "other.db"
        connection = sqlite3.connect(other)
        connection.execute("CREATE TABLE mine (x)")
        connection.commit()
        connection.close()
        before = other.read_bytes()
        result = imported(path, "--into", other)
        self.assertEqual(FAILED, result.returncode)
        self.assertIn("not a database of sae-metricsd", result.stderr)
        self.assertEqual(before, other.read_bytes())

    def test_a_merged_database_is_one_that_a_daemon_goes_on_with(self):
        path = self.database("a.db", "first001")
        daemon = Daemon()
        self.addCleanup(daemon.__exit__)
        result = imported(path, "--into", daemon.database)
        self.assertEqual(OK, result.returncode, result.stderr)
        daemon.start()
        self.assertEqual(["first001"], [run["id"] for run in daemon.status()["runs"]])
        handle = workload.begin(daemon.socket, "next0001")
        workload.log_step(handle, "next0001", 0, 0)
        handle.finish(timeout=60)
        self.assertEqual(2, len(daemon.status()["runs"]))

    def test_wrong_usage_is_refused_in_words(self):
        for arguments, words in (((), "which FILEs?"), (("a.db",), "into which?"), (("a.db", "--into", ""), "into which?"), (("--into",), "a value is missing"),
                                 (("a.db", "--force"), "there is no option --force")):
            result = imported(*arguments)
            self.assertEqual((USAGE, ""), (result.returncode, result.stdout))
            self.assertIn(words, result.stderr)


if __name__ == "__main__":
    tap.main()
