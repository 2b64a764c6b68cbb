"""Hidden Markov models of many short sequences at once: a panel of customers, a few weeks or months each.

What makes it fast: customers with the same history are taken together; the forward and the backward pass go
step by step through time and do all customers of a step in one matrix product; the chance of an observation
is looked up in a table of the *different* observations. The rest is as in `hidden`, but that the forward pass
is scaled: each step's probabilities are divided by their sum, and the logarithms of the sums added up, which
protects from underflow as logarithms do, at less cost.
"""

import warnings
from itertools import chain

import numpy as np
import pandas as pd
from scipy.special import gammaln, xlog1py, xlogy
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from bigmkt_helpers.errors import BigmktError, InputError, NotFittedError
from bigmkt_helpers.sequences import _checks

__all__ = ["NotConvergedError", "PanelHMM", "state_count_table"]

_KINDS = ("poisson", "bernoulli", "categorical")
_SCREEN = 30
"""Steps after which the starts are compared where only some go on."""


class NotConvergedError(BigmktError):
    """The iterations ran out and the caller asked for an error."""


# --- the data: every cell a number that says which of the different observations it is ------------------


class _Panel:
    """Sequences made into flat arrays, time-major, longest first; equal ones are one with a weight.

    ``codes`` of cell (t, place) is at ``start[t] + place`` and points into ``values`` (J, D), NaN where
    missing; ``first`` (J,) marks observations of a first step that are known to be at least one.
    """

    def __init__(self, flat, lengths, index, first_mark):
        self.index, self.lengths = index, lengths
        missing = np.isnan(flat)
        self.observed = len(flat) - int(missing.all(axis=1).sum())
        begins = np.cumsum(lengths) - lengths
        first = np.zeros(len(flat), dtype=bool)
        if first_mark:
            first[begins[lengths > 0]] = True
            first &= ~missing[:, 0]
        shown, code = _different(flat, missing, first)
        self.values, self.first = flat[shown], first[shown]
        n, longest = len(lengths), int(lengths.max(initial=0))
        self.who = np.repeat(np.arange(n), lengths)
        self.step = np.arange(len(flat)) - np.repeat(begins, lengths)
        # 0 where a sequence has ended; the fewer bytes a row has, the sooner equal rows are found
        grid = np.zeros((n, longest), dtype=np.min_scalar_type(len(shown)))
        grid[self.who, self.step] = code + 1
        keep, self.place, count = _equal_rows(grid)
        order = np.argsort(-lengths[keep], kind="stable")
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        self.place = back[self.place]
        grid, self.weight = grid[keep][order], count[order].astype(float)
        self.own_lengths = lengths[keep][order]
        ending = np.bincount(self.own_lengths, minlength=longest + 1)
        self.size = (len(keep) - np.cumsum(ending)[:longest]).tolist()
        self.start = np.concatenate([[0], np.cumsum(self.size)]).astype(np.int64)
        columns = [grid[:size, t] for t, size in enumerate(self.size)]
        self.codes = np.concatenate(columns or [np.zeros(0)]).astype(np.int64) - 1
        self.sequence = np.concatenate([np.arange(s) for s in self.size] or [np.zeros(0, np.int64)])

    def cells(self) -> np.ndarray:
        """For every step of every sequence, in the order handed in: its cell."""
        return self.start[self.step] + self.place[self.who]

    def rows(self) -> pd.MultiIndex:
        names = [self.index.name or "sequence", "step"]
        if self.index.is_monotonic_increasing and self.index.is_unique and not self.index.hasnans:
            # the levels are known: no need to look for them among all the rows
            some = self.lengths > 0
            levels = [self.index[some], pd.RangeIndex(int(self.lengths.max(initial=0)))]
            who = np.cumsum(some)[self.who] - 1
            return pd.MultiIndex(levels=levels, codes=[who, self.step], names=names, verify_integrity=False)
        return pd.MultiIndex.from_arrays([self.index.take(self.who), self.step], names=names)


def _different(flat, missing, first):
    """A cell that shows each of the different observations, and for every cell which of them it shows.

    The channels of a cell are the digits of one number, so that numbers are compared instead of rows.
    """
    key, room = np.zeros(len(flat), dtype=np.int64), 1
    for column, gap in [*zip(flat.T, missing.T, strict=True), (first, np.zeros(len(flat), dtype=bool))]:
        top = column[~gap].max(initial=0)
        if top < 2**20:
            digit, radix = np.where(gap, 0, column + 1).astype(np.int64), int(top) + 2
        else:
            values, digit = np.unique(np.where(gap, -1, column), return_inverse=True)
            radix = len(values)
        if room * radix > 2**40:
            values, key = np.unique(key, return_inverse=True)
            room = len(values)
        key, room = key * radix + digit, room * radix
    if room > 4 * len(key) + 1024:
        _, shown, code = np.unique(key, return_index=True, return_inverse=True)
        return shown, code
    taken = np.zeros(room, dtype=np.int64)
    taken[key] = 1
    code = (np.cumsum(taken) - 1)[key]
    shown = np.empty(int(taken.sum()), dtype=np.int64)
    shown[code] = np.arange(len(key))
    return shown, code


def _equal_rows(grid):
    """Places of the different rows, for every row which of them it is, and how many rows each stands for."""
    n, width = grid.shape
    if not n or not width:
        return np.arange(n), np.arange(n), np.ones(n, dtype=np.int64)
    bytes_of = grid.view(np.dtype((np.void, grid.dtype.itemsize * width))).reshape(-1)
    _, keep, place, count = np.unique(bytes_of, return_index=True, return_inverse=True, return_counts=True)
    return keep, place, count


def _forward_pass(panel, pi, A, chance):
    """Filtered laws of all cells, the sums they were divided by, and ln P of each sequence.

    α(t) = (α(t − 1) A) ∘ B(t), divided by its sum c(t); ln P = Σ ln c. −inf where that cannot happen.
    """
    # −inf in every state marks an impossible observation: no shift can mend that
    top = np.max(chance, axis=1, initial=-np.inf)
    shift = np.where(np.isfinite(top), top, 0.0)
    B = np.exp(chance - shift[:, None])[panel.codes]
    alpha, total = np.empty_like(B), np.empty(len(B))
    for t, size in enumerate(panel.size):
        cells = slice(panel.start[t], panel.start[t] + size)
        if t:
            law = alpha[panel.start[t - 1] : panel.start[t - 1] + size] @ A
            law *= B[cells]
        else:
            law = pi * B[cells]
        c = law.sum(axis=1)
        total[cells] = c
        alpha[cells] = law / np.where(c > 0, c, 1.0)[:, None]
    with np.errstate(divide="ignore"):
        logs = np.log(total) + shift[panel.codes]
    value = np.bincount(panel.sequence, weights=logs, minlength=len(panel.weight))
    return alpha, total, value, B


def _backward_pass(panel, A, B, alpha, total):
    """Smoothed laws γ of all cells, and the expected moves Σ ξ, both not weighted / weighted by customers.

    β(t) = A (B(t + 1) ∘ β(t + 1)) / c(t + 1), 1 at the last step of each sequence; γ = α ∘ β.
    """
    S = len(A)
    gamma, moves = alpha.copy(), np.zeros((S, S))
    beta = np.ones((panel.size[0] if panel.size else 0, S))
    for t in range(len(panel.size) - 2, -1, -1):
        size = panel.size[t + 1]
        ahead = slice(panel.start[t + 1], panel.start[t + 1] + size)
        here = slice(panel.start[t], panel.start[t] + size)
        onward = B[ahead] * beta[:size] / total[ahead][:, None]
        moves += (alpha[here] * panel.weight[:size, None]).T @ onward
        beta[:size] = onward @ A.T
        gamma[here] *= beta[:size]
    return gamma, moves * A


# --- the emissions: a table of ln P(observation | state), and the parameters from expected counts --------


def _log_chance(kind, parameter, values, first) -> np.ndarray:
    """(J, S) for one channel; 0 where missing."""
    missing = np.isnan(values)
    y = np.where(missing, 0.0, values)[:, None]
    with np.errstate(divide="ignore"):
        if kind == "poisson":
            out = xlogy(y, parameter) - parameter - gammaln(y + 1)
            if first.any():
                # known to be at least one: divided by P(at least one); the limit for a rate of 0 is y = 1
                rate = np.maximum(parameter, 1e-12)
                known = xlogy(y, rate) - rate - gammaln(y + 1) - np.log(-np.expm1(-rate))
                out = np.where(first[:, None], known, out)
        elif kind == "bernoulli":
            out = xlogy(y, parameter) + xlog1py(1 - y, -parameter)
            # an event that is certain says nothing
            out = np.where(first[:, None], 0.0, out)
        else:
            out = np.log(parameter.T[y[:, 0].astype(np.int64)])
    return np.where(missing[:, None], 0.0, out)


def _maximise(kind, W, values, first, old, smoothing, mean):
    """Parameters of one channel from W (J, S), how often each state showed each observation."""
    seen = ~np.isnan(values)
    if kind == "categorical":
        counts = np.full(old.shape, float(smoothing))
        np.add.at(counts.T, values[seen].astype(np.int64), W[seen])
        total = counts.sum(axis=1, keepdims=True)
        return np.where(total > 0, counts / np.where(total > 0, total, 1.0), old)
    if kind == "bernoulli":
        seen &= ~first
    events = values[seen] @ W[seen] + smoothing * mean
    times = W[seen].sum(axis=0) + smoothing
    with np.errstate(invalid="ignore", divide="ignore"):
        new = np.where(times > 0, events / times, old)
    if kind == "poisson" and first.any():
        new = _truncated_rate(events, times, W[seen & first].sum(axis=0), new)
    return np.minimum(new, 1.0) if kind == "bernoulli" else new


def _truncated_rate(events, times, known, high):
    """The rate λ with times · λ + known · λ / (e^λ − 1) = events, by halving: the left side rises with λ.

    `known` of the `times` observations are counts that could not be 0; without them it is events / times.
    """
    low, high = np.zeros_like(high), np.maximum(high, 1e-12)
    for _ in range(60):
        middle = (low + high) / 2
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            shy = times * middle + known * np.where(middle > 0, middle / np.expm1(middle), 1.0) < events
        low, high = np.where(shy, middle, low), np.where(shy, high, middle)
    return (low + high) / 2


# --- the model -------------------------------------------------------------------------------------------


class PanelHMM(BaseEstimator):
    """A hidden Markov model of a panel: one law for all customers, a hidden path for each.

    P(states, observations of a customer) = initial(s₀) ∏ transition(s_{t−1}, s_t) ∏ emission(y_t | s_t).
    Fitted by expectation maximisation from several starts; the best log-likelihood is kept. Several channels
    (such as orders and app sessions of a week) are independent given the state. Steps that are missing say
    nothing, and are passed over in time; missing steps at the end of a sequence shorten it.

    States have no names of their own. They are numbered by a rule:

    - "rate": rising mean of the first channel (the default for counts and events);
    - "occupancy": falling expected number of steps (the default for symbols);
    - ("symbol", x): rising P(x | state).

    Parameters
    ----------
    n_states : int
    emission : str or sequence of str
        "poisson" (counts), "bernoulli" (0 or 1) or "categorical" (labels); several for several channels, at
        most one of them categorical.
    order_by : "auto", "rate", "occupancy" or ("symbol", label)
    first_at_least_one : bool
        The first step of the first channel is 1 or more by construction, as where customers enter with an
        order: its likelihood is then that of a count given that it is not 0. Without it the model is asked to
        explain what could not have been otherwise, and pays with a state for it.
    symbols : sequence, optional
        All labels of the categorical channel; those in the data without it.
    smoothing : float
        a ≥ 0 added to every expected count of starts, moves and symbols, and a observations at the overall
        mean added to each rate: the mode under Dirichlet (1 + a) and like priors. 0 is maximum likelihood;
        above 0 the model allows what it has not seen.
    n_init : int
        Starts: the first spreads the states over the range of the data, the others are drawn.
    n_finish : int, optional
        Only so many starts, the best after 30 steps, go on to the end; all of them without it. The first
        steps rise most, but the best start of the end need not lead by then.
    max_iter : int
        Steps of each start at most.
    tol : float
        A start has converged when the objective rises by less in one step, in nats for the whole panel.
        EM slows down near a maximum: a small rise is no small distance.
    on_no_convergence : {"warn", "raise", "ignore"}
        What happens where the best start ran out of iterations: a ConvergenceWarning, a NotConvergedError.
        ``converged_`` is False in any case.
    random_state : int or numpy.random.Generator

    Attributes
    ----------
    initial_ : ndarray (S,)
    transition_ : ndarray (S, S)
        Rows: from.
    emission_ : list of ndarray
        One per channel: rates (S,), probabilities (S,) or (S, K).
    symbols_ : list or None
    occupancy_ : ndarray (S,)
        Share of all steps of the fit spent in each state, expected.
    log_likelihood_ : float
        ln P(panel).
    history_ : ndarray
        The objective of the best start, step by step: ln P plus the ln of the priors where smoothing is above
        0. It never falls.
    converged_, n_iter_ : bool, int
        Of the best start.
    starts_ : pandas.DataFrame
        ``log_likelihood``, ``objective``, ``n_iter``, ``converged`` of every start.
    n_parameters_ : int
    bic_ : float
        −2 ln P + parameters · ln(observed steps); less is better. Steps of one customer are not independent
        data, so a penalty with the number of customers would be a little less.
    n_histories_ : int
        Different histories in the panel: what one step of the fit works on.

    Raises
    ------
    InputError
        Negative or broken counts, other values than 0 and 1, a label that is no symbol, more states than
        observed steps, a first step of 0 where it is said to be at least one.

    Examples
    --------
    >>> months = [[1, 2, 0, 1], [1, 0, 0, 0], [3, 2, 4, 3], [1, 0, 0], [2, 4, 3, 2], [1, 0, 0, 0]]
    >>> model = PanelHMM(2, "poisson", n_init=3).fit(months)
    >>> model.emission_[0].round(1).tolist(), model.converged_
    ([0.5, 2.8], True)
    >>> model.last_state([[2, 4, 3], [1, 0, 0]]).round(2)[1].tolist()
    [1.0, 0.0]
    """

    def __init__(
        self,
        n_states=3,
        emission="poisson",
        order_by="auto",
        first_at_least_one=False,
        symbols=None,
        smoothing=0.0,
        n_init=5,
        n_finish=None,
        max_iter=1000,
        tol=1e-4,
        on_no_convergence="warn",
        random_state=0,
    ):
        self.n_states = n_states
        self.emission = emission
        self.order_by = order_by
        self.first_at_least_one = first_at_least_one
        self.symbols = symbols
        self.smoothing = smoothing
        self.n_init = n_init
        self.n_finish = n_finish
        self.max_iter = max_iter
        self.tol = tol
        self.on_no_convergence = on_no_convergence
        self.random_state = random_state

    # --- reading the data

    def _kinds(self) -> list[str]:
        kinds = [self.emission] if isinstance(self.emission, str) else list(self.emission)
        unknown = [k for k in kinds if k not in _KINDS]
        if unknown or not kinds:
            raise InputError(f"emission={self.emission!r} is not known: use {', '.join(map(repr, _KINDS))}.")
        if kinds.count("categorical") > 1:
            raise InputError("emission has two categorical channels: join their labels into one.")
        if self.first_at_least_one and kinds[0] == "categorical":
            raise InputError("first_at_least_one is about counts or events; the first channel holds labels.")
        return kinds

    def _read(self, X, learn=False) -> _Panel:
        kinds = self._kinds()
        flat, lengths, index = _flat_cells(X, len(kinds), "categorical" not in kinds)
        numbers = flat
        if flat.dtype != np.float64 or "categorical" in kinds:
            numbers = np.empty(flat.shape)
        for channel, kind in enumerate(kinds):
            column = flat[:, channel]
            if kind == "categorical":
                numbers[:, channel] = self._symbol_codes(column, lengths, index, learn)
                continue
            try:
                values = column.astype(float, copy=False)
            except (TypeError, ValueError) as error:
                raise InputError(_no_number(column, channel, lengths, index)) from error
            if numbers is not flat:
                numbers[:, channel] = values
            most = 1 if kind == "bernoulli" else np.finfo(float).max
            bad = (values < 0) | (values > most) | ((np.floor(values) != values) & ~np.isnan(values))
            if bad.any():
                customer, step = _checks.place_of(int(bad.argmax()), lengths)
                wanted = "0 or 1" if kind == "bernoulli" else "a whole number of at least 0"
                raise InputError(
                    f"Step {step} of customer {_checks.shown(index[customer])} is "
                    f"{values[bad.argmax()]:g}: a {kind} channel holds {wanted}, or NaN where it is missing."
                )
        if self.first_at_least_one:
            begins = (np.cumsum(lengths) - lengths)[lengths > 0]
            zero = numbers[begins, 0] == 0
            if zero.any():
                customer, _ = _checks.place_of(int(begins[zero.argmax()]), lengths)
                raise InputError(
                    f"The first step of customer {_checks.shown(index[customer])} is 0, but "
                    "first_at_least_one says that it cannot be: begin each sequence with the first order."
                )
        numbers, lengths = _without_tail(numbers, lengths)
        return _Panel(numbers, lengths, index, self.first_at_least_one)

    def _symbol_codes(self, column, lengths, index, learn):
        try:
            number, found = pd.factorize(column)
        except TypeError as error:
            raise InputError(f"The panel holds a step that cannot be a symbol ({error}).") from error
        found = [value.item() if isinstance(value, np.generic) else value for value in found]
        if learn:
            if self.symbols is None and not found:
                raise InputError("The panel shows no symbol at all: there is nothing to learn from.")
            self.symbols_ = (
                _checks.encoded([found], name="the panel")[2]
                if self.symbols is None
                else [*_checks.encoded([[]], self.symbols)[2]]
            )
        place = {symbol: code for code, symbol in enumerate(self.symbols_)}
        # the last entry is for the steps that are missing, which have the number −1
        codes = np.array([*(place.get(value, -1) for value in found), np.nan])[number]
        if (codes < 0).any():
            bad = int((codes < 0).argmax())
            customer, step = _checks.place_of(bad, lengths)
            raise InputError(
                f"Step {step} of customer {_checks.shown(index[customer])} is {_checks.shown(column[bad])}, "
                f"which is none of the {len(self.symbols_)} known symbols {_checks.known(self.symbols_)}: "
                "correct it, mark it as missing (None), or fit again with all symbols named."
            )
        return codes

    # --- fitting

    def fit(self, X, y=None):
        """Learn from a panel.

        Parameters
        ----------
        X : DataFrame or array (n, T), array (n, T, D), or list of sequences (T_i,) or (T_i, D)
            NaN (None for labels) where a step is missing. A DataFrame's index names the customers.
        """
        S = _checks.whole(self.n_states, "n_states")
        for name, least in (("n_init", 1), ("max_iter", 1)):
            _checks.whole(getattr(self, name), name, least)
        for name in ("tol", "smoothing"):
            _checks.real(getattr(self, name), name)
        if self.on_no_convergence not in ("warn", "raise", "ignore"):
            raise InputError(
                f"on_no_convergence={self.on_no_convergence!r}: use 'warn', 'raise' or 'ignore'."
            )
        kinds = self._kinds()
        self.symbols_ = None
        panel = self._read(X, learn=True)
        if panel.observed < S:
            raise InputError(
                f"{S} states were asked for, but the panel has {panel.observed} observed steps: lower "
                "n_states."
            )
        rng = _checks.generator(self.random_state)
        finish = self.n_init if self.n_finish is None else _checks.whole(self.n_finish, "n_finish")
        limit = self.max_iter if finish >= self.n_init else min(_SCREEN, self.max_iter)
        found = [
            self._climb(panel, self._begin(panel, kinds, number, rng), limit) for number in range(self.n_init)
        ]
        if limit < self.max_iter:
            reached = [run["history"][-1] for run in found]
            for number in np.argsort(reached, kind="stable")[-finish:]:
                if not found[number]["converged"]:
                    found[number] = self._climb(
                        panel, found[number]["parameters"], self.max_iter, found[number]["history"]
                    )
        self.starts_ = pd.DataFrame(
            [(run["value"], run["history"][-1], len(run["history"]) - 1, run["converged"]) for run in found],
            columns=["log_likelihood", "objective", "n_iter", "converged"],
        ).rename_axis("start")
        best = found[int(np.argmax([run["history"][-1] for run in found]))]
        order = self._order(best, kinds)
        pi, A, emission = best["parameters"]
        self.initial_, self.transition_ = pi[order], A[np.ix_(order, order)]
        self.emission_ = [parameter[order] for parameter in emission]
        self.occupancy_ = best["occupancy"][order] / best["occupancy"].sum()
        self.log_likelihood_, self.history_ = best["value"], np.array(best["history"])
        self.converged_, self.n_iter_ = best["converged"], len(best["history"]) - 1
        free = sum(S * (e.shape[1] - 1) if e.ndim == 2 else S for e in emission)
        self.n_parameters_ = S - 1 + S * (S - 1) + free
        self.bic_ = -2 * self.log_likelihood_ + self.n_parameters_ * float(np.log(panel.observed))
        self.n_histories_ = len(panel.weight)
        if not self.converged_ and self.on_no_convergence != "ignore":
            text = (
                f"The best of {self.n_init} starts still rose by {np.diff(self.history_[-2:])[0]:.2g} in the "
                f"last of {self.max_iter} iterations: raise max_iter, or tol."
            )
            if self.on_no_convergence == "raise":
                raise NotConvergedError(text)
            warnings.warn(text, ConvergenceWarning, stacklevel=2)
        return self

    def _begin(self, panel, kinds, number, rng):
        """Where a start begins: sticky states, spread over the range of the data."""
        S = self.n_states
        count = np.bincount(panel.codes, weights=panel.weight[panel.sequence], minlength=len(panel.values))
        noise = 0.0 if number == 0 else 1.0
        stay = 0.8 if S > 1 else 1.0
        if number:
            stay = 0.5 + 0.45 * rng.random() if S > 1 else 1.0
        A = np.eye(S) * stay + (1 - stay) / max(S - 1, 1) * (1 - np.eye(S))
        A = A * np.exp(0.3 * noise * rng.standard_normal((S, S)))
        pi = np.exp(0.3 * noise * rng.standard_normal(S))
        emission = []
        for channel, kind in enumerate(kinds):
            values = panel.values[:, channel]
            seen = ~np.isnan(values)
            total = count[seen].sum()
            mean = float(values[seen] @ count[seen] / total) if total else 0.5
            spread = (np.arange(S) + 0.5) / S
            if kind == "categorical":
                share = np.bincount(values[seen].astype(np.int64), count[seen], len(self.symbols_)) + 1.0
                # without chance two equal states would stay equal for ever
                tilt = np.exp(rng.standard_normal((S, len(share))))
                emission.append(share * tilt / (share * tilt).sum(axis=1, keepdims=True))
            elif kind == "poisson":
                rate = max(mean, 1e-3) * np.exp(5 * (spread - 0.5))
                emission.append(rate * np.exp(0.7 * noise * rng.standard_normal(S)))
            else:
                odds = np.clip(mean, 1e-3, 1 - 1e-3) / (1 - np.clip(mean, 1e-3, 1 - 1e-3))
                odds = odds * np.exp(4 * (spread - 0.5) + 0.7 * noise * rng.standard_normal(S))
                emission.append(odds / (1 + odds))
        return pi / pi.sum(), A / A.sum(axis=1, keepdims=True), emission

    def _climb(self, panel, parameters, limit, history=()):
        """Expectation maximisation from one start, or on from where it was left."""
        a, kinds = float(self.smoothing), self._kinds()
        weight = panel.weight[panel.sequence][:, None]
        count = np.bincount(panel.codes, weights=weight[:, 0], minlength=len(panel.values))
        means = []
        for channel in range(len(kinds)):
            seen = ~np.isnan(panel.values[:, channel])
            total = count[seen].sum()
            means.append(float(panel.values[seen, channel] @ count[seen] / total) if total else 0.5)
        from scipy.sparse import csr_array

        # which observation each cell shows, as a sparse matrix: expected counts are one product
        shows = csr_array(
            (np.ones(len(panel.codes)), (panel.codes, np.arange(len(panel.codes)))),
            shape=(len(panel.values), len(panel.codes)),
        )
        history, converged = list(history[:-1]), False
        while True:
            pi, A, emission = parameters
            chance = self._chance(panel, emission)
            alpha, total, values, B = _forward_pass(panel, pi, A, chance)
            value = float(values @ panel.weight)
            history.append(value + self._prior(pi, A, emission, kinds, means))
            converged = len(history) > 1 and history[-1] - history[-2] < self.tol
            if converged or len(history) > limit:
                break
            gamma, moves = _backward_pass(panel, A, B, alpha, total)
            gamma *= weight
            start = gamma[: panel.size[0]].sum(axis=0) + a
            moves = moves + a
            rows = moves.sum(axis=1, keepdims=True)
            A = np.where(rows > 0, moves / np.where(rows > 0, rows, 1.0), A)
            W = shows @ gamma
            emission = [
                _maximise(kind, W, panel.values[:, c], panel.first & (c == 0), emission[c], a, means[c])
                for c, kind in enumerate(kinds)
            ]
            parameters = start / start.sum(), A, emission
        gamma, _ = _backward_pass(panel, A, B, alpha, total)
        return {
            "parameters": (pi, A, emission),
            "history": history,
            "converged": converged,
            "value": value,
            "occupancy": (gamma * weight).sum(axis=0),
        }

    def _chance(self, panel, emission):
        out = 0.0
        for channel, kind in enumerate(self._kinds()):
            first = panel.first & (channel == 0)
            out = out + _log_chance(kind, emission[channel], panel.values[:, channel], first)
        return out

    def _prior(self, pi, A, emission, kinds, means) -> float:
        """ln of the priors that smoothing stands for, but for a constant."""
        a = float(self.smoothing)
        if not a:
            return 0.0
        total = np.log(pi).sum() + np.log(A).sum()
        for kind, e, mean in zip(kinds, emission, means, strict=True):
            if kind == "categorical":
                total += np.log(e).sum()
            elif kind == "poisson":
                total += (xlogy(mean, e) - e).sum()
            else:
                total += (xlogy(mean, e) + xlog1py(1 - mean, -e)).sum()
        return a * float(total)

    def _order(self, run, kinds):
        rule, emission = self.order_by, run["parameters"][2]
        if rule == "auto":
            rule = "occupancy" if kinds[0] == "categorical" else "rate"
        if rule == "occupancy":
            return np.argsort(-run["occupancy"], kind="stable")
        if rule == "rate":
            numeric = [e for kind, e in zip(kinds, emission, strict=True) if kind != "categorical"]
            if not numeric:
                raise InputError(
                    "order_by='rate' needs counts or events: use 'occupancy' or ('symbol', label)."
                )
            return np.argsort(numeric[0], kind="stable")
        if isinstance(rule, tuple) and len(rule) == 2 and rule[0] == "symbol" and "categorical" in kinds:
            if rule[1] not in self.symbols_:
                raise InputError(
                    f"order_by names the symbol {rule[1]!r}, which is none of "
                    f"{_checks.known(self.symbols_)}: correct it."
                )
            table = emission[kinds.index("categorical")]
            return np.argsort(table[:, self.symbols_.index(rule[1])], kind="stable")
        raise InputError(f"order_by={rule!r} is not known: use 'rate', 'occupancy' or ('symbol', label).")

    # --- using the model

    def _ready(self):
        if not hasattr(self, "transition_"):
            raise NotFittedError("PanelHMM has learned nothing yet: call fit first.")

    def set_parameters(self, initial, transition, emission, symbols=None):
        """A model with known parameters instead of a fitted one; returns self.

        Parameters
        ----------
        initial : array (S,); transition : array (S, S)
        emission : list of arrays
            One per channel, as ``emission_``.
        symbols : sequence, optional
            Of a categorical channel; 0, 1, … without it.

        Raises
        ------
        InputError
            Rows that do not sum to 1, shapes that do not fit, negative rates.

        Examples
        --------
        >>> ice = PanelHMM(2, "categorical").set_parameters(
        ...     [0.2, 0.8], [[0.6, 0.4], [0.3, 0.7]], [[[0.5, 0.4, 0.1], [0.2, 0.4, 0.4]]], symbols=[1, 2, 3])
        >>> np.exp(ice.log_probability([[3, 1, 3]])).round(6).tolist()
        [0.026264]
        """
        kinds = self._kinds()
        A, _ = _checks.square(transition)
        pi = _checks.distributions(initial, "initial", 1)
        if len(emission) != len(kinds):
            raise InputError(
                f"emission has {len(emission)} tables for the {len(kinds)} channels {kinds}: give one each."
            )
        self.symbols_, tables = None, []
        for kind, table in zip(kinds, emission, strict=True):
            if kind == "categorical":
                tables.append(_checks.distributions(table, "emission"))
                self.symbols_ = list(range(tables[-1].shape[1])) if symbols is None else list(symbols)
                if len(self.symbols_) != tables[-1].shape[1]:
                    raise InputError(
                        f"symbols has {len(self.symbols_)} names for {tables[-1].shape[1]} columns of "
                        "emission: give one each."
                    )
            else:
                tables.append(np.array(table, dtype=float))
                top = 1 if kind == "bernoulli" else np.inf
                if not ((tables[-1] >= 0) & (tables[-1] <= top) & np.isfinite(tables[-1])).all():
                    raise InputError(
                        f"The {kind} channel has the parameters {tables[-1].tolist()}: they must be "
                        f"{'probabilities from 0 to 1' if top == 1 else 'rates, numbers of at least 0'}."
                    )
            if len(tables[-1]) != len(A):
                raise InputError(
                    f"A table of emission has {len(tables[-1])} states and transition {len(A)}: give both "
                    "the same."
                )
        if len(pi) != len(A):
            raise InputError(f"initial has {len(pi)} states and transition {len(A)}: give both the same.")
        self.n_states = len(A)
        self.initial_, self.transition_, self.emission_ = pi, A, tables
        return self

    def _filtered(self, X):
        self._ready()
        panel = self._read(X)
        chance = self._chance(panel, self.emission_) if len(panel.values) else np.zeros((0, self.n_states))
        return panel, chance, *_forward_pass(panel, self.initial_, self.transition_, chance)

    def log_probability(self, X) -> np.ndarray:
        """ln P of each sequence: 0 for an empty one, −inf for an impossible one."""
        panel, _, _, _, value, _ = self._filtered(X)
        return value[panel.place]

    def bits(self, X) -> np.ndarray:
        """−log2 P of each sequence."""
        return -self.log_probability(X) / np.log(2)

    def _possible(self, panel, value):
        if not np.isfinite(value).all():
            place = int((~np.isfinite(value[panel.place])).argmax())
            raise InputError(
                f"The steps of customer {_checks.shown(panel.index[place])} cannot happen under this model: "
                "fit with smoothing above 0, or leave the customer out."
            )

    def _laws(self, panel, table) -> pd.DataFrame:
        columns = pd.RangeIndex(self.n_states, name="state")
        return pd.DataFrame(table[panel.cells()], index=panel.rows(), columns=columns)

    def filtered(self, X) -> pd.DataFrame:
        """P(state | the steps so far): one row per sequence and step."""
        panel, _, alpha, _, value, _ = self._filtered(X)
        self._possible(panel, value)
        return self._laws(panel, alpha)

    def smoothed(self, X) -> pd.DataFrame:
        """P(state | all steps of the sequence): one row per sequence and step."""
        panel, _, alpha, total, value, B = self._filtered(X)
        self._possible(panel, value)
        return self._laws(panel, _backward_pass(panel, self.transition_, B, alpha, total)[0])

    def last_state(self, X) -> pd.DataFrame:
        """P(state at the last step | all steps): one row per sequence; the start's law for an empty one."""
        panel, laws = self._at_the_end(X)
        columns = pd.RangeIndex(self.n_states, name="state")
        return pd.DataFrame(laws[panel.place], index=panel.index, columns=columns)

    def next_state(self, X) -> pd.DataFrame:
        """P(state at the step after the last): one row per sequence; the start's law for an empty one."""
        panel, laws = self._at_the_end(X)
        some = panel.own_lengths > 0
        laws[some] = laws[some] @ self.transition_
        columns = pd.RangeIndex(self.n_states, name="state")
        return pd.DataFrame(laws[panel.place], index=panel.index, columns=columns)

    def _at_the_end(self, X):
        """Filtered law at the last step of each different history."""
        panel, _, alpha, _, value, _ = self._filtered(X)
        self._possible(panel, value)
        laws = np.tile(self.initial_, (len(panel.weight), 1))
        some = np.flatnonzero(panel.own_lengths > 0)
        laws[some] = alpha[panel.start[panel.own_lengths[some] - 1] + some]
        return panel, laws

    def next_symbols(self, X) -> pd.DataFrame:
        """P(symbol at the next step): one row per sequence, one column per symbol."""
        kinds = self._kinds()
        if "categorical" not in kinds:
            raise InputError("next_symbols is for a categorical channel: use forecast for counts and events.")
        table = self.emission_[kinds.index("categorical")]
        law = self.next_state(X)
        return pd.DataFrame(law.to_numpy() @ table, index=law.index, columns=pd.Index(self.symbols_))

    def forecast(self, X, horizon: int, channel: int = 0) -> pd.DataFrame:
        """The coming steps of a channel of counts or events.

        Missing steps at the end of a sequence are dropped: the horizon begins after the last one observed.

        Returns
        -------
        pandas.DataFrame
            One row per sequence: ``any``, P(at least one event); ``expected``, the mean number.

        Examples
        --------
        >>> model = PanelHMM(2, "bernoulli").set_parameters([0.5, 0.5], np.eye(2), [[0.0, 0.5]])
        >>> model.forecast([[1, 0]], 2).round(3).to_dict("records")
        [{'any': 0.75, 'expected': 1.0}]
        """
        horizon = _checks.whole(horizon, "horizon")
        kinds = self._kinds()
        if not 0 <= channel < len(kinds) or kinds[channel] == "categorical":
            raise InputError(f"Channel {channel} holds no counts or events: the channels are {kinds}.")
        following = self.next_state(X)
        any_event, expected = self._coming(following.to_numpy(), horizon, channel)
        return pd.DataFrame({"any": any_event, "expected": expected}, index=following.index)

    def _coming(self, law, horizon, channel=0):
        """P(at least one event) and the mean number over a horizon that begins in states of these laws."""
        mean = self.emission_[channel]
        quiet = np.exp(-mean) if self._kinds()[channel] == "poisson" else 1 - mean
        none, expected = law.copy(), np.zeros(len(law))
        for step in range(horizon):
            if step:
                law, none = law @ self.transition_, none @ self.transition_
            expected += law @ mean
            none = none * quiet
        return 1 - none.sum(axis=1), expected

    def decode(self, X) -> pd.Series:
        """States on the most probable path of each sequence (Viterbi): one row per sequence and step."""
        panel, path, _ = self._paths(X)
        return pd.Series(path[panel.cells()], index=panel.rows(), name="state")

    def path_log_probability(self, X) -> np.ndarray:
        """ln P(best path and sequence) of each sequence; compare decoders by this, as paths can tie."""
        panel, _, value = self._paths(X, trace=False)
        return value[panel.place]

    def _paths(self, X, trace=True):
        """Viterbi for all different histories, time-major; of equal ways the one from the lower state."""
        self._ready()
        panel, S = self._read(X), self.n_states
        with np.errstate(divide="ignore"):
            lpi, lA = np.log(self.initial_), np.log(self.transition_)
        # a row per state, so that every step below works along rows
        chance = np.ascontiguousarray(self._chance(panel, self.emission_).T) if len(panel.values) else None
        came = np.zeros((S, len(panel.codes) if trace else 0), dtype=np.min_scalar_type(S))
        n = len(panel.weight)
        value, end, best = np.zeros(n), np.zeros(n, dtype=np.int64), None
        for t, size in enumerate(panel.size):
            cells = slice(panel.start[t], panel.start[t] + size)
            seen = chance[:, panel.codes[cells]]
            if t:
                before = best[:, :size]
                best = before[0] + lA[0][:, None]
                origin = came[:, cells] if trace else None
                for state in range(1, S):
                    way = before[state] + lA[state][:, None]
                    if trace:
                        np.copyto(origin, state, where=way > best)
                    np.maximum(best, way, out=best)
                best += seen
            else:
                best = lpi[:, None] + seen
            after = panel.size[t + 1] if t + 1 < len(panel.size) else 0
            if after < size:
                ended = best[:, after:]
                value[after:size], end[after:size] = ended.max(axis=0), ended.argmax(axis=0)
        self._possible(panel, value)
        path = np.empty(len(panel.codes) if trace else 0, dtype=np.int64)
        state = end
        for t in range(len(panel.size) - 1, -1, -1) if trace else ():
            size = panel.size[t]
            cells = slice(panel.start[t], panel.start[t] + size)
            path[cells] = state[:size]
            if t:
                state[:size] = came[state[:size], np.arange(cells.start, cells.stop)]
        return panel, path, value

    def sample(self, lengths, random_state=0):
        """Panels drawn from the model: states and observations, one list of arrays each.

        Parameters
        ----------
        lengths : sequence of int
        random_state : int or numpy.random.Generator

        Returns
        -------
        states : list of int arrays (T_i,)
        observations : list of arrays (T_i,) or (T_i, D)
            Codes of a categorical channel as its symbols. The first step is drawn as any other.
        """
        self._ready()
        rng, kinds = _checks.generator(random_state), self._kinds()
        lengths = np.array([_checks.whole(n, "length", least=0) for n in lengths])
        n, longest = len(lengths), int(lengths.max(initial=0))
        states = np.zeros((n, longest), dtype=np.int64)
        law = np.tile(self.initial_, (n, 1))
        for t in range(longest):
            u = rng.random(n)[:, None]
            states[:, t] = np.minimum((law.cumsum(axis=1) <= u).sum(axis=1), self.n_states - 1)
            law = self.transition_[states[:, t]]
        columns = []
        for kind, e in zip(kinds, self.emission_, strict=True):
            if kind == "poisson":
                columns.append(rng.poisson(e[states]))
            elif kind == "bernoulli":
                columns.append((rng.random(states.shape) < e[states]).astype(np.int64))
            else:
                code = (e[states].cumsum(axis=2) <= rng.random(states.shape)[:, :, None]).sum(axis=2)
                code = np.minimum(code, e.shape[1] - 1)
                names = np.empty(len(self.symbols_), dtype=object)
                names[:] = self.symbols_
                columns.append(names[code])
        cells = columns[0] if len(columns) == 1 else np.stack(columns, axis=2)
        return (
            [row[:length] for row, length in zip(states, lengths, strict=True)],
            [row[:length] for row, length in zip(cells, lengths, strict=True)],
        )


def _is_number(value) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _no_number(column, channel, lengths, index) -> str:
    """Where the first cell stands that cannot be read as a number."""
    flat = next(place for place, value in enumerate(column) if not _is_number(value))
    customer, step = _checks.place_of(flat, lengths)
    value = column[flat]
    return (
        f"Step {step} of customer {_checks.shown(index[customer])} is {_checks.shown(value)} in channel "
        f"{channel}, which is not a number: give counts or events, or NaN where it is missing."
    )


def _flat_cells(X, channels, numeric=False):
    """All cells under one another (cells, D), the length of each sequence, the names of the sequences.

    Where all channels hold numbers the cells are floats if that can be, objects otherwise.
    """
    index = None
    if isinstance(X, pd.DataFrame):
        index, X = X.index, X.to_numpy()
    elif isinstance(X, pd.Series):
        index, X = X.index, list(X)
    if isinstance(X, np.ndarray) and (X.dtype != object or X.ndim > 1):
        wanted = 2 if channels == 1 else 3
        if X.ndim != wanted or (channels > 1 and X.shape[2] != channels):
            shape = "(customers, steps)" + (
                f" with {channels} channels as a third axis" if channels > 1 else ""
            )
            raise InputError(f"The panel has shape {X.shape}: it should be {shape}.")
        flat = X.reshape(-1, channels)
        lengths = np.full(X.shape[0], X.shape[1], dtype=np.int64)
    else:
        rows = _checks.listed(X, "The panel")
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        flat = _joined(rows, lengths, channels, numeric)
    index = pd.RangeIndex(len(lengths), name="sequence") if index is None else index
    if not len(lengths):
        raise InputError("The panel has no sequences: pass at least one.")
    if flat.dtype == object and len(flat):
        flat = np.where(pd.isna(flat), np.nan, flat)
    if numeric and flat.dtype.kind in "biuf":
        flat = flat.astype(float, copy=False)
    return flat, lengths, index


def _joined(rows, lengths, channels, numeric):
    """A list of sequences as one array of cells."""
    shape = (channels,) if channels > 1 else ()
    if all(isinstance(r, np.ndarray) and r.dtype.kind in "biuf" and r.shape[1:] == shape for r in rows):
        # numbers already: no need to look at each cell for a label
        return np.concatenate(rows).reshape(-1, channels)
    if numeric and channels == 1:
        try:
            flat = np.array(list(chain.from_iterable(rows)), dtype=float)
            if flat.ndim == 1:
                return flat[:, None]
        except (TypeError, ValueError):
            # something among them is no number: cell by cell, to say which
            pass
    flat = np.empty((int(lengths.sum()), channels), dtype=object)
    at = 0
    for number, row in enumerate(rows):
        if not len(row):
            continue
        part = np.asarray(row, dtype=object)
        if part.ndim == 1 and channels == 1:
            part = part[:, None]
        if part.ndim != 2 or part.shape[1] != channels:
            raise InputError(
                f"Sequence {number} has shape {part.shape}: each step needs {channels} value(s), one for "
                "each channel of emission."
            )
        flat[at : at + len(part)] = part
        at += len(part)
    return flat


def _without_tail(numbers, lengths):
    """Missing steps at the end of a sequence say nothing and have nothing after them: they are cut off."""
    gone = np.isnan(numbers).all(axis=1)
    if not gone.any():
        return numbers, lengths
    begins = np.cumsum(lengths) - lengths
    step = np.arange(len(numbers)) - np.repeat(begins, lengths)
    shorter, some = np.zeros(len(lengths), dtype=np.int64), lengths > 0
    shorter[some] = np.maximum.reduceat(np.where(gone, 0, step + 1), begins[some])
    return numbers[step < np.repeat(shorter, lengths)], shorter


def _read_lengths(X, channels):
    flat, lengths, _ = _flat_cells(X, channels)
    return _without_tail(np.where(pd.isna(flat), np.nan, 1.0), lengths)[1]


# --- how many states -----------------------------------------------------------------------------------


def state_count_table(
    X,
    ks=range(1, 5),
    model=None,
    n_folds: int = 5,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Log-likelihood, BIC and held-out bits per step over the number of states.

    BIC knows the data it was fitted on and a penalty; held-out bits know customers who were left out. The
    interval is the bootstrap over customers; differences are paired to the number with the fewest bits.

    Parameters
    ----------
    X : list of sequences, or array or DataFrame of shape (n, T) or (n, T, D)
    ks : sequence of int
    model : PanelHMM, optional
        Its settings, but for the number of states; the default settings without it.
    n_folds, level, n_resamples, random_state

    Returns
    -------
    pandas.DataFrame
        Index ``n_states``; ``log_likelihood``, ``bic``, ``converged``, ``bits``, ``low``, ``high``,
        ``less_best``, ``less_low``, ``less_high``, ``best``.
    """
    from sklearn.base import clone

    from bigmkt_helpers.information import ratio_interval

    ks = [_checks.whole(k, "k") for k in ks]
    if not ks or sorted(set(ks)) != ks:
        raise InputError(f"ks is {ks}: give at least one number, rising, each once.")
    _checks.level_of(level)
    n_folds = _checks.whole(n_folds, "n_folds", least=2)
    model = PanelHMM() if model is None else model
    if isinstance(X, pd.DataFrame):
        X = X.to_numpy()
    rows = X if isinstance(X, np.ndarray) else _checks.listed(X, "The panel")
    n = len(rows)
    if n < n_folds:
        raise InputError(f"{n} sequences cannot make {n_folds} folds: lower n_folds.")

    def pick(mask):
        return rows[mask] if isinstance(rows, np.ndarray) else [rows[i] for i in np.flatnonzero(mask)]

    steps = _read_lengths(rows, len(model._kinds())).astype(float)
    fold = _checks.generator(random_state).permutation(n) % n_folds
    table, held = [], {}
    for k in ks:
        fitted = clone(model).set_params(n_states=k).fit(rows)
        bits = np.empty(n)
        for number in range(n_folds):
            part = clone(model).set_params(n_states=k).fit(pick(fold != number))
            bits[fold == number] = part.bits(pick(fold == number))
        if not np.isfinite(bits).all():
            raise InputError(f"With {k} states a held-out sequence is impossible: set smoothing above 0.")
        held[k] = bits
        table.append((k, fitted.log_likelihood_, fitted.bic_, fitted.converged_))
    best = min(ks, key=lambda k: held[k].sum())
    for place, k in enumerate(ks):
        own = ratio_interval(held[k], steps, level, n_resamples, random_state)
        less = ratio_interval(held[k] - held[best], steps, level, n_resamples, random_state)
        table[place] += (*own[:3], *less[:3], k == best)
    columns = ["n_states", "log_likelihood", "bic", "converged", "bits", "low", "high"]
    columns += ["less_best", "less_low", "less_high", "best"]
    return pd.DataFrame(table, columns=columns).set_index("n_states")
