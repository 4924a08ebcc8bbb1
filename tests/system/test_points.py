"""Where runs stand, as a daemon says it: by the means of their last complete windows, while they go on and after a kill -9."""
import json
import unittest

from harness import Daemon
from wire import QUERY, REPLY, Wire
import workload

import tap


def ask(daemon, **arguments):
    with Wire(daemon.socket) as wire:
        wire.hello(role=2)
        wire.send(QUERY, 7, "points", arguments)
        _, _, code, words = wire.until(REPLY)
        assert code == 0, words
        return json.loads(wire.payload)


def train(daemon, run, steps, **options):
    handle = workload.begin(daemon.socket, run, **options)
    for step in range(steps):
        workload.log_step(handle, run, 0, step)
    handle.flush(30)
    return handle


class Points(unittest.TestCase):
    def check_against_views(self, daemon, run, point):
        columns = [name for name, in daemon.rows("SELECT name FROM pragma_table_info('window_means')")]
        row = dict(zip(columns, daemon.rows("SELECT * FROM window_means WHERE run = ? AND window = ?", run, point["window"])[0]))
        self.assertEqual(1, row["complete"])
        for name, value in {**point["metrics"], **point["statistics"]}.items():
            expected = row[name] if name in row else json.loads(row["extra"])[name]
            self.assertEqual(expected, value, name)
        self.assertEqual((row["n_tokens_folded"], row["step_last"]), (point["tokens"], point["step_last"]))
        for name, value in point["sparsity"].items():
            self.assertEqual([(value,)], daemon.rows(f'SELECT "{name}" FROM windows WHERE run = ? AND window = ?', run, point["window"]))

    def test_runs_that_go_on_stand_where_their_last_complete_window_does(self):
        with Daemon() as daemon:
            handles = [train(daemon, "few-steps", 30), train(daemon, "two-windows", 120), train(daemon, "three-windows", 170, project="p")]
            for again in range(2):
                runs = {run["id"]: run for run in ask(daemon, trajectory=True)["runs"]}
                self.assertEqual({"few-steps": 0, "two-windows": 2, "three-windows": 3},
                                 {name: len(run["trajectory"]) for name, run in runs.items()})
                self.assertIsNone(runs["few-steps"]["point"])
                for name, run in runs.items():
                    for point in run["trajectory"]:
                        self.check_against_views(daemon, name, point)
                self.assertEqual(("p", "running", 257, 169), tuple(runs["three-windows"][name] for name in ("project", "state", "d_sae", "step")))
                if not again:
                    daemon.kill()
                    daemon.start()
            for handle in handles:
                handle.finish(timeout=60)

    def test_at_equal_tokens_nothing_later_is_said(self):
        with Daemon() as daemon:
            train(daemon, "run1", 170).finish(timeout=60)
            tokens = [row[0] for row in daemon.rows("SELECT n_tokens_folded FROM window_means WHERE complete ORDER BY window")]
            self.assertEqual(3, len(tokens))
            for at, window in ((tokens[0] - 1, None), (tokens[0], 0), (tokens[2] - 1, 1), (1 << 60, 2)):
                point = ask(daemon, at_tokens=at)["runs"][0]["point"]
                self.assertEqual(window, point and point["window"])
            self.assertEqual(2, len(ask(daemon, at_tokens=tokens[1], trajectory=True)["runs"][0]["trajectory"]))

    def test_where_a_run_stood_earlier_is_asked_besides(self):
        with Daemon() as daemon:
            train(daemon, "run1", 170).finish(timeout=60)
            times = [row[0] for row in daemon.rows("SELECT time FROM windows WHERE complete ORDER BY window")]
            self.assertEqual(sorted(set(times)), times)
            for at, window in ((times[0] - 0.001, None), (times[0], 0), (times[2] - 0.0001, 1), (times[2] + 1000, 2)):
                run, = ask(daemon, at_time=at)["runs"]
                earlier = run["point"] if run["earlier"] is True else run["earlier"]
                self.assertEqual((2, window), (run["point"]["window"], earlier and earlier["window"]))
                self.assertEqual(window == 2, run["earlier"] is True)
                if window is not None:
                    self.check_against_views(daemon, "run1", earlier)
            self.assertNotIn("earlier", ask(daemon)["runs"][0])


if __name__ == "__main__":
    tap.main()
