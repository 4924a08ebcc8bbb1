"""PyTorch: the example as a user runs it, and counts that torch itself keeps beside the daemon's."""
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system")]
from harness import Daemon, ROOT

import tap
import torch

import sae_metrics

EXAMPLE = ROOT / "client" / "examples" / "train_torch.py"


class Torch(unittest.TestCase):
    def test_the_example_trains_and_every_step_and_window_of_it_is_there(self):
        with Daemon() as daemon:
            environment = {**daemon.environment(), "PYTHONPATH": str(ROOT / "client" / "python")}
            done = subprocess.run([sys.executable, EXAMPLE], env=environment, capture_output=True, text=True, check=False)
            self.assertEqual(0, done.returncode, done.stderr)
            run, = daemon.rows("SELECT id FROM runs")
            document = daemon.status(*run)
            self.assertEqual(("finished", 1999, []), tuple(document[key] for key in ("state", "step", "alerts")))
            self.assertEqual([(2000, 0, 1999, 2000 * 512)],
                             daemon.rows("SELECT count(*), min(step), max(step), sum(n_rows) FROM steps"))
            self.assertEqual([(10, 10)], daemon.rows("SELECT count(*), sum(complete) FROM windows"))
            first, = daemon.rows("SELECT avg(mse_loss) FROM steps WHERE step < 100")
            last, = daemon.rows("SELECT avg(mse_loss) FROM steps WHERE step >= 1900")
            self.assertLess(last[0], first[0] / 2)

    def test_the_counts_are_those_of_torch(self):
        d_in, d_sae, n_rows, window = 16, 256, 64, 10
        torch.manual_seed(0)
        encoder = torch.nn.Linear(d_in, d_sae)
        with torch.no_grad():
            encoder.bias -= 1.5
        fired, expected = torch.zeros(d_sae, dtype=torch.int64), []
        with Daemon() as daemon:
            run = sae_metrics.init(profile="native", d_sae=d_sae, d_in=d_in, train_batch_size=n_rows,
                                   feature_sampling_window=window, socket=str(daemon.socket))
            for step in range(3 * window):
                x = torch.randn(n_rows, d_in)
                acts = torch.relu(encoder(x)).detach()
                run.log_activations(step, acts.numpy(), x.numpy(), x.numpy())
                fired += (acts > 0).sum(0)
                if step % window == window - 1:
                    expected.append((int((fired == 0).sum()), int((fired > n_rows * window * 0.01).sum())))
                    fired.zero_()
            run.finish(timeout=60)
            got = daemon.rows('SELECT never_fired, "above_1e-2" FROM windows ORDER BY window')
        self.assertEqual(expected, got)
        self.assertTrue(any(never > 0 for never, _ in expected) and any(dense > 0 for _, dense in expected))


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    tap.main()
