"""Depth: starts that are smooth over it, what keeps them smooth, and networks of other depths."""

from __future__ import annotations

import itertools
import json

import keras
import numpy as np
import pytest
from conftest import ROOT
from keras import ops

import keras_pde
from keras_pde import ConvOperator, DiffusionBlock, DiffusionResNet, SmoothInDepth, schemes
from keras_pde.models.depth import mixing, roughness
from keras_pde.operators.smooth_in_depth import coefficients

IMAGE = np.random.default_rng(0).random((2, 12, 9, 1)).astype("float32")


def network(
    schedule, start=None, filters: int = 4, normalize: bool = True, **options
) -> DiffusionResNet:
    start = SmoothInDepth(seed=5) if start is None else start
    operator = ConvOperator(
        filters, 3, boundary="periodic", initializer=start, normalize=normalize, zero_mean=True
    )
    block = DiffusionBlock(operator, keras_pde.FluxActivation("perona_malik", 0.3), **options)
    net = DiffusionResNet(schedule, block=block)
    net.build((None, None, None, 1))
    return net


def kernels(net: DiffusionResNet) -> np.ndarray:
    return np.stack([np.array(block.operator.kernels[0]) for block in net.blocks])


@pytest.mark.parametrize("length", [0.1, 0.25, 1.0, 7.0])
def test_h1_the_start_is_the_gaussian_process_with_unit_variance(length: float) -> None:
    s = np.linspace(0, 1, 41)
    rows = np.stack([coefficients(x, length) for x in s])
    r = (s[:, None] - s) / length
    correlation = rows @ rows.T
    np.testing.assert_allclose(np.diag(correlation), 1, atol=1e-12)
    np.testing.assert_allclose(correlation, np.exp(-(r**2) / 2), atol=1e-3)
    assert np.all(2 - 2 * correlation <= r**2 + 1e-12)


def test_h1_blocks_of_any_network_are_samples_of_one_function() -> None:
    start = SmoothInDepth("he_normal", 0.5, seed=7)
    few, many = (kernels(network(n, start, filters=64)) for n in (4, 12))
    np.testing.assert_allclose(many[1::3], few, atol=1e-6)  # (3k + 1 + ½)/12 = (k + ½)/4
    plain = np.array(keras.initializers.HeNormal(seed=1)((3, 3, 1, 64)))
    assert abs(few.std() / plain.std() - 1) < 0.1
    tied = kernels(network(4, SmoothInDepth(length=None, seed=7)))
    assert np.ptp(tied, axis=0).max() == 0
    assert roughness(network(4, SmoothInDepth(length=None)).blocks) == 0


@pytest.mark.parametrize("wrong", ["zeros", keras.initializers.RandomUniform(0, 1), "no such", 3])
def test_a_smooth_start_needs_a_random_initializer_with_mean_zero(wrong) -> None:
    with pytest.raises(ValueError, match="initializer"):
        SmoothInDepth(wrong)
    with pytest.raises(ValueError, match=r"length.*0\.1"):
        SmoothInDepth(length=0.01)


def test_a_smooth_start_is_kept_in_presets_and_files(tmp_path) -> None:
    net = network(3, SmoothInDepth(keras.initializers.RandomNormal(stddev=0.2), seed=None))
    again = DiffusionResNet.from_config(json.loads(json.dumps(net.get_config())))
    again.build((None, None, None, 1))
    np.testing.assert_array_equal(kernels(again), kernels(net))
    net.save_to_preset(tmp_path / "preset")
    loaded = keras_pde.from_preset(str(tmp_path / "preset"))
    np.testing.assert_array_equal(kernels(loaded), kernels(net))
    assert loaded.blocks[2].operator.initializer.depth == pytest.approx(2.5 / 3)


def variables(count: int, shape=(3,)) -> list[keras.Variable]:
    found = []
    for k in range(count):
        with keras.name_scope(f"block_{k}"):
            found.append(keras.Variable(np.zeros(shape, "float32"), name="kernel"))
    return [*found, keras.Variable(np.zeros(shape, "float32"), name="head")]


def test_h2_updates_of_depth_adam_are_as_smooth_in_depth_as_gradients() -> None:
    """Gradients linear in depth: Adam's updates jump by 2η where they change sign."""
    count, rate = 12, 0.01
    places = np.linspace(-1, 1, count)[:, None] * np.array([1.0, 1e-3, 0.0])
    updates = {}
    for kind in (keras_pde.optimizers.DepthAdam, keras.optimizers.Adam):
        weights = variables(count)
        optimizer = kind(rate)
        for scale in (1.0, -0.5, 2.0):
            grads = [*(scale * places / count), np.array([1.0, 1.0, 1.0])]
            optimizer.apply([ops.convert_to_tensor(g, "float32") for g in grads], weights)
        updates[kind.__name__] = np.stack([np.array(w) for w in weights])
    smooth, plain = (updates[name][:-1] for name in ("DepthAdam", "Adam"))
    np.testing.assert_allclose(updates["DepthAdam"][-1], updates["Adam"][-1], rtol=1e-4)
    for i in range(2):  # a linear function of depth, whatever the gradient's size
        line = np.polyval(np.polyfit(np.arange(count), smooth[:, i], 1), np.arange(count))
        assert np.abs(smooth[:, i] - line).max() < 1e-4 * np.abs(smooth[:, i]).max()
    jump = np.abs(np.diff(plain[:, 0])).max(), np.abs(np.diff(smooth[:, 0])).max()
    assert jump[0] > 5 * jump[1] > 0
    assert np.all(smooth[:, 2] == 0)


def test_depth_adam_takes_weights_in_any_order_but_no_block_without_the_others() -> None:
    grads = np.random.default_rng(0).standard_normal((5, 3)).astype("float32")

    def moved(order: list[int]) -> np.ndarray:
        weights, optimizer = variables(4), keras_pde.optimizers.DepthAdam(0.1)
        optimizer.build(weights)
        for _ in range(3):
            optimizer.apply(
                [ops.convert_to_tensor(grads[i]) for i in order], [weights[i] for i in order]
            )
        return np.stack([ops.convert_to_numpy(w) for w in weights])

    expected = moved([0, 1, 2, 3, 4])
    np.testing.assert_array_equal(moved([3, 4, 0, 2, 1]), expected)
    np.testing.assert_array_equal(moved([4])[4], expected[4])
    with pytest.raises(
        ValueError, match=r"gradient of block_0/kernel and none of block_2/kernel, "
    ):
        moved([0, 1, 4])
    optimizer = keras_pde.optimizers.DepthAdam(0.1)
    optimizer.build(variables(2))
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([ops.zeros((3,))], variables(1)[:1])


def test_the_optimizers_are_the_rules_that_h3_is_measured_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import _residual_ode as ode

    start = ode.smooth_start(4)[:, 0]
    pairs = (
        (keras_pde.optimizers.DepthSGD(0.1), ode.descent(0.1)),
        (keras_pde.optimizers.DepthAdam(0.1), ode.adam(0.1, common=True)),
    )
    for optimizer, rule in pairs:
        weights = variables(4, start.shape[1:])[:-1]
        for weight, value in zip(weights, start, strict=True):
            weight.assign(value)
        expected = start
        for step in range(3):
            g = np.random.default_rng(step).standard_normal(start.shape)
            expected = rule(expected, g)
            optimizer.apply([ops.convert_to_tensor(x, "float32") for x in g], weights)
        found = np.stack([np.array(w) for w in weights])
        np.testing.assert_allclose(found, expected, atol=2e-5)
        again = type(optimizer).from_config(optimizer.get_config())
        assert again.get_config() == optimizer.get_config()


def test_h3_slopes_over_depth_are_minus_one_from_a_smooth_start_and_zero_from_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """L = 4 … 256, d = 16, 50 steps; Adam with a second moment for each block loses the slope."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import _residual_ode as ode

    depths = [4, 8, 16, 32, 64, 128, 256]

    def slopes(start, rule) -> tuple[float, float, float]:
        trained = [ode.train(start(n), rule()) for n in depths]
        jumps = np.stack([ode.jumps(w) for w in trained])
        outputs = [ode.states(w)[-1] for w in trained]
        gaps = [np.abs(a - b).max() for a, b in itertools.pairwise(outputs)]
        assert all(ode.loss(w) < 0.6 * ode.loss(start(len(w))) for w in trained[:2])
        return (*(ode.slope(depths, jumps[:, i]) for i in range(2)), ode.slope(depths[:-1], gaps))

    for rule in (lambda: ode.descent(0.03), lambda: ode.adam(0.003, common=True)):
        np.testing.assert_allclose(slopes(ode.smooth_start, rule), -1, atol=0.1)
    np.testing.assert_allclose(
        slopes(ode.independent_start, lambda: ode.descent(0.03))[:2], 0, atol=0.1
    )
    assert max(slopes(ode.smooth_start, lambda: ode.adam(0.003, common=False))[:2]) > -0.5


def test_h4_outputs_of_a_smooth_network_converge_with_its_depth() -> None:
    net = network(schemes.explicit(8, time=2.0))
    counts = (2, 4, 8, 32)
    deep = [net.with_depth(n) for n in counts]
    outputs = [np.array(each(IMAGE)) for each in deep]
    errors = [np.abs(u - outputs[-1]).max() for u in outputs[:-1]]
    assert np.polyfit(np.log(counts[:-1]), np.log(errors), 1)[0] < -0.9
    for each, output in zip(deep[:2], outputs, strict=False):
        assert each.time == pytest.approx(net.time)
        assert each.certificate().norm_stable
        assert np.linalg.norm(output) <= np.linalg.norm(IMAGE)
    with pytest.raises(ValueError, match="Take at least 2 steps"):
        net.with_depth(1)


def test_h4_the_same_depth_is_the_same_network_and_others_take_means() -> None:
    net = network(4, "he_normal")
    np.testing.assert_array_equal(kernels(net.with_depth(4)), kernels(net))
    np.testing.assert_array_equal(np.array(net.with_depth(4)(IMAGE)), np.array(net(IMAGE)))
    old = kernels(net)
    found = kernels(net.with_depth(8))
    np.testing.assert_allclose(found[1], 0.75 * old[0] + 0.25 * old[1], atol=1e-6)
    np.testing.assert_array_equal(found[[0, -1]], old[[0, -1]])
    rows = mixing(net.schedule, 4, schemes.fsi(6), 6)
    np.testing.assert_allclose(rows.sum(axis=1), 1)
    assert rows.min() >= 0


def test_h4_kernels_without_bound_have_no_larger_norm_at_any_depth() -> None:
    """The certificate stays where the step size is fixed, too: a mean has no larger norm."""
    operator = ConvOperator(4, 3, initializer=SmoothInDepth(seed=2), boundary="periodic")
    net = DiffusionResNet(3, block=DiffusionBlock(operator, step_size=0.2))
    net.build((None, None, None, 1))
    largest = max(block.operator.norm_bound() for block in net.blocks)
    deep = net.with_depth(7)
    assert max(block.operator.norm_bound() for block in deep.blocks) <= largest * (1 + 1e-3)
    assert net.certificate().norm_stable
    assert deep.certificate().norm_stable
    assert deep.time == pytest.approx(net.time)


def test_schedules_of_other_depths() -> None:
    cases = [
        (schemes.fed(3, cycles=2), 4, (12, 4)),
        (schemes.fsi(3, cycles=2), 8, (8, 8)),
        (schemes.dufort_frankel(4), 9, (9, 9)),
        (schemes.explicit(6, time=3.0), schemes.fsi(4), (4, 4)),
        (schemes.explicit(4), schemes.fed(2, cycles=3), (6, 3)),
    ]
    for schedule, depth, (steps, blocks) in cases:
        net = network(schedule)
        other = net.with_depth(depth)
        assert (len(other.schedule), len(other.blocks)) == (steps, blocks)
        assert other.time == pytest.approx(net.time)
        # untied steps that extrapolate have no theorem, at any depth
        assert other.certificate().norm_stable == (not other.schedule.extrapolates)
    custom = schemes.Schedule((1.0, 0.5), (1.0, 1.0))
    wrong = [
        (network(schemes.fsi(3, cycles=2)), 7, "6 or 8"),
        (network(custom), 4, "Schedule of the deeper network"),
        (network(4), 0, "depth"),
        (network(4), 2, "Take at least 4 steps"),
        (DiffusionResNet(4, filters=4), 8, "weights"),
    ]
    for net, depth, match in wrong:
        with pytest.raises(ValueError, match=match):
            net.with_depth(depth)
    tied = DiffusionResNet(4, filters=4, tied=True)
    tied.build((None, None, 1))
    with pytest.raises(ValueError, match="with_schedule"):
        tied.with_depth(8)


def test_everything_else_of_a_network_is_kept() -> None:
    flux = keras_pde.SplineFlux(knots=5, learn_contrast=True)
    block = DiffusionBlock(ConvOperator(4, 3), flux, "learned", data_weight="learned")
    net = DiffusionResNet(3, block=block, lifting=keras_pde.Lifting(3, learned=True))
    net.build((None, None, None, 1))
    net.set_weights([w + 0.1 * k for k, w in enumerate(net.get_weights())])
    deep = net.with_depth(6)
    assert len(deep.weights) - len(net.weights) == 3 * len(net.blocks[0].weights)
    np.testing.assert_array_equal(deep.lifting.kernel, net.lifting.kernel)
    same = net.with_depth(3)
    np.testing.assert_array_equal(np.array(same(IMAGE)), np.array(net(IMAGE)))


def test_training_logs_the_smoothness() -> None:
    net = network(3, SmoothInDepth(length=None, seed=1), normalize=False, step_size=0.1)
    net.compile(keras_pde.optimizers.DepthAdam(0.01, global_clipnorm=1.0), "mse")
    smoothness = keras_pde.callbacks.DepthSmoothness()
    logs = net.fit(IMAGE, IMAGE**2, epochs=6, verbose=0, callbacks=[smoothness]).history
    assert logs["depth_smoothness"][-1] == smoothness.last == roughness(net.blocks) > 0
    assert logs["loss"][-1] < logs["loss"][0]
    single = DiffusionResNet(4, filters=4, tied=True)
    single.compile("sgd", "mse")
    with pytest.raises(ValueError, match="two blocks or more"):
        single.fit(IMAGE, IMAGE, verbose=0, callbacks=[keras_pde.callbacks.DepthSmoothness()])
