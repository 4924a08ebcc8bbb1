"""`sae-metricsd export --csv` and `--jsonl`: what comes out is what is in the database's own views, all of it, whatever reads it."""
import csv
import io
import json
import math
import os
import sqlite3
import subprocess
import unittest
from datetime import datetime, timezone
from pathlib import Path

from harness import DAEMON, Daemon
import workload

import tap

OK, FAILED, USAGE, NO_DATABASE, NO_SUCH_RUN = 0, 1, 2, 3, 4
TABLES = ("steps", "history", "windows", "histograms", "events", "deaths")
ORDER = {"steps": "step, attempt", "history": "step, attempt", "windows": "attempt, window", "histograms": "step, attempt", "events": "time",
         "deaths": "attempt, window, feature, what"}
JSON = {"computed", "extra", "non_finite", "flaws", "thresholds", "wandb_bins", "wandb_values", "density_counts", "bins", "values"}
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "nan": math.nan, "inf": math.inf, "-inf": -math.inf}
HOSTILE = ("=HYPERLINK(\"http://x\")", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "a;=1", "a\n=1", "two\r\nlines, \"quoted\"", "' =1", "ü")


def export(daemon, *arguments, db=True, **environment):
    place = ("--db", daemon.database) if db else ("--socket", daemon.socket)
    return subprocess.run([DAEMON, "export", *arguments, *place], env={**daemon.environment(), **environment},
                          capture_output=True, check=False)


def exported(daemon, *arguments, **more):
    out = export(daemon, *arguments, **more)
    assert (out.returncode, out.stderr) == (OK, b""), out.stderr
    return out.stdout.decode()


def time_of(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()


def trained(daemon, run, steps=120, back_to=None, **options):
    handle = workload.begin(daemon.socket, run, **options)
    for step in range(steps):
        workload.log_step(handle, run, 0, step)
    for step in range(back_to if back_to is not None else steps, steps):
        workload.log_step(handle, run, 0, step)
    return handle


class Rows(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.__exit__)
        self.daemon.start()

    def view(self, table, run, where="1"):
        """(names, rows) as sqlite3 reads them."""
        connection = sqlite3.connect(f"file:{self.daemon.database}?mode=ro", uri=True)
        self.addCleanup(connection.close)
        cursor = connection.execute(f"SELECT * FROM {table} WHERE run = ? AND {where} ORDER BY {ORDER[table]}", (run,))
        return [column[0] for column in cursor.description], cursor.fetchall()

    def check_value(self, name, expected, got, not_finite, of_csv):
        if name == "time":
            return self.assertAlmostEqual(expected, time_of(got), 6)
        if expected is None and name in not_finite:
            return self.assertEqual(not_finite[name], got, name)
        if of_csv and expected is None:
            return self.assertEqual("", got, name)
        if of_csv and isinstance(expected, str):
            return self.assertIn(expected, (got, self.bare(got)), name)
        if of_csv:
            return self.assertEqual(expected, type(expected)(got), name)
        if name in JSON and expected is not None:
            return self.assertEqual(json.loads(expected), got, name)
        return self.assertEqual(expected, got, name)

    @staticmethod
    def bare(text):
        """Without what was put in front of formulas."""
        out, begins = "", True
        for at, char in enumerate(text):
            rest = text[at + 1:].lstrip("'\" ")
            if begins and char == "'" and rest[:1] in ("=", "+", "-", "@", "\t", "\r") and rest:
                begins = False
                continue
            out += char
            begins = char in ";\t\r\n"
        return out

    def check_table(self, table, rows, run, of_csv, where="1"):
        names, expected = self.view(table, run, where)
        self.assertEqual(len(expected), len(rows), table)
        for want, got in zip(expected, rows):
            self.assertEqual(names, list(got))
            row = dict(zip(names, want))
            not_finite = json.loads(row.get("non_finite") or "{}")
            if table == "history" and row["kind"] in NOT_FINITE:
                not_finite["value"] = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[row["kind"]]
            for name, value in row.items():
                self.check_value(name, value, got[name], not_finite, of_csv)

    def read(self, text, form):
        return list(csv.DictReader(io.StringIO(text, newline=""), strict=True)) if form == "--csv" else \
            [json.loads(line, parse_constant=self.fail) for line in text.splitlines()]

    def train_all_kinds(self, run):
        handle = workload.begin(self.daemon.socket, run)
        for step in range(160):
            workload.log_step(handle, run, 0, step)
        handle.log_step(160, n_rows=4, mse_loss=math.nan, l1_loss=math.inf, overall_loss=-math.inf, l0=1e-300)
        handle.log({"odd/nan": math.nan, "odd/up": math.inf, "odd/down": -math.inf, "odd/big": 2 ** 60, "odd/small": 5e-324,
                    **{f"={n}\" ,ü": text for n, text in enumerate(HOSTILE)}}, step=160)
        handle.event("note", "=cmd|' /C calc'!A0")
        handle.finish(timeout=60)
        return handle

    def test_every_table_is_what_its_view_says_in_both_forms_from_a_file_and_from_a_daemon(self):
        self.train_all_kinds("whole001")
        for form in "--csv", "--jsonl":
            for db in True, False:
                for table in TABLES:
                    with self.subTest(form=form, table=table, db=db):
                        rows = self.read(exported(self.daemon, "whole", form, f"--{table}", db=db), form)
                        self.assertGreater(len(rows), 0)
                        self.check_table(table, rows, "whole001", form == "--csv")

    def test_what_is_not_finite_is_said_where_it_belongs(self):
        self.train_all_kinds("nans0001")
        row = self.read(exported(self.daemon, "nans0001", "--csv", "--from", "160"), "--csv")[0]
        self.assertEqual(("NaN", "Infinity", "-Infinity", "1e-300"), tuple(row[name] for name in ("mse_loss", "l1_loss", "overall_loss", "l0")))
        logged = {row["key"]: row["value"] for row in self.read(exported(self.daemon, "nans0001", "--jsonl", "--history", "--from", "160"), "--jsonl")}
        self.assertEqual(("NaN", "Infinity", "-Infinity", 2 ** 60, 5e-324), tuple(
            logged["odd/" + key] for key in ("nan", "up", "down", "big", "small")))

    def test_no_field_of_a_csv_begins_like_a_formula_whatever_a_spreadsheet_takes_for_the_end_of_one(self):
        self.train_all_kinds("-evil001")
        for table in TABLES:
            text = exported(self.daemon, "evil001", "--csv", f"--{table}")
            for delimiter in ",", ";", "\t":
                for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
                    for field in row:
                        bare = field.lstrip("\" ")
                        is_number = bare.replace("-Infinity", "-1").lstrip("-").replace(".", "").replace("e-", "").replace("e+", "")
                        if delimiter == "," and not is_number.isdigit():
                            self.assertNotIn(bare[:1], ("=", "+", "-", "@", "\t", "\r"), field)
                        self.assertNotIn(bare[:1], ("=", "+", "@"), field)

    def test_lines_end_as_rfc_4180_has_it_and_the_locale_does_not_matter(self):
        trained(self.daemon, "lines001", 20).finish(timeout=60)
        plain = export(self.daemon, "lines001", "--csv").stdout
        self.assertEqual(21, plain.count(b"\r\n"))
        self.assertEqual(plain.count(b"\n"), plain.count(b"\r\n"))
        for locale in "C", "de_DE.UTF-8", "fr_FR.UTF-8":
            self.assertEqual(plain, export(self.daemon, "lines001", "--csv", LC_ALL=locale).stdout)

    def test_a_csv_read_by_sqlite_is_the_view_again(self):
        trained(self.daemon, "import01").finish(timeout=60)
        path = self.daemon.directory / "steps.csv"
        exported(self.daemon, "import01", "--csv", "--output", str(path))
        names, expected = self.view("steps", "import01")
        connection = sqlite3.connect(":memory:")
        with open(path, newline="") as file:
            heading, *rows = csv.reader(file)
        connection.execute(f"CREATE TABLE steps ({', '.join(f'{name} NUMERIC' for name in heading)})")
        connection.executemany(f"INSERT INTO steps VALUES ({', '.join('?' * len(heading))})",
                               [[None if field == "" else field for field in row] for row in rows])
        kept = [name for name in names if name not in ("time", "run")]
        columns = ", ".join(kept)
        self.assertEqual([tuple(dict(zip(names, row))[name] for name in kept) for row in expected],
                         connection.execute(f"SELECT {columns} FROM steps").fetchall())

    def test_only_what_stands_is_written_unless_all_attempts_are_asked_for(self):
        trained(self.daemon, "back0001", 100, back_to=40).finish(timeout=60)
        rows = self.read(exported(self.daemon, "back0001", "--csv", "--columns", "step,attempt"), "--csv")
        self.assertEqual([str(step) for step in range(100)], [row["step"] for row in rows])
        self.assertEqual({"2" if int(row["step"]) >= 40 else "1" for row in rows}, {"1", "2"})
        self.assertEqual(["1"] * 40 + ["2"] * 60, [row["attempt"] for row in rows])
        for table in TABLES:
            rows = self.read(exported(self.daemon, "back0001", "--jsonl", "--all-attempts", f"--{table}"), "--jsonl")
            self.check_table(table, rows, "back0001", False)

    def test_one_that_went_back_and_is_not_there_again_has_nothing_behind(self):
        handle = trained(self.daemon, "short001", 100)
        for step in range(40, 50):
            workload.log_step(handle, "short001", 0, step)
        handle.finish(timeout=60)
        steps = [row["step"] for row in self.read(exported(self.daemon, "short001", "--jsonl"), "--jsonl")]
        self.assertEqual(list(range(50)), steps)

    def test_a_range_has_both_its_ends(self):
        trained(self.daemon, "range001").finish(timeout=60)
        for table, where in (("steps", "step BETWEEN 30 AND 60"), ("history", "step BETWEEN 30 AND 60"),
                             ("windows", "step_last >= 30 AND step_first <= 60")):
            rows = self.read(exported(self.daemon, "range001", "--jsonl", f"--{table}", "--from", "30", "--to", "60"), "--jsonl")
            self.assertGreater(len(rows), 0)
            self.check_table(table, rows, "range001", False, where)

    def test_several_tables_go_into_a_folder_and_several_runs_into_one_file(self):
        for run in "many0001", "many0002":
            trained(self.daemon, run, 60, project=run[-2:] + "p").finish(timeout=60)
        folder = self.daemon.directory / "out"
        exported(self.daemon, "many0001", "many0002", "--csv", "--steps", "--windows", "--output", str(folder))
        self.assertEqual(["steps.csv", "windows.csv"], sorted(os.listdir(folder)))
        rows = self.read((folder / "steps.csv").read_bytes().decode(), "--csv")
        self.assertEqual({"many0001": 60, "many0002": 60}, {run: sum(row["run"] == run for row in rows) for run in ("many0001", "many0002")})
        by_filter = self.read(exported(self.daemon, "--project", "*", "--csv"), "--csv")
        self.assertEqual(rows, by_filter)
        self.assertEqual({"many0002"}, {row["run"] for row in self.read(exported(self.daemon, "--project", "02p", "--csv", db=False), "--csv")})
        twice = exported(self.daemon, "many0001", "0001", "--csv")
        self.assertEqual(exported(self.daemon, "many0001", "--csv"), twice)

    def test_a_file_that_cannot_be_whole_is_not_there(self):
        trained(self.daemon, "whole002", 20).finish(timeout=60)
        path = self.daemon.directory / "steps.csv"
        path.write_text("before")
        out = export(self.daemon, "whole002", "nobody99", "--csv", "--output", str(path))
        self.assertEqual(NO_SUCH_RUN, out.returncode)
        self.assertIn(b"no run fits 'nobody99'", out.stderr)
        self.assertEqual("before", path.read_text())
        self.assertEqual([], [name for name in os.listdir(self.daemon.directory) if name.startswith(".steps")])

    def test_a_link_stays_and_a_pipe_is_written_into(self):
        trained(self.daemon, "place001", 20).finish(timeout=60)
        expected = exported(self.daemon, "place001", "--csv").encode()
        target, link, pipe = (self.daemon.directory / name for name in ("target.csv", "link.csv", "pipe"))
        target.write_text("before")
        link.symlink_to(target.name)
        exported(self.daemon, "place001", "--csv", "--output", str(link))
        self.assertTrue(link.is_symlink())
        self.assertEqual(expected, target.read_bytes())
        os.mkfifo(pipe)
        with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reading:
            exported(self.daemon, "place001", "--csv", "--output", str(pipe))
            if not pipe.is_fifo():
                reading.kill()
            self.assertEqual(expected, reading.stdout.read())
        self.assertTrue(pipe.is_fifo())

    def test_all_tables_are_of_one_moment_though_a_daemon_writes_on(self):
        handle = trained(self.daemon, "moment01", 1000)
        handle.flush(60)
        folder = self.daemon.directory / "out"
        folder.mkdir()
        os.mkfifo(folder / "steps.csv")
        (windows,), = self.daemon.rows("SELECT count(*) FROM windows")
        with subprocess.Popen([DAEMON, "export", "moment01", "--csv", "--steps", "--windows", "--output", folder, "--db", self.daemon.database],
                              env=self.daemon.environment(), stderr=subprocess.PIPE) as exporting:
            with open(folder / "steps.csv", "rb", buffering=0) as pipe:
                steps = pipe.read(1)  # it is in the midst of the first table, and waits for whoever reads
                for step in range(1000, 1300):
                    workload.log_step(handle, "moment01", 0, step)
                handle.finish(timeout=60)
                self.assertGreater(self.daemon.rows("SELECT count(*) FROM windows")[0][0], windows)
                for part in iter(lambda: pipe.read(65536), b""):
                    steps += part
            self.assertEqual(OK, exporting.wait(60), exporting.stderr.read())
        self.assertEqual(1 + 1000, steps.count(b"\r\n"))
        self.assertEqual(windows, len(self.read((folder / "windows.csv").read_text(), "--csv")))

    def test_what_a_full_disk_refuses_is_no_success(self):
        trained(self.daemon, "full0001", 200).finish(timeout=60)
        with open("/dev/full", "wb") as full:
            out = subprocess.run([DAEMON, "export", "full0001", "--csv", "--db", self.daemon.database], stdout=full,
                                 stderr=subprocess.PIPE, env=self.daemon.environment(), check=False)
        self.assertEqual(FAILED, out.returncode)
        self.assertIn(b"No space left on device", out.stderr)

    def test_features_are_those_of_the_last_complete_window_and_said_to_be_what_they_are(self):
        handle = workload.begin(self.daemon.socket, "feats001", feature_sampling_window=50)
        counts = [workload.counts_at("feats001", 0, step) for step in range(120)]
        for step in range(120):
            workload.log_step(handle, "feats001", 0, step)
        handle.finish(timeout=60)
        (window, step_first, step_last, n_tokens), = self.daemon.rows(
            "SELECT window, step_first, step_last, n_tokens FROM windows WHERE complete ORDER BY window DESC LIMIT 1")
        fired = sum(fired.astype(int) for fired, _ in counts[step_first:step_last + 1])
        total = sum(fired.astype(int) for fired, _ in counts[:step_last + 1])
        for db in True, False:
            rows = self.read(exported(self.daemon, "feats001", "--jsonl", "--features", db=db), "--jsonl")
            self.assertEqual(list(range(workload.D_SAE)), [row["feature"] for row in rows])
            self.assertEqual({"dead", "dense", "normal"}, {row["class"] for row in rows}, "so small a window resolves no ultra-low ones")
            for row in rows:
                feature = row["feature"]
                self.assertEqual((window, step_last, n_tokens, fired[feature], total[feature]),
                                 (row["window"], row["step_last"], row["n_tokens"], row["count"], row["total"]))
                density = fired[feature] / n_tokens
                self.assertEqual((density, "dead" if density == 0 else "dense" if density > 0.1 else "normal"), (row["density"], row["class"]))
                self.assertEqual(math.log10(density) if density else None, row["log10_density"])
                last = max((step for step in range(step_last + 1) if counts[step][0][feature]), default=None)
                self.assertEqual(last, row["last_fired"])
        text = exported(self.daemon, "feats001", "--csv", "--features", "--columns", "class,feature")
        self.assertEqual(["class", "feature"], next(csv.reader(io.StringIO(text))))

    def test_deaths_are_those_of_the_windows_that_stand_and_are_asked_for(self):
        handle = workload.begin(self.daemon.socket, "deaths01")
        for step in [*range(320), *range(170, 320)]:
            workload.log_step(handle, "deaths01", 0, step)
            if step % 20 == 19:
                handle.flush(60)  # each window in a commit of its own: of several, deaths are kept with the last
        handle.finish(timeout=60)
        windows = self.daemon.rows("SELECT attempt, window, step_first, step_last FROM windows ORDER BY attempt, window")
        standing = [window[:2] for window in windows if window[0] == 2 or window[3] < 170]
        self.assertLess(len(standing), len(windows))
        for arguments, wanted in (((), standing), (("--all-attempts",), [window[:2] for window in windows]),
                                  (("--from", 190, "--to", 230), [w[:2] for w in windows if w[:2] in standing and w[3] >= 190 and w[2] <= 230])):
            expected = [row for row in self.view("deaths", "deaths01")[1] if row[1:3] in wanted]
            self.assertGreater(len(expected), 0)
            for db in True, False:
                rows = self.read(exported(self.daemon, "deaths01", "--jsonl", "--deaths", *map(str, arguments), db=db), "--jsonl")
                self.assertEqual(expected, [tuple(row.values()) for row in rows], arguments)

    def test_a_run_without_a_closed_window_has_no_features_and_that_is_said(self):
        trained(self.daemon, "early001", 10).finish(timeout=60)
        out = export(self.daemon, "early001", "--csv", "--features")
        self.assertEqual(OK, out.returncode)
        self.assertIn(b"no window has closed", out.stderr)

    def test_the_whole_database_is_the_copy_that_backup_makes(self):
        trained(self.daemon, "copy0001", 60).finish(timeout=60)
        path = Path(self.daemon.directory) / "copy.db"
        self.assertIn("wrote", exported(self.daemon, "--database", str(path)))
        connection = sqlite3.connect(path)
        self.assertEqual(self.view("steps", "copy0001")[1], connection.execute("SELECT * FROM steps ORDER BY step").fetchall())
        connection.close()
        again = export(self.daemon, "--database", str(path))
        self.assertEqual(FAILED, again.returncode)

    def test_what_cannot_be_meant_is_refused_in_words(self):
        for arguments, words in (
                (("x",), b"as what? --csv, --jsonl"),
                (("--csv",), b"which RUN?"),
                (("x", "--csv", "--jsonl"), b"one of --csv, --jsonl"),
                (("x", "--csv", "--project", "p"), b"not both"),
                (("x", "--csv", "--steps", "--windows"), b"--output DIR"),
                (("x", "--csv", "--steps", "--windows", "--output", "o", "--columns", "step"), b"those of one table"),
                (("x", "--csv", "--columns", "step,l1"), b"steps has no column 'l1'; there are run attempt step"),
                (("x", "--csv", "--features", "--columns", "l0"), b"features has no column 'l0'; there are run attempt window"),
                (("x", "--csv", "--columns", ""), b"has no column ''"),
                (("x", "--csv", "--columns", "step\" from runs --"), b"has no column"),
                (("x", "--jsonl", "--columns", "step,l0,step"), b"column 'step' is named twice"),
                (("x", "--csv", "--from", "6", "--to", "5"), b"--from is a later step than --to"),
                (("x", "--csv", "--from", "-1"), b"a step is a number from 0 on, not -1"),
                (("x", "--database", "f.db"), b"--database copies all runs"),
                (("x", "y", "--wandb", "d"), b"one RUN")):
            out = export(self.daemon, *arguments)
            self.assertEqual(USAGE, out.returncode, arguments)
            self.assertIn(words, out.stderr)


if __name__ == "__main__":
    tap.main()
