"""The witness shares no code with what it watches."""

import ast
from pathlib import Path

import pytest

import equal_stream.simulate

PACKAGE = Path(equal_stream.simulate.__file__).parent
ROOT = PACKAGE.parent.parent


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_the_server_imports_nothing_else_of_the_package(path):
    ours = {name for name in imported(path) if name.split(".")[0] in {"equal_stream", "consumers"}}
    assert all(f"{name}.".startswith("equal_stream.simulate.") for name in ours)


def test_what_is_billed_imports_nothing_of_the_server():
    clients = [*(PACKAGE.parent / "extraction").rglob("*.py"), *(PACKAGE.parent / "allocation").rglob("*.py")]
    assert not [path for path in clients if any("simulate" in name for name in imported(path))]
