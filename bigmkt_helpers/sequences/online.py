"""A session that is still running: what is known after each step, without going back."""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.sequences import _checks
from bigmkt_helpers.sequences.hidden import HiddenMarkov
from bigmkt_helpers.sequences.panels import PanelHMM

__all__ = ["SessionFilter"]


class SessionFilter:
    """Bayes' rule, one step at a time: predict the state, look, correct.

    After t steps it holds what the forward pass over those t steps would say, at the cost of one step.

    Parameters
    ----------
    model : HiddenMarkov or PanelHMM
        With known or fitted parameters.

    Attributes
    ----------
    law : pandas.Series
        P(state at the last step | the steps so far); the start's law before the first.
    n_steps : int
    log_probability : float
        ln P(the steps so far).

    Raises
    ------
    InputError
        A step that is no symbol or cannot happen; the filter then stays as it was.

    Examples
    --------
    >>> rain = pd.DataFrame([[0.7, 0.3], [0.3, 0.7]], ["rain", "dry"], ["rain", "dry"])
    >>> seen = pd.DataFrame([[0.9, 0.1], [0.2, 0.8]], rain.index, ["umbrella", "none"])
    >>> session = SessionFilter(HiddenMarkov([0.5, 0.5], rain, seen))
    >>> [round(float(session.update(day)["rain"]), 4) for day in ("umbrella", "umbrella")]
    [0.8182, 0.8834]
    """

    def __init__(self, model):
        if isinstance(model, PanelHMM):
            model._ready()
            self._initial, self._transition = model.initial_, model.transition_
            names = list(range(model.n_states))
        elif isinstance(model, HiddenMarkov):
            self._initial = np.asarray(model.initial, dtype=float)
            self._transition = np.asarray(model.transition, dtype=float)
            names = model.states
        else:
            raise InputError(f"model is a {type(model).__name__}: pass a HiddenMarkov or a PanelHMM.")
        self.model = model
        self._names = pd.Index(names, name="state")
        self.restart()

    def restart(self) -> None:
        """Forget everything: a new session begins."""
        self._law, self.n_steps, self.log_probability = self._initial, 0, 0.0

    @property
    def law(self) -> pd.Series:
        return pd.Series(self._law, index=self._names, name="probability")

    def ahead(self, steps: int = 1) -> pd.Series:
        """P(state `steps` steps after the last one)."""
        law = self._law
        # before the first step the law is that of the first step itself
        for _ in range(_checks.whole(steps, "steps") - (self.n_steps == 0)):
            law = law @ self._transition
        return pd.Series(law, index=self._names, name="probability")

    def update(self, observation) -> pd.Series:
        """Take in one step; returns the new law.

        Parameters
        ----------
        observation : label, number, or sequence of them (one per channel)
            None or NaN where the step was not observed: time passes all the same.
        """
        chance = self._chance(observation)
        law = self.ahead().to_numpy() * chance
        total = law.sum()
        if not total > 0:
            raise InputError(
                f"Step {self.n_steps} of the session, {observation!r}, cannot happen under this model after "
                "those before: correct it, or fit with smoothing above 0."
            )
        self._law = law / total
        self.n_steps += 1
        self.log_probability += float(np.log(total))
        return self.law

    def _chance(self, observation) -> np.ndarray:
        if isinstance(self.model, HiddenMarkov):
            if observation is None or (isinstance(observation, float) and np.isnan(observation)):
                return np.ones(len(self._initial))
            with np.errstate(divide="ignore"):
                return np.exp(self.model.logs([observation])[2][0])
        several = not isinstance(self.model.emission, str)
        step = np.asarray(observation, dtype=object)
        if step.shape != ((len(self.model.emission),) if several else ()):
            wanted = f"{len(self.model.emission)} values" if several else "one value"
            raise InputError(f"The step {observation!r} should hold {wanted}.")
        if pd.isna(step).all():
            return np.ones(len(self._initial))
        # the first step of a panel may be known to be at least one, the others never are
        first = self.model.first_at_least_one and self.n_steps == 0
        rows = [[observation]] if first else [[_unknown(self.model), observation]]
        try:
            panel = self.model._read(rows)
        except InputError as error:
            # the panel of one step that stands for the session has other numbers
            _, _, rest = str(error).partition(" is ")
            text = f"Step {self.n_steps} of the session is {rest}" if rest else str(error)
            raise InputError(text) from error
        return np.exp(self.model._chance(panel, self.model.emission_)[panel.codes[-1]])


def _unknown(model):
    return None if isinstance(model.emission, str) else [None] * len(model.emission)
