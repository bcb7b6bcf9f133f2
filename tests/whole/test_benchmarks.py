"""The benchmark scripts run, at tiny sizes; nothing here is timed."""

import csv
import importlib
import importlib.util
import subprocess
import sys

import keras
import pytest
from conftest import ROOT

import keras_pde

BENCHMARKS = ROOT / "benchmarks"
pytestmark = pytest.mark.skipif(
    not BENCHMARKS.is_dir(), reason="benchmarks come with the sources only"
)


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = tuple(path.stem for path in BENCHMARKS.glob("*.py"))

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


def test_near_fields_of_kernels_are_measured_and_drawn(script, capsys, tmp_path):
    found = script("kernels").main(["--quick", "--picture", str(tmp_path / "kernels.png")])
    assert found["grid"][-1] < found["grid"][1] < 0.02 < found["grid"][0]
    assert found["graph"][-1] < 0.03
    assert found["cost"][1] < 4.4 * found["cost"][0]
    assert "products a node" in capsys.readouterr().out
    assert (tmp_path / "kernels.png").stat().st_size > 5000


def test_a_learned_operator_is_measured_on_finer_grids(script, capsys, tmp_path):
    found = script("finer_grids").main(["--quick", "--picture", str(tmp_path / "cycles.png")])
    assert found[32]["network"] < found[16]["network"] < 12
    for row in found.values():
        assert row["cycles"][-1] < 0.01 < row["cycles"][3]
    assert "its equation" in capsys.readouterr().out
    assert (tmp_path / "cycles.png").stat().st_size > 5000


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="it trains on TensorFlow")
def test_a_kernel_between_scattered_nodes_is_learned(script, capsys, tmp_path):
    found = script("scattered").main(["--quick", "--picture", str(tmp_path / "nodes.png")])
    for count, row in found.items():
        assert row["learned"] < 80, count  # of sixty steps; nothing learned is 100
        assert row["pairs"] < row["levels"] < 40
    assert "learned on 80 to 120 nodes" in capsys.readouterr().out
    assert (tmp_path / "nodes.png").stat().st_size > 5000


def test_convolution_prints_what_rows_gain(script, capsys):
    found = script("convolution").main(["--quick"])
    assert len(found) == 12
    assert all(min(ratios) > 0 for ratios in found.values())
    assert "block with gradient" in capsys.readouterr().out


def test_the_cavity_is_near_the_published_velocities(script, capsys):
    ((u, v, extrema),) = script("cavity").main(["--quick"])
    assert max(u, v) < 0.06
    assert len(extrema) == 3
    assert "Ghia" in capsys.readouterr().out


def test_a_collision_is_learned_from_pairs(script, capsys):
    found = script("learned_collision").main(["--quick"])
    assert found["relative RMS error"] < found["the same of the identity"] < 0.006
    assert max(found[key] for key in ("equivariance", "mass", "momentum")) < 1e-14
    assert found["change of its mass"] < 1e-6
    assert "learned collision" in capsys.readouterr().out


def test_the_game_has_a_fifth_of_ordinary_regression_s_error_at_most(script, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    found = script("instruments").main(["--quick", "--picture", str(tmp_path / "iv.png")])
    assert set(found) == {"abs", "sin", "step"}
    for name, row in found.items():
        assert row["adversarial"] <= row["ordinary regression"] / 5, name
        assert row["two-stage least squares"] < row["ordinary regression"]
        assert row["Tikhonov"] < row["ordinary regression"]
    assert "of ordinary regression's error" in capsys.readouterr().out
    assert (tmp_path / "iv.png").stat().st_size > 5_000


def test_classifiers_are_trained_alike_and_no_attack_breaks_a_certificate(script, tmp_path):
    pytest.importorskip("matplotlib")
    rows = script("certified").main(["--quick", "--picture", str(tmp_path / "certified.png")])
    assert {"CPL", "SLL", "AOL", "plain ResNet"} <= set(rows)
    for name, row in rows.items():
        for eps, stands in row["attacked"].items():
            assert row["clean"] >= stands >= row["certified"][eps], name
    assert rows["CPL"]["certified"][0.141] > rows["plain ResNet"]["certified"][0.141]
    assert (tmp_path / "certified.png").stat().st_size > 5_000


def test_layers_of_sines_are_compared_with_siren(script, tmp_path):
    pytest.importorskip("matplotlib")
    rows = script("represented").main(["--quick", "--picture", str(tmp_path / "u.png")])
    assert rows["ω = 16"][0] > rows["ω = 1"][0]  # too small an ω learns no detail
    assert rows["ω = 64"][1] < rows["ω = 16"][1]  # and too large a one swings between the points
    assert any(name.startswith("SIREN") for name in rows)
    assert (tmp_path / "u.png").stat().st_size > 5_000


def test_nodes_without_a_mesh_follow_the_solution(script, tmp_path):
    pytest.importorskip("matplotlib")
    found = script("meshless").main(["--quick", "--picture", str(tmp_path / "nodes.png")])
    assert found["sharp bump, 3 nodes, L∞"] < 1e-4
    assert found["heat, 16 nodes, 80 steps, L∞"] < 1e-5
    assert found["Burgers, 60 nodes, L1"] < 0.02
    assert (tmp_path / "nodes.png").stat().st_size > 5_000


def test_a_segmenter_is_compared_with_a_threshold_and_a_plain_network(script, capsys):
    otsu, free, mine = script("segmented").main(["--steps", "2"])
    assert mine["IoU"] > otsu["IoU"] > 50
    assert 0.5 < free["weights"] / mine["weights"] < 2
    assert mine["accuracy"] > mine["0.1"] > free["0.1"] == 0
    assert "Otsu" in capsys.readouterr().out


def test_reactions_name_digits_as_their_network_does(script, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "reactions.png"
    found = script("reactions").main(["--images", "15", "--picture", str(picture)])
    assert found.network > 0.95
    assert found.agree == 1
    assert found.difference < 1e-8
    assert found.settled < 10
    assert picture.stat().st_size > 10_000
    assert "2230 reactions" in capsys.readouterr().out


def test_loops_agree_with_unrolled_steps(script, capsys):
    script("loops").main(["--quick"])
    rows = [
        line
        for line in capsys.readouterr().out.splitlines()
        if "forward" in line or "backward" in line
    ]
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


def test_multigrid_and_its_peers_reach_the_tolerance(script, capsys):
    pytest.importorskip("scipy")
    outcomes = script("multigrid").main(["--quick"])[31]
    assert len(outcomes) == 9
    assert all(o.residual < 1.01e-8 and min(o.seconds) > 0 for o in outcomes)
    printed = capsys.readouterr().out
    assert "Ruge-Stüben + CG" in printed
    assert "FMG(2,1)" in printed


def test_a_peer_without_an_answer_says_why(script):
    pytest.importorskip("scipy")
    peers = script("_peers")
    assert peers.factorised(511, 0.05) == "SciPy splu: stopped after 0 s"
    assert peers.conjugate_gradients(255, 1e-9) == "SciPy CG: stopped after 0 s and 1 iterations"


def test_implicit_solvers_converge(script, capsys):
    iterations, _ = script("implicit").main(["--quick"])
    assert all(count > 0 for count in iterations[2.0].values())
    assert "lagged diffusivity" in capsys.readouterr().out


def test_translation_trains_resumes_and_draws(script, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    pytest.importorskip("skimage")
    translation = script("translation")
    rows = translation.main(["--quick", "--out", str(tmp_path)])
    parameters = {(row["architecture"], row["comparison"]): int(row["parameters"]) for row in rows}
    # two blocks, two filters: kernels, a contrast each, and the standard network's biases
    assert parameters["standard", "reference"] == 2 * (2 * 18 + 1 + 2)
    assert (
        parameters["symmetric", "equal filters"]
        == parameters["FSI", "equal filters"]
        == 2 * (18 + 1)
    )
    assert parameters["Du Fort-Frankel", "equal parameters"] == 2 * (36 + 1)
    assert {row["certified"] for row in rows if row["architecture"] == "symmetric"} == {"yes"}
    assert {row["certified"] for row in rows if row["architecture"] == "FSI"} == {"not proved"}
    assert all(
        (tmp_path / f"translation_{against}.png").stat().st_size > 10_000
        for against in ("blocks", "parameters")
    )
    capsys.readouterr()
    assert translation.main(["--quick", "--out", str(tmp_path)]) == rows
    assert "7/7" not in capsys.readouterr().out


def test_denoisers_are_timed_beside_dncnn(script, capsys):
    benchmark = script("denoisers")
    assert benchmark.dncnn().count_params() == 558_017  # with the moving statistics
    ratios = benchmark.main(["certified_resnet_2d", "--quick"])
    assert ratios["DnCNN"] == 1
    assert ratios["certified_resnet_2d"] > 0
    assert "29.23 dB, published" in capsys.readouterr().out


def test_everywhere_measures_each_cell_or_says_why_not(script, tmp_path, capsys):
    for name in ("onnx", "tf2onnx", "onnxruntime", "ai_edge_litert", "jax"):
        pytest.importorskip(name)
    everywhere, out = script("everywhere"), tmp_path / "all.csv"
    old = {
        name: (
            dict.fromkeys(everywhere.COLUMNS, "1.0e-09")
            | {c: "torch is not installed" for c in everywhere.COLUMNS if c[:5] == "torch"}
            | {"preset": name, "of": everywhere.digest(name), "tensorflow float16": "0.5"}
        )
        for name in ("linear_1d", "linear_2d")
    }
    everywhere.write(out, old)
    rows = everywhere.main(["linear_1d", "--fresh", "--out", str(out)])
    row = rows["linear_1d"]
    # what was not asked for is kept
    assert rows["linear_2d"] == everywhere.read(out)["linear_2d"] == old["linear_2d"]
    assert all(
        float(row[kind]) <= 1e-5
        for kind in ("saved_model", "onnx", "litert", "tensorflow float32", "jax float32")
    )
    assert all(
        1e-5 < float(row[f"{backend} mixed_bfloat16"]) < 0.1 for backend in ("tensorflow", "jax")
    )
    assert row["tensorflow float16"] == "0.5"  # another processor's, which was larger
    torch = importlib.util.find_spec("torch")
    assert (
        float(row["torch float32"]) <= 1e-5
        if torch
        else row["torch float32"] == "torch is not installed"
    )
    assert all(row[column] for column in everywhere.COLUMNS)
    page = out.with_suffix(".md").read_text()
    assert "| linear_1d |" in page
    assert torch or "[1] torch is not installed" in page
    # a second run has nothing to do, but where the preset has changed
    assert (
        f"{0 if torch else 1} measured now"
        in (everywhere.main(["linear_1d", "--out", str(out)]), capsys.readouterr().err)[1]
    )
    out.write_text(out.read_text().replace(row["of"], "another"))
    assert list(everywhere.read(out)) == ["linear_2d"]


def test_device_runs_from_a_bare_checkout_without_tensorflow(tmp_path):
    pytest.importorskip("jax")
    # None in sys.modules: importing it fails, as where it is not installed
    code = (
        "import sys; sys.modules['tensorflow'] = None; sys.path.insert(0, sys.argv[1]); import"
        " device; device.main(sys.argv[2:])"
    )
    out = tmp_path / "device.csv"
    command = [
        sys.executable,
        "-c",
        code,
        str(BENCHMARKS),
        "--quick",
        "--budget",
        "500",
        "--out",
        str(out),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = list(csv.DictReader(out.open()))
    exact = [
        float(row["golden"])
        for row in rows
        if row["pass"] == "golden" and row["precision"] == "float32 highest"
    ]
    assert len(exact) == 2
    assert max(exact) < 1e-5
    timed = [row for row in rows if row["pass"] != "golden"]
    assert {row["pass"] for row in timed} == {"forward", "training"}
    assert all(
        float(row["images_per_second"]) > 0 and float(row["over_bare"]) > 0 and not row["note"]
        for row in timed
    )
    rounded = [
        float(row["golden"])
        for row in rows
        if row["pass"] == "golden" and row["precision"] == "mixed_bfloat16"
    ]
    assert min(rounded) > 1e-4  # it does compute in 16 bits


def test_memory_prints_its_growth_and_draws(script, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "memory.png"
    growth = script("memory").main(
        ["--quick", "--presets", "perona_malik_2d", "--picture", str(picture)]
    )
    assert growth.keys() == {"perona_malik_2d"}
    assert picture.stat().st_size > 1000
    assert "12 images of 6 sizes" in capsys.readouterr().out


def test_gradients_of_many_steps_keep_few_states(script, capsys):
    pytest.importorskip("jax")
    found = script("rollout_memory").main(["--steps", "64", "256", "--size", "32"])
    (few, many), (kept, more) = found["all states"], found["segments"]
    assert many > 3 * few  # in proportion to the steps
    assert more < 2.5 * kept  # to their root
    assert more < many / 5
    assert "segments" in capsys.readouterr().out


def test_stating_the_spacing_of_thick_slices_is_worth_it(script, capsys):
    rows = script("spacing").main([])
    for factor, (neighbours, spaced, alone) in rows:
        if factor == 1:
            assert spaced == pytest.approx(neighbours, abs=1e-3)
        else:
            assert spaced > max(neighbours, alone) + 0.05
    assert "at their spacing" in capsys.readouterr().out


def test_attacks_stay_below_what_is_certified(script, capsys):
    names = ["certified_resnet_2d", "convex_equilibrium_2d"]
    for row in script("certified_vs_attacked").main([*names, "--quick"]):
        assert 0.9 < row["attacked"] <= row["certified"] * (1 + 1e-5)
        assert row["certified"] <= row["before"]
    assert "certified/attacked" in capsys.readouterr().out


def test_the_price_list_is_that_of_the_weights(script, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "prices.png"
    names = ["convex_equilibrium_2d", "certified_resnet_2d", "gated_resnet_2d"]
    rows = script("price_list").main([*names, "--picture", str(picture)])
    assert picture.stat().st_size > 10_000
    assert rows["firmly nonexpansive"].name == rows["Lipschitz constant at most 2"].name == names[0]
    assert rows["Lipschitz constant at most 30"].name == names[1]
    assert rows["norm stable"].name == names[2]
    for d in rows.values():
        assert d.lipschitz == keras_pde.from_preset(d.name).certificate().lipschitz


def test_pictures_that_people_have_are_denoised_as_the_table_says(script, tmp_path, capsys):
    benchmark, picture = script("real_noise"), tmp_path / "rows.png"
    rows = ["JPEG, quality 75", "border of 254", "clean print"]
    found = benchmark.main(["--size", "128", "--rows", *rows, "--picture", str(picture)])
    assert list(found) == rows
    for name in rows[:2]:
        assert found[name].found > found[name].told - 0.5
        assert found[name].found > found[name].noisy + 5
    assert found["clean print"].change < 1
    assert "before JPEG estimated" in capsys.readouterr().out
    assert 10_000 < picture.stat().st_size < 400_000
    everything = " ".join(benchmark.ROWS)
    for kind in ("quality 90", "counts", "floats", "photons", "border of 37", "noise 0.2"):
        assert kind in everything


def test_each_loss_trains_without_truth(script, capsys):
    script("without_truth").main(["--quick"])
    text = capsys.readouterr().out
    assert all(name in text for name in ("supervised", "sure", "r2r", "neighbor2neighbor"))


def test_depth_trains_resamples_and_draws(script, capsys, tmp_path):
    picture = tmp_path / "depth.png"
    script("depth").main(["--quick", "--output", str(picture)])
    text = capsys.readouterr().out
    assert all(name in text for name in ("DepthAdam", "independent", "3, FSI"))
    assert picture.stat().st_size > 10_000


def test_rollouts_of_exact_schemes_and_surrogates_are_measured(script, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    pytest.importorskip("scipy")
    picture = tmp_path / "rollout.png"
    found = script("rollout").main(["--quick", "--picture", str(picture)])["advection"]
    assert picture.stat().st_size > 10_000
    assert [row.weights > 1000 for row in found] == [False, False, False, True, True]
    exact, *others = [row.errors["200"] for row in found]
    assert exact < 1e-7 < min(others)
    printed = capsys.readouterr().out
    assert "SciPy's fft" in printed
    assert "APEBench" in printed


def test_diffusion_with_a_coefficient_and_its_peers_reach_the_tolerance(script, capsys, tmp_path):
    picture = tmp_path / "coefficients.png"
    ((_, found),) = script("coefficients").main(["--quick", "--picture", str(picture)]).items()
    rows = [row for rows in found.values() for row in rows.values()]
    assert len(rows) == 24
    assert all(row["residual"] < 2e-8 for row in rows)
    assert picture.stat().st_size > 10_000
    assert "pyamg" in capsys.readouterr().out
