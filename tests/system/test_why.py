"""`sae-metricsd why`: runs that go wrong, as trainers push them, and what is said of them."""
import json
import math
import select
import socket
import subprocess
import threading
import unittest

import numpy
from harness import DAEMON, Daemon, own_environment, query_database, wait_until
from test_kill import ranks
import workload

import tap

OK, FAILED, USAGE, NO_ANSWER, NO_SUCH_RUN = 0, 1, 2, 3, 4
D_SAE, WINDOW, DEAD_WINDOW = 256, 50, 100


def why(*arguments, **environment):
    """In an empty home: what it finds there is what it was told of."""
    return subprocess.run([DAEMON, "why", *map(str, arguments)], capture_output=True, text=True, check=False,
                          env={**own_environment(), "HOME": "/nowhere", "XDG_STATE_HOME": "/nowhere", "XDG_RUNTIME_DIR": "/nowhere",
                               "SAE_METRICS_SOCKET": "", "LC_ALL": "C.UTF-8", **environment})


def found(*arguments, **environment):
    out = why("--json", *arguments, **environment)
    if out.returncode != OK:
        raise AssertionError(out.stderr)
    return json.loads(out.stdout, parse_constant=lambda word: 1 / 0)


def train(daemon, run, steps, at=None, fires=None, scalars=("grad_norm",), **more):
    """`at`: step -> what differs of its scalars; `fires`: step -> which features do; `scalars`: what is kept with each step."""
    handle = workload.begin(daemon.socket, run, d_sae=D_SAE, feature_sampling_window=WINDOW, dead_feature_window=DEAD_WINDOW,
                            train_batch_size=64, scalars=list(scalars))
    for step in range(steps):
        fired = numpy.full(D_SAE, 3, dtype=numpy.uint32)
        if fires is not None:
            fired[~fires(step)] = 0
        values = dict(mse_loss=0.5 + 0.01 * (step % 3), overall_loss=0.6 + 0.01 * (step % 3), current_learning_rate=4e-4,
                      grad_norm=0.8 + 0.01 * (step % 5))
        handle.log_step(step, fired=fired, n_rows=64, **{**values, **((at or {}).get(step, {}))})
    handle.finish(timeout=60, **more)


class Relay:
    """A socket before a daemon's, for one who asks; `asked` is what was, once it is over."""

    def __init__(self, path, socket_path):
        self.path, self.asked = path, b""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._behind = socket.socket(socket.AF_UNIX)
        self._behind.connect(str(socket_path))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)  # where nobody came
        self._thread.join()
        self._listener.close()
        self._behind.close()

    def _serve(self):
        """Until the one who asks goes."""
        try:
            asker, _ = self._listener.accept()
        except OSError:
            return
        with asker:
            while True:
                for ready in select.select([asker, self._behind], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    if ready is asker:
                        self.asked += data
                    (self._behind if ready is asker else asker).sendall(data)


class Why(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().__enter__()
        cls.addClassCleanup(cls.daemon.__exit__)

    def test_a_run_that_is_as_usual_says_so(self):
        train(self.daemon, "healthy1", 300)
        out = why("--db", self.daemon.database, "healthy1")
        self.assertEqual((OK, ""), (out.returncode, out.stderr))
        self.assertIn("nothing stands out", out.stdout)
        self.assertEqual([], found("--db", self.daemon.database, "healthy1")["observations"])

    def test_what_came_before_a_nan_is_told_before_it(self):
        nan = math.nan
        train(self.daemon, "becamnan", 310, {301: dict(grad_norm=250.0),
                                             **{step: dict(mse_loss=nan, overall_loss=nan, grad_norm=nan) for step in range(304, 310)}},
              exit_code=1)
        document = found("--db", self.daemon.database, "becamnan")
        self.assertEqual([(301, "spike", "grad_norm"), (304, "not_finite", "mse_loss"), (304, "not_finite", "overall_loss"),
                          (304, "not_finite", "grad_norm"), (309, "end", None)],
                         [(o["step"], o["kind"], o["name"]) for o in document["observations"]])
        self.assertEqual(301, document["moment"]["step"])
        rows = self.daemon.rows("SELECT step, mse_loss FROM steps WHERE run = 'becamnan' AND step BETWEEN 295 AND 303")
        self.assertEqual(rows, [(row["step"], row["mse_loss"]) for row in document["steps"] if row["step"] <= 303])
        self.assertEqual(["NaN"] * 3, [row["mse_loss"] for row in document["steps"] if row["step"] > 303])

    def test_a_gradient_norm_that_was_never_announced_is_found_in_the_history(self):
        nan = math.nan
        train(self.daemon, "unknown1", 310, {301: dict(grad_norm=250.0), 304: dict(mse_loss=nan, grad_norm=nan)}, scalars=())
        self.assertEqual([(None,)], self.daemon.rows("SELECT DISTINCT extra FROM steps WHERE run = 'unknown1'"))
        document = found("--db", self.daemon.database, "unknown1")
        self.assertEqual("grad_norm", document["looked_at"]["gradient"])
        self.assertEqual([(301, "spike", "grad_norm"), (304, "not_finite", "mse_loss"), (304, "not_finite", "grad_norm")],
                         [(o["step"], o["kind"], o["name"]) for o in document["observations"]])
        rows = {row["step"]: row for row in document["steps"]}
        self.assertEqual((0.8 + 0.01 * (300 % 5), 250.0, "NaN"), tuple(rows[step]["grad_norm"] for step in (300, 301, 304)))
        self.assertEqual(["grad_norm"], rows[301]["unusual"])
        curve = document["curves"]["series"]["grad_norm"]
        self.assertEqual((0.8, 250.0), (curve["min"], curve["max"]))
        # What is not logged with every step is as it was logged last, first of all by step 9: 310 of 512 steps are there.
        values = document["curves"]["series"]["dead_features"]["values"]
        self.assertNotIn(None, values[1:39])
        self.assertEqual({None}, set(values[39:]))
        self.assertEqual(document, found("--socket", self.daemon.socket, "unknown1"))

    def test_a_gradient_norm_in_the_midst_of_a_long_history_is_found_on_both_ways(self):
        """Of many keys, and neither the first rows of the history nor the newest have it."""
        many = {f"metric/{i}": float(i) for i in range(200)}
        handle = workload.begin(self.daemon.socket, "midst001", d_sae=D_SAE, feature_sampling_window=WINDOW, dead_feature_window=DEAD_WINDOW,
                                train_batch_size=64)
        for step in range(300):
            norms = {"train/grad_norm": 250.0 if step == 160 else 0.5, "z/gradient_l2_norm": 3.0} if 130 <= step < 170 else {}
            handle.log_step(step, n_rows=64, mse_loss=0.5)
            handle.log({**many, **norms}, step=step)
        handle.finish(timeout=60)
        document = found("--db", self.daemon.database, "midst001")
        self.assertEqual("train/grad_norm", document["looked_at"]["gradient"])
        self.assertEqual([(160, "spike", "train/grad_norm", 250.0)],
                         [(o["step"], o["kind"], o["name"], o["value"]) for o in document["observations"]])
        self.assertEqual(document, found("--socket", self.daemon.socket, "midst001"))

    def test_a_norm_that_is_with_the_steps_is_not_asked_for_in_the_history(self):
        """Nor are keys that other runs have."""
        train(self.daemon, "kept0001", 100)
        train(self.daemon, "logged01", 100, scalars=())
        for run, n_asked in (("kept0001", 0), ("logged01", 1)):
            with Relay(self.daemon.directory / f"relay-{run}", self.daemon.socket) as relay:
                self.assertEqual("grad_norm", found("--socket", relay.path, run)["looked_at"]["gradient"])
            self.assertEqual(n_asked, relay.asked.count(b"gradient_norms"))
            self.assertEqual(1, relay.asked.count(b"steps_data"))
            self.assertEqual(0, relay.asked.count(b"history_data"))

    def test_features_that_die_together_are_told(self):
        half = numpy.arange(D_SAE) % 2 == 0
        train(self.daemon, "diedaway", 500, fires=lambda step: half | (step < 220))
        document = found("--db", self.daemon.database, "diedaway")
        observation, = document["observations"]
        self.assertEqual(("deaths", D_SAE / 2), (observation["kind"], observation["value"]))
        self.assertLessEqual(observation["step"], 219)
        self.assertGreater(observation["step"] + WINDOW, 219)
        self.assertIn(D_SAE // 2, [window["newly_dead"] for window in document["windows"]])
        died = list(range(1, D_SAE, 2))
        self.assertEqual(died, observation["features"])
        self.assertEqual([died], [window["died"] for window in document["deaths"] if window["died"]])
        self.assertEqual([], [feature for window in document["deaths"] for feature in window["revived"]])
        self.assertEqual(document, found("--socket", self.daemon.socket, "diedaway"))
        out = why("--db", self.daemon.database, "diedaway")
        self.assertIn(": 1, 3, 5, 7, 9, 11, 13, 15, 17, 19 and 118 more\n", out.stdout)

    def test_a_trainer_that_was_killed_is_told_of_at_its_last_step(self):
        process, = ranks(self.daemon, "waskill1", 10000, world_size=1, hang_at=60)
        for line in process.stdout:
            if line.startswith("hanging"):
                break
        process.kill()
        process.communicate()
        wait_until(lambda: query_database(self.daemon.database, "SELECT state FROM runs WHERE id = 'waskill1'") == [("crashed",)],
                   "the run to be crashed in the database")
        document = found("--db", self.daemon.database, "waskill1")
        self.assertEqual((59, "end"), (document["observations"][-1]["step"], document["observations"][-1]["kind"]))
        self.assertEqual(59, document["moment"]["step"])

    def test_a_daemon_hands_out_what_its_database_has(self):
        train(self.daemon, "handedou", 200, {150: dict(mse_loss=40.0)})
        of_file = found("--db", self.daemon.database, "handedou")
        self.assertEqual(of_file, found("--socket", self.daemon.socket, "handedou"))
        self.assertEqual(150, of_file["moment"]["step"])

    def test_one_step_is_shown_where_it_is_asked_for(self):
        train(self.daemon, "lookther", 100)
        document = found("--db", self.daemon.database, "lookther", "--at", 40, "--steps", 5)
        self.assertEqual([38, 39, 40, 41, 42], [row["step"] for row in document["steps"]])
        self.assertTrue(document["moment"]["asked_for"])
        out = why("--db", self.daemon.database, "lookther", "--at", 100)
        self.assertEqual((FAILED, ""), (out.returncode, out.stdout))
        self.assertIn("has no step 100", out.stderr)

    def test_wrong_usage_says_what_was_wrong(self):
        for arguments, words in ((("--at", "-1", "x"), "--at is a step, not -1"), (("--at", "soon", "x"), "not soon"),
                                 (("--steps", "0", "x"), "--steps is 1 to 10000 steps, not 0"), (("--steps", "9x", "x"), "not 9x"),
                                 ((), "which RUN?"), (("one", "two"), "one RUN at most; what is two"), (("--why",), "--why")):
            out = why(*arguments)
            self.assertEqual((USAGE, ""), (out.returncode, out.stdout), arguments)
            self.assertIn(words, out.stderr)
        self.assertEqual(NO_SUCH_RUN, why("--db", self.daemon.database, "nobody").returncode)
        self.assertEqual(NO_ANSWER, why("--socket", "/nowhere", "nobody").returncode)

    def test_what_is_written_is_whole(self):
        train(self.daemon, "intofile", 50)
        path = self.daemon.directory / "why.json"
        out = why("--db", self.daemon.database, "intofile", "--json", "--output", path)
        self.assertEqual((OK, ""), (out.returncode, out.stdout))
        self.assertEqual("intofile", json.loads(path.read_text())["run"]["id"])


if __name__ == "__main__":
    tap.main()
