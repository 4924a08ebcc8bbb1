"""What people see of forwarding to W&B: in `status`, in its exit code, in the log."""
import json
import sqlite3
import subprocess
import tempfile
import unittest
from pathlib import Path

from fake_wandb import FakeWandb
from harness import DAEMON, Daemon, own_environment, wait_until
from test_status import NEEDS_ATTENTION, OK, on_a_terminal, status
import workload

import tap

KEY = "a" * 40
BROKEN, HEALED = "W&B cannot be reached: ", "W&B answers again, after "


class Seen(unittest.TestCase):
    maxDiff = 4000

    def daemon(self, base_url, **variables):
        """One that is in a hurry; started, and gone with the test."""
        daemon = Daemon(variables={"WANDB_BASE_URL": base_url, "WANDB_API_KEY": KEY, **variables})
        conf = daemon.directory / "conf"
        conf.write_text("[wandb]\ntransmit_interval = 500ms\nheartbeat_interval = 1s\n")
        conf.chmod(0o600)
        daemon.arguments = ["--config", str(conf)]
        daemon.__enter__()
        self.addCleanup(daemon.__exit__)
        return daemon

    def wandb(self, **options):
        w = FakeWandb(**options)
        self.addCleanup(w.close)
        return w

    def begin(self, daemon, run, steps=30, log_to_wandb=True, wandb_key=False):
        handle = workload.begin(daemon.socket, run, log_to_wandb=log_to_wandb, project="p", wandb_key=wandb_key)
        self.addCleanup(handle.finish, timeout=0)
        for step in range(steps):
            workload.log_step(handle, run, 0, step)
        handle.flush(60)
        return handle

    def end(self, handle):
        handle.finish(timeout=60)

    def until(self, daemon, run, state, true=lambda forward: True):
        """The `forward` of a run once it is so."""
        seen = []

        def is_so():
            seen[:] = [daemon.status(run)["forward"]]
            return seen[0]["state"] == state and true(seen[0])

        try:
            wait_until(is_so, f"{run} to be {state}")
        except AssertionError as error:
            raise AssertionError(f"{error}, saw {seen}\n{daemon.words()}") from None
        return seen[0]

    def cell(self, daemon, run):
        """What the table in a pipe has for it."""
        out = status(daemon, "-o", "ID,FWD", "--no-headings")
        return dict(line.split() for line in out.stdout.splitlines())[run]

    def log_lines(self, daemon, words):
        return [line for line in daemon.words().splitlines() if words in line]

    def alerts(self, daemon, run):
        return [(alert["kind"], alert["words"]) for alert in daemon.status(run)["alerts"]]

    def of_all(self, daemon):
        forward = daemon.status()["daemon"]["forward"]
        return forward["state"], forward["held_runs"], forward["alert"]

    # ---- the states ----

    def test_a_run_is_ok_while_it_trains_and_synced_at_its_end(self):
        w = self.wandb()
        daemon = self.daemon(w.base_url)
        self.assertIn("forward idle\n", on_a_terminal(daemon, columns=120))
        handle = self.begin(daemon, "run1")
        url = f"{w.base_url}/fake-entity/p/runs/run1"
        forward = self.until(daemon, "run1", "ok", lambda forward: forward["pending_rows"] == 0)
        self.assertEqual((url, None, None, False), tuple(forward[name] for name in ("url", "lag_s", "words", "parked")))
        self.assertEqual("ok", self.cell(daemon, "run1"))
        self.assertIn("forward wandb: ok", on_a_terminal(daemon, columns=120))
        self.assertIn(f"  forward  wandb ok   {url}\n", on_a_terminal(daemon, "run1", columns=120, NO_COLOR="1"))

        self.end(handle)
        self.assertEqual((0, url), tuple(self.until(daemon, "run1", "synced")[name] for name in ("pending_rows", "url")))
        self.assertEqual("synced", self.cell(daemon, "run1"))
        self.assertIn(f"  forward  wandb synced   {url}\n", on_a_terminal(daemon, "run1", columns=120, NO_COLOR="1"))
        self.assertEqual((OK, ""), (status(daemon, "--check").returncode, status(daemon, "--check").stderr))
        self.assertEqual([], w.violations)
        daemon.kill()
        out = json.loads(status(daemon, "--db", daemon.database, "--json").stdout)["runs"][0]["forward"]
        self.assertEqual(("synced", url), (out["state"], out["url"]))

    def test_a_run_that_is_not_for_wandb_is_off(self):
        w = self.wandb()
        daemon = self.daemon(w.base_url)
        self.end(self.begin(daemon, "local1", log_to_wandb=False))
        forward = daemon.status("local1")["forward"]
        self.assertEqual(("none", "off", 0, None), tuple(forward[name] for name in ("target", "state", "pending_rows", "url")))
        self.assertEqual("off", self.cell(daemon, "local1"))
        self.assertIn("  forward  off (local only)\n", on_a_terminal(daemon, "local1", NO_COLOR="1"))
        self.assertEqual([], w.requests)

    def test_a_run_waits_for_a_server_that_is_busy(self):
        w = self.wandb()
        busy = w.fault(status=503, n=None)
        daemon = self.daemon(w.base_url)
        self.begin(daemon, "run1")
        forward = self.until(daemon, "run1", "waiting", lambda forward: forward["retry_in_s"] is not None)
        self.assertEqual("fault 503 (HTTP 503)", forward["words"])
        self.assertGreater(forward["pending_rows"], 0)
        self.assertGreater(forward["lag_s"], 0)
        self.assertEqual("waiting", self.cell(daemon, "run1"))
        of_all = daemon.status()["daemon"]["forward"]
        self.assertEqual(("waiting", "fault 503 (HTTP 503)", None, 0, forward["pending_rows"]),
                         tuple(of_all[name] for name in ("state", "words", "alert", "held_runs", "pending_rows")))
        text = on_a_terminal(daemon, NO_COLOR="1")
        self.assertRegex(text, r"forward waiting\n  forward  wandb waiting: fault 503 \(HTTP 503\)")
        self.assertRegex(on_a_terminal(daemon, "run1", NO_COLOR="1", columns=120),
                         rf"  forward  wandb waiting: fault 503 \(HTTP 503\)(, again in .*s)?   {forward['pending_rows']} rows kept, oldest ")
        self.assertEqual(OK, status(daemon, "--check").returncode)  # it is no matter yet
        self.assertGreater(busy.hits, 0)
        w.clear_faults()
        self.until(daemon, "run1", "ok", lambda forward: forward["words"] is None)

    def test_a_run_that_waits_for_long_is_an_alert_and_not_before(self):
        w = self.wandb()
        w.close()
        daemon = self.daemon(w.base_url, WANDB_MODE="offline")
        self.end(self.begin(daemon, "run1"))
        daemon.stop()
        with sqlite3.connect(daemon.database) as connection:
            connection.execute("UPDATE forward_lines_data SET time = time - 900")
        connection.close()
        daemon.variables["WANDB_MODE"] = "online"
        daemon.start()
        forward = self.until(daemon, "run1", "waiting")
        self.assertGreater(forward["lag_s"], 899)
        alert = daemon.status()["daemon"]["forward"]["alert"]
        self.assertRegex(alert, r"^W&B is 15m\d*s? behind \(\d rows\), waiting: Failed to connect")
        out = status(daemon, "--check")
        self.assertEqual(NEEDS_ATTENTION, out.returncode)
        self.assertRegex(out.stderr, r"^sae-metricsd status: W&B is 15m\d*s? behind")
        self.assertIn("\n! forward  wandb waiting: Failed to connect", on_a_terminal(daemon, NO_COLOR="1"))
        self.assertEqual([], self.alerts(daemon, "run1"))  # it is the host's trouble, and said once

        daemon.stop()
        daemon.variables["WANDB_API_KEY"] = ""  # and what only its user can mend is the run's
        daemon.start()
        words = self.until(daemon, "run1", "waiting")["words"]
        (kind, said), = self.alerts(daemon, "run1")
        self.assertEqual("forward_behind", kind)
        self.assertRegex(said, r"^W&B is 15m\d*s? behind \(\d rows\), waiting: for a W&B key ")
        self.assertTrue(said.endswith(words), said)
        self.assertEqual(("idle", 1, None), self.of_all(daemon))
        out = status(daemon, "--check")
        self.assertEqual((NEEDS_ATTENTION, ""), (out.returncode, out.stderr))
        subprocess.run([DAEMON, "ack", "run1"], env=daemon.environment(), capture_output=True, check=True)
        wait_until(lambda: self.alerts(daemon, "run1")[0][1] != said, "it to be further behind")
        self.assertEqual(0, status(daemon, "--check").returncode, "whoever knows of it knows of it a second later")

    def test_rows_that_wait_for_a_parked_run_are_not_the_hosts_delay(self):
        w = self.wandb()
        w.close()
        daemon = self.daemon(w.base_url, WANDB_MODE="offline")
        self.end(self.begin(daemon, "late1", steps=30))
        self.end(self.begin(daemon, "parked1", steps=300))
        daemon.stop()
        with sqlite3.connect(daemon.database) as connection:
            connection.execute("UPDATE forward_lines_data SET time = time - 900")
            connection.execute("UPDATE forwards_data SET parked = 'by hand' WHERE run = (SELECT n FROM runs_data WHERE id = 'parked1')")
        connection.close()
        daemon.variables["WANDB_MODE"] = "online"
        daemon.start()
        rows = self.until(daemon, "late1", "waiting")["pending_rows"]
        parked = self.until(daemon, "parked1", "refused")["pending_rows"]
        of_all = daemon.status()["daemon"]["forward"]
        self.assertRegex(of_all["alert"], rf"^W&B is 15m\d*s? behind \({rows} rows\), waiting: Failed to connect")
        self.assertEqual((1, rows + parked), (of_all["held_runs"], of_all["pending_rows"]))

    def test_a_refused_key_is_an_alert_and_said_once(self):
        w = self.wandb(api_key="b" * 40)
        daemon = self.daemon(w.base_url)
        for run in ("run1", "run2", "run3"):
            self.begin(daemon, run)
        for run in ("run1", "run2", "run3"):
            forward = self.until(daemon, run, "refused")
            self.assertEqual(("user is not logged in (HTTP 401)", False), (forward["words"], forward["parked"]))
            self.assertGreater(forward["retry_in_s"], 30)
        self.assertEqual("refused", self.cell(daemon, "run1"))
        self.assertEqual(1, len(self.log_lines(daemon, "W&B refuses the key from WANDB_API_KEY: user is not logged in")),
                         daemon.words())
        out = status(daemon, "--check")
        self.assertEqual((NEEDS_ATTENTION, "sae-metricsd status: W&B refuses the key: user is not logged in (HTTP 401)\n"),
                         (out.returncode, out.stderr))
        text = on_a_terminal(daemon, NO_COLOR="1")
        self.assertEqual(1, text.count("! forward  wandb refused: user is not logged in (HTTP 401), again in "), text)
        self.assertIn("forward  wandb refused: user is not logged in (HTTP 401)", on_a_terminal(daemon, "run1", NO_COLOR="1"))
        self.assertNotIn(KEY, daemon.words())

        w.api_key = KEY
        out = subprocess.run([DAEMON, "sync", "run1"], capture_output=True, text=True, check=False,
                             env={**own_environment(), "SAE_METRICS_SOCKET": str(daemon.socket)})
        self.assertEqual((OK, ""), (out.returncode, out.stderr))
        for run in ("run1", "run2", "run3"):  # what one of them has found out is good for all
            self.until(daemon, run, "ok", lambda forward: forward["pending_rows"] == 0)
        self.assertEqual(1, len(self.log_lines(daemon, "W&B takes the key again")), daemon.words())
        self.assertEqual(1, len(self.log_lines(daemon, "W&B refuses")), daemon.words())
        self.assertEqual((OK, ""), (status(daemon, "--check").returncode, status(daemon, "--check").stderr))

    def test_a_key_of_a_runs_own_is_the_runs_own_trouble(self):
        w = self.wandb()
        daemon = self.daemon(w.base_url)
        self.begin(daemon, "run1", wandb_key="c" * 40)
        other = self.begin(daemon, "run2")
        forward = self.until(daemon, "run1", "refused")
        self.assertEqual([("forward_refused", "W&B refuses its own key: " + forward["words"])], self.alerts(daemon, "run1"))
        self.end(other)
        self.until(daemon, "run2", "synced")
        self.assertEqual(("idle", 1, None), self.of_all(daemon))
        self.assertEqual((NEEDS_ATTENTION, OK), tuple(status(daemon, "--check", run).returncode for run in ("run1", "run2")))
        self.assertEqual(1, len(self.log_lines(daemon, "run run1: W&B refuses its own key; ")), daemon.words())

    def test_a_run_that_was_deleted_is_parked_and_others_go_on(self):
        w = self.wandb()
        w.delete("gone1")
        daemon = self.daemon(w.base_url)
        self.begin(daemon, "gone1")
        other = self.begin(daemon, "other1")
        forward = self.until(daemon, "gone1", "refused", lambda forward: forward["parked"])
        self.assertIn("was previously created and deleted", forward["words"])
        self.assertIn("needs another id", forward["words"])
        self.assertIsNone(forward["retry_in_s"])
        self.end(other)
        self.until(daemon, "other1", "synced")
        (kind, words), = self.alerts(daemon, "gone1")
        self.assertEqual(("forward_refused", "nothing more is sent to W&B: " + forward["words"]), (kind, words))
        self.assertEqual(("idle", 1, None), self.of_all(daemon))
        self.assertEqual((NEEDS_ATTENTION, OK), tuple(status(daemon, "--check", run).returncode for run in ("gone1", "other1")))
        text = on_a_terminal(daemon, "gone1", NO_COLOR="1")
        self.assertIn("needs another id", " ".join(text.split()))
        self.assertIn(" rows kept, oldest ", text)
        self.assertEqual(1, len(self.log_lines(daemon, "run gone1: nothing more is sent to W&B: ")), daemon.words())
        self.assertEqual([], self.log_lines(daemon, BROKEN))

        requests = len(w.requests)
        daemon.stop()  # it is kept, and not tried again
        daemon.start()
        self.until(daemon, "gone1", "refused", lambda forward: forward["parked"])
        self.assertEqual([], [each.run for each in w.requests[requests:] if each.run == "gone1"])
        daemon.stop()
        out = json.loads(status(daemon, "--db", daemon.database, "--json", "gone1").stdout)
        self.assertEqual(("refused", forward["words"], True), tuple(out["forward"][name] for name in ("state", "words", "parked")))
        self.assertEqual(NEEDS_ATTENTION, status(daemon, "--check", "--db", daemon.database).returncode)

    def test_a_run_whose_rows_are_on_their_way_for_long_is_behind(self):
        w = self.wandb()
        w.fault(path="file_stream", hang=True, n=None)
        daemon = self.daemon(w.base_url)
        self.begin(daemon, "run1")
        forward = self.until(daemon, "run1", "behind")
        self.assertGreater(forward["lag_s"], 6)
        self.assertGreater(forward["pending_rows"], 0)
        self.assertEqual("behind", self.cell(daemon, "run1"))
        self.assertIn(f" behind {forward['pending_rows']}\n", on_a_terminal(daemon, NO_COLOR="1"))
        self.assertRegex(on_a_terminal(daemon, NO_COLOR="1", columns=120), rf" behind {forward['pending_rows']}, \d+s\n")
        self.assertRegex(on_a_terminal(daemon, "run1", NO_COLOR="1"),
                         rf"  forward  wandb behind: {forward['pending_rows']} rows, oldest ")
        self.assertEqual(OK, status(daemon, "--check").returncode)

    def test_offline_keeps_rows_that_a_file_calls_pending(self):
        w = self.wandb()
        daemon = self.daemon(w.base_url, WANDB_MODE="offline")
        self.end(self.begin(daemon, "run1"))
        forward = self.until(daemon, "run1", "offline")
        rows = forward["pending_rows"]
        self.assertGreater(rows, 0)
        self.assertEqual("offline", self.cell(daemon, "run1"))
        self.assertIn("forward offline\n", on_a_terminal(daemon, NO_COLOR="1"))
        self.assertIn(f"  forward  wandb offline   {rows} rows kept, oldest ", on_a_terminal(daemon, "run1", NO_COLOR="1"))
        self.assertEqual(OK, status(daemon, "--check").returncode)
        daemon.stop()
        text = on_a_terminal(daemon, "--db", str(daemon.database), NO_COLOR="1")
        self.assertIn(f" pending {rows}\n", text)
        self.assertEqual(OK, status(daemon, "--check", "--db", daemon.database).returncode)
        self.assertEqual([], w.requests)

        daemon.variables["WANDB_MODE"] = "online"
        daemon.start()
        self.until(daemon, "run1", "synced")
        daemon.stop()
        daemon.variables["WANDB_MODE"] = "offline"
        daemon.start()
        self.assertEqual("synced", daemon.status("run1")["forward"]["state"])  # what W&B has it has

    def test_a_run_without_a_key_says_who_can_give_it_one(self):
        w = self.wandb()
        daemon = self.daemon(w.base_url, WANDB_API_KEY="")
        self.begin(daemon, "run1")
        words = "for a W&B key (`sae-metricsd sync run1` hands yours over)"
        forward = self.until(daemon, "run1", "waiting", lambda forward: forward["pending_rows"] > 0 and forward["lag_s"])
        self.assertEqual((words, None), (forward["words"], forward["retry_in_s"]))
        self.assertIn(f"wandb waiting: {words}", " ".join(on_a_terminal(daemon, "run1", NO_COLOR="1").split()))
        self.assertIn("forward idle\n", on_a_terminal(daemon, NO_COLOR="1"))
        self.assertEqual(OK, status(daemon, "--check").returncode)
        self.assertEqual(1, len(self.log_lines(daemon, "run run1: its lines for W&B are kept until there is a key")))
        self.assertEqual([], w.requests)

    def test_rows_that_were_not_taken_are_an_alert(self):
        w = self.wandb()
        w.fault(path="file_stream", marker="eval/score", status=400, body={"error": "no scores here"}, n=None)
        daemon = self.daemon(w.base_url)
        self.end(self.begin(daemon, "run1"))
        self.assertEqual(2, self.until(daemon, "run1", "synced")["refused_rows"])  # of steps 3 and 28
        self.assertEqual([("forward_rows", "2 rows were not taken by W&B: see refused_lines")], self.alerts(daemon, "run1"))
        query = "select * from refused_lines where run = 'run1'"
        self.assertIn(f"2 rows were not taken: {query}\n", on_a_terminal(daemon, "run1", columns=120, NO_COLOR="1"))
        self.assertEqual([3, 28], [row[2] for row in daemon.rows(query)])
        self.assertEqual(NEEDS_ATTENTION, status(daemon, "--check").returncode)

    def test_rows_that_wandb_had_already_are_counted(self):
        w = self.wandb()
        for name in ("first", "second"):
            daemon = self.daemon(w.base_url)
            self.end(self.begin(daemon, "run1", steps=30 if name == "first" else 50))
            forward = self.until(daemon, "run1", "synced")
            daemon.stop()
        self.assertGreater(forward["skipped_rows"], 0)
        out = status(daemon, "--db", daemon.database, "run1")
        self.assertIn(f"{forward['skipped_rows']} rows were not sent: W&B had their steps already", out.stdout)
        self.assertEqual([], w.violations)

    # ---- the log ----

    def test_an_outage_is_one_line_when_it_begins_and_one_when_it_ends(self):
        directory = tempfile.TemporaryDirectory(prefix="fake-wandb-")
        self.addCleanup(directory.cleanup)
        state_file = Path(directory.name) / "state"
        w = self.wandb(state_file=state_file)
        daemon = self.daemon(w.base_url)
        handles = [self.begin(daemon, run) for run in ("run1", "run2", "run3")]
        for run in ("run1", "run2", "run3"):
            self.until(daemon, run, "ok", lambda forward: forward["pending_rows"] == 0 and forward["url"])
        self.assertEqual([], self.log_lines(daemon, BROKEN))

        busy = w.fault(status=503, n=None)
        wait_until(lambda: busy.hits >= 6, "tries at a server that is busy")
        w.close()
        self.until(daemon, "run1", "waiting", lambda forward: "connect" in (forward["words"] or ""))
        self.assertEqual(1, len(self.log_lines(daemon, BROKEN)), daemon.words())
        self.assertEqual([], self.log_lines(daemon, HEALED))
        self.assertEqual(1, daemon.status()["daemon"]["forward"]["outages"])

        again = self.wandb(port=w.port, state_file=state_file)
        for handle in handles:
            self.end(handle)
        for run in ("run1", "run2", "run3"):
            self.until(daemon, run, "synced")
        self.assertEqual((1, 1), (len(self.log_lines(daemon, BROKEN)), len(self.log_lines(daemon, HEALED))), daemon.words())
        self.assertEqual([], again.violations)


if __name__ == "__main__":
    tap.main()
