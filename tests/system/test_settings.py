"""What `sae-metricsd serve` makes of its configuration and its key: taken, or told and not started."""
import os
import resource
import signal
import subprocess
import unittest
from pathlib import Path

from harness import DAEMON, PATIENCE_S, ROOT, Daemon, own_environment

import tap

FAILED = 1
KEY = "0123456789abcdef0123456789abcdef01234567"


def write(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


class Settings(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.directory = self.daemon.directory

    def tearDown(self):
        self.daemon.__exit__()

    def refused(self, *arguments, **variables):
        """What it says instead of starting."""
        ended = subprocess.run(
            [DAEMON, "serve", "--socket", self.daemon.socket, "--db", self.daemon.database, *arguments],
            env={**own_environment(), **variables}, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(ended.returncode, FAILED, ended.stderr)
        self.assertEqual(ended.stdout, "")
        self.assertFalse(self.daemon.database.exists())
        return ended.stderr

    def shown_of(self, process):
        """All that /proc tells of it that could hold a key. Of a process that dumps no core root alone is shown the environment."""
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        try:
            return shown + Path(f"/proc/{process.pid}/environ").read_bytes()
        except PermissionError:
            self.assertNotEqual(0, os.geteuid())
            return shown

    def test_all_that_is_wrong_with_a_file_is_told_and_nothing_started(self):
        path = write(self.directory / "conf", "[wandb]\nmode = sometimes\ntransmit_interval = 15\nkey = x\n")
        words = self.refused("--config", path)
        self.assertEqual(words.count(f"{path}:"), 3, words)
        self.assertIn(f"{path}:2: mode: expected online, offline or off\n", words)
        self.assertIn(f"{path}:3: transmit_interval: expected a time", words)
        self.assertIn(f"{path}:4: a key for W&B is never in here: it goes into a file of its own (key_file)", words)
        self.assertEqual(words, self.refused(SAE_METRICSD_CONFIG=str(path)))

    def test_a_file_that_was_named_and_is_not_there_is_told(self):
        path = self.directory / "none"
        self.assertEqual(self.refused("--config", path), f"{path}: No such file or directory\n")

    def test_a_variable_with_a_bad_value_is_told_by_its_name(self):
        self.assertEqual(self.refused(WANDB_MODE="shared"), "WANDB_MODE: mode: expected online, offline or off\n")

    def test_a_key_that_is_none_is_told_without_it(self):
        words = self.refused(WANDB_API_KEY="f00f00f00")
        self.assertEqual(words, "the W&B key in WANDB_API_KEY has 9 characters, at least 40 were expected\n")
        path = write(self.directory / "key", KEY, 0o644)
        conf = write(self.directory / "conf", f"[wandb]\nkey_file = {path}\n")
        words = self.refused("--config", conf)
        self.assertIn("may be read by everybody", words)
        self.assertNotIn(KEY[:8], words)

    def test_who_forwards_nothing_needs_no_key(self):
        self.daemon.variables = {"WANDB_MODE": "disabled", "WANDB_API_KEY": "f00f00f00"}
        self.daemon.start()
        self.assertNotIn(b"f00f00f00", self.shown_of(self.daemon.process))
        self.assertEqual(self.daemon.stop(), 0, self.daemon.words())

    def test_a_key_taken_from_the_environment_is_shown_nowhere(self):
        self.daemon.variables = {"WANDB_API_KEY": KEY}
        self.daemon.arguments += ["--log-level", "debug"]
        self.daemon.start()
        self.assertNotIn(KEY.encode(), self.shown_of(self.daemon.process))
        self.assertEqual(self.daemon.stop(), 0, self.daemon.words())
        self.assertNotIn(KEY, self.daemon.words())
        for path in self.directory.iterdir():
            if path.is_file():
                self.assertNotIn(KEY.encode(), path.read_bytes(), path)

    def test_the_readmes_example_is_taken(self):
        example = (ROOT / "README.md").read_text().split("```ini\n")[1].split("```")[0]
        self.daemon.variables = {"WANDB_MODE": "offline"}  # there is no such key file here
        self.daemon.arguments += ["--config", write(self.directory / "conf", example)]
        self.daemon.start()
        self.assertEqual(self.daemon.stop(), 0, self.daemon.words())

    def test_a_netrc_that_is_no_use_is_said_and_no_more(self):
        netrc = write(self.directory / "netrc", f"machine api.wandb.ai\n  password {KEY}\nnonsense\n")
        self.daemon.variables = {"NETRC": str(netrc)}
        self.daemon.start()
        self.assertEqual(self.daemon.stop(), 0)
        self.assertIn(f"netrc {netrc} is passed over: line 3 cannot be read\n", self.daemon.words())

    def test_a_daemon_that_crashes_dumps_no_core(self):
        self.daemon.start()
        try:
            resource.prlimit(self.daemon.process.pid, resource.RLIMIT_CORE,
                             (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except PermissionError:
            self.skipTest("the limit for core dumps cannot be raised here")
        self.daemon.process.send_signal(signal.SIGABRT)
        _, status = os.waitpid(self.daemon.process.pid, 0)
        self.daemon.process = None
        self.assertEqual(os.WTERMSIG(status), signal.SIGABRT)
        self.assertFalse(os.WCOREDUMP(status))


if __name__ == "__main__":
    tap.main()
