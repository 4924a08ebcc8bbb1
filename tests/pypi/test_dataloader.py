"""PyTorch's DataLoader with workers, forked and spawned, in a trainer that has a run."""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system")]
from harness import Daemon, PATIENCE_S, ROOT

import tap

TRAIN = """
import os, sys, time
import torch
import sae_metrics

class Rows(torch.utils.data.Dataset):
    run = None  # as a trainer that hands itself to its data set

    def __len__(self):
        return 400

    def __getitem__(self, i):
        if self.run is not None:
            self.run.log_step(5000 + i, fired=[1, 1, 1, 1])
            self.run.log({"worker": 1.0})
        return torch.tensor([float(i)])

def main(method, persistent):
    rows = Rows()
    rows.run = run = sae_metrics.init(id="loader", d_sae=4, train_batch_size=4)
    loader = torch.utils.data.DataLoader(rows, batch_size=4, num_workers=2, multiprocessing_context=method,
                                         persistent_workers=persistent)
    step = 0
    for epoch in range(2):
        for batch in loader:
            run.log_step(step, fired=[1, 2, 3, 4], mse_loss=batch.mean())
            step += 1
    begun = time.monotonic()
    del loader
    print(step, time.monotonic() - begun < 10)
    run.finish(timeout=60)
    print(run.stats.messages, run.stats.acked, run.stats.dropped)

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "persistent")
"""


class DataLoader(unittest.TestCase):
    def train(self, *arguments):
        with Daemon() as daemon, tempfile.TemporaryDirectory() as directory:
            script = Path(directory) / "train.py"
            script.write_text(TRAIN)
            environment = {**daemon.environment(), "PYTHONPATH": str(ROOT / "client" / "python"), "SAE_METRICS_QUIET": "0"}
            done = subprocess.run([sys.executable, script, *arguments], env=environment, capture_output=True, text=True,
                                  check=False, timeout=PATIENCE_S)
            self.assertEqual((0, "200 True\n201 201 0\n"), (done.returncode, done.stdout), done.stderr)
            said = [line for line in done.stderr.splitlines() if line.startswith("sae-metrics")]
            self.assertEqual(3, len(said), "what is said of a run is said once: " + done.stderr)
            self.assertEqual([("loader", "finished", 0, 201)],
                             daemon.rows("SELECT id, state, exit_code, messages FROM runs"))
            self.assertEqual([(200, 0, 199)], daemon.rows("SELECT count(*), min(step), max(step) FROM steps"))
            self.assertEqual([(1,)], daemon.rows("SELECT count(*) FROM streams"))

    def test_forked_workers_say_nothing_and_the_run_goes_on(self):
        self.train("fork", "again")
        self.train("fork", "persistent")

    def test_spawned_workers_say_nothing_and_the_run_goes_on(self):
        self.train("spawn", "again")
        self.train("spawn", "persistent")

    def test_workers_of_a_server_say_nothing_and_the_run_goes_on(self):
        self.train("forkserver", "persistent")


if __name__ == "__main__":
    tap.main()
