"""`sae-metricsd plot`: every kind as SVG, PDF and PNG, and as the numbers that are drawn, held against the database; and `report`."""
import csv
import html.parser
import io
import json
import math
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree

from harness import DAEMON, PICTURES, Daemon, query_database
import workload

import tap

try:
    from PIL import Image
except ImportError:
    Image = None

OK, FAILED, USAGE, NO_ANSWER, NO_SUCH_RUN = 0, 1, 2, 3, 4
STEPS, NAN_STEPS, SPIKE, WENT_BACK = 1730, range(300, 310), 777, 1500


def train(daemon, run, steps=STEPS, **options):
    handle = workload.begin(daemon.socket, run, **options)
    for step in range(steps):
        fired, n_rows = workload.counts_at(run, 0, step)
        scalars = workload.scalars_at(0, step)
        if step in NAN_STEPS:
            scalars["mse_loss"] = math.nan
        if step == SPIKE:
            scalars["mse_loss"] = 1e6
        handle.log_step(step, fired=fired, n_rows=n_rows, grad_norm=1.0 / (1 + step), **scalars)
    return handle


class Page(html.parser.HTMLParser):
    """Strict: every tag is closed in its turn, none but ours is there, and an id is there once."""
    VOID = {"meta"}
    KNOWN = {"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "figure", "figcaption", "section", "div", "table",
             "thead", "tbody", "tr", "th", "td", "svg", "g", "defs", "symbol", "path", "use", "clippath", "rect", "mask", "filter"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.targets, self.text, self.rows, self.attributes = [], set(), set(), [], {}, []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        assert tag in self.KNOWN, tag
        self.attributes += attributes
        for name, value in attributes:
            if name == "id":
                assert value not in self.ids, value
                self.ids.add(value)
            self.targets.update(re.findall(r"#([\w-]+)", value) if name in ("xlink:href", "clip-path", "mask") else ())
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.row = []
        if tag in ("td", "th"):
            self.row.append("")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag
        if tag == "tr":
            self.rows.setdefault(self.row[0], []).append(self.row[1:])

    def handle_data(self, data):
        self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.row[-1] += data


class Pictures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.__exit__)
        cls.daemon.start()
        handle = train(cls.daemon, "whole001", name="l9-x16", project="clip")
        for step in range(WENT_BACK, STEPS - 100):  # a second attempt, of other numbers
            workload.log_step(handle, "whole001", 1, step)
        handle.finish(timeout=60)
        train(cls.daemon, "second01", 400, name="l9-x32").finish(timeout=60)
        train(cls.daemon, "brief001", 20).finish(timeout=60)
        logs = workload.begin(cls.daemon.socket, "logs0001")
        logs.log({"a": 1.0}, step=0)
        logs.finish(timeout=60)
        cls.out = cls.daemon.directory / "pictures"
        cls.out.mkdir()

    def plot(self, *arguments, database=None, status=OK, **more):
        out = subprocess.run([DAEMON, "plot", *map(str, arguments), "--db", database or self.daemon.database],
                             env=self.daemon.environment(), capture_output=True, text=True, check=False, **more)
        self.assertEqual((status, ""), (out.returncode, out.stdout), out.stderr)
        return out.stderr

    def figures(self, *arguments, **more):
        self.plot(*arguments, "-o", self.out / "figures.json", **more)
        return json.loads((self.out / "figures.json").read_text())

    def rows(self, query, *parameters):
        return query_database(self.daemon.database, query, *parameters)

    # ---- the numbers ----

    def steps_that_stand(self, run, metric, over="step"):
        """[(x, value or NaN)] of the newest attempt that has a step, in their order."""
        newest = {}
        for step, attempt, x, value, non_finite in self.rows(
                f'SELECT step, attempt, {over}, "{metric}", non_finite FROM steps WHERE run = ? ORDER BY attempt', run):
            if value is None and metric in json.loads(non_finite or "{}"):
                value = math.nan
            newest[step] = (attempt, x, value)
        begun = dict(self.rows("SELECT attempt, step_first FROM attempts WHERE run = ?", run))
        return [(x, value) for step, (attempt, x, value) in sorted(newest.items())
                if not any(a > attempt and first <= step for a, first in begun.items()) and value is not None]

    def check_series(self, expected, figures, series, n_columns):
        low, high = figures["x_low"], figures["x_high"]
        columns = {}
        for x, y in expected:
            columns.setdefault(min(int((x - low) / (high - low) * n_columns), n_columns - 1), []).append((x, y))
        self.assertEqual(len(columns), len(series["x"]))
        for i, (_, rows) in enumerate(sorted(columns.items())):
            finite = [y for _, y in rows if not math.isnan(y)]
            self.assertAlmostEqual(sum(x for x, _ in rows) / len(rows), series["x"][i], delta=1e-9 * high)
            self.assertEqual((len(finite), len(rows) - len(finite)), (series["n"][i], series["not_finite"][i]))
            if not finite:
                self.assertEqual([None] * 3, [series[part][i] for part in ("min", "mean", "max")])
                continue
            self.assertEqual((min(finite), max(finite)), (series["min"][i], series["max"][i]))
            self.assertTrue(math.isclose(sum(finite) / len(finite), series["mean"][i], rel_tol=1e-9))

    def test_curves_are_every_step_that_stands(self):
        figures = self.figures("whole001", "--metric", "mse_loss,l0,explained_variance,fvu")
        self.assertEqual((1, "curves", "l9-x16"), (figures["schema"], figures["kind"], figures["title"]))
        for panel in figures["panels"]:
            series, = panel["series"]
            expected = self.steps_that_stand("whole001", panel["metric"])
            self.assertEqual((1, len(expected)), (figures["x_high"] - figures["x_low"] >= len(expected) - 1, series["n_steps"]))
            self.check_series(expected, figures, series, 360)
        mse = figures["panels"][0]["series"][0]
        self.assertEqual((1e6, len(NAN_STEPS)), (max(filter(None, mse["max"])), mse["n_not_finite"]))

    def test_curves_over_tokens_and_of_several_runs(self):
        figures = self.figures("whole001", "second01", "--over", "tokens", "--metric", "l0", "--width", 500)
        self.assertEqual(["whole001", "second01"], [run["id"] for run in figures["runs"]])
        self.assertEqual("training tokens", figures["x_label"])
        for series, run in zip(figures["panels"][0]["series"], ("whole001", "second01")):
            self.check_series(self.steps_that_stand(run, "l0", "n_training_tokens"), figures, series, 500)

    def test_a_number_of_the_trainers_own_is_drawn_by_its_name(self):
        panel, = self.figures("second01", "--metric", "grad_norm")["panels"]
        series, = panel["series"]
        self.assertEqual(("grad_norm", 400), (panel["metric"], series["n_steps"]))
        self.assertEqual((1.0, 1 / 400), (max(series["max"]), min(series["min"])))

    def test_without_a_name_the_losses_are_drawn_and_what_they_are_weighed_against(self):
        self.assertEqual(["overall_loss", "mse_loss", "l0", "explained_variance"],
                         [panel["metric"] for panel in self.figures("second01")["panels"]])

    def test_ridges_are_the_windows_counts(self):
        figures = self.figures("second01", "--kind", "density", "--windows", 200)
        run, = figures["runs"]
        rows = self.rows("SELECT window, step_first, step_last, n_tokens, d_sae, never_fired, density_counts FROM windows "
                         "WHERE run = 'second01' AND complete ORDER BY window")
        self.assertEqual(8, len(rows))
        self.assertEqual([(*row[:-1], json.loads(row[-1])) for row in rows],
                         [tuple(window[name] for name in ("window", "step_first", "step_last", "n_tokens", "d_sae", "never_fired", "counts"))
                          for window in run["windows"]])
        self.assertEqual((-10, 20), (figures["lo"], figures["bins_per_decade"]))

    def test_of_many_windows_some_are_drawn_evenly_the_newest_among_them(self):
        (n, newest), = self.rows("SELECT count(*), max(window) FROM windows w WHERE run = 'whole001' AND complete AND NOT EXISTS (SELECT 1 "
                                 "FROM attempts a WHERE a.run = w.run AND a.attempt > w.attempt AND a.step_first <= w.step_last)")
        for most in (1, 2, 5, n - 1, n):
            run, = self.figures("whole001", "--kind", "density", "--windows", most)["runs"]
            self.assertEqual((n, most), (run["n_windows"], len(run["windows"])))
            self.assertEqual(newest, run["windows"][-1]["window"])
            gaps = [b["step_last"] - a["step_last"] for a, b in zip(run["windows"], run["windows"][1:])]
            self.assertLessEqual(max(gaps, default=0), 2 * min(gaps, default=0) + workload.WINDOW)

    def test_a_table_has_the_same_numbers(self):
        figures = self.figures("whole001", "--metric", "mse_loss")
        self.plot("whole001", "--metric", "mse_loss", "-o", self.out / "figures.csv")
        rows = list(csv.DictReader(io.StringIO((self.out / "figures.csv").read_text())))
        series, = figures["panels"][0]["series"]
        self.assertEqual(len(series["x"]), len(rows))
        for part in ("x", "min", "mean", "max", "n", "not_finite"):
            self.assertEqual(series[part], [float(row[part]) if row[part] else None for row in rows], part)

    def test_what_a_daemon_hands_out_is_drawn_the_same(self):
        for kind in ("curves", "density", "front"):
            want = self.figures("whole001", "--kind", kind)
            file = self.out / "handed.json"
            out = subprocess.run([DAEMON, "plot", "whole001", "--kind", kind, "-o", file, "--socket", self.daemon.socket],
                                 env=self.daemon.environment(), capture_output=True, text=True, check=False)
            self.assertEqual((OK, ""), (out.returncode, out.stderr))
            self.assertEqual(want, json.loads(file.read_text()))

    def window_means(self, run, *metrics):
        """Of the last complete window that stands, over its steps that stand."""
        (first, last), = self.rows("SELECT step_first, step_last FROM windows w WHERE run = ? AND complete AND NOT EXISTS (SELECT 1 FROM "
                                   "attempts a WHERE a.run = w.run AND a.attempt > w.attempt AND a.step_first <= w.step_last) "
                                   "ORDER BY attempt DESC, window DESC LIMIT 1", run)
        means = []
        for metric in metrics:
            values = [y for x, y in self.steps_that_stand(run, metric) if first <= x <= last]
            means.append(sum(values) / len(values))
        return means

    def test_the_front_is_drawn_of_the_last_complete_windows_means(self):
        figures = self.figures()
        self.assertEqual(("front", "l0", "fvu"), (figures["kind"], figures["x"]["metric"], figures["y"]["metric"]))
        runs = {run["id"]: run for run in figures["runs"]}
        self.assertEqual({"whole001", "second01"}, set(runs))
        for name, run in runs.items():
            l0, fvu = self.window_means(name, "l0", "fvu")
            self.assertTrue(math.isclose(l0, run["x"], rel_tol=1e-9) and math.isclose(fvu, run["y"], rel_tol=1e-9), (name, l0, fvu, run))
        best = min(runs.values(), key=lambda run: (run["x"], run["y"]))
        self.assertTrue(best["on_front"])
        self.assertEqual({"brief001", "logs0001"}, {run["id"] for run in figures["left_out"]})
        self.assertTrue(figures["unequal_tokens"])

    def test_a_front_at_equal_tokens_and_of_other_metrics(self):
        said = self.plot("--x", "l0", "--y", "explained_variance", "--at-tokens", "20k", "--trajectory", "-o", self.out / "figures.json")
        figures = json.loads((self.out / "figures.json").read_text())
        self.assertEqual((20000, True), (figures["at_tokens"], figures["y"]["higher"]))
        self.assertIn("brief001 is left out: no complete window within 20", said)
        for run in figures["runs"]:
            self.assertLessEqual(run["n_tokens_folded"], 20000)
            self.assertEqual([run["x"], run["y"]], run["trajectory"][-1])

    def test_a_front_of_some_runs(self):
        self.assertEqual(["second01"], [run["id"] for run in self.figures("second", "--kind", "front")["runs"]])
        self.assertEqual(["whole001"], [run["id"] for run in self.figures("--project", "clip")["runs"]])
        self.assertIn("no run fits 'nobody'", self.plot("nobody", "--kind", "front", "-o", self.out / "no.svg", status=NO_SUCH_RUN))
        self.assertIn("no run can be drawn: ", self.plot("brief", "--kind", "front", "-o", self.out / "no.svg", status=FAILED))
        self.assertIn("fit '001'", self.plot("001", "--kind", "front", "-o", self.out / "no.svg", status=NO_SUCH_RUN))
        self.assertIn("is more or less of nonsense better?", self.plot("--y", "nonsense", "-o", self.out / "no.svg", status=USAGE))
        self.assertIn("no run has nonsense; there are ",
                      self.plot("--y", "nonsense", "--y-better", "lower", "-o", self.out / "no.svg", status=USAGE))
        self.assertFalse((self.out / "no.svg").exists())

    # ---- the pictures ----

    def test_every_kind_is_drawn_in_every_format(self):
        for kind in ("curves", "density", "front"):
            for look in ([], ["--dark", "--title", "A title", "--scale", 1.5]):
                svg, pdf = self.out / f"{kind}.svg", self.out / f"{kind}.pdf"
                self.plot("whole001", "second01", "--kind", kind, *look, "-o", svg)
                root = ElementTree.parse(svg).getroot()
                self.assertEqual(("{http://www.w3.org/2000/svg}svg", "540pt"), (root.tag, root.get("width")))
                self.assertGreater(len(root.findall(".//{http://www.w3.org/2000/svg}path")), 20)
                self.plot("whole001", "second01", "--kind", kind, *look, "-o", pdf)
                self.assertTrue(pdf.read_bytes().startswith(b"%PDF-"))
                self.assertTrue(pdf.read_bytes().rstrip().endswith(b"%%EOF"))

    @unittest.skipIf(Image is None, "python3-pil is not installed")
    def test_a_png_has_the_size_that_was_asked_for_and_something_on_it(self):
        for kind in ("curves", "density", "front"):
            for arguments, size, dpi in (([], (1440, None), 192), (["--width", 400, "--height", 300, "--dpi", 96], (400, 300), 96),
                                         (["--width", 320, "--height", 240, "--dpi", 300, "--dark"], (1000, 750), 300)):
                file = self.out / f"{kind}.png"
                self.plot("whole001", "--kind", kind, *arguments, "-o", file)
                with Image.open(file) as image:
                    image.load()
                    self.assertEqual(size, (image.width, image.height if size[1] else None))
                    self.assertAlmostEqual(dpi, image.info["dpi"][0], delta=0.1)
                    colours = image.convert("RGB").getcolors(1 << 24)
                ground = max(colours)[1]
                self.assertEqual((20, 23, 28) if "--dark" in arguments else (255, 255, 255), ground)
                self.assertGreater(len(colours), 20)
                # The data itself is there, in its colour.
                wanted = {"curves": ((0, 114, 178), (86, 180, 233)), "density": ((8, 48, 107), (191, 227, 255)),
                          "front": ((0, 114, 178), (86, 180, 233))}[kind]["--dark" in arguments]
                self.assertGreater(sum(n for n, colour in colours if colour == wanted), 100)

    def test_the_same_run_is_drawn_the_same_to_the_byte(self):
        for ending in ("svg", "png"):
            files = [self.out / f"{name}.{ending}" for name in ("one", "other")]
            for file in files:
                self.plot("whole001", "-o", file)
            self.assertEqual(files[0].read_bytes(), files[1].read_bytes())

    def test_a_hostile_name_is_drawn_and_is_no_markup(self):
        database = self.daemon.directory / "hostile.db"
        subprocess.run([DAEMON, "backup", "--db", self.daemon.database, "--force", database], env=self.daemon.environment(), check=True,
                       capture_output=True)
        name = "<script>alert(1)</script>\x1b[31m\x07 & \u202e\"'--></svg>" + "x" * 4000
        connection = sqlite3.connect(database)
        connection.execute("UPDATE runs_data SET name = ? WHERE id IN ('whole001', 'second01')", (name,))
        connection.commit()
        connection.close()
        for kind in ("curves", "density", "front"):
            for runs in (["whole001"], ["whole001", "second01"]):
                self.plot(*runs, "--kind", kind, "-o", self.out / "hostile.svg", database=database)
                text = (self.out / "hostile.svg").read_text()
                self.assertNotIn("script", text)
                self.assertNotIn("\x1b", text)
                ElementTree.fromstring(text)

    def test_runs_of_one_name_are_told_apart_by_their_ids(self):
        database = self.daemon.directory / "one_name.db"
        subprocess.run([DAEMON, "backup", "--db", self.daemon.database, "--force", database], env=self.daemon.environment(), check=True,
                       capture_output=True)
        connection = sqlite3.connect(database)
        connection.execute("UPDATE runs_data SET name = 'l1-0.01' WHERE id IN ('whole001', 'second01')")
        connection.commit()
        connection.close()
        for kind in ("curves", "density", "front"):
            self.plot("whole001", "second01", "--kind", kind, "-o", self.out / "one_name.json", database=database)
            figures = json.loads((self.out / "one_name.json").read_text())
            self.assertEqual({"l1-0.01-whole001", "l1-0.01-second01"}, {run["label"] for run in figures["runs"]})

    def test_a_whole_id_means_no_other_run(self):
        database = self.daemon.directory / "like.db"
        subprocess.run([DAEMON, "backup", "--db", self.daemon.database, "--force", database], env=self.daemon.environment(), check=True,
                       capture_output=True)
        connection = sqlite3.connect(database)
        connection.execute("UPDATE runs_data SET name = 'like whole001' WHERE id = 'second01'")
        connection.commit()
        connection.close()
        self.plot("whole001", "--kind", "front", "-o", self.out / "like.json", database=database)
        self.assertEqual(["whole001"], [run["id"] for run in json.loads((self.out / "like.json").read_text())["runs"]])

    def test_a_logarithmic_scale_that_cannot_be_is_said(self):
        database = self.copied("below.db", "UPDATE steps_data SET l0 = 0 WHERE step = 7")
        said = self.plot("whole001", "--metric", "l0,mse_loss", "--y-axis", "log", "-o", self.out / "log.json", database=database)
        self.assertIn("l0 is not above 0 everywhere: its scale is linear", said)
        self.assertNotIn("mse_loss", said)
        axes = [panel["axis"] for panel in json.loads((self.out / "log.json").read_text())["panels"]]
        self.assertEqual(["linear", "log"], axes)

    def test_a_place_that_is_not_finite_is_none(self):
        database = self.copied("endless.db", "UPDATE steps_data SET elapsed_s = 9e999 WHERE step = 7")
        self.plot("whole001", "--over", "time", "-o", self.out / "endless.json", database=database)
        self.assertLess(json.loads((self.out / "endless.json").read_text())["x_high"], 1e6)

    def test_what_a_hostile_file_calls_a_metric_does_not_reach_the_terminal(self):
        database = self.copied("names.db", "UPDATE steps_data SET extra = json_object('a' || char(27) || '[2Jb', 1)")
        said = self.plot("whole001", "--metric", "nonsense", "-o", self.out / "no.svg", database=database, status=FAILED)
        self.assertIn("a?[2Jb", said)
        self.assertNotIn("\x1b", said)

    def test_a_png_that_is_too_high_is_refused_when_its_height_is_known(self):
        said = self.plot("whole001", "second01", "--kind", "density", "--dpi", 1200, "--width", 320, "--scale", 8, "-o", self.out / "big.png", status=USAGE)
        self.assertIn("a PNG has at most 16000 pixels a side", said)
        self.assertFalse((self.out / "big.png").exists())

    def copied(self, name, change):
        database = self.daemon.directory / name
        subprocess.run([DAEMON, "backup", "--db", self.daemon.database, "--force", database], env=self.daemon.environment(), check=True,
                       capture_output=True)
        connection = sqlite3.connect(database)
        connection.execute(change)
        connection.commit()
        connection.close()
        return database

    def test_a_run_that_is_named_twice_is_there_once(self):
        for kind in ("curves", "density", "front"):
            self.plot("whole001", "second01", "whole", "--kind", kind, "-o", self.out / "once.json")
            self.assertEqual(["whole001", "second01"], [run["id"] for run in json.loads((self.out / "once.json").read_text())["runs"]])
        _, page = self.page("whole001", "whole", "whole001")
        self.assertNotIn("side by side", " ".join(page.text))

    def test_a_run_of_one_window_and_one_of_a_few_steps_are_drawn(self):
        self.plot("brief001", "-o", self.out / "brief.svg")
        self.plot("second01", "--kind", "density", "--windows", 1, "-o", self.out / "brief.svg")

    # ---- the report ----

    def report(self, *arguments, database=None, status=OK):
        out = subprocess.run([DAEMON, "report", *map(str, arguments), "--db", database or self.daemon.database],
                             env=self.daemon.environment(), capture_output=True, text=True, check=False)
        self.assertEqual((status, ""), (out.returncode, out.stdout), out.stderr)
        return out.stderr

    def page(self, *arguments, **more):
        self.report(*arguments, "-o", self.out / "run.html", **more)
        text = (self.out / "run.html").read_text()
        page = Page(text)
        self.assertLessEqual(page.targets, page.ids)
        # Nothing is fetched or run: there is no such tag (Page), no such attribute, no style from elsewhere.
        self.assertFalse({name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href", "action", "data")})
        self.assertTrue(all(value.startswith("#") for name, value in page.attributes if name == "xlink:href"))
        self.assertFalse("@import" in text or re.search(r"url\((?!#)", text))
        return text, page

    def test_a_report_has_the_pictures_the_figures_and_the_config(self):
        text, page = self.page("whole001", "--title", "A & B")
        self.assertEqual((2, 1), (text.count("<svg "), text.count("<title>A &amp; B</title>")))
        l0, fvu = self.window_means("whole001", "l0", "fvu")
        self.assertTrue(math.isclose(l0, float(page.rows["L0 (features active per token)"][0][0]), rel_tol=1e-3))
        self.assertTrue(math.isclose(fvu, float(page.rows["fraction of variance unexplained"][0][0]), rel_tol=1e-3))
        self.assertEqual([[f"{STEPS - 101:,}"]], page.rows["last step"])
        self.assertEqual([["257"]], page.rows["d_sae"])
        self.assertEqual([["0"]], page.rows["dropped by the trainer"])
        self.assertIn("density below 0.001", page.rows)
        self.assertEqual([["too few tokens to tell"]], page.rows["density below 1e-6"])
        self.assertIn(["1,500"], [row[:1] for row in page.rows["2"]])  # the second attempt
        self.assertIn("mse_loss is NaN", text)
        self.assertLess(len(text), 600_000)

    def test_a_report_at_equal_tokens(self):
        ((at,),) = query_database(self.daemon.database, "SELECT n_tokens_folded FROM steps WHERE run = 'whole001' AND step = 700 LIMIT 1")
        ends = []
        for arguments in (["--at-tokens", at], []):
            text, page = self.page("whole001", "second01", *arguments)
            ends.append([int(row[0].replace(",", "")) for row in page.rows["tokens at its end"]])
            self.assertEqual(bool(arguments), re.search(r"Mean over the last complete window by [0-9.]+[kM]? tokens", text) is not None)
        self.assertTrue(0 < max(ends[0]) <= at < max(ends[1]), (at, ends))

    def test_a_report_of_several_runs_has_them_side_by_side(self):
        text, page = self.page("whole001", "second01", "brief001")
        self.assertEqual(2 + 2, text.count("<svg "))
        self.assertIn("brief001 has no complete sparsity window", text)
        row, = [row for row in page.rows["L0 (features active per token)"] if len(row) == 3]
        self.assertEqual("-", row[2])
        for value, run in zip(row, ("whole001", "second01")):
            self.assertTrue(math.isclose(self.window_means(run, "l0")[0], float(value), rel_tol=1e-3))

    def test_runs_without_the_sums_of_fvu_are_drawn_by_what_they_have(self):
        with Daemon() as daemon:
            for run, scalars in (("plain001", {"explained_variance": 0.75}), ("plain002", {"explained_variance": 0.5}),
                                 ("losses01", {}), ("losses02", {})):
                handle = workload.begin(daemon.socket, run, d_sae=64, feature_sampling_window=10)
                for step in range(20):
                    handle.log_step(step, fired=[3] * 64, n_rows=40, mse_loss=1.0, **scalars)
                handle.finish(timeout=60)
            said = self.plot("plain001", "plain002", "--kind", "front", "-o", self.out / "plain.json", database=daemon.database)
            self.assertIn("explained_variance stands in for it", said)
            self.assertEqual("explained_variance", json.loads((self.out / "plain.json").read_text())["y"]["metric"])
            said = self.plot("losses01", "losses02", "--kind", "front", "-o", self.out / "no.svg", database=daemon.database,
                             status=FAILED)
            self.assertIn("no run has fvu or explained_variance", said)
            text, _ = self.page("plain001", "plain002", database=daemon.database)
            self.assertEqual(2 + 2, text.count("<svg "))
            text, _ = self.page("losses01", "losses02", database=daemon.database)
            self.assertEqual(1 + 2, text.count("<svg "))
            self.assertIn("no run has fvu or explained_variance", text)

    def test_a_hostile_runs_report_is_no_markup(self):
        database = self.daemon.directory / "hostile-report.db"
        subprocess.run([DAEMON, "backup", "--db", self.daemon.database, "--force", database], env=self.daemon.environment(), check=True,
                       capture_output=True)
        evil = "</title></style><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e\"'&" + "x" * 4000
        connection = sqlite3.connect(database)
        connection.execute("UPDATE runs_data SET name = ?, project = ?, program = ?, host = ?", (evil,) * 4)
        connection.execute("UPDATE runs_about SET config = ?, notes = ?", (json.dumps({evil: {evil: evil, "list": [evil]}}), evil))
        connection.execute("UPDATE events_data SET text = ?, kind = ?", (evil, evil))
        connection.commit()
        connection.close()
        text, page = self.page("whole001", "second01", database=database)
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\u202e", text)
        self.assertNotIn("onerror", {name for name, _ in page.attributes})
        self.assertIn("<script>alert(1)</script>", "".join(page.text))

    def test_a_run_without_steps_has_a_report(self):
        text, _ = self.page("logs0001")
        self.assertIn("there are no steps yet", text)
        self.assertEqual(0, text.count("<svg "))

    def test_what_a_daemon_hands_out_makes_the_same_report(self):
        def without_times(text):
            return re.sub(r"made by [^<]*", "", text)
        want, _ = self.page("whole001")
        file = self.out / "handed.html"
        out = subprocess.run([DAEMON, "report", "whole001", "-o", file, "--socket", self.daemon.socket], env=self.daemon.environment(),
                             capture_output=True, text=True, check=False)
        self.assertEqual((OK, ""), (out.returncode, out.stderr))
        self.assertEqual(without_times(want), without_times(file.read_text()))

    def test_a_report_that_cannot_be_written_says_why(self):
        for arguments, status, words in (
                (["-o", "x.html"], USAGE, "which RUN?"), (["whole001"], USAGE, "where to? -o FILE.html"),
                (["whole001", "--dark", "-o", "x.html"], USAGE, "there is no option --dark"),
                (["whole001", "-o"], USAGE, "a value is missing behind -o"),
                ([*["whole001"] * 17, "-o", "x.html"], USAGE, "more than 16 runs"),
                (["nobody", "-o", "x.html"], NO_SUCH_RUN, "no run fits 'nobody'"),
                (["whole001", "-o", "/nowhere/x.html"], FAILED, "cannot write /nowhere/x.html")):
            out = subprocess.run([DAEMON, "report", "--db", self.daemon.database, *arguments], env=self.daemon.environment(), cwd=self.out,
                                 capture_output=True, text=True, check=False)
            self.assertEqual((status, ""), (out.returncode, out.stdout), (arguments, out.stderr))
            self.assertIn(words, out.stderr)
            self.assertFalse((self.out / "x.html").exists())

    # ---- what goes wrong ----

    def test_what_cannot_be_drawn_is_said(self):
        file = self.out / "no.svg"
        for arguments, words in (
                (["second01", "--metric", "l0,nonsense"], "second01 has no metric nonsense; there are: "),
                (["second01", "--metric", "computed"], "has no metric computed"),
                (["brief001", "--kind", "density"], "brief001 has no complete sparsity window (one is 50 steps): no density to draw"),
                (["logs0001"], "there are no steps yet: nothing to draw"),
                (["logs0001", "--metric", "l0"], "there are no steps yet")):
            self.assertIn(words, self.plot(*arguments, "-o", file, status=FAILED))
            self.assertFalse(file.exists())
        said = self.plot("second01", "--metric", "nonsense", "-o", file, status=FAILED)
        self.assertEqual({"mse_loss", "l0", "fvu", "grad_norm"}, {"mse_loss", "l0", "fvu", "grad_norm"} & set(said.split()))
        self.assertNotIn("ghost", said.split())

    def test_wrong_usage_is_refused_with_what_was_expected(self):
        for arguments, words in (
                (["-o", "x.svg", "--kind", "curves"], "which RUN?"),
                (["second01"], "where to? -o FILE.svg"),
                (["second01", "-o", "x.gif"], "FILE ends in .svg, .pdf or .png, or in .json or .csv, unlike x.gif"),
                (["second01", "-o", ".svg"], "unlike .svg"),
                (["second01", "-o", "x.svg", "--kind", "pie"], "--kind is curves, density or front, not pie"),
                (["second01", "-o", "x.svg", "--over", "epochs"], "--over is step, tokens or time, not epochs"),
                (["second01", "-o", "x.svg", "--y-axis", "cubic"], "--y-axis is linear or log, not cubic"),
                (["second01", "-o", "x.svg", "--metric", "l0,,fvu"], "--metric has an empty name"),
                (["second01", "-o", "x.svg", "--metric", "l0", "--metric", "fvu"], "--metric once"),
                (["second01", "-o", "x.svg", "--metric", ",".join("abcdefghijklm")], "more than 12 metrics"),
                (["second01", "-o", "x.svg", "--width", "wide"], "--width is a number from 160 to 9600, not wide"),
                (["second01", "-o", "x.svg", "--width", "10"], "--width is a number from 160"),
                (["second01", "-o", "x.svg", "--height", "nan"], "--height is a number"),
                (["second01", "-o", "x.svg", "--scale", "0"], "--scale is a number from 0.25 to 8, not 0"),
                (["second01", "-o", "x.svg", "--dpi", "96dpi"], "--dpi is a number from 24 to 1200, not 96dpi"),
                (["second01", "-o", "x.svg", "--windows", "2.5", "--kind", "density"], "--windows is a whole number"),
                (["second01", "-o", "x.svg", "--kind", "density", "--over", "tokens"], "are of --kind curves"),
                (["second01", "-o", "x.svg", "--kind", "density", "--y-axis", "log"], "--y-axis is of --kind curves and front"),
                (["second01", "-o", "x.svg", "--kind", "curves", "--at-tokens", "1M"], "are of --kind front"),
                (["-o", "x.svg", "--x", "fvu"], "--x and --y are both fvu"),
                (["-o", "x.svg", "--y-better", "bigger"], "--y-better: expected lower or higher, not bigger"),
                (["-o", "x.svg", "--at-tokens", "0"], "--at-tokens: expected a count"),
                (["-o", "x.svg", "--at-tokens", "many"], "--at-tokens: expected a count like 168M or 1.3G, not many"),
                (["-o", "x.svg", "--where", "lr"], "--where: expected KEY=VALUE"),
                (["second01", "-o", "x.png", "--width", "9600", "--dpi", "1200"], "at most 16000 pixels a side"),
                (["second01", "-o", "x.svg", "--title", b"\xff"], "--title is no UTF-8"),
                (["second01", *["whole001"] * 32, "-o", "x.svg"], "more than 32 runs"),
                (["second01", "-o", "x.svg", "--json"], "there is no option --json")):
            out = subprocess.run([DAEMON, "plot", "--db", self.daemon.database, *arguments], env=self.daemon.environment(),
                                 capture_output=True, text=True, check=False, cwd=self.out)
            self.assertEqual((USAGE, ""), (out.returncode, out.stdout), (arguments, out.stderr))
            self.assertIn(words, out.stderr)
            self.assertFalse((self.out / "x.svg").exists())

    def test_a_run_that_is_not_there_and_a_database_that_is_not(self):
        self.assertIn("no run fits 'nobody'", self.plot("nobody", "-o", self.out / "no.svg", status=NO_SUCH_RUN))
        self.assertIn("fit '001'", self.plot("001", "-o", self.out / "no.svg", status=NO_SUCH_RUN))
        self.assertIn("No such file", self.plot("whole001", "-o", self.out / "no.svg", database=self.out / "none.db", status=NO_ANSWER))

    def test_a_file_that_cannot_be_written_is_left_as_it_was(self):
        self.assertIn("cannot write /nowhere/x.svg: No such file or directory", self.plot("second01", "-o", "/nowhere/x.svg", status=FAILED))
        folder = self.out / "folder.svg"
        folder.mkdir()
        self.plot("second01", "-o", folder, status=FAILED)
        kept = self.out / "kept.svg"
        kept.write_text("somebody's")
        self.plot("second01", "--metric", "nonsense", "-o", kept, status=FAILED)
        self.assertEqual("somebody's", kept.read_text())
        self.assertEqual([], [name for name in os.listdir(self.out) if name.startswith(".")])

    # ---- the program ----

    def test_the_daemons_program_has_no_drawing_library(self):
        def libraries(program):
            environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # a sanitizer's, ldd's end
            return subprocess.run(["ldd", program], env=environment, capture_output=True, text=True, check=True).stdout
        self.assertRegex(libraries(PICTURES), "libcairo")
        self.assertNotRegex(libraries(DAEMON), "cairo|pango|fontconfig|freetype")

    def test_where_it_is_not_installed_the_package_is_named(self):
        folder = self.daemon.directory / "alone" / "bin"
        folder.mkdir(parents=True)
        shutil.copy(DAEMON, folder)

        def run(*arguments):
            return subprocess.run([folder / DAEMON.name, "plot", *arguments], env=self.daemon.environment(), capture_output=True, text=True,
                                  check=False)
        self.assertEqual(OK, run("--help").returncode)
        self.assertIn("usage: sae-metricsd plot", run("--help").stdout)
        out = run("second01", "-o", "x.svg")
        if not any(os.path.exists(f"{prefix}/libexec/sae-metricsd/{PICTURES.name}") for prefix in ("/usr", "/usr/local")):
            self.assertEqual(FAILED, out.returncode)
            self.assertIn("is not installed: it is sae-metricsd-pictures, of the package sae-metricsd-plot, or of a build where cairo and pango are", out.stderr)
        # Beside it, as an installation that was moved has it.
        moved = folder.parent / "libexec" / "sae-metricsd"
        moved.mkdir(parents=True)
        shutil.copy(PICTURES, moved)
        out = run("second01", "--db", self.daemon.database, "-o", self.out / "moved.svg")
        self.assertEqual((OK, ""), (out.returncode, out.stderr))

    def test_help_is_the_same_with_and_without_it(self):
        out = subprocess.run([DAEMON, "plot", "--help"], capture_output=True, text=True, check=False)
        self.assertEqual((OK, ""), (out.returncode, out.stderr))
        self.assertRegex(out.stdout, r"(?s)usage: sae-metricsd plot.*exit status")


if __name__ == "__main__":
    if not PICTURES.exists():
        print("1..0 # SKIP this build has no pictures (cairo or pango is missing)")
        sys.exit(0)
    tap.main()
