"""What bash, zsh and fish complete: all commands and options that there are, and the ids of runs."""
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "system")]

from harness import DAEMON, PATIENCE_S, Daemon

import sae_metrics
import tap

FOLDER = ROOT / "daemon" / "cli" / "completion"
GLOBAL = {"--help", "--version"}


def said(*command, **environment):
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S, stdin=subprocess.DEVNULL).stdout


def commands():
    """Name of each command -> the options of its --help."""
    names = re.findall(r"^  ([a-z]+) +\S", said(DAEMON, "--help"), re.M)
    return {name: set(re.findall(r"(?:^  |, )(--[a-z-]+)", said(DAEMON, name, "--help"), re.M)) for name in names}


def columns():
    """Those of `status -o` that a shell takes as they are."""
    refused = subprocess.run([DAEMON, "status", "-o", "nonsense"], capture_output=True, text=True, check=False).stderr
    words = refused.split("there are ")[1].replace("; and by their names", "").split()
    return {name for name in words if "<" not in name and not name.endswith(("_DENSITY", ".KEY"))}


DAEMON_OF_OURS = Daemon()


def setUpModule():
    socket = str(DAEMON_OF_OURS.start().socket)
    unittest.addModuleCleanup(DAEMON_OF_OURS.__exit__)
    os.environ["SAE_METRICS_SOCKET"] = socket
    os.environ["PATH"] = f"{DAEMON.parent}:{os.environ['PATH']}"
    for run in ("firstrun", "otherrun"):
        handle = sae_metrics.init(id=run, project="a b", name="x;y 'z'", socket=socket)
        handle.log({"loss": 1.0}, step=0)
        handle.finish(timeout=PATIENCE_S)


class Shell:
    """What a shell offers at the end of a line; the subclasses are the three of them."""

    def setUp(self):
        if shutil.which(self.name) is None:
            self.skipTest(f"{self.name} is not installed")
        self.daemon = DAEMON_OF_OURS

    def test_the_commands_are_those_of_help(self):
        self.assertEqual(self.offered("sae-metricsd ") - GLOBAL, set(commands()))

    def test_the_options_are_those_of_help(self):
        for name, options in commands().items():
            with self.subTest(command=name):
                self.assertEqual(self.options(name), options)

    def test_a_run_is_completed_from_what_the_daemon_has(self):
        for name in ("status", "why", "stop", "export", "sync"):
            with self.subTest(command=name):
                self.assertIn("firstrun", self.offered(f"sae-metricsd {name} fir"))
        self.assertLessEqual({"firstrun", "otherrun"}, self.offered("sae-metricsd status "))

    def test_runs_are_those_of_the_place_that_is_named(self):
        self.assertIn("otherrun", self.offered(f"sae-metricsd export --db {self.daemon.database} oth"))
        self.assertNotIn("otherrun", self.offered("sae-metricsd status --socket /nowhere oth"))

    def test_values_are_completed(self):
        self.assertIn("warning", self.offered("sae-metricsd serve --log-level w"))
        self.assertIn("never", self.offered("sae-metricsd status --color n"))
        self.assertIn("tokens", self.offered("sae-metricsd export --x-axis t"))
        self.assertIn("fvu", self.offered("sae-metricsd status --sort fv"))
        self.assertIn(f"{self.daemon.directory}/metrics.db", self.offered(f"sae-metricsd sync {self.daemon.directory}/met"))

    def test_nothing_is_said_where_no_daemon_is(self):
        self.assertEqual(self.offered("sae-metricsd stop fir", SAE_METRICS_SOCKET="/nowhere/socket"), set())


class Bash(Shell, unittest.TestCase):
    name = "bash"

    def offered(self, line, **environment):
        script = (f"source {FOLDER}/sae-metricsd.bash; read -ra COMP_WORDS <<<\"$1\"; [[ $1 != *' ' ]] || COMP_WORDS+=(''); "
                  "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _sae_metricsd 2>&1; printf '%s\\n' \"${COMPREPLY[@]}\"")
        return set(said("bash", "--norc", "-uc", script, "-", line, **environment).split("\n")) - {""}

    def options(self, command):
        return {word for word in self.offered(f"sae-metricsd {command} -") if word.startswith("--")}

    def test_columns_are_completed_behind_a_comma(self):
        self.assertEqual({word.removeprefix("RUN,") for word in self.offered("sae-metricsd status -o RUN,")}, columns())

    def test_a_value_behind_an_equals_sign_is_completed(self):
        self.assertEqual(self.offered("sae-metricsd status --color = al"), {"always"})


class Zsh(Shell, unittest.TestCase):
    name = "zsh"

    def offered(self, line, **environment):
        """Types the line and a tab, as a person would, and takes what the shell then lists or has inserted."""
        shell, terminal = pty.openpty()
        process = subprocess.Popen(["zsh", "-f", "-i"], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
                                   env={**os.environ, "TERM": "dumb", "PS1": "", "COLUMNS": "250", **environment})
        os.close(terminal)
        try:
            return self.typed(shell, line)
        finally:
            process.kill()
            process.wait()
            os.close(shell)

    def typed(self, shell, line):
        setup = (f"fpath=({FOLDER} $fpath); autoload -U compinit; compinit -D -u; unsetopt zle_bracketed_paste list_ambiguous; "
                 "LISTMAX=1000; listed() { compadd() { [[ ${@[(i)-O]} -gt $# && ${@[(i)-A]} -gt $# && ${@[(i)-D]} -gt $# ]] || "
                 "{ builtin compadd \"$@\"; return }; builtin compadd -O all_of_them \"$@\"; "
                 "print -rl -- \"offer:\"$^all_of_them >>$OFFERS; builtin compadd \"$@\" }; _main_complete; compstate[insert]=; "
                 "compstate[list]= }; zle -C listed complete-word listed; bindkey '^I' listed; PS1='READ''Y'\n")
        offers = self.daemon.directory / "offers"
        offers.write_text("")
        # Before its prompt the terminal is not in the shell's hands yet, and ^U would mean something else.
        self.until(shell, f"OFFERS={offers}\n{setup}", "READY")
        self.until(shell, f"{line}\t\x15print -r DO''NE\n", "DONE")
        prefix = line.rsplit(" ", 1)[1].rpartition("/")
        words = (word.removeprefix("offer:") for word in offers.read_text().splitlines())
        return {prefix[0] + prefix[1] + word for word in words if word.startswith(prefix[2])}

    def until(self, shell, typed, end):
        os.write(shell, typed.encode())
        seen, deadline = b"", time.monotonic() + PATIENCE_S
        while end.encode() not in seen:
            if not select.select([shell], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"zsh does not go on: {seen}")
            seen += os.read(shell, 65536)

    def options(self, command):
        """What the function says to _arguments: a list on a screen would lack those that exclude one another."""
        script = (f"compdef() {{}}; _arguments() {{ [[ $1 != -C ]] || {{ state=argument; return 1 }}; print -rl -- \"$@\" }}; "
                  f"source {FOLDER}/_sae-metricsd; words=({command}); _sae_metricsd")
        return set(re.findall(r"^(?:\*|\([^)]*\))?(--[a-z-]+)", said("zsh", "-f", "-c", script), re.M))

    def test_columns_are_completed(self):
        self.assertEqual(self.offered("sae-metricsd status -o "), columns())


class Fish(Shell, unittest.TestCase):
    name = "fish"

    def offered(self, line, **environment):
        script = f"source {FOLDER}/sae-metricsd.fish; complete -C $argv[1]"
        return {word.split("\t")[0] for word in said("fish", "-N", "-c", script, line, **environment).splitlines()}

    def options(self, command):
        return {word for word in self.offered(f"sae-metricsd {command} -") if word.startswith("--")}

    def test_columns_are_completed_behind_a_comma(self):
        self.assertEqual({word.removeprefix("RUN,") for word in self.offered("sae-metricsd status -o RUN,")}, columns())


if __name__ == "__main__":
    tap.main()
