"""The flow event by event, with nothing of the package: dense masks, scipy's DOP853, one event at a time.

Slow and plain. It knows crossings, slides and releases. v = 0 on a slide and (w, b) = 0 it refuses.
"""

import numpy as np
from scipy.integrate import solve_ivp


class EventByEvent:
    """Data (x, y, p) and a net (w, b, v, b0); `run(t)` integrates to t and counts what happened."""

    def __init__(self, x, y, p, w, b, v, b0, train_b0=True):
        x, y, p, w, b, v = map(np.array, (x, y, p, w, b, v))
        self.x, self.y, self.p, self.train_b0 = x, y, p, train_b0
        self.width = len(w)
        self.state = np.concatenate([w, b, v, [b0]])
        self.on = np.outer(self.x, w) + b > 0
        self.pin = np.full(self.width, -1)
        self.counts = {"crossings": 0, "slides": 0, "releases": 0}

    def parts(self, state):
        w, b, v = np.split(state[:-1], 3)
        return w, b, v, state[-1]

    def force(self, state):
        w, b, v, b0 = self.parts(state)
        return self.p * (self.y - b0 - (self.on * (np.outer(self.x, w) + b)) @ v)

    def velocity(self, _, state):
        w, b, v, _ = self.parts(state)
        e = self.force(state)
        X, E = (e * self.x) @ self.on, e @ self.on
        slides = self.pin >= 0
        at = self.x[self.pin]
        along = (X - at * E) / (1 + at**2)
        X, E = np.where(slides, along, X), np.where(slides, -at * along, E)
        return np.concatenate([v * X, v * E, w * X + b * E, [e.sum() if self.train_b0 else 0.0]])

    def inequalities(self, state):
        """v S and -v (S + e_m (1 + x_m^2)) of those that slide: positive while they do."""
        _, _, v, _ = self.parts(state)
        e = self.force(state)
        i = np.flatnonzero(self.pin >= 0)
        at, m = self.x[self.pin[i]], self.pin[i]
        S = e @ self.on[:, i] + at * ((e * self.x) @ self.on[:, i])
        return i, v[i] * S, -v[i] * (S + e[m] * (1 + at**2))

    def barriers(self, state):
        """z at every datum, signed, of those that can move; positive inside the cell."""
        w, b, _, _ = self.parts(state)
        z = np.where(self.on, 1, -1) * (np.outer(self.x, w) + b)
        alive = self.on.any(0) & (self.pin < 0)
        return np.where(alive[None], z, np.inf)

    def lowest(self, _, state):
        _, inner, outer = self.inequalities(state)
        return min(np.min(self.barriers(state)), np.min(inner, initial=np.inf), np.min(outer, initial=np.inf))

    lowest.terminal = True

    def run(self, end, rtol=1e-11):
        t = 0.0
        while t < end:

            def event(t, state):
                # An event just dealt with leaves a barrier at rounding.
                return self.lowest(t, state) + 1e-11

            event.terminal, event.direction = True, -1
            sol = solve_ivp(self.velocity, (t, end), self.state, "DOP853", rtol=rtol, atol=1e-13, events=event)
            t, self.state = sol.t[-1], sol.y[:, -1]
            if sol.status == 1:
                self.decide()
        return self

    def decide(self):
        state = self.state
        w, _, v, _ = self.parts(state)
        assert np.min(np.abs(v[self.on.any(0) | (self.pin >= 0)])) > 1e-9
        i, inner, outer = self.inequalities(state)
        released = np.minimum(inner, outer) < 1e-10  # neurons that slide on one datum may go together
        for neuron, enters in zip(i[released], (outer < inner)[released], strict=True):
            self.counts["releases"] += 1
            self.on[self.pin[neuron], neuron] = enters
            self.pin[neuron] = -1
        if np.any(released):
            return
        barriers = self.barriers(state)
        n, neuron = np.unravel_index(np.argmin(barriers), barriers.shape)
        inside = self.on[n, neuron]
        self.on[n, neuron] = False
        e = self.force(state)
        S = e @ self.on[:, neuron] + self.x[n] * ((e * self.x) @ self.on[:, neuron])
        outer = S + e[n] * (1 + self.x[n] ** 2)
        sticks = v[neuron] * S > 0 if inside else v[neuron] * outer < 0
        if sticks:
            self.pin[neuron] = n
            self.state[self.width + neuron] = -w[neuron] * self.x[n]
            self.counts["slides"] += 1
        else:
            self.on[n, neuron] = not inside
            self.counts["crossings"] += 1

    def fit(self, at):
        w, b, v, b0 = self.parts(self.state)
        return b0 + np.maximum(np.outer(at, w) + b, 0) @ v
