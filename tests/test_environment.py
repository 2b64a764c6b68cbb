"""The routes to the environment agree, and no file of the project knows the machine it was written on."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import environment

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parent.parent


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


PROJECT = tomllib.loads(read("pyproject.toml"))


def requirements(lines):
    """Requirements as a set of (name, range)."""
    found = [Requirement(line) for line in lines]
    pairs = [(canonicalize_name(one.name), str(one.specifier)) for one in found]
    assert len(pairs) == len({name for name, _ in pairs}), "a package is named twice"
    return set(pairs)


# conda


def conda_requirements(text):
    """The packages of an environment.yml, Python and pip aside."""
    lines = []
    for entry in yaml.safe_load(text)["dependencies"]:
        lines += entry["pip"] if isinstance(entry, dict) else [entry]
    return {(name, spec) for name, spec in requirements(lines) if name not in ("python", "pip")}


def conda_lines():
    return [line for line in read("environment.yml").splitlines() if re.match(r"\s+- [a-z-]+[<>=]", line)]


def test_conda_and_pyproject_are_equal_sets():
    assert conda_requirements(read("environment.yml")) == requirements(PROJECT["project"]["dependencies"])


def test_conda_describes_itself():
    described = yaml.safe_load(read("environment.yml"))
    assert described["name"] == "bigmkt"
    assert described["channels"] == ["conda-forge"]
    assert f"python{PROJECT['project']['requires-python']}" in described["dependencies"]


@pytest.mark.parametrize("line", [line for line in conda_lines() if "python>" not in line], ids=str.strip)
def test_a_line_deleted_or_changed_is_seen(line):
    wanted = requirements(PROJECT["project"]["dependencies"])
    text = read("environment.yml")
    assert conda_requirements(text.replace(line + "\n", "")) != wanted
    assert conda_requirements(text.replace(line, line + ",!=0.0.1")) != wanted


# the lock


def locked(text):
    """The lock as a list of (requirement, number of hashes)."""
    entries = re.split(r"\n(?=\S)", text.strip())
    return [
        (Requirement(entry.split("\\\n")[0].strip()), len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)))
        for entry in entries
    ]


def lock_faults(text):
    """What is wrong with a lock: a requirement missing or out of its range, no hash, an index, a host."""
    faults = [
        f"an option in the lock: {line}" for line in text.splitlines() if re.match(r"\s*-(?!-hash=)", line)
    ]
    faults += [
        f"an address in the lock: {line}" for line in text.splitlines() if re.search(r"://|\w@\s", line)
    ]
    if faults:
        return faults
    versions = {}
    for requirement, hashes in locked(text):
        pins = list(requirement.specifier)
        if len(pins) != 1 or pins[0].operator != "==":
            faults.append(f"{requirement.name} is not pinned")
            continue
        versions.setdefault(canonicalize_name(requirement.name), []).append(pins[0].version)
        if not hashes:
            faults.append(f"{requirement.name} has no hash")
    for line in PROJECT["project"]["dependencies"]:
        wanted = Requirement(line)
        found = versions.get(canonicalize_name(wanted.name), [])
        if not found:
            faults.append(f"{wanted.name} is missing")
        faults += [
            f"{wanted.name} {version} is outside {wanted.specifier}"
            for version in found
            if not wanted.specifier.contains(version)
        ]
    return faults


def test_the_lock_holds_every_requirement():
    assert lock_faults(read("requirements.lock")) == []


def test_the_lock_is_the_same_on_every_python():
    """One version of each package: the stored numbers do not depend on the reader's Python."""
    names = [canonicalize_name(requirement.name) for requirement, _ in locked(read("requirements.lock"))]
    assert len(names) > 100
    direct = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    assert {name for name in direct if names.count(name) > 1} == set()


def _without(text, name):
    return re.sub(rf"^{name}==[^\n]*\n(?:[ ]+[^\n]*\n)*", "", text, flags=re.MULTILINE)


LOCK_SPOILS = {
    "missing": (lambda text: _without(text, "scipy"), "scipy is missing"),
    "too old": (
        lambda text: re.sub(r"^pandas==\S+", "pandas==2.3.3", text, flags=re.M),
        "pandas 2.3.3 is outside",
    ),
    "too new": (
        lambda text: re.sub(r"^sphinx==\S+", "sphinx==10.0", text, flags=re.M),
        "sphinx 10.0 is outside",
    ),
    "not pinned": (lambda text: re.sub(r"^click==", "click>=", text, flags=re.M), "click is not pinned"),
    "no hash": (lambda text: _without(text, "rich") + "rich==15.0.0\n", "rich has no hash"),
    "index": (lambda text: "--index-url local\n" + text, "an option in the lock"),
    "short index": (lambda text: "-i local\n" + text, "an option in the lock"),
    "address": (lambda text: "rich @ https://example.org/rich.whl\n" + text, "an address in the lock"),
}


@pytest.mark.parametrize("spoil", LOCK_SPOILS)
def test_a_spoiled_lock_is_seen(spoil):
    change, sentence = LOCK_SPOILS[spoil]
    text = read("requirements.lock")
    assert change(text) != text
    assert any(fault.startswith(sentence) for fault in lock_faults(change(text)))


def test_this_environment_is_the_locked_one():
    """What the tests run on is what the lock says; an environment made otherwise would prove nothing."""
    from importlib.metadata import version

    wrong = []
    for requirement, _ in locked(read("requirements.lock")):
        if requirement.marker is None or requirement.marker.evaluate():
            installed = version(requirement.name)
            if not requirement.specifier.contains(Version(installed), prereleases=True):
                wrong.append(f"{requirement.name} {installed}, locked {requirement.specifier}")
    assert not wrong


# making the environment


def test_one_version_of_uv_everywhere():
    assert re.fullmatch(r"uv==\d+\.\d+\.\d+", environment.UV)
    named = set(re.findall(r"uv==[\d.]+\d", read("README.md")))
    assert named <= {environment.UV}
    assert named, "README.md does not say which uv the plain lines need"


def test_the_environment_is_made_again_only_when_its_sources_change(monkeypatch, tmp_path):
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text("first")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "STAMP", tmp_path / ".venv" / "course.stamp")
    made = []

    def install():
        made.append(1)
        environment.program("python").parent.mkdir(parents=True, exist_ok=True)
        environment.program("python").touch()

    monkeypatch.setattr(environment, "install", install)
    environment.main()
    environment.main()
    assert len(made) == 1
    (tmp_path / "requirements.lock").write_text("second")
    environment.main()
    assert len(made) == 2
    environment.program("python").unlink()
    environment.main()
    assert len(made) == 3


def test_a_failed_installation_is_not_taken_for_an_environment(monkeypatch, tmp_path):
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text("first")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "STAMP", tmp_path / ".venv" / "course.stamp")

    def install():
        raise subprocess.CalledProcessError(2, ["pip"])

    monkeypatch.setattr(environment, "install", install)
    with pytest.raises(SystemExit, match="pip ended with status 2"):
        environment.main()
    assert not environment.STAMP.exists()


def test_an_old_python_gets_a_sentence(monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer"):
        environment.main()


def test_the_environment_script_needs_nothing_installed():
    """It runs before anything is installed: the standard library is all it may import."""
    imported = set(re.findall(r"^(?:import|from) (\w+)", read("tools/environment.py"), re.MULTILINE))
    assert imported <= set(sys.stdlib_module_names)


def test_importing_the_library_loads_nothing_heavy():
    heavy = ("matplotlib", "scipy", "sklearn", "pandas", "pandera", "seaborn", "duckdb", "ibis", "IPython")
    code = f"import sys, bigmkt_helpers; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# no machine in the files


MACHINE_PATH = re.compile(
    rb"(?<![\w.$}<:-])/(?:home|root|Users|workspace|work)/[A-Za-z0-9_.-]+(?=[/\s\"'`),;:]|$)|\b[A-Z]:\\+Users\\",
    re.MULTILINE,
)
HOSTS = [b".".join(parts) for parts in ((b"pypi", b"org"), (b"pythonhosted", b"org"), (b"npmjs", b"org"))]
HOSTS += [b".".join(parts) for parts in ((b"anaconda", b"org"), (b"crates", b"io"), (b"golang", b"org"))]
REGISTRY = re.compile(b"|".join(re.escape(host) for host in HOSTS) + rb"|--(?:extra-)?index-url[ =]\S*://")


def tracked_files():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip("not a git repository: which files belong to the project is not known")
    return [ROOT / os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def machine_faults(content):
    return [match[0] for pattern in (MACHINE_PATH, REGISTRY) for match in pattern.finditer(content)]


def test_no_file_names_a_machine_or_a_registry():
    files = [path for path in tracked_files() if path.is_file()]
    assert len(files) > 20
    own = Path(__file__)
    faults = {
        str(path.relative_to(ROOT)): found
        for path in files
        if path != own and path.suffix != ".parquet" and (found := machine_faults(path.read_bytes()))
    }
    assert faults == {}


@pytest.mark.parametrize(
    "content",
    [
        b"/home/ada/course/data.csv",
        b'path = "/root/.cache"',
        b"see /workspace/course/README.md",
        b"C:\\Users\\ada",
        b"index = https://" + HOSTS[0] + b"/simple",
        b"pip install --index-url http://localhost:8080/simple",
    ],
)
def test_a_machine_in_a_file_is_seen(content):
    assert machine_faults(content)


@pytest.mark.parametrize(
    "content", [b"https://example.org/home/page", b"the work/rest ratio", b"$HOME/course"]
)
def test_ordinary_text_is_no_machine(content):
    assert not machine_faults(content)


# licences and citation


def test_citation_is_complete():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == "Closing the information gap"
    assert citation["version"] == PROJECT["project"]["version"]
    assert citation["authors"] == [{"name": "The authors of Closing the information gap"}]
    assert citation["message"]
    assert set(citation["license"]) == {"MIT", "CC-BY-4.0"}


def test_licences_of_code_and_of_prose():
    assert "MIT License" in read("LICENSE")
    prose = read("LICENSE-TEXT")
    assert "creativecommons.org/licenses/by/4.0/legalcode" in prose
    assert "Section 8 -- Interpretation." in prose


def test_the_library_has_the_version_of_the_project():
    import bigmkt_helpers

    assert bigmkt_helpers.__version__ == PROJECT["project"]["version"]
