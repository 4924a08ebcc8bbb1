"""The wheel that `pip install client/python` makes: what is in it, and that it needs nothing but a Python and glibc.

Built with build isolation from a copy of what git has, as a stranger would.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system")]
from fake_wandb import FakeWandb
from harness import ROOT, wait_until
from own_user import OwnUser

import tap

# Of glibc, and zlib, which every distribution has (manylinux says so, too).
OUTSIDE = re.compile(r"(lib(c|m|dl|rt|pthread|resolv|util)|ld-linux-x86-64|ld-linux-aarch64|libz)\.so\.\d+")
SELFTEST_LINES = 8


def output(*command, **how):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True, **how).stdout


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "--dynamic", "--wide", path))


class Wheel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="sae-metricsd-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.folder.chmod(0o755)  # another user is to run what is in it
        source = cls.folder / "source"
        cls.copy_source(source)
        built = subprocess.run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-cache-dir", "-w", cls.folder / "wheels",
                                source / "client/python"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert built.returncode == 0, built.stdout[-4000:]
        cls.wheel, = (cls.folder / "wheels").iterdir()
        cls.source = source
        cls.unpacked = cls.folder / "unpacked"
        with zipfile.ZipFile(cls.wheel) as wheel:
            wheel.extractall(cls.unpacked)
        cls.venv = cls.folder / "venv"
        output(sys.executable, "-m", "venv", cls.venv)
        output(cls.venv / "bin/pip", "install", "--quiet", "--no-index", "--no-deps", cls.wheel)
        cls.package, = cls.venv.glob("lib/python3*/site-packages/sae_metrics")

    @staticmethod
    def copy_source(to):
        """What git has; where there is no git, what there is without what was built."""
        try:
            names = output("git", "-C", ROOT, "ls-files", "-z", "--cached", stderr=subprocess.DEVNULL).split("\0")[:-1]
        except (OSError, subprocess.CalledProcessError):
            shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns("build*", ".git", "__pycache__"))
            return
        for name in names:
            if (ROOT / name).is_file():
                (to / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, to / name)

    def metadata(self, name):
        path, = self.unpacked.glob(f"*.dist-info/{name}")
        return path.read_text()

    # ---- what is in it ----

    def test_it_is_for_any_python_3_on_a_glibc_of_its_age(self):
        self.assertRegex(self.wheel.name, r"^sae_metrics-\d+\.\d+\.\d+-py3-none-manylinux_2_\d+_\w+\.whl$")

    def test_it_has_every_module_and_the_marker_of_types(self):
        """A module that was not added to meson.build would be missed here."""
        modules = {path.relative_to(self.source / "client/python").as_posix()
                   for suffix in ("*.py", "*.pyi", "py.typed") for path in (self.source / "client/python/sae_metrics").rglob(suffix)}
        packed = {path.relative_to(self.unpacked).as_posix() for path in self.unpacked.rglob("*")}
        self.assertLess(20, len(modules))
        self.assertEqual(set(), modules - packed)
        self.assertIn("sae_metrics/py.typed", packed)

    def test_it_has_the_library_and_the_program_and_nothing_that_is_not_the_packages(self):
        for name in ("libsae-metrics.so.0", "sae-metricsd", "_step.abi3.so"):
            self.assertTrue((self.unpacked / "sae_metrics" / name).is_file(), name)
        self.assertTrue(os.access(self.package / "sae-metricsd", os.X_OK))
        folders = {path.name for path in self.unpacked.iterdir() if not path.name.endswith(".dist-info")}
        self.assertEqual({"sae_metrics", "sae_metrics.libs"}, folders)

    def test_its_metadata_is_the_projects(self):
        said = self.metadata("METADATA")
        version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]
        for line in ("Name: sae-metrics", f"Version: {version}", "License-Expression: MIT", "Requires-Python: >=3.9"):
            self.assertIn(line + "\n", said)
        self.assertEqual([], [line for line in said.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line])
        self.assertIn((ROOT / "client/python/README.md").read_text().splitlines()[0], said)
        self.assertIn("sae-metricsd = sae_metrics.autostart:main", self.metadata("entry_points.txt"))

    def test_it_is_small_enough_for_a_package_index(self):
        self.assertLess(self.wheel.stat().st_size, 20 << 20)

    def test_all_that_it_needs_is_in_it_or_is_glibcs(self):
        programs = [path for path in self.unpacked.rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]
        inside = {path.name for path in programs}
        self.assertLess(5, len(inside))
        for path in programs:
            outside = [name for name in needed(path) if name not in inside]
            self.assertEqual([], [name for name in outside if not OUTSIDE.fullmatch(name)], path.name)
        self.assertTrue(all(OUTSIDE.fullmatch(name) for name in needed(self.unpacked / "sae_metrics/libsae-metrics.so.0")))

    def test_the_libraries_licences_are_in_it(self):
        """Found by dpkg, as auditwheel finds whose they are; a library of ours is no package's."""
        if shutil.which("dpkg") is None:
            self.skipTest("no dpkg here, whose packages have their licences at one place")
        with_licence = set(re.findall(r"^License-File: (.*)$", self.metadata("METADATA"), re.MULTILINE))
        self.assertLessEqual({"LICENSE", "libsqlite3-0"}, with_licence)
        self.assertTrue(any(name.startswith("libcurl") for name in with_licence), with_licence)
        for name in with_licence:
            self.assertIn("copyright", self.metadata("licenses/" + name).lower(), name)
        libraries = [path.name for path in (self.unpacked / "sae_metrics.libs").iterdir()]
        self.assertLess(len(libraries) * 2 // 3, len(with_licence))  # some packages have several

    # ---- that it works ----

    def user(self, **how):
        user = OwnUser(package=False, **how)
        self.addCleanup(user.close)
        return user

    def check_selftest(self, out):
        self.assertEqual(0, out.returncode, out.stdout + out.stderr)
        lines = out.stdout.splitlines()
        self.assertEqual(SELFTEST_LINES, len(lines), out.stdout)
        self.assertEqual({"ok"}, {line.split()[0] for line in lines[:-1]})
        self.assertIn(f"{self.package.parent.name}/sae_metrics/libsae-metrics.so.0", lines[0])

    def test_it_is_all_a_researcher_needs(self):
        """A virtual environment with nothing else in it, and no daemon anywhere."""
        user = self.user()
        self.assertEqual("sae-metrics", output(self.venv / "bin/pip", "list", "--format=freeze", "--exclude", "pip", "--exclude",
                                               "setuptools").split("==")[0])
        user.environment.pop("LD_LIBRARY_PATH", None)
        out = user.run(self.venv / "bin/python", "-m", "sae_metrics", "selftest")
        self.check_selftest(out)
        self.assertIn("started sae-metricsd for you", out.stderr)
        pid, = user.daemons()
        self.assertEqual(str(self.package / "sae-metricsd"), output("readlink", f"/proc/{pid}/exe").strip()
                         if os.getuid() == 0 else str(self.package / "sae-metricsd"))

        # The command is on the environment's PATH, and is the daemon's own program.
        version = user.run(self.venv / "bin/sae-metricsd", "--version")
        self.assertRegex(version.stdout, r"^sae-metricsd \d+\.\d+\.\d+\n$")
        self.assertIn("selftest", user.run(self.venv / "bin/sae-metricsd", "status").stdout)
        self.assertEqual(2, user.run(self.venv / "bin/sae-metricsd", "dance").returncode)

    def test_libraries_of_another_environment_are_not_taken_for_its_own(self):
        """conda's LD_LIBRARY_PATH has a libcurl and a libsqlite3, too: here they are no libraries at all."""
        user = self.user()
        theirs = self.folder / "theirs"
        theirs.mkdir(exist_ok=True)
        for path in (self.unpacked / "sae_metrics.libs").iterdir():
            (theirs / path.name).write_bytes(b"no library")
        out = user.run(self.package / "sae-metricsd", "--version", LD_LIBRARY_PATH=str(theirs))
        self.assertEqual(0, out.returncode, out.stderr)

    def test_it_reaches_wandb_with_the_libcurl_that_is_in_it(self):
        """It is linked with none: the program loads it, and here the machine's is no library."""
        theirs = self.folder / "no-libcurl"
        theirs.mkdir(mode=0o755)
        (theirs / "libcurl.so.4").touch()
        w = FakeWandb()
        self.addCleanup(w.close)
        said = self.user().run(self.package / "sae-metricsd", "doctor", LD_LIBRARY_PATH=str(theirs), WANDB_MODE="online",
                               WANDB_BASE_URL=w.base_url, WANDB_API_KEY="a" * 40)
        self.assertIn("authenticated as fake", said.stdout, said.stdout + said.stderr)

    def test_it_runs_where_there_is_a_python_and_glibc_and_nothing_else(self):
        """In a root of its own, as root: a container on a GPU cloud, without any of the libraries it was built with."""
        root = self.make_root()
        alone = ["unshare", *([] if os.getuid() == 0 else ["--map-root-user"]), "--mount", "--pid", "--fork", "--kill-child",
                 f"--mount-proc={root}/proc"]
        try:
            output(*alone, "true", stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("no namespace of our own may be made here")
        environment = {"PATH": "/usr/bin", "HOME": "/root"}
        out = subprocess.run([*alone, "/usr/sbin/chroot", root, "/usr/bin/python3", "-m", "sae_metrics", "selftest"], env=environment,
                             capture_output=True, text=True, check=False)
        self.assertEqual(0, out.returncode, out.stdout + out.stderr)
        self.assertIn("on /run/sae-metricsd/socket", out.stdout)
        self.assertIn("kept in /var/lib/sae-metricsd/metrics.db", out.stdout)

    def make_root(self):
        """Python as it is installed here, what that needs, and the wheel."""
        root = self.folder / "root"
        python = Path(output(self.venv / "bin/python", "-c", "import os, sys; print(os.path.realpath(sys.executable))").strip())
        library = Path(output(python, "-c", "import os; print(os.path.dirname(os.__file__))").strip())
        for folder in ("proc", "dev", "tmp", "run", "root", "var/tmp", "var/lib", "usr/bin", "etc"):
            (root / folder).mkdir(parents=True)
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (root / "dev/null").touch()
        modules = "_ctypes", "_posixsubprocess", "_json", "_struct", "_random", "math", "select", "array", "fcntl", "zlib"
        find = "import importlib.util as u, sys; print('\\n'.join(s.origin for s in map(u.find_spec, sys.argv[1:]) if s and s.has_location))"
        programs = [python, *map(Path, output(python, "-c", find, *modules).split())]
        for program in programs:
            for path in self.libraries(program):
                self.copy(path, root)
        for path in self.libraries(self.package / "sae-metricsd"):
            if OUTSIDE.fullmatch(path.name):
                self.copy(path, root)
        self.copy(python, root)
        ours = shutil.ignore_patterns("test", "site-packages", "dist-packages", "__pycache__", "idlelib", "lib2to3", "ensurepip")
        shutil.copytree(library, root / library.relative_to("/"), ignore=ours)
        if not (root / "usr/bin/python3").exists():
            (root / "usr/bin/python3").symlink_to(python)
        site = root / library.relative_to("/") / "sae-metrics-site"
        shutil.copytree(self.package.parent, site, ignore=shutil.ignore_patterns("pip*", "setuptools*", "pkg_resources", "_distutils_hack"))
        # Where Python looks besides its own library, wherever that is.
        (root / library.relative_to("/") / "sitecustomize.py").write_text(
            f"import sys\nsys.path.append({str(Path('/') / site.relative_to(root))!r})\n")
        return root

    @staticmethod
    def libraries(program):
        return map(Path, re.findall(r"(/\S+) \(0x", output("ldd", program)))

    @staticmethod
    def copy(path, root):
        to = root / path.relative_to("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(path), to)


if __name__ == "__main__":
    tap.main()
