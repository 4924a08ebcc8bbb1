"""The daemon and W&B killed at random and at every named point on the way: what W&B has in the end is what the database
decided, each line once and as it was written first."""
import os
import random
import subprocess
import sys
import time
import unittest

from fake_wandb import FakeWandbProcess
from forwarding import PROJECT, ForwardingDaemon, check_summary, comparable, decided
from harness import BUILD, PATIENCE_S, wait_until
from test_kill import WORKLOAD, ended, settle

import tap

CRASH_POINTS = ["after-forward-post", "after-forward-answer", "after-forward-visit", "before-forward-save",
                "after-forward-save", "before-forward-base", "after-forward-base"]
SETTINGS = {"transmit_interval": "100ms", "request_timeout": "2s", "requests_per_s": "200"}


def trainer(daemon, run, steps, step_ms):
    return subprocess.Popen([sys.executable, WORKLOAD, str(daemon.socket), run, "--project", PROJECT, "--steps", str(steps),
                             "--step-ms", str(step_ms)], stdout=subprocess.PIPE, text=True)


class ForwardKill(unittest.TestCase):
    def setUp(self):
        os.environ["WORKLOAD_FINISH_S"] = str(PATIENCE_S * 5)

    def check(self, daemon, w, runs):
        """Of each run, how many lines W&B has."""
        for run in runs:
            daemon.wait_for_end(run)
        world, counts = w.state(), []
        self.assertEqual([], world.violations)
        for run in runs:
            there = world.runs[f"{world.entity}/{PROJECT}/{run}"]
            lines, got = decided(daemon.database, run), [comparable(line) for line in there.history]
            self.assertEqual(len(lines), len(got), run)
            for expected, line in zip(lines, got):
                self.assertEqual(expected, line)
            self.assertEqual((True, 0), (there.complete, there.exit_code))
            check_summary(self, lines, there.summary)
            self.assertEqual([(0, 0)], daemon.rows("SELECT lost, dropped FROM runs WHERE id = ?", run))
            counts.append(len(got))
        return counts

    # ---- at random ----

    def kill_daemon(self, dice, daemon, _):
        daemon.kill()
        time.sleep(dice.uniform(0, 0.1))
        daemon.start(wait=False)
        if dice.random() < 0.8:  # else: killed again while it starts
            wait_until(daemon.answers, "the daemon to answer")

    def kill_server(self, dice, daemon, w):
        w.kill()
        time.sleep(dice.uniform(0, 0.5))
        self.start_server(dice, daemon, w)

    def let_server_die(self, dice, daemon, w):
        w.tell("fault", path=dice.choice(["file_stream"] * 3 + [None]), die=dice.choice(["before", "after", "reply"]))
        deadline = time.monotonic() + 5  # nobody asks for what is all there
        while w.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        w.kill()
        self.start_server(dice, daemon, w)

    def start_server(self, dice, daemon, w):
        w.chaos = {"seed": dice.randrange(1 << 30), "probability": 0.08}
        w.start()
        if daemon.process.poll() is None and daemon.answers():
            daemon.ask()  # or it would wait for up to a minute

    def let_it_hang(self, dice, daemon, w):
        w.tell("fault", path="file_stream", hang=True, effect=dice.random() < 0.5)

    def test_kills_of_either_side_at_random_neither_lose_a_line_nor_send_one_twice(self):
        kills = 150 if tap.LONG else 20
        dice = random.Random(11)
        actions = [self.kill_daemon] * 6 + [self.kill_server] * 2 + [self.let_server_die] * 2 + [self.let_it_hang]
        runs, done, begun = [], {}, time.monotonic()
        with FakeWandbProcess(chaos={"seed": 1, "probability": 0.08}) as w, ForwardingDaemon(w, **SETTINGS) as daemon:
            while sum(done.values()) < kills:
                runs += [f"killed{len(runs) + i:02d}" for i in range(3)]
                trainers = [trainer(daemon, run, 1200, 8) for run in runs[-3:]]
                while sum(done.values()) < kills and not ended(trainers):
                    time.sleep(dice.uniform(0, 1.5))
                    action = dice.choice(actions)
                    action(dice, daemon, w)
                    done[action.__name__] = done.get(action.__name__, 0) + 1
                wait_until(daemon.answers, "the daemon to answer")
                settle(trainers)
            w.chaos = None
            w.tell("clear_faults")
            daemon.ask()
            counts = self.check(daemon, w, runs)
            requests = w.state().requests
            self.assertEqual(0, daemon.stop(), daemon.words()[-2000:])
        wrong = sum(request.status != 200 for request in requests)
        print(f"# {done}: {len(runs)} runs, {sum(counts)} lines, {len(requests)} requests of which {wrong} got no answer or a "
              f"refusal, {time.monotonic() - begun:.0f} s")

    # ---- at named points ----

    def test_each_named_point_on_the_way_survives_a_kill(self):
        if b"SAE_METRICSD_CRASH_AT" not in (BUILD / "daemon" / "sae-metricsd").read_bytes():
            self.skipTest("built without -Dcrash_points=true")
        for point in CRASH_POINTS:
            with self.subTest(point), FakeWandbProcess() as w, ForwardingDaemon(w, **SETTINGS) as daemon:
                # The base is fixed once. Where a kill leaves it so, W&B is asked twice, 5 s apart: two kills show that.
                hits = [1] if point == "after-forward-base" else [1, 1] if point == "before-forward-base" else [1, 2, 3]
                daemon.kill()
                daemon.start(crash_at=f"{point}:{hits[0]}")
                process = trainer(daemon, "crashed1", 600, 5)
                for n in range(len(hits)):
                    wait_until(lambda: daemon.process.poll() is not None, f"{point} to be reached {hits[n]} times")
                    self.assertEqual(-9, daemon.process.returncode)
                    crash_at = f"{point}:{hits[n + 1]}" if n + 1 < len(hits) else None
                    daemon.start(crash_at=crash_at, wait=crash_at is None)
                settle([process])
                self.check(daemon, w, ["crashed1"])


if __name__ == "__main__":
    tap.main()
