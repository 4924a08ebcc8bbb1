"""SAELens as it is on PyPI, training on the CPU: every row it logs, and the same computed from its steps alone."""
import gc
import math
import os
import signal
import sys
import tempfile
import unittest
import weakref
from pathlib import Path
from unittest import mock

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "system")]
from harness import Daemon

import sae_lens
import tap
import torch
from captured import Capture, differences, rows_of
from sae_lens import (
    BatchTopKTrainingSAEConfig,
    GatedTrainingSAEConfig,
    JumpReLUTrainingSAEConfig,
    LanguageModelSAERunnerConfig,
    LanguageModelSAETrainingRunner,
    StandardTrainingSAEConfig,
    TopKTrainingSAEConfig,
)
from sae_lens.config import LoggingConfig, SAETrainerConfig
from sae_lens.registry import get_sae_training_class
from sae_lens.training import sae_trainer

import sae_metrics

D_IN, D_SAE, N_ROWS, N_STEPS = 16, 64, 64, 60
STEP_ROWS = ("losses/", "metrics/", "sparsity/", "details/", "plots/")

ARCHITECTURES = {
    "standard": StandardTrainingSAEConfig(d_in=D_IN, d_sae=D_SAE, l1_coefficient=0.5, l1_warm_up_steps=20),
    "gated": GatedTrainingSAEConfig(d_in=D_IN, d_sae=D_SAE, l1_coefficient=0.3),
    "topk": TopKTrainingSAEConfig(d_in=D_IN, d_sae=D_SAE, k=4),
    "batchtopk": BatchTopKTrainingSAEConfig(d_in=D_IN, d_sae=D_SAE, k=4),
    "jumprelu": JumpReLUTrainingSAEConfig(d_in=D_IN, d_sae=D_SAE, l0_coefficient=0.3, pre_act_loss_coefficient=1e-3),
}


def activations(seed=3):
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(48, D_IN, generator=generator)
    while True:
        present = (torch.rand(N_ROWS, 48, generator=generator) < 0.05).float()
        yield present @ directions + 0.1 * torch.randn(N_ROWS, D_IN, generator=generator)


def evaluate(_sae, _data, _scaler):
    return {"reconstruction_quality": {"cossim": 0.25, "mse": 3.0}, "token_stats": {"total_tokens_eval_sparsity": 7}}


def make_trainer(architecture="standard", log=True, n_steps=N_STEPS, **others):
    torch.manual_seed(0)
    config = ARCHITECTURES[architecture]
    logger = LoggingConfig(log_to_wandb=log, wandb_log_frequency=4, eval_every_n_wandb_logs=3)
    cfg = SAETrainerConfig(
        total_training_samples=N_ROWS * n_steps, train_batch_size_samples=N_ROWS, lr=2e-3, lr_end=1e-4, lr_decay_steps=20,
        feature_sampling_window=15, dead_feature_window=5, logger=logger, **others)
    sae = get_sae_training_class(config.architecture())[0](config)
    return sae_trainer.SAETrainer(cfg, sae, activations(), evaluator=evaluate)


def captured(train):
    """What train() hands to wandb.log, nothing being attached."""
    capture = Capture()
    modules = [vars(module) for name, module in sys.modules.items() if name.partition(".")[0] == "sae_lens"]
    with mock.patch.multiple(sae_trainer, wandb=capture):
        patches = [mock.patch.dict(module, wandb=capture) for module in modules if "wandb" in module]
        for patch in patches:
            patch.start()
        try:
            train()
        finally:
            for patch in patches:
                patch.stop()
    return capture


class WithDaemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().start()
        cls.variables = mock.patch.dict(os.environ, SAE_METRICS_SOCKET=str(cls.daemon.socket), WANDB_MODE="disabled")
        cls.variables.start()

    @classmethod
    def tearDownClass(cls):
        cls.variables.stop()
        cls.daemon.__exit__()

    def assert_kept(self, capture, run, keys=None, tolerance=2e-6):
        self.assertEqual([], differences(capture.rows, rows_of(self.daemon, run.id), tolerance, keys)[:10])

    def status(self, run):
        return self.daemon.status(run.id)


class Trainer(WithDaemon):
    def test_every_row_of_every_architecture_is_kept_as_it_was_logged(self):
        for architecture in ARCHITECTURES:
            with self.subTest(architecture):
                capture = captured(make_trainer(architecture).fit)
                self.assertEqual(4, sum("plots/feature_density_line_chart" in row for row in capture.rows.values()))
                trainer = make_trainer(architecture)
                with sae_metrics.saelens.attach(trainer) as attachment:
                    trainer.fit()
                self.assert_kept(capture, attachment.run, tolerance=0)
                status = self.status(attachment.run)
                self.assertEqual(("finished", N_STEPS - 1, "saelens", []),
                                 tuple(status[key] for key in ("state", "step", "source", "alerts")))
                self.assertEqual(0, attachment.run.stats.dropped)

    def test_the_same_rows_are_computed_from_the_steps_alone(self):
        for architecture in ARCHITECTURES:
            with self.subTest(architecture):
                capture = captured(make_trainer(architecture).fit)
                trainer = make_trainer(architecture, log=False)
                with sae_metrics.saelens.attach(trainer) as attachment:
                    trainer.fit()
                self.assert_kept(capture, attachment.run, keys=STEP_ROWS)
                self.assertEqual([(N_STEPS,)], self.daemon.rows("SELECT count(*) FROM steps WHERE run = ?", attachment.run.id))

    def test_training_is_not_changed_by_a_bit(self):
        plain, attached = make_trainer(log=False), make_trainer(log=False)
        with sae_metrics.saelens.attach(attached):
            for one, other in zip(plain.fit().parameters(), attached.fit().parameters()):
                self.assertTrue(torch.equal(one, other))

    def test_detach_restores_everything(self):
        trainer, wandb = make_trainer(), sae_trainer.wandb
        before = dict(vars(trainer))
        attachment = sae_metrics.saelens.attach(trainer)
        self.assertIsNot(wandb, sae_trainer.wandb)
        attachment.detach()
        self.assertIs(wandb, sae_trainer.wandb)
        self.assertEqual(before, vars(trainer))
        self.assertIs(sae_lens.config.wandb, wandb)

    def test_keep_leaves_its_wandb_to_the_trainer_and_forwards_nothing(self):
        capture = Capture()
        with mock.patch.object(sae_trainer, "wandb", capture):
            trainer = make_trainer()
            capture.init()
            with sae_metrics.saelens.attach(trainer, wandb="keep") as attachment:
                trainer.fit()
            self.assertIs(capture, sae_trainer.wandb)
        self.assertEqual(captured(make_trainer().fit).rows, capture.rows)
        self.assert_kept(capture, attachment.run, tolerance=0)
        self.assertFalse(attachment.run._settings.log_to_wandb)

    def test_a_training_that_fails_says_why(self):
        trainer = make_trainer()
        trainer.data_provider = iter([next(activations())] * 3)
        with self.assertRaises(StopIteration), sae_metrics.saelens.attach(trainer) as attachment:
            trainer.fit()
        status = self.status(attachment.run)
        self.assertEqual(("failed", 1), (status["state"], status["exit_code"]))
        self.assertIn("StopIteration", str(status))

    def test_a_run_that_is_asked_to_stop_stops_behind_its_step(self):
        trainer = make_trainer()
        attachment = sae_metrics.saelens.attach(trainer)
        with mock.patch.object(type(attachment.run), "should_stop", property(lambda run: trainer.n_training_steps == 7)):
            with self.assertRaises(KeyboardInterrupt), attachment:
                trainer.fit()
        self.assertEqual(("stopped", 7), tuple(self.status(attachment.run)[key] for key in ("state", "step")))

    def test_a_training_that_was_interrupted_goes_on_behind_where_it_was(self):
        trainer = make_trainer(log=False)
        with sae_metrics.saelens.attach(trainer) as attachment:
            of_step = trainer._update_pbar
            trainer._update_pbar = mock.Mock(side_effect=[None] * 7 + [KeyboardInterrupt])
            with self.assertRaises(KeyboardInterrupt):
                trainer.fit()
            trainer._update_pbar = of_step
            trainer.fit()
        self.assertEqual([(0, 59, 60)], self.daemon.rows("SELECT min(step), max(step), count(*) FROM steps WHERE run = ?",
                                                         attachment.run.id))

    def test_a_training_that_is_over_keeps_its_trainer_no_longer(self):
        gc.disable()
        self.addCleanup(gc.enable)
        trainer = make_trainer(n_steps=5)
        reference, attachment = weakref.ref(trainer), sae_metrics.saelens.attach(trainer)
        self.addCleanup(attachment.detach)
        trainer.fit()
        del trainer
        self.assertIsNone(reference())

    def test_nothing_of_ours_ends_the_training(self):
        trainer = make_trainer(log=False)
        trainer.cfg.feature_sampling_window = 1  # which SAELens can, and we cannot
        with mock.patch("sae_metrics.attachment.complain") as complain, sae_metrics.saelens.attach(trainer):
            trainer.fit()
        self.assertIn("feature_sampling_window", complain.call_args_list[0][0][0])


class Resume(WithDaemon):
    def test_a_training_that_goes_on_elsewhere_has_the_rows_of_one_that_never_stopped(self):
        whole = make_trainer(log=False)
        with sae_metrics.saelens.attach(whole) as uninterrupted:
            whole.fit()
        wanted = rows_of(self.daemon, uninterrupted.run.id)
        for log in (False, True):
            with self.subTest(log=log), tempfile.TemporaryDirectory() as folder, Daemon() as elsewhere:
                first = make_trainer(log=log)
                data, preempted_at = first.data_provider, 37
                attachment = sae_metrics.saelens.attach(first)

                def preempt(original, output=None):
                    if first.n_training_steps == preempted_at:
                        first.save_checkpoint("checkpoint", folder)
                        raise InterruptedError
                first._checkpoint_if_needed = lambda: preempt(None)
                with self.assertRaises(InterruptedError), attachment:
                    first.fit()

                second = make_trainer(log=log)
                second.sae.load_state_dict(first.sae.state_dict())
                second.data_provider = data
                with sae_metrics.saelens.attach(second, socket=str(elsewhere.socket)) as resumed:
                    second.load_trainer_state(Path(folder) / "checkpoint")
                    second.fit()
                self.assertEqual(attachment.run.id, resumed.run.id)
                got = rows_of(elsewhere, resumed.run.id)
                rest = {step: row for step, row in wanted.items() if step > preempted_at}
                self.assertEqual([], differences(rest, got)[:10])


class Many(WithDaemon):
    """A MultiSAETrainer: two SAEs of two architectures on two hooks."""

    def make(self, log=True, folder=None):
        from sae_lens.training.multi_sae_trainer import MultiSAETrainer

        torch.manual_seed(0)
        one, other = activations(1), activations(2)
        configs = {"wide": ARCHITECTURES["standard"], "sparse": ARCHITECTURES["topk"]}
        saes = {name: get_sae_training_class(config.architecture())[0](config) for name, config in configs.items()}
        logger = LoggingConfig(log_to_wandb=log, wandb_log_frequency=4, eval_every_n_wandb_logs=3, run_name="both")
        cfg = SAETrainerConfig(
            total_training_samples=N_ROWS * N_STEPS, train_batch_size_samples=N_ROWS, lr=2e-3, lr_end=2e-3,
            feature_sampling_window=15, dead_feature_window=5, logger=logger, n_checkpoints=1, checkpoint_path=folder)
        data = ({"a": next(one), "b": next(other)} for _ in iter(int, 1))
        return MultiSAETrainer(cfg, saes, {"wide": "a", "sparse": "b"}, data)

    def test_all_rows_are_in_one_run_and_each_sae_has_its_own(self):
        with tempfile.TemporaryDirectory() as folder:
            capture = captured(self.make(folder=folder).fit)
            trainer = self.make(folder=folder)
            with sae_metrics.saelens.attach(trainer, tags=["x"]) as attachment:
                trainer.fit()
            self.assert_kept(capture, attachment.run, tolerance=0)
            self.assertTrue(any("wide/metrics/l0" in row for row in capture.rows.values()))
            for name, architecture in (("wide", "standard"), ("sparse", "topk")):
                run = attachment.attachments[name].run
                own = {step: {key.partition("/")[2]: value for key, value in row.items() if key.startswith(name + "/")}
                       for step, row in capture.rows.items()}
                mine = Capture()
                mine.rows = own
                self.assert_kept(mine, run, keys=STEP_ROWS)
                status = self.status(run)
                self.assertEqual(("finished", "both", architecture, "both/" + name),
                                 tuple(status[key] for key in ("state", "group", "architecture", "name"))[:3]
                                 + (run._settings.name,))
                self.assertFalse(run._settings.log_to_wandb)
            states = sorted(str(path.relative_to(folder)).split("/", 1)[1] for path in Path(folder).rglob("sae_metrics.state"))
            self.assertEqual(["sae_metrics.state", "sparse/sae_metrics.state", "wide/sae_metrics.state"], states)

    def test_a_checkpoint_of_many_goes_on_in_all_their_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            trainer = self.make(folder=folder)
            with sae_metrics.saelens.attach(trainer) as first:
                trainer.fit()
            checkpoint, = (path for path in Path(folder).iterdir())
            second = self.make(folder=folder)
            with sae_metrics.saelens.attach(second) as resumed:
                second.load_checkpoint(checkpoint)
                second.fit()
            self.assertEqual(first.run.id, resumed.run.id)
            for name in ("wide", "sparse"):
                self.assertEqual(first.attachments[name].run.id, resumed.attachments[name].run.id)
                self.assertEqual([(1, 4, 4), (2, 2, 2)], self.daemon.rows(
                    "SELECT attempt, count(*), sum(complete) FROM windows WHERE run = ? GROUP BY attempt",
                    resumed.attachments[name].run.id))


class Runner(WithDaemon):
    """As users run it: a language model, a data set of tokens, one line before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        from datasets import Dataset
        from transformer_lens import HookedTransformer, HookedTransformerConfig

        torch.manual_seed(1)
        cls.model = HookedTransformer(HookedTransformerConfig(
            n_layers=1, d_model=D_IN, n_ctx=16, d_head=8, n_heads=2, d_vocab=50, act_fn="relu", seed=1))
        generator = torch.Generator().manual_seed(4)
        tokens = torch.randint(1, 50, (400, 16), generator=generator).tolist()
        cls.dataset = Dataset.from_dict({"tokens": tokens})

    def run_one(self, folder, log=True, **others):
        torch.manual_seed(0)
        cfg = LanguageModelSAERunnerConfig(
            sae=StandardTrainingSAEConfig(d_in=D_IN, d_sae=D_SAE, l1_coefficient=0.5, normalize_activations="none"),
            model_name="none", hook_name="blocks.0.hook_resid_post", dataset_path="none", is_dataset_tokenized=True,
            context_size=16, streaming=False, n_batches_in_buffer=4, training_tokens=N_ROWS * 50, store_batch_size_prompts=4,
            train_batch_size_tokens=N_ROWS, lr=1e-3, feature_sampling_window=15, dead_feature_window=5, prepend_bos=False,
            n_eval_batches=1, eval_batch_size_prompts=2, device="cpu", seed=7, verbose=False, n_checkpoints=2,
            checkpoint_path=folder, exclude_special_tokens=[0], save_final_checkpoint=True, output_path=None,
            logger=LoggingConfig(log_to_wandb=log, wandb_log_frequency=4, eval_every_n_wandb_logs=3, run_name="tiny",
                                 wandb_project="saes"), **others)
        return LanguageModelSAETrainingRunner(cfg, override_model=self.model, override_dataset=self.dataset)

    def test_autolog_keeps_every_row_that_the_runner_logs(self):
        with tempfile.TemporaryDirectory() as folder:
            capture = captured(self.run_one(folder).run)
            self.assertTrue(any("model_performance_preservation.ce_loss_score" in row for row in capture.rows.values()))
            wandb = sae_lens.llm_sae_training_runner.wandb
            autolog = sae_metrics.saelens.autolog(tags=["tiny"])
            try:
                self.run_one(folder).run()
            finally:
                autolog.detach()
            self.assertIs(wandb, sae_lens.llm_sae_training_runner.wandb)
            attachment, = autolog.attachments
            self.assert_kept(capture, attachment.run)
            status = self.status(attachment.run)
            self.assertEqual(("finished", 49, "saes", []), tuple(status[key] for key in ("state", "step", "project", "alerts")))
            self.assertIn("tiny", status["name"])
            self.assertEqual(3, len(list(Path(folder).rglob("sae_metrics.state"))))

    def test_autolog_is_begun_twice_and_a_runner_has_one_run(self):
        fit = sae_trainer.SAETrainer.fit
        with tempfile.TemporaryDirectory() as folder:
            autologs = [sae_metrics.saelens.autolog(), sae_metrics.saelens.autolog()]
            self.run_one(folder).run()
        autologs[0].detach()
        autologs[1].detach()
        self.assertIs(fit, sae_trainer.SAETrainer.fit)
        self.assertEqual([0, 1], [len(autolog.attachments) for autolog in autologs])
        self.assertEqual([(50,)], self.daemon.rows("SELECT count(*) FROM steps WHERE run = ?", autologs[1].attachments[0].run.id))

    def test_what_cannot_be_attached_is_trained_all_the_same(self):
        autolog = sae_metrics.saelens.autolog()
        self.addCleanup(autolog.detach)
        with mock.patch("sae_metrics.saelens.arguments_of", side_effect=AttributeError("another SAELens")), \
                mock.patch("sae_metrics.saelens_autolog.complain") as complain:
            self.run_one(None, log=False).run()
        self.assertEqual("nothing is logged of this training: AttributeError: another SAELens", complain.call_args_list[0][0][0])
        with self.assertRaisesRegex(ValueError, "autolog: wandb: expected"):
            sae_metrics.saelens.autolog(wandb="kept")

    def test_a_runner_that_is_told_to_end_is_preempted(self):
        with tempfile.TemporaryDirectory() as folder:
            autolog = sae_metrics.saelens.autolog()
            handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
            try:
                runner = self.run_one(None)
                of_step = sae_trainer.SAETrainer._update_pbar

                def end(trainer, *arguments):
                    if trainer.n_training_steps == 20:
                        os.kill(os.getpid(), signal.SIGTERM)
                    return of_step(trainer, *arguments)
                with mock.patch.object(sae_trainer.SAETrainer, "_update_pbar", end), self.assertRaises(Exception):
                    runner.run()
            finally:
                autolog.detach()
                for number, handler in zip((signal.SIGTERM, signal.SIGINT), handlers):
                    signal.signal(number, handler)
            status = self.status(autolog.attachments[0].run)
            self.assertEqual("preempted", status["state"])
            self.assertIn("InterruptedException", status["end_words"])

    def test_the_runner_resumes_into_the_run_it_left(self):
        with tempfile.TemporaryDirectory() as folder:
            autolog = sae_metrics.saelens.autolog()
            try:
                self.run_one(folder).run()
                first = autolog.attachments[0].run
                checkpoint = min((path.parent for path in Path(folder).rglob("sae_metrics.state")
                                  if not path.parent.name.startswith("final")), key=lambda path: int(path.name))
                self.run_one(folder, resume_from_checkpoint=str(checkpoint)).run()
            finally:
                autolog.detach()
            self.assertEqual(first.id, autolog.attachments[1].run.id)
            self.assertEqual([(2,)], self.daemon.rows("SELECT max(attempt) FROM steps WHERE run = ?", first.id))
            # The state was exact: no window of either attempt lacks a step.
            self.assertEqual([(1, 3), (2, 2)], self.daemon.rows(
                "SELECT attempt, sum(complete) FROM windows WHERE run = ? GROUP BY attempt", first.id))


if __name__ == "__main__":
    torch.set_num_threads(1)  # the work is small, and the threads only wait for each other
    tap.main()
