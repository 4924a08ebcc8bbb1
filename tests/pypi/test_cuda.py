"""Tensors of a real GPU: steps that the host is far ahead with. Skipped, aloud, where there is no GPU."""
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("system", "unit/python")]
from harness import Daemon

import numpy
import tap
import torch
from fake_library import FakeLibrary

import sae_metrics
from sae_metrics import statistics


@unittest.skipUnless(torch.cuda.is_available(), "this machine has no GPU that torch can use")
class Cuda(unittest.TestCase):
    def test_ten_thousand_steps_without_a_wait_lose_none(self):
        d_sae, n_steps = 131072, 10000
        busy = torch.randn(4096, 4096, device="cuda")
        with Daemon() as daemon:
            run = sae_metrics.init(profile="native", d_sae=d_sae, train_batch_size=64, feature_sampling_window=1000,
                                   socket=str(daemon.socket), when_full=600)
            counts = torch.zeros(d_sae, dtype=torch.int64, device="cuda")
            total, ahead = torch.zeros_like(counts), 0
            for step in range(n_steps):
                busy @ busy  # so that the device falls behind
                counts.zero_()
                counts[(step * 37) % 1000 :: 997] = step % 64 + 1
                total += counts
                run.log_step(step, counts, n_rows=64, mse_loss=counts.sum() * 0 + step)
                ahead = max(ahead, len(run._in_flight))
            self.assertGreaterEqual(ahead, 20)
            run.finish(timeout=300)
            self.assertEqual(0, run.stats.dropped)
            self.assertEqual([(n_steps, n_steps * (n_steps - 1) / 2)],
                             daemon.rows("SELECT count(*), sum(mse_loss) FROM steps"))
            self.assertEqual([(10, int((total == 0).sum()))],
                             daemon.rows("SELECT count(*), min(never_fired) FROM windows"))

    def test_a_log_call_does_not_wait_for_the_device(self):
        FakeLibrary().install(self)
        run = sae_metrics.init(d_sae=1024, train_batch_size=64)
        acts, x = torch.randn(64, 1024, device="cuda").relu(), torch.randn(64, 32, device="cuda")
        run.log_activations(0, acts, x, x + 1)  # kernels are loaded, memory is pinned
        torch.cuda.synchronize()
        torch.cuda._sleep(2_000_000_000)  # about a second of the device
        begun = time.perf_counter()
        torch.cuda.set_sync_debug_mode("error")
        self.addCleanup(torch.cuda.set_sync_debug_mode, "default")
        run.log_activations(1, acts, x, x + 1)
        run.log_topk(2, torch.zeros(64, 4, dtype=torch.int64, device="cuda"))
        run.log({"x": x.sum()}, 2)
        self.assertLess(time.perf_counter() - begun, 0.5)

    def test_what_is_measured_on_the_device_is_what_numpy_measures(self):
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            library = FakeLibrary().install(self)
            run = sae_metrics.init(d_sae=256, train_batch_size=500)
            acts = (torch.randn(500, 256, device="cuda") - 0.5).to(dtype)
            x = torch.randn(500, 32, device="cuda").to(dtype)
            y = (x + 0.1 * torch.randn_like(x)).to(dtype)
            run.log_activations(0, acts, x, y)
            run.flush()
            (_, _, fired, positive, got), = library.of("log_step")
            wanted = statistics.count_fired(acts.double().cpu().numpy())
            numpy.testing.assert_array_equal(wanted[0], fired)
            numpy.testing.assert_array_equal(wanted[1], positive)
            for name, value in statistics.measure_reconstruction(x.double().cpu().numpy(), y.double().cpu().numpy()).items():
                numpy.testing.assert_allclose(got[name], value, rtol=1e-9, err_msg=name)

    def test_a_captured_graph_is_left_alone(self):
        library = FakeLibrary().install(self)
        run = sae_metrics.init(d_sae=16, train_batch_size=4)
        counts = torch.ones(16, device="cuda")
        run.log_step(0, counts)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            run.log_step(1, counts * 2)
        graph.replay()
        run.log_step(2, counts)
        run.flush()
        self.assertEqual([0, 2], [call[0] for call in library.of("log_step")])


if __name__ == "__main__":
    tap.main()
