"""The daemon killed at random, and at every named point of its road: every number equal in the end."""
import os
import random
import subprocess
import sys
import time
import unittest
from pathlib import Path

from harness import BUILD, Daemon, PATIENCE_S, everything, query_database, wait_until

import tap

WORKLOAD = str(Path(__file__).with_name("workload.py"))
WORLD = 3
CRASH_POINTS = ["after-cut", "before-slot-write", "after-slot-write", "after-slot-fsync", "after-begin",
                "before-commit", "after-commit", "after-first-ack", "after-opened", "during-checkpoint"]


def ranks(daemon, run, steps, world_size=WORLD, **options):
    extra = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return [subprocess.Popen([sys.executable, WORKLOAD, str(daemon.socket), run, "--rank", str(rank),
                              "--world-size", str(world_size), "--steps", str(steps), *extra],
                             stdout=subprocess.PIPE, text=True)
            for rank in range(world_size)]


def ended(processes):
    return all(process.poll() is not None for process in processes)


def settle(processes):
    for process in processes:
        out, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, f"a rank ended with {process.returncode}: {out[-500:]}"


def numbers(database, run):
    means = query_database(database, "SELECT * FROM window_means WHERE run = ? ORDER BY attempt, window", run)
    return {**everything(database, run), "window_means": means}


def undisturbed(run, steps, world_size=WORLD):
    """What the database says of the same run when nothing happens."""
    with Daemon() as daemon:
        settle(ranks(daemon, run, steps, world_size))
        daemon.stop()
        return numbers(daemon.database, run)


class Kill(unittest.TestCase):
    def compare(self, daemon, run, steps, world_size=WORLD):
        got = numbers(daemon.database, run)
        expected = undisturbed(run, steps, world_size)
        for what in expected:
            self.assertEqual(len(expected[what]), len(got[what]), what)
            for one, other in zip(expected[what], got[what]):
                self.assertEqual(one, other, what)
        self.assertGreater(len(got["steps"]), 0)
        lost = daemon.rows("SELECT dropped, late, missing FROM runs WHERE id = ?", run)
        self.assertEqual([(0, 0, 0)], lost)

    def test_a_hundred_kills_under_load_lose_nothing_and_count_nothing_twice(self):
        kills, steps = 1000 if tap.LONG else 100, 1500
        # While they go on nobody is done: three ranks have to be connected at once for a step.
        os.environ["WORKLOAD_FINISH_S"] = str(kills)
        choose = random.Random(7)
        runs, done = [], 0
        with Daemon() as daemon:
            while done < kills:  # a fast machine trains several runs meanwhile
                runs.append(f"killed{len(runs):02d}")
                processes = ranks(daemon, runs[-1], steps, step_ms=2)
                while done < kills and not ended(processes):
                    time.sleep(choose.uniform(0.0, 0.25))
                    daemon.kill()
                    daemon.start(wait=False)
                    done += 1
                    if choose.random() < 0.8:  # else: killed again while it starts
                        wait_until(daemon.answers, "the daemon to answer")
                settle(processes)
            daemon.stop()
            for run in runs:
                self.compare(daemon, run, steps)

    def test_each_named_point_of_the_road_survives_a_kill(self):
        if b"SAE_METRICSD_CRASH_AT" not in (BUILD / "daemon" / "sae-metricsd").read_bytes():
            self.skipTest("built without -Dcrash_points=true")
        for point in CRASH_POINTS:
            with self.subTest(point), Daemon() as daemon:
                run, steps = "crashed1", 400
                daemon.kill()
                daemon.start(crash_at=f"{point}:1")
                processes = ranks(daemon, run, steps, step_ms=1)
                for hit in range(3):
                    wait_until(lambda: daemon.process.poll() is not None or ended(processes), f"{point} to be reached")
                    self.assertIsNotNone(daemon.process.poll(), f"{point} was not reached {hit + 1} times")
                    self.assertEqual(-9, daemon.process.returncode)
                    daemon.start(crash_at=None if hit == 2 else f"{point}:{hit + 2}", wait=False)
                settle(processes)
                daemon.stop()
                self.compare(daemon, run, steps)


if __name__ == "__main__":
    tap.main()
