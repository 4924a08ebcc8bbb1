"""`sae-metricsd watch` on a terminal of the test's own: what stands on its screen, keys, sizes, and how the terminal is left."""
import fcntl
import os
import pty
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import unittest

import pyte

from harness import DAEMON, WATCH, Daemon, wait_until
import workload

import tap

HOSTILE = "evil\x1b[2J\x1b]0;owned\x07" + "\r\nname" + "\u202e" + "x" * 100
CTRL_C = b"\x03"
IS_PLAIN = "sanitize=none" in os.environ.get("SAE_METRICSD_BUILD_KIND", "sanitize=none")


class Terminal:
    """A program on a terminal of so many columns and lines; `screen` is what a person would see."""

    def __init__(self, *arguments, columns=120, lines=30, **variables):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.master, slave = pty.openpty()
        self._size(columns, lines)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **variables}
        environment.pop("NO_COLOR", None) if "NO_COLOR" not in variables else None
        self.process = subprocess.Popen([DAEMON, "watch", *arguments], stdin=slave, stdout=slave, stderr=slave,
                                        env=environment, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def _size(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns, lines):
        self.screen.resize(lines, columns)
        self._size(columns, lines)

    def read(self):
        while select.select([self.master], [], [], 0.02)[0]:
            new = os.read(self.master, 65536)
            self.raw += new
            self.stream.feed(new)

    def text(self):
        self.read()
        return "\n".join(self.screen.display)

    def wait_for(self, words):
        wait_until(lambda: words in self.text() or self.process.poll() is not None, f"{words!r} on the screen")
        assert words in self.text(), f"no {words!r} on:\n{self.text()}"

    def settle(self):
        """Until its clock has moved on: what it drew before stands on the screen as a whole, also where the machine is busy
        elsewhere and it is written in pieces."""
        self.read()
        first = self.screen.display[0]
        wait_until(lambda: self.text() and self.screen.display[0] != first, "the clock in its title to move")

    def press(self, keys):
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def ended(self):
        """Its exit status, when all that it wrote was read."""
        wait_until(lambda: self.read() or self.process.poll() is not None, "watch to end")
        self.read()
        return self.process.returncode

    def is_restored(self):
        """The terminal is as it was, its other screen is left, and the cursor is seen."""
        return termios.tcgetattr(self.slave) == self.before and \
            self.raw.rfind(b"\x1b[?1049l") > self.raw.rfind(b"\x1b[?1049h") and \
            self.raw.rfind(b"\x1b[?25h") >= self.raw.rfind(b"\x1b[?25l")


def watch(daemon, *arguments, **more):
    return Terminal("--socket", str(daemon.socket), *arguments, **more)


class Watch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().start()
        cls.handles = {}
        for run in ("alpha", "beta"):
            cls.handles[run] = workload.begin(cls.daemon.socket, run, project=f"project-{run}")
            workload.push(cls.handles[run], run, range(180))
        for handle in cls.handles.values():
            handle.flush()

    @classmethod
    def tearDownClass(cls):
        for handle in cls.handles.values():
            handle.finish()
        cls.daemon.kill()

    def test_runs_curves_windows_and_counts_are_on_the_screen(self):
        with watch(self.daemon, "alpha") as terminal:
            terminal.wait_for("mse_loss")
            terminal.settle()
            for words in ("alpha", "beta", "mse_loss", "l0", "feature density over windows", "dead"):
                self.assertIn(words, terminal.text())
            self.assertRegex(terminal.text(), "[\u2801-\u28ff]{4}")
            self.assertRegex(terminal.text(), "[░▒▓█]")
            terminal.press("q")
            self.assertEqual(terminal.ended(), 0)
            self.assertTrue(terminal.is_restored())

    def test_what_is_new_appears_by_itself(self):
        with watch(self.daemon, "beta") as terminal:
            terminal.wait_for("179")
            workload.push(self.handles["beta"], "beta", range(180, 190))
            terminal.wait_for("189")

    def test_keys_do_what_help_says(self):
        with watch(self.daemon, "alpha") as terminal:
            terminal.wait_for("mse_loss")
            terminal.press("?")
            terminal.wait_for("quit")
            terminal.press("x")
            terminal.press("/beta")
            terminal.wait_for("runs /beta")
            terminal.press("\r")
            terminal.press("y")
            terminal.wait_for("y:log")
            terminal.press("x")
            terminal.wait_for("x:tokens")
            terminal.press("\r")
            terminal.wait_for("project-beta")
            terminal.wait_for("Esc goes back")
            terminal.press("\x1b[6~")
            wait_until(lambda: "project-beta" not in terminal.text(), "the page below")
            terminal.press("\x1b")
            terminal.wait_for("feature density")
            terminal.press("\x1b")
            terminal.wait_for("alpha")
            terminal.press("p")
            terminal.wait_for("front of project-beta")
            terminal.wait_for("tokens")
            terminal.press("\x1b")
            terminal.wait_for("feature density")
            terminal.press("\t\t")
            terminal.press("\x1b[C\x1b[C")
            terminal.wait_for("explained_variance")

    def test_the_screen_may_change_its_size_at_any_time(self):
        with watch(self.daemon, "alpha") as terminal:
            terminal.wait_for("mse_loss")
            for columns, lines in ((80, 24), (200, 50), (79, 24), (20, 3), (1, 1), (120, 30)):
                terminal.resize(columns, lines)
                if columns >= 80:
                    corner = lines - 2 if lines < 40 else lines - 4
                    wait_until(lambda: terminal.text() and terminal.screen.display[corner].rstrip().endswith("┘")
                               and len(terminal.screen.display[corner].rstrip()) == columns,
                               f"a screen of {columns}x{lines}")
                elif columns > 10:
                    terminal.wait_for(f"{columns}x{lines}")
            self.assertIsNone(terminal.process.poll())

    def test_on_a_wider_screen_curves_become_finer(self):
        """Also of a run that has ended, of which nothing else is new."""
        database = self.daemon.directory / "ended.db"
        with sqlite3.connect(self.daemon.database) as ours, sqlite3.connect(database) as ended:
            ours.backup(ended)
        with Terminal("--db", str(database), "alpha", columns=80, lines=24) as resized:
            resized.wait_for("mse_loss")
            resized.resize(240, 24)
            with Terminal("--db", str(database), "alpha", columns=240, lines=24) as wide:
                wide.wait_for("mse_loss")
                wait_until(lambda: wide.text().split("\n")[1:] == resized.text().split("\n")[1:], "both to be the same")

    def test_a_name_moves_nothing_and_sets_nothing(self):
        """Of a file that somebody else wrote: our own clients and daemons take no such name."""
        database = self.daemon.directory / "evil.db"
        with sqlite3.connect(self.daemon.database) as ours, sqlite3.connect(database) as evil:
            ours.backup(evil)
            evil.execute("UPDATE runs_data SET name = ?, group_name = ?", (HOSTILE, HOSTILE))
        with Terminal("--db", str(database), "alpha") as terminal:
            terminal.wait_for("evil")
            self.assertNotIn(b"owned\x07", terminal.raw)
            self.assertNotIn(b"\x1b[2J\x1b]0;", terminal.raw)
            self.assertNotIn("\u202e".encode(), terminal.raw)
            terminal.press("\r")
            terminal.wait_for("id alpha")
            self.assertNotIn(b"owned\x07", terminal.raw)
            self.assertNotIn("\u202e".encode(), terminal.raw)

    def test_characters_that_tables_disagree_on_move_no_frame(self):
        """Marks of other scripts and signs of two columns: whatever this program takes them for, the terminal's view is drawn to.
        Of marks the emulator knows those alone that have a combining class."""
        database = self.daemon.directory / "signs.db"
        with sqlite3.connect(self.daemon.database) as ours, sqlite3.connect(database) as signs:
            ours.backup(signs)
            signs.execute("UPDATE runs_data SET name = 'a\u2705b\u0e19\u0e38\u0e49c\U0001f321d\u0915\u094de' WHERE id = 'alpha'")
        with Terminal("--db", str(database), "alpha") as terminal:
            terminal.wait_for("mse_loss")
            terminal.press("\x1b")
            terminal.settle()
            for line in terminal.screen.display[2:13]:
                self.assertEqual([line[0], line.rstrip()[-1]], ["┃", "│"], terminal.text())
            self.assertEqual({terminal.screen.buffer[y][31].data for y in range(2, 13)}, {"┃"}, terminal.text())
            terminal.press("/zzz\x1b")  # what stood there is wiped, too
            terminal.wait_for("runs ━")
            terminal.settle()
            self.assertEqual({terminal.screen.buffer[y][31].data for y in range(2, 13)}, {"┃"}, terminal.text())

    def test_ctrl_s_does_not_stop_it(self):
        with watch(self.daemon, "alpha") as terminal:
            terminal.wait_for("mse_loss")
            terminal.press(b"\x13")
            terminal.press("?")
            terminal.wait_for("any key closes it")
            terminal.process.send_signal(signal.SIGTERM)
            self.assertEqual(terminal.ended(), -signal.SIGTERM)
            self.assertTrue(terminal.is_restored())

    def test_the_clock_goes_on_where_nothing_else_does(self):
        database = self.daemon.directory / "still.db"
        with sqlite3.connect(self.daemon.database) as ours, sqlite3.connect(database) as still:
            ours.backup(still)
        with Terminal("--db", str(database)) as terminal:
            terminal.wait_for("q ? /")
            terminal.wait_for("mse_loss")
            terminal.settle()
            first = terminal.screen.display[0]
            begun = len(terminal.raw)
            wait_until(lambda: terminal.text() and terminal.screen.display[0] != first, "the clock")
            self.assertLess(len(terminal.raw) - begun, 200)

    def test_whatever_ends_it_the_terminal_is_as_it_was(self):
        crashes = (signal.SIGSEGV, signal.SIGABRT) if IS_PLAIN else ()  # which a sanitizer reports in a way of its own
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, *crashes):
            with self.subTest(number), watch(self.daemon) as terminal:
                terminal.wait_for("alpha")
                terminal.process.send_signal(number)
                self.assertEqual(terminal.ended(), -number)
                self.assertTrue(terminal.is_restored(), number)

    def test_ctrl_c_ends_it(self):
        with watch(self.daemon) as terminal:
            terminal.wait_for("alpha")
            terminal.press(CTRL_C)
            self.assertEqual(terminal.ended(), -signal.SIGINT)
            self.assertTrue(terminal.is_restored())

    def test_while_it_is_stopped_the_terminal_is_given_back(self):
        """Under a shell: of a session without one nobody is stopped by a key."""
        with watch(self.daemon) as terminal:
            terminal.wait_for("alpha")
            # The group has no parent in its session, so that the kernel ignores the key: the stop itself is sent.
            terminal.process.send_signal(signal.SIGTSTP)
            wait_until(lambda: terminal.read() or b"\x1b[?1049l" in terminal.raw, "the other screen to be left")
            terminal.process.send_signal(signal.SIGCONT)
            wait_until(lambda: terminal.read() or
                       terminal.raw.rfind(b"\x1b[?1049h") > terminal.raw.rfind(b"\x1b[?1049l"), "it to go on")
            terminal.wait_for("alpha")
            terminal.press("q")
            self.assertEqual(terminal.ended(), 0)

    def test_in_the_c_locale_all_is_ascii_and_no_color_has_none(self):
        with watch(self.daemon, "alpha", LC_ALL="C", NO_COLOR="1") as terminal:
            terminal.wait_for("mse_loss")
            terminal.text()
            self.assertTrue(terminal.raw.isascii())
            self.assertEqual({cell.fg for line in terminal.screen.buffer.values() for cell in line.values()}, {"default"})

    def test_with_eight_colours_and_with_256_there_are_some(self):
        for term in ("xterm", "xterm-256color", "linux"):
            with self.subTest(term), watch(self.daemon, "alpha", TERM=term) as terminal:
                terminal.wait_for("mse_loss")
                terminal.settle()
                colours = {cell.fg for line in terminal.screen.buffer.values() for cell in line.values()}
                self.assertGreater(len(colours), 3)

    def test_only_cells_that_changed_are_written(self):
        with watch(self.daemon, "alpha") as terminal:
            terminal.wait_for("mse_loss")
            terminal.settle()
            begun = len(terminal.raw)
            terminal.press("\t")
            wait_until(lambda: terminal.read() or len(terminal.raw) > begun, "the focus to move")
            terminal.text()
            self.assertNotIn(b"\x1b[2J", terminal.raw[begun:])
            self.assertLess(len(terminal.raw) - begun, 4000)

    def test_a_file_is_followed_as_it_changes(self):
        with Terminal("--db", str(self.daemon.database), "alpha") as terminal:
            terminal.wait_for("mse_loss")
            terminal.wait_for("(file)")
            late = workload.begin(self.daemon.socket, "late")
            late.flush()
            terminal.wait_for("late")
            late.finish()


class Sources(unittest.TestCase):
    def test_a_daemon_that_goes_away_is_said_and_is_back_when_it_is_back(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "alpha")
            workload.push(handle, "alpha", range(60))
            handle.flush()
            with watch(daemon) as terminal:
                terminal.wait_for("alpha")
                daemon.kill()
                terminal.wait_for("! since ")
                terminal.wait_for("no answer from")
                terminal.wait_for("alpha")
                daemon.start()
                wait_until(lambda: "! since " not in terminal.text(), "the daemon to be back")
                workload.push(handle, "alpha", range(60, 70))
                terminal.wait_for("69")
            handle.finish()

    def test_one_that_was_never_there_is_said_before_the_screen_is_taken(self):
        with Terminal("--socket", "/nowhere/socket") as terminal:
            self.assertEqual(terminal.ended(), 3)
            self.assertIn("no answer from /nowhere/socket", terminal.text())
            self.assertNotIn(b"\x1b[?1049h", terminal.raw)

    def test_a_file_that_is_none_is_said(self):
        with Terminal("--db", "/nowhere/a.db") as terminal:
            self.assertEqual(terminal.ended(), 3)
            self.assertIn("/nowhere/a.db", terminal.text())

    def test_a_run_that_nobody_knows_is_said(self):
        with Daemon() as daemon, watch(daemon, "nobody") as terminal:
            self.assertEqual(terminal.ended(), 4)
            self.assertIn("no run fits 'nobody'", terminal.text())

    def test_a_run_is_named_as_everywhere_a_whole_id_before_a_part_of_one(self):
        with Daemon() as daemon:
            handles = [workload.begin(daemon.socket, run, project="named") for run in ("l9", "l9-more", "more-l9")]
            workload.push(handles[0], "l9", range(3))
            for handle in handles:
                handle.flush()
            with watch(daemon, "l9") as terminal:
                terminal.wait_for("mse_loss")
                (chosen,) = [line for line in terminal.screen.display if "▶" in line]
                self.assertRegex(chosen, r"▶. l9 ")
            with watch(daemon, "more") as terminal:
                self.assertEqual(terminal.ended(), 4)
                self.assertIn("2 runs fit 'more'", terminal.text())
            for handle in handles:
                handle.finish()

    def test_a_slow_daemon_does_not_keep_anybody_waiting(self):
        with Daemon() as daemon, watch(daemon) as terminal:
            terminal.wait_for("no runs yet")
            daemon.process.send_signal(signal.SIGSTOP)
            try:
                terminal.press("?")
                terminal.wait_for("any key closes it")
                terminal.press("qq")
                self.assertEqual(terminal.ended(), 0)
            finally:
                daemon.process.send_signal(signal.SIGCONT)


class Refusals(unittest.TestCase):
    def refused(self, *arguments, **more):
        return subprocess.run([DAEMON, "watch", *arguments], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, **more)

    def test_what_is_no_terminal_is_refused_in_words(self):
        out = self.refused()
        self.assertEqual((out.returncode, out.stdout), (2, ""))
        self.assertIn("this is no terminal", out.stderr)

    def test_a_dumb_terminal_is_refused_in_words(self):
        for term in ("dumb", ""):
            with self.subTest(term), Terminal(TERM=term) as terminal:
                self.assertEqual(terminal.ended(), 2)
                self.assertIn("TERM=dumb", terminal.text())

    def test_a_terminal_that_nobody_knows_is_refused_in_words(self):
        with Daemon() as daemon, watch(daemon, TERM="no-such-terminal") as terminal:
            self.assertEqual(terminal.ended(), 2)
            self.assertIn("nothing is known of a terminal 'no-such-terminal'", terminal.text())
            self.assertEqual(termios.tcgetattr(terminal.slave), terminal.before)

    def test_wrong_usage_is_refused(self):
        for arguments in (["--nonsense"], ["a", "b"], ["--json"], ["--state", "asleep"]):
            with self.subTest(arguments):
                self.assertEqual(self.refused(*arguments).returncode, 2)

    def test_where_its_program_is_not_installed_that_is_said(self):
        if any(os.path.exists(f"{prefix}/libexec/sae-metricsd/sae-metricsd-watch") for prefix in ("/usr", "/usr/local")):
            self.skipTest("it is installed on this machine")
        with tempfile.TemporaryDirectory() as folder:
            alone = shutil.copy(DAEMON, folder)
            out = subprocess.run([alone, "watch"], capture_output=True, text=True, check=False)
            self.assertEqual((out.returncode, out.stdout), (1, ""))
            self.assertIn("the part that does this is not installed: it is sae-metricsd-watch, which is built where ncurses is", out.stderr)
            out = subprocess.run([alone, "watch", "--help"], capture_output=True, text=True, check=False)
            self.assertEqual(out.returncode, 0)
            self.assertIn("usage: sae-metricsd watch", out.stdout)


if __name__ == "__main__":
    if not WATCH.exists():
        print("1..0 # SKIP built without ncurses")
        sys.exit(0)
    tap.main()
