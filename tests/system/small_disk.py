"""A small file system of the test's own: the test goes on in a mount namespace, which needs no root where user namespaces
are permitted, and takes its mounts with it when it ends."""
import os
import subprocess
import sys
import tempfile

ROADS = (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"])
INSIDE = "SAE_METRICS_TEST_SMALL_DISK"


def enter():
    """To be called first: begins the program anew inside, where it can be; else small_disk() skips."""
    if INSIDE in os.environ:
        return
    os.environ[INSIDE] = ""
    for road in ROADS:
        try:
            can = subprocess.run([*road, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"], capture_output=True,
                                 check=False).returncode == 0
        except OSError:
            can = False
        if can:
            os.environ[INSIDE] = "yes"
            os.execvp(road[0], [*road, sys.executable, *sys.argv])


def small_disk(test, size):
    """The directory of a new one."""
    if os.environ.get(INSIDE) != "yes":
        test.skipTest("no file system can be mounted here, not even in a user namespace")
    directory = tempfile.mkdtemp(prefix="sae-metricsd-full-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory], check=True)

    def leave():
        subprocess.run(["umount", directory], check=True)
        os.rmdir(directory)

    test.addCleanup(leave)
    return directory


def fill(path, leave=0):
    """Takes every byte the file system has left, but so many."""
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        while leave == 0 or free(path) > leave:
            os.write(file, bytes(4096))
    except OSError:
        pass
    finally:
        os.close(file)


def free(path):
    at = os.statvfs(os.path.dirname(path))
    return at.f_bavail * at.f_frsize
