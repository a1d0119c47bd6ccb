"""A solution as labelled arrays: what they are, in which units, and along which axes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_net

import jspline
from jspline.dynamics import Exact

ROWS = [0.0, 1.0, 1.0, 2.5, 4.0], [1.0, 3.0, 2.0, 2.0, 0.0]
TIMES = jnp.asarray([0.0, 0.1, 0.5])


@pytest.fixture(scope="module")
def posed():
    raw = jspline.Dataset(*ROWS)
    data, units = raw.standardize()
    return raw, data.merged(), units


def flow(net, data, **options):
    return jspline.flow(net, data, 0.7, rtol=1e-4, atol=1e-7, **options)


def test_a_batch_in_the_units_of_its_data(posed):
    raw, data, units = posed
    nets = jax.vmap(lambda key: random_net(key, 6))(jax.random.split(jax.random.key(0), 3))
    sol = jax.vmap(lambda net: flow(net, data, ts=TIMES, method=Exact(events=20)))(nets)
    table = jspline.datasets.Table(raw, "when", "how much")
    ds = sol.to_xarray(data, units=units, table=table, batch=["draw"], grid=11)
    assert dict(ds.sizes) == {"data": 5, "draw": 3, "grid": 11, "times": 3, "width": 6, "events": 20}
    assert set(ds.coords) == {"draw", "grid", "times"}
    assert (ds.x.long_name, ds.fit.long_name) == ("when", "how much")
    np.testing.assert_array_equal(ds.x, raw.x)
    for i in range(3):
        end = units.restore(jax.tree.map(lambda leaf: leaf[i], sol.net))  # noqa: B023
        np.testing.assert_allclose(ds.fit[i], end(ds.grid.values), rtol=1e-12)
        for k in range(3):
            net = jspline.ReLUNet(*(ds[name].values[i, k] for name in ("w", "b", "v")), ds.b0.values[i, k])
            seen = data.weight @ (units.y(data.y) - net(units.x(data.x))) ** 2 / 2 / units.y_scale**2
            np.testing.assert_allclose(ds.loss[i, k], seen + data.constant, rtol=1e-10)
            for name in ("beta", "mu", "s"):
                np.testing.assert_allclose(ds[name][i, k], getattr(net.to_spline(), name), rtol=1e-12)
        written = np.isfinite(ds.event_time[i].values)
        assert written.sum() == int(sol.events.total[i])
        assert np.all((ds.event_kind[i].values != "") == written)
    np.testing.assert_array_equal(ds.steps, sol.stats["num_steps"])
    assert ds.result.values.tolist() == ["end_time"] * 3
    assert ds.attrs == pytest.approx(
        {"least_possible_loss": float(data.constant)}
        | {name: float(getattr(units, name)) for name in ("x_mean", "x_scale", "y_mean", "y_scale")}
    )


def test_one_flow_that_kept_nothing(posed):
    _, data, _ = posed
    sol = flow(random_net(jax.random.key(1), 4), data)
    ds = sol.to_xarray(data)
    assert dict(ds.sizes) == {"data": 4, "grid": 1001, "width": 4}
    np.testing.assert_allclose(ds.loss, sol.loss, rtol=1e-12)
    np.testing.assert_array_equal(ds.w, sol.net.w)
    assert (ds.t_end, ds.result) == (sol.t, "end_time")


def test_the_events_of_one_flow_are_those_that_were_written(posed):
    _, data, _ = posed
    sol = flow(random_net(jax.random.key(2), 8), data, method=Exact(events=100))
    ds = sol.to_xarray(data)
    assert 0 < ds.sizes["events"] == int(sol.events.total)
    kinds = [jspline.dynamics.KINDS[k] for k in sol.events.kind[: ds.sizes["events"]].tolist()]
    assert ds.event_kind.values.tolist() == kinds
    np.testing.assert_array_equal(ds.event_datum, sol.events.datum[: ds.sizes["events"]])


def test_what_has_no_axis_in_common_is_refused(posed):
    _, data, _ = posed
    nets = jax.vmap(lambda key: random_net(key, 4))(jax.random.split(jax.random.key(0), 2))
    sol = jax.vmap(lambda net, ts: flow(net, data, ts=ts))(nets, jnp.stack([TIMES, TIMES + 0.1]))
    with pytest.raises(ValueError, match="must have the same `ts`"):
        sol.to_xarray(data)
    with pytest.raises(ValueError, match="must name 1 axes"):
        sol.to_xarray(data, batch=["a", "b"])
