"""`sae-metricsd export`: the file it writes for `wandb sync`, read by a reader of its own and held against the database."""
import json
import math
import os
import re
import resource
import signal
import socket
import subprocess
import sqlite3
import threading
import time
import unittest

from harness import DAEMON, Daemon, number, query_database
from wandb_file import File
from wire import REPLY, WELCOME, frame
import workload

import tap

OK, FAILED, USAGE, NO_DATABASE, NO_SUCH_RUN = 0, 1, 2, 3, 4
CONFIG = {"lr": 4e-4, "nested": {"a": [1, None, {"b": True}]}, "big": 10 ** 30, "ü \"q\"": "x", "none": None}


def export(daemon, *arguments, **more):
    return subprocess.run([DAEMON, "export", *arguments, "--db", daemon.database], env=daemon.environment(),
                          capture_output=True, text=True, check=False, **more)


def exported(daemon, run, *arguments, to="out"):
    """The file of a run, and what was said."""
    folder = daemon.directory / to
    out = export(daemon, run, "--wandb", folder, *arguments)
    assert out.returncode == OK, out.stderr
    path, = folder.glob("offline-run-*/run-*.wandb")
    assert out.stdout.startswith(f"wrote {path} ("), out.stdout
    return File(path), out


def trained(daemon, run, steps=230, **options):
    handle = workload.begin(daemon.socket, run, **options)
    for step in range(steps):
        workload.log_step(handle, run, 0, step)
    return handle


def rows_of(database, run, sources="metrics sparsity ours log"):
    """What the file is to have, from the database's own views: steps that only grow, each with all its keys."""
    rows, last = [], -1
    lines = query_database(database, "SELECT line, step, time, elapsed_s FROM lines WHERE run = ? AND line IS NOT NULL "
                                     "ORDER BY line", run)
    values, histograms = {}, {}
    for line, key, value, kind, text, source in query_database(
            database, "SELECT line, key, value, kind, text, source FROM history WHERE run = ?", run):
        if source in sources:
            values.setdefault(line, {})[key] = text if kind == "text" else number(value, kind)
    for line, key, bins, counts, source in query_database(
            database, 'SELECT line, key, bins, "values", source FROM histograms WHERE run = ?', run):
        if source in sources:
            histograms.setdefault(line, {})[key] = {"_type": "histogram", "values": json.loads(counts), "bins": json.loads(bins)}
    for line, step, at, elapsed_s in lines:
        logged = {**values.get(line, {}), **histograms.get(line, {})}
        if step > last and logged:
            rows.append({**logged, "_step": step, "_runtime": elapsed_s, "_timestamp": at})
            last = step
    return rows


def plain(value):
    """NaN is equal to itself, and a float that is whole to the integer: JSON does not tell them apart."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


class Export(unittest.TestCase):
    maxDiff = 4000

    def check_rows(self, expected, rows):
        self.assertEqual(len(expected), len(rows))
        for want, got in zip(expected, rows):
            self.assertEqual(plain(want), plain(got))

    def test_a_finished_run_is_all_there_and_exact(self):
        with Daemon() as daemon:
            handle = trained(daemon, "whole001", project="clip", name="l9-x16", group="sweep", job_type="train", notes="two\nlines",
                             tags=["relu", "ü"], config=CONFIG, entity="vision")
            handle.log({"odd/nan": math.nan, "odd/up": math.inf, "odd/down": -math.inf, "odd/word": "NaN of a kind", "odd/big": 2 ** 60},
                       step=229)
            handle.finish(exit_code=3, timeout=60)
            file, out = exported(daemon, "whole")
            self.assertEqual("", out.stderr)

            self.assertEqual({"id": "whole001", "entity": "vision", "project": "clip", "group": "sweep", "job_type": "train",
                              "name": "l9-x16", "notes": "two\nlines", "sweep": "", "host": os.uname().nodename}, file.run)
            self.assertEqual(["relu", "ü"], file.tags)
            own = file.config.pop("_wandb")
            self.assertEqual(CONFIG, file.config)
            self.assertTrue({"cli_version", "t", "m"} <= set(own), own)
            (started,), = daemon.rows("SELECT started FROM runs")
            self.assertAlmostEqual(started, file.started, 6)

            expected = rows_of(daemon.database, "whole001")
            self.assertGreater(len(expected), 30)
            self.assertTrue(any("_type" in value for row in expected for value in row.values() if isinstance(value, dict)))
            self.check_rows(expected, file.rows)
            self.assertTrue(math.isnan(file.rows[-1]["odd/nan"]))
            self.assertEqual((math.inf, -math.inf, "NaN of a kind", 2 ** 60), tuple(
                file.rows[-1]["odd/" + key] for key in ("up", "down", "word", "big")))

            newest = {}
            for row in expected:
                newest.update(row)
            (ended,), = daemon.rows("SELECT ended FROM runs")
            newest["_runtime"] += max(ended - newest["_timestamp"], 0)
            self.assertEqual(plain({**newest, "_wandb": {"runtime": int(newest["_runtime"])}}), plain(file.summary))
            self.assertEqual((3, int(newest["_runtime"])), (file.exit_code, file.runtime))
            self.assertIn(f", {len(expected)} rows)", out.stdout)

    def test_the_folder_is_named_as_the_official_client_names_it(self):
        with Daemon() as daemon:
            trained(daemon, "named001", 20).finish(timeout=60)
            _, out = exported(daemon, "named001")
            (started,), = daemon.rows("SELECT started FROM runs")
            stamp = time.strftime("%Y%m%d_%H%M%S", time.localtime(started))
            self.assertRegex(out.stdout, re.escape(f"/out/offline-run-{stamp}-named001/run-named001.wandb ("))
            self.assertEqual([f"offline-run-{stamp}-named001"], os.listdir(daemon.directory / "out"))

    def test_what_a_run_that_went_back_logged_again_is_left_out(self):
        with Daemon() as daemon:
            handle = trained(daemon, "back0001", 100)
            for step in range(40, 150):
                workload.log_step(handle, "back0001", 0, step)
            handle.finish(timeout=60)
            self.assertEqual([(2,)], daemon.rows("SELECT count(*) FROM attempts"))
            file, _ = exported(daemon, "back0001")
            steps = [row["_step"] for row in file.rows]
            self.assertEqual(sorted(set(steps)), steps)
            self.assertEqual(149, steps[-1])
            self.check_rows(rows_of(daemon.database, "back0001"), file.rows)

    def test_without_extra_metrics_it_is_what_the_trainer_would_have_logged(self):
        with Daemon() as daemon:
            trained(daemon, "plain001").finish(timeout=60)
            file, _ = exported(daemon, "plain001", "--no-extra-metrics")
            ours = {key for key, in daemon.rows("SELECT DISTINCT key FROM history WHERE source = 'ours' UNION "
                                                "SELECT DISTINCT key FROM histograms WHERE source = 'ours'")}
            self.assertIn("metrics/fvu", ours)
            self.check_rows(rows_of(daemon.database, "plain001", "metrics sparsity log"), file.rows)
            self.assertEqual(set(), ours & set(file.summary))
            self.assertIn("losses/mse_loss", file.summary)

    def test_charts_are_drawn_over_what_was_asked_for(self):
        with Daemon() as daemon:
            trained(daemon, "charts01", 60).finish(timeout=60)
            file, _ = exported(daemon, "charts01")
            self.assertEqual([{"name": "details/n_training_tokens", "step_metric": ""}], file.metrics)
            file, _ = exported(daemon, "charts01", "--x-axis", "tokens", to="out-tokens")
            over = {metric["name"]: metric["step_metric"] for metric in file.metrics}
            self.assertEqual("", over.pop("details/n_training_tokens"))
            self.assertEqual({"details/n_training_tokens"}, set(over.values()))
            self.assertIn("losses/mse_loss", over)

    def test_it_is_exported_while_others_are_trained_and_the_daemon_commits(self):
        with Daemon() as daemon:
            trained(daemon, "done0001").finish(timeout=60)
            handle = workload.begin(daemon.socket, "other001")
            for step in range(300):
                workload.log_step(handle, "other001", 0, step)
                if step % 100 == 50:
                    file, _ = exported(daemon, "done0001", to=f"out{step}")
                    self.check_rows(rows_of(daemon.database, "done0001"), file.rows)
            handle.finish(timeout=60)
            self.assertEqual((0, handle.stats.messages), (handle.stats.dropped, handle.stats.acked))

    def test_a_run_that_goes_on_is_refused_unless_asked_for(self):
        with Daemon() as daemon:
            handle = trained(daemon, "going001", 100)
            handle.flush(60)
            out = export(daemon, "going001", "--wandb", daemon.directory / "out")
            self.assertEqual((FAILED, ""), (out.returncode, out.stdout))
            self.assertIn("goes on (running), and W&B takes a run once", out.stderr)
            self.assertFalse((daemon.directory / "out").exists())

            file, out = exported(daemon, "going001", "--unfinished")
            self.assertIn("without an exit code: W&B will show it as failed", out.stderr)
            self.assertIsNone(file.exit_code)
            expected = rows_of(daemon.database, "going001")
            self.check_rows(expected[:len(file.rows)], file.rows)
            self.assertGreater(len(file.rows), 5)
            handle.finish(timeout=60)

    def test_a_folder_that_is_there_is_left_alone(self):
        with Daemon() as daemon:
            trained(daemon, "there001", 20).finish(timeout=60)
            exported(daemon, "there001")
            path, = (daemon.directory / "out").glob("*/*")
            path.write_bytes(b"somebody's")
            out = export(daemon, "there001", "--wandb", daemon.directory / "out")
            self.assertEqual((FAILED, ""), (out.returncode, out.stdout))
            self.assertIn(f"{path.parent} is there already", out.stderr)
            self.assertEqual(b"somebody's", path.read_bytes())
            self.assertEqual([path.parent.name], os.listdir(daemon.directory / "out"))

    def test_without_room_nothing_is_left_behind(self):
        def little_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))  # SQLite's shared memory is 32 KiB

        with Daemon() as daemon:
            trained(daemon, "large001", 600).finish(timeout=60)
            daemon.stop()  # so that the little room is not the log's
            out = export(daemon, "large001", "--wandb", daemon.directory / "out", preexec_fn=little_room)
            self.assertEqual((FAILED, ""), (out.returncode, out.stdout))
            self.assertRegex(out.stderr, r"cannot write .*/run-large001.wandb: File too large")
            self.assertEqual([], os.listdir(daemon.directory / "out"))

    def test_where_nothing_can_be_made_it_says_so(self):
        with Daemon() as daemon:
            trained(daemon, "place001", 20).finish(timeout=60)
            out = export(daemon, "place001", "--wandb", daemon.database)
            self.assertEqual((FAILED, ""), (out.returncode, out.stdout))
            self.assertRegex(out.stderr, f"cannot make {daemon.database}/.*: Not a directory")

    def test_wrong_usage_and_what_is_not_there(self):
        with Daemon() as daemon:
            trained(daemon, "first001", 20).finish(timeout=60)
            trained(daemon, "first002", 20).finish(timeout=60)
            out = daemon.directory / "out"
            for arguments, status, words in (
                    (["--wandb", out], USAGE, "which RUN?"),
                    (["first001"], USAGE, "as what? --csv, --jsonl, --database FILE or --wandb DIR"),
                    (["first001", "--wandb", ""], USAGE, "where to? --wandb DIR"),
                    (["first001", "first002", "--wandb", out], USAGE, "one RUN; what is first002"),
                    (["first001", "--wandb"], USAGE, "a value is missing behind --wandb"),
                    (["first001", "--csv", "--wandb", out], USAGE, "one of --csv, --jsonl, --database and --wandb"),
                    (["first001", "--cvs", "--wandb", out], USAGE, "there is no option --cvs"),
                    (["first001", "--x-axis", "time", "--wandb", out], USAGE, "--x-axis is step or tokens, not time"),
                    (["nobody", "--wandb", out], NO_SUCH_RUN, "no run fits 'nobody'"),
                    (["first00", "--wandb", out], NO_SUCH_RUN, "2 runs fit 'first00': "),
                    (["first001", "--wandb", out, "--db", daemon.directory / "none.db"], NO_DATABASE, "No such file")):
                place = [] if "--db" in arguments else ["--db", daemon.database]
                got = subprocess.run([DAEMON, "export", *place, *arguments], env=daemon.environment(),
                                     capture_output=True, text=True, check=False)
                self.assertEqual((status, ""), (got.returncode, got.stdout), arguments)
                self.assertIn(words, got.stderr)
            home = {**daemon.environment(), "HOME": str(daemon.directory), "XDG_STATE_HOME": str(daemon.directory / "none"),
                    "SAE_METRICS_SOCKET": str(daemon.directory / "nobody")}
            got = subprocess.run([DAEMON, "export", "x", "--wandb", out], env=home, capture_output=True, text=True, check=False)
            if not os.path.exists("/var/lib/sae-metricsd/metrics.db"):
                self.assertEqual((NO_DATABASE, "sae-metricsd export: there is no database, and no daemon answers; name one with --db FILE\n"),
                                 (got.returncode, got.stderr))
            self.assertFalse(out.exists())

    def through_the_daemon(self, daemon, run, to, *arguments, **more):
        return subprocess.run([DAEMON, "export", run, "--wandb", to, "--socket", daemon.socket, *arguments], text=True,
                              env=daemon.environment(), capture_output=True, check=False, **more)

    def test_what_the_daemon_hands_out_makes_the_same_file_to_the_byte(self):
        with Daemon() as daemon:
            handle = trained(daemon, "whole001", 1200, config=CONFIG, tags=["a", "b"], notes="two\nlines")
            handle.log({"nan": math.nan, "inf": -math.inf, "text": "\u00fc", "whole": 3.0, "big": 2 ** 62}, step=1200)
            for step in range(1201, 1241):
                handle.log({"long": f"{step} " + "\u00fc" * 15000}, step=step)
            handle.finish(timeout=60)
            exported(daemon, "whole001")
            out = self.through_the_daemon(daemon, "whole", daemon.directory / "handed")
            self.assertEqual((OK, ""), (out.returncode, out.stderr))
            path, = (daemon.directory / "handed").glob("offline-run-*/run-*.wandb")
            original, = (daemon.directory / "out").glob("offline-run-*/run-*.wandb")
            self.assertEqual(original.read_bytes(), path.read_bytes())
            self.assertGreater(daemon.rows("SELECT sum(length(CAST(text AS BLOB))) FROM history")[0][0], 2 * (256 << 10), "several pages")

    def test_a_run_is_handed_out_while_it_goes_on_and_others_push(self):
        with Daemon() as daemon:
            running = trained(daemon, "goes0001", 600)
            running.flush(30)
            out = self.through_the_daemon(daemon, "goes0001", daemon.directory / "no")
            self.assertEqual(FAILED, out.returncode)
            self.assertIn("goes0001 goes on (running)", out.stderr)
            out = self.through_the_daemon(daemon, "goes0001", daemon.directory / "yes", "--unfinished")
            self.assertEqual(OK, out.returncode, out.stderr)
            running.finish(timeout=60)

    def test_who_hands_nothing_out_is_said(self):
        with Daemon() as daemon:
            out = self.through_the_daemon(daemon, "nobody", daemon.directory / "out")
            self.assertEqual((NO_SUCH_RUN, "sae-metricsd export: no run fits 'nobody'\n"), (out.returncode, out.stderr))
            daemon.stop()
            out = self.through_the_daemon(daemon, "nobody", daemon.directory / "out")
            self.assertEqual(NO_DATABASE, out.returncode)
            self.assertIn(f"no answer from {daemon.socket}: ", out.stderr)

    def test_a_daemon_that_is_too_old_for_it_is_told_apart(self):
        with Daemon() as daemon, socket.socket(socket.AF_UNIX) as old:
            daemon.stop()
            old.bind(str(daemon.socket))
            old.listen()

            def answer():
                peer, _ = old.accept()
                with peer:
                    peer.recv(4096)
                    peer.sendall(frame([WELCOME, 1, {"daemon": "0.1.0", "db_id": bytes(16), "header_len_max": 262144, "d_sae_max": 1 << 24}]))
                    # The question has come along.
                    peer.sendall(frame([REPLY, 1, 2, 'no query "export"; this daemon knows status, ping, stop and sync']))
                    peer.recv(4096)

            answering = threading.Thread(target=answer)
            answering.start()
            out = self.through_the_daemon(daemon, "any", daemon.directory / "out")
            answering.join()
            self.assertEqual(FAILED, out.returncode)
            self.assertIn('no query "export"', out.stderr)
            self.assertIn("the daemon hands no run out; name its database with --db FILE", out.stderr)

    def test_the_users_own_database_needs_no_name(self):
        with Daemon() as daemon:
            trained(daemon, "mine0001", 20).finish(timeout=60)
            daemon.stop()
            home = daemon.directory / "state" / "sae-metricsd"
            home.mkdir(parents=True)
            daemon.database.rename(home / "metrics.db")
            environment = {**daemon.environment(), "XDG_STATE_HOME": str(daemon.directory / "state")}
            got = subprocess.run([DAEMON, "export", "mine", "--wandb", daemon.directory / "out"], env=environment,
                                 capture_output=True, text=True, check=False)
            self.assertEqual((OK, ""), (got.returncode, got.stderr))

    @unittest.skipIf("none" not in os.environ.get("SAE_METRICSD_BUILD_KIND", "none"), "sanitizers hold memory of their own")
    def test_a_long_run_takes_no_more_memory_than_any(self):
        lines = 100_000
        with Daemon() as daemon:
            trained(daemon, "long0001", 20).finish(timeout=60)
            daemon.stop()
            with sqlite3.connect(daemon.database) as database:
                database.execute("WITH RECURSIVE n(value) AS (SELECT 1000 UNION ALL SELECT value + 1 FROM n WHERE value < ?) "
                                 "INSERT INTO lines_data SELECT 1, value, 1, value, 1e9, value * 0.1 FROM n", (1000 + lines - 1,))
                database.execute("INSERT INTO history_data SELECT 1, l.step, 1, l.line, k.n, 0, 0, l.step * 0.1, NULL "
                                 "FROM lines_data l, (SELECT n FROM keys_data LIMIT 10) k WHERE l.line >= 1000")
            database.close()
            began = time.monotonic()
            out = subprocess.run(["prlimit", f"--data={12 << 20}", DAEMON, "export", "long0001", "--wandb", daemon.directory / "out",
                                  "--db", daemon.database], env=daemon.environment(), capture_output=True, text=True, check=False)
            self.assertEqual((OK, ""), (out.returncode, out.stderr))
            self.assertRegex(out.stdout, r"MiB, 100,0\d\d rows\)")
            print(f"# {lines} rows in {time.monotonic() - began:.1f} s")
            path, = (daemon.directory / "out").glob("*/*.wandb")
            self.assertEqual(list(range(1000, 1000 + lines)), [row["_step"] for row in File(path).rows if row["_step"] >= 1000])


if __name__ == "__main__":
    tap.main()
