"""Tensors: what is counted from them, and steps that are still on a device while the host goes on."""
import os
import subprocess
import sys
import unittest
import warnings
import weakref
from pathlib import Path
from unittest import mock

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("system", "unit/python")]
from harness import Daemon, ROOT

import fake_device
import numpy
import tap
import torch
from fake_device import FakeDevice
from fake_library import FakeLibrary

import sae_metrics
from sae_metrics import ring, statistics, tensor_statistics, tensors


def acts_like(kind, n_rows=300, d_sae=64):
    """Activations of which some are zero, some features never fire, and for `signed` and `nan` what their names say."""
    generator = torch.Generator().manual_seed(5)
    acts = torch.randn(n_rows, d_sae, generator=generator) - 0.7
    acts[:, :5] = 0
    if kind != "signed":
        acts = acts.relu()
    if kind == "nan":
        acts[3, 9] = acts[200, 9] = float("nan")
    return acts


class Statistics(unittest.TestCase):
    def assert_same(self, by_numpy, by_torch):
        for name, wanted in by_numpy.items():
            numpy.testing.assert_allclose(float(by_torch[name]), wanted, rtol=1e-12, err_msg=name)

    def test_counts_of_every_type_are_those_of_numpy(self):
        for kind in ("relu", "signed", "nan"):
            acts = acts_like(kind)
            for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
                wanted = statistics.count_fired(acts.to(dtype).double().numpy())
                got = tensor_statistics.count_fired(acts.to(dtype))
                with self.subTest(kind=kind, dtype=dtype):
                    numpy.testing.assert_array_equal(wanted[0], got[0].numpy())
                    self.assertEqual(wanted[1] is None, got[1] is None)
                    if wanted[1] is not None:
                        numpy.testing.assert_array_equal(wanted[1], got[1].numpy())
                    self.assertEqual(wanted[2], got[2])

    def test_counts_of_sparse_tensors_are_those_of_dense_ones(self):
        for kind in ("relu", "signed"):
            acts = acts_like(kind)
            wanted = statistics.count_fired(acts.numpy())
            got = tensor_statistics.count_fired(tensor_statistics.rows_of(acts.to_sparse(), "acts"))
            numpy.testing.assert_array_equal(wanted[0], got[0].numpy())
            self.assertEqual(wanted[1] is None, got[1] is None)

    def test_counts_are_the_same_however_the_rows_are_cut(self):
        acts = acts_like("signed")
        whole = tensor_statistics.count_fired(acts)
        with mock.patch.object(tensor_statistics, "BLOCK_NUMBERS", 64 * 7):
            cut = tensor_statistics.count_fired(acts)
        self.assertTrue(torch.equal(whole[0], cut[0]) and torch.equal(whole[1], cut[1]))

    def test_norms_are_those_of_numpy(self):
        acts = acts_like("signed")
        for p in (0, 0.5, 1, 2, float("inf")):
            wanted = statistics.lp_sum(acts.numpy(), p)
            for tensor in (acts, acts.to_sparse().coalesce()):
                numpy.testing.assert_allclose(float(tensor_statistics.lp_sum(tensor, p)), wanted, rtol=1e-9, err_msg=str(p))

    def test_the_sums_of_a_reconstruction_are_those_of_numpy(self):
        generator = torch.Generator().manual_seed(1)
        for dtype in (torch.float32, torch.bfloat16):
            x = torch.randn(200, 24, generator=generator).to(dtype)
            y = (x + 0.3 * torch.randn(200, 24, generator=generator)).to(dtype)
            with mock.patch.object(tensor_statistics, "BLOCK_NUMBERS", 24 * 9):
                got = tensor_statistics.measure_reconstruction(x, y)
            self.assert_same(statistics.measure_reconstruction(x.double().numpy(), y.double().numpy()), got)

    def test_a_row_at_the_mean_gives_what_it_gives_with_numpy(self):
        x = torch.tensor([[1.0, 1.0], [0.0, 2.0], [2.0, 0.0]])
        for y in (x + torch.tensor([0.5, 0.0]), x + 0.5):
            got = tensor_statistics.measure_reconstruction(x, y)
            self.assert_same(statistics.measure_reconstruction(x.numpy(), y.numpy()), got)

    def test_top_k_counts_are_those_of_numpy(self):
        generator = torch.Generator().manual_seed(2)
        indices = torch.randint(0, 32, (50, 4), generator=generator)
        for values in (None, torch.randn(50, 4, generator=generator), torch.randn(50, 4, generator=generator).relu()):
            wanted = statistics.count_topk(indices.numpy(), None if values is None else values.numpy(), 32)
            got = tensor_statistics.count_topk(indices, values, 32)
            numpy.testing.assert_array_equal(wanted[0], got[0].numpy())
            self.assertEqual((wanted[1] is None, wanted[2]), (got[1] is None, got[2]))

    def test_what_is_no_activation_is_refused_in_words(self):
        for arrays, words in (
            ((torch.zeros(4),), "feature_acts: expected \\[rows, features\\], got shape \\(4,\\)"),
            ((torch.zeros(4, 4, dtype=torch.complex64),), "expected numbers, got a tensor of torch.complex64"),
            ((torch.zeros(4, 4), torch.zeros(3, 2), torch.zeros(3, 2)), "sae_in has 3 rows, the activations have 4"),
            ((torch.zeros(4, 4), torch.zeros(4, 2), torch.zeros(4, 3)), "sae_out has shape"),
        ):
            FakeLibrary().install(self)
            run = sae_metrics.init(d_sae=4, train_batch_size=4)
            with self.assertRaisesRegex((TypeError, ValueError), words):
                run.log_activations(0, *arrays)
        with self.assertRaisesRegex(ValueError, "indices: expected 0 ... d_sae - 1 = 3, got 0 ... 4"):
            run.log_topk(0, torch.tensor([[0, 4]]))
        with self.assertRaisesRegex(TypeError, "indices: expected integers"):
            run.log_topk(0, torch.tensor([[0.0, 1.0]]))
        with self.assertRaisesRegex(ValueError, "mse_loss: expected a number, got a tensor of shape \\(2,\\)"):
            run.log_step(0, mse_loss=torch.zeros(2))
        with self.assertRaisesRegex(ValueError, "expected a count for each of d_sae = 4 features, got 3"):
            run.log_step(0, torch.zeros(3))


class OnTheHost(unittest.TestCase):
    def setUp(self):
        self.library = FakeLibrary().install(self)
        self.run_ = sae_metrics.init(d_sae=4, train_batch_size=4)

    def test_counts_of_every_type_arrive_as_they_are(self):
        for dtype in ("uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
                      "float8_e5m2"):
            self.run_.log_step(0, torch.tensor([0, 4, 2, 1]).to(getattr(torch, dtype)))
            self.assertEqual([0, 4, 2, 1], list(map(int, self.library.of("log_step")[-1][2])), dtype)
        self.run_.log_step(0, torch.tensor([False, True, False, True]))
        self.run_.log_step(0, torch.tensor([0, 4, 2, 1]).to_sparse())
        self.run_.log_step(0, torch.tensor([[0, 9], [4, 9], [2, 9], [1, 9]])[:, 0])  # every second number of memory
        self.assertEqual([[0, 1, 0, 1], [0, 4, 2, 1], [0, 4, 2, 1]],
                         [list(map(int, call[2])) for call in self.library.of("log_step")[-3:]])

    def test_what_has_no_value_is_refused_as_what_is_none(self):
        nothing = torch.ones(4, 4, device="meta")
        for call in (
            lambda: self.run_.log_step(0, mse_loss=nothing.sum()),
            lambda: self.run_.log_step(0, nothing[0]),
            lambda: self.run_.log({"x": nothing.sum()}),
            lambda: self.run_.log_activations(0, nothing),
            lambda: torch.vmap(lambda x: self.run_.log_step(0, mse_loss=x))(torch.ones(3)),
        ):
            self.assertRaises((TypeError, ValueError), call)

    def test_arrays_and_tensors_may_be_mixed(self):
        x = torch.tensor([[0.0, 2.0], [1.0, 0.0], [3.0, 1.0], [0.5, 0.0]], requires_grad=True)
        acts = x.detach().repeat(1, 2)
        self.run_.log_activations(0, acts, x, x * 2)
        self.run_.log_activations(1, acts.numpy(), x, (x * 2).bfloat16())
        self.run_.log_activations(2, acts, x.detach().numpy(), x * 2)
        one, *others = (call[4] for call in self.library.of("log_step"))
        for other in others:
            self.assertEqual({name: round(value, 9) for name, value in one.items()},
                             {name: round(value, 9) for name, value in other.items()})

    def test_what_a_trainer_sets_for_all_of_torch_changes_no_number(self):
        def sums(step):
            generator = torch.Generator().manual_seed(1)
            acts, x = torch.randn(4, 4, generator=generator, dtype=torch.float32), torch.ones(4, 3, dtype=torch.float32).cumsum(0)
            self.run_.log_activations(step, acts, x, x + 0.5, dict(mse_loss=x.sum()))
            return self.library.of("log_step")[-1][2:]

        wanted = sums(0)
        with torch.autocast("cpu", torch.bfloat16):
            self.assertEqual(wanted, sums(1))
        with torch.inference_mode():
            self.assertEqual(wanted, sums(2))
        torch.set_default_dtype(torch.float64)
        self.addCleanup(torch.set_default_dtype, torch.float32)
        self.assertEqual(wanted, sums(3))

    def test_a_loss_with_its_graph_is_a_number_and_warns_of_nothing(self):
        loss = (torch.ones(3, requires_grad=True) * 2).sum()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.run_.log_step(0, mse_loss=loss, l0=torch.tensor(3, dtype=torch.bfloat16), further=loss)
            self.run_.log({"x": loss, "y": torch.tensor([7])})
        call = self.library.of("log_step")[-1]
        self.assertEqual({"mse_loss": 6.0, "l0": 3.0}, call[4])
        self.assertEqual([{"further": 6.0}, {"x": 6.0, "y": 7}], [dict(values) for _, values in self.library.of("log")])

    def test_histograms_are_taken_of_tensors_of_every_kind(self):
        from sae_metrics.wandb import Histogram

        values = torch.linspace(-1, 2, 1000)
        wanted = numpy.histogram(values.numpy(), bins=64)
        for tensor in (values, values.clone().requires_grad_(), values.double().float()):
            got = Histogram(tensor)
            self.assertEqual((wanted[0].tolist(), wanted[1].tolist()), (got.histogram, got.bins))
        rounded = numpy.histogram(values.bfloat16().float().numpy(), bins=64)
        self.assertEqual(rounded[0].tolist(), Histogram(values.bfloat16().requires_grad_()).histogram)

    def test_torch_is_not_imported_for_anything_else(self):
        script = """
import sys, sae_metrics
run = sae_metrics.init(d_sae=2, train_batch_size=2)
run.log_step(0, [1, 2], mse_loss=1.0)
run.log({"x": 1})
import numpy
run.log_activations(1, numpy.zeros((2, 2)), numpy.zeros((2, 2)), numpy.zeros((2, 2)))
run.finish()
assert "torch" not in sys.modules and "wandb" not in sys.modules, sorted(sys.modules)
"""
        with Daemon() as daemon:
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False,
                                  env={**daemon.environment(), "PYTHONPATH": str(ROOT / "client" / "python")})
        self.assertEqual((0, ""), (done.returncode, done.stderr))


class OnADevice(unittest.TestCase):
    """Tensors of the host that are said to be a device's."""

    def start(self, lag=20, **arguments):
        self.library = FakeLibrary().install(self)
        self.device = FakeDevice(lag).install(self)
        return sae_metrics.init(**{"d_sae": 4, "train_batch_size": 4, **arguments})

    def steps(self):
        return [call[0] for call in self.library.of("log_step")]

    def test_a_step_is_pushed_once_its_numbers_are_here_and_never_before(self):
        run = self.start(lag=3)
        counts, loss = torch.zeros(4, dtype=torch.int64), torch.zeros(())
        for step in range(10):
            counts[step % 4], loss[()] = step % 4 + 1, step  # in place: what was logged must be what was there then
            run.log_step(step, counts, mse_loss=loss, l0=0.5)
            self.assertEqual(list(range(max(0, step - 3))), self.steps()[: max(0, step - 3)])
            self.assertGreaterEqual(len(self.steps()), max(0, step - 3))
        self.assertEqual(0, self.device.n_waits)
        self.device.lag = 0
        self.device.record()
        self.assertTrue(run.flush())
        self.assertEqual(list(range(10)), self.steps())
        for step, call in enumerate(self.library.of("log_step")):
            self.assertEqual({"mse_loss": step, "l0": 0.5}, call[4])
            self.assertEqual([i + 1 if i <= step else 0 for i in range(4)], list(map(int, call[2])))

    def test_what_is_logged_between_steps_keeps_its_place(self):
        run = self.start(lag=2)
        for step in range(3):
            run.log_step(step, torch.ones(4), mse_loss=torch.tensor(1.0), extra=torch.tensor(2.0 + step))
            run.log({"eval": step, "far": torch.tensor(3)}, step)
            run.log({"near": step}, step)
            run.event("note", "x", step)
            run.mark(step)
            run.skip(step)
        run.log_step(3, [1, 1, 1, 1], mse_loss=4.0)  # nothing of it is on the device, but its place is behind
        self.device.lag = 0
        self.device.record()
        run.finish()
        wanted = ["log_step", "log", "log", "log", "event", "mark", "skip"] * 3 + ["log_step"]
        self.assertEqual(wanted, [call[0] for call in self.library.calls if call[0] in wanted])
        self.assertEqual([{"extra": 2.0}, {"eval": 0, "far": 3}, {"near": 0}],
                         [dict(values) for _, values in self.library.of("log")[:3]])

    def test_what_is_logged_in_wandbs_place_waits_for_no_device(self):
        from sae_metrics.wandb import Session

        wandb = Session(run=self.start(lag=4))
        loss = torch.zeros((), requires_grad=True)
        for step in range(3):
            with torch.no_grad():
                loss[()] = step
            wandb.log({"loss": loss, "in": {"deep": torch.tensor([7])}, "near": step}, step=step)
        self.assertEqual(([], 0), (self.library.of("log"), self.device.n_waits))
        with torch.no_grad():
            loss[()] = 99
        self.assertEqual((2, 7), (wandb.summary["loss"], wandb.summary["in"]["deep"]))
        self.device.lag = 0
        self.device.record()
        wandb.run.sae.finish()
        self.assertEqual([(step, {"loss": step, "in.deep": 7, "near": step}) for step in range(3)],
                         [(step, dict(values)) for step, values in self.library.of("log")])

    def test_whoever_waits_waits_for_the_device_too_and_no_longer_than_told(self):
        run = self.start(lag=1000)
        run.log_step(0, torch.ones(4))
        with mock.patch.dict(os.environ, {"SAE_METRICS_STRICT": "1"}), self.assertRaisesRegex(
            sae_metrics.Error, "1 steps had not come from the device after 0.01 s"
        ):
            run.flush(timeout=0.01)
        self.assertEqual([], self.steps())
        self.device.lag = 0
        self.device.record()
        run.state_dict()
        self.assertEqual([0], self.steps())

    def test_when_all_slots_are_on_their_way_the_oldest_is_waited_for(self):
        run = self.start(lag=10**6)
        for step in range(ring.SLOTS_MAX + 5):
            run.log_step(step, torch.ones(4))
        self.assertEqual(5, self.device.n_waits)
        self.assertEqual(list(range(5)), self.steps())

    def test_pinned_memory_is_bounded_in_bytes(self):
        run = self.start(lag=10**6, d_sae=1 << 20)
        counts = torch.ones(1 << 20, dtype=torch.int32)
        for step in range(40):
            run.log_step(step, counts)
        self.assertEqual(40 - ring.BYTES_MAX // (4 << 20), self.device.n_waits)

    def test_small_slots_give_way_to_large_ones(self):
        run = self.start(lag=10**6, d_sae=1 << 20)
        for step in range(ring.SLOTS_MAX):
            run.log_step(step, mse_loss=torch.tensor(1.0))
        for step in range(40):
            run.log_step(ring.SLOTS_MAX + step, torch.ones(1 << 20, dtype=torch.int32))
        self.assertLessEqual(run._in_flight.ring._n_bytes, ring.BYTES_MAX)
        self.assertEqual(ring.SLOTS_MAX + 40 - ring.BYTES_MAX // (4 << 20), len(self.steps()))

    def test_a_device_that_has_no_memory_for_a_while_costs_no_slot(self):
        run = self.start(lag=0)
        for step in range(3 * ring.SLOTS_MAX):
            self.device.broken = torch.OutOfMemoryError("no memory") if step < 2 * ring.SLOTS_MAX else None
            with mock.patch("sae_metrics.handle.say"):
                run.log_step(step, torch.ones(4))
        self.device.record()
        run.flush()
        self.assertEqual(list(range(2 * ring.SLOTS_MAX, 3 * ring.SLOTS_MAX)), self.steps())

    def test_steps_of_several_sizes_share_the_slots(self):
        run = self.start(lag=2)
        for step in range(30):
            run.log_step(step, torch.ones(4) if step % 3 else None, mse_loss=torch.tensor(float(step)))
            run.log({"v%d" % i: torch.tensor(i) for i in range(step)}, step)
        self.device.lag = 0
        self.device.record()
        run.flush()
        self.assertEqual([{"mse_loss": float(step)} for step in range(30)], [call[4] for call in self.library.of("log_step")])
        self.assertEqual({"v%d" % i: i for i in range(29)}, dict(self.library.of("log")[-1][1]))

    def test_a_graph_that_is_captured_is_left_alone(self):
        run = self.start()
        self.device.capturing = True
        with mock.patch("sae_metrics.in_flight.say") as say:
            for _ in range(3):
                run.log_step(0, torch.ones(4))
                run.log({"x": torch.ones(1)})
        self.assertEqual((1, 0), (say.call_count, self.device.n_events))
        self.assertIn("captured", say.call_args[0][0])

    def test_a_device_without_memory_costs_the_step_and_not_the_training(self):
        run = self.start()
        self.device.broken = torch.OutOfMemoryError("no memory")
        with mock.patch("sae_metrics.handle.say") as complain:
            run.log_step(7, torch.ones(4))
        self.assertIn("step 7 was not taken: no memory", complain.call_args[0][0])
        self.assertEqual([(7,)], self.library.of("skip"))

    def test_a_device_that_has_no_memory_for_long_ends_nothing_either_and_is_said_once(self):
        run = self.start()
        self.device.broken = torch.OutOfMemoryError("no memory")
        with mock.patch("sae_metrics.handle.say") as complain:
            for step in range(3 * ring.SLOTS_MAX):
                run.log_step(step, torch.ones(4))
                run.log({"x": torch.ones(1)}, step)
        self.assertEqual(["run abcd1234: step 0 was not taken: no memory", "run abcd1234: log of x was not taken: no memory"],
                         [call[0][0] for call in complain.call_args_list])
        self.device.broken = None
        run.log_step(1000, torch.ones(4))
        self.device.lag = 0
        self.device.record()
        run.flush()
        self.assertEqual([1000], self.steps())

    def test_a_device_that_fails_loses_what_was_on_its_way_and_the_run_still_ends_in_its_words(self):
        run = self.start()
        for step in range(3):
            run.log_step(step, torch.ones(4), mse_loss=torch.tensor(1.0))
            run.log({"x": torch.ones(1)}, step)
        run.event("note", "x", 2)
        failure = RuntimeError("CUDA error: device-side assert triggered")
        with mock.patch.multiple(fake_device.Event, query=mock.Mock(side_effect=failure), synchronize=mock.Mock(side_effect=failure)):
            with mock.patch("sae_metrics.in_flight.complain") as complain, self.assertRaisesRegex(RuntimeError, "device-side"):
                with run:
                    raise failure
        self.assertEqual([(0,), (1,), (2,)], self.library.of("skip"))
        self.assertEqual(1, len(self.library.of("event")))
        self.assertEqual([b"RuntimeError: CUDA error: device-side assert triggered"], self.library.end_words)
        self.assertEqual("run abcd1234: what 6 calls logged never came from the device: CUDA error: device-side assert triggered",
                         complain.call_args[0][0])

    def test_what_is_on_its_way_keeps_nothing_of_the_trainer_alive(self):
        run = self.start(lag=50)
        hidden, counts = torch.ones(10, requires_grad=True) * 2, torch.ones(4, dtype=torch.int32)
        loss = hidden.square().sum()
        run.log({"loss": loss})
        run.log_step(0, counts, mse_loss=loss)
        kept = [weakref.ref(thing) for thing in (hidden, counts, loss)]
        del hidden, counts, loss
        self.assertEqual([None] * 3, [reference() for reference in kept])

    def test_a_finished_run_keeps_no_pinned_memory(self):
        run = self.start(lag=0)
        run.log_step(0, torch.ones(4))
        flight = weakref.ref(run._in_flight.ring)
        run.finish()
        self.assertIsNone(flight())

    def test_wrong_shapes_are_refused_when_they_are_given(self):
        run = self.start()
        for call, words in (
            (lambda: run.log_step(0, torch.ones(4, 2)), "fired: expected a count for each of d_sae = 4 features, got 4x2"),
            (lambda: run.log_step(0, torch.ones(4), positive=torch.ones(5)), "positive: expected a count .* got 5"),
            (lambda: run.log_step(0, positive=torch.ones(4)), "positive counts without fired"),
            (lambda: run.log_step(0, torch.ones(4, dtype=torch.complex64)), "fired: expected numbers, got a tensor of torch.complex"),
            (lambda: run.log_step(0, torch.ones(4), mse_loss=torch.tensor(1j)), "mse_loss: expected a number, got a tensor of"),
            (lambda: run.log_step(0, torch.ones(4), mse_loss="a"), "mse_loss: expected a number, got str"),
            (lambda: run.log_step(0, torch.ones(4), mine=object()), "'mine' is a object"),
        ):
            with self.assertRaisesRegex((TypeError, ValueError), words):
                call()
        self.assertEqual(0, self.device.n_events)
        with self.assertRaisesRegex(ValueError, "fired: expected a count for each of d_sae = 4 features, got 3"):
            run.log_step(0, torch.ones(3))
        with self.assertRaisesRegex(ValueError, "mse_loss: expected a number, got a tensor of shape \\(2,\\)"):
            run.log_step(0, torch.ones(4), mse_loss=torch.ones(2))
        with self.assertRaisesRegex(TypeError, "'bad' is a object"):
            run.log({"far": torch.ones(1), "bad": object()})

    def test_an_index_that_is_no_features_spoils_the_step_and_not_the_device(self):
        run = self.start(lag=0)
        with mock.patch.object(tensor_statistics, "_on_host", return_value=False):
            run.log_topk(0, torch.tensor([[0, 9]]))
            run.log_topk(1, torch.tensor([[0, 3]]), torch.tensor([[0.5, 0.0]]))
        run.flush()
        self.assertEqual([-1, 1], [int(call[2][0]) for call in self.library.of("log_step")])
        self.assertEqual([1, 0, 0, 0], list(map(int, self.library.of("log_step")[1][2])))

    def test_activations_of_a_device_are_measured_without_a_wait(self):
        run = self.start(lag=0, d_sae=64, train_batch_size=300)
        with mock.patch.object(tensor_statistics, "_on_host", return_value=False), mock.patch.object(
            torch.Tensor, "item", side_effect=AssertionError("a wait")
        ), mock.patch.object(torch.Tensor, "__bool__", side_effect=AssertionError("a wait")):
            for step, kind in enumerate(("relu", "signed", "nan")):
                x = torch.ones(300, 3).cumsum(0)
                run.log_activations(step, acts_like(kind), x, x + 0.5, dict(mse_loss=torch.tensor(1.0)))
        self.device.record()
        run.flush()
        for kind, call in zip(("relu", "signed", "nan"), self.library.of("log_step")):
            nonzero, positive, n_nan = statistics.count_fired(acts_like(kind).numpy())
            numpy.testing.assert_array_equal(nonzero, list(call[2]))
            self.assertEqual(positive is None, call[3] is None)
            self.assertEqual(n_nan, call[4]["n_nan_acts"])
            numpy.testing.assert_allclose(call[4]["l2_sum"], 300 * 0.75, rtol=1e-12)


class Lossless(unittest.TestCase):
    def test_ten_thousand_steps_far_ahead_of_the_device_lose_none(self):
        d_sae, n_steps, window = 131072, 10000, 1000
        self.device = FakeDevice(lag=25).install(self)
        with Daemon() as daemon:
            run = sae_metrics.init(profile="native", d_sae=d_sae, train_batch_size=64, feature_sampling_window=window,
                                   socket=str(daemon.socket), when_full=600)
            total, counts = torch.zeros(d_sae, dtype=torch.int64), torch.zeros(d_sae, dtype=torch.uint8)
            never = []
            for step in range(n_steps):
                counts.zero_()
                counts[(step * 37) % 1000 :: 997] = step % 64 + 1
                total += counts
                run.log_step(step, counts, n_rows=64, mse_loss=torch.tensor(float(step)))
                if step % window == window - 1:
                    never.append(int((total == 0).sum()))
                    total.zero_()
            self.assertEqual((25, 0), (self.device.ahead_max, self.device.n_waits))
            self.device.lag = 0
            self.device.record()
            run.finish(timeout=120)
            self.assertEqual(0, run.stats.dropped)
            self.assertEqual([(n_steps, n_steps * (n_steps - 1) / 2)],
                             daemon.rows("SELECT count(*), sum(mse_loss) FROM steps"))
            self.assertEqual([(count, 1) for count in never],
                             daemon.rows("SELECT never_fired, complete FROM windows ORDER BY window"))

    def test_what_is_on_its_way_when_the_process_ends_arrives(self):
        script = """
import sys
sys.path.insert(0, sys.argv[1])
import torch, unittest, sae_metrics
from fake_device import FakeDevice
class Test(unittest.TestCase): pass
device = FakeDevice(2).install(Test())
run = sae_metrics.init(d_sae=4, train_batch_size=4)
for step in range(5):
    run.log_step(step, torch.ones(4), mse_loss=torch.tensor(1.0))
device.lag = 0
device.record()
"""
        with Daemon() as daemon:
            done = subprocess.run([sys.executable, "-c", script, str(Path(__file__).parent)], capture_output=True, text=True,
                                  env={**daemon.environment(), "PYTHONPATH": str(ROOT / "client" / "python")}, check=False)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual([(5,)], daemon.rows("SELECT count(*) FROM steps"))


if __name__ == "__main__":
    tap.main()
