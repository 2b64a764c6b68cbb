"""Hidden Markov models of one sequence, written to be read.

The state moves by a Markov chain that nobody sees; each state emits what one does see. All functions take
natural logarithms, so that no probability of a long sequence can underflow:

- ``log_initial`` (S,): ln P(first state);
- ``log_transition`` (S, S): ln P(next state | state), rows from, columns to;
- ``log_emission`` (T, S): ln P(what was seen at step t | state), in whatever way it was seen.

Notation as in Rabiner (Proceedings of the IEEE 77, 1989, pages 257-286): α forward, β backward, γ posterior.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.sequences import _checks

__all__ = [
    "HiddenMarkov",
    "backward",
    "baum_welch",
    "fit_long",
    "forward",
    "log_probability",
    "posterior",
    "viterbi",
]


# --- the ideas, one function each ----------------------------------------------------------------------


def log_sum(values, axis):
    """ln Σ exp(values) along an axis, safe where all are −inf."""
    return np.logaddexp.reduce(values, axis=axis)


def forward(log_initial, log_transition, log_emission) -> np.ndarray:
    """ln α, shape (T, S): ln P(steps 0 … t seen, and the state at t).

    α at 0 is initial · emission; then α(t, j) = Σ_i α(t − 1, i) · transition(i, j) · emission(t, j). The sum
    of the last row is the probability of the whole sequence.

    Examples
    --------
    A patient is healthy or has a fever, and says how they feel: normal, cold, dizzy (the example of
    Wikipedia's page on the Viterbi algorithm (unverified)).

    >>> start, move = np.log([0.6, 0.4]), np.log([[0.7, 0.3], [0.4, 0.6]])
    >>> seen = np.log([[0.5, 0.1], [0.4, 0.3], [0.1, 0.6]])
    >>> np.exp(forward(start, move, seen)).round(6).tolist()
    [[0.3, 0.04], [0.0904, 0.0342], [0.007696, 0.028584]]
    """
    alpha = np.empty(np.shape(log_emission))
    if len(alpha):
        alpha[0] = log_initial + log_emission[0]
    for t in range(1, len(alpha)):
        alpha[t] = log_sum(alpha[t - 1][:, None] + log_transition, axis=0) + log_emission[t]
    return alpha


def backward(log_transition, log_emission) -> np.ndarray:
    """ln β, shape (T, S): ln P(steps t + 1 … T − 1 seen | the state at t); 0 at the last step.

    β(t, i) = Σ_j transition(i, j) · emission(t + 1, j) · β(t + 1, j).
    """
    beta = np.zeros(np.shape(log_emission))
    for t in range(len(beta) - 2, -1, -1):
        beta[t] = log_sum(log_transition + log_emission[t + 1] + beta[t + 1], axis=1)
    return beta


def log_probability(log_initial, log_transition, log_emission) -> float:
    """ln P(the sequence): Σ over the last row of α; 0 for an empty one, −inf for an impossible one.

    Examples
    --------
    >>> start, move = np.log([0.6, 0.4]), np.log([[0.7, 0.3], [0.4, 0.6]])
    >>> seen = np.log([[0.5, 0.1], [0.4, 0.3], [0.1, 0.6]])
    >>> round(float(np.exp(log_probability(start, move, seen))), 5)
    0.03628
    """
    if not len(log_emission):
        return 0.0
    return float(log_sum(forward(log_initial, log_transition, log_emission)[-1], axis=0))


def posterior(log_initial, log_transition, log_emission) -> np.ndarray:
    """γ, shape (T, S): P(state at t | the whole sequence) = α β / Σ α β. Rows sum to 1.

    The state with the greatest γ is the best guess at each step alone; put together these guesses need not be
    a possible path (see `viterbi`).

    Raises
    ------
    InputError
        The sequence has probability 0.

    Examples
    --------
    The umbrella world of Russell & Norvig (Artificial intelligence, chapter on time (unverified)): two days
    with umbrella, was it raining on the first?

    >>> rain, umbrella = np.log([[0.7, 0.3], [0.3, 0.7]]), np.log([[0.9, 0.2], [0.9, 0.2]])
    >>> posterior(np.log([0.5, 0.5]), rain, umbrella)[0].round(4).tolist()
    [0.8834, 0.1166]
    """
    both = forward(log_initial, log_transition, log_emission) + backward(log_transition, log_emission)
    total = log_sum(both, axis=1)
    if not np.isfinite(total).all():
        raise InputError(_impossible(forward(log_initial, log_transition, log_emission)))
    return np.exp(both - total[:, None])


def viterbi(log_initial, log_transition, log_emission) -> tuple[np.ndarray, float]:
    """The most probable path and its ln P(path and sequence).

    Of equal paths the one whose last states have the lower numbers.

    δ(t, j) = max_i δ(t − 1, i) · transition(i, j) · emission(t, j): forward with the best instead of the sum,
    and a note of where the best came from; the path is read from the notes, backwards.

    Raises
    ------
    InputError
        The sequence has probability 0.

    Examples
    --------
    >>> start, move = np.log([0.6, 0.4]), np.log([[0.7, 0.3], [0.4, 0.6]])
    >>> path, value = viterbi(start, move, np.log([[0.5, 0.1], [0.4, 0.3], [0.1, 0.6]]))
    >>> path.tolist(), round(float(np.exp(value)), 5)
    ([0, 0, 1], 0.01512)
    """
    n = len(log_emission)
    path, came_from = np.zeros(n, dtype=np.int64), np.zeros(np.shape(log_emission), dtype=np.int64)
    if not n:
        return path, 0.0
    best = log_initial + log_emission[0]
    for t in range(1, n):
        ways = best[:, None] + log_transition
        came_from[t] = ways.argmax(axis=0)
        best = ways.max(axis=0) + log_emission[t]
    if not np.isfinite(best.max()):
        raise InputError(_impossible(forward(log_initial, log_transition, log_emission)))
    path[-1] = best.argmax()
    for t in range(n - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path, float(best.max())


def baum_welch(sequence, initial, transition, emission, n_iter: int = 100, tol: float = 1e-6):
    """Parameters that explain one sequence of symbols better and better (expectation maximisation).

    In each step the posterior of states and of moves is worked out under the present parameters, and the
    parameters become the expected shares: ξ(t, i, j) = P(state i at t and j at t + 1 | sequence), from α, β.
    The likelihood never falls. It ends in a maximum that depends on the start; begin from several.

    Parameters
    ----------
    sequence : int array of shape (T,)
        Codes of the symbols, 0 … K − 1.
    initial : array (S,); transition : array (S, S); emission : array (S, K)
        Where to start; a zero stays a zero.
    n_iter : int
        Steps at most.
    tol : float
        Stop when ln P(sequence) rises by less.

    Returns
    -------
    model : HiddenMarkov
    history : ndarray
        ln P(sequence) before each step, and after the last.
    converged : bool
        False where `n_iter` ran out.

    Examples
    --------
    >>> ice_creams = [2, 0, 2, 2, 1, 0, 0, 0, 1, 0, 2, 2, 2]
    >>> model, history, converged = baum_welch(
    ...     ice_creams, [0.5, 0.5], [[0.8, 0.2], [0.2, 0.8]], [[0.6, 0.3, 0.1], [0.1, 0.3, 0.6]])
    >>> bool((np.diff(history) > -1e-9).all()), converged
    (True, True)
    """
    x, pi, A, B = _parameters(sequence, initial, transition, emission)
    _checks.whole(n_iter, "n_iter")
    _checks.real(tol, "tol")
    if not len(x):
        raise InputError("The sequence is empty: pass at least one step to learn from.")
    history, converged = [], False
    for step in range(n_iter + 1):
        with np.errstate(divide="ignore"):
            lpi, lA, lB = np.log(pi), np.log(A), np.log(B).T[x]
        alpha, beta = forward(lpi, lA, lB), backward(lA, lB)
        value = float(log_sum(alpha[-1], axis=0))
        if not np.isfinite(value):
            raise InputError(f"{_impossible(alpha)[:-1]}, in the tables to start from.")
        history.append(value)
        converged = step > 0 and history[-1] - history[-2] < tol
        if converged or step == n_iter:
            break
        gamma = np.exp(alpha + beta - value)
        xi = np.exp(alpha[:-1, :, None] + lA + (lB[1:] + beta[1:])[:, None, :] - value).sum(axis=0)
        pi = gamma[0] / gamma[0].sum()
        # a state that is never left or never taken keeps its row
        A = np.where(xi.sum(1, keepdims=True) > 0, xi / np.maximum(xi.sum(1, keepdims=True), 1e-300), A)
        seen = np.array([np.bincount(x, weights=g, minlength=B.shape[1]) for g in gamma.T])
        B = np.where(seen.sum(1, keepdims=True) > 0, seen / np.maximum(seen.sum(1, keepdims=True), 1e-300), B)
    return HiddenMarkov(pi, A, B), np.array(history), converged


def _parameters(sequence, initial, transition, emission):
    A, _ = _checks.square(transition)
    pi = _checks.distributions(initial, "initial", 1)
    B = _checks.distributions(emission, "emission")
    if len(pi) != len(A) or len(B) != len(A):
        raise InputError(
            f"initial has {len(pi)} states, transition {len(A)} and emission {len(B)}: give all three the "
            "same."
        )
    x, _, _ = _checks.encoded([sequence], range(B.shape[1]), "sequence")
    return x, pi, A, B


def _impossible(alpha) -> str:
    step = int((~np.isfinite(alpha).any(axis=1)).argmax())
    return (
        f"The sequence cannot happen under this model: after the steps before, step {step} has probability "
        "0; correct it, or give it a probability above 0."
    )


# --- a model with names --------------------------------------------------------------------------------


@dataclass(frozen=True)
class HiddenMarkov:
    """A hidden Markov model whose parameters are known, for sequences of symbols.

    Parameters
    ----------
    initial : array of shape (S,)
    transition : DataFrame or array of shape (S, S)
        Rows: from; the row names of a DataFrame name the states.
    emission : DataFrame or array of shape (S, K)
        P(symbol | state); the column names of a DataFrame name the symbols.

    Raises
    ------
    InputError
        Rows that do not sum to 1; shapes that do not fit.

    Examples
    --------
    >>> mood = pd.DataFrame([[0.7, 0.3], [0.4, 0.6]], ["healthy", "fever"], ["healthy", "fever"])
    >>> said = pd.DataFrame([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]], mood.index, ["normal", "cold", "dizzy"])
    >>> model = HiddenMarkov([0.6, 0.4], mood, said)
    >>> path, value = model.viterbi(["normal", "cold", "dizzy"])
    >>> path, round(float(np.exp(value)), 5)
    (['healthy', 'healthy', 'fever'], 0.01512)
    """

    initial: np.ndarray
    transition: np.ndarray
    emission: np.ndarray

    def __post_init__(self):
        _parameters([], self.initial, self.transition, self.emission)

    @property
    def states(self) -> list:
        return _checks.labels_of(self.transition)

    @property
    def symbols(self) -> list:
        table = self.emission
        return list(table.columns) if isinstance(table, pd.DataFrame) else list(range(np.shape(table)[1]))

    def logs(self, sequence):
        """``log_initial, log_transition, log_emission`` of a sequence, as the functions above want them."""
        codes, _, _ = _checks.encoded([sequence], self.symbols, "sequence")
        with np.errstate(divide="ignore"):
            tables = [
                np.log(np.asarray(t, dtype=float)) for t in (self.initial, self.transition, self.emission)
            ]
        return tables[0], tables[1], tables[2].T[codes]

    def log_probability(self, sequence) -> float:
        return log_probability(*self.logs(sequence))

    def posterior(self, sequence) -> pd.DataFrame:
        """P(state | all steps): one row per step."""
        return pd.DataFrame(posterior(*self.logs(sequence)), columns=pd.Index(self.states, name="state"))

    def filtered(self, sequence) -> pd.DataFrame:
        """P(state | the steps so far): one row per step; what one knows while the session still runs."""
        logs = self.logs(sequence)
        alpha = forward(*logs)
        total = log_sum(alpha, axis=1)
        if not np.isfinite(total).all():
            raise InputError(_impossible(alpha))
        return pd.DataFrame(np.exp(alpha - total[:, None]), columns=pd.Index(self.states, name="state"))

    def viterbi(self, sequence) -> tuple[list, float]:
        """Names of the states on the most probable path, and ln P(path and sequence)."""
        path, value = viterbi(*self.logs(sequence))
        return [self.states[state] for state in path], value

    def sample(self, n_steps: int, random_state=0) -> tuple[list, list]:
        """States and symbols of `n_steps` steps, drawn."""
        rng = _checks.generator(random_state)
        pi, A, B = (np.asarray(t, dtype=float) for t in (self.initial, self.transition, self.emission))
        states, symbols, law = [], [], pi
        for u, v in rng.random((_checks.whole(n_steps, "n_steps", least=0), 2)):
            state = min(int((law.cumsum() <= u).sum()), len(pi) - 1)
            states.append(self.states[state])
            symbols.append(self.symbols[min(int((B[state].cumsum() <= v).sum()), B.shape[1] - 1)])
            law = A[state]
        return states, symbols


def fit_long(
    sequence,
    n_states: int,
    emission: str = "categorical",
    n_init: int = 5,
    max_iter: int = 500,
    tol: float = 1e-4,
    random_state: int = 0,
):
    """One long sequence through hmmlearn, whose inner loop is compiled; best of several starts.

    Two traps of hmmlearn 0.3 are taken care of: its Poisson model has a prior by default (here maximum
    likelihood), and its ``monitor_.converged`` is also True when the iterations run out (here that warns).

    Parameters
    ----------
    sequence : int array of shape (T,)
        Codes from 0, or counts for "poisson".
    n_states : int
    emission : {"categorical", "poisson"}
    n_init, max_iter : int
    tol : float
        Stop when the log-likelihood rises by less.
    random_state : int

    Returns
    -------
    hmmlearn model
        With ``converged_`` and ``log_likelihood_`` added.

    Examples
    --------
    >>> model = fit_long([0, 0, 1, 0, 9, 8, 9, 7, 0, 1, 0, 0] * 2, 2, "poisson", n_init=1)
    >>> sorted(model.lambdas_.ravel().round(2).tolist()), model.converged_
    ([0.25, 8.25], True)
    """
    from hmmlearn.hmm import CategoricalHMM, PoissonHMM
    from sklearn.exceptions import ConvergenceWarning

    if emission not in ("categorical", "poisson"):
        raise InputError(f"emission={emission!r} is not known: use 'categorical' or 'poisson'.")
    x = np.asarray(sequence)
    if x.ndim != 1 or (len(x) and not np.issubdtype(x.dtype, np.integer)):
        raise InputError(
            f"sequence has shape {x.shape} and type {x.dtype}: it must be one row of whole numbers, codes of "
            "symbols or counts."
        )
    if (x < 0).any():
        step = int((x < 0).argmax())
        raise InputError(
            f"Step {step} of the sequence is {x[step]}: codes of symbols, and counts, are at least 0."
        )
    n_states = _checks.whole(n_states, "n_states")
    if len(x) < n_states:
        raise InputError(
            f"{n_states} states were asked for, but the sequence has {len(x)} steps: lower n_states."
        )
    kind, more = (CategoricalHMM, {}) if emission == "categorical" else (PoissonHMM, {"lambdas_prior": 0.0})
    if emission == "poisson":
        more["lambdas_weight"] = 0.0
    rng, best = _checks.generator(random_state), None
    for seed in rng.integers(0, 2**31 - 1, _checks.whole(n_init, "n_init")):
        model = kind(
            n_states, n_iter=_checks.whole(max_iter, "max_iter"), tol=tol, random_state=int(seed), **more
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(x[:, None])
        history = list(model.monitor_.history)
        model.log_likelihood_ = float(model.score(x[:, None]))
        model.converged_ = len(history) > 1 and history[-1] - history[-2] < tol
        if best is None or model.log_likelihood_ > best.log_likelihood_:
            best = model
    if not best.converged_:
        warnings.warn(
            f"The best of {n_init} starts still rose after {max_iter} iterations: raise max_iter.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return best
