"""`sae-metricsd status` with a daemon behind it: what it shows of runs that are, were and went wrong."""
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import unittest

from harness import DAEMON, PICTURES, ROOT, WATCH, Daemon, query_database, wait_until
from test_kill import ranks, settle
import workload

import tap

OK, WRONG_USAGE, NO_ANSWER, NO_SUCH_RUN, NEEDS_ATTENTION = 0, 2, 3, 4, 10
STEPS = 230  # with windows of 50: four closed, and one that the run's end cuts short


def status(daemon, *arguments, **environment):
    return subprocess.run([DAEMON, "status", *arguments], env={**daemon.environment(), "LC_ALL": "C.UTF-8", **environment},
                          capture_output=True, text=True, check=False)


def on_a_terminal(daemon, *arguments, columns=80, **environment):
    """What it prints on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    environment = {**daemon.environment(), "LC_ALL": "C.UTF-8", "TERM": "xterm", "COLUMNS": str(columns), **environment}
    process = subprocess.Popen([DAEMON, "status", *arguments], env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    out = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # EIO: the other side is closed
            break
        if not piece:
            break
        out += piece
    os.close(ours)
    process.wait()
    return out.decode().replace("\r\n", "\n")


def trained(daemon, run, steps=STEPS):
    handle = workload.begin(daemon.socket, run)
    for step in range(steps):
        workload.log_step(handle, run, 0, step)
    handle.finish(timeout=60)


def documented():
    """The members REPORT.md says a run has, and those that only the daemon adds."""
    text = (ROOT / "daemon" / "store" / "REPORT.md").read_text()
    run = text.split("## RUN")[1].split("```")[1]
    names = set(re.findall(r'"([a-zA-Z0-9_-]+)":', run))
    return {name for name in names if name not in ("kind", "words", "since", "density", "below")}


def members(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from members(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from members(inner)


class Status(unittest.TestCase):
    def test_the_document_has_every_member_that_is_documented(self):
        with Daemon() as daemon:
            trained(daemon, "whole001")
            document = daemon.status()
            self.assertEqual(1, document["schema"])
            self.assertTrue(document["daemon"]["reachable"])
            missing = documented() - set(members(document["runs"][0]))
            # Only a run that is being trained has a rate of its own, and time to go; acknowledged alerts are test_housekeeping's.
            self.assertEqual(set(), missing - {"tokens_per_s", "steps_per_s", "streams_connected",
                                               "acknowledged", "acknowledgements", "by", "at"})

    def test_every_member_of_the_document_is_documented(self):
        text = (ROOT / "daemon" / "store" / "REPORT.md").read_text()
        # Named by trainers, by the schema (metrics), by PROTOCOL.md (codes).
        free = {"config", "summary", "losses", "metrics", "details", "series", "refused"}

        def check(value, where):
            if isinstance(value, list):
                for element in value:
                    check(element, where)
            elif isinstance(value, dict):
                for name, member in value.items():
                    self.assertIn(f'"{name}"', text, where)
                    if name not in free:
                        check(member, f"{where}.{name}")

        with Daemon() as daemon:
            trained(daemon, "shown1")
            check(json.loads(status(daemon, "shown1", "--json").stdout), "")

    def test_numbers_are_those_of_the_database(self):
        with Daemon() as daemon:
            trained(daemon, "number01")
            run = daemon.status("number01")
            self.assertEqual("finished", run["state"])
            step, loss, l0, dead = daemon.rows("SELECT step, mse_loss, l0, dead_features FROM steps ORDER BY step DESC LIMIT 1")[0]
            self.assertEqual((STEPS - 1, loss, l0), (run["step"], run["losses"]["mse_loss"], run["metrics"]["l0"]))
            window, never, below = daemon.rows(
                'SELECT window, never_fired, "below_1e-5" FROM windows WHERE flaws = \'[]\' ORDER BY window DESC LIMIT 1')[0]
            sparsity = run["sparsity"]
            self.assertEqual((window, never, below), (sparsity["window"], sparsity["never_fired"], sparsity["below_1e-5"]))
            self.assertEqual(workload.D_SAE, sum(sparsity["histogram"]["counts"]) + sparsity["never_fired"])
            self.assertIsNotNone(run["partial_window"])
            self.assertEqual(STEPS - 1, run["curves"]["step_last"])

    def test_a_terminal_gets_a_screen_that_fits_and_a_pipe_gets_columns(self):
        with Daemon() as daemon:
            trained(daemon, "screen01")
            for columns in (40, 80, 120):
                for arguments in ((), ("screen01",)):
                    text = on_a_terminal(daemon, *arguments, columns=columns, NO_COLOR="1")
                    self.assertIn("✔", text)
                    self.assertLessEqual(max(map(len, text.split("\n"))), columns)
            self.assertIn("\033[", on_a_terminal(daemon))
            self.assertNotIn("\033[", on_a_terminal(daemon, TERM="dumb"))
            self.assertTrue(on_a_terminal(daemon, "screen01", LC_ALL="C").isascii())

            piped = status(daemon)
            self.assertEqual((OK, ""), (piped.returncode, piped.stderr))
            heading, row = piped.stdout.splitlines()
            self.assertEqual("finished", row.split()[heading.split().index("STATE")])
            self.assertIn("\033[", status(daemon, "--color=always").stdout)

    def test_a_part_of_an_id_is_enough_when_it_fits_one_run(self):
        with Daemon() as daemon:
            trained(daemon, "partly01", 5)
            trained(daemon, "partly02", 5)
            self.assertEqual("partly02", daemon.status("02")["id"])
            both = status(daemon, "partly")
            self.assertEqual((NO_SUCH_RUN, ""), (both.returncode, both.stdout))
            self.assertIn("partly01", both.stderr)
            self.assertIn("partly02", both.stderr)
            self.assertEqual(NO_SUCH_RUN, status(daemon, "elsewhere").returncode)

    def test_a_run_that_the_options_rule_out_is_none_that_was_asked_for(self):
        with Daemon() as daemon:
            trained(daemon, "filter01", 5)
            self.assertEqual(OK, status(daemon, "filter01", "--state", "finished").returncode)
            for output in ((), ("--json",), ("-o", "RUN"), ("--check",)):
                other = status(daemon, "filter01", "--state", "crashed", *output)
                self.assertEqual((NO_SUCH_RUN, ""), (other.returncode, other.stdout))
                self.assertIn("'filter01' is a run, but none that the options ask for", other.stderr)

    def test_an_empty_run_is_none_and_not_whichever_was_seen_last(self):
        with Daemon() as daemon:
            trained(daemon, "newest01", 5)
            for command in (("status",), ("status", "--json"), ("status", "--as", "saelens"), ("why",), ("pareto",), ("compare", "newest01"),
                            *(("plot", "-o", daemon.directory / "newest.svg"), ("report", "-o", daemon.directory / "newest.html")) * PICTURES.exists(),
                            *(("watch",),) * WATCH.exists(), ("sync",)):
                for where in ((), ("--db", daemon.database)):
                    result = subprocess.run([DAEMON, *command, *where, ""], env=daemon.environment(), capture_output=True, text=True)
                    self.assertEqual((WRONG_USAGE, ""), (result.returncode, result.stdout), command)
                    self.assertIn("RUN is empty", result.stderr)
            self.assertEqual([], [*daemon.directory.glob("newest.*")])

    def test_nothing_that_is_asked_beside_other_definitions_is_passed_over(self):
        with Daemon() as daemon:
            trained(daemon, "defined1", 60)
            self.assertEqual(OK, status(daemon, "defined1", "--as", "saelens", "--json").returncode)
            for more in (["--check"], ["--jsonl"], ["--openmetrics"], ["-o", "L0"], ["--sort", "L0"], ["--limit", "1"], ["--no-headings"],
                         ["--state", "crashed"], ["--where", "lr=1"], ["--since", "1h"]):
                refused = status(daemon, "defined1", "--as", "saelens", *more)
                self.assertEqual((WRONG_USAGE, ""), (refused.returncode, refused.stdout), more)
                self.assertIn("--as goes with --json", refused.stderr)

    def test_a_crashed_run_needs_attention(self):
        with Daemon() as daemon:
            trained(daemon, "quiet001", 5)
            self.assertEqual(OK, status(daemon, "--check").returncode)
            process, = ranks(daemon, "victim02", 10000, world_size=1, hang_at=20)
            for line in process.stdout:
                if line.startswith("hanging"):
                    break
            process.kill()
            process.communicate()
            wait_until(lambda: daemon.status("victim02")["state"] == "crashed", "the run to be crashed")
            self.assertEqual(NEEDS_ATTENTION, status(daemon, "--check").returncode)
            self.assertIn("ended without saying so", on_a_terminal(daemon))
            self.assertEqual(OK, status(daemon, "--check", "quiet001").returncode)

    def test_a_nan_is_shown_as_one(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "isnan001")
            for step in range(15):
                handle.log_step(step, n_rows=4, mse_loss=float("nan"), overall_loss=float("inf"))
            handle.finish(timeout=60)
            run = json.loads(status(daemon, "isnan001", "--json").stdout, parse_constant=self.fail)
            self.assertEqual(("NaN", "Infinity"), (run["losses"]["mse_loss"], run["losses"]["overall_loss"]))
            self.assertIn("mse_loss NaN at step ", on_a_terminal(daemon))

    def test_files_are_read_with_and_without_a_daemon_and_while_it_writes(self):
        with Daemon() as daemon:
            busy, = ranks(daemon, "writing1", 3000, world_size=1)
            seen = 0
            while seen < 1000:
                out = status(daemon, "--db", daemon.database, "--json", SAE_METRICS_SOCKET="/nowhere")
                self.assertEqual((OK, ""), (out.returncode, out.stderr))
                runs = json.loads(out.stdout)["runs"]
                step = runs[0]["step"] or 0 if runs else 0
                self.assertGreaterEqual(step, seen)
                seen = step
            settle([busy])
            daemon.kill()
            copy = daemon.directory / "copies"
            copy.mkdir()
            for name in ("one.db", "two.db"):
                query_database(daemon.database, "VACUUM INTO ?", str(copy / name))
            out = status(daemon, "--db", copy, daemon.database, "--jsonl")
            self.assertEqual(1, len(out.stdout.splitlines()))
            self.assertEqual(2999, json.loads(out.stdout)["step"])

    def test_a_stopped_daemon_is_waited_for_and_then_told_of(self):
        with Daemon() as daemon:
            daemon.process.send_signal(signal.SIGSTOP)
            try:
                out = status(daemon)
            finally:
                daemon.process.send_signal(signal.SIGCONT)
            self.assertEqual((NO_ANSWER, ""), (out.returncode, out.stdout))
            self.assertIn(f"no answer from {daemon.socket}: it does not answer in time", out.stderr)

    def test_a_database_may_be_a_link_to_where_it_shall_be(self):
        with Daemon() as daemon:
            daemon.kill()
            home = daemon.directory / "elsewhere"
            home.mkdir()
            daemon.database = daemon.directory / "link.db"
            daemon.database.symlink_to(home / "real.db")  # which is not there yet
            daemon.start()
            trained(daemon, "linked01", 3)
            self.assertEqual(str(home / "real.db"), daemon.status()["daemon"]["database"])
            daemon.stop()
            self.assertTrue(daemon.database.is_symlink())
            self.assertEqual({"real.db"}, {p.name for p in home.iterdir() if p.suffix == ".db"})
            self.assertTrue((home / "real.db-state").is_dir())
            self.assertFalse((daemon.directory / "link.db-state").exists())
            self.assertEqual([(3,)], daemon.rows("SELECT count(*) FROM steps"))

    def test_a_daemon_that_is_down_leaves_its_database(self):
        with Daemon() as daemon:
            trained(daemon, "leftover", 5)
            daemon.kill()
            home = daemon.directory / "home"
            place = home / ".local" / "state" / "sae-metricsd"
            place.mkdir(parents=True)
            for name in ("metrics.db", "metrics.db-wal"):
                if (daemon.directory / name).exists():
                    shutil.copy(daemon.directory / name, place / name)
            environment = dict(HOME=str(home), XDG_RUNTIME_DIR=str(home), SAE_METRICS_SOCKET="", XDG_STATE_HOME="")
            out = status(daemon, "-o", "ID,STATE", "--no-headings", **environment)
            self.assertEqual((OK, "leftover  finished\n"), (out.returncode, out.stdout))
            self.assertIn("no answer from", out.stderr.splitlines()[0])


if __name__ == "__main__":
    tap.main()
