"""A trainer's own W&B key: from its environment through the daemon to W&B, and nowhere else."""
import os
import unittest
from unittest import mock

from harness import Daemon, wait_until
from fake_wandb import FakeWandb

import sae_metrics
import tap

KEY = "0123456789abcdef" * 2 + "76543210"


def forward_of(daemon, run):
    return daemon.status(run).get("forward", {})


class Key(unittest.TestCase):
    def setUp(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        patch = mock.patch.dict(os.environ, {**kept, "NETRC": "/nowhere/netrc"}, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def train(self, daemon, run, **arguments):
        handle = sae_metrics.init(id=run, project="p", d_sae=4, train_batch_size=2, wandb_log_frequency=1,
                                  socket=str(daemon.socket), log_to_wandb=True, **arguments)
        for step in range(3):
            handle.log_step(step, [1, 0, 2, 0], mse_loss=0.5, l1_loss=0.25)
        handle.finish(timeout=60)

    def test_a_run_goes_to_wandb_with_the_key_of_who_trains_it(self):
        with FakeWandb(api_key=KEY) as w, Daemon(variables={"WANDB_BASE_URL": w.base_url}) as daemon:
            os.environ.update(WANDB_API_KEY=KEY, WANDB_BASE_URL=w.base_url)
            self.train(daemon, "withkey1")
            wait_until(lambda: any(run.complete for run in w.runs.values()), "the run to arrive")
            self.assertEqual([], w.violations)
            daemon.stop()
            for path in daemon.directory.rglob("*"):
                if path.is_file():
                    self.assertNotIn(KEY.encode(), path.read_bytes(), path)

    def test_a_run_whose_user_gives_no_key_waits_for_one(self):
        with FakeWandb(api_key=KEY) as w, Daemon(variables={"WANDB_BASE_URL": w.base_url}) as daemon:
            os.environ.update(WANDB_API_KEY=KEY, WANDB_BASE_URL=w.base_url)
            self.train(daemon, "without1", wandb_key=False)
            wait_until(lambda: "key" in (forward_of(daemon, "without1").get("words") or ""),
                       "status to say what is missing")
            self.assertEqual([], w.requests)


if __name__ == "__main__":
    tap.main()
