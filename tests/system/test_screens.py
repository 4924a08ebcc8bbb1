"""What people see: the built program in a terminal of so many columns, through an emulator that wraps and obeys as terminals do.

Every screen is compared with what was agreed to look right, in tests/system/screens; with $UPDATE_SCREENS set these are written instead.
"""
import fcntl
import json
import os
import pty
import re
import sqlite3
import struct
import subprocess
import termios
import time
import unicodedata
import unittest

from harness import DAEMON, ROOT, Daemon, own_environment

import tap

try:
    import pyte
except ImportError:
    pyte = None

FOLDER = ROOT / "tests" / "system" / "screens"
SIZES = ((80, 24), (120, 40))
LOCALES = {"utf8": "C.UTF-8", "ascii": "C"}
AGO_S = 7230.5  # `2h0m` for the half minute to come

HOSTILE = ("\x1b[2J\x1b]0;owned\x07 \x9b31m \u202eright-to-left\u202c e\u0301\u0323 日本語テスト 👩\u200d🔬🇩🇪 ✅⭐ \u0e1b\u0e38\u0e4b \u0915\u093c "
           "tab\there\r\nline\x00\x7f" + "long " * 800)

ROWS = """
INSERT INTO runs_data (n, id, name, project, user, uid, state, exit_code, end_words, attempt, step, total_training_steps, d_sae, d_in,
    dead_feature_window, feature_sampling_window, wandb_log_frequency, profile, architecture, train_batch_size, messages) VALUES
    (1, 'q7w18f3a', 'clip-b32-l9-x16', 'clip', 'joe', 0, 'finished', 0, NULL, 1, 999, 1000, 2048, 128, 300, 100, 10, 'prisma', 'standard', 64, 1000),
    (2, 'zz905d11', 'clip-b32-l9-x32', 'clip', 'joe', 0, 'failed', 1, 'ValueError: the loss is NaN', 1, 499, 1000, 2048, 128, 300, 100, 10, 'prisma', 'standard', 64, 500),
    (3, 'hostile1', :hostile, :hostile, :hostile, 0, 'crashed', NULL, NULL, 1, 99, 1000, 2048, 128, 300, 100, 10, 'prisma', 'standard', 64, 100),
    (4, 'sweep4a1', 'l9-x8-l1-8e-05', 'sweep', 'joe', 0, 'finished', 0, NULL, 1, 999, 1000, 1024, 128, 300, 100, 10, 'prisma', 'standard', 64, 1000),
    (5, 'sweep5b2', 'l9-x16-l1-4e-05', 'sweep', 'joe', 0, 'finished', 0, NULL, 1, 999, 1000, 2048, 128, 300, 100, 10, 'prisma', 'standard', 64, 1000),
    (6, 'sweep6c3', 'l9-x16-l1-1e-05', 'sweep', 'ana', 0, 'finished', 0, NULL, 1, 999, 1000, 2048, 128, 300, 100, 10, 'saelens', 'standard', 64, 1000),
    (7, 'sweep7d4', 'l9-x32-l1-2e-05', 'sweep', 'ana', 0, 'preempted', NULL, NULL, 1, 599, 1000, 4096, 128, 300, 100, 10, 'prisma', 'standard', 64, 600),
    (8, 'sweep8e5', :hostile, 'sweep', :hostile, 0, 'finished', 0, NULL, 1, 999, 1000, 2048, 128, 300, 100, 10, 'prisma', 'standard', 64, 1000),
    (9, 'sweep9f6', 'l9-x8-l1-2e-04', 'sweep', 'joe', 0, 'failed', 1, 'OutOfMemoryError', 1, 49, 1000, 2048, 128, 300, 100, 10, 'prisma', 'standard', 64, 50);
"""
# run: l0, fvu, l1_coefficient
SWEEP = {4: (12.0, 0.289, 8e-05), 5: (34.0, 0.158, 4e-05), 6: (181.0, 0.0683, 1e-05), 7: (190.0, 0.0974, 2e-05), 8: (64.0, 0.25, 3e-05),
         9: (700.0, 0.9, 2e-04)}
D_SAE = {4: 1024, 7: 4096}
STEPS = """
INSERT INTO attempts_data SELECT n, 1, 'launch', 0, 0, 1000, 'start' FROM runs_data;
WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 999)
INSERT INTO steps_data (run, step, attempt, lap, time, elapsed_s, n_rows, ranks_missing, mse_loss, l1_loss, overall_loss, l0,
    explained_variance, fvu, dead_features, current_learning_rate, n_training_tokens, n_tokens_folded, computed, extra)
SELECT r.n, s.n, 1, 0, 1000 + s.n * 0.0625, s.n * 0.0625, 64, 0, 1.0 / (s.n + 10), 3.5, 1.0 / (s.n + 10) + 0.25, 58.25 + s.n % 7,
    0.875 - 0.001 * (s.n % 5), 0.125, s.n / 100, 0.0004, s.n * 64, s.n * 64 + 64, 0, '{"grad_norm": 0.75}' FROM runs_data r, s WHERE s.n <= r.step;
UPDATE steps_data SET mse_loss = NULL, overall_loss = NULL, non_finite = '{"mse_loss": "NaN", "overall_loss": "NaN"}'
    WHERE run = 2 AND step >= 490;
UPDATE steps_data SET extra = '{"grad_norm": 310.5}' WHERE run = 2 AND step = 487;
WITH RECURSIVE w(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM w WHERE n < 9)
INSERT INTO windows_data SELECT r.n, 1, w.n, 100 * w.n, 100 * w.n + 99, 100 * w.n + 99, 1000.0, 100, 100, 0, 6400, 2048, 12 * w.n, 3, 5,
    -2.5, 40, 20, 10, 300, 25, '[]', 2038, -3.5, -3, -2.5, -2, -1.5, NULL, NULL,
    (SELECT json_group_array(CASE WHEN b.value BETWEEN 124 AND 180 THEN (b.value * 7) % 41 ELSE 0 END) FROM (WITH RECURSIVE b(value) AS
    (SELECT 0 UNION ALL SELECT value + 1 FROM b WHERE value < 199) SELECT value FROM b) b), 0
    FROM runs_data r, w WHERE r.step >= 100 * w.n + 99;
INSERT INTO events_data (run, attempt, step, time, kind, text) VALUES (2, 1, 490, 1, 'nan', 'mse_loss is NaN'),
    (3, 1, 50, 1, 'resample', :hostile);
"""


def on_a_terminal(arguments, size, locale):
    """The bytes that the program writes to a terminal of that size."""
    columns, lines = size
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = {**own_environment(), "LC_ALL": locale, "TERM": "xterm-256color", "TZ": "UTC", "HOME": "/nowhere"}
    for name in ("COLUMNS", "NO_COLOR", "SAE_METRICS_SOCKET"):
        environment.pop(name, None)
    process = subprocess.Popen([DAEMON, *map(str, arguments)], env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
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
    return out


def shown(data, size):
    """The lines that such a terminal then shows, without the blanks behind them; it is as high as all of them."""
    screen = pyte.Screen(size[0], 400)
    pyte.ByteStream(screen).feed(data)
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines, screen


@unittest.skipIf(pyte is None, "python3-pyte is not installed")
class Screens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().__enter__()
        cls.addClassCleanup(cls.daemon.__exit__)
        cls.daemon.stop()
        connection = sqlite3.connect(cls.daemon.database)
        connection.execute(ROWS, {"hostile": HOSTILE})
        for statement in STEPS.split(";\n"):
            if statement.strip():
                connection.execute(statement, {"hostile": HOSTILE} if ":hostile" in statement else {})
        for run, (l0, fvu, coefficient) in SWEEP.items():
            connection.execute("UPDATE steps_data SET l0 = ?2, fvu = ?3, explained_variance = 1 - ?3 WHERE run = ?1", (run, l0, fvu))
            config = {"l1_coefficient": coefficient, "d_sae": D_SAE.get(run, 2048), "lr": 4e-4, **({HOSTILE[:200]: HOSTILE} if run == 8 else {})}
            connection.execute("INSERT INTO runs_about (run, config) VALUES (?, ?)", (run, json.dumps(config)))
        connection.commit()
        connection.close()

    def seen_lately(self):
        """So that ages are the same whenever it is."""
        connection = sqlite3.connect(self.daemon.database)
        connection.execute("UPDATE runs_data SET started = ?1 - 600.0, last_seen = ?1 - n, ended = ?1 - n", (time.time() - AGO_S,))
        connection.execute("UPDATE events_data SET time = ?1", (time.time() - AGO_S,))
        connection.execute("UPDATE steps_data SET time = ?1 + step * 0.0625", (time.time() - AGO_S - 63,))
        connection.commit()
        connection.close()

    def check(self, name, *arguments, golden=True):
        for size in SIZES:
            for kind, locale in LOCALES.items():
                with self.subTest(screen=name, size=size, locale=locale):
                    self.seen_lately()
                    data = on_a_terminal([*arguments, "--db", self.daemon.database], size, locale)
                    lines = self.check_terminal(data, size, locale)
                    if golden:
                        self.check_golden(FOLDER / f"{name}.{size[0]}.{kind}", lines)

    def check_terminal(self, data, size, locale):
        """Nothing but text and our own colours came, and the terminal shows the lines as they were written: none was wrapped."""
        text = data.decode("ascii" if locale == "C" else "utf-8").replace("\r\n", "\n")
        plain = re.sub(r"\x1b\[[0-9]*m", "", text)
        self.assertNotRegex(plain, r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
        lines, screen = shown(data, size)
        # The emulator composes what can be composed.
        written = [unicodedata.normalize("NFC", line.rstrip()) for line in plain.rstrip("\n").split("\n")]
        for expected, line in zip(written, lines):
            self.assertEqual(expected, unicodedata.normalize("NFC", line))
        self.assertEqual(len(written), len(lines))
        self.assertEqual("", screen.title)
        self.assertFalse(screen.cursor.attrs.bold or screen.cursor.attrs.fg != "default", "a colour is left behind")
        return lines

    def check_golden(self, path, lines):
        """But for the moment that a front is compared with, which is one of yesterday."""
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2026-11-25 12:34", "\n".join(lines) + "\n")
        if os.environ.get("UPDATE_SCREENS"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        self.assertEqual(path.read_text(), text)

    def test_the_table_of_runs(self):
        self.check("runs", "status", "--project", "clip", "--sort", "run")

    def test_a_run_that_is_well(self):
        self.check("run", "status", "q7w18f3a")

    def test_a_run_that_failed(self):
        self.check("failed", "status", "zz905d11")
        self.check("why", "why", "zz905d11")

    def test_columns_that_are_asked_for(self):
        self.check("columns", "status", "--project", "clip", "-o", "RUN,l0,fvu,below_1e-5,group", "--sort", "-fvu")

    def test_the_front_of_a_sweep(self):
        self.check("pareto", "pareto", "sweep4", "sweep5", "sweep6", "sweep7", "sweep9")
        self.check("trajectories", "pareto", "sweep4", "sweep5", "sweep6", "--trajectories", "--y", "explained_variance")
        self.check("explained", "pareto", "--explain", golden=False)

    def test_runs_side_by_side(self):
        self.check("compare", "compare", "sweep4", "sweep6")
        self.check("compare_four", "compare", "sweep4", "sweep5", "sweep6", "sweep7", "--all")

    def test_a_run_by_another_trainers_definitions(self):
        self.check("restated", "status", "sweep5b2", "--as", "saelens")

    def test_every_help_fits(self):
        for name in subprocess.run([DAEMON, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n"):
            command = re.match(r"  (?:sae-metricsd )?([a-z]+)  +", name)
            if command:
                self.check_terminal(on_a_terminal([command[1], "--help"], SIZES[0], "C"), SIZES[0], "C")

    def test_nothing_in_a_name_is_obeyed_or_breaks_a_line(self):
        self.check("hostile", "status", golden=False)
        self.check("hostile", "status", "hostile1", golden=False)
        ids = subprocess.run([DAEMON, "status", "--ids", "--db", self.daemon.database], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertNotRegex(ids, r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]")
        self.assertEqual(["hostile1", "sweep8e5"], [line.split("\t")[0] for line in ids.splitlines() if "right-to-left" in line])
        self.check("hostile", "why", "hostile1", golden=False)
        self.check("hostile", "pareto", "--project", "sweep", golden=False)
        self.check("hostile", "compare", "sweep8e5", "sweep5b2", "--all", golden=False)
        self.check("hostile", "status", "-o", "RUN,USER,PROJECT,ALERTS,group", golden=False)


if __name__ == "__main__":
    tap.main()
