import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize, rosen, rosen_der
from scipy.stats import multivariate_normal

from hwbench import spaces
from hwbench.search.methods import gaussian_process
from hwbench.search.methods.descent import descend
from hwbench.search.methods.gaussian_process import GaussianProcess
from hwbench.search.methods.kernel import Features, Gradient, Kernel
from hwbench.spaces import Choice, Space
from hwbench.testing.surrogates import additive_metric

N_LENGTHS = 7  # of a GPT: embedding, depth, bias; sums and layers of MLP ratio and heads


@pytest.fixture
def process(rng):
    space = spaces.get("gpt-s")
    codes = space.sample_codes(80, rng)
    y = additive_metric(space, codes)
    return space, codes, y, GaussianProcess.fit(Features.of(space), codes, y, rng=rng)


def correlations(space, lengths, share, a, b):
    """The kernel in words: network by network, layer by layer, with scikit-learn's Matérn."""
    sklearn = pytest.importorskip("sklearn.gaussian_process", reason="the reference here")
    matern = sklearn.kernels.Matern(length_scale=1.0, nu=2.5)
    shared, kinds = len(space.shared), len(space.layered)
    lengths = np.asarray(lengths)

    def views(codes):
        coarse, fine = [], []
        for code in codes:
            there = space.active(code)
            v = [
                (index if present else -1) / max(len(choice) - 1, 1)
                for index, present, choice in zip(code, there, columns(space), strict=True)
            ]
            one = [v[k] / lengths[k] for k in range(shared)]
            two = list(one)
            for kind in range(kinds):
                block = range(
                    shared + kind * space.max_depth, shared + (kind + 1) * space.max_depth
                )
                mine = [v[k] for k in block if there[k]]
                root = np.sqrt(space.max_depth)
                one += [sum(mine) / root / lengths[shared + kind]]
                one += [sum(2 * x * (1 - x) for x in mine) / root / lengths[shared + kind]]
                two += [v[k] / lengths[shared + kinds + kind] for k in block]
            coarse.append(one)
            fine.append(two)
        return np.array(coarse), np.array(fine)

    (one_a, two_a), (one_b, two_b) = views(a), views(b)
    return (1 - share) * matern(one_a, one_b) + share * matern(two_a, two_b)


def columns(space):
    return [*space.shared, *(c for c in space.layered for _ in range(space.max_depth))]


def test_the_kernel_is_that_of_its_description(rng):
    space = spaces.get("gpt-s")
    features = Features.of(space)
    a, b = space.sample_codes(12, rng), space.sample_codes(9, rng)
    lengths, share = rng.uniform(0.3, 3.0, N_LENGTHS), 0.3
    found = Kernel(features, lengths, share)(features(a), features(b))
    np.testing.assert_allclose(found, correlations(space, lengths, share, a, b), rtol=1e-6)


def test_an_architecture_is_fully_correlated_with_itself(rng):
    space = spaces.get("gpt-s")
    features = Features.of(space)
    x = features(space.sample_codes(5, rng))
    kernel = Kernel(features, np.full(N_LENGTHS, 0.7), 0.4)
    np.testing.assert_allclose(np.diag(kernel(x, x)), 1.0, atol=1e-6)


def test_sums_do_not_ask_which_layer_it_is(rng):
    space = spaces.get("gpt-s")
    code = space.sample_codes(1, rng)
    swapped = code.copy()
    for number in range(len(space.layered)):
        first = space.layout.block(number).start
        swapped[:, [first, first + 1]] = code[:, [first + 1, first]]
    features = Features.of(space)
    x, y = features(code), features(swapped)
    one, _ = Kernel(features, np.ones(N_LENGTHS), 0.5).parts(features.distances(x, y))
    np.testing.assert_allclose(one.value, 1.0, atol=1e-6)


def test_gradients_equal_finite_differences(rng):
    space = spaces.get("gpt-s")
    features = Features.of(space)
    codes = space.sample_codes(25, rng)
    x = features(codes)
    near, z = features.distances(x, x), rng.standard_normal(25)
    at = np.log(np.r_[rng.uniform(0.5, 2.0, N_LENGTHS), 0.2, 1e-2])
    _, slope = gaussian_process._loss(at, features, near, z)

    def loss(parameters):
        return gaussian_process._loss(parameters, features, near, z)[0]

    expected = approx_fprime(at, loss, 1e-6)
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-4)


def test_the_loss_is_the_marginal_likelihood(rng):
    """Equal to scipy's density at the variance that maximises it, up to a constant of n."""
    space = spaces.get("gpt-s")
    features = Features.of(space)
    codes = space.sample_codes(20, rng)
    x, z = features(codes), rng.standard_normal(20)
    found, expected = [], []
    for length in (0.4, 1.5):
        lengths = np.full(N_LENGTHS, length)
        at = np.log(np.r_[lengths, 0.2, 1e-2])
        found.append(gaussian_process._loss(at, features, features.distances(x, x), z)[0])
        matrix = correlations(space, lengths, 0.2, codes, codes) + (1e-2 + 1e-9) * np.eye(20)
        variance = z @ np.linalg.solve(matrix, z) / 20
        expected.append(-multivariate_normal(cov=variance * matrix).logpdf(z))
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-5)


def test_a_gradient_goes_back_through_the_matrix(rng):
    space = spaces.get("gpt-s")
    features = Features.of(space)
    x = features(space.sample_codes(6, rng))
    near, weights = features.distances(x, x), rng.standard_normal((6, 6))

    def total(at):
        kernel = Kernel(features, np.exp(at[:-1]), float(np.exp(at[-1])))
        return float((weights * Gradient.of(kernel, near).matrix).sum())

    at = np.log(np.r_[np.full(N_LENGTHS, 0.8), 0.3])
    kernel = Kernel(features, np.exp(at[:-1]), 0.3)
    found = Gradient.of(kernel, near).back(weights)
    np.testing.assert_allclose(found, approx_fprime(at, total, 1e-6), rtol=1e-4, atol=1e-5)


def test_a_process_interpolates_and_predicts(process, rng):
    space, codes, y, fitted = process
    mean, deviation = fitted.predict(codes)
    np.testing.assert_allclose(mean, y, atol=0.05 * y.std())
    new = space.sample_codes(300, rng)
    truth = additive_metric(space, new)
    mean, new_deviation = fitted.predict(new)
    assert np.corrcoef(mean, truth)[0, 1] > 0.8
    assert deviation.mean() < new_deviation.mean()
    covered = (np.abs(mean - truth) < 2 * new_deviation).mean()
    assert 0.8 <= covered <= 1.0


def test_a_process_is_conditioning(process, rng):
    """Mean and deviation are those of Rasmussen and Williams, eq. 2.25 and 2.26."""
    space, codes, y, fitted = process
    new = space.sample_codes(20, rng)
    kernel = (space, fitted.kernel.lengths, fitted.kernel.share)
    matrix = correlations(*kernel, codes, codes) + (fitted.noise + 1e-9) * np.eye(len(codes))
    cross = correlations(*kernel, new, codes)
    mean = y.mean() + cross @ np.linalg.solve(matrix, y - y.mean())
    left = 1.0 - np.einsum("ij,ji->i", cross, np.linalg.solve(matrix, cross.T))
    found = fitted.predict(new)
    np.testing.assert_allclose(found[0], mean, rtol=1e-4)
    np.testing.assert_allclose((found[1] / fitted.scale) ** 2, left, rtol=1e-3, atol=1e-7)


def test_believing_a_candidate_is_conditioning_on_it(process, rng):
    """Variances fall as if the candidate had been observed at its expected value."""
    space, codes, _, fitted = process
    new = space.sample_codes(15, rng)
    believed = fitted.posterior(new).believe(3).believe(7)
    x, seen = fitted.kernel.features(new), fitted.kernel.features(codes)
    seen = np.concatenate([seen, x[[3, 7]]])
    kernel = fitted.kernel(seen, seen) + (fitted.noise + 1e-9) * np.eye(len(seen))
    cross = fitted.kernel(x, seen)
    expected = 1.0 - np.einsum("ij,ji->i", cross, np.linalg.solve(kernel, cross.T))
    np.testing.assert_allclose(believed.left, expected, rtol=1e-3, atol=1e-7)
    np.testing.assert_array_equal(believed.mean, fitted.predict(new)[0])


def test_a_space_without_layers_has_a_process_too(rng):
    space = Space("flat", (Choice("width", (1, 2, 3, 4)), Choice("bias", (False, True))))
    codes = np.array([[w, b] for w in range(4) for b in range(2)])
    y = codes[:, 0] + 0.5 * codes[:, 1]
    mean, _ = GaussianProcess.fit(Features.of(space), codes, y, rng=rng).predict(codes)
    np.testing.assert_allclose(mean, y, atol=0.05)


def test_a_constant_metric_is_predicted_as_it_is(rng):
    space = spaces.get("gpt-s")
    codes = space.sample_codes(10, rng)
    found = GaussianProcess.fit(Features.of(space), codes, np.full(10, 3.0), rng=rng).predict(codes)
    np.testing.assert_allclose(found[0], 3.0)
    assert np.isfinite(found[1]).all()


def test_descent_ends_where_scipys_does():
    low, high = np.full(3, -2.0), np.array([2.0, 0.5, 2.0])
    start = np.array([-1.2, 0.3, 1.0])
    expected = minimize(
        rosen, start, jac=rosen_der, bounds=list(zip(low, high, strict=True)), method="L-BFGS-B"
    )
    found = descend(lambda x: (rosen(x), rosen_der(x)), start, low=low, high=high, steps=200)
    np.testing.assert_allclose(rosen(found), expected.fun, rtol=1e-4)
    assert (low <= found).all()
    assert (found <= high).all()


def test_descent_starts_within_its_bounds_and_may_stay():
    found = descend(
        lambda x: (float(x.sum()), np.ones(2)),
        np.array([5.0, -5.0]),
        low=np.zeros(2),
        high=np.ones(2),
        steps=20,
    )
    np.testing.assert_array_equal(found, [0.0, 0.0])
