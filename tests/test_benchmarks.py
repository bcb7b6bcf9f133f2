"""The benchmark scripts run, at tiny sizes; nothing here is timed."""

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="benchmarks come with the sources only")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("_timing", "loops", "overhead", "schemes")

    def load(name):
        return importlib.import_module(name)

    yield load
    for name in names:
        sys.modules.pop(name, None)


def test_overhead_prints_its_tables(script, capsys):
    assert script("overhead").main(["--quick"]) > 0
    printed = capsys.readouterr().out
    assert "block/bare" in printed
    assert "convolutions/sliced" in printed


def test_loops_agree_with_unrolled_steps(script, capsys):
    script("loops").main(["--quick"])
    rows = [line for line in capsys.readouterr().out.splitlines() if "forward" in line or "backward" in line]
    assert len(rows) == 10
    assert all(float(row.strip("│ ").split()[-1]) < 1e-5 for row in rows)


def test_schemes_reach_their_time_and_draw(script, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("scipy")
    picture = tmp_path / "schemes.png"
    cases = script("schemes").main(["--quick", "--picture", str(picture)])
    assert picture.stat().st_size > 10_000
    for points in cases.values():
        assert {p.scheme for p in points} >= {"explicit", "FED", "FSI"}
        assert all(abs(p.time - 5) < 1e-9 and p.error < 0.5 for p in points)
        explicit = min(p.steps for p in points if p.scheme == "explicit")
        for p in points:
            if p.scheme in ("FED", "FSI"):
                assert p.steps < explicit
