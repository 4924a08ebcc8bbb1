"""Who joins and who leaves the front of a project (front of [alerts]): from a window that closes to the events, the log and `exec`, once."""
import json
import unittest

import numpy

from harness import BUILD, PATIENCE_S, wait_until
from test_alerts import Alerting
from test_status import OK
import sae_metrics
import tap

WINDOW, D_SAE, ROWS = 10, 64, 32


def begin(daemon, run, **options):
    return sae_metrics.init(id=run, d_sae=D_SAE, d_in=8, feature_sampling_window=WINDOW, wandb_log_frequency=5, dead_feature_window=1000,
                            train_batch_size=ROWS, socket=str(daemon.socket), when_full=60, **{"project": "sweep", **options})


def push(handle, windows, l0, fvu):
    """So many windows in which exactly `l0` features fire on every token."""
    fired = numpy.where(numpy.arange(D_SAE) < l0, ROWS, 0).astype(numpy.uint32)
    for step in range(windows[0] * WINDOW, windows[1] * WINDOW):
        handle.log_step(step, fired=fired, n_rows=ROWS, l2_sum=100 * fvu, tv_sum=100.0)


def trained(daemon, run, l0, fvu, **options):
    handle = begin(daemon, run, **options)
    push(handle, (0, 2), l0, fvu)
    handle.finish(timeout=PATIENCE_S)


def news(daemon):
    return daemon.rows("SELECT run, text FROM events WHERE kind = 'front'")


JOINED = ("better01", "joined the front of its project: l0 5, fvu 0.2")
LEFT = ("worse001", "left the front of its project: l0 10, fvu 0.25; worse than better01 (l0 5, fvu 0.2)")


class Front(unittest.TestCase):
    def test_it_is_news_for_whoever_listens_and_nothing_that_is_broken(self):
        with Alerting(front="yes") as daemon:
            program, heard = daemon.directory / "program", daemon.directory / "heard"
            program.write_text(f'#!/bin/sh\nread -r line; echo "$line" >> {heard}\n')
            program.chmod(0o755)
            daemon.reload(front="yes", exec=program)
            trained(daemon, "worse001", 10, 0.25)
            self.assertEqual([], news(daemon))
            trained(daemon, "better01", 5, 0.2, name="x16")
            self.assertEqual({JOINED, LEFT}, set(news(daemon)))
            self.assertEqual(2, len(news(daemon)))
            for run, words in JOINED, LEFT:
                self.assertEqual(1, daemon.words().count(f"run {run}: {words}\n"))
                self.assertEqual([], daemon.status(run)["alerts"])
                self.assertIn(words, [event["text"] for event in daemon.status(run)["events"]])
            self.assertEqual(OK, daemon.call("status", "--check")[0])
            wait_until(lambda: heard.exists() and heard.read_text().count("\n") == 2, "the program to be told of both")
            told = {line["run"]: line for line in map(json.loads, heard.read_text().splitlines())}
            self.assertEqual(("front_joined", "begin", "x16", "sweep", JOINED[1]),
                             tuple(told["better01"][name] for name in ("alert", "state", "name", "project", "words")))
            self.assertEqual(("front_left", "begin", LEFT[1]), tuple(told["worse001"][name] for name in ("alert", "state", "words")))

    def test_nothing_is_told_unless_it_is_asked_for_and_then_from_the_next_window_on(self):
        with Alerting() as daemon:
            trained(daemon, "worse001", 10, 0.25)
            trained(daemon, "better01", 5, 0.2)
            self.assertEqual([], news(daemon))
            daemon.reload(front="yes")
            trained(daemon, "third001", 2, 0.5)
            self.assertEqual([("third001", "joined the front of its project: l0 2, fvu 0.5")], news(daemon))

    def test_a_private_run_is_no_news_to_others(self):
        with Alerting(front="yes") as daemon:
            trained(daemon, "worse001", 10, 0.25)
            trained(daemon, "better01", 5, 0.2, private=True)
            self.assertEqual([], news(daemon))

    def test_it_is_told_once_however_the_daemon_is_killed(self):
        if b"SAE_METRICSD_CRASH_AT" not in (BUILD / "daemon" / "sae-metricsd").read_bytes():
            self.skipTest("built without -Dcrash_points=true")
        for point in "before-commit", "after-commit", "after-first-ack":
            for hit in 2, 3, 4:
                with self.subTest(point=point, hit=hit), Alerting(front="yes") as daemon:
                    trained(daemon, "worse001", 10, 0.25)
                    daemon.stop()
                    daemon.start(crash_at=f"{point}:{hit}")
                    handle, crashes = begin(daemon, "better01"), 0
                    for window in range(6):
                        push(handle, (window, window + 1), 5, 0.2)
                        wait_until(lambda: daemon.process.poll() is not None or handle.flush(0.01), "the window to be committed or lost")
                        if daemon.process.poll() is not None:
                            self.assertEqual(-9, daemon.process.returncode)
                            crashes += 1
                            daemon.start()
                    handle.finish(timeout=PATIENCE_S)
                    self.assertEqual(1, crashes)
                    self.assertEqual({JOINED, LEFT}, set(news(daemon)))
                    self.assertEqual(2, len(news(daemon)))


if __name__ == "__main__":
    tap.main()
