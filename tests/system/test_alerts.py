"""Alerts by rule: from a window that closes to `status`, its exit code, the log and the database, and back."""
import json
import signal
import subprocess
import unittest

from fake_wandb import FakeWandb
from forwarding import ForwardingDaemon, begin, of
from harness import DAEMON, PATIENCE_S, Daemon, wait_until
from test_housekeeping import crash, train
from test_status import NEEDS_ATTENTION, OK
import workload

import tap

WINDOW = workload.WINDOW


class Alerting(Daemon):
    """With lines of [alerts]."""

    def __init__(self, **settings):
        super().__init__()
        self.configuration = self.directory / "conf"
        self.arguments = ["--config", str(self.configuration)]
        self.set(**settings)

    def set(self, **settings):
        lines = [f"{name} = {value}" for name, value in settings.items()]
        self.configuration.write_text("\n".join(["[alerts]", *lines, ""]), encoding="utf-8")

    def reload(self, **settings):
        self.set(**settings)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the configuration was read again" in self.words(), "the configuration to be read")

    def call(self, *arguments):
        done = subprocess.run([DAEMON, *arguments], env=self.environment(), capture_output=True, text=True, timeout=PATIENCE_S,
                              check=False)
        return done.returncode, done.stdout

    def alerts(self, run):
        return {alert["kind"]: alert["words"] for alert in self.status(run)["alerts"]}


def push(handle, run, first, end):
    for step in range(first, end):
        workload.log_step(handle, run, 0, step)
    handle.flush(60)


class Alerts(unittest.TestCase):
    def test_an_alert_is_everywhere_while_it_holds_and_nowhere_afterwards(self):
        with Alerting(dead="10%") as daemon:
            handle = workload.begin(daemon.socket, "dying001")
            self.addCleanup(handle.finish, timeout=0)
            push(handle, "dying001", 0, 4 * WINDOW)
            words = daemon.alerts("dying001")
            self.assertEqual({"dead"}, set(words))
            self.assertRegex(words["dead"], r"^[\d.]+ % of the features are dead \(\d+ of 257\) after window \d; dead = 10%$")
            self.assertEqual(NEEDS_ATTENTION, daemon.call("status", "--check")[0])
            self.assertIn(words["dead"], daemon.call("status", "dying001")[1])
            self.assertIn('sae_run_alert{', daemon.call("status", "--openmetrics")[1])
            self.assertIn(f"run dying001: alert dead: {words['dead']}\n", daemon.words())
            [(begun, over)] = daemon.rows("SELECT words, over_time FROM alerts WHERE run = 'dying001' AND kind = 'dead'")
            self.assertEqual((words["dead"], None), (begun, over))
            self.assertEqual(OK, daemon.call("ack", "dying001", "dead")[0])
            self.assertEqual(OK, daemon.call("status", "--check")[0])
            daemon.reload(dead="off")
            push(handle, "dying001", 4 * WINDOW, 6 * WINDOW)
            self.assertEqual({}, daemon.alerts("dying001"))
            [(over,)] = daemon.rows("SELECT over_words FROM alerts")
            self.assertEqual("no longer looked at", over)
            self.assertIn("run dying001: alert dead is over: no longer looked at\n", daemon.words())
            self.assertEqual(2, daemon.rows("SELECT count(*) FROM events WHERE kind = 'alert'")[0][0])

    def test_it_holds_over_a_kill_and_is_in_the_file(self):
        with Alerting(dead="10%") as daemon:
            handle = workload.begin(daemon.socket, "dying001")
            push(handle, "dying001", 0, 4 * WINDOW)
            daemon.kill()
            daemon.start()
            push(handle, "dying001", 4 * WINDOW, 8 * WINDOW)
            handle.finish(timeout=60)
            self.assertEqual([("dead", None)], daemon.rows("SELECT kind, over_time FROM alerts"))
            daemon.stop()
            code, out = daemon.call("status", "--db", str(daemon.database), "--json")
            self.assertEqual(["dead"], [alert["kind"] for alert in json.loads(out)["runs"][0]["alerts"]])
            self.assertEqual(NEEDS_ATTENTION, daemon.call("status", "--check", "--db", str(daemon.database))[0])

    def test_bounds_that_are_set_at_a_reload_count_from_the_next_window_on(self):
        with Alerting() as daemon:
            handle = workload.begin(daemon.socket, "dense001")
            self.addCleanup(handle.finish, timeout=0)
            push(handle, "dense001", 0, 2 * WINDOW)
            self.assertEqual({}, daemon.alerts("dense001"))
            daemon.reload(l0_max="0.5", explained_variance_min="1")
            push(handle, "dense001", 2 * WINDOW, 4 * WINDOW)
            words = daemon.alerts("dense001")
            self.assertEqual({"l0", "explained_variance"}, set(words))
            self.assertRegex(words["l0"], "^l0 is .* over window 2, above l0_max = 0.5$")
            l0, variance = daemon.rows("SELECT l0, explained_variance FROM window_means WHERE window = 2")[0]
            self.assertIn(f"l0 is {l0:.4g} over", words["l0"])
            self.assertIn(f"explained_variance is {variance:.4g} over", words["explained_variance"])

    def test_a_bad_run_is_stopped_unless_it_is_to_be_an_alert_alone(self):
        for stop, state in ("bad-run", "stopped"), ("none", "running"):
            with self.subTest(stop), Alerting(stop=stop) as daemon:
                handle = workload.begin(daemon.socket, "bad00001", min_l0=1e6, min_explained_variance=1.0)
                self.addCleanup(handle.finish, timeout=0)
                push(handle, "bad00001", 0, 30)
                self.assertEqual(stop == "bad-run", bool(handle.should_stop))
                self.assertEqual(state, daemon.status("bad00001")["state"])
                self.assertIn("below min_l0 1e+06", daemon.alerts("bad00001")["bad_run"])
                self.assertEqual(NEEDS_ATTENTION, daemon.call("status", "--check")[0])


class Program(unittest.TestCase):
    """`exec`: what an administrator's program is told."""

    def write(self, daemon, script):
        program, heard = daemon.directory / "program", daemon.directory / "heard"
        program.write_text(f"#!/bin/sh\nHEARD={heard}\n{script}\n")
        program.chmod(0o755)
        return program, heard

    def told(self, heard):
        """(kind, state) of each."""
        lines = heard.read_text().splitlines() if heard.exists() else []
        return [(line["alert"], line["state"]) for line in map(json.loads, lines)]

    def test_it_is_told_what_begins_and_ends_and_of_whose_run(self):
        with Alerting(dead="10%") as daemon:
            program, heard = self.write(daemon, 'env > $HEARD.env; read -r line; echo "$line" >> $HEARD')
            daemon.reload(dead="10%", exec=program)
            handle = workload.begin(daemon.socket, "dying001", name="l9", project="clip")
            push(handle, "dying001", 0, 4 * WINDOW)
            wait_until(lambda: self.told(heard) == [("dead", "begin")], "the program to be told")
            document = json.loads(heard.read_text())
            self.assertEqual(("dying001", "l9", "clip"), (document["run"], document["name"], document["project"]))
            self.assertEqual(daemon.alerts("dying001")["dead"], document["words"])
            environment = dict(line.split("=", 1) for line in (daemon.directory / "heard.env").read_text().splitlines())
            self.assertEqual({"PATH", "LANG", "PWD", "SAE_RUN", "SAE_NAME", "SAE_PROJECT", "SAE_USER", "SAE_ALERT", "SAE_STATE",
                              "SAE_WORDS"}, set(environment) - {"_", "SHLVL", "OLDPWD"})
            self.assertEqual(("dying001", "dead", "begin"), tuple(environment[f"SAE_{name}"] for name in ("RUN", "ALERT", "STATE")))
            handle.finish(exit_code=3, timeout=60)
            wait_until(lambda: self.told(heard)[1:] == [("failed", "begin")], "the program to be told that it failed")
            self.assertEqual("exit code 3", json.loads(heard.read_text().splitlines()[1])["words"], "as `status` says it")
            self.assertEqual({"run": 2, "failed": 0, "dropped": 0}, self.counts(daemon))

    def counts(self, daemon):
        return json.loads(daemon.call("status", "--json")[1])["daemon"]["alert_program"]

    def test_one_that_is_missing_or_too_slow_is_said_once_and_stops_nothing(self):
        with Alerting(dead="10%", exec="/nowhere/program") as daemon:
            handles = []
            for run in "dying001", "dying002":
                handles.append(workload.begin(daemon.socket, run))
                push(handles[-1], run, 0, 4 * WINDOW)
            wait_until(lambda: self.counts(daemon)["failed"] == 2, "both to fail")
            self.assertEqual(1, daemon.words().count("exec of [alerts]: /nowhere/program cannot be started: no such file or directory"))
            program, _ = self.write(daemon, "sleep 1000")
            daemon.reload(dead="off", exec=program, exec_timeout="100ms")
            for handle, run in zip(handles, ("dying001", "dying002")):
                push(handle, run, 4 * WINDOW, 6 * WINDOW)
                handle.finish(timeout=60)
            wait_until(lambda: f"exec of [alerts]: {program} was killed after 0.100 s" in daemon.words(), "the program to be killed")
            self.assertEqual(0, daemon.stop())

    def test_a_daemon_that_is_started_again_knows_what_it_has_told(self):
        with Alerting() as daemon:
            program, heard = self.write(daemon, 'read -r line; echo "$line" >> $HEARD')
            daemon.reload(exec=program)
            crash(daemon, "crashed1")
            wait_until(lambda: self.told(heard) == [("crashed", "begin")], "the program to be told that it crashed")
            daemon.kill()
            daemon.start()
            train(daemon, "crashed1", 30, launch="second", resume="allow")
            wait_until(lambda: self.told(heard)[1:] == [("crashed", "end")], "the program to be told that it goes on")

    def test_that_wandb_refuses_a_run_is_told_once_over_restarts_too(self):
        with FakeWandb() as w, ForwardingDaemon(w) as daemon:
            program, heard = self.write(daemon, 'read -r line; echo "$line" >> $HEARD')
            daemon.stop()
            daemon.variables["SAE_METRICSD_ALERTS_EXEC"] = str(program)
            daemon.start()
            handle = begin(daemon, "gone0001")
            self.addCleanup(handle.finish, timeout=0)
            push(handle, "gone0001", 0, 30)
            wait_until(lambda: of(w, "gone0001") and of(w, "gone0001").history, "the first lines")
            w.fault(path="file_stream", status=410, n=None, body={"error": "no such run"})
            push(handle, "gone0001", 30, 60)
            wait_until(lambda: self.told(heard) == [("forward_refused", "begin")], "the program to be told")
            w.clear_faults()
            daemon.stop()
            daemon.start()
            push(handle, "gone0001", 60, 90)
            daemon.ask(run="gone0001")
            wait_until(lambda: self.told(heard)[1:] == [("forward_refused", "end")], "the program to be told that it is over")

    def test_that_wandb_refuses_the_hosts_key_is_told_of_no_run(self):
        with FakeWandb() as w, ForwardingDaemon(w, key="b" * 40) as daemon:
            program, heard = self.write(daemon, 'read -r line; echo "$line" >> $HEARD')
            daemon.stop()
            daemon.variables["SAE_METRICSD_ALERTS_EXEC"] = str(program)
            daemon.start()
            for run in "run1", "run2":
                handle = begin(daemon, run)
                self.addCleanup(handle.finish, timeout=0)
                push(handle, run, 0, 30)
            wait_until(lambda: self.told(heard), "the program to be told")
            self.assertEqual([("forward_refused", "begin")], self.told(heard))
            document = json.loads(heard.read_text())
            self.assertEqual((None, None, None), (document["run"], document["user"], document["uid"]))
            self.assertIn(document["words"], daemon.status()["daemon"]["forward"]["alert"])

    def test_without_one_nothing_is_told(self):
        with Alerting() as daemon:
            self.assertIsNone(self.counts(daemon))


if __name__ == "__main__":
    tap.main()
