"""`sae-metricsd config`: what is set and where, and whether the files are good; of a root of the test's own."""
import json
import os
import re
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from harness import DAEMON, ROOT, own_environment

import tap

OK, FAILED, USAGE = 0, 1, 2
KEY = "0123456789abcdef0123456789abcdef01234567"


class Config(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sae-metricsd-test-")
        self.root = Path(self.folder.name)
        self.etc = self.root / "etc" / "sae-metricsd" / "sae-metricsd.conf"

    def tearDown(self):
        self.folder.cleanup()

    def config(self, *arguments, **variables):
        environment = {**own_environment(), "SAE_METRICSD_CONFIG": "", "SAE_METRICSD_CONFIG_ROOT": str(self.root),
                       "WANDB_BASE_URL": "", "HOME": str(self.root / "home"), "XDG_CONFIG_HOME": "", **variables}
        return subprocess.run([DAEMON, "config", *arguments], env=environment, capture_output=True, text=True, check=False)

    def put(self, path, text, mode=0o644):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def rows(self, *arguments, **variables):
        """Each key's value and source."""
        out = self.config("--system", *arguments, **variables)
        self.assertEqual((OK, ""), (out.returncode, out.stderr))
        return {name: (value, source) for name, value, source in
                (line.split("  ", 1)[0:1] + line.split("  ", 1)[1].strip().split("  ", 1) for line in out.stdout.splitlines())}

    def test_each_value_is_shown_with_where_it_is_from(self):
        self.put(self.etc, "[wandb]\nmode = offline\n[retention]\nsteps = 90d\n[user 7]\nruns = 3\n")
        drop_in = self.put(self.root / "usr/lib/sae-metricsd/sae-metricsd.conf.d/10-site.conf", "[wandb]\n\nentity = lab\n")
        rows = {name: (value, source.strip()) for name, (value, source) in
                self.rows("--set", "ranks.grace=5s", SAE_METRICSD_LIMITS_RUNS="9", WANDB_PROJECT="p").items()}
        self.assertEqual(("offline", f"{self.etc}:2"), rows["wandb.mode"])
        self.assertEqual(("lab", f"{drop_in}:3"), rows["wandb.entity"])
        self.assertEqual(("p", "WANDB_PROJECT"), rows["wandb.project"])
        self.assertEqual(("9", "SAE_METRICSD_LIMITS_RUNS"), rows["limits.runs"])
        self.assertEqual(("5s", "--set ranks.grace"), rows["ranks.grace"])
        self.assertEqual(("90d", f"{self.etc}:4"), rows["retention.steps"])
        self.assertEqual(("forever", "default"), rows["retention.windows"])
        self.assertEqual(("3", f"{self.etc}:6"), rows["user 7.runs"])
        self.assertEqual(("-", "not looked for: wandb.mode is not online"), rows["wandb.key"])

    def test_as_json_it_says_the_same(self):
        self.put(self.etc, "[wandb]\nmode = offline\n")
        out = self.config("--system", "--json")
        self.assertEqual((OK, ""), (out.returncode, out.stderr))
        document = json.loads(out.stdout)
        self.assertEqual([str(self.etc)], document["files"])
        rows = {row["key"]: row for row in document["settings"]}
        self.assertEqual({"key": "wandb.mode", "value": "offline", "source": f"{self.etc}:2", "preset": "online", "expected": "online, offline or off",
                          "file": str(self.etc), "line": 2, "live": False}, rows["wandb.mode"])
        self.assertEqual({"key": "wandb.entity", "value": None, "source": "default", "preset": None,
                          "expected": "a name without any of / \\ # ? % :", "file": None, "line": None, "live": False}, rows["wandb.entity"])
        self.assertIs(True, rows["ranks.grace"]["live"])

    def test_one_key_is_its_value_alone(self):
        self.put(self.etc, "[wandb]\nentity = lab\n[user 7]\nruns = 3\n")
        for key, value in (("wandb.entity", "lab"), ("wandb.app_url", "-"), ("wandb.mode", "online"), ("user 7.runs", "3")):
            out = self.config("--system", key)
            self.assertEqual((OK, f"{value}\n", ""), (out.returncode, out.stdout, out.stderr))
        out = self.config("--system", "wandb.keys")
        self.assertEqual((USAGE, ""), (out.returncode, out.stdout))
        self.assertIn("there is no such SECTION.KEY", out.stderr)

    def test_no_secret_is_shown(self):
        key = self.put(self.root / "key", f"{KEY}\n", 0o600)
        self.put(self.etc, f"[wandb]\nkey_file = {key}\nproxy_https = http://joe:geheim@proxy:3128\n")
        for arguments in (["--system"], ["--system", "--json"], ["--system", "--check"], ["--system", "wandb.key"],
                          ["--system", "wandb.proxy_https"]):
            out = self.config(*arguments)
            self.assertEqual((OK, ""), (out.returncode, out.stderr))
            for secret in (KEY[:8], "geheim", "joe"):
                self.assertNotIn(secret, out.stdout)
        self.assertEqual(("(credential, 40 bytes)", str(key)), tuple(word.strip() for word in self.rows()["wandb.key"]))
        folder = self.root / "credentials"
        self.put(folder / "wandb-api-key", KEY, 0o600)
        self.put(self.etc, "")
        self.assertEqual(f"{folder}/wandb-api-key", self.rows(CREDENTIALS_DIRECTORY=str(folder))["wandb.key"][1].strip())

    def test_root_is_shown_the_hosts_and_others_their_own(self):
        self.put(self.etc, "[wandb]\nentity = host\n")
        own = self.root / "home" / ".config" / "sae-metricsd" / "sae-metricsd.conf"
        self.put(own, "[wandb]\nentity = own\n")
        self.assertEqual("host\n", self.config("--system", "wandb.entity").stdout)
        self.assertEqual("own\n", self.config("--user", "wandb.entity").stdout)
        self.assertEqual("host\n" if os.geteuid() == 0 else "own\n", self.config("wandb.entity").stdout)
        self.assertEqual("0600\n", self.config("--user", "access.socket_mode").stdout)

    def test_each_good_file_is_said_to_be_ok(self):
        self.put(self.etc, "[wandb]\nmode = off\n")
        drop_in = self.put(self.root / "run/sae-metricsd/sae-metricsd.conf.d/1.conf", "")
        out = self.config("--system", "--check")
        self.assertEqual((OK, f"{self.etc}: ok\n{drop_in}: ok\n", ""), (out.returncode, out.stdout, out.stderr))

    def test_nothing_to_read_is_fine(self):
        out = self.config("--system", "--check")
        self.assertEqual((OK, "no file: everything is preset, or set by variables\n", ""),
                         (out.returncode, out.stdout, out.stderr))

    def test_all_that_is_wrong_is_said_and_what_is_good_is_ok(self):
        self.put(self.etc, "[wandb]\nmode = on\nkey = x\n")
        good = self.put(self.root / "run/sae-metricsd/sae-metricsd.conf.d/1.conf", "")
        bad = self.put(self.root / "run/sae-metricsd/sae-metricsd.conf.d/2.conf", "[limits]\nruns = 0\n")
        out = self.config("--system", "--check", SAE_METRICSD_RANKS_GRACE="soon")
        self.assertEqual((FAILED, f"{good}: ok\n"), (out.returncode, out.stdout))
        lines = out.stderr.splitlines()
        self.assertEqual(4, len(lines), lines)
        self.assertEqual(f"{self.etc}:2: mode: expected online, offline or off", lines[0])
        self.assertTrue(lines[1].startswith(f"{self.etc}:3: a key for W&B is never in here: it goes into a file of its own (key_file)"), lines)
        self.assertEqual(f"{bad}:2: runs: expected a number from 1 to 1000000", lines[2])
        self.assertTrue(lines[3].startswith("SAE_METRICSD_RANKS_GRACE: grace: expected a time from 100ms to 1d"), lines)
        out = self.config("--system")
        self.assertEqual((FAILED, ""), (out.returncode, out.stdout))

    def test_a_file_can_be_checked_before_it_is_put_in_its_place(self):
        file = self.put(self.root / "new.conf", "[wandb]\nmode = off\n")
        out = self.config("--system", "--check", file)
        self.assertEqual((OK, f"{file}: ok\n", ""), (out.returncode, out.stdout, out.stderr))
        self.put(file, "[wandb]\nmod = off\n")
        out = self.config("--system", "--check", file)
        self.assertEqual((FAILED, ""), (out.returncode, out.stdout))
        self.assertIn(f'{file}:2: there is no "mod" in [wandb]', out.stderr)
        out = self.config("--check", self.root / "none.conf")
        self.assertEqual((FAILED, "", f"{self.root}/none.conf: No such file or directory\n"),
                         (out.returncode, out.stdout, out.stderr))

    def test_a_key_that_could_not_be_used_is_found_by_the_check(self):
        key = self.put(self.root / "key", KEY, 0o644)
        self.put(self.etc, f"[wandb]\nkey_file = {key}\n")
        out = self.config("--system", "--check")
        self.assertEqual(FAILED, out.returncode)
        self.assertIn("may be read by everybody", out.stderr)

    def test_a_variable_that_sets_nothing_is_found_by_the_check(self):
        out = self.config("--system", "--check", SAE_METRICSD_WANDB_MOD="off")
        self.assertEqual(FAILED, out.returncode)
        self.assertIn("SAE_METRICSD_WANDB_MOD: there is nothing of this name to set", out.stderr)

    def test_the_example_shows_each_key_as_it_is_without_it(self):
        example = (ROOT / "systemd" / "sae-metricsd.conf").read_text()
        rows = {row["key"]: row for row in json.loads(self.config("--system", "--json").stdout)["settings"]
                if row["key"] != "wandb.key"}
        shown, section = {}, None
        for line in example.splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif match := re.fullmatch(r"#([a-z0-9_]+) = (.+)", line):
                shown[f"{section}.{match[1]}"] = match[2]
        self.assertEqual(sorted(rows), sorted(shown))
        self.assertEqual({key: row["preset"] for key, row in rows.items() if row["preset"] is not None},
                         {key: value for key, value in shown.items() if rows[key]["preset"] is not None})
        path = self.put(self.root / "example.conf", example)
        self.assertEqual((OK, f"{path}: ok\n"), self.checked(path))
        # And with every line taken, but for the key's file, which is not here; copies need a time.
        path.write_text(re.sub(r"(?m)^#(?!key_file)([a-z_]+ = )", r"\1", example).replace("every = never", "every = 1d"))
        self.assertEqual((OK, f"{path}: ok\n"), self.checked(path))

    def checked(self, path):
        out = self.config("--system", "--check", path)
        return out.returncode, out.stdout + out.stderr

    def test_the_manuals_table_is_what_there_is_to_set(self):
        page = ROOT / "daemon" / "sae-metricsd.conf.5.scd"
        head, _, rest = page.read_text().partition("|[ *Key*\n")
        table, tail = re.fullmatch(r"((?:[^\n]+\n)+)(.*)", rest, re.S).groups()
        expected = ":[ *Without it*\n:[ *May be*\n:[ *Live*\n"
        for row in json.loads(self.config("--system", "--json").stdout)["settings"]:
            if row["key"] != "wandb.key":
                cells = (row["preset"] or "-", row["expected"].split(", as ")[0] + (", or " + row["expected"].split(", or ")[1]
                         if ", as " in row["expected"] and ", or " in row["expected"] else ""), "yes" if row["live"] else "-")
                key, *cells = [re.sub(r"([\\\\_*])", r"\\\1", cell) for cell in (row["key"], *cells)]
                expected += "".join([f"|  {key}\n", *(f":  {cell}\n" for cell in cells)])
        if os.environ.get("UPDATE_MANUAL"):
            page.write_text(f"{head}|[ *Key*\n{expected}{tail}")
        else:
            self.assertEqual(expected, table, "UPDATE_MANUAL=1 writes it anew")

    def test_a_drop_in_that_goes_away_while_it_is_read_is_no_mistake(self):
        folder = self.root / "etc" / "sae-metricsd" / "sae-metricsd.conf.d"
        folder.mkdir(parents=True)
        stop = threading.Event()

        def come_and_go():
            while not stop.is_set():
                for n in range(50):
                    (folder / f"{n}.conf").touch(0o644)
                for n in range(50):
                    (folder / f"{n}.conf").unlink()

        other = threading.Thread(target=come_and_go)
        other.start()
        try:
            for _ in range(150):
                out = self.config("--system", "--check")
                self.assertEqual((OK, ""), (out.returncode, out.stderr))
        finally:
            stop.set()
            other.join()

    def test_wrong_usage(self):
        for arguments, words in ((["--loud"], "there is no option --loud"), (["--set"], "a value is missing behind --set"),
                                 (["a.b", "c.d"], "takes one argument, or none"), (["--set", "wandb.mode=off", "-vv"], "there is no option -v;"),
                                 (["--json", "wandb.mode"], "--json is for all"), (["--set", "wandb.mode"], "expected SECTION.KEY=VALUE"),
                                 (["--set", "wandb.mode=x"], "--set wandb.mode: expected online, offline or off"),
                                 (["--check", "--config", "a", "b"], "one too many")):
            out = self.config(*arguments)
            self.assertEqual((USAGE, ""), (out.returncode, out.stdout), arguments)
            self.assertIn(words, out.stderr)
        self.assertEqual(OK, self.config("a.b", "c.d", "--help").returncode)


if __name__ == "__main__":
    tap.main()
