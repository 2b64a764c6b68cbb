"""Markov chains: what comes next depends on the last few steps, and on nothing else.

`MarkovChain` learns the law from sequences. The functions below take a transition matrix (rows: from,
columns: to; each row sums to 1) and say what it means in the long run. All assume that the law is the same at
every step (time-homogeneous).
"""

from dataclasses import dataclass
from math import gcd

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.sequences import _checks

__all__ = [
    "Absorption",
    "MarkovChain",
    "absorption",
    "chain_log_probability",
    "communicating_classes",
    "entropy_rate",
    "expected_steps",
    "hitting_probabilities",
    "order_bits",
    "period",
    "stationary_laws",
]


class MarkovChain(BaseEstimator):
    """A Markov chain of any order, learned from sequences of labels.

    An order-k chain predicts a step from the k before it. The first steps have fewer: a start mark takes the
    place of what is missing, so that every step, also the first, has a probability, and chains of all orders
    (and hidden models) can be compared on the same steps. Where a sequence ends is not modelled.

    With n(c, x) the times x followed the context c, and n(c) their sum:

    - "additive": (n(c, x) + a) / (n(c) + a K), K symbols;
    - "backoff": (n(c, x) + a K q(x | c')) / (n(c) + a K), with c' the context without its oldest step, q the
      same estimate there, and 1 / K under the empty context. Contexts rarely seen lean on shorter ones.

    Both are means under a Dirichlet prior; a = 0 is maximum likelihood.

    Parameters
    ----------
    order : int
        0 or more steps of memory.
    smoothing : float
        a, 0 or more.
    method : {"additive", "backoff"}
    symbols : sequence, optional
        All that can occur; what the data hold without it.
    absorbing : sequence
        Symbols that are never left (order 1): their row leads to themselves.

    Attributes
    ----------
    symbols_ : list
    counts_ : pandas.DataFrame
        Steps from (rows) to (columns), K × K, without the first steps; order 1 only.
    transition_ : pandas.DataFrame
        Probabilities; order 1 only.
    initial_ : pandas.Series
        Law of the first step (of every step for order 0).
    n_parameters_ : int
        Free probabilities of the contexts that were seen.

    Examples
    --------
    >>> visits = [["home", "tea", "cart"], ["home", "tea", "home", "tea"]]
    >>> chain = MarkovChain(absorbing=["cart"]).fit(visits)
    >>> chain.transition_.loc["tea"].to_dict()
    {'cart': 0.5, 'home': 0.5, 'tea': 0.0}
    >>> np.exp(chain.log_probability(visits)).tolist()
    [0.5, 0.5]
    """

    def __init__(self, order=1, smoothing=0.0, method="additive", symbols=None, absorbing=()):
        self.order = order
        self.smoothing = smoothing
        self.method = method
        self.symbols = symbols
        self.absorbing = absorbing

    def fit(self, sequences, y=None):
        """Count what follows what.

        Parameters
        ----------
        sequences : list of sequences of labels
            Empty ones carry nothing and are passed over.

        Raises
        ------
        InputError
            Missing steps, labels outside `symbols`, no step at all.
        """
        order = _checks.whole(self.order, "order", least=0)
        _checks.real(self.smoothing, "smoothing")
        if self.method not in ("additive", "backoff"):
            raise InputError(f"method={self.method!r} is not known: use 'additive' or 'backoff'.")
        codes, lengths, symbols = _checks.encoded(sequences, self.symbols)
        if not len(codes):
            raise InputError("sequences has no step at all: there is nothing to learn from.")
        size = len(symbols)
        if (size + 1.0) ** order > 2**62:
            raise InputError(
                f"{size} symbols and an order of {order} give too many contexts: lower the order."
            )
        unknown = [s for s in self.absorbing if s not in symbols]
        if unknown:
            raise InputError(
                f"absorbing names {unknown[0]!r}, which is none of the symbols {_checks.known(symbols)}: "
                "correct it."
            )
        if len(self.absorbing) and order != 1:
            raise InputError(f"absorbing symbols are for chains of order 1; the order is {order}.")
        self.symbols_ = symbols
        self._tables = []
        for memory in range(order + 1):
            context = _contexts(codes, lengths, memory, size)
            seen, row = np.unique(context, return_inverse=True)
            table = np.bincount(row * size + codes, minlength=len(seen) * size).reshape(-1, size)
            self._tables.append((seen, table.astype(float)))
        seen, table = self._tables[-1]
        self.n_parameters_ = int(len(seen) * (size - 1))
        marks = _contexts(np.zeros(0, np.int64), np.array([0]), order, size, only_start=True)
        self.initial_ = pd.Series(self._law(marks)[0], index=pd.Index(symbols), name="initial")
        if order == 1:
            counts = np.zeros((size, size))
            inside = seen < size
            counts[seen[inside]] = table[inside]
            index = pd.Index(symbols, name="from")
            columns = pd.Index(symbols, name="to")
            self.counts_ = pd.DataFrame(counts.astype(np.int64), index=index, columns=columns)
            law = self._law(np.arange(size))
            for symbol in self.absorbing:
                law[symbols.index(symbol)] = np.eye(size)[symbols.index(symbol)]
            self._transition = pd.DataFrame(law, index=index, columns=columns)
        return self

    @property
    def transition_(self) -> pd.DataFrame:
        self._fitted()
        if not hasattr(self, "_transition"):
            raise InputError(
                f"A chain of order {self.order} has no matrix: use order 1, or ask next_probabilities."
            )
        never = self._transition.isna().any(axis=1)
        if never.any():
            raise InputError(
                f"{never.idxmax()!r} is never left in the data, so its row is unknown: set smoothing above 0 "
                "or name it in absorbing."
            )
        return self._transition.copy()

    def _fitted(self):
        if not hasattr(self, "symbols_"):
            raise NotFittedError("MarkovChain has learned nothing yet: call fit first.")

    def _law(self, context) -> np.ndarray:
        """P(next | context), one row each; NaN for a context never seen without smoothing."""
        size, a = len(self.symbols_), float(self.smoothing)
        lowest = 0 if self.method == "backoff" else len(self._tables) - 1
        law = np.full((len(context), size), 1 / size)
        for memory in range(lowest, len(self._tables)):
            seen, table = self._tables[memory]
            short = np.asarray(context) % (size + 1) ** memory
            row = np.minimum(np.searchsorted(seen, short), len(seen) - 1)
            counts = np.where((seen[row] == short)[:, None], table[row], 0.0)
            total = counts.sum(axis=1, keepdims=True) + a * size
            with np.errstate(invalid="ignore"):
                # without smoothing a context never seen knows what the shorter one does, under "backoff"
                empty = law if self.method == "backoff" else np.nan
                law = np.where(total > 0, (counts + a * size * law) / np.maximum(total, 1e-300), empty)
        return law

    def _step_probabilities(self, sequences):
        self._fitted()
        codes, lengths, _ = _checks.encoded(sequences, self.symbols_)
        context = _contexts(codes, lengths, self.order, len(self.symbols_))
        law = self._law(context)[np.arange(len(codes)), codes]
        if len(self.absorbing):
            fixed = np.isin(context, [self.symbols_.index(s) for s in self.absorbing])
            law = np.where(fixed, context == codes, law)
        if np.isnan(law).any():
            number, step = _checks.place_of(int(np.isnan(law).argmax()), lengths)
            raise InputError(
                f"Step {step} of sequences[{number}] comes after steps that nothing followed in the fit: set "
                "smoothing above 0."
            )
        return law, lengths

    def log_probability(self, sequences) -> np.ndarray:
        """ln P of each sequence, first step included; 0 for an empty one, −inf for an impossible one.

        Raises
        ------
        InputError
            A label that is no symbol; without smoothing, a context never seen.
        """
        law, lengths = self._step_probabilities(sequences)
        with np.errstate(divide="ignore"):
            return _sums(np.log(law), lengths)

    def bits(self, sequences) -> np.ndarray:
        """−log2 P of each sequence: the bits needed to tell it to somebody who knows the chain."""
        return -self.log_probability(sequences) / np.log(2)

    def next_probabilities(self, sequences) -> pd.DataFrame:
        """What comes after each sequence: one row each, columns the symbols.

        After an empty sequence that is the law of the first step.

        Examples
        --------
        >>> chain = MarkovChain(smoothing=1).fit([["tea", "bath", "tea"]])
        >>> chain.next_probabilities([["bath"]]).round(3).to_numpy().tolist()
        [[0.333, 0.667]]
        """
        self._fitted()
        codes, lengths, _ = _checks.encoded(sequences, self.symbols_)
        # the law of a step appended to each: its own label does not enter its context
        ends = np.cumsum(lengths)
        longer = np.insert(codes, ends, 0)
        context = _contexts(longer, lengths + 1, self.order, len(self.symbols_))
        context = context[np.cumsum(lengths + 1) - 1]
        law = self._law(context)
        for symbol in self.absorbing:
            code = self.symbols_.index(symbol)
            law[context == code] = np.eye(len(self.symbols_))[code]
        return pd.DataFrame(law, columns=pd.Index(self.symbols_))

    def sample(self, n_sequences: int, n_steps: int, random_state=0) -> list[list]:
        """Sequences drawn from the chain."""
        self._fitted()
        rng = _checks.generator(random_state)
        size, base = len(self.symbols_), (len(self.symbols_) + 1) ** self.order
        context = np.full(n_sequences, base - 1)
        drawn = np.empty((n_sequences, n_steps), dtype=np.int64)
        absorbing = [self.symbols_.index(s) for s in self.absorbing]
        for step in range(n_steps):
            law = self._law(context)
            fixed = np.isin(context, absorbing) if absorbing else np.zeros(n_sequences, bool)
            law[fixed] = np.eye(size + 1)[context[fixed], :size] if absorbing else law[fixed]
            if np.isnan(law).any():
                raise InputError("The chain ran into a context it has never seen: set smoothing above 0.")
            u = rng.random(n_sequences)[:, None]
            drawn[:, step] = np.minimum((law.cumsum(axis=1) <= u).sum(axis=1), size - 1)
            context = (context * (size + 1) + drawn[:, step]) % base
        return [[self.symbols_[code] for code in row] for row in drawn]


def _contexts(codes, lengths, memory, size, only_start=False) -> np.ndarray:
    """The `memory` steps before each step as one number in base K + 1, the digit K being the start mark."""
    base = size + 1
    if only_start:
        return np.array([base**memory - 1], dtype=np.int64)
    step = np.arange(len(codes)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    context = np.zeros(len(codes), dtype=np.int64)
    for back in range(memory, 0, -1):
        digit = np.full(len(codes), size, dtype=np.int64)
        digit[step >= back] = codes[np.flatnonzero(step >= back) - back]
        context = context * base + digit
    return context


def _sums(values, lengths) -> np.ndarray:
    """Sum of the values of each sequence; 0 for an empty one."""
    return np.bincount(np.repeat(np.arange(len(lengths)), lengths), weights=values, minlength=len(lengths))


def chain_log_probability(transition, sequence, initial=None) -> float:
    """ln P(sequence) under a known chain; given its first step without `initial`, and 0 for an empty one.

    Parameters
    ----------
    transition : DataFrame or array of shape (S, S)
    sequence : sequence of state names (of places for an array)
    initial : array of shape (S,), optional

    Examples
    --------
    Rabiner's weather (Proceedings of the IEEE 77, 1989, pages 257-286): sunny today, then
    sunny-sunny-rain-rain-sunny-cloudy-sunny; states rain, cloudy, sunny.

    >>> weather = [[0.4, 0.3, 0.3], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]]
    >>> f"{np.exp(chain_log_probability(weather, [2, 2, 2, 0, 0, 2, 1, 2])):.3e}"
    '1.536e-04'
    """
    P, names = _checks.square(transition)
    codes, _, _ = _checks.encoded([sequence], names, "sequence")
    if not len(codes):
        return 0.0
    with np.errstate(divide="ignore"):
        first = 0.0 if initial is None else np.log(_checks.distributions(initial, "initial", 1)[codes[0]])
        return float(first + np.log(P[codes[:-1], codes[1:]]).sum())


# --- the shape of a chain ------------------------------------------------------------------------------


def communicating_classes(transition) -> pd.DataFrame:
    """States that lead to one another, whether the class can be left, and its period.

    Returns
    -------
    pandas.DataFrame
        One row per class in the order of its first state: ``states`` (list), ``closed`` (never left),
        ``period``: the greatest common divisor of the lengths of all ways back; 0 where there is none.

    Examples
    --------
    >>> communicating_classes([[0.5, 0.5, 0], [0, 0, 1], [0, 1, 0]]).to_numpy().tolist()
    [[[0], False, 1], [[1, 2], True, 2]]
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    P, names = _checks.square(transition)
    _, label = connected_components(csr_array(P > 0), directed=True, connection="strong")
    rows = []
    for number in dict.fromkeys(label.tolist()):
        members = np.flatnonzero(label == number)
        leaves = (P[np.ix_(members, np.flatnonzero(label != number))] > 0).any()
        rows.append(([names[m] for m in members], not leaves, _period(P[np.ix_(members, members)])))
    return pd.DataFrame(rows, columns=["states", "closed", "period"])


def _period(P) -> int:
    """Of a class: with d(s) the steps from its first state, the gcd of d(s) + 1 − d(t) over its arrows."""
    depth, frontier = {0: 0}, [0]
    for state in frontier:
        for other in np.flatnonzero(P[state] > 0).tolist():
            if other not in depth:
                depth[other] = depth[state] + 1
                frontier.append(other)
    return gcd(*(depth[s] + 1 - depth[t] for s, t in np.argwhere(P > 0).tolist()))


def period(transition) -> int:
    """Period of a chain whose states all lead to one another.

    Raises
    ------
    InputError
        Several classes: see `communicating_classes`.

    Examples
    --------
    >>> period([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]])
    4
    """
    classes = communicating_classes(transition)
    if len(classes) > 1:
        raise InputError(
            f"The chain falls into {len(classes)} classes, each with a period of its own: "
            "use communicating_classes."
        )
    return int(classes["period"].iloc[0])


def stationary_laws(transition) -> pd.DataFrame:
    """Laws that a step leaves as they are: π = π P, one per closed class; every other is a mixture of them.

    A stationary law always exists; whether the chain *tends* to it is another matter: with a period above 1
    it does not.

    Returns
    -------
    pandas.DataFrame
        One row per closed class, columns the states.

    Examples
    --------
    The deterministic cycle spends a quarter of its time in each state, and never forgets where it began:

    >>> stationary_laws(np.roll(np.eye(4), 1, axis=1)).to_numpy().tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    P, names = _checks.square(transition)
    place = {name: code for code, name in enumerate(names)}
    laws = []
    classes = communicating_classes(transition)
    for states in classes.loc[classes["closed"], "states"]:
        members = [place[s] for s in states]
        law = np.zeros(len(P))
        law[members] = _stationary(P[np.ix_(members, members)])
        laws.append(law)
    return pd.DataFrame(laws, columns=pd.Index(names))


def _stationary(P) -> np.ndarray:
    """Grassmann, Taksar and Heyman's elimination (Operations Research 33, 1985 (unverified)).

    States are taken out one by one, their traffic led past them; only sums and quotients of numbers above 0,
    so nothing cancels.
    """
    A, n = P.copy(), len(P)
    for k in range(n - 1, 0, -1):
        A[:k, k] /= A[k, :k].sum()
        A[:k, :k] += np.outer(A[:k, k], A[k, :k])
    law = np.ones(n)
    for k in range(1, n):
        law[k] = law[:k] @ A[:k, k]
    return law / law.sum()


def entropy_rate(transition, law=None) -> float:
    """Bits per step that remain unknown to somebody who knows the chain and the present: Σ π(s) H(P(s, ·)).

    Parameters
    ----------
    transition : DataFrame or array of shape (S, S)
    law : array of shape (S,), optional
        How often each state is left; the stationary law without it.

    Raises
    ------
    InputError
        Several closed classes and no law: the answer hangs on where the chain ends.

    Examples
    --------
    >>> entropy_rate([[0.5, 0.5], [0.5, 0.5]]), entropy_rate([[0, 1], [1, 0]])
    (1.0, 0.0)
    """
    from bigmkt_helpers.information import row_entropy

    P, _ = _checks.square(transition)
    if law is None:
        laws = stationary_laws(transition)
        if len(laws) > 1:
            raise InputError(
                f"The chain has {len(laws)} closed classes, each with its law: pass the one you mean."
            )
        law = laws.to_numpy()[0]
    law = _checks.distributions(law, "law", 1)
    if len(law) != len(P):
        raise InputError(f"law has {len(law)} states and the chain {len(P)}.")
    return float(law @ np.asarray(row_entropy(P)))


# --- absorbing chains ----------------------------------------------------------------------------------


def hitting_probabilities(transition, targets) -> pd.Series:
    """P(ever to reach one of the targets) from each state: the least solution of h = P h, h = 1 there.

    Examples
    --------
    A gambler with 1 of 3 coins, fair bets: a third.

    >>> game = [[1, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0, 0, 0, 1]]
    >>> hitting_probabilities(game, [3]).round(4).tolist()
    [0.0, 0.3333, 0.6667, 1.0]
    """
    P, names = _checks.square(transition)
    goal = _targets(targets, names)
    can = _reaches(P, goal)
    inner = can & ~goal
    h = goal.astype(float)
    if inner.any():
        Q = P[np.ix_(inner, inner)]
        h[inner] = np.linalg.solve(np.eye(len(Q)) - Q, P[np.ix_(inner, goal)].sum(axis=1))
    return pd.Series(np.clip(h, 0, 1), index=pd.Index(names), name="probability")


def expected_steps(transition, targets) -> pd.Series:
    """Mean number of steps until a target is reached: t = 1 + P t, 0 there; infinite where it may never be.

    Examples
    --------
    >>> expected_steps([[0.5, 0.5], [0, 1]], [1]).tolist()
    [2.0, 0.0]
    """
    P, names = _checks.square(transition)
    goal = _targets(targets, names)
    # infinite as soon as a state from which the target is out of reach can come up on the way
    onward = np.where(goal[:, None], 0.0, P)
    doubtful = _reaches(onward, ~_reaches(P, goal))
    inner = ~doubtful & ~goal
    t = np.where(doubtful, np.inf, 0.0)
    t[goal] = 0.0
    if inner.any():
        Q = P[np.ix_(inner, inner)]
        t[inner] = np.linalg.solve(np.eye(len(Q)) - Q, np.ones(len(Q)))
    return pd.Series(t, index=pd.Index(names), name="steps")


def _targets(targets, names) -> np.ndarray:
    if isinstance(targets, str) or not hasattr(targets, "__iter__"):
        targets = [targets]
    targets = list(targets)
    unknown = [t for t in targets if t not in names]
    if unknown or not targets:
        raise InputError(
            (
                f"targets names {_checks.shown(unknown[0])}, which is none"
                if unknown
                else "targets is empty: name one"
            )
            + f" of the states {_checks.known(names)}"
            + (": correct it." if unknown else ".")
        )
    return np.array([name in targets for name in names])


def _reaches(P, goal) -> np.ndarray:
    """From which states the goal can be reached in any number of steps, 0 included."""
    can = goal.copy()
    while True:
        more = can | (P[:, can] > 0).any(axis=1)
        if (more == can).all():
            return can
        can = more


@dataclass(frozen=True)
class Absorption:
    """How a chain ends that ends for certain.

    Parameters
    ----------
    visits : pandas.DataFrame
        Mean number of visits to each passing state (columns) before the end, the start included.
    steps : pandas.Series
        Mean steps to the end.
    probabilities : pandas.DataFrame
        P(to end in each absorbing state).
    """

    visits: pd.DataFrame
    steps: pd.Series
    probabilities: pd.DataFrame


def absorption(transition) -> Absorption:
    """Visits (I − Q)⁻¹, steps and ends of an absorbing chain (Kemeny & Snell, 1960 (unverified)).

    Q holds the transitions among the passing states, those that are not absorbing.

    Raises
    ------
    InputError
        No absorbing state, or a state from which none can be reached.

    Examples
    --------
    >>> funnel = pd.DataFrame([[0.5, 0.3, 0.0, 0.2], [0.2, 0.3, 0.4, 0.1], [0, 0, 1, 0], [0, 0, 0, 1.0]],
    ...     index=["look", "cart", "bought", "left"], columns=["look", "cart", "bought", "left"])
    >>> absorption(funnel).probabilities.round(3).to_dict("index")
    {'look': {'bought': 0.414, 'left': 0.586}, 'cart': {'bought': 0.69, 'left': 0.31}}
    """
    P, names = _checks.square(transition)
    ends = np.diag(P) == 1
    if not ends.any():
        raise InputError(
            "The chain has no absorbing state: give each end a row that leads to itself with probability 1, "
            "or use expected_steps for the way to any state."
        )
    lost = ~_reaches(P, ends)
    if lost.any():
        raise InputError(
            f"No absorbing state can be reached from {names[int(lost.argmax())]!r}: "
            "use hitting_probabilities and expected_steps."
        )
    inner = np.array(names, dtype=object)[~ends]
    N = np.linalg.inv(np.eye((~ends).sum()) - P[np.ix_(~ends, ~ends)])
    index = pd.Index(inner.tolist(), name="from")
    outer = pd.Index(np.array(names, dtype=object)[ends].tolist(), name="end")
    return Absorption(
        pd.DataFrame(N, index=index, columns=pd.Index(inner.tolist(), name="state")),
        pd.Series(N.sum(axis=1), index=index, name="steps"),
        pd.DataFrame(N @ P[np.ix_(~ends, ends)], index=index, columns=outer),
    )


# --- which order ---------------------------------------------------------------------------------------


def order_bits(
    sequences,
    models,
    n_folds: int = 5,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Held-out bits per step of several models, on the same folds of sequences.

    Whole sequences (visitors) are held out, each once; the interval is the bootstrap over sequences of the
    ratio of bits to steps.

    Parameters
    ----------
    sequences : list of sequences
    models : int, or dict of name to estimator with ``fit`` and ``bits``
        An int k: chains of order 0 … k, "backoff" with smoothing 1 / K. Estimators are copied, not changed.
    n_folds : int
    level, n_resamples, random_state
        Of the interval, and of the folds.

    Returns
    -------
    pandas.DataFrame
        Index ``model``; ``bits`` per step, ``low``, ``high``; ``less_best``, ``less_low``, ``less_high``: the
        paired difference to the model with the fewest bits (0 in its own row); ``best``.

    Raises
    ------
    InputError
        Fewer sequences than folds; no steps; a held-out sequence that a model holds impossible.

    Examples
    --------
    >>> flip = [[0, 1] * 10, [1, 0] * 10, [0, 1] * 12, [1, 0] * 8]
    >>> table = order_bits(flip, 2, n_folds=2)
    >>> table["bits"].round(1).to_dict()
    {'order 0': 1.0, 'order 1': 0.1, 'order 2': 0.1}
    """
    from sklearn.base import clone

    from bigmkt_helpers.information import ratio_interval

    _checks.level_of(level)
    sequences = [s for s in _checks.listed(sequences) if len(s)]
    n_folds = _checks.whole(n_folds, "n_folds", least=2)
    if len(sequences) < n_folds:
        raise InputError(f"{len(sequences)} sequences with steps cannot make {n_folds} folds: lower n_folds.")
    if not isinstance(models, dict):
        symbols = _checks.encoded(sequences)[2]
        models = {
            f"order {k}": MarkovChain(k, 1 / len(symbols), "backoff", symbols)
            for k in range(_checks.whole(models, "models", least=0) + 1)
        }
    fold = _checks.generator(random_state).permutation(len(sequences)) % n_folds
    steps = np.array([len(s) for s in sequences], dtype=float)
    bits = {name: np.empty(len(sequences)) for name in models}
    for number in range(n_folds):
        learn = [s for s, f in zip(sequences, fold, strict=True) if f != number]
        held = [s for s, f in zip(sequences, fold, strict=True) if f == number]
        for name, model in models.items():
            bits[name][fold == number] = clone(model).fit(learn).bits(held)
    for name, values in bits.items():
        if not np.isfinite(values).all():
            place = int((~np.isfinite(values)).argmax())
            raise InputError(
                f"Model {name!r} holds sequences[{place}] impossible when it is held out: add smoothing."
            )
    total = pd.Series({name: values.sum() for name, values in bits.items()}) / steps.sum()
    best = total.idxmin()
    rows = []
    for name, values in bits.items():
        own = ratio_interval(values, steps, level, n_resamples, random_state)
        less = ratio_interval(values - bits[best], steps, level, n_resamples, random_state)
        rows.append((name, *own[:3], *less[:3], name == best))
    columns = ["model", "bits", "low", "high", "less_best", "less_low", "less_high", "best"]
    return pd.DataFrame(rows, columns=columns).set_index("model")
