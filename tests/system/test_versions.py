"""Versions: what a client of each version of the protocol said once is understood today, and what a newer program wrote is refused in
words.

    test_versions.py --record FILE     writes down what today's client says: once, when the protocol gets a new version
"""
import json
import os
import re
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import wire
import workload
from harness import DAEMON, PATIENCE_S, ROOT, Daemon, own_environment, wait_until

import tap

CLIENTS = ROOT / "tests/golden/clients"
RUN = "version1"
SERVED = 3  # the newest version, and the two before it

SCRIPT = f"""
import sae_metrics
run = sae_metrics.init(id="{RUN}", project="golden", name="old", d_sae=8, launch="first", feature_sampling_window=5,
                       wandb_log_frequency=3, dead_feature_window=7, thresholds=[1e-3], scalars=["grad_norm"], config={{"lr": 0.25}})
for step in range(20):
    run.log_step(step, fired=[step % 3, 1, 0, 2, 0, 0, 4, 1], n_rows=4, mse_loss=1.0 / (1 + step), grad_norm=0.5 * step)
    if step % 7 == 0:
        run.log({{"eval/score": step / 8}}, step=step)
run.finish()
"""


def supported():
    bounds = (ROOT / "proto/bounds.h").read_text()
    return tuple(int(re.search(rf"PROTO_VERSION_{name} (\d+)u", bounds)[1]) for name in ("MIN", "MAX"))


def frames_of(data):
    at = 0
    while at < len(data):
        header, payload = struct.unpack_from("<II", data, at)
        yield data[at:at + 8 + header + payload]
        at += 8 + header + payload


def facts(daemon):
    """What a run came to, in numbers that are the same each time."""
    return json.loads(json.dumps({
        "run": daemon.rows("SELECT project, name, state, step, messages, dropped, late, missing FROM runs WHERE id = ?", RUN),
        "steps": daemon.rows("SELECT step, n_rows, mse_loss FROM steps WHERE run = ? ORDER BY step", RUN),
        "windows": daemon.rows('SELECT "window", step_close, dead_features, never_fired FROM windows WHERE run = ? ORDER BY 1', RUN),
        "history": daemon.rows("SELECT step, key, value FROM history WHERE run = ? AND key LIKE 'eval/%' ORDER BY 1",
                               RUN),
    }))


def record(path):
    heard = []
    with Daemon() as daemon, tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{folder}/socket")
        door.listen()

        def carry(source, target, kept):
            while data := source.recv(65536):
                kept.append(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

        def serve():
            client, _ = door.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(daemon.socket))
            back = threading.Thread(target=carry, args=(server, client, []))
            back.start()
            carry(client, server, heard)
            back.join()

        serving = threading.Thread(target=serve)
        serving.start()
        subprocess.run([sys.executable, "-c", SCRIPT], check=True, cwd="/", env={
            **own_environment(), "SAE_METRICS_SOCKET": f"{folder}/socket", "PYTHONPATH": str(ROOT / "client/python")})
        serving.join()
        frames = [frame.hex() for frame in frames_of(b"".join(heard))]
        daemon.stop()
        path.write_text(json.dumps({"says": "All that a trainer's client of this version of the protocol said, frame by frame, "
                                            "and what came of it.",
                                    "version": supported()[1], "frames": frames, "expected": facts(daemon)}, indent=1) + "\n")


class Versions(unittest.TestCase):
    def test_there_is_a_client_of_each_version_that_is_served(self):
        low, high = supported()
        self.assertLessEqual(low, max(1, high - SERVED + 1))
        for version in range(low, high + 1):
            self.assertTrue((CLIENTS / f"{version}.json").exists(), f"no client of version {version} is kept")

    def test_what_a_client_of_each_version_said_is_understood(self):
        for path in sorted(CLIENTS.glob("*.json")):
            with self.subTest(path.name), Daemon() as daemon, socket.socket(socket.AF_UNIX) as connection:
                kept = json.loads(path.read_text())
                connection.settimeout(PATIENCE_S)
                connection.connect(str(daemon.socket))
                answers = connection.makefile("rb")

                def answer():
                    header, payload = struct.unpack("<II", answers.read(8))
                    message, _ = wire.unpack(answers.read(header))
                    answers.read(payload)
                    return message

                # What it asks first is answered first; the rest it says without waiting.
                for expected, frame in zip((wire.WELCOME, wire.OPENED), kept["frames"]):
                    connection.sendall(bytes.fromhex(frame))
                    said = answer()
                    self.assertEqual(expected, said[0], said)
                    if expected == wire.WELCOME:
                        self.assertEqual(kept["version"], said[1])
                connection.sendall(b"".join(bytes.fromhex(frame) for frame in kept["frames"][2:]))
                seqs = [wire.unpack(bytes.fromhex(frame), 8)[0] for frame in kept["frames"][2:]]
                last = max(message[1] for message in seqs if message[0] == wire.FINISH)
                while (said := answer())[0] != wire.ACK or said[1] < last:
                    self.assertIn(said[0], (wire.ACK, wire.ERROR), said)
                daemon.stop()
                self.assertEqual(kept["expected"], facts(daemon))

    def refused(self, daemon):
        """What it says instead of starting."""
        out = subprocess.run([DAEMON, "serve", "--socket", daemon.socket, "--db", daemon.database], env=own_environment(),
                             capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(1, out.returncode, out.stderr)
        return out.stderr

    def test_a_database_of_a_newer_program_is_refused_in_words_and_left_as_it_is(self):
        with Daemon() as daemon:
            daemon.stop()
            with sqlite3.connect(daemon.database) as connection:
                version, = connection.execute("PRAGMA user_version").fetchone()
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.close()
            before = daemon.database.read_bytes()
            words = self.refused(daemon)
            self.assertIn(f"was written by a newer sae-metricsd (schema {version + 1}, this one knows {version})", words)
            self.assertIn("install that, or use another database", words)
            self.assertEqual(before, daemon.database.read_bytes())
            self.assertEqual([], [path.name for path in daemon.directory.iterdir() if "aside" in path.name])
            # Brought back to it, all is there.
            with sqlite3.connect(daemon.database) as connection:
                connection.execute(f"PRAGMA user_version = {version}")
            connection.close()
            daemon.start()

    def version_of_state(self, daemon, change=0):
        """Of the run; after that it is so many more."""
        with sqlite3.connect(daemon.database) as connection:
            (state,), = connection.execute("SELECT small FROM run_state")
            version, = struct.unpack_from("<I", state)
            connection.execute("UPDATE run_state SET small = ?", (struct.pack("<I", version + change) + state[4:],))
        connection.close()
        return version

    def test_a_run_whose_state_is_of_a_newer_program_is_left_to_that_and_both_versions_are_said(self):
        with Daemon() as daemon:
            run = workload.begin(daemon.socket, RUN)
            workload.log_step(run, RUN, 0, 0)
            run.flush(timeout=PATIENCE_S)
            daemon.kill()
            known = self.version_of_state(daemon, change=1)
            daemon.start()
            words = f"its state is of version {known + 1}, and this sae-metricsd knows {known}: the newer one goes on with it"
            self.assertIn(f"run {RUN}: cannot be loaded ({words})", daemon.words())
            out = subprocess.run([DAEMON, "stop", RUN], env=daemon.environment(), capture_output=True, text=True, check=False)
            self.assertEqual((1, f"sae-metricsd stop: run {RUN} cannot be stopped now: {words}\n"), (out.returncode, out.stderr))
            daemon.stop()
            self.assertEqual(known + 1, self.version_of_state(daemon, change=-1))
            # The newer one is here.
            daemon.start()
            run.finish(timeout=PATIENCE_S)
            self.assertEqual([("finished",)], daemon.rows("SELECT state FROM runs"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--record"]:
        record(Path(sys.argv[2]))
    else:
        tap.main()
