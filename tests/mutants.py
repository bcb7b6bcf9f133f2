"""How strong the tests are: mutants of the code, and which of them the quick tier's tests kill.

    python tests/mutants.py keras_pde/operators --sample 60 --seed 0

takes a seeded sample of all mutants that Cosmic Ray makes of the files (``pip install
'.[mutation]'``), and runs for each the tests that run its line, the quick ones first, until one
fails. Which these are a run of the quick tier under coverage tells, once (``--map``). Mutants of
annotations, docstrings and messages are left out, as they compute the same. TensorFlow is imported
once: each mutant is a forked child.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NamedTuple

from covering import Covering, is_recorded, record

ROOT = Path(__file__).resolve().parent.parent
TESTS = (
    *("tests/operators", "tests/fluxes", "tests/schemes", "tests/certificates"),
    *("tests/layers", "tests/models", "tests/whole/test_textbook.py", "tests/whole/test_break.py"),
    *("tests/whole/test_implicit_break.py", "tests/whole/test_conformance.py"),
    *("tests/tasks/test_inpaint.py", "tests/whole/test_wrong_use.py"),
)
MOST = 400  # tests for a mutant: the quickest that run its line
LIMIT = 900  # seconds for the tests of one mutant
# on floats these raise a TypeError at once, which says nothing of the tests
TRIVIAL = re.compile("BitOr|BitAnd|BitXor|LShift|RShift|Invert|_Not$|_Is$|_IsNot$|NoOp")


class Mutant(NamedTuple):
    """A change of one file: the operator of Cosmic Ray, its place, and the text that it makes."""

    path: str
    line: int
    operator: str
    occurrence: int
    before: str
    after: str
    source: str


def bare(source: str) -> str:
    """The syntax tree without what does not compute: annotations, docstrings, raised messages."""

    class Strip(ast.NodeTransformer):
        def visit_arg(self, node: ast.arg) -> ast.AST:
            node.annotation = None
            return node

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            node.returns = None
            return self.generic_visit(node)

        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
            node.annotation = ast.Constant(0)
            return self.generic_visit(node)

        def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
            constant = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            return ast.Pass() if constant else self.generic_visit(node)

        def visit_Raise(self, node: ast.Raise) -> ast.AST:
            return ast.Raise(exc=None, cause=None)

    return ast.dump(Strip().visit(ast.parse(source)))


def mutants_of(path: Path) -> Iterator[tuple[str, int, int]]:
    """(operator, occurrence, line) of every mutant of a file."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast

    tree = get_ast(path.read_text(encoding="utf-8"))
    for name in plugins.operator_names():
        kind = plugins.get_operator(name)
        if kind.arguments() or TRIVIAL.search(name):
            continue
        operator, n = kind(), 0
        for node in ast_nodes(tree):
            for start, _ in operator.mutation_positions(node):
                yield name, n, start[0]
                n += 1


def sampled(paths: list[Path], count: int, seed: int) -> list[Mutant]:
    """A seeded sample of the mutants of files that compute something else."""
    from cosmic_ray import plugins
    from cosmic_ray.mutating import mutate_code

    everything = [(path, *place) for path in paths for place in mutants_of(path)]
    random.Random(seed).shuffle(everything)
    found: list[Mutant] = []
    for path, name, occurrence, line in everything:
        if len(found) == count:
            break
        text = path.read_text(encoding="utf-8")
        changed = mutate_code(text, plugins.get_operator(name)(), occurrence)
        try:
            if changed is None or bare(changed) == bare(text):
                continue
        except SyntaxError:
            continue
        pair = next(
            (a.strip(), b.strip())
            for a, b in zip(text.splitlines(), changed.splitlines(), strict=False)
            if a != b
        )
        short = name.rpartition("/")[2]
        found.append(Mutant(str(path), line, short, occurrence, *pair, changed))
    print(f"{len(found)} of {len(everything)} mutants of {len(paths)} files")
    return found


def apply(mutant: Mutant) -> None:
    """Let this process import the mutant's text in place of its file."""
    data, stats = SourceFileLoader.get_data, SourceFileLoader.path_stats

    def get_data(self: Any, path: str) -> bytes:
        return mutant.source.encode() if path == mutant.path else data(self, path)

    def path_stats(self: Any, path: str) -> Any:
        if path == mutant.path:
            raise OSError("the text of a mutant has no compiled file")
        return stats(self, path)

    SourceFileLoader.get_data = get_data  # type: ignore[method-assign]
    SourceFileLoader.path_stats = path_stats  # type: ignore[method-assign]


def recorded(tests: list[str], path: Path) -> int:
    """Run the tests without a mutant in a child, and keep which lines each of them runs."""
    child = os.fork()
    if child == 0:
        os._exit(record(tests, ROOT / "keras_pde", path))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(mutant: Mutant, tests: list[str]) -> str:
    """What the tests say of a mutant in a child: "failed", "hangs", or nothing if they pass."""
    child = os.fork()
    if child == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        code = 3
        with contextlib.suppress(BaseException):
            import pytest

            apply(mutant)
            code = pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests])
        os._exit(int(code))
    begin = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "" if os.waitstatus_to_exitcode(status) == 0 else "failed"
        if time.monotonic() - begin > LIMIT:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hangs"
        time.sleep(0.1)


def main() -> int:
    """Print each mutant's end and the share of those that are killed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", nargs="+", type=Path, help="files and folders of keras_pde")
    parser.add_argument("--sample", type=int, default=60, help="mutants to try")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="mutants at once")
    parser.add_argument("--out", type=Path, help="a JSON file for the survivors")
    parser.add_argument("--map", type=Path, help="which test runs which line; made if missing")
    args = parser.parse_args()
    args.map = (args.map or ROOT / "build" / "covering.json").resolve()
    args.map.parent.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)
    files = [f for p in args.paths for f in (sorted(p.rglob("*.py")) if p.is_dir() else [p])]
    files = [f.resolve() for f in files if f.name != "__init__.py"]
    chosen = sampled(files, args.sample, args.seed)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    import hypothesis  # noqa: F401
    import keras  # noqa: F401  # imported once, before the forks
    import scipy.linalg  # noqa: F401

    package = ROOT / "keras_pde"
    if not is_recorded(args.map, package) and recorded([*TESTS], args.map):
        raise SystemExit("The tests fail without any mutant: mend them first.")
    covering = Covering(args.map)

    def judged(mutant: Mutant) -> str:
        tests, seconds = covering(mutant.path, mutant.line), 0.0
        for count, test in enumerate(tests):
            seconds += covering.seconds(test)
            if count == MOST or seconds > LIMIT / 3:
                tests = tests[:count]
                break
        return killed(mutant, tests) if tests else ""

    survivors = []
    with ThreadPoolExecutor(args.jobs) as pool:
        for n, (mutant, end) in enumerate(zip(chosen, pool.map(judged, chosen), strict=True), 1):
            if not end:
                survivors.append(mutant)
            where = f"{Path(mutant.path).relative_to(ROOT)}:{mutant.line}"
            print(f"{n:4} {end or 'SURVIVES':8} {where} {mutant.operator}", flush=True)
            if not end:
                print(f"       - {mutant.before}\n       + {mutant.after}", flush=True)
    share = 1 - len(survivors) / max(1, len(chosen))
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} killed, {100 * share:.0f} %")
    if args.out:
        args.out.write_text(
            json.dumps([m._replace(source="")._asdict() for m in survivors], indent=1)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
