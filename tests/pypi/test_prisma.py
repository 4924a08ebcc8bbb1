"""ViT-Prisma's trainer, by one that follows its order of events: every row, in every architecture; and with everything else."""
import copy
import gc
import os
import pickle
import sys
import tempfile
import threading
import unittest
import weakref
from pathlib import Path
from unittest import mock

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "system")]
from harness import Daemon

import prisma_like
import tap
import torch
from captured import Capture, differences, rows_of
from prisma_like import Config, VisionSAETrainer

import sae_metrics

ARCHITECTURES = {
    "standard": {},
    "ghost": dict(use_ghost_grads=True),
    "topk": dict(activation_fn_str="topk"),
    "signed topk": dict(activation_fn_str="topk", k=40),
    "gated": dict(architecture="gated"),
    "transcoder": dict(is_transcoder=True),
    "two norm": dict(lp_norm=2),
}


def captured(trainer):
    capture = Capture()
    with mock.patch.object(prisma_like, "wandb", capture):
        trainer.run()
    return capture


class Prisma(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon().start()
        cls.variables = mock.patch.dict(os.environ, SAE_METRICS_SOCKET=str(cls.daemon.socket))
        cls.variables.start()

    @classmethod
    def tearDownClass(cls):
        cls.variables.stop()
        cls.daemon.__exit__()

    def assert_kept(self, capture, run, tolerance=2e-6):
        self.assertEqual([], differences(capture.rows, rows_of(self.daemon, run.id), tolerance)[:10])

    def status(self, run):
        return self.daemon.status(run.id)

    def test_every_row_of_every_architecture_is_kept_as_it_was_logged(self):
        for name, settings in ARCHITECTURES.items():
            with self.subTest(name):
                capture = captured(VisionSAETrainer(Config(**settings)))
                self.assertEqual(18, len(capture.rows))
                trainer = VisionSAETrainer(Config(**settings))
                attachment = sae_metrics.prisma.attach(trainer)
                trainer.run()
                attachment.detach()
                self.assert_kept(capture, attachment.run, tolerance=0)
                status = self.status(attachment.run)
                self.assertEqual(("finished", 59, "prisma", "clip_b32", []),
                                 tuple(status[key] for key in ("state", "step", "source", "project", "alerts")))

    def test_the_same_rows_are_computed_from_the_steps_alone(self):
        for name, settings in ARCHITECTURES.items():
            with self.subTest(name):
                capture = captured(VisionSAETrainer(Config(**settings)))
                trainer = VisionSAETrainer(Config(**settings, log_to_wandb=False))
                with sae_metrics.prisma.attach(trainer) as attachment:
                    trainer.run()
                self.assert_kept(capture, attachment.run)
                self.assertEqual([], self.status(attachment.run)["alerts"])

    def test_keys_have_the_trainers_suffix(self):
        def make(log):
            trainer = VisionSAETrainer(Config(log_to_wandb=log))
            trainer.sparse_coder.cfg.hook_point_layer = [8, 9]
            return trainer

        capture = captured(make(True))
        self.assertIn("losses/mse_loss_layer[8, 9]", capture.rows[3])
        trainer = make(False)
        with sae_metrics.prisma.attach(trainer) as attachment:
            trainer.run()
        self.assert_kept(capture, attachment.run)

    def test_a_checkpoint_with_logging_off_does_not_end_the_training(self):
        for wandb in ("replace", "keep"):
            with tempfile.TemporaryDirectory() as folder:
                trainer = VisionSAETrainer(Config(n_checkpoints=2, checkpoint_path=folder, log_to_wandb=False))
                with sae_metrics.prisma.attach(trainer, wandb=wandb) as attachment:
                    trainer.run()
                paths = self.daemon.rows("SELECT text FROM history WHERE run = ? AND key = 'details/checkpoint_path'",
                                         attachment.run.id)
                self.assertEqual(2, len(paths))
                self.assertEqual(2, len(list(Path(folder).glob("*.pt.sae_metrics"))))

    def test_there_is_no_second_run_at_wandb(self):
        trainer = VisionSAETrainer(Config())
        with mock.patch("wandb.init", side_effect=AssertionError), sae_metrics.prisma.attach(trainer) as attachment:
            trainer.run()
        self.assertTrue(attachment.run._settings.log_to_wandb)
        capture = Capture()
        trainer = VisionSAETrainer(Config())
        with mock.patch.object(prisma_like, "wandb", capture), sae_metrics.prisma.attach(trainer, wandb="keep") as attachment:
            trainer.run()
        self.assertEqual((1, 18), (len(capture.inits), len(capture.rows)))
        self.assertFalse(attachment.run._settings.log_to_wandb)
        self.assert_kept(capture, attachment.run, tolerance=0)

    def test_training_is_not_changed_by_a_bit_and_detach_restores_everything(self):
        plain, attached = (VisionSAETrainer(Config(log_to_wandb=False)) for _ in range(2))
        before, wandb = dict(vars(attached)), prisma_like.wandb
        attachment = sae_metrics.prisma.attach(attached)
        plain.run()
        attached.run()
        attachment.detach()
        self.assertEqual(before, vars(attached))
        self.assertIs(wandb, prisma_like.wandb)
        for one, other in zip(plain.sparse_coder.parameters(), attached.sparse_coder.parameters()):
            self.assertTrue(torch.equal(one, other))

    def test_a_bad_run_ends_as_the_trainer_ends_it(self):
        trainer = VisionSAETrainer(Config(min_l0=60, min_explained_variance=0.99))
        with self.assertRaises(SystemExit), sae_metrics.prisma.attach(trainer) as attachment:
            trainer.run()
        rows = rows_of(self.daemon, attachment.run.id)
        self.assertNotIn(3, rows)  # that row is not logged
        self.assertEqual(("stopped", 3), tuple(self.status(attachment.run)[key] for key in ("state", "step")))

    def test_a_bad_run_that_the_trainer_would_not_end_goes_on(self):
        trainer = VisionSAETrainer(Config(min_l0=60, min_explained_variance=0.99, log_to_wandb=False))
        with sae_metrics.prisma.attach(trainer) as attachment:
            trainer.run()
        self.assertEqual(("finished", 59), tuple(self.status(attachment.run)[key] for key in ("state", "step")))

    def test_trainers_of_one_process_do_not_mix(self):
        trainers = [VisionSAETrainer(Config(run_name=name, l1_coefficient=l1)) for name, l1 in (("a", 0.02), ("b", 0.2))]
        captures = [captured(VisionSAETrainer(Config(run_name=name, l1_coefficient=l1))) for name, l1 in (("a", 0.02), ("b", 0.2))]
        attachments = [sae_metrics.prisma.attach(trainer, group="sweep") for trainer in trainers]
        for trainer in trainers:
            trainer.run()
        for attachment, capture in zip(attachments, captures):
            self.assert_kept(capture, attachment.run, tolerance=0)
            attachment.detach()
        self.assertEqual(2, len({attachment.run.id for attachment in attachments}))

    def test_a_training_that_goes_on_elsewhere_has_the_rows_of_one_that_never_stopped(self):
        capture = captured(VisionSAETrainer(Config()))
        for log in (True, False):
            with self.subTest(log=log), tempfile.TemporaryDirectory() as folder, Daemon() as elsewhere:
                first = VisionSAETrainer(Config(log_to_wandb=log, checkpoint_path=folder))
                first.checkpoint_thresholds = [38 * 64 - 1]
                with sae_metrics.prisma.attach(first) as left:
                    variables = first.run(stop_before=38)
                checkpoint, = (path for path in Path(folder).glob("*.sae_metrics"))
                second = VisionSAETrainer(Config(log_to_wandb=log, checkpoint_path=folder))
                second.sparse_coder, second.activations_store = first.sparse_coder, first.activations_store
                resumed = sae_metrics.prisma.attach(second, resume_from=str(checkpoint).removesuffix(".sae_metrics"),
                                                    socket=str(elsewhere.socket))
                with resumed:
                    second.run(first_step=38, variables=variables)
                self.assertEqual(left.run.id, resumed.run.id)
                capture_rest = {step: row for step, row in capture.rows.items() if step >= 38}
                self.assertEqual([], differences(capture_rest, rows_of(elsewhere, resumed.run.id))[:10])
                self.assertEqual([(1,)], elsewhere.rows("SELECT min(complete) FROM windows WHERE step_last < 59"))

    def test_a_wrong_word_is_refused(self):
        with self.assertRaisesRegex(ValueError, 'wandb: expected "replace" or "keep", got \'kept\''):
            sae_metrics.prisma.attach(VisionSAETrainer(Config()), wandb="kept")

    def test_trainings_in_two_threads_do_not_mix(self):
        captures = [captured(VisionSAETrainer(Config(l1_coefficient=l1))) for l1 in (0.02, 0.2)]
        trainers = [VisionSAETrainer(Config(l1_coefficient=l1)) for l1 in (0.02, 0.2)]
        attachments = [sae_metrics.prisma.attach(trainer) for trainer in trainers]
        threads = [threading.Thread(target=trainer.run) for trainer in trainers]
        for thread in threads:
            thread.start()
        for thread, attachment, capture in zip(threads, attachments, captures):
            thread.join()
            self.assert_kept(capture, attachment.run, tolerance=0)
            attachment.detach()

    def test_a_training_that_is_over_keeps_its_trainer_no_longer(self):
        gc.disable()
        self.addCleanup(gc.enable)
        trainer = VisionSAETrainer(Config())
        before, reference = dict(vars(trainer)), weakref.ref(trainer)
        attachment = sae_metrics.prisma.attach(trainer)
        self.addCleanup(attachment.detach)
        trainer.run()
        self.assertEqual(before, vars(trainer))
        del trainer
        self.assertIsNone(reference())

    def test_a_training_behind_it_that_is_not_attached_is_its_own(self):
        capture = Capture()
        with mock.patch.object(prisma_like, "wandb", capture):
            trainer = VisionSAETrainer(Config())
            attachment = sae_metrics.prisma.attach(trainer)
            trainer.run()
            prisma_like.wandb.log({"validation/l0": 1.0})  # a trainer's method that is called afterwards: no reason to raise
            self.assertEqual(([], []), (capture.inits, capture.stepless))
            VisionSAETrainer(Config()).run()
            attachment.detach()
        self.assertEqual((1, 18), (len(capture.inits), len(capture.rows)))

    def test_a_training_that_was_interrupted_goes_on_in_its_run(self):
        trainer = VisionSAETrainer(Config())
        whole = trainer.activations_store.next_batch
        trainer.activations_store.next_batch = mock.Mock(side_effect=[whole(), whole(), KeyboardInterrupt])
        attachment = sae_metrics.prisma.attach(trainer)
        with self.assertRaises(KeyboardInterrupt):
            trainer.run()
        first = attachment.run
        trainer.activations_store.next_batch = whole
        trainer.run()
        attachment.detach()
        self.assertEqual((first.id, False), (attachment.run.id, first is attachment.run))
        self.assertEqual([(1, 2), (2, 60)], self.daemon.rows(
            "SELECT attempt, count(*) FROM steps WHERE run = ? GROUP BY attempt", first.id))
        self.assertEqual("finished", self.status(first)["state"])

    def test_a_training_that_fails_before_its_first_step_is_seen(self):
        trainer = VisionSAETrainer(Config(log_to_wandb=False))
        trainer.activations_store.next_batch = mock.Mock(side_effect=ValueError("no data"))
        with self.assertRaises(ValueError), sae_metrics.prisma.attach(trainer) as attachment:
            trainer.run()
        self.assertEqual(("failed", "ValueError: no data"),
                         tuple(self.status(attachment.run)[key] for key in ("state", "end_words")))

    def test_a_copy_of_an_attached_trainer_trains_itself(self):
        trainer = VisionSAETrainer(Config(log_to_wandb=False))
        trainer.activations_store.generator = None  # cannot be copied
        with sae_metrics.prisma.attach(trainer) as attachment:
            for twin in (copy.deepcopy(trainer), pickle.loads(pickle.dumps(trainer))):
                self.assertIs(twin, twin.run.__self__)
                self.assertIs(twin, twin.train_step.__self__)
                sae_metrics.prisma.attach(twin).detach()
            del trainer, twin
        self.assertEqual(0, attachment.run.stats.dropped)

    def test_what_a_step_asks_of_its_module_is_answered_by_it(self):
        heard = sae_metrics.prisma._Heard(VisionSAETrainer(Config()).sparse_coder, None)
        self.assertIsInstance(heard, prisma_like.SparseCoder)
        for twin in (copy.deepcopy(heard), pickle.loads(pickle.dumps(heard))):
            self.assertIs(prisma_like.SparseCoder, type(twin))
            self.assertTrue(torch.equal(heard.W_enc, twin.W_enc))

    def test_what_somebody_else_puts_over_our_methods_stays_and_hears_us_no_more(self):
        trainer, calls = VisionSAETrainer(Config(log_to_wandb=False, total_training_tokens=64 * 3)), []
        attachment = sae_metrics.prisma.attach(trainer)
        ours = trainer.train_step
        trainer.train_step = theirs = lambda **given: calls.append(1) or ours(**given)
        attachment.detach()
        self.assertIs(theirs, trainer.train_step)
        trainer.run()
        self.assertEqual((3, None), (len(calls), attachment.last_step))

    def test_a_training_that_is_detached_in_its_middle_comes_to_its_end(self):
        trainer = VisionSAETrainer(Config())
        wandb, attachment = prisma_like.wandb, sae_metrics.prisma.attach(trainer)
        trainer.sparse_coder.register_forward_hook(lambda *_: attachment.detach())
        trainer.run()
        self.assertIs(wandb, prisma_like.wandb)
        self.assertEqual([(1,)], self.daemon.rows("SELECT count(*) FROM steps WHERE run = ?", attachment.run.id))
        self.assertEqual("finished", self.status(attachment.run)["state"])

    def test_media_of_a_trainer_that_keeps_its_wandb_are_logged_once(self):
        media = type("Image", (), {"__module__": "wandb.sdk"})()
        capture = Capture()
        trainer = VisionSAETrainer(Config())
        trainer._suffix = mock.Mock(return_value="")
        trainer._log_metrics = lambda *_: prisma_like.wandb.log({"x": 1.0, "an": {"image": media}})
        with mock.patch.object(prisma_like, "wandb", capture), mock.patch.dict(sys.modules, wandb=capture):
            with sae_metrics.prisma.attach(trainer, wandb="keep") as attachment:
                trainer.run()
        self.assertEqual([{"x": 1.0, "an.image": media}] * 15, capture.stepless)
        self.assertEqual([(15,)], self.daemon.rows("SELECT count(*) FROM history WHERE run = ? AND key = 'x'", attachment.run.id))

    def test_a_checkpoint_may_be_named_by_a_path(self):
        with tempfile.TemporaryDirectory() as folder:
            trainer = VisionSAETrainer(Config())
            sae_metrics.prisma.attach(trainer, resume_from=Path(folder) / "none.pt").detach()
            trainer.checkpoint = lambda sae, path: sae.save_model(path=path)
            with sae_metrics.prisma.attach(trainer):
                trainer.train_step(**self.one_step(trainer))
                trainer.checkpoint(trainer.sparse_coder, Path(folder) / "some.pt")
            self.assertEqual(["some.pt", "some.pt.sae_metrics"], sorted(path.name for path in Path(folder).iterdir()))

    def one_step(self, trainer):
        freq, passes, rows, optimizer, scheduler = trainer.initialize_training_variables()
        return dict(sparse_autoencoder=trainer.sparse_coder, optimizer=optimizer, scheduler=scheduler, act_freq_scores=freq,
                    n_forward_passes_since_fired=passes, n_frac_active_tokens=rows, n_training_steps=0, n_training_tokens=0,
                    layer_acts=trainer.activations_store.next_batch())

    def test_a_trainer_is_attached_once(self):
        trainer, wandb = VisionSAETrainer(Config()), prisma_like.wandb
        with sae_metrics.prisma.attach(trainer):
            with self.assertRaisesRegex(ValueError, "attached already"):
                sae_metrics.prisma.attach(trainer)
        self.assertIs(wandb, prisma_like.wandb)
        sae_metrics.prisma.attach(trainer).detach()


if __name__ == "__main__":
    torch.set_num_threads(1)  # the work is small, and the threads only wait for each other
    tap.main()
