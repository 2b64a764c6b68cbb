"""A small world of running visits with carts, whose hidden intent and whose answer to a reminder are known.

The shop's app sessions hold no carts, and nobody buys inside them; this world stands beside it. All numbers
are set by hand, like those of the shop's clicks: they show what a method can find, not what visitors do.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.sequences import _checks
from bigmkt_helpers.sequences.chains import hitting_probabilities

__all__ = ["VisitLaws", "Visits", "click_aucs", "reminder_value", "simulate_visits"]

_INTENTS = ["looking", "weighing", "buying"]
_PAGES = ["home", "category", "product", "reviews", "cart", "help"]


_LAWS = {
    "initial": [0.8, 0.15, 0.05],
    "move": [[0.76, 0.07, 0.01, 0.0, 0.16], [0.08, 0.72, 0.08, 0.02, 0.10], [0.01, 0.05, 0.66, 0.22, 0.06]],
    "page": [
        [0.30, 0.40, 0.24, 0.02, 0.03, 0.01],
        [0.06, 0.20, 0.38, 0.22, 0.10, 0.04],
        [0.03, 0.06, 0.28, 0.08, 0.48, 0.07],
    ],
    "back": [0.01, 0.08, 0.55],
    "back_reminded": [0.02, 0.24, 0.58],
}


@dataclass(frozen=True, eq=False)
class VisitLaws:
    """What is true of every visit.

    A visit has a hidden intent; each click shows a page by the intent; then the intent moves, or the visit
    ends, with a purchase or without. Who left with something in the cart comes back and buys by chance,
    with or without a reminder, and that chance depends on the intent at the last click.

    Parameters
    ----------
    initial : array (3,)
        Intent at the first click: looking, weighing, buying.
    move : array (3, 5)
        To looking, weighing, buying, bought, left.
    page : array (3, 6)
        P(page | intent): home, category, product, reviews, cart, help.
    back, back_reminded : array (3,)
        P(comes back and buys | intent at the last click), without and with a reminder.
    margin : float
        CNY of a purchase.
    discount : float
        CNY that a reminder promises, paid to whoever then buys, also to those who would have come anyway.
    contact_cost : float
        CNY of a reminder.
    """

    initial: np.ndarray = field(default_factory=lambda: np.array(_LAWS["initial"]))
    move: np.ndarray = field(default_factory=lambda: np.array(_LAWS["move"]))
    page: np.ndarray = field(default_factory=lambda: np.array(_LAWS["page"]))
    back: np.ndarray = field(default_factory=lambda: np.array(_LAWS["back"]))
    back_reminded: np.ndarray = field(default_factory=lambda: np.array(_LAWS["back_reminded"]))
    margin: float = 60.0
    discount: float = 12.0
    contact_cost: float = 1.0

    def __post_init__(self):
        for name, ndim in (("initial", 1), ("move", 2), ("page", 2)):
            _checks.distributions(getattr(self, name), name, ndim)

    def chain(self) -> pd.DataFrame:
        """Transitions of intents and ends as one absorbing chain."""
        names = [*_INTENTS, "bought", "left"]
        return pd.DataFrame(np.vstack([self.move, np.eye(5)[3:]]), names, names)

    def buys(self) -> np.ndarray:
        """P(the visit ends with a purchase | intent now), (3,)."""
        return hitting_probabilities(self.chain(), "bought").to_numpy()[:3]

    def filtered(self, visits) -> np.ndarray:
        """P(intent | the clicks so far and that the visit still ran at each), one row per click.

        The forward filter under the true laws, the ceiling of every model of the clicks. Clicks that follow
        say that the visit had not ended; the last row of a visit knows nothing of its end.
        """
        goes_on = self.move[:, :3]
        law = np.zeros((len(visits.pages), 3))
        seen = self.page.T[visits.pages]
        start = np.cumsum(visits.lengths) - visits.lengths
        for step in range(int(visits.lengths.max(initial=0))):
            here = start[visits.lengths > step] + step
            before = self.initial if step == 0 else law[here - 1] @ goes_on
            law[here] = before * seen[here]
            law[here] /= law[here].sum(axis=1, keepdims=True)
        return law

    def intent_left_with(self, law) -> np.ndarray:
        """P(intent at the last click | clicks, left without a purchase), from the filtered law there."""
        law = law * self.move[:, 4]
        return law / law.sum(axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class Visits:
    """Visits: what the shop sees, and what it does not.

    Parameters
    ----------
    pages : int array (clicks,)
        Codes of all clicks, visit after visit.
    lengths : int array (n,)
    bought, cart : bool array (n,)
        Whether the visit ended with a purchase; whether the cart was ever seen.
    intents : int array (clicks,)
        Hidden.
    back, back_reminded : bool array (n,)
        Hidden: would come back and buy without a reminder, with one (False where bought at once).
    """

    pages: np.ndarray
    lengths: np.ndarray
    bought: np.ndarray
    cart: np.ndarray
    intents: np.ndarray
    back: np.ndarray
    back_reminded: np.ndarray

    @property
    def last(self) -> np.ndarray:
        """Place of each visit's last click among all clicks."""
        return np.cumsum(self.lengths) - 1

    @property
    def abandoned(self) -> np.ndarray:
        """Visits that saw the cart and ended without a purchase."""
        return self.cart & ~self.bought

    def sequences(self) -> list[list[str]]:
        """Names of the pages, one list per visit."""
        names = [_PAGES[code] for code in self.pages]
        ends = np.cumsum(self.lengths)
        return [names[end - n : end] for end, n in zip(ends, self.lengths, strict=True)]


def simulate_visits(n_visits: int, laws: VisitLaws | None = None, random_state=0) -> Visits:
    """Play visits; the two answers to "would this one come back" share their coin, so a reminder never harms.

    Examples
    --------
    >>> visits = simulate_visits(2000, random_state=1)
    >>> 0.1 < float(visits.bought.mean()) < 0.25, bool((visits.back <= visits.back_reminded).all())
    (True, True)
    """
    laws = VisitLaws() if laws is None else laws
    n, rng = _checks.whole(n_visits, "n_visits"), _checks.generator(random_state)
    state = (laws.initial.cumsum() <= rng.random(n)[:, None]).sum(axis=1).clip(max=2)
    running, who, pages, intents = np.arange(n), [], [], []
    last, bought = state.copy(), np.zeros(n, dtype=bool)
    while len(running):
        s = state[running]
        u, v = rng.random((2, len(running), 1))
        who.append(running)
        intents.append(s)
        pages.append((laws.page[s].cumsum(axis=1) <= u).sum(axis=1).clip(max=len(_PAGES) - 1))
        last[running] = s
        state[running] = (laws.move[s].cumsum(axis=1) <= v).sum(axis=1).clip(max=4)
        bought[running] = state[running] == 3
        running = running[state[running] < 3]
    order = np.argsort(np.concatenate(who), kind="stable")
    who = np.concatenate(who)[order]
    pages, intents = np.concatenate(pages)[order], np.concatenate(intents)[order]
    coin = rng.random(n)
    cart = np.bincount(who, weights=pages == _PAGES.index("cart"), minlength=n) > 0
    return Visits(
        pages,
        np.bincount(who, minlength=n),
        bought,
        cart,
        intents,
        ~bought & (coin < laws.back[last]),
        ~bought & (coin < laws.back_reminded[last]),
    )


def click_aucs(
    visits: Visits,
    scores: dict,
    clicks=range(1, 9),
    level: float = 0.95,
    n_resamples: int = 200,
    random_state=0,
) -> pd.DataFrame:
    """Area under the ROC curve of "this visit ends with a purchase" after each click, of those running.

    The visits change from click to click, as many have ended: compare models at one click, not clicks.

    Parameters
    ----------
    visits : Visits
    scores : dict of name to array (clicks,)
        Higher where a purchase is more likely; the entry of a click may use the clicks up to it.
    clicks : sequence of int
        Numbers of clicks seen, from 1.
    level, n_resamples, random_state
        Of the bootstrap interval over visits.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``click``, ``n``, ``auc``, ``low``, ``high``.

    Raises
    ------
    InputError
        Scores of another length; a click at which nobody, or everybody, buys.
    """
    from scipy.stats import rankdata

    _checks.level_of(level)
    rng, rows = _checks.generator(random_state), []
    start = np.cumsum(visits.lengths) - visits.lengths
    for click in clicks:
        running = visits.lengths >= _checks.whole(click, "click")
        place, y = start[running] + click - 1, visits.bought[running]
        if not y.any() or y.all():
            raise InputError(
                f"After {click} clicks {int(y.sum())} of {len(y)} visits buy: no curve can be drawn."
            )
        draws = rng.integers(0, len(y), (n_resamples, len(y)))

        def auc(s, yes):
            rank = rankdata(s)
            a, b = yes.sum(), (~yes).sum()
            return (rank[yes].sum() - a * (a + 1) / 2) / (a * b) if a and b else np.nan

        for name, values in scores.items():
            if len(values) != len(visits.pages):
                raise InputError(
                    f"scores[{name!r}] has {len(values)} entries for {len(visits.pages)} clicks."
                )
            s = np.asarray(values)[place]
            low, high = np.nanquantile([auc(s[d], y[d]) for d in draws], [(1 - level) / 2, (1 + level) / 2])
            rows.append((name, click, len(y), auc(s, y), low, high))
    return pd.DataFrame(rows, columns=["model", "click", "n", "auc", "low", "high"]).sort_values(
        ["model", "click"], ignore_index=True
    )


def reminder_value(back, back_reminded, laws: VisitLaws | None = None) -> np.ndarray:
    """CNY that a reminder is worth: p₁ (margin − discount) − p₀ margin − contact cost.

    Parameters
    ----------
    back, back_reminded : array (n,)
        p₀ and p₁, P(buys later) without and with the reminder; or 0 and 1, what each visitor would truly do.
    laws : VisitLaws, optional
        Its money.

    Examples
    --------
    Somebody who comes anyway gets the discount as a gift; somebody who is won pays for the reminder:

    >>> reminder_value([1, 0, 0], [1, 1, 0]).tolist()
    [-13.0, 47.0, -1.0]
    """
    laws = VisitLaws() if laws is None else laws
    back, won = np.asarray(back, dtype=float), np.asarray(back_reminded, dtype=float)
    return won * (laws.margin - laws.discount) - back * laws.margin - laws.contact_cost
