"""Make the environment of the course in .venv; needs Python 3.11 or newer and nothing else.

    python3 tools/environment.py

The packages come from requirements.lock, hashes checked, and from wherever this machine's pip or uv takes
packages. The work is done again only when the lock, pyproject.toml or this Python have changed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

UV = "uv==0.13.8"
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "course.stamp"
OLDEST = (3, 11)


def program(name):
    """The path of a program of the environment, on Windows too."""
    folder, suffix = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
    return VENV / folder / f"{name}{suffix}"


def fingerprint():
    """What the environment is made from: when this changes it must be made again."""
    digest = hashlib.sha256()
    for text in (str(ROOT), sys.version, os.path.realpath(sys.base_prefix), UV):
        digest.update(text.encode() + b"\0")
    for name in ("requirements.lock", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes() + b"\0")
    return digest.hexdigest()


def run(*command, **options):
    """Run a command in the project folder; a failure stops everything."""
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True, **options)


def make_venv():
    """An empty virtual environment with pip and uv."""
    if VENV.exists():
        shutil.rmtree(VENV)
    try:
        run(sys.executable, "-m", "venv", VENV)
    except subprocess.CalledProcessError:
        raise SystemExit(
            "Python could not make a virtual environment. On Debian and Ubuntu install the package "
            "python3-venv, then run the same command again."
        ) from None
    run(program("python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV)


def install():
    """Bring .venv to the state of the lock, then add the course's own library from this folder."""
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    os.environ.pop("PYTHONPATH", None)
    usable = program("uv").exists() and _answers(program("uv"), UV.split("==")[1])
    if not usable or not _answers(program("python"), sys.version.split()[0]):
        make_venv()
    uv = [program("uv"), "pip"]
    here = ["--quiet", "--python", program("python")]
    own = ["--no-deps", "--no-build-isolation", "--editable", "."]
    try:
        run(*uv, "sync", *here, "--require-hashes", "requirements.lock")
        run(*uv, "install", *here, *own)
    except subprocess.CalledProcessError:
        # uv does not read pip's configuration: on a machine where only pip knows the way, pip goes it
        print("uv could not install the lock; trying pip, which is slower.", flush=True)
        pip = [program("python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run(*pip, "--require-hashes", "--requirement", "requirements.lock")
        run(*pip, *own)


def _answers(command, version):
    """Whether a program of the environment runs and is of this version."""
    try:
        answer = subprocess.run([str(command), "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return version in answer.stdout.split()


def main():
    """Make the environment unless it stands already."""
    if sys.version_info < OLDEST:
        raise SystemExit(
            f"The course needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {sys.version.split()[0]}. "
            "With make, name another one: make book PYTHON=python3.12"
        )
    wanted = fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted and program("python").exists():
        return
    start = time.perf_counter()
    print("Making the environment in .venv from requirements.lock …", flush=True)
    STAMP.unlink(missing_ok=True)
    try:
        install()
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            f"The environment could not be made: {Path(error.cmd[0]).name} ended with status "
            f"{error.returncode}; what it said stands above."
        ) from None
    STAMP.write_text(wanted)
    print(f"The environment stands ({time.perf_counter() - start:.0f} s).", flush=True)


if __name__ == "__main__":
    main()
