"""The counts of single features, against those that were pushed: of the last complete window, in the database, whatever is killed."""
import json
import os
import subprocess
import sys
import unittest

import numpy
from harness import BUILD, DAEMON, PATIENCE_S, Daemon, query_database, wait_until
import sae_metrics
from wire import QUERY, REPLY, Wire
import workload

import tap

# When a window closes: the arrays go into their slots, then the transaction; an ack stands on it.
CRASH_POINTS = ("after-cut", "after-slot-fsync", "after-begin", "before-commit", "after-commit", "after-first-ack")


def counts_of(database, run):
    """As SCHEMA.md says that they are read."""
    rows = query_database(database, "select counts, last_fired, totals from feature_counts where run = ? order by part", run)
    return [numpy.frombuffer(b"".join(row[column] for row in rows), kind) for column, kind in enumerate(("<u4", "<i4", "<u8"))]


def window_of(database, run):
    found = query_database(database, "select distinct f.attempt, f.window, f.complete, f.n_tokens, w.step_first, w.step_last from "
                           "feature_counts f join windows w using (run, attempt, window) where run = ?", run)
    assert len(found) <= 1, found
    return found[0] if found else None


def expected(run, first, last, world_size=1):
    """Of steps first … last, in a run that began with step 0."""
    counts, last_fired = (numpy.zeros(workload.D_SAE, kind) for kind in ("u4", "i4"))
    totals = numpy.zeros(workload.D_SAE, "u8")
    last_fired[:] = -1
    for step in range(last + 1):
        fired = sum(workload.counts_at(run, rank, step)[0] for rank in range(world_size))
        counts += fired if step >= first else 0
        last_fired[fired > 0] = step
        totals += fired
    return counts, last_fired, totals


def fired_of(run, last, world_size=1):
    return numpy.array([sum(workload.counts_at(run, rank, step)[0] for rank in range(world_size)) > 0 for step in range(last + 1)])


def last_fired_by(fired, step):
    """-1 where a feature never did."""
    return numpy.where(fired[:step + 1].any(0), step - fired[step::-1].argmax(0), -1)


def deaths_between(fired, since, until):
    """By every step: features that are dead after the one and were not, or have fired since; and those that woke in between."""
    def dead(step):
        return step - last_fired_by(fired, step) > workload.DEAD_WINDOW
    before, after = last_fired_by(fired, since), last_fired_by(fired, until)
    woke = dead(since) & (after > since)
    return [("died", int(i), int(after[i])) for i in numpy.flatnonzero(dead(until) & (~dead(since) | woke))] + \
        [("revived", int(i), int(before[i])) for i in numpy.flatnonzero(woke)]


class FeatureCounts(unittest.TestCase):
    def check_deaths(self, database, run, world_size=1):
        """From one window whose counts were kept to the next; of several that close before a commit one is."""
        rows = query_database(database, "select d.window, d.since, w.step_last, d.what, d.feature, d.last_fired from deaths d join windows w "
                              "using (run, attempt, window) where run = ? order by d.window, d.what, d.feature", run)
        steps, = query_database(database, "select max(step_last) from windows where run = ?", run)[0]
        fired = fired_of(run, steps, world_size)
        spans = sorted({row[:3] for row in rows})
        for window, since, until in spans:
            self.assertEqual(deaths_between(fired, since, until), [row[3:] for row in rows if row[0] == window], (window, since))
        for (_, _, until), (_, since, _) in zip(spans, spans[1:]):
            self.assertEqual([], deaths_between(fired, until, since))  # a window without a row
        return spans

    def check(self, database, run, window, world_size=1):
        attempt, number, complete, n_tokens, first, last = window_of(database, run)
        self.assertEqual((window, 1), (number, complete))
        for name, want, got in zip(("counts", "last_fired", "totals"), expected(run, first, last, world_size), counts_of(database, run)):
            self.assertEqual(want.tolist(), got.tolist(), name)
        never, n_rows = query_database(database, "select never_fired, n_tokens from windows where run = ? and window = ?", run, number)[0]
        self.assertEqual((int((counts_of(database, run)[0] == 0).sum()), n_tokens), (never, n_rows))
        self.check_deaths(database, run, world_size)

    def train(self, daemon, run, first, end, **options):
        handle = workload.begin(daemon.socket, run, **options)
        for step in range(first, end):
            workload.log_step(handle, run, 0, step)
        handle.flush(30)
        return handle

    def test_they_are_those_of_the_last_complete_window_while_the_run_goes_on_and_when_it_has_ended(self):
        with Daemon() as daemon:
            handle = self.train(daemon, "run1", 0, 130)
            self.check(daemon.database, "run1", 1)
            for step in range(130, 170):
                workload.log_step(handle, "run1", 0, step)
            handle.finish(timeout=60)  # inside the fourth window
            self.check(daemon.database, "run1", 2)

    def test_of_all_ranks_together(self):
        with Daemon() as daemon:
            handles = [workload.begin(daemon.socket, "ranks", rank, 2) for rank in range(2)]
            for step in range(110):
                for rank, handle in enumerate(handles):
                    workload.log_step(handle, "ranks", rank, step)
            for handle in handles:
                handle.finish(timeout=60)
            self.check(daemon.database, "ranks", 1, world_size=2)

    def test_which_features_died_and_which_came_alive_is_told_of_every_window(self):
        with Daemon() as daemon:
            handle = workload.begin(daemon.socket, "died1")
            for step in range(500):
                workload.log_step(handle, "died1", 0, step)
                if step % workload.WINDOW == 0:
                    handle.flush(30)  # so that every window has its commit
            handle.finish(timeout=60)
            windows = daemon.rows("select window, step_first - 1, step_last from windows where complete and window > 0 order by window")
            self.assertEqual(windows, self.check_deaths(daemon.database, "died1"))  # features wake and sleep in each of them
            self.assertEqual({"died", "revived"}, {what for what, in daemon.rows("select distinct what from deaths")})
            self.assertEqual([], daemon.rows("select d.window from (select window, sum(what = 'died') died, sum(what = 'revived') woke "
                                             "from deaths group by 1) d join windows w using (window) where died - woke <> newly_dead - revived"))
            out = subprocess.run([DAEMON, "query", "--socket", daemon.socket, "--json",
                                  "select what, count(*) from deaths where run = 'died1' group by 1"],
                                 env=daemon.environment(), check=True, capture_output=True, text=True)
            self.assertEqual([list(row) for row in daemon.rows("select what, count(*) from deaths group by 1")], json.loads(out.stdout)["rows"])

    def test_a_run_that_ends_inside_its_first_window_has_none(self):
        with Daemon() as daemon:
            self.train(daemon, "short", 0, 30).finish(timeout=60)
            self.assertEqual([(0,)], daemon.rows("select count(*) from feature_counts"))
            self.assertEqual([(1,)], daemon.rows("select count(*) from windows"))

    def test_a_copy_of_the_database_and_whoever_may_see_the_run_have_them(self):
        with Daemon() as daemon:
            self.train(daemon, "run1", 0, 130).finish(timeout=60)
            copy = daemon.directory / "copy.db"
            subprocess.run([DAEMON, "backup", "--db", daemon.database, copy], env=daemon.environment(), check=True, capture_output=True)
            self.check(copy, "run1", 1)
            with Wire(daemon.socket) as wire:
                wire.hello(role=2)
                wire.send(QUERY, 7, "export", {"run": "run1", "table": "features_data"})
                _, _, code, words = wire.until(REPLY)
                page = json.loads(wire.payload)
            self.assertEqual((0, 1, None), (code, len(page["rows"]), page["next"]), words)
            row = dict(zip(page["columns"], page["rows"][0]))
            self.assertEqual(counts_of(copy, "run1")[0].tobytes().hex(), row["counts"]["blob"])

    def test_a_million_features(self):
        d_sae, window = 1 << 20, 4
        with Daemon() as daemon:
            handle = sae_metrics.init(id="million", d_sae=d_sae, feature_sampling_window=window, train_batch_size=4096, profile="native",
                                      socket=str(daemon.socket), when_full=60)
            pushed = [numpy.random.default_rng(step).binomial(4096, 0.01, d_sae).astype(numpy.uint32) for step in range(10)]
            for step, fired in enumerate(pushed):
                fired[step::7] = 0
                handle.log_step(step, fired=fired, n_rows=4096, mse_loss=0.5)
            handle.finish(timeout=60)
            counts, last_fired, totals = counts_of(daemon.database, "million")
            self.assertEqual(d_sae, len(counts))
            self.assertTrue((counts == sum(pushed[4:8])).all())
            self.assertTrue((totals == sum(pushed[:8])).all())
            steps = numpy.max([numpy.where(fired > 0, step, -1) for step, fired in enumerate(pushed[:8])], axis=0)
            self.assertTrue((last_fired == steps).all())
            longest, = daemon.rows("select max(length(counts) + length(last_fired) + length(totals)) from feature_counts")[0]
            self.assertLessEqual(longest, 65536)

    def test_they_are_those_of_the_window_that_is_stored_whatever_is_killed(self):
        if b"SAE_METRICSD_CRASH_AT" not in (BUILD / "daemon" / "sae-metricsd").read_bytes():
            self.skipTest("built without -Dcrash_points=true")
        for point in CRASH_POINTS:
            for hit in 1, 2, 3:
                with self.subTest(f"{point}:{hit}"), Daemon() as daemon:
                    daemon.kill()
                    daemon.start(crash_at=f"{point}:{hit}", wait=False)
                    self.train_through_a_kill(daemon, is_sure=hit == 1)

    def train_through_a_kill(self, daemon, is_sure):
        """Where the third time is, or whether there is one, depends on how fast the machine is."""
        trainer = subprocess.Popen([sys.executable, workload.__file__, daemon.socket, "killed1", "--steps", "170", "--step-ms", "3"],
                                   env={**os.environ, "WORKLOAD_FINISH_S": "60"}, stdout=subprocess.PIPE, text=True)
        wait_until(lambda: daemon.process.poll() is not None or trainer.poll() is not None, "the point to be reached")
        if daemon.process.poll() is not None:
            stored = daemon.rows("select max(window) from windows where complete")[0][0]
            if stored is None:
                self.assertIsNone(window_of(daemon.database, "killed1"))
            else:
                self.check(daemon.database, "killed1", stored)
            daemon.start()
        else:
            self.assertFalse(is_sure, "the point was not reached")
        trainer.communicate(timeout=PATIENCE_S)
        self.assertEqual(0, trainer.returncode)
        self.check(daemon.database, "killed1", 2)


if __name__ == "__main__":
    tap.main()
