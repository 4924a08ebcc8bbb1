#!/usr/bin/python3
"""Trains three sparse autoencoders on patches of real photographs, in one process, watched by sae-metricsd.

They differ in their L1 coefficient alone: the trade of reconstruction against sparsity. Beside the pushing, the trainer
keeps what ViT-Prisma's trainer would have logged (`Reference`), and at the end compares that, number by number,
with what the daemon has in its database. Needs numpy and scikit-learn (Debian: python3-sklearn, libopenblas0-pthread).

    sae-metricsd serve &
    client/examples/train_saes.py
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import time
import urllib.parse

import numpy as np
from sklearn.datasets import load_sample_images

import sae_metrics

PATCH = 8
L1_COEFFICIENTS = (0.001, 0.003, 0.01)
LOG_EVERY = 10
DEAD_WINDOW = 300
F32 = np.float32


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--d-sae", type=int, default=2048)
    parser.add_argument(
        "--d-in", type=int, default=48, help="whitened components kept of a patch's %d numbers" % (3 * PATCH**2)
    )
    parser.add_argument("--batch", type=int, default=256, help="patches a step")
    parser.add_argument("--window", type=int, default=100, help="steps of a sparsity window")
    parser.add_argument("--learning-rate", type=float, default=5e-3)
    parser.add_argument("--db", help="the daemon's database: compare with it at the end")
    parser.add_argument("--outage", metavar="COMMAND", help="run half way: it takes the daemon away and brings it back")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Patches:
    """All PATCH x PATCH patches of scikit-learn's two photographs, in random order, centred and whitened."""

    def __init__(self, d_in, rng):
        images = np.stack(load_sample_images().images).astype(F32) / 255
        self.views = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(1, 2))
        self.order = rng.permutation(np.prod(self.views.shape[:3]))
        self.next = 0

        sample = self._gather(self.order[:20000]).astype(np.float64)
        self.mean = sample.mean(0)
        variances, directions = np.linalg.eigh(np.cov(sample - self.mean, rowvar=False))
        keep = np.argsort(variances)[::-1][:d_in]
        self.whitener = (directions[:, keep] / np.sqrt(variances[keep] + 1e-6)).astype(F32)
        self.mean = self.mean.astype(F32)

    def __len__(self):
        return len(self.order)

    def batch(self, rows):
        if self.next + rows > len(self.order):
            self.next = 0
        chosen = self.order[self.next : self.next + rows]
        self.next += rows
        return (self._gather(chosen) - self.mean) @ self.whitener

    def _gather(self, chosen):
        image, top, left = np.unravel_index(chosen, self.views.shape[:3])
        return self.views[image, top, left].reshape(len(chosen), -1)


class SAE:
    """acts = relu((x - b_dec) W_enc + b_enc), out = acts W_dec + b_dec; Adam; the decoder's rows have norm 1."""

    def __init__(self, d_in, d_sae, l1_coefficient, rng):
        self.l1_coefficient = l1_coefficient
        self.W_dec = rng.standard_normal((d_sae, d_in), F32)
        self.W_dec /= np.linalg.norm(self.W_dec, axis=1, keepdims=True)
        self.W_enc = np.ascontiguousarray(self.W_dec.T)
        # Each feature begins with a threshold of its own, so that rare and common ones are there from the start.
        self.b_enc = -rng.uniform(1, 7, d_sae).astype(F32)
        self.b_dec = np.zeros(d_in, F32)
        self.zeros, self.ones = np.zeros(d_sae, F32), np.ones(d_sae, F32)
        self.names = ("W_enc", "W_dec", "b_enc", "b_dec")
        self.moments = {
            name: (np.zeros_like(getattr(self, name)), np.zeros_like(getattr(self, name))) for name in self.names
        }

    def forward(self, x):
        self.centred = x - self.b_dec
        acts = self.centred @ self.W_enc
        acts += self.b_enc
        np.maximum(acts, self.zeros, out=acts)
        out = acts @ self.W_dec
        out += self.b_dec

        self.error = out - x
        self.norm = np.linalg.norm(x - x.mean(0), axis=1, keepdims=True)
        mse = float((self.error**2 / self.norm).mean())
        l1 = float((acts @ self.ones).mean())
        return acts, out, {"mse_loss": mse, "l1_loss": l1, "overall_loss": mse + self.l1_coefficient * l1}

    def backward(self, acts):
        rows = len(acts)
        d_out = self.error * (2 / (self.norm * self.error.size))
        d_acts = d_out @ self.W_dec.T
        d_acts += F32(self.l1_coefficient / rows)
        d_acts *= acts > 0
        d_dec = acts.T @ d_out
        d_dec -= (d_dec * self.W_dec).sum(1, keepdims=True) * self.W_dec  # stays on the unit sphere
        d_bias = d_acts.sum(0)
        return {
            "W_enc": self.centred.T @ d_acts,
            "W_dec": d_dec,
            "b_enc": d_bias,
            "b_dec": d_out.sum(0) - self.W_enc @ d_bias,
        }

    def update(self, gradients, learning_rate, step):
        rate = F32(learning_rate * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1)))
        for name in self.names:
            gradient, (first, second) = gradients[name], self.moments[name]
            first += F32(0.1) * (gradient - first)
            gradient *= gradient
            second += F32(0.001) * (gradient - second)
            parameter = getattr(self, name)
            parameter -= rate * first / (np.sqrt(second) + F32(1e-8))
        self.W_dec /= np.linalg.norm(self.W_dec, axis=1, keepdims=True)


class Reference:
    """What ViT-Prisma's trainer keeps and hands to wandb.log, in its order: {(step, key): value}."""

    def __init__(self, d_sae, batch, window):
        self.batch, self.window = batch, window
        self.act_freq, self.n_frac, self.since_fired = np.zeros(d_sae), 0, np.zeros(d_sae)
        self.rows, self.revived, self.newly_dead = {}, 0, 0

    def step(self, n, acts, x, out, losses, learning_rate):
        log = self.rows.__setitem__
        if (n + 1) % self.window == 0:
            density = self.act_freq.astype(F32) / F32(self.n_frac)
            log10 = np.log10(density + F32(1e-10))
            log((n, "metrics/mean_log10_feature_sparsity"), float(log10.mean(dtype=np.float64)))
            log((n, "plots/log_feature_density_histogram"), np.histogram(log10, bins=64))
            log((n, "sparsity/below_1e-5"), int((density < F32(1e-5)).sum()))
            log((n, "sparsity/below_1e-6"), int((density < F32(1e-6)).sum()))
            self.act_freq[:], self.n_frac = 0, 0
        dead = self.since_fired > DEAD_WINDOW
        fired = (acts > 0).any(0)
        self.since_fired += 1
        self.newly_dead += int(((self.since_fired == DEAD_WINDOW + 1) & ~fired).sum())
        self.revived += int((dead & fired).sum())
        self.since_fired[fired] = 0
        self.act_freq += (np.abs(acts) > 0).sum(0)
        self.n_frac += len(x)
        if (n + 1) % LOG_EVERY == 0:
            wide = x.astype(np.float64)
            ratio = 1 - ((out - wide) ** 2).sum(1) / ((wide - wide.mean(0)) ** 2).sum(1)
            for key, value in losses.items():
                log((n, "losses/" + key), value)
            log((n, "losses/ghost_grad_loss"), 0.0)
            log((n, "metrics/explained_variance"), ratio.mean())
            log((n, "metrics/explained_variance_std"), ratio.std(ddof=1))
            log((n, "metrics/l0"), (acts > 0).sum(1).mean())
            log((n, "sparsity/mean_passes_since_fired"), self.since_fired.mean())
            log((n, "sparsity/dead_features"), int(dead.sum()))
            log((n, "details/current_learning_rate"), learning_rate)
            log((n, "details/n_training_tokens"), n * self.batch)
            log((n, "details/n_training_images"), n * self.batch)


class Comparison:
    """The reference's rows against the daemon's, through the views anybody can read."""

    def __init__(self):
        self.rows = self.integers = self.lost = self.twice = self.unexpected = 0
        self.error = 0.0

    def add(self, database, run, reference):
        history = {}
        keys = {key for _, key in reference.rows}
        for step, key, value, kind in database.execute(
            "SELECT step, key, value, kind FROM history WHERE run = ?", (run,)
        ):
            if key in keys and kind != "text":
                self._put(history, (step, key), float(kind) if value is None else value)
        query = 'SELECT step, key, "values", bins FROM histograms WHERE run = ?'
        for step, key, values, bins in database.execute(query, (run,)):
            if key in keys:
                self._put(history, (step, key), (np.array(json.loads(values)), np.array(json.loads(bins))))
        totals = "SELECT sum(revived), sum(newly_dead) FROM windows WHERE run = ?"
        revived, newly_dead = database.execute(totals, (run,)).fetchone()
        self.integers += (revived != reference.revived) + (newly_dead != reference.newly_dead)
        self.unexpected += len(history.keys() - reference.rows.keys())
        for place, expected in reference.rows.items():
            if place not in history:
                self.lost += 1
                continue
            self.rows += 1
            self._compare(expected, history[place])

    def _put(self, history, place, value):
        self.twice += place in history
        history[place] = value

    def _compare(self, expected, found):
        if isinstance(expected, tuple):
            self.integers += int((expected[0] != found[0]).sum())
            self._compare_floats(expected[1], found[1])
        elif isinstance(expected, int):
            self.integers += expected != found
        else:
            self._compare_floats(expected, found)

    def _compare_floats(self, expected, found):
        error = np.abs(expected - found) / np.maximum(1.0, np.abs(expected))
        error = np.where(np.isnan(expected) & np.isnan(found), 0.0, np.where(np.isnan(error), np.inf, error))
        self.error = max(self.error, float(error.max()))

    @property
    def equal(self):
        return self.rows > 0 and self.integers + self.lost + self.twice + self.unexpected == 0 and self.error <= 2e-6

    def __str__(self):
        sentence = "%s rows compared, %d integers differ, largest float error %.0e, %d lost, %d twice" % (
            format(self.rows, ","),
            self.integers,
            self.error,
            self.lost,
            self.twice,
        )
        return sentence + (", %d unexpected" % self.unexpected if self.unexpected else "")


class Progress:
    """A bar on a terminal; elsewhere a line each tenth."""

    def __init__(self, steps):
        self.steps, self.begun, self.tty = steps, time.monotonic(), sys.stdout.isatty()

    def show(self, step, text):
        done = step + 1
        if self.tty:
            filled = 24 * done // self.steps
            left = (time.monotonic() - self.begun) / done * (self.steps - done)
            line = "%s%s %d/%d  %s  %.0f s left" % ("█" * filled, "░" * (24 - filled), done, self.steps, text, left)
            sys.stdout.write("\r\x1b[K" + line + ("\n" if done == self.steps else ""))
            sys.stdout.flush()
        elif done % max(1, self.steps // 10) == 0:
            print("step %d of %d: %s" % (done, self.steps, text), flush=True)

    def note(self, text):
        print(("\r\x1b[K" if self.tty else "") + text, flush=True)


class Outage:
    """Runs the user's command half way, and says of each step whether it came before, during or after it."""

    NOTES = {"during": "the daemon is killed, training goes on", "after": "the daemon is back"}

    def __init__(self, command, at, progress):
        self.command, self.at, self.progress = command, at, progress
        self.process, self.phase = None, "before" if command else "all the way"

    def phase_of(self, step):
        phase = self.phase
        if phase == "before" and step == self.at:
            self.process, phase = subprocess.Popen(self.command, shell=True), "during"
        elif phase == "during" and self.process.poll() is not None:
            phase = "after"
        if phase != self.phase:
            self.progress.note("step %d: %s" % (step, self.NOTES[phase]))
            self.phase = phase
        return phase


class Clock:
    """How long a step of one SAE took, and how much of it was pushing; by phase."""

    def __init__(self):
        self.steps = {}

    def add(self, phase, seconds, pushing):
        self.steps.setdefault(phase, []).append((1e3 * seconds, 1e3 * pushing))

    def report(self, handing_over):
        for phase, steps in self.steps.items():
            p50, p99 = np.quantile(np.array(steps)[:, 0], [0.5, 0.99])
            print("%-11s %4d steps: p50 %5.1f ms, p99 %5.1f ms" % (phase, len(steps), p50, p99))
        steps = np.concatenate(list(self.steps.values()))
        took, pushing = steps.mean(axis=0)
        shares = 100 * pushing / took, 100 * 1e3 * handing_over / len(steps) / took
        print("pushing cost %.1f %% of the step time (%.2f of %.1f ms)" % (shares[0], pushing, took), end="")
        print(": handing over %.1f %%, the rest counting and summing in numpy" % shares[1])


def train(arguments):
    rng = np.random.default_rng(arguments.seed)
    patches = Patches(arguments.d_in, rng)
    print("%s patches of two photographs, whitened to %d numbers each" % (format(len(patches), ","), arguments.d_in))
    saes = [SAE(arguments.d_in, arguments.d_sae, l1, rng) for l1 in L1_COEFFICIENTS]
    references = [Reference(arguments.d_sae, arguments.batch, arguments.window) for _ in saes]
    runs = sae_metrics.init_many(
        ["l1-%g" % l1 for l1 in L1_COEFFICIENTS],
        each=[{"config": dict(vars(arguments), l1_coefficient=l1)} for l1 in L1_COEFFICIENTS],
        project="patches",
        group="l1-sweep",
        d_in=arguments.d_in,
        d_sae=arguments.d_sae,
        train_batch_size=arguments.batch,
        wandb_log_frequency=LOG_EVERY,
        feature_sampling_window=arguments.window,
        dead_feature_window=DEAD_WINDOW,
        total_training_tokens=arguments.steps * arguments.batch,
    )
    for run in runs:
        print("run %s  %s" % (run.id, run.name))
    clock, progress = Clock(), Progress(arguments.steps)
    outage = Outage(arguments.outage, arguments.steps // 2, progress)

    with runs:
        for step in range(arguments.steps):
            learning_rate = arguments.learning_rate * min(1.0, (step + 1) / 50)
            x = patches.batch(arguments.batch)
            phase = outage.phase_of(step)
            for sae, run, reference in zip(saes, runs, references):
                begun = time.perf_counter()
                acts, out, losses = sae.forward(x)
                pushing = time.perf_counter()
                run.log_activations(step, acts, x, out, losses, lr=learning_rate)
                pushed = time.perf_counter()
                sae.update(sae.backward(acts), learning_rate, step)
                clock.add(phase, time.perf_counter() - begun, pushed - pushing)
                reference.step(step, acts, x, out, losses, learning_rate)
            if (step + 1) % LOG_EVERY == 0:
                l0 = ["%.1f" % reference.rows[step, "metrics/l0"] for reference in references]
                progress.show(step, "L0 " + " ".join(l0))
        runs.finish(timeout=30)
    return runs, references, clock


def main():
    arguments = parse_arguments()
    runs, references, clock = train(arguments)
    clock.report(sum(run.stats.seconds for run in runs))
    for run, reference in zip(runs, references):
        dead = np.count_nonzero(reference.since_fired > DEAD_WINDOW)
        changes = "%d newly dead and %d revived on the way" % (reference.newly_dead, reference.revived)
        print("%s  %s: %d dead at the end, %s" % (run.id, run.name, dead, changes))
    if arguments.db is None:
        return 0

    comparison = Comparison()
    database = sqlite3.connect("file:%s?mode=ro" % urllib.parse.quote(arguments.db), uri=True)
    for run, reference in zip(runs, references):
        comparison.add(database, run.id, reference)
    print(comparison)
    return 0 if comparison.equal else 1


if __name__ == "__main__":
    sys.exit(main())
