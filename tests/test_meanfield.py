"""Infinite width: nodes, their flow, the density, fluctuations and the stationary law with noise.

Set-ups and numbers: three data P3 and ten S10, without b0; the reference of each number is independent of this code.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

import jspline
from jspline import Dataset, Problem, ReLUNet, init, meanfield, penalty

P3 = Problem(Dataset([-0.75, -0.5, 0.125], [1.1, 0.1, 0.8]), train_b0=False)
TEN = np.sort(np.random.default_rng(0).uniform(-2, 2, 10))
S10 = Problem(Dataset(TEN, np.sin(3 * TEN)), train_b0=False)
UNIT = init.Balanced(1.0)
TS = (0.0, 0.25, 1.0, 4.0, 16.0, 32.0)
GRID = np.linspace(-2, 2, 401)
STRICT = {"rtol": 1e-7, "atol": 1e-9}
LAWS = {
    "balanced": init.Balanced(0.7),
    "gaussian": init.Gaussian(1.3, 0.6, 0.8),
    "uniform": init.Uniform(2.0, 0.7, 1.5),
    "uniform breakpoints": init.UniformBreakpoints(-1.0, 0.9, 1.5, 0.7),
}


def solve(problem=P3, t1=32.0, law=UNIT, tol=1e-3, **options):
    return meanfield.flow(law, problem, t1, tol=tol, **(STRICT | options))


def values(mf, ts):
    return np.stack([np.asarray(mf(GRID, t)) for t in ts])


def apart(found, reference):
    """Root mean square over the grid, relative, the worst of the times."""
    return np.max(np.linalg.norm(found - reference, axis=1) / np.linalg.norm(reference, axis=1))


@pytest.fixture(scope="module")
def three():
    return solve(ts=TS, tol=5e-5)


@pytest.mark.parametrize("name", LAWS)
def test_nodes_are_a_quadrature_of_the_law(name):
    """Quadratic forms of (w, b, v) at a datum, by the moments of the law itself."""
    law, x = LAWS[name], 0.4
    nodes = meanfield.nodes(law, Dataset([x, -0.3], [0.0, 1.0]), 4000)
    assert abs(nodes.cells.mass.sum() + nodes.silent.mass.sum() - 1) < 1e-12
    w, b, v = nodes.net.w, nodes.net.b, nodes.net.v
    z = jnp.maximum(w * x + b, 0)
    samples = law.sample(2_000_000, key=jax.random.key(0))
    if name == "uniform breakpoints":  # it samples w in units of the width
        samples = ReLUNet(samples.w * 2e6**0.5, samples.b * 2e6**0.5, samples.v, 0.0)
    there = jnp.maximum(samples.w * x + samples.b, 0)
    for found, each in (
        (z**2, there**2),
        (jnp.abs(v) * z, jnp.abs(samples.v) * there),
        (jnp.where(z > 0, v**2, 0), jnp.where(there > 0, samples.v**2, 0)),
    ):
        error = float(jnp.std(each)) / 2_000_000**0.5
        assert abs(float(jnp.sum(found) - jnp.mean(each))) < 5 * error + 2e-3 * float(jnp.mean(each))


def test_the_losses_of_two_problems(three):
    """Numbers of an independent run of 3,282 and 2,882 nodes, on the way too."""
    for t, loss in ((1.0, 0.246831), (4.0, 0.222941), (16.0, 0.0993976), (32.0, 0.00258247)):
        np.testing.assert_allclose(jspline.loss(three.at(t), P3), loss, rtol=1e-3)
    assert three.result == "converged"
    assert three.net.width < 1024
    np.testing.assert_allclose(
        three(np.array([-1.5, -0.5, 0.5, 1.5]), 16.0), [1.88306, 0.45184, 0.89152, 1.43778], atol=5e-4
    )
    ten = solve(S10, 2.0, tol=2e-4)
    assert ten.result == "converged"
    np.testing.assert_allclose(jspline.loss(ten.net, S10), 0.368105, rtol=3e-4)
    np.testing.assert_allclose(ten(np.array([-1.5, -0.5, 0.5, 1.5])), [0.33968, 0.38357, 0.74838, -0.64993], atol=5e-4)


@pytest.mark.full
def test_refined_nodes_are_of_second_order():
    ts = TS[1:]
    runs = {n: values(solve(ts=ts, tol=1e-12, max_nodes=n), ts) for n in (250, 500, 1900)}
    reference = values(solve(ts=ts, tol=1e-12, max_nodes=3600), ts)
    errors = {n: apart(found, reference) for n, found in runs.items()}
    assert errors[250] <= 2e-3
    assert errors[500] <= 3e-4
    assert np.log(errors[250] / errors[1900]) / np.log(1900 / 250) >= 1.7
    ten = solve(S10, 2.0, tol=1e-12, max_nodes=2900)
    np.testing.assert_allclose(jspline.loss(ten.net, S10), 0.368105, rtol=1e-4)


def test_atoms_and_masses(three):
    """Shares of a run of 3,282 nodes, by place, orientation and sign of v; and what of |mu| is on data."""
    expected = {
        1.0: {(0, 1, -1): 0.0373, (1, 1, 1): 0.0342, (1, -1, 1): 0.0044, (2, -1, -1): 0.0203},
        4.0: {(0, 1, -1): 0.0377, (1, 1, 1): 0.0567, (1, -1, 1): 0.0424},
        16.0: {(1, 1, 1): 0.0567, (1, -1, 1): 0.0497},
        32.0: {(1, 1, 1): 0.0567, (1, -1, 1): 0.0567},
    }
    shares = {1.0: 0.124, 4.0: 0.285, 16.0: 0.627, 32.0: 0.784}
    for t, atoms in expected.items():
        found = three.atoms(t)
        pinned = found.kind == "pinned"
        places = np.searchsorted(np.asarray(P3.data.x), found.place[pinned] - 1e-9)
        keys = zip(
            places.tolist(), found.s[pinned].astype(int).tolist(), found.sign[pinned].astype(int).tolist(), strict=True
        )
        masses = dict(zip(keys, found.mass[pinned].tolist(), strict=True))
        assert set(masses) == set(atoms)
        for key, mass in atoms.items():
            assert abs(masses[key] - mass) < 5e-4
        mu = np.abs(three.at(t).w * three.at(t).v)
        np.testing.assert_allclose(
            np.abs(found.delta_slope[pinned]).sum() / (mu.sum() + silent_slopes()), shares[t], atol=2e-3
        )
        np.testing.assert_allclose(three.mass(t).on_data, sum(atoms.values()), atol=1e-3)
    # What has been released moves on as an atom.
    moving = three.atoms(16.0)
    assert np.sum(moving.kind == "moving") == 2
    for t in TS:
        assert abs(sum(three.mass(t)) - 1) < 1e-12


def silent_slopes():
    """sum |mu| of the neurons that see nothing at the start: of 4 / pi in all, the share of their angles."""
    silent = meanfield.nodes(UNIT, P3, 8).silent
    w, _, v = init_labels(silent)
    return float(np.sum(silent.mass * 2 * np.abs(w * v)))


def init_labels(cells):
    return meanfield.nodes(UNIT, P3, 8).labels.theta(cells.sign, cells.at, cells.turn.mean(axis=0))


def test_densities_integrate_to_what_is_no_atom(three):
    angle = np.linspace(-np.pi / 2, np.pi / 2, 20_001)[1:-1]
    beta = np.tan(angle)
    for t in (0.0, 1.0, 32.0):
        atoms = three.atoms(t)
        spread = sum(np.trapezoid(three.density(beta, s, t), beta) for s in (1, -1))
        assert abs(spread + atoms.mass.sum() - 1) < 2e-3
        some = three.density(beta[::100], 1, t)
        assert np.all(some >= 0)
        # The joint density integrates over mu to it, and its first moment to that of the delta-slopes.
        at, mu = np.array([-1.7, 0.31, 2.0]), np.linspace(-400, 400, 40_001)
        joint = three.joint(at[:, None], mu, 1, t)
        np.testing.assert_allclose(np.trapezoid(joint, mu, axis=1), three.density(at, 1, t), rtol=2e-2)
        sizes = np.trapezoid(joint * np.abs(mu), mu, axis=1)
        np.testing.assert_allclose(sizes, three.density(at, 1, t, of="delta-slopes"), rtol=1e-3)
    # At the start they are those of the law: |mu| exponential at each breakpoint, as under Gaussian weights. Bug: there
    # were gaps on the data, at the ends of cells.
    law, at = init.Gaussian(1.0, 1.0, 2.0), np.array([-1.0, -0.75, -0.5, 0.0, 0.05, 0.125, 0.4])
    np.testing.assert_allclose(three.density(at, -1, 0.0), law.pdf_beta(at) / 2, rtol=3e-2)
    np.testing.assert_allclose(three.joint(at, 0.7, -1, 0.0), law.pdf(at, 0.7) / 2, rtol=3e-2)


def test_growth_and_compression_are_one_thing():
    """Along a characteristic, r / r0 (d Th / d th0)^2 is the product over its crossings of S_after / S_before."""
    nodes = meanfield.nodes(UNIT, P3, 40)
    step, light = 1e-6, 1e-7
    labels = [
        (sign, turn + k * step) for sign in (1.0, -1.0) for turn in (0.03, 0.11, 0.21, 0.36, 0.44) for k in (-1, 0, 1)
    ]
    sign, turn = np.array(labels).T
    w, b, v = (light * part for part in nodes.labels.theta(sign, np.full(turn.size, 0.5), turn))
    count, first = nodes.net.width, (w, b)
    net = ReLUNet(
        *(
            jnp.concatenate([node, jnp.asarray(part)])
            for node, part in zip((nodes.net.w, nodes.net.b, nodes.net.v), (w, b, v), strict=True)
        ),
        0.0,
    )
    tight = {"rtol": 1e-11, "atol": 1e-25}
    sol = jspline.flow(net, P3, 2.0, method=jspline.dynamics.Exact(events=512), **tight)
    events = sol.events
    happened = [
        (float(t), int(who), int(datum))
        for t, kind, who, datum in zip(events.time, events.kind, events.neuron, events.datum, strict=True)
        if np.isfinite(t) and int(kind) == jspline.dynamics.KINDS.index("crossing")
    ]
    slid = {
        int(who)
        for t, kind, who in zip(events.time, events.kind, events.neuron, strict=True)
        if np.isfinite(t) and int(kind) != jspline.dynamics.KINDS.index("crossing")
    }
    x, y = np.asarray(P3.data.x), np.asarray(P3.data.y)
    angle = np.arctan2(sol.net.b, sol.net.w)[count:].reshape(-1, 3)
    start = np.arctan2(first[1], first[0]).reshape(-1, 3)
    checked = 0
    for k in range(angle.shape[0]):
        who = count + 3 * k + 1
        if {who - 1, who, who + 1} & slid:
            continue
        product = 1.0
        for t, neuron, datum in happened:
            if neuron == who:
                there = jspline.flow(net, P3, t, **tight).net
                e = y - np.asarray(there(x))
                sides = []
                for away in (-1e-6, 1e-6):
                    turned = jspline.flow(net, P3, t + away, **tight).net
                    seen = float(turned.w[who]) * x + float(turned.b[who]) > 0
                    sides.append(np.sum(np.where(seen, e * (x[datum] * x + 1), 0)))
                product *= sides[1] / sides[0]
        if product == 0:  # it died: there the formula ends
            continue
        stretch = (angle[k, 2] - angle[k, 0]) / (start[k, 2] - start[k, 0])
        growth = (sol.net.w[who] ** 2 + sol.net.b[who] ** 2) / (w[3 * k + 1] ** 2 + b[3 * k + 1] ** 2)
        np.testing.assert_allclose(growth * stretch**2, product, rtol=1e-5)
        checked += 1
    assert checked >= 5
    assert any(who >= count for _, who, _ in happened)


def test_the_limit_of_large_scales_is_the_kernel_regime():
    """The gap to it falls as alpha^-4; 16 times from alpha = 8 to 16."""
    net = meanfield.nodes(UNIT, S10, 480).net
    gaps = []
    for alpha in (1.0, 2.0, 4.0, 8.0, 16.0):
        large = jspline.rescale(net, alpha)
        end = jspline.flow(large, S10, alpha**-2, rtol=1e-10, atol=1e-13).net
        linear = jspline.kernel.flow(large, S10, alpha**-2)
        gaps.append(np.linalg.norm(end(GRID) - linear(GRID)) / np.linalg.norm(linear(GRID)))
    ratios = np.divide(gaps[:-1], gaps[1:])
    np.testing.assert_allclose(ratios[:2], [5.7, 14.1], rtol=0.02)
    np.testing.assert_allclose(ratios[2], 15.92, atol=0.1)
    np.testing.assert_allclose(ratios[3], 16, atol=0.2)


def test_fluctuations_of_random_nets():
    """H sum Var f_H over 41 points, found by finite differences of 220 nodes to be 287.9 on P3 and 3.17 on S10."""
    x = np.linspace(-2, 2, 41)
    covariance = solve(t1=16.0).covariance(x)
    np.testing.assert_allclose(np.trace(covariance), 287.5, rtol=0.05)
    assert np.linalg.eigvalsh(covariance)[0] > -1e-9


@pytest.mark.full
def test_fluctuations_are_those_of_200_random_nets():
    x, width, count = np.linspace(-2, 2, 41), 1024, 200
    nets = jax.vmap(lambda key: init.Balanced(width**-0.5).sample(width, key=key))(
        jax.random.split(jax.random.key(1), count)
    )

    def end(net):
        return jspline.flow(net, P3, 16.0, rtol=1e-5, atol=1e-9).net(jnp.asarray(x))

    ends = np.asarray(jax.jit(lambda nets: jax.lax.map(end, nets))(nets))
    squares = width * (ends - ends.mean(axis=0)) ** 2 * count / (count - 1)
    totals = squares.sum(axis=1)
    expected = np.trace(solve(t1=16.0).covariance(x))
    assert abs(totals.mean() - expected) < 4 * totals.std() / count**0.5
    # By finite differences of 220 nodes, and by reverse mode of 480.
    np.testing.assert_allclose(np.trace(solve(S10, 2.0, tol=1e-2).covariance(x)), 3.2, rtol=0.05)


@pytest.mark.full
@pytest.mark.parametrize("name", LAWS)
def test_a_wide_random_net_is_near_the_limit(name):
    """Width 10^5: the fit within some 1 / sqrt(H), atoms and dead mass within 5 standard deviations."""
    law, width, ts = LAWS[name], 100_000, [1.0, 4.0]
    mf = solve(t1=4.0, law=law, tol=3e-3, ts=ts, max_nodes=8192)
    net = law.sample(width, key=jax.random.key(2))
    root = width**0.5
    start = (
        ReLUNet(net.w, net.b, net.v / root, 0.0)
        if name == "uniform breakpoints"
        else ReLUNet(net.w / root, net.b / root, net.v / root, 0.0)
    )
    sol = jspline.flow(start, P3, 4.0, ts=jnp.asarray(ts), rtol=1e-5, atol=1e-9)
    x = np.asarray(P3.data.x)
    for k, t in enumerate(ts):
        there = jax.tree.map(lambda part, k=k: np.asarray(part[k]), sol.nets)
        assert np.linalg.norm(
            there.v @ np.maximum(there.w[:, None] * GRID + there.b[:, None], 0) - mf(GRID, t)
        ) < 0.05 * np.linalg.norm(mf(GRID, t))
        z = there.w[:, None] * x + there.b[:, None]
        dead = np.all(z <= 0, axis=1)
        on = np.any(z == 0, axis=1) & ~dead
        for found, mass in ((dead.mean(), mf.mass(t).dead), (on.mean(), mf.mass(t).on_data)):
            assert abs(found - mass) < 5 * (mass * (1 - mass) / width) ** 0.5 + 2e-3


@pytest.mark.full
def test_the_critical_scale_of_alignment():
    """Below it the infinitely wide net stalls on the line of least squares; above it interpolates."""
    line = 0.5 * np.sum((P3.data.y - np.polyval(np.polyfit(P3.data.x, P3.data.y, 1), P3.data.x)) ** 2)
    ends = {
        s: float(jspline.loss(solve(t1=400.0, law=init.Balanced(s), tol=1e-3, ts=[400.0]).net, P3))
        for s in (0.088, 0.097)
    }
    np.testing.assert_allclose(ends[0.088], line, rtol=1e-3)
    assert ends[0.097] < line / 10


@pytest.mark.parametrize("train_b0", [False, True])
def test_the_stationary_law_with_noise(train_b0):
    """Against an integral over (w, b, v) itself; the limit of low temperatures is the optimum of the dual."""
    problem = Problem(P3.data, decay=0.15, train_b0=train_b0)
    found = meanfield.gibbs(problem, 0.1)
    x, y, e = np.asarray(P3.data.x), np.asarray(P3.data.y), found.force
    np.testing.assert_allclose(e, y - found(x), atol=1e-9)
    assert not train_b0 or abs(e.sum()) < 1e-12

    angle = np.linspace(0, 2 * np.pi, 1441)[:-1]
    radius, v = np.linspace(0, 9, 181), np.linspace(-9, 9, 121)
    z = np.maximum(np.cos(angle)[:, None] * x + np.sin(angle)[:, None], 0)
    force = (z @ e)[:, None, None] * radius[:, None] * v
    weight = radius[:, None] * np.exp((force - 0.15 * (radius[:, None] ** 2 + v**2) / 2) / 0.1)
    total, moment = (integrate.simpson(np.sum(weight * v**k, axis=2) * radius**k, radius) for k in (0, 1))
    np.testing.assert_allclose(found(x) - found.b0, moment @ z / total.sum(), atol=1e-4)
    share = total / total.sum() / (angle[1] - angle[0])
    np.testing.assert_allclose(found.density(angle), share, rtol=1e-4)

    dual = found.limit().force
    for temperature in (1e-1, 1e-2, 1e-3, 1e-4):
        cold = meanfield.gibbs(problem, temperature)
        assert np.max(np.abs(cold.force - dual)) <= 1.5 * temperature
        assert cold.steps <= 40


def test_tracers_follow_the_nodes_they_start_at():
    mf = solve(t1=4.0)
    some = slice(0, mf.nodes.net.width, 7)
    start = mf.nodes.net
    traced = mf.trace(ReLUNet(3 * start.w[some], 3 * start.b[some], 3 * start.v[some], 0.0))
    for part in "wbv":
        reference = 3 * np.asarray(getattr(mf.nets, part))[:, some]
        np.testing.assert_allclose(getattr(traced, part), reference, atol=1e-4 * np.abs(reference).max())


def test_what_does_not_get_there_says_so():
    short = solve(t1=4.0, tol=1e-9, max_nodes=140)
    assert short.result == "out_of_nodes"
    assert short.error > 1e-9
    assert "raise one of them" in repr(short)
    assert "140 nodes" in repr(short)


def test_the_end_is_kept():
    """Bug: where `ts` left it out, masses and densities at the end were refused, which no `t` stands for."""
    mf = solve(t1=4.0, ts=[1.0])
    assert mf.ts.tolist() == [1.0, 4.0]
    assert abs(sum(mf.mass()) - 1) < 1e-12
    assert mf.density(0.3, 1) == mf.density(0.3, 1, 4.0)


@pytest.mark.parametrize("data", [Dataset([0.3], [1.0]), Dataset([0.0, 0.0, 1.0], [0.0, 1.0, 1.0])])
def test_one_datum_and_ties(data):
    mf = solve(data, 30.0, tol=1e-2)
    assert mf.result == "converged"
    least = data.tie_constant()
    np.testing.assert_allclose(jspline.loss(mf.net, data), least, atol=1e-8)
    assert abs(sum(mf.mass()) - 1) < 1e-12


def test_nothing_to_learn_is_learned_at_once():
    """Bug: rounding over itself was refined to the last node."""
    mf = solve(Problem(Dataset(P3.data.x, jnp.zeros(3)), train_b0=False), 1.0, tol=0.1)
    assert (mf.result, mf.error) == ("converged", 0.0)


def test_as_few_nodes_as_there_can_be():
    assert solve(max_nodes=12, t1=1.0, tol=0.1).net.width == 12


def test_atoms_on_data_are_there(three):
    """Bug: dead ones lay 1e-4 beyond their datum, in two parts; those on the left-facing side were split at pi."""
    for t in three.ts[1:]:
        atoms = three.atoms(t)
        held = np.isin(atoms.kind, ["dead", "pinned"])
        assert np.all(np.isin(atoms.place[held], np.asarray(P3.data.x)))
        keys = [*zip(atoms.place[held], atoms.s[held], atoms.sign[held], atoms.kind[held], strict=True)]
        assert len(set(keys)) == len(keys)


OFFSET_X, OFFSET_Y = np.array([-1.5, -0.7, 0.1, 0.8, 1.6]), np.array([0.3, -1.0, 0.6, 1.2, -0.4])


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e8])
@pytest.mark.parametrize("offset", [0.0, 1e4, 1e6])
def test_the_optimum_does_not_depend_on_units(offset, unit):
    """Bug: with y near 1e5 it was 50 % off, of gap 0; in units of 1e-8 it was NaN."""
    plain = penalty.optimum(Problem(Dataset(OFFSET_X, OFFSET_Y), decay=0.05))
    moved = penalty.optimum(Problem(Dataset(OFFSET_X, (OFFSET_Y + offset) * unit), decay=0.05 * unit))
    rounding = 1e-15 * (1 + offset)
    np.testing.assert_allclose(moved.value / unit**2, plain.value, rtol=1e-9 + 100 * rounding)
    np.testing.assert_allclose(float(moved.net.b0) / unit - offset, float(plain.net.b0), atol=1e-6 + 10 * rounding)
    assert 0 <= moved.gap <= 1e-9 * plain.value * unit**2


def test_the_stationary_law_does_not_depend_on_units():
    plain = meanfield.gibbs(Problem(Dataset(OFFSET_X, OFFSET_Y), decay=0.05), 0.1)
    moved = meanfield.gibbs(Problem(Dataset(OFFSET_X, 1e3 * (OFFSET_Y + 100)), decay=50.0), 1e5)
    np.testing.assert_allclose(moved.force / 1e3, plain.force, atol=1e-9)
    np.testing.assert_allclose(moved([0.3, 5.0]) / 1e3 - 100, plain([0.3, 5.0]), atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("temperature", [0.1, 1e-4])
def test_newton_is_quick_and_the_fit_is_the_integral_also_off_the_data(seed, temperature):
    """Bug: steps of rounding were taken up to the last one; the kink at x lay inside a panel of the rule."""
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.uniform(-2, 2, 3)), rng.normal(size=3)
    law = meanfield.gibbs(Problem(Dataset(x, y), decay=0.15), temperature)
    assert law.steps <= 40
    np.testing.assert_allclose(law(x), y - law.force, atol=1e-6)
    if temperature == 0.1:
        at = 2.5
        cut = np.arctan2(-np.append(x, at), 1.0)
        cuts = np.unique(np.concatenate([cut, cut + np.pi, [cut.min() + 2 * np.pi]]))
        points, weights = np.polynomial.legendre.leggauss(400)
        angle = (cuts[:-1, None] + np.diff(cuts)[:, None] * (1 + points) / 2).ravel()
        weight = (np.diff(cuts)[:, None] * weights / 2).ravel()
        g = np.maximum(np.cos(angle)[:, None] * x + np.sin(angle)[:, None], 0) @ law.force
        slack = 0.15**2 - g**2
        relu = np.maximum(at * np.cos(angle) + np.sin(angle), 0)
        expected = law.b0 + 2 * temperature * np.sum(weight * g * relu / slack**2) / np.sum(weight / slack)
        np.testing.assert_allclose(law(at), expected, rtol=1e-8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: solve(law=init.he), ValueError, "He's limit is not one of mean field but the kernel regime"),
        (lambda: solve(law=init.Spiky(UNIT, 2.0, 1)), ValueError, "Spiky has no density over neurons"),
        (lambda: solve(law=init.FromData(P3.data)), ValueError, "FromData has no density over neurons"),
        (lambda: solve(law=3.0), TypeError, r"`law` must be a law of jspline\.init"),
        (lambda: solve(t1=np.inf), ValueError, "`t1` must be positive and finite"),
        (lambda: solve(tol=0.0), ValueError, "`tol` must be positive"),
        (lambda: solve(ts=[3.0, 1.0]), ValueError, "`ts` must increase"),
        (lambda: solve(ts=[]), ValueError, "`ts` must be a vector of times"),
        (lambda: solve(max_nodes=3), ValueError, "`max_nodes` must be at least 12"),
        (lambda: solve(law=init.Gaussian(1.0, 0.0, 1.0)), ValueError, "With `sigma_b` = 0 every breakpoint is at 0"),
        (lambda: solve(Dataset(P3.data.x, P3.data.y, jnp.zeros(3))), ValueError, "All data have weight 0"),
        (
            lambda: meanfield.gibbs(Problem(Dataset([0.0, 1.0], [0.0, 1.0], [0.0, 0.0]), decay=0.1), 0.1),
            ValueError,
            "All data have weight 0",
        ),
        (
            lambda: solve(Dataset(*(np.float32(part) for part in (P3.data.x, P3.data.y)))),
            ValueError,
            "Infinite width takes float64 data",
        ),
        (lambda: solve(t1=1.0).covariance([[0.0, 1.0]]), ValueError, "`x` must be a vector of points"),
        (lambda: solve(t1=1.0).joint([1.0, 2.0, 3.0], [1.0, 2.0], 1), ValueError, "`beta` and `mu` must go together"),
        (lambda: solve(max_nodes=0), ValueError, "`max_nodes` must be a whole number"),
        (lambda: solve(Problem(P3.data, decay=0.1)), ValueError, "This knows no weight decay"),
        (lambda: meanfield.nodes(UNIT, P3, 0), ValueError, "`count` must be a whole number"),
        (lambda: solve(t1=1.0).at(0.3), ValueError, "`t` must be one of the times kept"),
        (lambda: solve(t1=1.0).density(0.0, 2), ValueError, "`s` must be 1 or -1"),
        (lambda: solve(t1=1.0).density(0.0, 1, of="planes"), ValueError, "`of` must be 'neurons' or 'delta-slopes'"),
        (lambda: solve(t1=1.0).trace(ReLUNet([0.0], [0.0], [0.0])), ValueError, "has no label"),
        (
            lambda: solve(law=LAWS["uniform breakpoints"], t1=1.0, tol=0.1).joint(0.0, 1.0, 1),
            ValueError,
            "a label says all of mu",
        ),
        (lambda: meanfield.gibbs(P3, 0.1), ValueError, "This needs weight decay"),
        (lambda: meanfield.gibbs(Problem(P3.data, decay=0.1), 0.0), ValueError, "`temperature` must be positive"),
        (
            lambda: meanfield.gibbs(Problem(P3.data, decay=0.1, decay_biases=False), 0.1),
            ValueError,
            "decay of all of w, b and v only",
        ),
        (lambda: penalty.optimum(P3), ValueError, "This needs weight decay"),
        (
            lambda: jax.jit(lambda s: meanfield.nodes(init.Balanced(s), P3, 9).net.w)(1.0),
            ValueError,
            "runs on the host",
        ),
    ],
)
def test_what_is_refused(unchecked, call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("train_b0", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_optimum_with_decay_by_a_fine_grid(seed, train_b0):
    """A quadratic program over 2,000 directions is above it, by no more than the grid; the network has the value."""
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.uniform(-1, 1, 6)), rng.normal(size=6)
    problem = Problem(Dataset(x, y, rng.uniform(0.5, 2, 6)), decay=[0.3, 0.03, 1e-3][seed % 3], train_b0=train_b0)
    best = penalty.optimum(problem)
    net = best.net
    by_net = jspline.loss(net, Problem(problem.data)) + problem.decay / 2 * jnp.sum(net.w**2 + net.b**2 + net.v**2)
    np.testing.assert_allclose(by_net, best.value, rtol=1e-9)
    assert 0 <= best.gap <= 1e-9 * float(jnp.sum(problem.data.weight * problem.data.y**2))
    np.testing.assert_allclose(best.force, problem.data.weight * (problem.data.y - net(problem.data.x)), atol=1e-8)
    angle = np.linspace(0, 2 * np.pi, 20_001)
    g = np.maximum(np.cos(angle)[:, None] * np.asarray(problem.data.x) + np.sin(angle)[:, None], 0) @ best.force
    assert np.max(np.abs(g)) <= float(problem.decay) * (1 + 1e-6)
    # No step towards any direction pays.
    for k in range(0, angle.size, 500):
        for sign in (1, -1):
            more = ReLUNet(
                *(
                    jnp.append(part, 0.03 * extra)
                    for part, extra in ((net.w, np.cos(angle[k])), (net.b, np.sin(angle[k])), (net.v, sign))
                ),
                net.b0,
            )
            cost = jspline.loss(more, Problem(problem.data)) + problem.decay / 2 * jnp.sum(
                more.w**2 + more.b**2 + more.v**2
            )
            assert cost >= best.value - 1e-12
