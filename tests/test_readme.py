"""Every command and code block of the README runs, top to bottom, in one empty folder."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import qushi

ROOT = Path(qushi.__file__).parent
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)```", re.DOTALL)


def blocks(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    return [(m["kind"], m["file"], m["body"]) for m in BLOCK.finditer(text)]


def run_line(line, folder):
    words = shlex.split(line)
    if words[0] == "make":
        # Make itself cannot run inside its own test: it must know the target and what it would do.
        done = subprocess.run(
            ["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
        )
    else:
        assert words[0] == "qushi", line
        code = "from qushi.app.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *words[1:]],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            encoding="utf-8",
        )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
def test_readme_every_block_runs(tmp_path):
    found = blocks("README.md")
    assert sum(kind == "bash" for kind, _, _ in found) >= 5
    for kind, file, body in found:
        if file:
            (tmp_path / file).write_text(body, encoding="utf-8")
        elif kind == "bash":
            for line in body.strip().splitlines():
                run_line(line, tmp_path)
        else:
            assert kind == "python", f"a block of {kind} is neither run nor a file"
            done = subprocess.run(
                [sys.executable, "-c", body], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs").is_dir()


def without_comments(found):
    return [(kind, file, re.sub(r'\s+#.*|"""[^"]*"""', "", body)) for kind, file, body in found]


def test_readmes_show_the_same_code_in_both_languages():
    assert without_comments(blocks("README.md")) == without_comments(blocks("README.zh.md"))


def test_readmes_name_no_picture_or_page_that_is_not_there():
    for name in ("README.md", "README.zh.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?://)([^)]+)\)", text):
            assert (ROOT / target).exists(), f"{name} points at {target}"
