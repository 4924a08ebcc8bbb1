"""`rm`, `tag`, `rename` and `ack`: what people change of runs, and what stands in the way of it."""
import os
import sqlite3
import subprocess
import sys
import unittest

from fake_wandb import FakeWandb
from forwarding import ForwardingDaemon, begin, of, push
from harness import DAEMON, PATIENCE_S, Daemon, wait_until
from test_status import NEEDS_ATTENTION, OK
import workload

import tap

NO_DAEMON, NO_SUCH_RUN, FAILED, USAGE = 3, 4, 1, 2
TABLES = ("steps_data", "lines_data", "history_data", "histograms_data", "windows_data", "window_means_data", "deaths_data", "streams_data",
          "attempts_data", "marks_data", "run_state", "runs_about", "forward_lines_data", "acknowledged_data")


def call(daemon, *arguments, **who):
    done = subprocess.run([DAEMON, *arguments], env=daemon.environment(), capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False, **who)
    return done.returncode, done.stdout, done.stderr


def status(daemon, *arguments):
    return call(daemon, "status", *arguments)


def train(daemon, run, steps=120, finish=True, **options):
    handle = workload.begin(daemon.socket, run, **options)
    for step in range(steps):
        workload.log_step(handle, run, 0, step)
    if finish:
        handle.finish(timeout=60)
    else:
        handle.flush(60)
    return handle


def state(daemon, run):
    return dict(daemon.rows("SELECT id, state FROM runs")).get(run)


def crash(daemon, run):
    """A trainer that is gone without a word. No fork: of a process with threads a sanitizer allows none that goes on with threads."""
    trainer = f"""
import os, sys
sys.path[:] = {sys.path!r}
from test_housekeeping import train, workload
class Daemon:
    socket = {str(daemon.socket)!r}
train(Daemon, {run!r}, 20, finish=False)
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", trainer], check=True, timeout=PATIENCE_S)
    wait_until(lambda: state(daemon, run) == "crashed", "the run to have crashed")


def rows_left(daemon):
    return {table: n for table in TABLES for n, in daemon.rows(f"SELECT count(*) FROM {table}") if n}


class Removing(unittest.TestCase):
    def test_a_run_goes_with_all_that_is_kept_of_it_and_who_asked_is_remembered(self):
        with Daemon() as daemon:
            train(daemon, "gone0001", project="p")  # its process lives on: the run is still in memory
            code, out, err = call(daemon, "rm", "--dry-run", "gone")
            self.assertEqual((OK, "run gone0001 would be removed\n", ""), (code, out, err))
            self.assertEqual("finished", state(daemon, "gone0001"))
            self.assertEqual((OK, "run gone0001 is removed\n", ""), call(daemon, "rm", "gone"))
            self.assertIsNone(state(daemon, "gone0001"))
            wait_until(lambda: rows_left(daemon) == {}, "its rows to be collected")
            self.assertEqual([], [path for path in os.listdir(f"{daemon.database}-state") if "gone0001" in path])
            [(why,)] = daemon.rows("SELECT why FROM removed_runs WHERE id = 'gone0001'")
            self.assertRegex(why, "^asked for by .")
            [(text,)] = daemon.rows("SELECT text FROM events WHERE kind = 'removed' AND run IS NULL")
            self.assertRegex(text, "^.+: run gone0001 is removed$")
            self.assertIn("run gone0001 is removed\n", daemon.words())
            code, _, words = call(daemon, "status", "gone0001")
            self.assertEqual(NO_SUCH_RUN, code)
            self.assertRegex(words, r"gone0001 was removed on .* \(asked for by ")

    def test_it_stays_gone_and_its_id_begins_anew(self):
        with Daemon() as daemon:
            train(daemon, "gone0001")
            self.assertEqual(OK, call(daemon, "rm", "gone0001")[0])
            daemon.stop()
            daemon.start()
            self.assertIsNone(state(daemon, "gone0001"))
            train(daemon, "gone0001", 30, launch="second")
            self.assertEqual([(30,)], daemon.rows("SELECT count(*) FROM steps"))
            self.assertIn("asked for by", daemon.rows("SELECT text FROM events WHERE run = 'gone0001' AND kind = 'removed'")[0][0])

    def test_a_run_that_is_trained_stays_and_others_go_all_the_same(self):
        with Daemon() as daemon:
            handle = train(daemon, "goeson01", finish=False)
            train(daemon, "ended001")
            train(daemon, "ended002")
            code, out, err = call(daemon, "rm", "goeson01", "nobody", "ended001", "ended002")
            self.assertEqual((FAILED, "run ended001 is removed\nrun ended002 is removed\n"), (code, out))
            self.assertEqual("sae-metricsd rm: run goeson01 is being trained: have it stopped first (sae-metricsd stop goeson01)\n"
                             "sae-metricsd rm: no run fits 'nobody'\n", err)
            workload.log_step(handle, "goeson01", 0, 120)
            handle.finish(timeout=60)
            self.assertEqual([("goeson01", 121)], daemon.rows("SELECT run, count(*) FROM steps GROUP BY run"))

    def test_one_that_crashed_goes_too(self):
        with Daemon() as daemon:
            crash(daemon, "crashed1")
            self.assertEqual(OK, call(daemon, "rm", "crashed1")[0])
            wait_until(lambda: rows_left(daemon) == {}, "its rows to be collected")

    def test_rows_that_wandb_does_not_have_are_counted_and_kept_unless_it_is_forced(self):
        with FakeWandb() as w:
            w.close()
            with ForwardingDaemon(w) as daemon:
                handle = begin(daemon, "unsent01")
                push(handle, "unsent01", range(60))
                handle.finish(timeout=60)
                n = daemon.forwards("unsent01")["pending"]
                self.assertGreater(n, 1)
                code, out, err = call(daemon, "rm", "unsent01")
                self.assertEqual((FAILED, ""), (code, out))
                self.assertEqual(f"sae-metricsd rm: W&B does not have {n} rows of run unsent01 yet: `sae-metricsd sync unsent01` "
                                 "sends what waits, and --force removes it all the same\n", err)
                self.assertEqual(FAILED, call(daemon, "rm", "--dry-run", "unsent01")[0])
                self.assertEqual("finished", state(daemon, "unsent01"))
                self.assertEqual((OK, f"run unsent01 is removed, with {n} rows that W&B never got\n", ""),
                                 call(daemon, "rm", "--force", "unsent01"))
                wait_until(lambda: rows_left(daemon) == {}, "its rows to be collected")


class Naming(unittest.TestCase):
    def test_a_name_that_a_person_gave_stands_whatever_the_trainer_says(self):
        with Daemon() as daemon:
            handle = train(daemon, "named001", name="by the trainer", finish=False)
            self.assertEqual((OK, "run named001 is called l9 of the paper\n", ""), call(daemon, "rename", "named001", "l9 of the paper"))
            handle.update(name="again", tags=["again"])
            workload.log_step(handle, "named001", 0, 120)
            handle.flush(60)
            handle.finish(timeout=60)
            daemon.stop()
            daemon.start()
            train(daemon, "named001", 10, name="by the trainer", launch="second", resume="allow")
            [(name, by)] = daemon.rows("SELECT name, name_by FROM runs")
            self.assertEqual("l9 of the paper", name)
            self.assertTrue(by)
            [(text,)] = daemon.rows("SELECT text FROM events WHERE kind = 'renamed'")
            self.assertEqual(f"{by} calls it l9 of the paper; it was by the trainer", text)
            self.assertEqual("l9 of the paper", daemon.status("of the paper")["name"])

    def test_tags_that_a_person_set_stand_too(self):
        with Daemon() as daemon:
            train(daemon, "tagged01", tags=["sweep", "l9"])
            self.assertEqual((OK, 'run tagged01 has the tags ["l9", "good", "paper"]\n', ""),
                             call(daemon, "tag", "tagged01", "good", "paper", "l9", "--remove", "sweep"))
            train(daemon, "tagged01", 10, tags=["sweep"], launch="second", resume="allow")
            self.assertEqual(["l9", "good", "paper"], daemon.status("tagged01")["tags"])
            self.assertEqual((OK, "run tagged01 has these tags already\n", ""), call(daemon, "tag", "tagged01", "good"))
            self.assertEqual(1, len(daemon.rows("SELECT 1 FROM events WHERE kind = 'tagged'")))

    def test_what_a_person_set_is_taken_back_to_what_the_trainer_said_last(self):
        with Daemon() as daemon:
            train(daemon, "named001", name="first", tags=["a"])
            self.assertEqual((OK, "run named001 is called as its trainer calls it\n", ""), call(daemon, "rename", "--undo", "named001"))
            self.assertEqual((OK, "run named001 has the tags its trainer gave it\n", ""), call(daemon, "tag", "--undo", "named001"))
            for name in "mine", "mine, too":
                self.assertEqual(OK, call(daemon, "rename", "named001", name)[0])
            self.assertEqual((OK, "run named001 is called so already\n", ""), call(daemon, "rename", "named001", "mine, too"))
            self.assertEqual(OK, call(daemon, "tag", "named001", "b", "--remove", "a")[0])
            daemon.stop()  # nobody has it in memory
            daemon.start()
            self.assertEqual((OK, "run named001 is called first again\n", ""), call(daemon, "rename", "--undo", "named001"))
            self.assertEqual((OK, 'run named001 has the tags ["a"] again\n', ""), call(daemon, "tag", "--undo", "named001"))
            self.assertEqual([("first", '["a"]', None, None)], daemon.rows("SELECT name, tags, name_by, tags_by FROM runs"))
            self.assertEqual(OK, call(daemon, "rename", "named001", "mine")[0])
            self.assertEqual(OK, call(daemon, "tag", "named001", "b")[0])
            train(daemon, "named001", 10, name="second", tags=["c", "d"], launch="second", resume="allow")
            self.assertEqual([("mine", '["a", "b"]')], daemon.rows("SELECT name, tags FROM runs"))
            self.assertEqual((OK, "run named001 is called second again\n", ""), call(daemon, "rename", "--undo", "named001"))
            self.assertEqual((OK, 'run named001 has the tags ["c", "d"] again\n', ""), call(daemon, "tag", "--undo", "named001"))
            train(daemon, "named001", 10, name="third", tags=["e"], launch="third", resume="allow")
            self.assertEqual([("third", '["e"]')], daemon.rows("SELECT name, tags FROM runs"))
            for what in (["rename", "--undo", "named001", "name"], ["rename", "--undo"], ["tag", "--undo", "named001", "a"]):
                code, out, err = call(daemon, *what)
                self.assertEqual((USAGE, ""), (code, out), what)
                self.assertIn("--undo goes with", err)

    def test_a_trainer_that_nobody_contradicts_may_change_both(self):
        with Daemon() as daemon:
            train(daemon, "plain001", name="first", tags=["a"])
            train(daemon, "plain001", 10, name="second", tags=["b"], launch="second", resume="allow")
            self.assertEqual([("second", '["b"]', None, None)], daemon.rows("SELECT name, tags, name_by, tags_by FROM runs"))

    def test_there_are_no_more_tags_than_a_trainer_may_give(self):
        with Daemon() as daemon:
            train(daemon, "tagged01", 10, tags=[f"t{i}" for i in range(60)])
            code, out, err = call(daemon, "tag", "tagged01", *"abcde")
            self.assertEqual((FAILED, "", "sae-metricsd tag: run tagged01 would have 65 tags; at most 64\n"), (code, out, err))
            self.assertEqual(60, len(daemon.status("tagged01")["tags"]))
            for what in (["tag", "tagged01", "x" * 257], ["tag", "tagged01", ""], ["rename", "tagged01", "a\nb"],
                         ["rename", "tagged01", "x" * 4097], ["rename", "tagged01"], ["tag", "tagged01"], ["rm"], ["ack", "a", "b", "c"]):
                code, out, err = call(daemon, *what)
                self.assertEqual((USAGE, ""), (code, out), what)
                self.assertTrue(err.startswith(f"sae-metricsd {what[0]}: "), err)

    def test_a_run_that_no_run_can_be_is_wrong_usage_and_nothing_is_done(self):
        with Daemon() as daemon:
            train(daemon, "ended001", 10)
            for part, flaw in (("", "RUN is empty"), ("x" * 4097, "RUN is longer than 4096 bytes"),
                               ("a\x1b[31mb", "RUN holds a control character")):
                for what in (["rm", "ended001", part], ["tag", part, "a"], ["rename", part, "a"], ["ack", part], ["stop", part]):
                    self.assertEqual((USAGE, "", f"sae-metricsd {what[0]}: {flaw}\n"), call(daemon, *what))
            self.assertEqual("finished", state(daemon, "ended001"))

    def test_what_is_said_of_a_name_turns_no_line_around(self):
        with Daemon() as daemon:
            train(daemon, "ended001", 10)
            code, out, err = call(daemon, "rename", "ended001", "a\u202eb")
            self.assertEqual((OK, "run ended001 is called a?b\n", ""), (code, out, err))
            self.assertEqual("a\u202eb", daemon.status("ended001")["name"])

    def test_wandb_learns_the_new_name_while_it_is_told_of_the_run(self):
        with FakeWandb() as w, ForwardingDaemon(w) as daemon:
            handle = begin(daemon, "named001", name="by the trainer", tags=["sweep"])
            push(handle, "named001", range(30))
            handle.flush(60)
            wait_until(lambda: of(w, "named001") and of(w, "named001").display_name == "by the trainer", "W&B to know the run")
            self.assertEqual(OK, call(daemon, "rename", "named001", "l9 of the paper")[0])
            self.assertEqual(OK, call(daemon, "tag", "named001", "good")[0])
            wait_until(lambda: of(w, "named001").display_name == "l9 of the paper", "W&B to know the name")
            wait_until(lambda: of(w, "named001").tags == ["sweep", "good"], "W&B to know the tags")
            handle.finish(timeout=60)
            daemon.wait_for_end("named001")
            self.assertEqual("l9 of the paper", of(w, "named001").display_name)


class Acknowledging(unittest.TestCase):
    def alerts(self, daemon, run):
        return {alert["kind"]: alert.get("acknowledged") for alert in daemon.status(run)["alerts"]}

    def test_what_is_acknowledged_does_not_fail_a_check_until_it_happens_anew(self):
        with Daemon() as daemon:
            crash(daemon, "crashed1")
            self.assertEqual(NEEDS_ATTENTION, status(daemon, "--check")[0])
            self.assertEqual((OK, "1 alert of run crashed1 is acknowledged: crashed\n", ""), call(daemon, "ack", "crashed1"))
            self.assertEqual(OK, status(daemon, "--check")[0])
            self.assertEqual(OK, status(daemon, "--check", "crashed1")[0])
            self.assertEqual({"by", "at"}, set(self.alerts(daemon, "crashed1")["crashed"]))
            self.assertIn("acknowledged by ", status(daemon, "crashed1")[1])
            self.assertNotIn('sae_run_alert{run="crashed1"', status(daemon, "--openmetrics", "--all")[1])
            self.assertEqual((OK, "no alert of run crashed1 is left\n", ""), call(daemon, "ack", "crashed1"))
            daemon.stop()
            self.assertEqual(OK, status(daemon, "--check", "--db", daemon.database)[0], "the file has it too")
            daemon.start()
            crash(daemon, "other001")
            self.assertEqual(NEEDS_ATTENTION, status(daemon, "--check")[0])
            self.assertEqual((OK, "1 alert of your runs is acknowledged: crashed\n", ""), call(daemon, "ack"))
            self.assertEqual(OK, status(daemon, "--check")[0])
            self.assertEqual((OK, "1 alert of run other001 is open again: crashed\n", ""), call(daemon, "ack", "--undo", "other"))
            self.assertEqual(NEEDS_ATTENTION, status(daemon, "--check")[0])
            self.assertEqual(3, len(daemon.rows("SELECT text FROM events WHERE kind = 'acknowledged'")))

    def test_a_loss_that_stays_no_number_stays_known(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "nan00001")
            for step in range(3000):
                fired, n_rows = workload.counts_at("nan00001", 0, step % 7)
                handle.log_step(step, fired=fired, n_rows=n_rows, mse_loss=float("nan") if step >= 60 else 0.5)
                if step == 100:
                    handle.flush(60)
                    self.assertEqual(OK, call(daemon, "ack", "nan00001", "nan")[0])
            handle.flush(60)
            [alert] = [alert for alert in daemon.status("nan00001")["alerts"] if alert["kind"] == "nan"]
            self.assertEqual("mse_loss NaN at step 60", alert["words"])
            self.assertIn("acknowledged", alert)
            handle.finish(timeout=60)

    def test_one_that_begins_anew_or_of_another_kind_is_not_known(self):
        with Daemon() as daemon:
            crash(daemon, "crashed1")
            self.assertEqual((OK, "no alert of kind nan of run crashed1 is left\n", ""), call(daemon, "ack", "crashed1", "nan"))
            self.assertEqual(NEEDS_ATTENTION, status(daemon, "--check")[0])
            self.assertEqual(OK, call(daemon, "ack", "crashed1", "crashed")[0])
            self.assertEqual(OK, status(daemon, "--check")[0])
            connection = sqlite3.connect(daemon.database)
            connection.execute("UPDATE acknowledged_data SET time = time - 3600")  # it crashed an hour later
            connection.commit()
            connection.close()
            self.assertEqual(NEEDS_ATTENTION, status(daemon, "--check")[0])
            self.assertIsNone(self.alerts(daemon, "crashed1")["crashed"])


class Without(unittest.TestCase):
    def test_without_a_daemon_each_says_that_one_is_needed(self):
        daemon = Daemon()
        for arguments in (["rm", "a", "b"], ["tag", "a", "b"], ["rename", "a", "b"], ["ack"]):
            code, out, err = call(daemon, *arguments)
            self.assertEqual((NO_DAEMON, ""), (code, out))
            self.assertEqual(1, err.count("is `sae-metricsd serve` running?"), err)


if __name__ == "__main__":
    tap.main()
