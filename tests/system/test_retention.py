"""What is old goes while trainers go on; what a run is judged by stays, and so does what is new. Rows are made old by hand."""
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import unittest
from pathlib import Path

from harness import BUILD, DAEMON, PATIENCE_S, Daemon, everything, wait_until
import workload

import tap

DAY = 86400
STEPS = 1000
WORKLOAD = str(Path(__file__).with_name("workload.py"))


def train(daemon, run, steps=range(STEPS), finish=True, **options):
    handle = workload.begin(daemon.socket, run, **options)
    for step in steps:
        workload.log_step(handle, run, 0, step)
    if finish:
        handle.finish(timeout=60)
    return handle


def age(daemon, run, days):
    """Makes a run so many days old; no daemon is there."""
    connection = sqlite3.connect(daemon.database)
    number = connection.execute("SELECT n FROM runs_data WHERE id = ?", (run,)).fetchone()[0]
    for table in ("steps_data", "lines_data", "windows_data", "events_data", "attempts_data"):
        connection.execute(f"UPDATE {table} SET time = time - ? WHERE run = ?", (days * DAY, number))
    connection.execute("UPDATE runs_data SET started = started - ?1, last_seen = last_seen - ?1, ended = ended - ?1 "
                       "WHERE n = ?2", (days * DAY, number))
    connection.commit()
    connection.close()


class Retention(unittest.TestCase):
    def settings(self, daemon, **keys):
        path = daemon.directory / "retention.conf"
        path.write_text("[retention]\n" + "".join(f"{name} = {value}\n" for name, value in keys.items()))
        daemon.variables["SAE_METRICSD_CONFIG"] = str(path)

    def count(self, daemon, view, run):
        return daemon.rows(f"SELECT count(*) FROM {view} WHERE run = ?", run)[0][0]

    def gone(self, daemon, run):
        return daemon.rows("SELECT count(*) FROM runs WHERE id = ?", run) == [(0,)]

    def test_old_rows_go_and_status_shows_what_it_showed(self):
        with Daemon() as daemon:
            train(daemon, "old1")
            train(daemon, "new1")
            before = daemon.status("old1")
            whole = everything(daemon.database, "new1")
            daemon.stop()
            age(daemon, "old1", 91)
            self.settings(daemon, steps="90d")
            daemon.start()
            wait_until(lambda: self.count(daemon, "lines", "old1") == 0, "what was logged to go")
            wait_until(lambda: self.count(daemon, "steps", "old1") < STEPS / 4, "old steps to go")
            after = daemon.status("old1")
            for what in ("losses", "metrics", "sparsity", "summary", "step", "windows"):
                self.assertEqual(before[what], after[what], what)
            self.assertEqual([0, STEPS - 1], [after["curves"][end] for end in ("step_first", "step_last")])
            self.assertEqual(["steps", "lines"], [one["what"] for one in after["removed"]])
            out = subprocess.run([DAEMON, "status", "old1"], env=daemon.environment(), capture_output=True, text=True,
                                 check=True).stdout
            self.assertIn("removed by retention (steps = 90d)", out)
            exported = subprocess.run([DAEMON, "export", "--db", daemon.database, "old1", "--wandb",
                                       daemon.directory / "out"], capture_output=True, text=True, check=False)
            fetched = subprocess.run([DAEMON, "export", "--socket", daemon.socket, "old1", "--wandb",
                                      daemon.directory / "fetched"], capture_output=True, text=True, check=False)
            for said in (exported.stderr, fetched.stderr):
                self.assertIn("removed by retention (steps = 90d): they are not exported", said)
            self.assertEqual(whole, everything(daemon.database, "new1"))

    def test_what_is_set_while_it_runs_takes_effect(self):
        with Daemon() as daemon:
            train(daemon, "old1")
            daemon.stop()
            age(daemon, "old1", 91)
            self.settings(daemon)
            daemon.start()
            self.assertEqual(STEPS, self.count(daemon, "steps", "old1"))
            self.settings(daemon, steps="90d")
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: self.count(daemon, "lines", "old1") == 0, "what was logged to go")

    def test_a_reader_who_stays_stops_neither_it_nor_anybody_else(self):
        with Daemon() as daemon:
            train(daemon, "old1")
            daemon.stop()
            age(daemon, "old1", 91)
            self.settings(daemon, steps="90d")
            reader = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True, isolation_level=None)
            reader.execute("BEGIN")
            self.assertEqual((STEPS,), reader.execute("SELECT count(*) FROM steps").fetchone())
            daemon.start()
            wait_until(lambda: self.count(daemon, "lines", "old1") == 0, "what was logged to go")
            train(daemon, "new1", range(100))
            self.assertEqual((STEPS,), reader.execute("SELECT count(*) FROM steps").fetchone())
            reader.close()

    def test_a_run_that_is_gone_can_begin_anew_and_its_trainer_is_told(self):
        with Daemon() as daemon:
            train(daemon, "gone1", range(50))
            daemon.stop()
            age(daemon, "gone1", 400)
            self.settings(daemon, runs="365d")
            daemon.start()
            wait_until(lambda: self.gone(daemon, "gone1"), "the run to go")
            self.assertEqual([("gone1", "runs = 365d")], daemon.rows("SELECT id, why FROM removed_runs"))
            wait_until(lambda: daemon.rows("SELECT count(*) FROM steps_data") == [(0,)], "its rows to go")
            self.assertEqual([], list((daemon.directory / "metrics.db-state").glob("gone1.*")))
            asked = subprocess.run([DAEMON, "status", "gone1"], env=daemon.environment(), capture_output=True, text=True,
                                   check=False)
            self.assertEqual(4, asked.returncode)
            self.assertIn("gone1 was removed on", asked.stderr)

            must = workload.begin(daemon.socket, "gone1", launch="second", resume="must")
            wait_until(lambda: "was removed on" in daemon.words(), "the refusal to say why")
            must.finish(timeout=5)
            train(daemon, "gone1", range(50, 80), launch="third", resume="allow")
            self.assertEqual([(50, 79, 30)], daemon.rows("SELECT min(step), max(step), count(*) FROM steps"))
            words = [event["text"] for event in daemon.status("gone1")["events"] if event["kind"] == "removed"]
            self.assertEqual(1, len(words), words)
            self.assertIn("this one begins anew", words[0])

    def test_a_database_that_is_too_large_shrinks_and_two_runs_go_on(self):
        with Daemon() as daemon:
            for i in range(3):
                train(daemon, f"ended{i}", range(300))
            daemon.stop()
            connection = sqlite3.connect(daemon.database)
            # Room that nobody needs: a copy of the rows under attempts that never were.
            rest = ", ".join(f'"{name}"' for name, in connection.execute(
                "SELECT name FROM pragma_table_info('steps_data') WHERE cid > 2"))
            connection.execute("WITH RECURSIVE c(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM c WHERE value < 90) "
                               f"INSERT INTO steps_data SELECT run, step, attempt + c.value, {rest} FROM steps_data, c")
            connection.commit()
            connection.close()
            before = daemon.database.stat().st_size
            self.assertGreater(before, 18 << 20)
            self.settings(daemon, max_db="16M")
            daemon.start()
            handles = [workload.begin(daemon.socket, f"goes{i}") for i in range(2)]
            for step in range(400):
                for i, handle in enumerate(handles):
                    workload.log_step(handle, f"goes{i}", 0, step)
            for handle in handles:
                handle.finish(timeout=60)
                self.assertEqual((0, handle.stats.messages), (handle.stats.dropped, handle.stats.acked))
            pages = ("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, "
                     "pragma_page_size")
            wait_until(lambda: daemon.rows(pages)[0][0] <= (16 << 20) * 0.9 + (1 << 20), "the database to be small enough")
            for i in range(2):
                self.assertEqual(400, self.count(daemon, "steps", f"goes{i}"))
            why = {why for (why,) in daemon.rows("SELECT why FROM removed")}
            self.assertEqual({"max_db = 16M"}, why)

    def test_what_waits_for_wandb_stays(self):
        with Daemon() as daemon:
            self.settings(daemon, steps="forever")
            path = daemon.directory / "retention.conf"
            path.write_text("[wandb]\nmode = offline\n")
            daemon.stop()
            daemon.start()
            train(daemon, "waits1", range(200), log_to_wandb=True)
            daemon.stop()
            age(daemon, "waits1", 400)
            path.write_text("[wandb]\nmode = offline\n[retention]\nsteps = 1d\nwindows = 1d\nruns = 1d\n")
            daemon.start()
            wait_until(lambda: self.count(daemon, "steps", "waits1") < 200, "old steps to go")
            pending = daemon.rows("SELECT count(*), min(line) FROM forward_lines WHERE run = 'waits1'")
            self.assertEqual(daemon.rows("SELECT lines, 0 FROM forwards"), pending)
            self.assertGreater(self.count(daemon, "lines", "waits1"), 10)
            self.assertFalse(self.gone(daemon, "waits1"))
            daemon.stop()
            path.write_text("[wandb]\nmode = off\n[retention]\nruns = 1d\n")
            daemon.start()
            wait_until(lambda: self.gone(daemon, "waits1"), "a run that nobody waits for to go")
            wait_until(lambda: daemon.rows("SELECT count(*) FROM forward_lines_data") == [(0,)], "its lines to go")

    def test_killed_at_any_moment_it_goes_on_and_nothing_else_is_touched(self):
        if b"SAE_METRICSD_CRASH_AT" not in (BUILD / "daemon" / "sae-metricsd").read_bytes():
            self.skipTest("built without -Dcrash_points=true")
        with Daemon() as daemon:
            train(daemon, "keep1", range(300))
            whole = everything(daemon.database, "keep1")
            train(daemon, "trim1")
            train(daemon, "gone1", range(300))
            handle = train(daemon, "goes1", range(100), finish=False)
            handle.flush(20)
            daemon.stop()
            age(daemon, "trim1", 100)
            age(daemon, "gone1", 200)
            self.settings(daemon, steps="90d", runs="150d")
            for point in ("before-trim-commit:1", "after-trim-commit:1", "before-run-removed:1", "after-run-removed:1"):
                daemon.start(crash_at=point, wait=False)
                wait_until(lambda: daemon.process.poll() is not None, f"{point} to be reached")
                self.assertEqual(-9, daemon.process.returncode, point)
                self.assertEqual([("ok",)], daemon.rows("PRAGMA integrity_check"), point)
                self.assertEqual(whole, everything(daemon.database, "keep1"), point)
            daemon.start()
            for step in range(100, 200):
                workload.log_step(handle, "goes1", 0, step)
            handle.finish(timeout=60)
            wait_until(lambda: self.gone(daemon, "gone1"), "the run to go")
            wait_until(lambda: daemon.rows("SELECT count(*) FROM removed_runs_data WHERE collected = 0") == [(0,)], "its rows to go")
            wait_until(lambda: self.count(daemon, "lines", "trim1") == 0, "what was logged to go")
            self.assertEqual(200, self.count(daemon, "steps", "goes1"))
            self.assertEqual([], list((daemon.directory / "metrics.db-state").glob("gone1.*")))

    def test_killed_at_random_under_load_it_loses_nothing_that_is_new(self):
        kills = 100 if tap.LONG else 10
        choose = random.Random(11)
        os.environ["WORKLOAD_FINISH_S"] = str(PATIENCE_S)
        with Daemon() as daemon:
            for i in range(4):
                train(daemon, f"old{i}", range(600))
            daemon.stop()
            for i in range(4):
                age(daemon, f"old{i}", 100 + i)
            self.settings(daemon, steps="90d", windows="90d", runs="102d")
            daemon.start()
            process = subprocess.Popen([sys.executable, WORKLOAD, str(daemon.socket), "goes1", "--steps", "800", "--step-ms", "2"],
                                       stdout=subprocess.PIPE, text=True)
            for _ in range(kills):
                time.sleep(choose.uniform(0.0, 0.2))
                daemon.kill()
                daemon.start(wait=False)
            out, _ = process.communicate(timeout=PATIENCE_S)
            self.assertEqual(0, process.returncode, out[-500:])
            wait_until(daemon.answers, "the daemon to answer")
            for run in ("old2", "old3"):
                wait_until(lambda run=run: self.gone(daemon, run), f"{run} to go")
            wait_until(lambda: self.count(daemon, "lines", "old0") + self.count(daemon, "lines", "old1") == 0, "old lines to go")
            self.assertEqual([("ok",)], daemon.rows("PRAGMA integrity_check"))
            self.assertEqual([(800, 0, 799)], daemon.rows("SELECT count(*), min(step), max(step) FROM steps WHERE run = 'goes1'"))
            self.assertEqual([(0, 0, 0)], daemon.rows("SELECT dropped, late, missing FROM runs WHERE id = 'goes1'"))


if __name__ == "__main__":
    tap.main()
