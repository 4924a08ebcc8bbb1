"""Dead by tokens: features that have been silent for ten million tokens, through kills, resumes and states that are lost, against the
steps that were pushed."""
import shutil
import subprocess
import unittest

import numpy
from harness import DAEMON, Daemon
import sae_metrics

import tap

D_SAE, WINDOW, TOKENS = 300, 5, 10_000_000


def step_of(step):
    """Which features fire, and on how many tokens: batches are never alike, and features sleep for as long as they like."""
    random = numpy.random.default_rng(step)
    n_rows = int(random.integers(200_000, 700_000))
    period = numpy.arange(D_SAE) % 40 + 1
    return numpy.where(step // period % 2 == 0, random.integers(0, 3, D_SAE), 0).astype(numpy.uint32), n_rows


def dead_after(step, first=0):
    """By adding up the tokens of every step behind the last at which it fired."""
    steps = [step_of(at) for at in range(first, step + 1)]
    silent = numpy.zeros(D_SAE, dtype=numpy.int64)
    for fired, n_rows in steps:
        silent = numpy.where(fired > 0, 0, silent + n_rows)
    return int((silent >= TOKENS).sum())


def begin(daemon, run, launch="first", **more):
    return sae_metrics.init(id=run, d_sae=D_SAE, feature_sampling_window=WINDOW, dead_feature_window=12, train_batch_size=500_000,
                            profile="native", launch=launch, socket=str(daemon.socket), when_full=60, **more)


def push(handle, first, end):
    for step in range(first, end):
        fired, n_rows = step_of(step)
        handle.log_step(step, fired=fired, n_rows=n_rows, mse_loss=0.5)
    handle.flush(30)


def windows_of(daemon, run):
    return daemon.rows("select attempt, step_last, dead_10m_tokens from windows where run = ? order by attempt, window", run)


class DeadTokens(unittest.TestCase):
    def test_it_is_what_the_steps_say_whatever_is_killed(self):
        with Daemon() as daemon:
            handle = begin(daemon, "killed1")
            for first in range(0, 120, 20):
                push(handle, first, first + 17)
                daemon.kill()
                daemon.start()
                push(handle, first + 17, first + 20)
            handle.finish(timeout=60)
            windows = windows_of(daemon, "killed1")
            self.assertEqual(24, len(windows))
            self.assertEqual([dead_after(step) for _, step, _ in windows], [dead for *_, dead in windows])
            self.assertEqual(0, windows[2][2])  # nobody can have been silent for so long yet
            self.assertGreater(windows[-1][2], 10)
            run, = daemon.status()["runs"]
            self.assertEqual(windows[-1][2], run["sparsity"]["dead_10m_tokens"])
            out = subprocess.run([DAEMON, "status", "-o", "dead_10m_tokens"], env=daemon.environment(), check=True, capture_output=True, text=True)
            self.assertIn(str(windows[-1][2]), out.stdout)

    def test_a_state_that_is_handed_over_has_it(self):
        with Daemon() as daemon:
            handle = begin(daemon, "goesback")
            push(handle, 0, 60)
            state = handle.state_dict()
            push(handle, 60, 90)
            handle.finish(timeout=60)
            again = begin(daemon, "goesback", launch="second")
            again.load_state_dict(state)
            push(again, 60, 120)
            again.finish(timeout=60)
            windows = [(step, dead) for attempt, step, dead in windows_of(daemon, "goesback") if attempt == 2]
            self.assertEqual(12, len(windows))
            self.assertEqual([(step, dead_after(step)) for step, _ in windows], windows)

    def test_without_the_state_it_is_not_known_until_so_many_tokens_came_again(self):
        for lose in (True, False):
            with self.subTest(lose=lose), Daemon() as daemon:
                handle = begin(daemon, "statelos")
                push(handle, 0, 60)
                if lose:  # the daemon's own
                    daemon.kill()
                    shutil.rmtree(f"{daemon.database}-state")
                    daemon.start()
                else:  # the trainer goes back by itself
                    handle.finish(timeout=60)
                    handle = begin(daemon, "statelos", launch="second")
                begun = 60 if lose else 43
                push(handle, begun, 130)
                handle.finish(timeout=60)
                after = [row for row in windows_of(daemon, "statelos") if row[1] >= begun and (lose or row[0] == 2)]
                self.assertEqual(min(row[1] for row in after) // WINDOW, begun // WINDOW)
                for _, step, dead in after:
                    came = sum(step_of(at)[1] for at in range(begun, step + 1))
                    self.assertEqual(None if came < TOKENS else dead_after(step), dead, step)
                self.assertIsNone(after[0][2])
                self.assertIsNotNone(after[-1][2])


if __name__ == "__main__":
    tap.main()
