"""A Debian of its own that is booted with systemd in a container, with what this build installs."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# A minimal Debian, made once and kept: SAE_METRICS_TEST_DEBIAN names another one.
DEBIAN = Path(os.environ.get("SAE_METRICS_TEST_DEBIAN", "/var/cache/sae-metricsd-test/debian"))
PACKAGES = ("systemd,systemd-sysv,dbus,libpam-systemd,dbus-user-session,python3,sqlite3,procps,libuv1,libmsgpackc2,libsqlite3-0,"
            "libjansson4,libcurl4,libinih1,libsystemd0,zlib1g,libprotobuf-c1")
PATIENCE_S = 120


def why_not():
    """NULL, or why no container can be booted here."""
    if os.getuid() != 0:
        return "only root can boot a container"
    for program, package in (("systemd-nspawn", "systemd-container"), ("debootstrap", "debootstrap")):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: {package})"
    return None


def make_debian():
    if (DEBIAN / "usr/bin/python3").exists():
        return
    shutil.rmtree(DEBIAN, ignore_errors=True)
    DEBIAN.parent.mkdir(parents=True, exist_ok=True)
    half = DEBIAN.with_name("half-made")
    shutil.rmtree(half, ignore_errors=True)
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", half)
    half.rename(DEBIAN)


def run(*command, check=True, **options):
    out = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    if check and out.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {out.returncode}:\n{out.stdout}{out.stderr}")
    return out


class Container:
    """Booted when made; `do` runs a command inside, as root or somebody else."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sae-metricsd-container-", dir=DEBIAN.parent))
        self.root = self.folder / "root"
        self.process = self.leader = None
        run("cp", "-a", "--reflink=auto", DEBIAN, self.root)
        self._install()
        self._boot()

    def _install(self):
        build, installed = self.folder / "build", self.folder / "installed"
        run("meson", "setup", build, ROOT, "--prefix=/usr", "-Dtests=false", "-Dsystemd=enabled")
        run("ninja", "-C", build)
        run("meson", "install", "-C", build, "--no-rebuild", env={**os.environ, "DESTDIR": str(installed)})
        archive = subprocess.Popen(["tar", "-C", installed, "-c", "."], stdout=subprocess.PIPE)
        # /lib is a link to /usr/lib.
        run("tar", "-C", self.root, "-x", "--keep-directory-symlink", stdin=archive.stdout)
        archive.wait()
        run("chroot", self.root, "ldconfig")

    def _boot(self):
        with open(self.folder / "console", "wb") as console:
            self.process = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--console=pipe", "-D", self.root,
                 f"--machine=sae-metricsd-test-{os.getpid()}"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        deadline = time.monotonic() + PATIENCE_S
        state = ""
        while state not in ("running", "degraded"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("it did not boot:\n" + (self.folder / "console").read_text(errors="replace")[-3000:])
            time.sleep(0.1)
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children:
                self.leader = int(children[0])
                state = self.do("systemctl", "is-system-running", check=False).stdout.strip()

    def inside(self, *command, user=None):
        become = ["runuser", "-u", user, "--"] if user else []
        return ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "env", "-i", "PATH=/usr/bin:/usr/sbin:/bin:/sbin",
                "LC_ALL=C.UTF-8", "HOME=/root", *become, *map(str, command)]

    def do(self, *command, user=None, check=True, **options):
        return run(*self.inside(*command, user=user), check=check, **options)

    def begin(self, *command, user=None):
        return subprocess.Popen(self.inside(*command, user=user), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def write(self, path, text, mode=0o644):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def show(self, name, unit="sae-metricsd.service"):
        return self.do("systemctl", "show", "-P", name, unit).stdout.strip()

    def journal(self, *arguments):
        return self.do("journalctl", "-o", "cat", "--no-pager", *arguments).stdout

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)  # powers it off
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
