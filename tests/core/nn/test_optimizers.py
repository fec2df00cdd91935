import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from wavegan_tf.core.dcgan.options import LOSSES
from wavegan_tf.core.nn import optimizers

SHAPES = [(3, 4), (5,), ()]


def each_rate(learning_rate, gradients):
    """The rate of each update, given one for all or as many."""
    return np.broadcast_to(learning_rate, len(gradients))


def tf1_adam(weights, gradients, learning_rate, beta1, beta2, epsilon=1e-8):
    """tf.train.AdamOptimizer, in float64."""
    weights, rates = list(weights), each_rate(learning_rate, gradients)
    m = [np.zeros_like(w) for w in weights]
    v = [np.zeros_like(w) for w in weights]
    for t, step in enumerate(gradients, 1):
        rate = rates[t - 1] * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        for i, g in enumerate(step):
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g**2
            weights[i] = weights[i] - rate * m[i] / (np.sqrt(v[i]) + epsilon)
    return weights, m, v


def tf1_rmsprop(weights, gradients, learning_rate, decay=0.9, epsilon=1e-10):
    """tf.train.RMSPropOptimizer without momentum, in float64."""
    weights = list(weights)
    ms = [np.ones_like(w) for w in weights]
    for rate, step in zip(each_rate(learning_rate, gradients), gradients, strict=True):
        for i, g in enumerate(step):
            ms[i] = ms[i] + (1 - decay) * (g**2 - ms[i])
            weights[i] = weights[i] - rate * g / np.sqrt(ms[i] + epsilon)
    return weights, ms


def problem(scale, steps=20):
    generator = np.random.default_rng(int(10 - np.log10(scale)))
    weights = [generator.normal(size=shape) for shape in SHAPES]
    gradients = [[generator.normal(size=shape) * scale for shape in SHAPES] for _ in range(steps)]
    gradients[3][0] = np.zeros(SHAPES[0])
    return [np.float64(np.float32(w)) for w in weights], [[np.float64(np.float32(g)) for g in s] for s in gradients]


def apply(optimizer, weights, gradients):
    variables = [keras.Variable(np.float32(w)) for w in weights]
    optimizer.build(variables)
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(np.float32(g)) for g in step], variables)
    return [v.numpy() for v in variables]


def check(values, wanted, start=None):
    for i, (value, right) in enumerate(zip(values, wanted, strict=True)):
        if start is None:
            np.testing.assert_allclose(value, right, rtol=1e-5, atol=1e-30)
        else:  # How far each weight has moved, as exactly as float32 can show it.
            moved = np.abs(right - start[i]).max()
            np.testing.assert_allclose(value, right, rtol=0, atol=1e-4 * moved + 20 * 2e-7 * np.abs(right).max())
            assert moved > 0


# Gradients near epsilon (1e-8; 1e-10 inside the root) tell TF1's arithmetic from Keras's.
@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e-7, 1e-9])
@pytest.mark.parametrize("settings", [(0.1, 0.5, 0.9), (0.1, 0.5, 0.999)])
def test_adam_is_tf1s(scale, settings):
    start, gradients = problem(scale)
    rate, beta1, beta2 = settings
    optimizer = optimizers.TF1Adam(rate, beta_1=beta1, beta_2=beta2)
    weights = apply(optimizer, start, gradients)
    wanted, m, v = tf1_adam(start, gradients, rate, beta1, beta2)
    check(weights, wanted, start)
    for values, right in ((optimizer.first_moments, m), (optimizer.second_moments, v)):
        for value, each in zip(values, right, strict=True):
            np.testing.assert_allclose(value.numpy(), each, rtol=1e-4, atol=1e-6 * np.abs(each).max())
    assert int(optimizer.iterations.numpy()) == 20


@pytest.mark.parametrize("form", ["in a row", "loop", "only where finite"])
def test_every_update_of_adam_in_a_graph_takes_its_own_step_and_rate(form):
    """The powers and the rate that all variables share are those of the update, not of the one before."""
    start, gradients = problem(1.0, steps=6)
    optimizer = optimizers.TF1Adam(0.1, beta_1=0.5, beta_2=0.9)
    variables = [keras.Variable(np.float32(weight)) for weight in start]
    applied = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0) if "finite" in form else optimizer
    applied.build(variables)

    def several(count, *stacked):
        for number in range(1 if form == "loop" else 3):
            applied.apply([part[count + number] for part in stacked], variables)
        return (count + 1, *stacked)

    @functools.partial(tf.function, autograph=False)
    def three(*stacked):
        if form == "loop":
            tf.while_loop(lambda count, *_: count < 3, several, (0, *stacked))
        else:
            several(0, *stacked)

    for half, rate in ((gradients[:3], 0.1), (gradients[3:], 0.02)):
        optimizer.learning_rate.assign(rate)
        three(*(tf.constant(np.stack(part), tf.float32) for part in zip(*half, strict=True)))
    expected = optimizers.TF1Adam(0.1, beta_1=0.5, beta_2=0.9)
    others = [keras.Variable(np.float32(weight)) for weight in start]
    expected.build(others)
    for number, step in enumerate(gradients):
        expected.learning_rate.assign(0.1 if number < 3 else 0.02)
        expected.apply([keras.ops.convert_to_tensor(np.float32(gradient)) for gradient in step], others)
    assert int(optimizer.iterations.numpy()) == 6
    for value, other in zip(variables, others, strict=True):
        np.testing.assert_allclose(value.numpy(), other.numpy(), rtol=1e-6)


@pytest.mark.parametrize("is_loop", [False, True])
@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_a_rate_falls_linearly_to_zero_at_its_end(name, is_loop):
    """Six updates of which the second to fifth fall, and one beyond the end."""
    start, gradients = problem(1.0, steps=6)
    optimizer = optimizers.for_loss("wgan-gp" if name == "adam" else "wgan", learning_rate=0.1)
    optimizer.pace = optimizers.falling(optimizer.iterations, end=5, steps=4)
    variables = [keras.Variable(np.float32(weight)) for weight in start]
    optimizer.build(variables)
    stacked = [tf.constant(np.stack(part), tf.float32) for part in zip(*gradients, strict=True)]

    def update(count):
        optimizer.apply([part[count] for part in stacked], variables)
        return count + 1

    @functools.partial(tf.function, autograph=False)
    def all_of_them():
        tf.while_loop(lambda count: count < 6, lambda count: (update(count),), (0,))

    if is_loop:
        all_of_them()
    else:
        for number in range(6):
            update(number)
    rates = [0.1, 0.1, 0.075, 0.05, 0.025, 0.0]
    wanted = tf1_adam(start, gradients, rates, 0.5, 0.9) if name == "adam" else tf1_rmsprop(start, gradients, rates)
    check([value.numpy() for value in variables], wanted[0], start)
    assert int(optimizer.iterations.numpy()) == 6 and float(optimizer.learning_rate) == pytest.approx(0.1)


@pytest.mark.parametrize("count", [1, 5])
def test_variables_of_an_update_share_the_powers(count):
    optimizer = optimizers.TF1Adam()
    variables = [keras.Variable(np.ones(2, np.float32)) for _ in range(count)]
    optimizer.build(variables)

    @functools.partial(tf.function, autograph=False)
    def twice():
        for _ in range(2):
            optimizer.apply([tf.ones(2)] * count, variables)

    types = [operation.type for operation in twice.get_concrete_function().graph.get_operations()]
    assert types.count("ResourceApplyAdam") == 2 * count and types.count("Pow") == 2 * 2


@pytest.mark.parametrize("scale", [10.0, 1.0, 1e-3])
def test_rmsprop_is_tf1s(scale):
    start, gradients = problem(scale)
    optimizer = optimizers.TF1RMSprop(0.1)
    weights = apply(optimizer, start, gradients)
    wanted, ms = tf1_rmsprop(start, gradients, 0.1)
    check(weights, wanted, start)
    check([value.numpy() for value in optimizer.mean_squares], ms)


def test_rmsprop_has_epsilon_inside_the_root():
    """Without gradients the mean square decays to nothing; then one of 1e-5 meets an epsilon of its own square."""
    start = [np.zeros(1)]
    gradients = [[np.zeros(1)]] * 400 + [[np.full(1, 1e-5)]]
    weights = apply(optimizers.TF1RMSprop(1.0), start, gradients)
    np.testing.assert_allclose(weights[0], [-1e-5 / np.sqrt(1e-11 + 1e-10)], rtol=1e-4)


def test_mean_squares_start_at_one_and_moments_at_zero():
    variable = keras.Variable(np.zeros([2, 3], np.float32))
    rmsprop, adam = optimizers.TF1RMSprop(), optimizers.TF1Adam()
    for optimizer in (rmsprop, adam):
        optimizer.build([variable])
    np.testing.assert_array_equal(rmsprop.mean_squares[0].numpy(), np.ones([2, 3]))
    np.testing.assert_array_equal(adam.first_moments[0].numpy(), np.zeros([2, 3]))
    np.testing.assert_array_equal(adam.second_moments[0].numpy(), np.zeros([2, 3]))
    rmsprop.mean_squares[0].assign(np.full([2, 3], 4.0))
    rmsprop.build([variable])
    np.testing.assert_array_equal(rmsprop.mean_squares[0].numpy(), np.full([2, 3], 4.0))


def test_loss_scaling_does_not_change_the_start_of_the_mean_squares():
    inner = optimizers.TF1RMSprop(0.1)
    scaled = keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0)
    start, gradients = problem(1.0)
    weights = apply(scaled, start, [[8.0 * g for g in step] for step in gradients])
    check(weights, tf1_rmsprop(start, gradients, 0.1)[0], start)


@pytest.mark.parametrize(
    ("loss", "kind", "settings"),
    [
        ("dcgan", optimizers.TF1Adam, {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-8}),
        ("wgan-gp", optimizers.TF1Adam, {"learning_rate": 1e-4, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-8}),
        ("lsgan", optimizers.TF1RMSprop, {"learning_rate": 1e-4, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-10}),
        ("wgan", optimizers.TF1RMSprop, {"learning_rate": 5e-5, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-10}),
    ],
)
def test_each_loss_has_the_originals_optimizer(loss, kind, settings):
    optimizer = optimizers.for_loss(loss)
    assert type(optimizer) is kind
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    for each in (optimizer, again):
        config = each.get_config()
        for name, value in settings.items():
            assert config[name] == pytest.approx(value, rel=1e-6), name
        assert not config.get("centered", False) and not config.get("amsgrad", False)
        assert config["weight_decay"] is None and config["clipnorm"] is None and not config["use_ema"]
    assert type(again) is kind


@pytest.mark.parametrize("loss", LOSSES)
def test_a_rate_that_is_given_takes_the_place_of_the_originals(loss):
    given, original = optimizers.for_loss(loss, learning_rate=0.25), optimizers.for_loss(loss)
    expected = {**original.get_config(), "learning_rate": 0.25, "name": given.name}
    assert given.get_config() == expected


def test_every_loss_has_an_optimizer_of_its_own():
    for loss in LOSSES:
        assert optimizers.for_loss(loss) is not optimizers.for_loss(loss)
