"""What the package hands to the library, and what it refuses."""

import array
import dataclasses
import io
import json
import math
import os
import unittest
from unittest import mock

import sae_metrics
import tap
from fake_library import FakeLibrary
from sae_metrics import native

try:
    import numpy as np
except ImportError:
    np = None

needs_numpy = unittest.skipIf(np is None, "no numpy")


class RunTest(unittest.TestCase):
    def setUp(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SAE_METRICS")}
        patch = mock.patch.dict(os.environ, dict(environment, SAE_METRICS_QUIET="1"), clear=True)
        patch.start()
        self.addCleanup(patch.stop)
        self.library = FakeLibrary().install(self)

    def init(self, **arguments):
        run = sae_metrics.init(**{"d_sae": 4, "train_batch_size": 2, **arguments})
        self.addCleanup(run.finish)
        return run

    def opened(self, **arguments):
        self.init(**arguments)
        return self.library.of("open")[-1][0]


class OpenTest(RunTest):
    def test_every_argument_reaches_the_library(self):
        fields = self.opened(
            project="p", name="n", id="i", group="g", tags=["a", "b"], notes="o", job_type="j", entity="e",
            profile="saelens", architecture="gated", key_suffix="_x", d_sae=8, d_in=3, wandb_log_frequency=11,
            feature_sampling_window=12, dead_feature_window=13, train_batch_size=14, context_size=15,
            total_training_tokens=2**40, total_training_steps=17, num_images=18, num_epochs=19, tokens_per_image=20,
            thresholds=[0.1, 1e-3], min_l0=5, min_explained_variance=0.3, log_to_wandb=True, wandb_key="k",
            private=True, resume="must", rank=1, world_size=2, launch="l", outbox_bytes=21, when_full=1.5, socket="/s", source="q",
            scalars=["grad_norm", "l0"],
        )  # fmt: skip
        for name, expected in dict(
            project=b"p", name=b"n", run=b"i", group=b"g", tags=[b"a", b"b"], notes=b"o", job_type=b"j", entity=b"e",
            profile=b"saelens", architecture=b"gated", key_suffix=b"_x", d_sae=8, d_in=3, wandb_log_frequency=11,
            feature_sampling_window=12, dead_feature_window=13, has_dead_feature_window=1, train_batch_size=14,
            context_size=15, total_training_tokens=2**40, total_training_steps=17, num_images=18, num_epochs=19,
            tokens_per_image=20, thresholds=[0.1, 1e-3], n_thresholds=2, has_min_l0=1, min_l0=5.0,
            has_min_explained_variance=1, min_explained_variance=0.3, log_to_wandb=1, wandb_key=b"k", is_private=1, resume=b"must",
            rank=1, world_size=2, launch=b"l", outbox_bytes=21, when_full=native.WAIT, when_full_wait_ms=1500,
            socket=b"/s", source=b"q", scalars=[name.encode() for name in sae_metrics.KNOWN_SCALARS] + [b"grad_norm"],
            n_scalars=len(sae_metrics.KNOWN_SCALARS) + 1, quiet=1,
        ).items():  # fmt: skip
            self.assertEqual(fields[name], expected, name)

    def test_what_is_not_given_defaults_from_the_config(self):
        @dataclasses.dataclass
        class Config:
            d_sae: int = 6
            feature_sampling_window: int = 7
            total_training_tokens: int = 8
            l1_coefficient: float = 0.5
            lr: list = dataclasses.field(default_factory=lambda: [1, 2])

        class Plain:
            d_sae, feature_sampling_window, total_training_tokens = 6, 7, 8

        as_dict = dataclasses.asdict(Config())
        for config in (Config(), as_dict, Plain()):
            fields = self.opened(config=config, d_sae=None, feature_sampling_window=9)
            self.assertEqual((fields["d_sae"], fields["feature_sampling_window"]), (6, 9))
            self.assertEqual(fields["total_training_tokens"], 8)
        self.assertEqual(json.loads(self.opened(config=Config())["config_json"]), as_dict)
        self.assertEqual(json.loads(self.opened(config=Plain())["config_json"])["d_sae"], 6)

    def test_a_config_is_described_and_never_refused(self):
        fields = self.opened(config={"d_sae": [1, 2], "train_batch_size": -1, "where": {1: object()}, "x": math.nan})
        self.assertEqual(fields["d_sae"], 4)
        kept = json.loads(fields["config_json"])
        self.assertEqual((kept["d_sae"], kept["x"]), ([1, 2], "nan"))

    def test_a_config_too_large_for_the_wire_keeps_what_fits_and_names_the_rest(self):
        text = self.opened(config={"small": 1, "large": "x" * 300000})["config_json"]
        self.assertLess(len(text), 196608)
        self.assertEqual(json.loads(text), {"small": 1, "_left_out": ["large"]})

    def test_who_says_nothing_of_private_leaves_it_as_it_was(self):
        for said, told in (None, 0), (True, 1), (False, -1):
            self.assertEqual(self.opened(private=said)["is_private"], told)

    def test_a_bound_of_zero_is_no_bound(self):
        fields = self.opened(min_l0=0, min_explained_variance=0.0)
        self.assertEqual((fields["has_min_l0"], fields["has_min_explained_variance"]), (0, 0))

    def test_a_wrong_argument_is_refused_in_words(self):
        for arguments, error, words in (
            (dict(d_sae=1.5), TypeError, r"d_sae: expected a whole number, got 1.5 \(float\)"),
            (dict(d_sae=True), TypeError, "d_sae: expected a whole number"),
            (dict(d_sae=2**31), ValueError, r"d_sae: expected 1 ... 16777216, got 2147483648"),
            (dict(feature_sampling_window=1), ValueError, "feature_sampling_window: expected 2 ..."),
            (dict(wandb_log_frequency=0), ValueError, "wandb_log_frequency: expected 1 ..."),
            (dict(project=3), TypeError, r"project: expected text, got 3 \(int\)"),
            (dict(project="a\0b"), ValueError, "project: holds a NUL"),
            (dict(log_to_wandb=1), TypeError, "log_to_wandb: expected True or False"),
            (dict(wandb_key=b"k"), TypeError, "wandb_key: expected a key as text, True or False, got a bytes$"),
            (dict(wandb_key="k\n"), ValueError, "wandb_key: expected 1 ... 4096 bytes without blanks"),
            (dict(wandb_key=""), ValueError, "wandb_key: expected 1 ..."),
            (dict(min_l0=math.nan, lp_norm=math.nan), ValueError, "lp_norm: expected 0 ... inf, got nan"),
            (dict(tags=[1]), TypeError, "tags: expected texts"),
            (dict(thresholds=[0.0]), ValueError, "thresholds: a density is above 0"),
            (dict(thresholds=[0.1] * 17), ValueError, "thresholds: at most 16"),
            (dict(scalars=["a\n"]), ValueError, "scalars: a name"),
            (dict(scalars=[str(n) for n in range(300)]), ValueError, "scalars: at most 236 further names"),
            (dict(resume="perhaps"), ValueError, 'resume: expected "never", "allow" or "must"'),
            (dict(resume="must"), ValueError, "needs the id"),
            (dict(rank=2, world_size=2, id="x"), ValueError, r"rank: expected 0 ... world_size - 1 = 1, got 2"),
            (dict(when_full="wait"), ValueError, "when_full: expected"),
            (dict(when_full=-1), ValueError, "when_full: expected 0 ..."),
            (dict(config=5), TypeError, "config: expected a dict"),
            (dict(no_such_thing=1), TypeError, "no_such_thing"),
        ):
            with self.subTest(arguments), self.assertRaisesRegex(error, words):
                self.init(**arguments)

    def test_what_only_the_library_knows_to_be_wrong_is_a_value_error_with_its_words(self):
        self.library.answers["open"] = -22
        with self.assertRaisesRegex(ValueError, "profile: expected prisma"):
            self.init(profile="x")

    def test_no_memory_for_a_run_leaves_it_inert(self):
        self.library.answers["open"] = -12
        run = self.init()
        run.log_step(0, [1, 0, 0, 0])
        self.assertEqual(self.library.of("log_step"), [])


class LogStepTest(RunTest):
    def step(self, run, *arguments, **named):
        self.assertIsNone(run.log_step(*arguments, **named))
        return self.library.of("log_step")[-1]

    def test_counts_and_known_scalars_arrive_by_name(self):
        run = self.init(scalars=["grad_norm"])
        self.assertEqual(
            self.step(run, 7, [2, 0, 1, 0], 2, [1, 0, 1, 0], mse_loss=0.5, grad_norm=3, l0=None),
            (7, 2, [2, 0, 1, 0], [1, 0, 1, 0], {"mse_loss": 0.5, "grad_norm": 3.0}),
        )
        self.assertEqual(self.step(run, 8), (8, 2, None, None, {}))

    def test_a_name_that_was_not_declared_goes_the_way_of_log(self):
        run = self.init()
        self.step(run, 7, mse_loss=0.5, grad_norm=3)
        self.assertEqual([call[0] for call in self.library.calls[-2:]], ["log_step", "log"])
        self.assertEqual(self.library.of("log"), [(7, {"grad_norm": 3})])

    def test_a_scalar_is_not_remembered_into_the_next_step(self):
        run = self.init()
        self.step(run, 0, mse_loss=1.0)
        self.assertEqual(self.step(run, 1, l1_loss=2.0)[4], {"l1_loss": 2.0})

    def test_nan_and_infinity_are_values(self):
        given = self.step(self.init(), 0, mse_loss=math.nan, l1_loss=-math.inf)[4]
        self.assertTrue(math.isnan(given["mse_loss"]))
        self.assertEqual(given["l1_loss"], -math.inf)

    def test_anything_with_a_buffer_or_in_a_list_holds_counts(self):
        run = self.init()
        for counts in (
            bytearray([2, 0, 1, 0]),
            bytes([2, 0, 1, 0]),
            array.array("H", [2, 0, 1, 0]),
            array.array("q", [2, 0, 1, 0]),
            array.array("d", [2, 0, 1, 0]),
            array.array("b", [2, 0, 1, 0]),
            memoryview(array.array("I", [2, 9, 0, 9, 1, 9, 0, 9]))[::2],
            (2, 0, 1, 0),
            [2.0, 0, 1, 0],
            range(4),
        ):
            self.assertEqual(self.step(run, 0, counts)[2], list(counts))

    @needs_numpy
    def test_numpy_arrays_of_every_type_and_layout_hold_counts(self):
        run = self.init()
        for dtype in "bool i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 >u4 >f8".split():
            counts = np.array([1, 0, 1, 0], dtype)
            self.assertEqual(self.step(run, 0, counts)[2], [1, 0, 1, 0], dtype)
        wide = np.arange(8, dtype=np.uint32)
        self.assertEqual(self.step(run, 0, wide[::2])[2], [0, 2, 4, 6])
        self.assertEqual(self.step(run, 0, wide[:4][::-1])[2], [3, 2, 1, 0])
        wide.flags.writeable = False
        self.assertEqual(self.step(run, 0, wide[2:6])[2], [2, 3, 4, 5])

    @needs_numpy
    def test_a_contiguous_array_is_lent_where_it_lies(self):
        counts = native.Counts()
        for dtype in ("u1", "u2", "u4", "u8", "i4", "i8", "f4", "f8", "bool"):
            numbers = np.ones(4, dtype)
            native.lend(counts, "fired", numbers, 4)
            self.assertEqual(counts.data, numbers.ctypes.data)
            numbers.flags.writeable = False
            native.lend(counts, "fired", numbers, 4)
            self.assertEqual(counts.data, numbers.ctypes.data)

    @needs_numpy
    def test_one_number_arrays_and_numpy_scalars_are_scalars(self):
        given = self.step(self.init(), 0, mse_loss=np.float32(0.5), l1_loss=np.array(2.0), l0=np.int64(3))[4]
        self.assertEqual(given, {"mse_loss": 0.5, "l1_loss": 2.0, "l0": 3.0})

    def test_a_wrong_argument_is_refused_in_words(self):
        run = self.init()
        for arguments, error, words in (
            ((-1,), ValueError, r"step: expected 0 ... 2147483645, got -1"),
            ((2**31,), ValueError, "step: expected 0"),
            ((0.5,), TypeError, r"step: expected a whole number, got 0.5 \(float\)"),
            ((0, [1, 2]), ValueError, "fired: expected a count for each of d_sae = 4 features, got 2"),
            ((0, [[1, 2, 3, 4]]), TypeError, "fired: expected numbers"),
            ((0, ["a", "b", "c", "d"]), TypeError, "fired: expected numbers"),
            ((0, 5), TypeError, "fired: expected an array of counts, got int"),
            ((0, [1, 2, 3, 4], 0), ValueError, "n_rows: expected 1 ..."),
            ((0, [1, 2, 3, 4], 2.5), TypeError, "n_rows: expected a whole number"),
            ((0, None, 2, [1, 2, 3, 4]), ValueError, "positive counts without fired"),
        ):
            with self.subTest(arguments), self.assertRaisesRegex(error, words):
                run.log_step(*arguments)
        with self.assertRaisesRegex(TypeError, "mse_loss: expected a number, got str"):
            run.log_step(0, mse_loss="low")
        with self.assertRaisesRegex(ValueError, "mse_loss: expected a number that a float can hold"):
            run.log_step(0, n_rows=1, mse_loss=10**400)
        with self.assertRaisesRegex(ValueError, "'big': expected a number that a float can hold"):
            run.log({"big": 10**400}, 0)
        with self.assertRaisesRegex(TypeError, "load_state_dict: state: expected bytes, got str"):
            run.load_state_dict({"state": "abc"})
        self.assertEqual(self.library.of("log_step"), [])

    def test_counts_need_d_sae_and_a_number_of_rows(self):
        with self.assertRaisesRegex(ValueError, "init was not told d_sae"):
            self.init(d_sae=None).log_step(0, [1])
        with self.assertRaisesRegex(ValueError, "n_rows: how many rows"):
            self.init(train_batch_size=None).log_step(0, [1, 0, 0, 0])

    def test_data_the_library_refuses_is_counted_as_a_skipped_step_and_never_raised(self):
        run = self.init()
        self.library.answers["log_step"] = -22
        self.step(run, 3, [9, 9, 9, 9])
        self.assertEqual(self.library.of("skip"), [(3,)])


@needs_numpy
class ActivationsTest(RunTest):
    def setUp(self):
        super().setUp()
        self.x = np.array([[1, 0], [-1, 0]], np.float32)
        self.y = np.array([[1.5, 0], [-1, 0]], np.float32)
        self.acts = np.array([[1, 2, 0, 0], [1, 0, 0, 0]], np.float32)

    def logged(self):
        return self.library.of("log_step")[-1]

    def test_the_sums_of_a_batch_are_pushed(self):
        run = self.init(l1_coefficient=0.25)
        run.log_activations(0, self.acts, self.x, self.y, {"overall_loss": 7.0}, lr=0.125, grad_norm=3)
        step, n_rows, fired, positive, given = self.logged()
        self.assertEqual((step, n_rows, fired, positive), (0, 2, [2, 1, 0, 0], None))
        self.assertEqual(
            given,
            dict(
                overall_loss=7.0, current_learning_rate=0.125, l1_coefficient=0.25, lp_sum=4.0, l2_sum=0.25, tv_sum=2.0,
                mse_num=0.25, mse_den=4.0, ev_count=2.0, ev_mean=0.875, ev_m2=0.03125,
            ),
        )  # fmt: skip
        self.assertEqual(self.library.of("log"), [(0, {"grad_norm": 3})])

    def test_negative_activations_bring_positive_counts(self):
        self.init().log_activations(0, -self.acts)
        self.assertEqual(self.logged()[2:4], ([2, 1, 0, 0], [0, 0, 0, 0]))

    def test_nan_activations_are_counted(self):
        self.acts[0, 3] = math.nan
        self.init().log_activations(0, self.acts, losses={"l1_loss": 1.0})
        self.assertEqual(self.logged()[2:], ([2, 1, 0, 0], None, {"n_nan_acts": 1.0, "l1_loss": 1.0}))

    def test_the_learning_rate_is_the_optimizers(self):
        optimizer = mock.Mock(param_groups=[{"lr": 0.5}])
        run = self.init()
        run.log_activations(0, self.acts, optimizer=optimizer)
        self.assertEqual(self.logged()[4]["current_learning_rate"], 0.5)
        run.log_activations(0, self.acts, optimizer=optimizer, lr=0.25)
        self.assertEqual(self.logged()[4]["current_learning_rate"], 0.25)

    def test_what_is_given_wins_over_what_is_computed(self):
        self.init().log_activations(0, self.acts, self.x, self.y, {"l1_loss": 9.0}, ev_mean=0.5)
        given = self.logged()[4]
        self.assertEqual((given["l1_loss"], given["ev_mean"]), (9.0, 0.5))
        self.assertNotIn("lp_sum", given)

    def test_the_norm_is_the_configs_or_the_calls(self):
        run = self.init(config={"lp_norm": 2})
        run.log_activations(0, self.acts)
        self.assertAlmostEqual(self.logged()[4]["lp_sum"], math.sqrt(5) + 1)
        run.log_activations(0, self.acts, lp_norm=1)
        self.assertEqual(self.logged()[4]["lp_sum"], 4.0)

    def test_a_transcoder_is_measured_against_its_target(self):
        self.init().log_activations(0, self.acts, self.x * 5, self.y, target=self.x)
        self.assertEqual(self.logged()[4]["l2_sum"], 0.25)

    def test_a_topk_step_is_counted_without_its_zeros(self):
        run = self.init()
        run.log_topk(0, np.array([[0, 1], [0, 2]]), np.array([[1, 2], [1, 0]]), self.x, self.y)
        step, n_rows, fired, positive, given = self.logged()
        self.assertEqual((n_rows, fired, positive), (2, [2, 1, 0, 0], None))
        self.assertEqual((given["l1_loss"], given["l2_sum"]), (0.0, 0.25))
        self.init(profile="saelens").log_topk(0, np.array([[0, 1], [0, 2]]))
        self.assertEqual(self.logged()[2:], ([2, 1, 1, 0], None, {}))

    def test_arrays_that_do_not_fit_together_are_refused(self):
        run = self.init()
        for arguments, words in (
            ((self.acts[0],), r"feature_acts: expected \[rows, features\]"),
            ((self.acts, self.x), "go together"),
            ((self.acts, None, self.y), "go together"),
            ((self.acts, self.x[:1], self.y), "sae_in has 1 rows, the activations have 2"),
            ((self.acts, self.x, self.y[:, :1]), "sae_out has shape"),
            ((self.acts[:, :3], self.x, self.y), "fired: expected a count for each of d_sae = 4 features"),
        ):
            with self.subTest(words), self.assertRaisesRegex(ValueError, words):
                run.log_activations(0, *arguments)


class LogTest(RunTest):
    def test_values_keep_their_kind(self):
        self.init().log({"i": 2**40, "f": 0.5, "b": True, "t": "text", "huge": 2**80, "none": None}, step=3)
        self.assertEqual(
            self.library.of("log"), [(3, {"i": 2**40, "f": 0.5, "b": 1, "t": b"text", "huge": float(2**80)})]
        )

    def test_without_a_step_it_is_the_step_the_run_is_at(self):
        self.init().log({"a": 1})
        self.assertEqual(self.library.of("log"), [(native.NO_STEP, {"a": 1})])

    def test_without_any_step_what_replaces_what_was_logged_is_said_once(self):
        run, with_steps, given = self.init(), self.init(), self.init()
        heard = mock.patch.dict(os.environ, SAE_METRICS_QUIET="0")
        with heard, mock.patch("sys.stderr", io.StringIO()) as stderr:
            run.log({"n_params": 1})
            run.log({"loss": 1.0})
            given.log({"loss": 1.0}, step=0)
            given.log({"loss": 0.5}, step=1)
            with_steps.log({"loss": 1.0})
            with_steps.log_step(0)
            with_steps.log({"loss": 0.5})
            self.assertEqual("", stderr.getvalue())
            run.log({"b": 1, "loss": 0.5})
            run.log({"loss": 0.25})
        line, = stderr.getvalue().splitlines()
        self.assertIn("'loss' replaces what was logged without a step before", line)
        self.assertEqual(8, len(self.library.of("log")))

    def test_nested_dicts_are_joined_with_a_dot(self):
        self.init().log({"a": {"b": {"c": 1}, "d": 2}, "e": 3})
        self.assertEqual(self.library.of("log"), [(-1, {"a.b.c": 1, "a.d": 2, "e": 3})])

    def test_histograms_are_a_pair_or_an_object_with_both(self):
        histogram = mock.Mock(histogram=[3, 4], bins=[0, 0.5, 1], spec=["histogram", "bins"])
        self.init().log({"a": ([1, 2], [0, 1, 2]), "b": histogram})
        self.assertEqual(
            self.library.of("log"), [(-1, {"a": ([1.0, 2.0], [0.0, 1.0, 2.0]), "b": ([3.0, 4.0], [0.0, 0.5, 1.0])})]
        )

    @needs_numpy
    def test_numpy_values_are_numbers(self):
        self.init().log(
            {
                "f": np.float32(0.5),
                "i": np.int16(3),
                "b": np.bool_(True),
                "one": np.array([2.0]),
                "h": np.histogram([1, 2, 2], 2),
            }
        )
        self.assertEqual(
            self.library.of("log"), [(-1, {"f": 0.5, "i": 3, "b": 1, "one": 2.0, "h": ([1.0, 2.0], [1.0, 1.5, 2.0])})]
        )

    def attempts(self):
        return len(self.library.of("begin_attempt"))

    def test_a_run_that_only_logs_begins_an_attempt_where_its_keys_come_again(self):
        run = self.init()
        for step in (0, 1, 2, 3):
            run.log({"a": step, "b": {"c": 1}}, step=step)
        run.log({"late": 1}, step=1)
        with self.assertRaises(TypeError):
            run.log({"a": [1]}, step=1)  # never logged
        self.assertEqual(self.attempts(), 0)
        run.log({"b": {"c": 2}}, step=1)
        run.log({"a": 1}, step=1)
        run.log({"a": 2}, step=2)
        self.assertEqual(self.attempts(), 1)
        self.assertEqual([call[0] for call in self.library.calls[-4:]], ["begin_attempt", "log", "log", "log"])

    def test_a_run_with_steps_goes_back_by_its_steps_alone(self):
        run = self.init()
        run.log({"a": 1}, step=9)
        run.log_step(3, [0, 1, 0, 1])
        run.log({"a": 1}, step=3)
        run.log({"a": 1}, step=2)
        skips = self.init(id="skips")
        skips.skip(3)
        restored = self.init(id="restored")
        restored.load_state_dict({"state": b"state"})
        for other in (skips, restored):
            for step in (5, 4):
                other.log({"a": 1}, step=step)
        self.assertEqual(self.attempts(), 0)

    def test_an_attempt_is_begun_where_the_trainer_says_so(self):
        run = self.init()
        run.log({"a": 1}, step=9)
        run.begin_attempt()
        run.log({"a": 1}, step=4)
        run.log_step(5, [0, 1, 0, 1])
        run.begin_attempt()
        self.assertEqual(self.attempts(), 2)
        run.finish()
        run.begin_attempt()
        self.assertEqual(self.attempts(), 2)

    def test_more_entries_than_a_message_takes_are_split(self):
        self.init().log({"k%04d" % n: n for n in range(2500)}, step=1)
        self.assertEqual(
            [(step, len(values)) for step, values in self.library.of("log")], [(1, 1024), (1, 1024), (1, 452)]
        )
        self.assertEqual(self.library.of("log")[2][1]["k2499"], 2499)

    def test_what_cannot_be_said_is_refused_with_key_and_type(self):
        run = self.init()
        for values, error, words in (
            ({"a": {"b": [1, 2]}}, TypeError, "log: 'a.b' is a list; expected a number, a text, or a histogram"),
            ({"a": object()}, TypeError, "log: 'a' is a object"),
            ({1: 2}, TypeError, r"log: names are texts, got 1 \(int\)"),
            ({"": 2}, ValueError, "log: a name has 1 ... 256 bytes"),
            ({"x" * 257: 2}, ValueError, "log: a name has 1 ... 256 bytes"),
            ({"a\n": 2}, ValueError, "no control characters"),
            ({"h": ([1], [1])}, ValueError, "'h': a histogram has 1 ... 512 counts and one edge more, got 1 and 1"),
            ({"h": ([1] * 513, [1] * 514)}, ValueError, "'h': a histogram has 1 ... 512 counts"),
            ({"h": ("ab", [1, 2, 3])}, TypeError, "'h': a histogram is"),
            ([1], TypeError, "log: expected a dict of name: value, got list"),
        ):
            with self.subTest(words), self.assertRaisesRegex(error, words):
                run.log({"fine": 1, **values} if isinstance(values, dict) else values)
        self.assertEqual(self.library.of("log"), [])

    def test_a_text_longer_than_the_wire_takes_is_cut_between_characters(self):
        self.init().log({"t": "€" * 30000})
        text = self.library.of("log")[0][1]["t"]
        self.assertEqual(text.decode(), "€" * 21845)

    def test_a_skip_is_what_was_asked_for_and_no_trouble(self):
        os.environ["SAE_METRICS_STRICT"] = "1"
        self.library.answers["skip"] = native.DROPPED
        self.assertIsNone(self.init().skip(7))
        self.assertEqual(self.library.of("skip"), [(7,)])

    def test_a_state_that_nobody_gave_is_told_of_as_it_was(self):
        os.environ["SAE_METRICS_STRICT"] = "1"
        run = self.init()
        self.library.answers["state"] = native.AWAY
        with self.assertRaisesRegex(sae_metrics.Error, "no daemon has been met yet: the checkpoint goes without"):
            run.state_dict()
        self.library.answers["state"] = native.TIMEOUT
        with self.assertRaisesRegex(sae_metrics.Error, "the daemon gave no state within 2 s: the checkpoint goes"):
            run.state_dict(timeout=2)

    def test_a_run_is_known_by_the_id_that_it_was_given_without_asking(self):
        first = self.init()
        self.init(id=first.id)
        self.assertEqual(["open", "finish", "open"], [name for name, *_ in self.library.calls if name in ("open", "finish")])

    def test_a_run_begun_again_finishes_the_one_before_and_no_other(self):
        first, other = self.init(id="again001"), self.init(id="other001")
        second = self.init(id="again001")
        self.assertEqual(len(self.library.of("finish")), 1)
        first.finish()  # again: nothing
        self.assertEqual(len(self.library.of("finish")), 1)
        for run in (other, second):
            run.finish()
        self.assertEqual(len(self.library.of("finish")), 3)

    def test_events_and_marks(self):
        run = self.init()
        run.event("resample", "3 features", 5)
        run.event("pause")
        run.mark(6, "step_6.pt")
        run.skip(7)
        self.assertEqual(self.library.of("event"), [(5, b"resample", b"3 features"), (-1, b"pause", b"")])
        self.assertEqual((self.library.of("mark"), self.library.of("skip")), ([(6, b"step_6.pt")], [(7,)]))
        with self.assertRaisesRegex(TypeError, "event: kind: expected text, got int"):
            run.event(3)


class LifeTest(RunTest):
    def test_the_state_goes_into_a_checkpoint_and_back(self):
        run = self.init(id="r")
        self.library.step = 41
        state = run.state_dict(timeout=2)
        self.assertEqual(state, {"run": "r", "step": 41, "state": b"state"})
        self.assertEqual((self.library.of("state"), len(self.library.of("free"))), ([(2000,)], 1))
        run.load_state_dict(state)
        self.assertEqual(self.library.of("restore"), [(b"state",)])

    def test_without_the_daemons_answer_the_checkpoint_goes_without(self):
        run = self.init(id="r")
        self.library.answers["state"] = native.TIMEOUT
        state = run.state_dict()
        self.assertEqual(state, {"run": "r", "step": None, "state": None})
        run.load_state_dict(state)
        self.assertEqual(self.library.of("restore"), [])

    def test_what_is_no_state_is_refused(self):
        run = self.init()
        with self.assertRaisesRegex(TypeError, "load_state_dict: expected what state_dict gave, got bytes"):
            run.load_state_dict(b"x")
        self.library.answers["restore"], self.library.words = -74, b"the state is damaged"
        with self.assertRaisesRegex(ValueError, "load_state_dict: the state is damaged"):
            run.load_state_dict({"state": b"x"})

    def test_a_run_with_a_new_id_is_not_asked_whether_it_was_resumed(self):
        run = self.init()
        self.assertEqual((run.resumed, run.last_step, run.attempt), (False, None, None))

    def test_what_the_daemon_said_at_open_is_known(self):
        self.library.attempt, self.library.step, self.library.was_resumed = 3, 99, True
        run = self.init(id="again")
        self.assertEqual((run.resumed, run.last_step, run.attempt), (True, 99, 3))

    def test_a_request_to_stop_comes_with_its_reason(self):
        run = self.init()
        self.assertEqual((run.should_stop, run.stop_reason), (False, None))
        self.library.answers["should_stop"] = 1
        self.assertEqual((run.should_stop, run.stop_reason), (True, "somebody said so"))

    def test_finish_says_how_it_ended_and_only_once(self):
        run = self.init()
        run.finish(exit_code=3, state="preempted", timeout=1)
        run.finish()
        self.assertEqual(self.library.of("finish"), [(3, b"preempted", 1000)])
        self.assertEqual(len(self.library.of("close")), 1)
        run.log_step(0, [1, 0, 0, 0])
        run.log({"a": 1})
        self.assertFalse(run.should_stop)
        self.assertEqual(self.library.of("log_step"), [])
        with self.assertRaisesRegex(ValueError, "finish: state: expected one of finished, failed, preempted, stopped"):
            run.finish(state="bored")

    def test_what_could_not_be_delivered_in_time_is_not_given_up(self):
        run = self.init()
        self.library.answers["finish"] = native.TIMEOUT
        run.finish(timeout=0)
        self.assertEqual(self.library.of("close"), [])

    def test_an_exception_in_the_with_block_is_a_failed_run(self):
        for error, exit_code in (
            (None, 0),
            (ValueError(), 1),
            (KeyboardInterrupt(), 130),
            (SystemExit(4), 4),
            (SystemExit(), 0),
        ):
            try:
                with self.init():
                    if error is not None:
                        raise error
            except BaseException as raised:
                self.assertIs(raised, error)
            self.assertEqual(self.library.of("finish")[-1][0], exit_code)

    def test_flush_says_whether_everything_is_on_disk(self):
        run = self.init()
        self.assertTrue(run.flush(timeout=0.5))
        self.library.answers["flush"] = native.TIMEOUT
        self.assertFalse(run.flush())
        self.assertEqual(self.library.of("flush"), [(500,), (5000,)])


class StrictTest(RunTest):
    def setUp(self):
        super().setUp()
        os.environ["SAE_METRICS_STRICT"] = "1"

    def test_whatever_goes_wrong_is_raised(self):
        run = self.init()
        for function, answer, call in (
            ("log_step", native.DROPPED, lambda: run.log_step(0, [1, 0, 0, 0])),
            ("log_step", -22, lambda: run.log_step(0, [9, 0, 0, 0])),
            ("log", native.REFUSED, lambda: run.log({"a": 1})),
            ("flush", native.TIMEOUT, lambda: run.flush()),
            ("state", native.TIMEOUT, lambda: run.state_dict()),
            ("finish", native.TIMEOUT, lambda: run.finish()),
        ):
            self.library.answers = {function: answer}
            with self.subTest(function), self.assertRaises(sae_metrics.Error):
                call()

    def test_a_call_after_the_end_is_raised(self):
        run = self.init()
        run.finish()
        with self.assertRaisesRegex(sae_metrics.Error, "is finished"):
            run.log({"a": 1})


class OffTest(RunTest):
    def test_switched_off_nothing_reaches_the_library_and_everything_can_be_called(self):
        os.environ["SAE_METRICS"] = "off"
        with sae_metrics.init(id="x", d_sae=4) as run:
            run.log_step(0, [1, 2, 3, 4], 4, mse_loss=1)
            run.log_activations(0, None)
            run.log_topk(0, None)
            run.log({"a": 1})
            run.event("a")
            run.mark(0)
            run.load_state_dict(run.state_dict())
            self.assertFalse(run.flush())
            self.assertEqual((run.id, run.name, run.url, run.should_stop, run.resumed), ("x", "x", None, False, False))
            self.assertEqual(run.stats.messages, 0)
        self.assertEqual(self.library.calls, [])

    def test_without_the_library_a_run_is_inert(self):
        native._loaded = None
        os.environ["SAE_METRICS_LIBRARY"] = "/nowhere/libsae-metrics.so.0"
        run = sae_metrics.init(d_sae=4)
        run.log_step(0, [1, 2, 3, 4], 4)
        run.finish()
        os.environ["SAE_METRICS_STRICT"] = "1"
        with self.assertRaisesRegex(sae_metrics.Error, "/nowhere/libsae-metrics.so.0"):
            sae_metrics.init(d_sae=4)


class ManyTest(RunTest):
    def test_a_leading_axis_is_shared_out_and_a_number_is_everybodys(self):
        runs = sae_metrics.init_many(
            ["a", "b"], group="g", each=[{"config": {"l1": 1}}, {"config": {"l1": 2}}], d_sae=2
        )
        self.assertEqual([fields["name"] for (fields,) in self.library.of("open")], [b"a", b"b"])
        self.assertEqual([fields["config_json"] for (fields,) in self.library.of("open")], [b'{"l1": 1}', b'{"l1": 2}'])
        runs.log_step(5, fired=[[1, 0], [0, 2]], n_rows=3, mse_loss=[0.5, 0.25], current_learning_rate=1e-3)
        self.assertEqual(
            self.library.of("log_step"),
            [
                (5, 3, [1, 0], None, {"mse_loss": 0.5, "current_learning_rate": 1e-3}),
                (5, 3, [0, 2], None, {"mse_loss": 0.25, "current_learning_rate": 1e-3}),
            ],
        )
        self.assertEqual(len(runs), 2)
        self.assertTrue(runs.flush())
        with runs:
            pass
        self.assertEqual(len(self.library.of("finish")), 2)

    @needs_numpy
    def test_stacked_activations_may_share_their_input(self):
        runs = sae_metrics.init_many(["a", "b"], d_sae=4)
        self.addCleanup(runs.finish)
        acts = np.array([[[1, 2, 0, 0], [1, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, 3]]], np.float32)
        x = np.array([[1, 0], [-1, 0]], np.float32)
        for sae_in in (x, np.stack([x, x])):
            runs.log_activations(0, acts, sae_in, np.stack([x, x + 1]), {"mse_loss": [1, 2]}, lr=0.5)
            first, second = self.library.of("log_step")[-2:]
            self.assertEqual((first[2], second[2]), ([2, 1, 0, 0], [0, 0, 0, 1]))
            self.assertEqual((first[4]["l2_sum"], second[4]["l2_sum"]), (0.0, 4.0))
            self.assertEqual((first[4]["mse_loss"], second[4]["mse_loss"]), (1.0, 2.0))

    def test_what_does_not_fit_the_runs_is_refused(self):
        with self.assertRaisesRegex(ValueError, "init_many: 2 names, but each has 1"):
            sae_metrics.init_many(["a", "b"], each=[{}])
        with self.assertRaisesRegex(TypeError, "init_many: id is each run's own"):
            sae_metrics.init_many(["a", "b"], id="x")
        runs = sae_metrics.init_many(["a", "b"], d_sae=2)
        self.addCleanup(runs.finish)
        with self.assertRaisesRegex(ValueError, "fired: expected one entry for each of 2 runs, got 3"):
            runs.log_step(0, [[1, 0]] * 3, 2)


if __name__ == "__main__":
    tap.main()
