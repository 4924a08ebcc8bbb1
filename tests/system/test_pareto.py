"""`pareto`, `compare` and `--as` with a daemon behind them, against numbers computed here from the matrices themselves."""
import contextlib
import datetime
import json
import math
import os
import pty
import re
import sqlite3
import subprocess
import tempfile
import time
import unittest

from harness import DAEMON, PATIENCE_S, PICTURES, Daemon

import numpy
import sae_metrics
import tap

OK, USAGE, NO_ANSWER, NO_SUCH_RUN, DOMINATED = 0, 2, 3, 4, 10
WIDTH, D_SAE, ROWS, WINDOW = 8, 48, 40, 10
COEFFICIENT = 3e-4

# id: threshold of its activations, noise of its reconstruction, steps.
RUNS = {
    "front001": (0.95, 0.30, 40),
    "front002": (0.80, 0.10, 40),
    "worse003": (0.78, 0.25, 40),  # behind front002 by both
    "young004": (0.60, 0.05, 20),
}


class Batch:
    """One step of a training that is not one: what the trainer holds, and what its definitions make of that."""

    def __init__(self, seed, threshold, noise):
        random = numpy.random.default_rng(seed)
        self.x = random.normal(size=(ROWS, WIDTH))
        self.out = self.x + noise * random.normal(size=(ROWS, WIDTH))
        acts = random.random((ROWS, D_SAE))
        self.acts = numpy.where(acts > threshold, acts, 0.0)
        self.l2 = ((self.out - self.x) ** 2).sum(1)
        self.tv = ((self.x - self.x.mean(0)) ** 2).sum(1)

    def pushed(self):
        ratios = 1 - self.l2 / self.tv
        return dict(l2_sum=self.l2.sum(), tv_sum=self.tv.sum(), ev_count=float(ROWS), ev_mean=ratios.mean(),
                    ev_m2=((ratios - ratios.mean()) ** 2).sum(), mse_num=(self.l2 / numpy.sqrt(self.tv)).sum(),
                    mse_den=float(ROWS * WIDTH), lp_sum=numpy.abs(self.acts).sum(), l1_coefficient=COEFFICIENT)

    def figures(self):
        """By every definition there is."""
        ratios = 1 - self.l2 / self.tv
        l1 = numpy.abs(self.acts).sum(1).mean()
        prisma_mse = (((self.out - self.x) ** 2) / numpy.sqrt(self.tv)[:, None]).mean()
        return {
            "l0": (self.acts > 0).sum(1).mean(), "fvu": self.l2.sum() / self.tv.sum(),
            "prisma": {"explained_variance": ratios.mean(), "explained_variance_std": ratios.std(ddof=1),
                       "mse_loss": prisma_mse, "l1_loss": l1, "overall_loss": prisma_mse + COEFFICIENT * l1},
            "saelens": {"explained_variance": 1 - self.l2.mean() / self.tv.mean(), "explained_variance_legacy": ratios.mean(),
                        "explained_variance_legacy_std": ratios.std(ddof=1), "mse_loss": self.l2.mean(),
                        "l1_loss": COEFFICIENT * l1, "overall_loss": self.l2.mean() + COEFFICIENT * l1},
            "native": {"explained_variance": 1 - self.l2.mean() / self.tv.mean(), "mse_loss": self.l2.mean(), "l1_loss": l1,
                       "overall_loss": self.l2.mean() + COEFFICIENT * l1},
        }


def batch_at(run, step):
    threshold, noise, _ = RUNS[run]
    return Batch([sum(map(ord, run)), step], threshold, noise)


def trained(daemon, run, like=None, steps=None, **options):
    """Trains `run` on the data of `like`; finishes it."""
    like = like or run
    handle = sae_metrics.init(id=run, name=f"sweep-{run}", project="sweep", d_sae=D_SAE, d_in=WIDTH, feature_sampling_window=WINDOW,
                              wandb_log_frequency=5, dead_feature_window=100, train_batch_size=ROWS, socket=str(daemon.socket),
                              config={"threshold": RUNS[like][0], "seed": 7, "optimizer": {"lr": 1e-3}}, **options)
    for step in range(RUNS[like][2] if steps is None else steps):
        batch = batch_at(like, step)
        handle.log_step(step, fired=(batch.acts != 0).sum(0).astype(numpy.uint32), n_rows=ROWS, **batch.pushed())
    handle.finish(timeout=60)


def last_window(steps):
    """First and last step of the last whole window of ViT-Prisma, whose windows close one step early."""
    last = steps // WINDOW * WINDOW - 2
    return max(last - WINDOW + 1, 0), last


def mean_over(run, first, last, *path):
    values = []
    for step in range(first, last + 1):
        value = batch_at(run, step).figures()
        for name in path:
            value = value[name]
        values.append(value)
    return float(numpy.mean(values))


def command(daemon, *arguments, **environment):
    return subprocess.run([DAEMON, *arguments], env={**daemon.environment(), "LC_ALL": "C.UTF-8", **environment},
                          capture_output=True, text=True, check=False)


def on_a_terminal(daemon, *arguments, columns=80):
    ours, theirs = pty.openpty()
    environment = {**daemon.environment(), "LC_ALL": "C.UTF-8", "TERM": "xterm", "COLUMNS": str(columns), "NO_COLOR": "1"}
    process = subprocess.Popen([DAEMON, *arguments], env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
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
    return process.wait(), out.decode().replace("\r\n", "\n")


def ids(runs):
    return [run["id"] for run in runs]


def dominates(a, b):
    return a[0] <= b[0] and a[1] <= b[1] and a != b


class Pareto(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().start()
        for run in RUNS:
            trained(cls.daemon, run)
        trained(cls.daemon, "short005", like="front001", steps=4)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__()

    def document(self, *arguments):
        out = command(self.daemon, "pareto", "--json", *arguments)
        self.assertEqual(OK, out.returncode, out.stderr)
        return json.loads(out.stdout)

    def expected(self, run, steps=None):
        first, last = last_window(steps or RUNS[run][2])
        return mean_over(run, first, last, "l0"), mean_over(run, first, last, "fvu")

    def test_the_front_is_that_of_the_means_of_the_last_windows(self):
        document = self.document()
        places = {run: self.expected(run) for run in RUNS}
        front = {run for run in RUNS if not any(dominates(places[other], places[run]) for other in RUNS)}
        self.assertEqual(3, len(front))
        self.assertEqual(front, set(ids(document["front"])))
        self.assertEqual(sorted(front, key=lambda run: places[run][0]), ids(document["front"]))
        for run in document["front"] + document["dominated"]:
            l0, fvu = places[run["id"]]
            self.assertTrue(math.isclose(l0, run["l0"], rel_tol=1e-12))
            self.assertTrue(math.isclose(fvu, run["fvu"], rel_tol=1e-12))
            self.assertEqual(last_window(RUNS[run["id"]][2])[1], run["step_last"])
            self.assertEqual((run["step_last"] + 1) * ROWS, run["tokens"])
        beaten, = document["dominated"]
        beater = places[beaten["dominated_by"]]
        self.assertEqual("front002", beaten["dominated_by"])
        self.assertTrue(math.isclose(places["worse003"][1] - beater[1], beaten["worse"]["fvu"]["difference"], rel_tol=1e-9))
        self.assertEqual(["short005"], ids(document["apart"]))
        self.assertEqual("no complete window yet, 40 % of the first", document["apart"][0]["why"])

    def test_the_hypervolume_is_the_sum_of_its_strips(self):
        document = self.document("--ref", "40,1")
        volume, floor = 0.0, 1.0
        for run in document["front"]:
            volume += (math.log10(40) - math.log10(run["l0"])) * (floor - run["fvu"])
            floor = run["fvu"]
        self.assertTrue(math.isclose(volume, document["hypervolume"]["value"], rel_tol=1e-12))
        self.assertEqual({"l0": 40, "fvu": 1}, document["hypervolume"]["reference"])

    def test_at_equal_tokens_each_run_is_taken_where_it_was(self):
        document = self.document()
        warning, = document["warnings"]
        words = warning.split()
        tokens = words[words.index("--at-tokens") + 1]
        fair = self.document("--at-tokens", tokens)
        self.assertEqual([], fair["warnings"])
        for run in fair["front"] + fair["dominated"]:
            self.assertEqual(18, run["step_last"])
            self.assertTrue(math.isclose(self.expected(run["id"], 20)[1], run["fvu"], rel_tol=1e-12))
        nobody = self.document("--at-tokens", "100")
        self.assertEqual(5, len(nobody["apart"]))
        self.assertEqual("no complete window within 100 tokens", nobody["apart"][0]["why"])
        self.assertIsNone(nobody["hypervolume"])

    def test_trajectories_are_all_windows_of_a_run(self):
        document = self.document("--trajectories", "front002", "young004")
        paths = {run["id"]: run["trajectory"] for run in document["front"]}
        self.assertEqual([8, 18, 28, 38], [point["step_last"] for point in paths["front002"]])
        self.assertEqual([8, 18], [point["step_last"] for point in paths["young004"]])
        self.assertTrue(math.isclose(mean_over("front002", 9, 18, "fvu"), paths["front002"][1]["fvu"], rel_tol=1e-12))

    def test_runs_without_the_sums_of_fvu_are_compared_by_their_explained_variance(self):
        with Daemon() as daemon:
            for run, variance in (("plain001", 0.75), ("plain002", 0.5)):
                handle = sae_metrics.init(id=run, d_sae=D_SAE, feature_sampling_window=WINDOW, socket=str(daemon.socket))
                for step in range(2 * WINDOW):
                    handle.log_step(step, fired=numpy.full(D_SAE, 3, dtype=numpy.uint32), n_rows=ROWS, mse_loss=1.0,
                                    explained_variance=variance)
                handle.finish(timeout=60)
            for name in ("pareto", "compare"):
                out = command(daemon, name, "plain001", "plain002")
                self.assertEqual(OK, out.returncode, out.stderr)
                self.assertIn("explained_variance stands in for it", out.stderr)
            document = json.loads(command(daemon, "pareto", "--json").stdout)
            self.assertEqual(["plain001"], ids(document["front"]))
            self.assertEqual(0.75, document["front"][0]["explained_variance"])
            # Who names fvu means it.
            for name in ("pareto", "compare"):
                out = command(daemon, name, "plain001", "plain002", "--y", "fvu")
                self.assertEqual((USAGE, ""), (out.returncode, out.stdout))
                self.assertIn("no run has fvu; there are ", out.stderr)

    def test_scripts_get_an_exit_status(self):
        for run, status in (("front001", OK), ("worse003", DOMINATED), ("short005", 1), ("nobody", NO_SUCH_RUN), ("00", NO_SUCH_RUN)):
            out = command(self.daemon, "pareto", "--fail-if-dominated", run)
            self.assertEqual(status, out.returncode, out.stderr)
        # Without the one that beats it, it is on the front.
        self.assertEqual(OK, command(self.daemon, "pareto", "front001", "worse003", "--fail-if-dominated", "worse003").returncode)

    def test_what_is_not_understood_says_what_was_expected(self):
        for arguments, words in (
                (["--y", "shrinkage"], "is more or less of shrinkage better? Say --y-better lower or higher"),
                (["--y", "shrinkage", "--y-better", "lower"], "no run has shrinkage; there are above_1e-1 above_1e-2 "),
                (["--y-better", "up"], "--y-better: expected lower or higher, not up"),
                (["--x", "fvu"], "--x and --y are both fvu"),
                (["--at-tokens", "soon"], "--at-tokens: expected a count like 168M or 1.3G, not soon"),
                (["--as", "torch"], "--as: expected prisma, saelens, saelens-legacy or native, not torch"),
                (["--change-since", "soon"],
                 "--change-since: expected a time like 2h, 3d, 2026-11-23 or '2026-11-23 16:02', not soon"),
                (["--ref", "5"], "--ref: expected two numbers like 500,1, not 5"),
                (["--ref", "0,1"], "--ref: l0 is measured in decades, and has to be above 0"),
                (["--where", "colour=red"], "no run's config has 'colour'")):
            out = command(self.daemon, "pareto", *arguments)
            self.assertEqual(USAGE, out.returncode, arguments)
            self.assertIn(words, out.stderr)
            self.assertEqual("", out.stdout)
        self.assertEqual(NO_SUCH_RUN, command(self.daemon, "pareto", "nobody").returncode)
        self.assertEqual(NO_ANSWER, command(self.daemon, "pareto", "--socket", "/nowhere/socket").returncode)

    def test_filters_and_words_restrict_it(self):
        self.assertEqual(["front001"], ids(self.document("--where", "threshold=0.95", "--state", "finished")["front"]))
        self.assertEqual([], self.document("--project", "another")["front"])
        self.assertEqual({"front001", "young004"}, set(ids(self.document("t001", "young")["front"])))

    def test_a_file_says_the_same_as_the_daemon(self):
        self.assertEqual(self.document(), self.document("--db", str(self.daemon.database)))

    def test_a_terminal_gets_a_plot_a_pipe_the_table_alone(self):
        for columns in (80, 120):
            status, screen = on_a_terminal(self.daemon, "pareto", columns=columns)
            self.assertEqual(OK, status)
            self.assertIn("4 runs, 3 on the front", screen)
            self.assertIn("└", screen)
            self.assertIn("! runs are compared at unequal tokens", screen)
            self.assertLessEqual(max(map(len, screen.splitlines())), columns)
        out = command(self.daemon, "pareto")
        self.assertEqual("RUN", out.stdout.split()[0])
        self.assertEqual(5, len(out.stdout.splitlines()))
        self.assertIn("unequal tokens", out.stderr)
        self.assertIn("dominates another when", command(self.daemon, "pareto", "--explain").stdout)


class Change(unittest.TestCase):
    """front001 and worse003 were trained last week, front002 today."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().start()
        for run in "front001", "worse003", "front002":
            trained(cls.daemon, run)
        cls.daemon.stop()
        with contextlib.closing(sqlite3.connect(cls.daemon.database)) as connection, connection:
            connection.execute("UPDATE windows_data SET time = time - 7 * 86400 WHERE run IN "
                               "(SELECT n FROM runs_data WHERE id <> 'front002')")
        cls.daemon.start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__()

    def document(self, *arguments):
        out = command(self.daemon, "pareto", "--json", *arguments)
        self.assertEqual(OK, out.returncode, out.stderr)
        return json.loads(out.stdout)

    def test_what_joined_and_left_the_front_since_yesterday_is_told(self):
        for where in [], ["--db", str(self.daemon.database)]:
            document = self.document("--ref", "40,1", *where)
            change = document["change"]
            self.assertEqual(["front002"], change["joined"])
            self.assertEqual([{"id": "worse003", "dominated_by": "front002"}], change["left"])
            self.assertEqual(2, change["n_then"])
            then = self.document("--ref", "40,1", "front001", "worse003", *where)["hypervolume"]["value"]
            self.assertEqual(then, change["hypervolume_then"])
            self.assertAlmostEqual(document["hypervolume"]["value"] - then, change["hypervolume_change"], places=12)
            self.assertGreater(change["hypervolume_change"], 0)

    def test_of_when_is_asked(self):
        self.assertIsNone(self.document("--change-since", "8d")["change"])
        change = self.document("--change-since", "0s")["change"]
        self.assertEqual(([], [], 0), (change["joined"], change["left"], change["hypervolume_change"]))
        since = datetime.datetime.fromisoformat(self.document()["change"]["since"].replace("Z", "+00:00"))
        self.assertAlmostEqual(86400, time.time() - since.timestamp(), delta=PATIENCE_S)

    def test_the_front_of_then_is_by_the_same_definitions_and_tokens(self):
        restated = self.document("--as", "saelens", "--y", "mse_loss")
        self.assertEqual(["front002"], restated["change"]["joined"])
        alone = self.document("--as", "saelens", "--y", "mse_loss", "front001", "worse003", "--ref",
                              ",".join(str(value) for value in restated["hypervolume"]["reference"].values()))
        self.assertEqual(alone["hypervolume"]["value"], restated["change"]["hypervolume_then"])
        # After the first window of each.
        tokens = str(9 * ROWS)
        early = self.document("--at-tokens", tokens, "--ref", "40,1")
        alone = self.document("--at-tokens", tokens, "--ref", "40,1", "front001", "worse003")
        self.assertEqual(alone["hypervolume"]["value"], early["change"]["hypervolume_then"])

    def test_a_terminal_and_a_pipe_say_it(self):
        status, screen = on_a_terminal(self.daemon, "pareto", "--no-plot")
        self.assertEqual(OK, status)
        self.assertRegex(" ".join(screen.split()), r"\+0\.\d+ since \d{4}-\d\d-\d\d \d\d:\d\d ")
        self.assertIn("new on the front: B\n", screen)
        self.assertIn("left the front: c (worse than B)\n", screen)
        rows = {row.split()[1]: row.split() for row in command(self.daemon, "pareto").stdout.splitlines()}
        self.assertEqual(("NOTE", "new", "left", "-"),
                         tuple(rows[run][9] for run in ("ID", "front002", "worse003", "front001")))


class Compare(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().start()
        for run in RUNS:
            trained(cls.daemon, run)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__()

    def document(self, *arguments):
        out = command(self.daemon, "compare", "--json", *arguments)
        self.assertEqual(OK, out.returncode, out.stderr)
        return json.loads(out.stdout)

    def test_runs_are_compared_at_the_most_tokens_all_of_them_have(self):
        document = self.document("young004", "front002", "worse003")
        self.assertEqual(["young004", "front002", "worse003"], ids(document["runs"]))
        self.assertEqual(19 * ROWS, document["at_tokens"])
        for i, run in enumerate(("young004", "front002", "worse003")):
            self.assertTrue(math.isclose(mean_over(run, 9, 18, "fvu"), document["metrics"]["fvu"]["values"][i], rel_tol=1e-12))
        self.assertEqual("young004", document["metrics"]["fvu"]["best"])
        self.assertEqual([[], [], ["front002"]], [run["dominated_by"] for run in document["runs"]])

    def test_only_what_differs_in_the_configs_is_shown(self):
        document = self.document("young004", "front002")
        self.assertEqual({"threshold": [0.6, 0.8]}, document["config"])
        self.assertEqual(2, document["n_same_config_keys"])
        everything = self.document("young004", "front002", "--all")["config"]
        self.assertEqual({"threshold": [0.6, 0.8], "seed": [7, 7], "optimizer.lr": [1e-3, 1e-3]}, everything)

    def test_the_densities_are_those_of_the_windows_compared(self):
        for run in self.document("young004", "front002")["runs"]:
            counts = sum((batch_at(run["id"], step).acts != 0).sum(0) for step in range(9, 19))
            expected = numpy.histogram(numpy.log10(counts[counts > 0] / (10 * ROWS)), bins=200, range=(-10, 0))[0]
            self.assertEqual(list(expected), run["density"]["histogram"]["counts"])
            self.assertEqual(10 * ROWS, run["density"]["n_tokens"])

    def test_two_to_six_runs_are_compared(self):
        for runs, status in ((["young004"], NO_SUCH_RUN), (["young004", "young004"], NO_SUCH_RUN), ([], OK)):
            self.assertEqual(status, command(self.daemon, "compare", *runs).returncode)
        self.assertEqual(USAGE, command(self.daemon, "compare", "--project", "another").returncode)
        out = command(self.daemon, "compare", "--x", "fvu")
        self.assertEqual(USAGE, out.returncode)
        self.assertIn("sae-metricsd compare: --x and --y are both fvu", out.stderr)

    def test_what_is_wrong_with_one_file_is_said_once(self):
        with tempfile.NamedTemporaryFile(suffix=".db") as bad:
            out = command(self.daemon, "compare", "--json", "young004", "front002", "--db", self.daemon.database, bad.name)
            self.assertEqual(1, out.returncode)
            self.assertEqual(1, out.stderr.count(bad.name), out.stderr)
            self.assertEqual(19 * ROWS, json.loads(out.stdout)["at_tokens"])

    def test_the_name_of_a_figure_is_one(self):
        for name, flaw in ((b"\xff", "is not UTF-8"), (b"l0\x1b[31m", "holds a control character")):
            out = command(self.daemon, "compare", "young004", "front002", "--x", name, "--x-better", "lower")
            self.assertEqual(USAGE, out.returncode)
            self.assertIn(f"--x: the name of a figure {flaw}", out.stderr)

    def test_a_terminal_gets_the_densities(self):
        for columns in (80, 120):
            status, screen = on_a_terminal(self.daemon, "compare", "young004", "front002", columns=columns)
            self.assertEqual(OK, status)
            self.assertIn("feature density", screen)
            self.assertIn("neither dominates", screen)
            self.assertLessEqual(max(map(len, screen.splitlines())), columns)
        out = command(self.daemon, "compare", "young004", "front002", "--at-tokens", "1.6k")
        self.assertNotIn("feature density", out.stdout)
        self.assertNotIn("unequal tokens", out.stdout)
        self.assertIn("unequal tokens", out.stderr)


class As(unittest.TestCase):
    """The same data, pushed by two trainers."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().start()
        trained(cls.daemon, "asprisma", like="front001")
        trained(cls.daemon, "assaelen", like="front001", profile="saelens-legacy")

    @classmethod
    def tearDownClass(cls):
        cls.daemon.__exit__()

    def metrics(self, *arguments):
        document = json.loads(command(self.daemon, "compare", "--json", "asprisma", "assaelen", *arguments).stdout)
        return {name: figure["values"] for name, figure in document["metrics"].items()}, document

    def test_one_push_is_both_definitions(self):
        first, last = last_window(40)
        for profile in ("prisma", "saelens", "native"):
            metrics, document = self.metrics("--as", profile)
            self.assertEqual(profile, document["as"])
            for name in Batch(1, 0.5, 0.1).figures()[profile]:
                expected = mean_over("front001", first, last, profile, name)
                for value in metrics[name]:
                    self.assertTrue(math.isclose(expected, value, rel_tol=1e-9), (profile, name, expected, value))

    def test_without_it_each_run_has_its_own_and_a_warning_says_so(self):
        metrics, document = self.metrics()
        self.assertNotEqual(*metrics["explained_variance"])
        self.assertTrue(any("explained_variance is not one thing here" in words for words in document["warnings"]))
        out = command(self.daemon, "pareto", "--y", "explained_variance")
        self.assertIn("restates it, and fvu is the same for all", out.stderr)
        advice = re.search("; (--as [a-z-]+) restates it", out.stderr).group(1).split()
        self.assertEqual(0, command(self.daemon, "pareto", "--y", "explained_variance", *advice).returncode)
        if not PICTURES.exists():
            return
        drawn = command(self.daemon, "plot", "--kind", "front", "--y", "explained_variance", "-o", self.daemon.directory / "front.csv")
        self.assertEqual(0, drawn.returncode)
        self.assertIn("; pareto --as ", drawn.stderr)  # it has no such option itself
        self.assertNotIn("not one thing", command(self.daemon, "pareto", "--y", "explained_variance", "--as", "saelens").stderr)

    def test_status_of_a_run_has_both_definitions(self):
        first, last = last_window(40)
        run = json.loads(command(self.daemon, "status", "asprisma", "--as", "saelens", "--json").stdout)
        self.assertEqual("saelens", run["as"]["profile"])
        self.assertTrue(math.isclose(mean_over("front001", first, last, "saelens", "mse_loss"), run["point"]["metrics"]["mse_loss"],
                                     rel_tol=1e-9))
        out = command(self.daemon, "status", "asprisma", "--as", "saelens")
        self.assertEqual(["METRIC", "prisma", "saelens", "NOTE"], out.stdout.splitlines()[0].split())
        self.assertEqual(OK, out.returncode)
        self.assertEqual(NO_SUCH_RUN, command(self.daemon, "status", "nobody", "--as", "saelens").returncode)
        for arguments in (["--as", "saelens"], ["asprisma", "--as", "torch"]):
            self.assertEqual(USAGE, command(self.daemon, "status", *arguments).returncode)

    def test_under_one_definition_equal_runs_are_on_the_front_together(self):
        out = command(self.daemon, "pareto", "--json", "--y", "mse_loss", "--as", "saelens")
        self.assertEqual(2, len(json.loads(out.stdout)["front"]))


if __name__ == "__main__":
    tap.main()
