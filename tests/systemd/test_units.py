"""The unit files as they are installed: understood by systemd, and as closed as they are said to be.

usage: test_units.py FOLDER_OF_BUILT_UNITS
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import tap

BUILT = Path(sys.argv.pop(1))
SOURCES = ROOT / "systemd"
EXPOSURE_MAX = 1.5  # of 10; the best of comparable services has 1.8


def settings(text):
    """Name -> values, of all sections."""
    found = {}
    for line in text.splitlines():
        if line and line[0] not in "#[":
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


class Units(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sae-metricsd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.service = (BUILT / "sae-metricsd.service").read_text()

    def lay_out(self, user):
        """As installed, with a program that is there."""
        built, sources = (BUILT / "user", SOURCES / "user") if user else (BUILT, SOURCES)
        shutil.copy(sources / "sae-metricsd.socket", self.folder)
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", (built / "sae-metricsd.service").read_text(), flags=re.M)
        (self.folder / "sae-metricsd.service").write_text(text)
        return [str(self.folder / f"sae-metricsd.{kind}") for kind in ("socket", "service")]

    def analyze(self, *arguments):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed (Debian: systemd)")
        return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "XDG_RUNTIME_DIR": str(self.folder)})

    def test_the_daemon_is_as_closed_as_is_said(self):
        out = self.analyze("security", "--offline=true", str(BUILT / "sae-metricsd.service"))
        level = re.search(r"Overall exposure level for sae-metricsd.service: ([0-9.]+)", out.stdout)
        if level is None and "unrecognized option" in out.stderr:
            self.skipTest("this systemd-analyze cannot judge a file: " + out.stderr.strip())
        self.assertIsNotNone(level, out.stdout + out.stderr)
        print(f"# exposure {level[1]} of 10", flush=True)
        self.assertLessEqual(float(level[1]), EXPOSURE_MAX, out.stdout)

    def test_systemd_understands_every_line(self):
        for user in (False, True):
            with self.subTest("user" if user else "system"):
                units = self.lay_out(user)
                out = self.analyze("verify", "--man=no", *(["--user"] if user else []), *units)
                if "Failed to initialize manager" in out.stderr:
                    self.skipTest("no manager can be had here: " + out.stderr.strip())
                wrong = [line for line in out.stderr.splitlines() if "sae-metricsd" in line]
                self.assertEqual([], wrong)

    def test_the_sandbox_leaves_the_daemon_what_it_judges_trainers_by(self):
        found = settings(self.service)
        # SO_PEERCRED would say nobody of everybody; /proc would hide when a trainer's process began.
        for name in ("PrivateUsers", "ProtectProc", "PrivatePIDs", "PrivateNetwork", "IPAddressDeny"):
            self.assertNotIn(name, found)
        self.assertEqual(["AF_UNIX AF_INET AF_INET6"], found["RestrictAddressFamilies"])

    def test_nobody_of_the_group_reads_the_database(self):
        found = settings(self.service)
        self.assertEqual((["sae-metrics"], ["0700"], ["0077"]), (found["User"], found["StateDirectoryMode"], found["UMask"]))
        self.assertEqual(["0"], found["LimitCORE"])

    def test_the_socket_outlives_the_daemon(self):
        found = settings(self.service)
        self.assertEqual(["yes"], found["RuntimeDirectoryPreserve"])
        for path in (SOURCES / "sae-metricsd.socket", SOURCES / "user/sae-metricsd.socket"):
            self.assertEqual(["no"], settings(path.read_text())["RemoveOnStop"])
        self.assertEqual(["0666"], settings((SOURCES / "open-to-all.conf").read_text())["SocketMode"])

    def test_the_catalog_has_every_kind_of_message_and_no_other(self):
        kinds = re.findall(r'"([0-9a-f]{32})"', (ROOT / "daemon/base/log_messages.h").read_text())
        catalog = (SOURCES / "sae-metricsd.catalog").read_text()
        self.assertEqual(sorted(kinds), sorted(re.findall(r"(?m)^-- ([0-9a-f]{32})$", catalog)))
        self.assertEqual(len(kinds), len(set(kinds)))
        if shutil.which("journalctl") is None:
            self.skipTest("journalctl is not installed (Debian: systemd)")
        folder = self.folder / "usr/lib/systemd/catalog"
        folder.mkdir(parents=True)
        shutil.copy(SOURCES / "sae-metricsd.catalog", folder)
        (self.folder / "var/lib/systemd/catalog").mkdir(parents=True)
        out = subprocess.run(["journalctl", f"--root={self.folder}", "--update-catalog"], capture_output=True, text=True, check=False)
        self.assertEqual((0, ""), (out.returncode, out.stderr))

    def test_the_user_the_groups_and_the_folders_are_made(self):
        if shutil.which("systemd-sysusers") is None or shutil.which("systemd-tmpfiles") is None:
            self.skipTest("systemd-sysusers and systemd-tmpfiles are not installed (Debian: systemd)")
        if os.getuid() != 0:
            self.skipTest("only root may make users in a root of its own")
        (self.folder / "etc").mkdir()
        for program, name in (("systemd-sysusers", "sysusers"), ("systemd-tmpfiles", "tmpfiles")):
            out = subprocess.run([program, *(["--create"] if name == "tmpfiles" else []), f"--root={self.folder}",
                                  str(SOURCES / f"sae-metricsd.{name}")], capture_output=True, text=True, check=False)
            self.assertEqual(0, out.returncode, out.stderr)
        users, groups = ((self.folder / "etc" / name).read_text() for name in ("passwd", "group"))
        self.assertRegex(users, r"(?m)^sae-metrics:x:\d+:\d+:SAE training metrics daemon:/var/lib/sae-metricsd:")
        self.assertRegex(groups, r"(?m)^sae-metrics:")
        self.assertRegex(groups, r"(?m)^sae-metrics-admin:")
        gid = int(re.search(r"(?m)^sae-metrics:x:(\d+):", groups)[1])
        notes = (self.folder / "run/sae-metricsd/socket.notes").stat()
        self.assertEqual((gid, 0o3730), (notes.st_gid, notes.st_mode & 0o7777))
        for name in ("credstore", "credstore.encrypted"):
            self.assertEqual(0o700, (self.folder / "etc" / name).stat().st_mode & 0o7777)

        # As open-to-all.conf says: systemd complains of nothing, at this boot or any other.
        opened = re.search(r"(?m)^#   (\S /run/sae-metricsd/socket.notes .*)$", (SOURCES / "open-to-all.conf").read_text())[1]
        (self.folder / "open.conf").write_text(opened + "\n")
        for _ in range(2):
            out = subprocess.run(["systemd-tmpfiles", "--create", f"--root={self.folder}", str(self.folder / "open.conf"),
                                  str(SOURCES / "sae-metricsd.tmpfiles")], capture_output=True, text=True, check=False)
            self.assertEqual((0, ""), (out.returncode, out.stderr))
            notes = (self.folder / "run/sae-metricsd/socket.notes").stat()
            self.assertEqual((gid, 0o3733), (notes.st_gid, notes.st_mode & 0o7777))


if __name__ == "__main__":
    tap.main()
