"""`sae_metrics.open`: what a trainer pushed comes back as arrays, from a file and through a daemon, the same to the last bit."""
import json
import math
import os
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import numpy

from harness import DAEMON, ROOT, Daemon
import sae_metrics
from users import NOBODY_UID, being
import workload

import tap


class Open(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.__exit__)
        cls.daemon.start()
        handle = workload.begin(cls.daemon.socket, "open0001", name="l9-x16", config={"lr": 4e-4}, tags=["a", "b"])
        for step in [*range(120), *range(60, 130)]:
            workload.log_step(handle, "open0001", 0, step)
            if step % 20 == 19:
                handle.flush(60)  # each window in a commit of its own: of several, deaths are kept with the last
        handle.log_step(130, n_rows=4, mse_loss=math.nan, l1_loss=math.inf, overall_loss=-math.inf)
        handle.log({"odd/nan": math.nan, "odd/text": "NaN", "odd/down": -math.inf}, step=130)
        handle.finish(timeout=60)
        early = workload.begin(cls.daemon.socket, "early001")
        early.finish(timeout=60)

    def setUp(self):
        self.enterContext_(mock.patch.dict(os.environ, {"PATH": f"{DAEMON.parent}:{os.environ['PATH']}"}))

    def enterContext_(self, context):
        context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def both(self, **more):
        return sae_metrics.open(self.daemon.database, **more), sae_metrics.open(socket=self.daemon.socket, **more)

    def column(self, sql):
        return [value for value, in self.daemon.rows(sql)]

    def test_steps_are_those_that_stand_and_their_numbers_are_exact(self):
        for data in self.both():
            steps = data.steps("open0001")
            self.assertEqual(numpy.int64, steps["step"].dtype)
            self.assertEqual(list(range(131)), steps["step"].tolist())
            self.assertEqual([1] * 60 + [2] * 71, steps["attempt"].tolist())
            kept = "SELECT {} FROM steps WHERE attempt = CASE WHEN step < 60 THEN 1 ELSE 2 END ORDER BY step"
            for name in "l1_loss", "fvu", "explained_variance", "l0":
                self.assertEqual(numpy.float64, steps[name].dtype)
                self.assertEqual(self.column(kept.format(name))[:130], steps[name].tolist()[:130], name)
            for got, exact in zip(steps["time"].tolist(), self.column(kept.format("time"))):
                self.assertAlmostEqual(exact, got, 5)
            self.assertEqual({len(steps["step"])}, {len(values) for values in steps.values()})
            self.assertIsInstance(steps["computed"][0], list)
            self.assertEqual([None, {"mse_loss": "NaN", "l1_loss": "Infinity", "overall_loss": "-Infinity"}],
                             [steps["non_finite"][0], {name: steps["non_finite"][-1][name] for name in ("mse_loss", "l1_loss", "overall_loss")}])
            self.assertTrue(math.isnan(steps["mse_loss"][-1]))
            self.assertEqual((math.inf, -math.inf), (steps["l1_loss"][-1], steps["overall_loss"][-1]))
            self.assertEqual(191, len(data.steps("open0001", all_attempts=True)["step"]))
            self.assertEqual(["l0", "step"], list(data.steps("open0001", columns=["l0", "step"])))

    def test_history_has_each_logged_value_as_what_it_was(self):
        for data in self.both():
            history = data.history("open0001")
            self.assertEqual(numpy.float64, history["value"].dtype)
            logged = {key: value for key, value, step in zip(history["key"], history["value"], history["step"]) if step == 130}
            self.assertTrue(math.isnan(logged["odd/nan"]))
            self.assertEqual(-math.inf, logged["odd/down"])
            text, = (text for key, text in zip(history["key"], history["text"]) if key == "odd/text")
            self.assertEqual("NaN", text, "which is a text, and no number")
            stands = "attempt = CASE WHEN step < 60 THEN 1 ELSE 2 END"
            self.assertEqual(self.daemon.rows(f"SELECT count(*) FROM history WHERE run = 'open0001' AND {stands}"), [(len(history["key"]),)])

    def test_windows_have_their_densities_in_a_matrix(self):
        for data in self.both():
            windows = data.windows("open0001", all_attempts=True)
            expected = [json.loads(text) for text in self.column("SELECT density_counts FROM windows ORDER BY attempt, window")]
            self.assertEqual((numpy.int64, (len(expected), 200)), (windows["density_counts"].dtype, windows["density_counts"].shape))
            self.assertEqual(expected, windows["density_counts"].tolist())
            self.assertEqual(self.column('SELECT "below_1e-5" FROM windows ORDER BY attempt, window'), windows["below_1e-5"].tolist())

    def test_runs_have_their_config_as_what_it_is(self):
        for data in self.both():
            runs = data.runs()
            self.assertEqual(["early001", "open0001"], sorted(runs["id"]))
            at = list(runs["id"]).index("open0001")
            self.assertEqual(({"lr": 4e-4}, ["a", "b"], "l9-x16"), (runs["config"][at], runs["tags"][at], runs["name"][at]))

    def test_feature_counts_are_those_of_the_last_complete_window(self):
        (step_first, step_last, n_tokens), = self.daemon.rows(
            "SELECT step_first, step_last, n_tokens FROM windows WHERE run = 'open0001' ORDER BY attempt DESC, window DESC LIMIT 1 OFFSET 1")
        fired = sum(workload.counts_at("open0001", 0, step)[0].astype(int) for step in range(step_first, step_last + 1))
        for data in self.both():
            counts = data.feature_counts("open0001")
            self.assertEqual((step_last, n_tokens), (counts["step_last"], counts["n_tokens"]))
            self.assertEqual(fired.tolist(), counts["count"].tolist())
            self.assertEqual((fired / n_tokens).tolist(), counts["density"].tolist())
            self.assertTrue((counts["total"] >= counts["count"]).all())
            never = counts["total"] == 0
            self.assertTrue(never.any() and (counts["last_fired"][never] == -1).all() and (counts["last_fired"][~never] >= 0).all())
            self.assertTrue(numpy.isneginf(counts["log10_density"][counts["count"] == 0]).all())
            with self.assertRaisesRegex(LookupError, "no window of early001 has closed"):
                data.feature_counts("early001")

    def test_deaths_are_those_of_the_windows_that_stand(self):
        every = self.daemon.rows("SELECT run, attempt, window, since, what, feature, last_fired FROM deaths WHERE run = 'open0001' "
                                 "ORDER BY attempt, window, feature, what")
        left = {(1, window) for window, in self.daemon.rows("SELECT window FROM windows WHERE attempt = 1 AND step_last >= 60")}
        stand = [row for row in every if row[1:3] not in left]
        self.assertTrue(0 < len(stand) < len(every))
        for data in self.both():
            for rows, all_attempts in (stand, False), (every, True):
                deaths = data.deaths("open0001", all_attempts=all_attempts)
                self.assertEqual(["run", "attempt", "window", "since", "what", "feature", "last_fired"], list(deaths))
                self.assertEqual(rows, list(zip(*(values.tolist() for values in deaths.values()))))
            died = data.deaths("open0001", columns=["feature", "what"])
            self.assertEqual([row[5] for row in stand if row[4] == "died"], died["feature"][died["what"] == "died"].tolist())
            with self.assertRaisesRegex(LookupError, "no run fits 'nobody'"):
                data.deaths("nobody")
            with self.assertRaisesRegex(KeyError, "no column 'step'; there are run, attempt, window, since, what, feature, last_fired"):
                data.deaths("open0001", columns=["step"])

    def test_a_column_is_of_one_kind_whatever_there_is_of_it(self):
        """By what the views say that it is; of those that say nothing all but `line` and `text` are never missing."""
        tables = {"runs": lambda data, run: data.runs(), **{name: lambda data, run, name=name: getattr(data, name)(run)
                                                            for name in ("steps", "history", "windows", "deaths")}}
        lists = ("computed", "extra", "non_finite", "flaws", "thresholds", "wandb_bins", "wandb_values", "density_counts", "config", "summary", "tags", "args")
        texts = ("kind", "source", "what")
        for table, read in tables.items():
            declared = {name: kind for _, name, kind, *_ in self.daemon.rows(f"PRAGMA table_info({table})")}
            for data in self.both():
                for run in "open0001", "early001":
                    for name, values in read(data, run).items():
                        with self.subTest(table=table, run=run, name=name, data=repr(data)):
                            if name in lists:
                                continue
                            kinds = [object] if declared[name] == "TEXT" or name in texts else [numpy.float64] if declared[name] in ("REAL", "ANY") \
                                else [numpy.int64, numpy.float64]
                            self.assertIn(values.dtype, kinds)
                            self.assertFalse(declared[name] == "TEXT" and any(isinstance(value, float) for value in values))
        for data in self.both():
            nothing = data.deaths("early001")
            self.assertEqual({"run", "what"}, {name for name, values in nothing.items() if values.dtype == object})
            self.assertEqual({numpy.dtype("int64")}, {values.dtype for values in nothing.values() if values.dtype != object})
            self.assertEqual(0, len(numpy.zeros(5)[nothing["feature"]]))

    def test_a_run_is_meant_by_a_part_that_fits_it_alone(self):
        for data in self.both():
            for part in "open0001", "l9-x16", "open", "n0001", "9-x":
                self.assertEqual(131, len(data.steps(part, columns=["step"])["step"]))
            with self.assertRaisesRegex(LookupError, "no run fits 'nobody'"):
                data.steps("nobody")
            with self.assertRaisesRegex(LookupError, "2 runs fit '001': "):
                data.steps("001")
            for read in data.steps, data.feature_counts:
                with self.assertRaisesRegex(LookupError, "which run\\? '' is a part of all of them"):
                    read("")

    def test_a_run_without_rows_has_all_columns_and_nothing_in_them(self):
        for data in self.both():
            steps = data.steps("early001")
            self.assertEqual(list(data.steps("open0001")), list(steps))
            self.assertEqual({0}, {len(values) for values in steps.values()})
            self.assertEqual((0, 200), data.windows("early001")["density_counts"].shape)

    def test_what_is_wrong_is_said(self):
        for data in self.both():
            with self.assertRaisesRegex(KeyError, "no column 'l00'; there are run, attempt, step"):
                data.steps("open0001", columns=["l00"])
            with self.assertRaisesRegex(KeyError, "no column 'step,l0'; there are run, attempt, step"):
                data.steps("open0001", columns=["step,l0"])
            with self.assertRaisesRegex(LookupError, "no run fits 'nobody'"):
                data.steps("nobody", columns=["step"])
            with self.assertRaisesRegex(TypeError, r"columns is a list of names, as \['l0'\], and no text"):
                data.steps("open0001", columns="l0")
            self.assertEqual(["l0", "step"], list(data.steps("open0001", columns=("l0", "step", "l0"))))
        with self.assertRaisesRegex(sae_metrics.Error, "cannot be read"):
            sae_metrics.open("/nowhere/metrics.db")
        with self.assertRaisesRegex(sae_metrics.Error, "not a database of sae-metricsd|cannot be read"):
            sae_metrics.open(__file__)
        with self.assertRaisesRegex(sae_metrics.Error, "nobody answers there"):
            sae_metrics.open(socket="/nowhere/socket").runs()
        with self.assertRaisesRegex(TypeError, "not both"):
            sae_metrics.open("x.db", socket="y")

    def test_a_file_of_a_version_that_kept_no_deaths_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "old.db")
            subprocess.run([DAEMON, "export", "--database", path, "--db", self.daemon.database], check=True, stdout=subprocess.DEVNULL)
            with sqlite3.connect(path) as connection:
                connection.execute("DROP VIEW deaths")
            connection.close()
            with self.assertRaisesRegex(LookupError, "old.db is of a version that kept no deaths"):
                sae_metrics.open(path).deaths("open0001")

    def test_what_becomes_unreadable_between_two_calls_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            path, program = os.path.join(folder, "copy.db"), os.path.join(folder, "sae-metricsd")
            subprocess.run([DAEMON, "export", "--database", path, "--db", self.daemon.database], check=True, stdout=subprocess.DEVNULL)
            data = sae_metrics.open(path)
            with open(path, "r+b") as file:
                file.seek(4096)  # its first page alone is whole
                file.write(b"\xff" * (os.path.getsize(path) - 4096))
            for read in data.runs, lambda: data.steps("open0001"), lambda: data.feature_counts("open0001"):
                with self.assertRaisesRegex(sae_metrics.Error, "copy.db cannot be read: .*malformed"):
                    read()
            # A run without steps, of a daemon that then answers no more.
            with open(program, "w") as file:
                file.write(f"#!{sys.executable}\nimport sys\nsys.exit(None if sys.argv[1] == 'export' else 'sae-metricsd query: gone')\n")
            os.chmod(program, 0o755)
            with mock.patch.dict(os.environ, {"PATH": f"{folder}:{os.environ['PATH']}"}):
                with self.assertRaisesRegex(sae_metrics.Error, "sae-metricsd query: gone"):
                    sae_metrics.open(socket=self.daemon.socket).steps("open0001")

    def test_without_numpy_it_says_what_to_install(self):
        script = "import sys; sys.modules['numpy'] = None; import sae_metrics\ntry: sae_metrics.open()\nexcept ImportError as e: print(e)"
        environment = {**self.daemon.trainer_environment(), "PYTHONPATH": str(ROOT / "client" / "python")}
        out = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
        self.assertEqual("sae_metrics.open needs numpy: pip install numpy\n", out.stdout, out.stderr)

    def test_a_run_may_be_called_like_a_number_that_is_none(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "Infinity", name="nan", project="-inf")
            workload.log_step(handle, "Infinity", 0, 0)
            handle.finish(timeout=60)
            for data in sae_metrics.open(daemon.database), sae_metrics.open(socket=daemon.socket):
                runs = data.runs()
                self.assertEqual(["Infinity", "nan", "-inf"], [runs[name][0] for name in ("id", "name", "project")])
                self.assertEqual(["Infinity"], data.steps("Infinity")["run"].tolist())

    @unittest.skipUnless(os.geteuid() == 0, "only root can be somebody who may not write")
    def test_a_file_in_a_folder_that_cannot_be_written_is_read(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "copy.db")
            subprocess.run([DAEMON, "export", "--database", path, "--db", self.daemon.database], check=True, stdout=subprocess.DEVNULL)
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA journal_mode = wal")
                ids = [id for id, in connection.execute("SELECT id FROM runs ORDER BY started, id")]
            connection.close()
            self.assertFalse(os.path.exists(path + "-wal"))
            os.chmod(path, 0o644)
            os.chmod(folder, 0o555)
            with being(NOBODY_UID):
                self.assertEqual(ids, sae_metrics.open(path).runs()["id"].tolist())

    def test_what_lies_in_a_folder_of_somebody_elses_is_not_found(self):
        from sae_metrics import sources
        with tempfile.TemporaryDirectory() as shared, mock.patch.multiple(sources, SHARED=shared, SYSTEM=shared + "/nowhere"), \
                mock.patch.dict(os.environ, {"XDG_STATE_HOME": shared + "/nowhere"}):
            folder = os.path.join(shared, "sae-metricsd-%d" % os.geteuid())
            os.mkdir(folder, 0o700)
            path = os.path.join(folder, "metrics.db")
            os.symlink(self.daemon.database, path)
            self.assertEqual(path, sources.find_database())
            os.chmod(folder, 0o722)
            self.assertIsNone(sources.find_database())

    def test_nobody_says_where_and_the_users_own_database_is_found(self):
        home = {"XDG_STATE_HOME": str(self.daemon.directory / "state"), "SAE_METRICS_SOCKET": str(self.daemon.socket)}
        with mock.patch.dict(os.environ, home):
            if not any(os.path.exists(path) for path in ("/var/lib/sae-metricsd/metrics.db", "/var/tmp/sae-metricsd-%d/metrics.db" % os.getuid())):
                self.assertIn("daemon", repr(sae_metrics.open()))
                self.assertEqual(2, len(sae_metrics.open().runs()["id"]))
            folder = self.daemon.directory / "state" / "sae-metricsd"
            folder.mkdir(parents=True)
            (folder / "metrics.db").symlink_to(self.daemon.database)
            self.assertIn(str(folder), repr(sae_metrics.open()))
            self.assertEqual(2, len(sae_metrics.open().runs()["id"]))


if __name__ == "__main__":
    tap.main()
