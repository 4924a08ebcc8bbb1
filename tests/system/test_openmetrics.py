"""`sae-metricsd status --openmetrics`: what Prometheus gets to see of the runs, the daemon, its disk and W&B."""
import math
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from harness import DAEMON, ROOT, Daemon, own_environment, wait_until
from openmetrics_text import Wrong, parse
from test_status import NO_ANSWER, OK, status, trained
from users import ANA, JOE, connect, let_in, needs_two_users
from wire import ACK, FLUSH
import workload

import tap

FAILED, USAGE = 1, 2
MAN_PAGE = ROOT / "daemon" / "cli" / "sae-metricsd-status.1.scd"


def lint(text):
    """What promtool has to say of it."""
    return subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)


def shown(daemon, *arguments):
    out = status(daemon, "--openmetrics", *arguments)
    assert (out.returncode, out.stderr) == (OK, ""), out
    return parse(out.stdout)


def of(families, name, **labels):
    """The one sample that has these labels."""
    found = [value for has, value in families[name].samples.items() if set(labels.items()) <= set(has)]
    assert len(found) == 1, (name, labels, families[name])
    return found[0]


class OpenMetrics(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sae-openmetrics-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is missing: Debian has it in the package prometheus")
    def test_promtool_finds_nothing_wrong(self):
        with Daemon() as daemon:
            trained(daemon, "lint0001")
            out = lint(status(daemon, "--openmetrics").stdout)
            self.assertEqual((0, "", ""), (out.returncode, out.stdout, out.stderr))
            self.assertNotEqual(0, lint("sae_run_step{run=\"a\"} 1\nsae_run_step{run=\"a\"} 2\n").returncode)

    def test_numbers_are_those_of_the_status_document(self):
        with Daemon() as daemon:
            trained(daemon, "number01")
            run, families = daemon.status("number01"), shown(daemon)
            for name, value in (
                    ("sae_run_step", run["step"]), ("sae_run_tokens_total", run["n_training_tokens"]),
                    ("sae_run_l0", run["metrics"]["l0"]), ("sae_run_fvu", run["metrics"]["fvu"]),
                    ("sae_run_explained_variance", run["metrics"]["explained_variance"]),
                    ("sae_run_dead_features", run["sparsity"]["dead_features"]), ("sae_run_features", workload.D_SAE),
                    ("sae_run_messages_total", run["client"]["messages"])):
                self.assertEqual(value, of(families, name, run="number01"), name)
            self.assertEqual(run["losses"]["mse_loss"], of(families, "sae_run_loss", run="number01", loss="mse_loss"))
            self.assertEqual(run["sparsity"]["below_1e-5"], of(families, "sae_run_features_below", density="1e-05"))
            self.assertEqual(1, of(families, "sae_run_state", run="number01", state="finished"))
            self.assertEqual(1, sum(families["sae_run_state"].samples.values()))
            self.assertEqual("seconds", families["sae_run_last_step_age_seconds"].unit)

            told = daemon.status()["daemon"]
            self.assertEqual(1, of(families, "sae_daemon_up"))
            self.assertEqual(told["commits"], of(families, "sae_daemon_commits_total"))
            self.assertGreater(of(families, "sae_daemon_received_bytes_total"), 1000)
            self.assertGreater(of(families, "sae_database_free_bytes"), 0)
            self.assertEqual(0, of(families, "sae_daemon_commit_lag_seconds"))

    def test_a_name_of_any_letters_breaks_no_line(self):
        names = ['a "quoted" one', "back\\slash", "größer ✓", 'all \\" of\\\\"it\\n', "{x=\"1\"} 2 # EOF"]
        with Daemon() as daemon:
            for i, name in enumerate(names):
                workload.begin(daemon.socket, f"name{i}", name=name, project=name).finish(timeout=60)
            families = shown(daemon)
            got = {dict(labels)["run"]: dict(labels) for labels in families["sae_run_info"].samples}
            self.assertEqual(names, [got[f"name{i}"]["name"] for i in range(len(names))])
            self.assertEqual(names, [got[f"name{i}"]["project"] for i in range(len(names))])
            if shutil.which("promtool"):
                self.assertEqual(0, lint(status(daemon, "--openmetrics").stdout).returncode)

    def test_a_loss_that_is_not_a_number_is_shown_as_such(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "nan00001")
            self.addCleanup(handle.finish, timeout=0)
            fired, n_rows = workload.counts_at("nan00001", 0, 0)
            handle.log_step(0, fired=fired, n_rows=n_rows, mse_loss=math.nan, l1_loss=math.inf)
            handle.flush(60)
            families = shown(daemon)
            self.assertTrue(math.isnan(of(families, "sae_run_loss", loss="mse_loss")))
            self.assertEqual(math.inf, of(families, "sae_run_loss", loss="l1_loss"))
            self.assertGreaterEqual(of(families, "sae_run_alert", kind="nan"), 1)

    def test_who_is_turned_away_is_counted_by_why(self):
        with Daemon() as daemon:
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(str(daemon.socket))
                raw.sendall(b"GET / HTTP/1.1\r\n\r\n" * 8)
                while raw.recv(4096):
                    pass
            code, = {dict(labels)["code"] for labels in shown(daemon)["sae_daemon_refused_connections_total"].samples}
            self.assertIn(code, ("malformed", "too_large"))

    @needs_two_users
    def test_private_runs_and_what_is_counted_over_all_are_not_for_others(self):
        with Daemon() as daemon:
            let_in(daemon)
            for run, private in (("secret01", True), ("public01", False)):
                wire = connect(daemon, ANA)
                self.addCleanup(wire.__exit__)
                wire.open(run, private=private)
                wire.step(1, 0)
                wire.send(FLUSH, 1)
                wire.until(ACK)

            def seen_by(user):
                out = subprocess.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", DAEMON, "status",
                                      "--openmetrics"], env=daemon.environment(), capture_output=True, text=True, check=False)
                self.assertEqual(OK, out.returncode, out.stderr)
                return out.stdout, parse(out.stdout)

            text, families = seen_by(JOE)
            self.assertNotIn("secret01", text)
            self.assertEqual({"public01"}, {dict(labels)["run"] for labels in families["sae_run_info"].samples})
            self.assertNotIn("sae_daemon_messages_total", families)
            self.assertNotIn(f'uid="{ANA}"', text)
            text, families = seen_by(ANA)
            self.assertEqual({"public01", "secret01"}, {dict(labels)["run"] for labels in families["sae_run_info"].samples})
            self.assertIn(f'uid="{ANA}"', text)

    def test_what_users_hold_is_shown_beside_what_they_may(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "holding1")
            self.addCleanup(handle.finish, timeout=0)
            workload.log_step(handle, "holding1", 0, 0)
            handle.flush(60)
            families = shown(daemon)
            limits = daemon.status()["daemon"]["limits"]
            mine, = limits["users"]
            for resource in ("connections", "runs", "keys", "memory", "queued", "database"):
                labels = dict(uid=str(os.geteuid()), resource=resource)
                self.assertEqual(mine[resource]["refused"], of(families, "sae_user_refused_total", **labels))
                if mine[resource]["limit"] is not None:
                    self.assertEqual(mine[resource]["limit"], of(families, "sae_user_limit", **labels))
            self.assertEqual(1, of(families, "sae_user_held", uid=str(os.geteuid()), resource="runs"))
            self.assertEqual(limits["host"]["memory"]["limit"], of(families, "sae_host_limit", resource="memory"))
            self.assertLess(0, of(families, "sae_host_held", resource="connections"))

    def test_without_a_daemon_up_is_0(self):
        nobody = {**own_environment(), "SAE_METRICS_SOCKET": str(self.folder / "nobody")}
        out = subprocess.run([DAEMON, "status", "--openmetrics", "--output", self.folder / "sae.prom"], env=nobody,
                             capture_output=True, text=True, check=False)
        self.assertEqual((NO_ANSWER, ""), (out.returncode, out.stdout))
        self.assertIn("no answer from", out.stderr)
        families = parse((self.folder / "sae.prom").read_text())
        self.assertEqual(["sae_daemon_up"], list(families))
        self.assertEqual(0, of(families, "sae_daemon_up"))

    def test_of_a_file_nothing_is_said_of_a_daemon(self):
        with Daemon() as daemon:
            trained(daemon, "filed001")
            daemon.stop()
            out = status(daemon, "--openmetrics", "--db", daemon.database)
            families = parse(out.stdout)
            self.assertEqual(OK, out.returncode)
            self.assertEqual([], [name for name in families if name.startswith(("sae_daemon", "sae_database", "sae_forward"))])
            self.assertEqual(229, of(families, "sae_run_step", run="filed001"))

    def test_a_run_that_was_over_for_an_hour_is_left_out_unless_it_is_asked_for(self):
        with Daemon() as daemon:
            trained(daemon, "older001", 5)
            trained(daemon, "newer001", 5)
            daemon.stop()
            subprocess.run(["sqlite3", daemon.database, "UPDATE runs_data SET last_seen = last_seen - 3700, ended = ended - 3700"
                            " WHERE id = 'older001'"], check=True)
            daemon.start()
            families = shown(daemon)
            self.assertEqual({"newer001"}, {dict(labels)["run"] for labels in families["sae_run_info"].samples})
            self.assertEqual(1, of(families, "sae_runs_left_out"))
            for arguments, runs in ((["--all"], {"newer001", "older001"}), (["older"], {"older001"})):
                families = shown(daemon, *arguments)
                self.assertEqual(runs, {dict(labels)["run"] for labels in families["sae_run_info"].samples})
                self.assertEqual(0, of(families, "sae_runs_left_out"))

    def test_a_file_is_whole_whenever_it_is_read(self):
        file, done = self.folder / "sae.prom", threading.Event()
        with Daemon() as daemon:
            trained(daemon, "whole001")
            self.assertEqual("", status(daemon, "--openmetrics", "--output", file).stdout)

            def write():
                while not done.is_set():
                    status(daemon, "--openmetrics", "--output", file)

            writer = threading.Thread(target=write)
            writer.start()
            try:
                versions = set()
                wait_until(lambda: [parse(file.read_text()), versions.add(os.stat(file).st_ino)] and len(versions) > 3,
                           "the file to be written four times")
            finally:
                done.set()
                writer.join()
        self.assertEqual(["sae.prom"], os.listdir(self.folder))
        mask = os.umask(0)
        os.umask(mask)
        self.assertEqual(0o666 & ~mask, stat.S_IMODE(file.stat().st_mode))

    def test_what_cannot_be_written_leaves_the_file_as_it_was(self):
        file = self.folder / "sae.prom"
        file.write_text("as it was")
        with Daemon() as daemon:
            out = status(daemon, "--openmetrics", "--output", self.folder / "nowhere" / "sae.prom")
            self.assertEqual(FAILED, out.returncode)
            self.assertIn("nowhere/sae.prom: No such file or directory", out.stderr)
            (self.folder / "taken").mkdir()
            self.assertEqual(FAILED, status(daemon, "--openmetrics", "--output", self.folder / "taken").returncode)
            out = subprocess.run(["sh", "-c", f"ulimit -f 0; exec {DAEMON} status --openmetrics --output {file}"],
                                 env=daemon.environment(), capture_output=True, text=True, check=False)
            self.assertNotEqual(OK, out.returncode)
        self.assertEqual("as it was", file.read_text())

    def test_all_is_of_no_use_elsewhere(self):
        out = subprocess.run([DAEMON, "status", "--all"], env=own_environment(), capture_output=True, text=True, check=False)
        self.assertEqual(USAGE, out.returncode)
        self.assertIn("--all goes with --openmetrics", out.stderr)

    def test_each_metric_is_in_the_manual(self):
        manual = set(re.findall(r"\bsae_[a-z0-9_]+", MAN_PAGE.read_text().replace("\\_", "_")))
        sources = "".join((ROOT / "daemon" / "cli" / f"openmetrics{part}.c").read_text() for part in ("", "_run", "_daemon"))
        names = set(re.findall(r'"(sae_[a-z0-9_]+)"', sources))
        self.assertEqual((set(), set()), (names - manual, manual - names))

    def test_the_strict_reader_is_strict(self):
        good = '# HELP a_total x\n# TYPE a_total counter\na_total{b="c"} 1\n# EOF\n'
        self.assertEqual({(("b", "c"),): 1.0}, parse(good)["a_total"].samples)
        for old, new in (("# EOF\n", ""), ("# EOF", "# EOF\n"), ("counter", "gauge"), ("a_total", "a"), ("1", "NaN"), ("1", "-1"),
                         ("1", "nan"), ("1", "1 17"), ('"c"', '"c",'), ('"c"', '"c",b="d"'), ('"c"', '"c\\t"'), ('"c"', '""'),
                         ('a_total{b="c"} 1\n', ""), ('a_total{b="c"} 1\n', 'a_total{b="c"} 1\na_total{b="c"} 1\n'),
                         ("# HELP a_total x\n", ""), ("a_total", "a_bytes_total"), ("# EOF", good.removesuffix("\n"))):
            with self.assertRaises(Wrong, msg=(old, new)):
                parse(good.replace(old, new))


if __name__ == "__main__":
    tap.main()
