"""test_install -- what an installed Hotplate consists of, on every Python and with every SQLAlchemy."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.interpreter

TOP = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def needed(file: Path) -> set[str]:
    """The shared libraries that an ELF file names, without their versions."""
    dump = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
    return {name.split(".so")[0] for name in re.findall(r"\(NEEDED\).*\[(.+)\]", dump)}


def extension() -> Path:
    """The installed extension's file."""
    import hotplate._hotplate

    return Path(hotplate._hotplate.__file__)


def test_command_is_native_and_tells_the_package_version() -> None:
    command = BIN / "hotplate"
    assert command.read_bytes()[:4] == b"\x7fELF"
    run = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert importlib.metadata.version("hotplate") in run.stdout


def test_extension_links_libc_zlib_and_sqlite_only() -> None:
    assert needed(extension()) - {"ld-linux-x86-64", "ld-linux-aarch64"} <= {
        "libc",
        "libm",
        "libz",
        "libsqlite3",
        "libpthread",
        "libpython3",
    }


def test_extension_shows_one_symbol() -> None:
    dump = subprocess.run(
        ["nm", "-D", "--defined-only", extension()], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[-1] for line in dump.splitlines()] == ["PyInit__hotplate"]


def test_package_imports_without_flask() -> None:
    code = "import sys; sys.modules['flask'] = None; sys.modules['sqlalchemy'] = None; import hotplate"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--editable"]], ids=["wheel", "editable"])
def test_pip_install_gives_a_working_command_and_package(tmp_path: Path, options: list[str]) -> None:
    source = tmp_path / "source"
    for part in ("CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE"):
        source.mkdir(exist_ok=True)
        shutil.copy(TOP / part, source)
    for part in ("include", "src", "pyext", "python", "tools", "ui/dist"):
        shutil.copytree(TOP / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    env = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)
    (env_site,) = env.glob("lib/python*/site-packages")
    # The build back end comes from the environment that runs this test, so that nothing is downloaded.
    (env_site / "outer.pth").write_text(str(Path(pytest.__file__).parents[1]))
    python = env / "bin/python"
    launcher = {
        **os.environ,
        "CC": "gcc",  # as tools/install_matrix says it
        "CMAKE_C_COMPILER_LAUNCHER": "ccache" if shutil.which("ccache") else "",
        "CCACHE_DIR": str(TOP / "build/ccache"),
        "CCACHE_NOHASHDIR": "1",
        "CCACHE_BASEDIR": str(source),
    }
    subprocess.run(
        [
            python,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-build-isolation",
            "--no-deps",
            "--no-index",
            # As tools/install_matrix builds for most Pythons, so that ccache has it; the first one's has LTO.
            "--config-settings=build-dir=build/here",
            "--config-settings=cmake.define.HP_WERROR=ON",
            "--config-settings=cmake.define.HP_LTO=OFF",
            *options,
            ".",
        ],
        check=True,
        cwd=source,
        env=launcher,
    )
    run = subprocess.run([env / "bin/hotplate", "--version"], capture_output=True, text=True, check=True)
    assert "hotplate" in run.stdout
    code = "import hotplate, hotplate._hotplate as c; print(hotplate.__file__, c.__file__)"
    run = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert str(source if options else env) in run.stdout
