"""What stands in for W&B's SDK: where rows go, what is kept of them, and what trainers see of it."""

import copy
import enum
import io
import math
import os
import pickle
import sys
import threading
import types
import unittest
from argparse import Namespace
from unittest import mock

import sae_metrics
import sae_metrics.wandb
import tap
from fake_library import FakeLibrary
from sae_metrics.wandb import Session, _histogram, _media
from sae_metrics.wandb._rows import Rows

try:
    import numpy as np
except ImportError:
    np = None

needs_numpy = unittest.skipIf(np is None, "no numpy")


class Place(unittest.TestCase):
    """The SDK's rules, one by one: steps at which calls are kept."""

    def places(self, *calls, step=0):
        rows = Rows(step)
        return [rows.place(*call) for call in calls], rows.step

    def test_a_call_without_a_step_joins_the_open_row_and_closes_it(self):
        self.assertEqual(self.places((), (), ()), ([0, 1, 2], 3))

    def test_a_call_with_a_step_leaves_its_row_open_for_the_next_one_without(self):
        self.assertEqual(self.places((5,), (5,), (), ()), ([5, 5, 5, 6], 7))

    def test_commit_says_whether_the_row_is_closed(self):
        self.assertEqual(
            self.places((None, False), (None, False), (None, True), (4, True), (None, False)), ([0, 0, 0, 4, 5], 5)
        )

    def test_a_step_behind_keeps_its_own_place_and_moves_nothing(self):
        self.assertEqual(self.places((7,), (3,), (3, True), (), (7,)), ([7, 3, 3, 7, 7], 8))

    def test_a_trainer_that_begins_again_opens_the_row_of_its_step(self):
        rows = Rows()
        self.assertEqual([rows.place(7), rows.place()], [7, 7])
        rows.begin(3)
        self.assertEqual([rows.place(3), rows.place(), rows.place()], [3, 3, 4])

    def test_the_first_step_of_a_process_lies_behind_nothing(self):
        self.assertEqual(self.places((5,), (), (3,), (), step=41), ([5, 5, 3, 6], 7))

    def test_a_run_that_goes_on_begins_behind_its_newest_step(self):
        self.assertEqual(self.places((), (), step=41), ([41, 42], 43))


class ShimTest(unittest.TestCase):
    def setUp(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAE_METRICS", "WANDB"))}
        patch = mock.patch.dict(os.environ, dict(kept, NETRC="/nowhere/netrc"), clear=True)
        patch.start()
        self.addCleanup(patch.stop)
        self.library = FakeLibrary().install(self)
        self.library.attempt = 1
        self.stderr = mock.patch("sys.stderr", io.StringIO()).start()
        self.addCleanup(mock.patch.stopall)
        self.wandb = Session()
        self.addCleanup(self.wandb.teardown)

    def said(self):
        text = self.stderr.getvalue()
        self.stderr.seek(0)
        self.stderr.truncate()
        return text

    def opened(self):
        return self.library.of("open")[-1][0]

    def logged(self):
        return [(step, values) for step, values in self.library.of("log")]

    def configs(self):
        return [config for _, _, config, _ in self.library.of("update") if config is not None]

    def summaries(self):
        return [summary for _, _, _, summary in self.library.of("update") if summary is not None]


class InitTest(ShimTest):
    def test_what_means_something_here_reaches_the_daemon(self):
        self.wandb.init(project="p", entity="e", name="n", id="i", group="g", tags=["a", "b", "a"], notes="o", job_type="j",
                        config={"d_sae": 8, "lr": 0.5}, save_code=True, dir="/nowhere", sync_tensorboard=True, force=True,
                        anonymous="never", monitor_gym=False, tensorboard=False, resume="allow", resume_from=None, fork_from=None)  # fmt: skip
        fields = self.opened()
        for name, expected in dict(project=b"p", entity=b"e", name=b"n", run=b"i", group=b"g", tags=[b"a", b"b"], notes=b"o",
                                   job_type=b"j", d_sae=8, log_to_wandb=1, resume=b"allow", source=b"wandb",
                                   config_json=b'{"d_sae": 8, "lr": 0.5}').items():  # fmt: skip
            self.assertEqual(fields[name], expected, name)

    def test_the_settings_fill_in_and_the_environment_after_them(self):
        os.environ.update(WANDB_PROJECT="env", WANDB_ENTITY="env", WANDB_RUN_GROUP="env", WANDB_TAGS="x, y")
        self.wandb.init(project="given", settings=self.wandb.Settings(project="set", entity="set"))
        fields = self.opened()
        self.assertEqual((fields["project"], fields["entity"], fields["group"]), (b"given", b"set", b"env"))
        self.assertEqual(fields["tags"], [b"x", b"y"])
        self.wandb.init(settings={"run_name": "dict"}, reinit=True)
        self.assertEqual(self.opened()["name"], b"dict")

    def test_offline_is_kept_and_not_forwarded(self):
        run = self.wandb.init(mode="offline")
        self.assertEqual((self.opened()["log_to_wandb"], run.offline, run.disabled), (0, True, False))
        run.finish()
        os.environ["WANDB_MODE"] = "dryrun"
        self.assertTrue(self.wandb.init().offline)

    def test_disabled_is_a_run_that_says_nothing_to_the_daemon(self):
        run = self.wandb.init(mode="disabled", config={"lr": 1})
        self.assertIs(self.wandb.run, run)
        run.log({"loss": 0.5})
        run.config.lr2 = 3
        self.assertEqual((run.disabled, run.config.lr, run.summary["loss"]), (True, 1, 0.5))
        run.finish()
        self.assertEqual(self.library.calls, [])
        os.environ["WANDB_DISABLED"] = "true"
        self.assertTrue(self.wandb.init().disabled)

    def test_a_mode_that_is_none_is_refused(self):
        with self.assertRaisesRegex(ValueError, "mode: expected one of online"):
            self.wandb.init(mode="of-line")

    def test_resume_in_all_of_its_spellings(self):
        for given, expected in (
            (True, b"allow"),
            ("auto", b"allow"),
            ("must", b"must"),
            ("never", b"never"),
            (False, None),
        ):
            self.wandb.init(id="i", resume=given, reinit=True)
            self.assertEqual(self.opened()["resume"], expected, given)

    def test_an_id_that_the_protocol_does_not_take_becomes_one_of_its_own(self):
        one = self.wandb.init(id="my run.1", reinit="create_new").id
        other = self.wandb.init(id="my run_1", reinit="create_new").id
        self.assertRegex(one, "^my-run-1-[0-9a-f]{8}$")
        self.assertNotEqual(one, other)
        self.assertIn("run 'my run.1' is called my-run-1-", self.said())
        self.assertLessEqual(len(self.wandb.init(id="x" * 200, reinit="create_new").id), 64)

    def test_a_run_of_a_known_id_goes_on_behind_its_newest_step(self):
        self.library.step = 41
        run = self.wandb.init(id="i")
        run.log({"loss": 1})
        self.assertEqual((run.starting_step, self.logged()), (42, [(42, {"loss": 1})]))

    def test_what_the_config_is_read_from(self):
        class Plain:
            lr = 3
            _private = 4

        for config in ({"lr": 3}, Namespace(lr=3), Plain()):
            self.assertEqual(self.wandb.init(config=config, reinit=True).config.as_dict(), {"lr": 3})
        with self.assertRaises(TypeError):
            self.wandb.init(config=5, reinit=True)
        run = self.wandb.init(config=dict(a=1, b=2, c=3), config_exclude_keys=["b"], reinit=True)
        self.assertEqual(run.config.keys(), ["a", "c"])

    def test_a_config_file_that_cannot_be_read_ends_no_training(self):
        self.assertEqual(self.wandb.init(config="/nowhere/config.yaml").config.as_dict(), {})
        self.assertIn("config: /nowhere/config.yaml was not read", self.said())


class RunsTest(ShimTest):
    def test_before_init_there_is_no_run_and_log_says_so(self):
        self.assertIsNone(self.wandb.run)
        for call in (lambda: self.wandb.log({}), lambda: self.wandb.config.lr, lambda: self.wandb.summary["x"],
                     lambda: self.wandb.alert("t", "x")):  # fmt: skip
            with self.assertRaisesRegex(self.wandb.Error, "You must call wandb.init"):
                call()
        self.wandb.finish()

    def test_a_second_init_gives_the_run_that_is_active(self):
        one = self.wandb.init(name="one")
        self.assertIs(self.wandb.init(name="two"), one)
        self.assertEqual(len(self.library.of("open")), 1)
        self.assertIn("is active, and is returned", self.said())

    def test_reinit_finishes_the_run_before(self):
        one = self.wandb.init(name="one")
        for reinit in (True, "finish_previous"):
            two = self.wandb.init(reinit=reinit)
            self.assertIsNot(two, one)
        self.assertEqual(len(self.library.of("finish")), 2)
        self.assertIs(self.wandb.run, two)

    def test_create_new_runs_are_logged_to_side_by_side(self):
        one = self.wandb.init(id="one")
        two = self.wandb.init(id="two", reinit="create_new")
        self.assertIs(self.wandb.run, one)
        two.log({"x": 2}, step=9)
        one.log({"x": 1})
        self.wandb.log({"x": 3})
        self.assertEqual(self.logged(), [(9, {"x": 2}), (0, {"x": 1}), (1, {"x": 3})])
        two.finish()
        self.assertIs(self.wandb.run, one)

    def test_the_exit_code_reaches_the_daemon(self):
        self.wandb.init()
        self.wandb.finish(exit_code=3)
        self.assertIsNone(self.wandb.run)
        self.assertEqual(self.library.of("finish")[-1][:2], (3, None))
        with self.assertRaises(KeyError), self.wandb.init():
            raise KeyError
        self.assertEqual(self.library.of("finish")[-1][0], 1)
        with self.assertRaises(SystemExit), self.wandb.init():
            raise SystemExit(7)
        self.assertEqual(self.library.of("finish")[-1][0], 7)
        with self.wandb.init() as run:
            run.log({"x": 1})
        self.assertEqual(self.library.of("finish")[-1][0], 0)

    def test_a_run_that_was_preempted_and_failed_is_preempted(self):
        self.wandb.init().mark_preempting()
        self.wandb.finish(1)
        self.assertEqual(self.library.of("finish")[-1][:2], (1, b"preempted"))
        self.wandb.init().mark_preempting()
        self.wandb.finish(0)
        self.assertEqual(self.library.of("finish")[-1][:2], (0, None))

    def test_a_call_after_the_end_is_said_and_ends_no_training(self):
        run = self.wandb.init(id="i")
        run.finish()
        run.finish()
        run.log({"x": 1})
        self.assertIn("run i is finished: a call of log was left out", self.said())
        self.assertEqual((len(self.library.of("finish")), self.logged()), (1, []))

    def test_what_a_trainer_asks_of_its_run(self):
        run = self.wandb.init(project="p", entity="e", name="n", id="i", group="g", job_type="j", tags=["t"], notes="o")
        self.assertEqual((run.id, run.name, run.project, run.entity, run.group, run.job_type, run.tags, run.notes),
                         ("i", "n", "p", "e", "g", "j", ("t",), "o"))  # fmt: skip
        self.assertEqual(
            (run.path, run.project_name(), run.url, run.get_url(), run.resumed), ("e/p/i", "p", None, None, False)
        )
        self.assertIsInstance(run.sae, sae_metrics.Run)
        self.assertIs(copy.deepcopy(run), run)
        self.assertEqual(
            (run.step, run.settings.run_id, run.save("*.pt"), run.unwatch(), run.restore("f")), (0, "i", [], None, None)
        )

    def test_a_name_a_note_and_tags_can_be_changed(self):
        run = self.wandb.init()
        run.name, run.notes, run.tags = "new", "words", ["a", "a", "b"]
        run.tags += ("c",)
        self.assertEqual((run.name, run.notes, run.tags), ("new", "words", ("a", "b", "c")))
        self.assertEqual([call[:2] for call in self.library.of("update")], [(b"new", None), (None, b"words")])
        self.assertEqual(self.library.of("update_tags"), [([b"a", b"b"],), ([b"a", b"b", b"c"],)])

    def test_the_folder_is_made_when_it_is_asked_for(self):
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            run = self.wandb.init(dir=folder, id="i")
            self.assertEqual(os.listdir(folder), [])
            self.assertTrue(
                os.path.isdir(run.dir) and run.dir.startswith(folder) and run.dir.endswith("-i/files"), run.dir
            )
        with mock.patch("os.makedirs", side_effect=PermissionError):
            elsewhere = self.wandb.init(reinit=True).dir
        self.assertTrue(os.path.isdir(elsewhere))
        os.rmdir(elsewhere)

    def test_another_process_gets_what_it_was_and_an_inert_run(self):
        run = self.wandb.init(id="i", config={"lr": 1})
        copied = pickle.loads(pickle.dumps(run))
        copied.log({"x": 1}, step=3)
        copied.config.k = 2
        copied.finish()
        self.assertEqual((copied.id, copied.project, copied.tags, copied.config.lr), ("i", "", (), 1))
        self.assertEqual([call[0] for call in self.library.calls], ["open"])

    def test_a_signal_that_logs_in_the_midst_of_a_log_waits_for_nobody(self):
        run = self.wandb.init(id="i")
        with run._lock:
            run.log({"x": 1})
        self.assertEqual(self.logged(), [(0, {"x": 1})])

    def test_a_forked_child_does_nothing(self):
        run = self.wandb.init()
        run._lock.acquire()  # as a thread of the parent may have
        with mock.patch("os.getpid", return_value=-1):
            run.log({"x": 1})
            run.alert("t")
            run.name = "child's"
            run.finish()
        run._lock.release()
        self.assertEqual([call[0] for call in self.library.calls], ["open"])

    def test_a_forked_child_can_begin_a_run_of_its_own(self):
        parents = self.wandb.init()
        pid = os.getpid()
        with mock.patch("os.getpid", return_value=pid + 1):
            own = self.wandb.init()
            self.assertIsNot(own, parents)
            self.assertIs(self.wandb.run, own)
            self.assertIs(self.wandb.init(), own)

    def test_threads_that_log_together_take_rows_of_their_own(self):
        run = self.wandb.init()
        threads = [threading.Thread(target=lambda: [run.log({"x": 1}) for _ in range(100)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([step for step, _ in self.logged()], list(range(800)))


class LogTest(ShimTest):
    def setUp(self):
        super().setUp()
        self.run_ = self.wandb.init(id="i")

    def test_rows_are_made_by_the_sdks_rules(self):
        for arguments in (
            dict(),
            dict(step=4),
            dict(step=4),
            dict(),
            dict(commit=False),
            dict(commit=True),
        ):
            self.wandb.log({"x": 1}, **arguments)
        self.assertEqual([step for step, _ in self.logged()], [0, 4, 4, 4, 5, 5])
        self.assertEqual(self.run_.step, 6)

    def test_a_value_that_comes_late_keeps_its_step_and_begins_no_attempt(self):
        for step in range(6):
            self.wandb.log({"x": step}, step=step, commit=True)
        self.said()
        self.wandb.log({"eval": 1}, step=2)
        self.assertEqual((self.logged()[-1], self.run_.step), ((2, {"eval": 1}), 6))
        self.assertIn("step 2 lies behind step 6", self.said())
        self.wandb.log({"eval": 1, "x": 1}, step=3)
        self.wandb.log({"x": 6}, step=6)
        self.assertEqual((self.library.of("begin_attempt"), self.said()), ([], ""))

    def test_a_loop_that_goes_back_to_its_checkpoint_begins_an_attempt(self):
        expected = []
        for step, begins in [*((step, False) for step in range(6)), (2, True), (3, False), (7, False), (0, True)]:
            self.wandb.log({"x": step, "y": {"z": 1}}, step=step)
            self.wandb.log({"joins": step})
            expected += [("begin_attempt",)] if begins else []
            expected += [("log", step, {"x": step, "y.z": 1}), ("log", step, {"joins": step})]
        self.assertEqual([call for call in self.library.calls if call[0] in ("log", "begin_attempt")], expected)
        self.assertEqual(self.run_.step, 1)
        self.assertEqual(self.said().count("step 2 comes again, behind step 5: another attempt begins with it"), 1)

    def test_a_run_that_goes_on_in_another_process_may_begin_anywhere(self):
        self.run_.finish()
        self.library.step, self.library.was_resumed = 99, True
        run = self.wandb.init(id="again", resume="allow")
        self.said()
        for step in (80, 81):
            run.log({"x": step}, step=step)
            run.log({"joins": step})
        self.assertEqual([step for step, _ in self.logged()], [80, 80, 81, 81])
        self.assertEqual((self.library.of("begin_attempt"), self.said()), ([], ""))

    def test_nothing_logged_is_a_step_taken(self):
        self.wandb.log({})
        self.wandb.log({"x": None})
        self.wandb.log({"x": 1})
        self.assertEqual(self.logged(), [(2, {"x": 1})])

    def test_dicts_in_dicts_are_joined(self):
        self.wandb.log({"a": {"b": {"c": 1}, "d": 2.5}, "e/f": 3, "g": {1: {}, 2: 5}})
        self.assertEqual(self.logged(), [(0, {"a.b.c": 1, "a.d": 2.5, "e/f": 3, "g.2": 5})])
        self.assertEqual(self.run_.summary["a"]["b"]["c"], 1)

    def test_a_dict_in_itself_ends_no_training(self):
        endless = {}
        endless["self"] = endless
        self.wandb.log({"x": 1, "endless": endless})
        self.assertEqual(self.logged(), [(0, {"x": 1})])

    def test_what_wandb_itself_raises_for_is_raised(self):
        for data, step in ((None, None), ([("x", 1)], None), ({1: 2}, None), ({"x": 1}, 1.5), ({"x": 1}, "3")):
            with self.subTest(data), self.assertRaises(TypeError):
                self.wandb.log(data, step=step)
        self.assertEqual(self.logged(), [])

    def test_what_can_be_kept_is(self):
        class Colour(enum.Enum):
            RED = 1

        self.wandb.log({"int": 3, "large": 2**70, "float": 0.5, "nan": math.nan, "bool": True, "text": "ü", "enum": Colour.RED,
                        "bytes": b"b"})  # fmt: skip
        ((_, values),) = self.logged()
        self.assertTrue(math.isnan(values.pop("nan")))
        self.assertEqual(
            values,
            {"int": 3, "large": 2.0**70, "float": 0.5, "bool": 1, "text": "ü".encode(), "enum": b"RED", "bytes": b"b"},
        )

    def test_what_cannot_be_kept_is_said_once_and_the_rest_is_kept(self):
        class Odd:
            def item(self):
                raise RuntimeError("lost on the device")

            size = 1

        for _ in range(3):
            self.wandb.log(
                {"list": [1, 2], "odd": Odd(), "huge": 10**400, "": 1, "x\n": 1, "k" * 300: 1, "z": 1j, "loss": 0.5}
            )
        self.assertEqual(self.logged(), [(step, {"loss": 0.5}) for step in range(3)])
        self.assertEqual(self.run_.left_out.counts, {"values": 21})
        said = self.said()
        self.assertEqual(said.count("\n"), 7, said)
        self.assertIn("'odd' was left out: RuntimeError: lost on the device", said)
        self.wandb.finish()
        self.assertIn("left out: 21 values", self.said())
        first, last = [text for _, kind, text in self.library.of("event") if kind == b"left_out"]
        self.assertIn(b"run i: log: 'list' was left out", first)
        self.assertEqual(last, b"21 values")

    def test_a_test_that_is_strict_sees_it_raised(self):
        os.environ["SAE_METRICS_STRICT"] = "1"
        with self.assertRaisesRegex(sae_metrics.Error, "'list' was left out: a list is none of numbers"):
            self.wandb.log({"list": [1]})

    def test_a_trainer_with_ever_new_keys_fills_no_log(self):
        for number in range(1000):
            self.wandb.log({"bad/%d" % number: []})
        self.assertEqual(self.said().count("\n"), 64)
        self.assertEqual(self.run_.left_out.counts, {"values": 1000})

    def test_a_step_beyond_the_protocols_is_left_out(self):
        self.wandb.log({"x": 1}, step=-1)
        self.wandb.log({"x": 1}, step=2**40)
        self.wandb.log({"x": 1})
        self.assertEqual(self.logged(), [(0, {"x": 1})])
        self.assertEqual(self.run_.left_out.counts, {"rows": 2})

    def test_names_of_wandbs_own_are_the_daemons_to_say(self):
        self.wandb.log({"_step": 3, "_timestamp": 4, "_runtime": 5, "x": 1})
        self.assertEqual(self.logged(), [(0, {"x": 1})])

    @needs_numpy
    def test_numpys_numbers_are_numbers_and_a_large_array_is_a_histogram(self):
        self.wandb.log({"f32": np.float32(0.1), "i64": np.int64(7), "b": np.bool_(True), "one": np.array([[2.5]]),
                        "many": np.arange(100.0), "few": np.arange(3)}, step=np.int64(4))  # fmt: skip
        ((step, values),) = self.logged()
        counts, edges = values.pop("many")
        self.assertEqual((step, values), (4, {"f32": float(np.float32(0.1)), "i64": 7, "b": 1, "one": 2.5}))
        self.assertEqual(
            ([int(count) for count in counts], edges),
            tuple(part.tolist() for part in np.histogram(np.arange(100.0), 32)),
        )
        self.assertEqual(self.run_.left_out.counts, {"values": 1})

    def test_an_alert_is_an_event_and_the_same_one_comes_once_a_minute(self):
        self.wandb.alert("dead", "312 features", level=self.wandb.AlertLevel.WARN)
        self.wandb.alert("dead", "313 features")
        self.wandb.alert("other", "x" * 5000)
        events = self.library.of("event")
        self.assertEqual(events[0], (-1, b"alert", b"WARN dead: 312 features"))
        self.assertEqual((len(events), len(events[1][2])), (2, 4096))
        with self.assertRaisesRegex(ValueError, "level must be one of"):
            self.wandb.alert("t", "x", level="LOUD")
        with self.assertRaises(TypeError):
            self.wandb.alert("t", "x", wait_duration="long")

    def test_define_metric_is_accepted(self):
        self.assertEqual(self.wandb.define_metric("loss", step_metric="tokens", summary="min").name, "loss")


class HistogramTest(ShimTest):
    def setUp(self):
        super().setUp()
        self.run_ = self.wandb.init(id="i")

    def test_a_histogram_that_was_counted_before_is_kept_as_it_is(self):
        histogram = self.wandb.Histogram(np_histogram=([3, 0, 1], [0.0, 1.0, 2.0, 4.0]))
        self.assertEqual(histogram.to_json(), {"_type": "histogram", "values": [3, 0, 1], "bins": [0.0, 1.0, 2.0, 4.0]})
        self.wandb.log({"h": histogram})
        self.assertEqual(self.logged(), [(0, {"h": ([3.0, 0.0, 1.0], [0.0, 1.0, 2.0, 4.0])})])

    def test_what_wandb_refuses_is_refused(self):
        for arguments in (dict(np_histogram=([1], [0, 1], 3)), dict(np_histogram=([1], [0])), dict(sequence=[1], num_bins=513),
                          dict(np_histogram=([1] * 513, list(range(514)))), dict(sequence=[1], num_bins=0)):  # fmt: skip
            with self.subTest(arguments), self.assertRaises(ValueError):
                self.wandb.Histogram(**arguments)

    @needs_numpy
    def test_counts_and_edges_are_numpys(self):
        rng = np.random.default_rng(3)
        for values in (
            rng.normal(size=1000),
            rng.normal(size=(40, 5)).astype(np.float32),
            [1, 2, 2, 5],
            [],
            [7.0, 7.0],
            range(9),
        ):
            histogram = self.wandb.Histogram(values)
            counts, edges = np.histogram(values if isinstance(values, np.ndarray) else list(values), bins=64)
            self.assertEqual((histogram.histogram, histogram.bins), (counts.tolist(), edges.tolist()))
            self.assertEqual(len(self.wandb.Histogram(values, num_bins=512).histogram), 512)

    @needs_numpy
    def test_without_numpy_the_numbers_are_the_same(self):
        rng = np.random.default_rng(4)
        for number in range(200):
            values = rng.normal(size=rng.integers(0, 60)).round(rng.integers(0, 4)).tolist()
            bins = int(rng.integers(1, 100))
            counts, edges, problem = _histogram._count_plainly(values, bins)
            expected = np.histogram(values, bins=bins)
            self.assertEqual((counts, edges, problem), (expected[0].tolist(), expected[1].tolist(), None))
        self.assertEqual(_histogram._count_plainly([[1, 2], (3, [4])], 2)[0], [2, 2])

    def test_a_nan_ends_no_training(self):
        without_numpy = mock.patch.dict(sys.modules, {"numpy": None})
        for context in (mock.MagicMock(), without_numpy):
            for value in (math.nan, math.inf, -math.inf):
                with context:
                    histogram = self.wandb.Histogram([1.0, value])
                self.assertEqual((histogram.histogram, histogram.bins), ([], []))
                self.wandb.log({"h": histogram, "x": 1})
        self.assertEqual(self.logged(), [(step, {"x": 1}) for step in range(6)])
        self.assertEqual(self.run_.left_out.counts, {"histograms": 6})
        self.assertEqual(self.said().count("is not finite"), 1)

    def test_a_histogram_that_the_daemon_would_refuse_is_left_out(self):
        for counts, edges in (([1], [0.0, math.inf]), ([math.nan], [0, 1]), (["many"], [0, 1])):
            self.wandb.log({"h": self.wandb.Histogram(np_histogram=(counts, edges)), "x": 1})
        self.assertEqual([values for _, values in self.logged()], [{"x": 1}] * 3)


class ConfigTest(ShimTest):
    def test_a_change_reaches_the_daemon_whole(self):
        config = self.wandb.init(config={"lr": 1}).config
        config.d_sae = 8
        config["nested"] = {"a": (1, 2)}
        config.update({"lr": 1, "-dash-": 2})
        config.setdefaults({"lr": 5, "new": None})
        self.assertEqual(self.configs()[0], {"lr": 1, "d_sae": 8})
        self.assertEqual(self.configs()[-1], {"lr": 1, "d_sae": 8, "nested": {"a": [1, 2]}, "dash": 2, "new": None})
        self.assertEqual(len(self.configs()), 4)
        self.assertEqual(
            (config.lr, config["nested"]["a"], config.get("none", 3), "lr" in config), (1, [1, 2], 3, True)
        )
        self.assertEqual(dict(config), self.configs()[-1])

    def test_another_value_takes_a_word_that_it_may(self):
        config = self.wandb.init(config={"lr": 1}).config
        with self.assertRaisesRegex(sae_metrics.wandb.errors.ConfigError, 'change value of key "lr" from 1 to 2'):
            config.lr = 2
        self.assertEqual((config.lr, self.configs()), (1, []))
        config.update({"lr": 2}, allow_val_change=True)
        self.assertEqual(self.configs(), [{"lr": 2}])
        config = self.wandb.init(config={"lr": 1}, allow_val_change=True, reinit=True).config
        config.lr = 3
        self.assertEqual(config.lr, 3)

    def test_a_name_that_is_not_there_is_an_attribute_error(self):
        config = self.wandb.init().config
        with self.assertRaises(AttributeError):
            config.nothing
        with self.assertRaises(KeyError):
            config["nothing"]
        self.assertFalse(hasattr(config, "nothing"))

    def test_a_copy_of_the_config_is_a_dict(self):
        config = self.wandb.init(config={"a": {"b": [1]}}).config
        self.assertEqual(copy.deepcopy(config), {"a": {"b": [1]}})

    @needs_numpy
    def test_odd_things_are_described(self):
        config = self.wandb.init(
            config={"array": np.arange(3), "one": np.float32(0.5), "set": {1}, "kind": dict, "object": object()}
        ).config
        self.assertEqual((config.array, config.one, config.set, config.kind), ([0, 1, 2], 0.5, [1], "builtins.dict"))
        self.assertIsInstance(config.object, str)


class SummaryTest(ShimTest):
    def test_what_is_logged_shows_and_what_is_assigned_reaches_the_daemon(self):
        summary = self.wandb.init().summary
        self.wandb.log({"loss": 1.5, "eval": {"score": 1}})
        self.wandb.log({"loss": 0.5, "h": self.wandb.Histogram(np_histogram=([1], [0, 1]))})
        self.assertEqual(
            (summary["loss"], summary.loss, summary.eval["score"], summary.get("none")), (0.5, 0.5, 1, None)
        )
        self.assertEqual(self.summaries(), [])
        summary["best"] = 0.25
        summary.worst = math.inf
        summary.update({"text": "x"}, list=[1, math.nan])
        self.assertEqual(self.summaries(), [{"best": 0.25}, {"worst": "Infinity"}, {"text": "x", "list": [1, "NaN"]}])
        self.assertEqual(set(summary.keys()), {"loss", "eval", "h", "best", "worst", "text", "list"})
        del summary["best"]
        self.assertNotIn("best", summary)

    def test_an_entry_of_an_entry_is_told_with_what_it_hangs_on(self):
        summary = self.wandb.init().summary
        summary["eval"] = {"a": 1}
        summary["eval"]["b"] = 2
        summary.eval.c = 3
        self.assertEqual(self.summaries()[1:], [{"eval": {"a": 1, "b": 2}}, {"eval": {"a": 1, "b": 2, "c": 3}}])

    @needs_numpy
    def test_numpys_numbers_are_numbers(self):
        self.wandb.init().summary["best"] = np.float32(0.5)
        self.assertEqual(self.summaries(), [{"best": 0.5}])


class AdoptTest(ShimTest):
    def setUp(self):
        super().setUp()
        self.sae = sae_metrics.init(id="i", name="mine", d_sae=4, train_batch_size=2, config={"lr": 1, "k": 2})
        self.addCleanup(self.sae.finish)
        self.wandb = Session(run=self.sae)

    def test_all_of_it_goes_to_the_run_there_is(self):
        run = self.wandb.init(project="theirs", name="theirs", notes="theirs", tags=["t"], config={"lr": 3, "new": 4})
        self.assertIs(run, self.wandb.run)
        self.assertIs(run.sae, self.sae)
        self.wandb.log({"x": 1}, step=5)
        self.wandb.log({"x": 2})
        self.assertEqual(len(self.library.of("open")), 1)
        self.assertEqual(self.logged(), [(5, {"x": 1}), (5, {"x": 2})])
        self.assertEqual((run.name, run.notes, run.tags), ("mine", "theirs", ("t",)))
        self.assertEqual(self.configs(), [{"lr": 3, "k": 2, "new": 4}])

    def test_a_run_that_is_not_the_sessions_outlives_its_finish(self):
        self.wandb.init()
        self.wandb.finish()
        self.assertIsNone(self.wandb.run)
        self.assertEqual(self.library.of("finish"), [])
        self.assertIs(self.wandb.init(reinit=True).sae, self.sae)
        Session(run=self.sae, owns_run=True).finish(2)
        self.assertEqual(self.library.of("finish")[0][:2], (2, None))

    def test_it_can_be_logged_to_without_an_init(self):
        self.wandb.log({"x": 1}, step=3)
        self.assertEqual(self.logged(), [(3, {"x": 1})])

    def test_without_a_step_a_value_belongs_to_the_step_that_is_pushed_beside(self):
        self.wandb.log({"before": 1})
        self.sae.log_step(7, [1, 0, 0, 0])
        self.wandb.log({"eval": 1})
        self.wandb.log({"given": 1}, step=7)
        self.assertEqual(self.logged(), [(0, {"before": 1}), (-1, {"eval": 1}), (7, {"given": 1})])


class MediaTest(ShimTest):
    def setUp(self):
        super().setUp()
        for name in [name for name in sys.modules if name == "wandb" or name.startswith("wandb.")]:
            patch = mock.patch.dict(sys.modules)
            patch.start()
            self.addCleanup(patch.stop)
            del sys.modules[name]
        self.run_ = self.wandb.init(id="i")

    def without_the_real_one(self):
        return mock.patch.dict(sys.modules, {"wandb": None})

    def the_real_one(self, run=None):
        real = types.ModuleType("wandb")
        real.sdk, real.run = types.ModuleType("wandb.sdk"), run

        class Artifact:
            __module__ = "wandb.sdk.artifacts.artifact"

            def __init__(self, name, type):
                self.name, self.type, self.files = name, type, []

            def add_file(self, path):
                self.files.append(path)

        class Image:
            __module__ = "wandb.sdk.data_types.image"

        real.Artifact, real.Image = Artifact, Image
        return mock.patch.dict(sys.modules, {"wandb": real}), real

    def use(self):
        artifact = self.wandb.Artifact("weights", type="model", metadata={"a": 1})
        artifact.add_file("x.pt")
        artifact.add_dir("d", name="e")
        artifact.add_reference("s3://x")
        with artifact.new_file("notes.txt") as file:
            file.write("words")
        with artifact.new_file("notes.bin", mode="wb") as file:
            file.write(b"words")
        self.wandb.log_artifact(artifact, aliases=["best"]).wait()
        self.wandb.log({"image": self.wandb.Image("x.png"), "table": self.wandb.Table(columns=["a"], data=[[1]]),
                        "images": [self.wandb.Image("x"), self.wandb.Image("y")], "curve": self.wandb.plot.line(1, 2), "x": 1})  # fmt: skip

    def test_without_the_real_one_a_trainer_goes_on_and_is_told_once(self):
        with self.without_the_real_one():
            self.use()
            self.use()
            self.assertIs(self.wandb.Image, self.wandb.Image)
            self.assertIsInstance(self.wandb.Image("x"), self.wandb.Image)
        self.assertEqual(self.logged(), [(0, {"x": 1}), (1, {"x": 1})])
        self.assertEqual(self.run_.left_out.counts, {"artifacts": 2, "media": 8})
        said = self.said()
        self.assertEqual(said.count("\n"), 2, said)
        self.assertIn("no run of the real wandb is open: 'weights' was not kept", said)

    def test_strictly_it_is_an_error(self):
        os.environ["SAE_METRICS_STRICT"] = "1"
        with self.without_the_real_one():
            with self.assertRaisesRegex(sae_metrics.Error, "artifacts go to no daemon"):
                self.wandb.log_artifact("weights.pt", name="w", type="model")
            with self.assertRaisesRegex(sae_metrics.Error, "media go to no daemon: |media go to no daemon"):
                self.wandb.log({"image": self.wandb.Image("x")})

    def test_what_was_never_kept_cannot_be_fetched(self):
        with self.without_the_real_one():
            artifact = self.wandb.use_artifact("weights:latest")
            with self.assertRaisesRegex(self.wandb.errors.UnsupportedError, "weights:latest"):
                artifact.download()

    def test_the_real_classes_are_used_where_there_are_any(self):
        patch, real = self.the_real_one()
        with patch:
            artifact = self.wandb.Artifact("weights", "model")
            self.assertIsInstance(artifact, real.Artifact)
            artifact.add_file("x")
            self.wandb.log_artifact(artifact).wait()
            self.wandb.log({"image": self.wandb.Image()})
        self.assertEqual(self.run_.left_out.counts, {"artifacts": 1, "media": 1})

    def test_the_real_run_of_the_user_takes_them(self):
        theirs = mock.Mock()
        patch, real = self.the_real_one(theirs)
        with patch:
            image = real.Image()
            self.wandb.log({"image": image, "x": 1}, step=3)
            self.wandb.log_artifact("weights.pt", name="w", type="model")
        theirs.log.assert_called_once_with({"image": image}, step=3, commit=None)
        self.assertEqual(theirs.log_artifact.call_count, 1)
        self.assertEqual((self.logged(), self.run_.left_out.counts), ([(3, {"x": 1})], {}))

    def test_what_only_the_servers_know_is_no_attribute(self):
        with self.without_the_real_one():
            for name in ("Api", "sweep", "no_such_thing"):
                self.assertFalse(hasattr(self.wandb, name), name)

    def test_in_its_place_the_real_one_is_not_imported(self):
        with mock.patch.dict(sys.modules, {"wandb": sae_metrics.wandb}), mock.patch(
            "importlib.import_module"
        ) as imported:
            self.assertIs(self.wandb.Artifact, _media.StandInArtifact)
            self.assertIsNone(_media.real_run())
        imported.assert_not_called()


class ModuleTest(ShimTest):
    def setUp(self):
        super().setUp()
        patch = mock.patch.dict(sys.modules, {"wandb": sae_metrics.wandb})
        patch.start()
        self.addCleanup(patch.stop)
        self.addCleanup(sae_metrics.wandb.teardown)

    def test_a_trainer_that_imports_wandb_gets_us(self):
        import wandb
        from wandb import Histogram, init, log

        self.assertIs(Histogram, sae_metrics.wandb.Histogram)
        self.assertIsNone(wandb.run)
        run = init(project="p", config={"lr": 1})
        log({"x": 1}, step=2)
        self.assertEqual((wandb.run, wandb.config.lr, wandb.summary["x"]), (run, 1, 1))
        wandb.finish()
        self.assertIsNone(wandb.run)
        self.assertEqual(self.logged(), [(2, {"x": 1})])

    def test_its_errors_and_ids_are_there_under_both_names(self):
        import wandb.errors
        from wandb.errors import CommError
        from wandb.util import generate_id

        self.assertIs(wandb.errors, sae_metrics.wandb.errors)
        self.assertIs(CommError, wandb.CommError)
        self.assertEqual(wandb.errors.__spec__.name, "sae_metrics.wandb.errors")
        self.assertRegex(generate_id(), "^[a-z0-9]{8}$")

    def test_what_we_do_not_have_is_a_clear_import_error(self):
        for statement in (
            "import wandb.sdk.data_types",
            "from wandb.integration.torch import x",
            "import wandb.apis",
        ):
            with self.subTest(statement), self.assertRaisesRegex(ImportError, "sae_metrics.wandb stands in for wandb"):
                exec(statement)
        with self.assertRaises(ImportError):
            exec("from wandb import no_such_thing")

    def test_what_frameworks_import_from_inside_it_is_there(self):
        from wandb.sdk.lib import RunDisabled
        from wandb.sdk.lib.config_util import ConfigError
        from wandb.sdk.wandb_config import Config
        from wandb.wandb_run import Run

        self.assertIs(ConfigError, sae_metrics.wandb.errors.ConfigError)
        run = sae_metrics.wandb.init(mode="disabled")
        self.assertEqual((type(run), type(run.config), isinstance(run, RunDisabled)), (Run, Config, False))

    def test_other_imports_are_left_alone(self):
        del sys.modules["wandb"]
        with mock.patch.dict(sys.modules, {"wandb": None}), self.assertRaises(ImportError) as raised:
            exec("import wandb.sdk")
        self.assertNotIn("stands in", str(raised.exception))


class UpdateTest(ShimTest):
    def test_update_says_what_it_is_given_and_no_more(self):
        run = sae_metrics.init(id="i")
        run.update()
        run.update(name="n", notes="o")
        run.update(config={"a": 1}, summary={"b": 2})
        run.update(tags="t")
        run.update(tags=[])
        self.assertEqual(self.library.of("update"), [(b"n", b"o", None, None), (None, None, {"a": 1}, {"b": 2})])
        self.assertEqual(self.library.of("update_tags"), [([b"t"],), ([],)])
        self.assertEqual(run.name, "n")

    def test_a_wrong_update_is_refused_in_words(self):
        run = sae_metrics.init(id="i")
        for arguments, words in ((dict(name=3), "update: name: expected text"), (dict(tags=[1]), "tags: expected texts"),
                                 (dict(config=5), "config: expected a dict"), (dict(summary=5), "summary: expected a dict")):  # fmt: skip
            with self.subTest(arguments), self.assertRaisesRegex(TypeError, words):
                run.update(**arguments)
        run.finish()
        run.update(name="late")
        self.assertEqual(self.library.of("update"), [])


if __name__ == "__main__":
    tap.main()
