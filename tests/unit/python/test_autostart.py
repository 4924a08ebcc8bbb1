"""When ``init`` starts a daemon, when it does not, and what it says."""

import io
import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import sae_metrics
import tap
from fake_library import FakeLibrary
from sae_metrics import autostart

STARTED = {"started": True, "pid": 4711, "socket": "/s", "database": "/d", "log": "/l", "remark": ""}
LINE = "sae-metrics: started sae-metricsd for you (pid 4711), it ends when idle; SAE_METRICS_AUTOSTART=0 refuses\n"


class Program:
    """In the place of subprocess.Popen: notes what was run, and answers."""

    def __init__(self, out="", err="", status=0, raises=None):
        self.ran, self.how = [], []
        self.out, self.err, self.returncode, self.raises = out, err, status, raises

    def __call__(self, command, **how):
        self.ran.append(command)
        self.how.append(how)
        if isinstance(self.raises, OSError):
            raise self.raises
        return self

    def communicate(self, timeout):
        self.timeout = timeout
        if self.raises is not None:
            raise self.raises
        return self.out.encode(), self.err.encode()


class AutostartTest(unittest.TestCase):
    def setUp(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SAE_METRICS")}
        self.patch(mock.patch.dict(os.environ, environment, clear=True))
        self.library = FakeLibrary().install(self)
        self.library.answers["daemon_answers"] = 0
        self.patch(mock.patch.object(autostart, "_not_before", 0.0))
        self.patch(mock.patch.object(autostart, "_starting", []))
        self.patch(mock.patch.object(autostart, "find_program", lambda: "/p/sae-metricsd"))
        self.stderr = self.patch(mock.patch.object(sys, "stderr", io.StringIO()))

    def patch(self, patch):
        self.addCleanup(patch.stop)
        return patch.start()

    def program(self, out=None, **how):
        return self.patch(mock.patch.object(subprocess, "Popen", Program(json.dumps(STARTED) if out is None else out, **how)))

    def init(self, **arguments):
        run = sae_metrics.init(d_sae=4, **arguments)
        self.addCleanup(run.finish)
        return run

    # ---- when ----

    def test_where_nobody_answers_a_daemon_is_started_before_the_run_is_opened(self):
        program = self.program()
        opened = []
        program.communicate = lambda timeout: (opened.extend(self.library.of("open")), (json.dumps(STARTED).encode(), b""))[1]
        self.init()
        self.assertEqual([["/p/sae-metricsd", "start", "--json"]], program.ran)
        self.assertEqual([], opened)
        self.assertEqual(1, len(self.library.of("open")))
        self.assertEqual(LINE, self.stderr.getvalue())

    def test_a_daemon_that_answers_is_the_one(self):
        program = self.program()
        self.library.answers["daemon_answers"] = 1
        self.init()
        self.assertEqual([], program.ran)

    def test_who_says_where_his_daemon_is_gets_no_other(self):
        program = self.program()
        self.init(socket="/s")
        with mock.patch.dict(os.environ, SAE_METRICS_SOCKET="/s"):
            self.init()
        self.assertEqual([], program.ran)

    def test_an_empty_socket_in_the_environment_says_nothing(self):
        program = self.program()
        with mock.patch.dict(os.environ, SAE_METRICS_SOCKET=""):
            self.init()
        self.assertEqual(1, len(program.ran))

    def test_it_can_be_refused(self):
        program = self.program()
        for word in ("0", "no", "off", "False"):
            with mock.patch.dict(os.environ, SAE_METRICS_AUTOSTART=word):
                self.init()
        self.assertEqual([], program.ran)
        with mock.patch.dict(os.environ, SAE_METRICS_AUTOSTART="1"):
            self.init()
        self.assertEqual(1, len(program.ran))

    def test_off_is_off(self):
        program = self.program()
        with mock.patch.dict(os.environ, SAE_METRICS="off"):
            self.init()
        self.assertEqual([], program.ran)

    def test_wrong_arguments_start_nothing(self):
        program = self.program()
        with self.assertRaises(TypeError):
            sae_metrics.init(d_sae="many")
        self.assertEqual([], program.ran)

    # ---- how ----

    def test_it_has_nothing_of_the_trainers_terminal(self):
        program = self.program()
        self.init()
        (how,) = program.how
        self.assertIs(subprocess.DEVNULL, how["stdin"])
        self.assertIs(True, how["start_new_session"])
        self.assertLessEqual(program.timeout, 0.5)

    def test_somebody_elses_daemon_that_came_first_is_not_boasted_of(self):
        self.program(json.dumps({"started": False, "socket": "/s"}))
        self.init()
        self.assertEqual("", self.stderr.getvalue())

    def test_why_the_database_is_elsewhere_is_said(self):
        self.program(json.dumps(dict(STARTED, remark="the database is /var/tmp/x, because ...")))
        self.init()
        self.assertEqual(LINE + "sae-metrics: the database is /var/tmp/x, because ...\n", self.stderr.getvalue())

    def test_quiet_is_quiet(self):
        self.program()
        with mock.patch.dict(os.environ, SAE_METRICS_QUIET="1"):
            self.init()
        self.assertEqual("", self.stderr.getvalue())

    # ---- when it goes wrong ----

    def test_what_went_wrong_is_one_line_and_the_run_goes_on(self):
        self.program("", err="sae-metricsd start: it ended at once; why is in /l\n", status=1)
        self.init()
        self.assertEqual("sae-metrics: no daemon could be started for you (it ended at once; why is in /l)\n", self.stderr.getvalue())
        self.assertEqual(1, len(self.library.of("open")))

    def test_words_that_are_no_answer_are_no_success(self):
        for out in ("", "null", "[]", "hello"):
            with self.subTest(out), mock.patch.object(autostart, "_not_before", 0.0):
                self.stderr.truncate(0)
                self.program(out)
                self.init()
                self.assertIn("no daemon could be started for you (it ended with 0)", self.stderr.getvalue())

    def test_a_program_that_cannot_be_run_is_named(self):
        self.program(raises=PermissionError(13, "Permission denied"))
        self.init()
        self.assertEqual("sae-metrics: /p/sae-metricsd cannot be run: Permission denied\n", self.stderr.getvalue())

    def test_a_slow_start_is_not_waited_for(self):
        program = self.program(raises=subprocess.TimeoutExpired("x", 0.5))
        self.init()
        self.assertIn("is being started for you; training goes on meanwhile", self.stderr.getvalue())
        self.assertEqual([program], autostart._starting)

    def test_after_a_failure_the_next_runs_do_not_wait_again(self):
        program = self.program("", status=1)
        for _ in range(3):
            self.init()
        self.assertEqual(1, len(program.ran))
        now = autostart._not_before
        with mock.patch.object(autostart.time, "monotonic", lambda: now):
            self.init()
        self.assertEqual(2, len(program.ran))

    def test_a_daemon_that_died_is_started_again(self):
        program = self.program()
        self.init()
        self.init()
        self.assertEqual(2, len(program.ran))

    def test_without_a_program_there_is_none_to_start(self):
        program = self.program()
        with mock.patch.object(autostart, "find_program", lambda: None):
            self.init()
        self.assertEqual([], program.ran)
        self.assertEqual("", self.stderr.getvalue())

    def test_tests_hear_of_it(self):
        self.program("", status=1)
        with mock.patch.dict(os.environ, SAE_METRICS_STRICT="1"), self.assertRaises(sae_metrics.Error):
            sae_metrics.init(d_sae=4)


class FindTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.package, self.bin = (os.path.join(folder.name, name) for name in ("package", "bin"))
        for path in (self.package, self.bin):
            os.mkdir(path)
        for patch in (mock.patch.object(autostart, "__file__", os.path.join(self.package, "autostart.py")),
                      mock.patch.dict(os.environ, PATH=self.bin)):  # fmt: skip
            patch.start()
            self.addCleanup(patch.stop)

    def make(self, folder, mode=0o755):
        path = os.path.join(folder, "sae-metricsd")
        with open(path, "w", encoding="utf-8"):
            pass
        os.chmod(path, mode)
        return path

    def test_the_wheels_own_goes_before_that_on_the_path(self):
        self.assertIsNone(autostart.find_program())
        on_path = self.make(self.bin)
        self.assertEqual(on_path, autostart.find_program())
        self.assertEqual(self.make(self.package), autostart.find_program())

    def test_a_file_that_cannot_be_run_is_no_program(self):
        self.make(self.package, stat.S_IRUSR)
        self.assertIsNone(autostart.find_program())


if __name__ == "__main__":
    tap.main()
