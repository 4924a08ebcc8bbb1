"""PyTorch: the example as a user runs it, and counts that torch itself keeps beside the daemon's."""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system")]
from harness import Daemon, ROOT, everything

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

    def test_a_tensor_that_was_lent_stays_the_trainers_to_resize(self):
        counts = torch.ones(4, dtype=torch.int32)
        with Daemon() as daemon, sae_metrics.init(d_sae=4, train_batch_size=8, socket=str(daemon.socket)) as run:
            run.log_step(0, counts, mse_loss=0.5)
            counts.resize_(64)

    def test_stacked_saes_share_a_step_and_have_a_run_each(self):
        n_runs, d_sae, n_rows = 3, 64, 32
        acts = (torch.randn(n_runs, n_rows, d_sae) - torch.tensor([0.0, 0.5, 1.0])[:, None, None]).relu()
        x, y = torch.randn(n_rows, 8), torch.randn(n_runs, n_rows, 8)
        with Daemon() as daemon:
            runs = sae_metrics.init_many(["a", "b", "c"], group="stack", profile="native", d_sae=d_sae, train_batch_size=n_rows,
                                         socket=str(daemon.socket))
            with runs:
                for step in range(20):
                    runs.log_activations(step, acts, x, y, dict(overall_loss=torch.tensor([1.0, 2.0, 3.0]), mse_loss=step))
            for position, run in enumerate(runs):
                self.assertEqual([(20, 20 * (position + 1.0), 190.0)], daemon.rows(
                    "SELECT count(*), sum(overall_loss), sum(mse_loss) FROM steps WHERE run = ?", run.id))
                l0, = daemon.rows("SELECT l0 FROM steps WHERE run = ? AND step = 0", run.id)
                self.assertAlmostEqual(float((acts[position] > 0).sum(1).float().mean()), l0[0], places=5)
                self.assertEqual("stack", daemon.status(run.id)["group"])

    def test_a_checkpoint_of_torch_carries_the_state_to_another_host(self):
        def steps(run, first, last):
            for step in range(first, last):
                generator = torch.Generator().manual_seed(step)
                acts = (torch.randn(16, 32, generator=generator) - 1).relu()
                run.log_activations(step, acts, losses=dict(mse_loss=torch.tensor(1.0 / (step + 1))))

        settings = dict(id="whole", profile="prisma", d_sae=32, train_batch_size=16, feature_sampling_window=7,
                        dead_feature_window=3, wandb_log_frequency=2)
        with Daemon() as one, Daemon() as other, tempfile.TemporaryDirectory() as folder:
            with sae_metrics.init(**settings, socket=str(one.socket)) as whole:
                steps(whole, 0, 40)
            wanted = everything(one.database, "whole")["history"]
            settings["id"] = "parted"
            with sae_metrics.init(**settings, socket=str(one.socket)) as first:
                steps(first, 0, 18)
                torch.save({"sae_metrics": first.state_dict()}, folder + "/checkpoint.pt")
                steps(first, 18, 23)  # lost with the host
            with sae_metrics.init(**settings, socket=str(other.socket)) as second:
                second.load_state_dict(torch.load(folder + "/checkpoint.pt")["sae_metrics"])
                steps(second, 18, 40)
            got = everything(other.database, "parted")["history"]
            self.assertEqual([row[2:] for row in wanted if row[2] >= 18], [row[2:] for row in got])


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    tap.main()
