"""The exercises of chapter 00, the information gap."""

import math

import numpy as np

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 00.1: what share of a market with hidden quality is traded

_MARKETS = ((200, 1000, 1.2), (100, 900, 1.6), (300, 800, 1.5), (400, 900, 1.1), (0, 500, 1.9))


def _resting_price(lowest, highest, factor):
    if factor * (lowest + highest) / 2 >= highest:
        return factor * (lowest + highest) / 2
    return factor * lowest / (2 - factor)


def _share_below(price, lowest, highest):
    return (price - lowest) / (highest - lowest)


def _share_traded(lowest, highest, factor):
    return min(_share_below(_resting_price(lowest, highest, factor), lowest, highest), 1.0)


def _share_without_a_whole_market(lowest, highest, factor):
    return _share_below(factor * lowest / (2 - factor), lowest, highest)


def _share_above_one(lowest, highest, factor):
    return _share_below(_resting_price(lowest, highest, factor), lowest, highest)


def _share_in_the_first_round(lowest, highest, factor):
    return min(_share_below(factor * (lowest + highest) / 2, lowest, highest), 1.0)


def _share_in_the_second_round(lowest, highest, factor):
    first = min(factor * (lowest + highest) / 2, highest)
    return min(_share_below(factor * (lowest + first) / 2, lowest, highest), 1.0)


def _share_of_the_highest(lowest, highest, factor):
    return min(_resting_price(lowest, highest, factor) / highest, 1.0)


def _share_kept(lowest, highest, factor):
    return 1 - _share_traded(lowest, highest, factor)


def _price_in_every_market(lowest, highest, factor):
    return factor * lowest / (2 - factor)


def _price_at_most_the_highest(lowest, highest, factor):
    return min(_resting_price(lowest, highest, factor), highest)


def _price_or_all(lowest, highest, factor):
    whole = factor * (lowest + highest) / 2 >= highest
    return 1.0 if whole else _resting_price(lowest, highest, factor)


def _price_over_the_range(lowest, highest, factor):
    return min(_resting_price(lowest, highest, factor) / (highest - lowest), 1.0)


def _range_over_the_highest(lowest, highest, factor):
    return min((_resting_price(lowest, highest, factor) - lowest) / highest, 1.0)


def _price_less_lowest_over_the_highest(lowest, highest, factor):
    return min((_price_in_every_market(lowest, highest, factor) - lowest) / highest, 1.0)


def _nothing_in_place_of_all(lowest, highest, factor):
    return 0.0 if factor * (lowest + highest) / 2 >= highest else _share_traded(lowest, highest, factor)


def _traded_in_per_cent(lowest, highest, factor):
    return 100 * _share_traded(lowest, highest, factor)


def _always_collapses(lowest, highest, factor):
    return 1.0 if factor * (lowest + highest) / 2 >= highest else 0.0


# 00.2: the shortest warranty that tells the truth, and when it pays the good seller

_WARRANTIES = ((900, 500, 0.05, 0.25, 400), (300, 240, 0.10, 0.40, 50), (1500, 1100, 0.02, 0.16, 1000))


def _pays_up_to(years, good, bad, good_fails, repair):
    """The share of good sellers at which the average price is what the good seller keeps with a warranty."""
    return (good - years * good_fails * repair - bad) / (good - bad)


def _warranty(good, bad, good_fails, bad_fails, repair):
    shortest = (good - bad) / (bad_fails * repair)
    return shortest, _pays_up_to(shortest, good, bad, good_fails, repair)


def _swapped(good, bad, good_fails, bad_fails, repair):
    return _warranty(good, bad, good_fails, bad_fails, repair)[::-1]


def _whole_price(good, bad, good_fails, bad_fails, repair):
    years = good / (bad_fails * repair)
    return years, _pays_up_to(years, good, bad, good_fails, repair)


def _whole_price_with_the_right_share(good, bad, good_fails, bad_fails, repair):
    return good / (bad_fails * repair), 1 - good_fails / bad_fails


def _no_repair(good, bad, good_fails, bad_fails, repair):
    years = (good - bad) / bad_fails
    return years, _pays_up_to(years, good, bad, good_fails, 1)


def _longest(good, bad, good_fails, bad_fails, repair):
    years = (good - bad) / (good_fails * repair)
    return years, _pays_up_to(years, good, bad, good_fails, repair)


def _longest_with_the_right_share(good, bad, good_fails, bad_fails, repair):
    return (good - bad) / (good_fails * repair), 1 - good_fails / bad_fails


def _whole_years(good, bad, good_fails, bad_fails, repair):
    years = math.ceil((good - bad) / (bad_fails * repair) - 1e-9)
    return years, _pays_up_to(years, good, bad, good_fails, repair)


def _whole_years_with_the_right_share(good, bad, good_fails, bad_fails, repair):
    years = math.ceil((good - bad) / (bad_fails * repair) - 1e-9)
    return years, 1 - good_fails / bad_fails


def _difference_of_the_costs(good, bad, good_fails, bad_fails, repair):
    years = (good - bad) / ((bad_fails - good_fails) * repair)
    return years, _pays_up_to(years, good, bad, good_fails, repair)


def _difference_with_the_right_share(good, bad, good_fails, bad_fails, repair):
    return (good - bad) / ((bad_fails - good_fails) * repair), 1 - good_fails / bad_fails


def _years_alone(good, bad, good_fails, bad_fails, repair):
    return (good - bad) / (bad_fails * repair)


def _kept_in_place_of_a_share(good, bad, good_fails, bad_fails, repair):
    years = (good - bad) / (bad_fails * repair)
    return years, good - years * good_fails * repair


def _kept_of_the_good_price(good, bad, good_fails, bad_fails, repair):
    years = (good - bad) / (bad_fails * repair)
    return years, (good - years * good_fails * repair) / good


def _pays_in_per_cent(good, bad, good_fails, bad_fails, repair):
    years, share = _warranty(good, bad, good_fails, bad_fails, repair)
    return years, 100 * share


def _share_of_bad(good, bad, good_fails, bad_fails, repair):
    shortest, share = _warranty(good, bad, good_fails, bad_fails, repair)
    return shortest, 1 - share


def _against_the_low_price(good, bad, good_fails, bad_fails, repair):
    return _warranty(good, bad, good_fails, bad_fails, repair)[0], 1.0


def _one_year_only(good, bad, good_fails, bad_fails, repair):
    shortest = (good - bad) / (bad_fails * repair)
    return shortest, _pays_up_to(1, good, bad, good_fails, repair)


# 00.3: the entropy of what customers answered

_ANSWERS = (
    ({"tea": 30, "lamps": 10, "nothing": 60},),
    ({"tea": 5, "cups": 5, "lamps": 0, "nothing": 10},),
    ({"yes": 1, "no": 7},),
)


def _shares(counts):
    values = np.array(list(counts.values()), dtype=float)
    values = values[values > 0]
    return values / values.sum()


def _entropy(counts):
    p = _shares(counts)
    return float(-(p * np.log2(p)).sum())


def _in_nats(counts):
    p = _shares(counts)
    return float(-(p * np.log(p)).sum())


def _in_tens(counts):
    p = _shares(counts)
    return float(-(p * np.log10(p)).sum())


def _negative(counts):
    return -_entropy(counts)


def _as_if_equal(counts):
    return float(np.log2(len(_shares(counts))))


def _names_as_if_equal(counts):
    return float(np.log2(len(counts)))


def _mean_surprise(counts):
    return float(-np.log2(_shares(counts)).mean())


def _sum_of_surprises(counts):
    return float(-np.log2(_shares(counts)).sum())


def _mean_surprise_of_all_names(counts):
    return _sum_of_surprises(counts) / len(counts)


def _of_the_counts(counts):
    n = np.array([value for value in counts.values() if value > 0], dtype=float)
    return float(-(n * np.log2(n)).sum())


def _zeros_spoil(counts):
    p = np.array(list(counts.values()), dtype=float)
    p = p / p.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(-(p * np.log2(p)).sum())


# 00.4: what a signal is worth before a letter is sent

_LETTERS = (
    (20, 2, 0.05, 0.80, 0.20),
    (20, 2, 0.30, 0.90, 0.40),
    (20, 2, 0.05, 0.50, 0.40),
    (50, 10, 0.10, 0.60, 0.05),
)


def _expected(margin, cost, prior, hit, alarm):
    """Expected profit per customer of: letters to nobody, to all, to the flagged, with perfect knowledge."""
    to_all = prior * margin - cost
    to_flagged = prior * hit * (margin - cost) - (1 - prior) * alarm * cost
    return 0.0, to_all, to_flagged, prior * (margin - cost)


def _worth(margin, cost, prior, hit, alarm):
    nobody, everybody, flagged, _ = _expected(margin, cost, prior, hit, alarm)
    return max(nobody, everybody, flagged) - max(nobody, everybody)


def _worth_of_perfect(margin, cost, prior, hit, alarm):
    nobody, everybody, _, perfect = _expected(margin, cost, prior, hit, alarm)
    return perfect - max(nobody, everybody)


def _profit_of_flagged(margin, cost, prior, hit, alarm):
    return _expected(margin, cost, prior, hit, alarm)[2]


def _obeys_the_signal(margin, cost, prior, hit, alarm):
    nobody, everybody, flagged, _ = _expected(margin, cost, prior, hit, alarm)
    return flagged - max(nobody, everybody)


def _against_nobody(margin, cost, prior, hit, alarm):
    nobody, everybody, flagged, _ = _expected(margin, cost, prior, hit, alarm)
    return max(nobody, everybody, flagged)


def _against_everybody(margin, cost, prior, hit, alarm):
    nobody, everybody, flagged, _ = _expected(margin, cost, prior, hit, alarm)
    return max(nobody, everybody, flagged) - everybody


def _false_alarms_free(margin, cost, prior, hit, alarm):
    nobody, everybody, _, _ = _expected(margin, cost, prior, hit, alarm)
    return max(nobody, everybody, prior * hit * (margin - cost)) - max(nobody, everybody)


def _best_of(margin, cost, prior, flagged):
    without = max(0, prior * margin - cost)
    return max(without, flagged) - without


def _letters_to_all_paid(margin, cost, prior, hit, alarm):
    return _best_of(margin, cost, prior, prior * hit * margin - cost)


def _letters_to_buyers_free(margin, cost, prior, hit, alarm):
    return _best_of(margin, cost, prior, prior * hit * margin - (1 - prior) * alarm * cost)


def _alarms_of_all(margin, cost, prior, hit, alarm):
    return _best_of(margin, cost, prior, prior * hit * (margin - cost) - alarm * cost)


def _prior_forgotten(margin, cost, prior, hit, alarm):
    return _best_of(margin, cost, prior, hit * (margin - cost) - alarm * cost)


def _per_flagged(margin, cost, prior, hit, alarm):
    return _worth(margin, cost, prior, hit, alarm) / (prior * hit + (1 - prior) * alarm)


# 00.5: the factor by which a signal lets a bettor's capital grow

_JOINTS = (
    (np.array([[0.40, 0.10], [0.10, 0.40]]),),
    (np.array([[0.10, 0.05, 0.15], [0.02, 0.48, 0.20]]),),
    (np.array([[0.30, 0.30], [0.20, 0.20]]),),
    (np.array([[0.50, 0.00], [0.25, 0.25]]),),
)


def _bits(p):
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def _doublings(joint):
    return _bits(joint.sum(axis=1)) + _bits(joint.sum(axis=0)) - _bits(joint)


def _growth_factor(joint):
    return 2 ** _doublings(joint)


def _power_of_e(joint):
    return float(np.exp(_doublings(joint)))


def _growth_rate_in_per_cent(joint):
    return _growth_factor(joint) - 1


def _one_more_than_the_bits(joint):
    return 1 + _doublings(joint)


def _two_to_the_nats(joint):
    return 2 ** (_doublings(joint) * math.log(2))


def _double_for_all(joint):
    return _same_odds_for_all(joint) * 2 / joint.shape[1]


def _uncertainty_left(joint):
    return 2 ** (_bits(joint) - _bits(joint.sum(axis=1)))


def _uncertainty_before(joint):
    return 2 ** _bits(joint.sum(axis=0))


def _uncertainty_of_the_signal(joint):
    return 2 ** _bits(joint.sum(axis=1))


def _rows_not_weighted(joint):
    rows = joint / joint.sum(axis=1, keepdims=True)
    return 2 ** (_bits(joint.sum(axis=0)) - float(np.mean([_bits(row) for row in rows])))


def _same_odds_for_all(joint):
    left = _bits(joint) - _bits(joint.sum(axis=1))
    return joint.shape[1] * 2**-left


def _mean_of_one_round(joint):
    rows = joint / joint.sum(axis=1, keepdims=True)
    return float((joint * rows / joint.sum(axis=0)).sum())


def _zeros_spoil_growth(joint):
    chance = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(2 ** (joint * np.log2(joint / chance)).sum())


# 00.6: the share of the closable gap that a model closed

_GUESSES = (
    (
        np.array([0.70, 0.10, 0.10, 0.70, 0.70]),
        np.array([0.80, 0.30, 0.05, 0.60, 0.75]),
        np.array([0.95, 0.60, 0.20, 0.90, 0.85]),
    ),
    (np.array([0.50, 0.25, 0.25]), np.array([0.25, 0.25, 0.125]), np.array([0.75, 0.50, 0.50])),
    (np.full(4, 0.25), np.array([0.4, 0.2, 0.5, 0.9]), np.array([0.5, 0.4, 0.8, 0.9])),
)


def _loss(p):
    return float(-np.log2(p).mean())


def _share_closed(base, model, truth):
    return (_loss(base) - _loss(model)) / (_loss(base) - _loss(truth))


def _bits_alone(base, model, truth):
    return _loss(base) - _loss(model)


def _share_of_everything(base, model, truth):
    return (_loss(base) - _loss(model)) / _loss(base)


def _share_left(base, model, truth):
    return 1 - _share_closed(base, model, truth)


def _log_of_the_mean(base, model, truth):
    logs = [-np.log2(p.mean()) for p in (base, model, truth)]
    return float((logs[0] - logs[1]) / (logs[0] - logs[2]))


def _mean_of_ratios(base, model, truth):
    return float(np.mean(np.log2(model / base) / np.log2(truth / base)))


def _without_logarithm(base, model, truth):
    return float((model.mean() - base.mean()) / (truth.mean() - base.mean()))


def _of_the_losses(base, model, truth):
    return _loss(model) / _loss(truth)


def _less_base(base, model, truth):
    return -_share_closed(base, model, truth)


def _closed_in_per_cent(base, model, truth):
    return 100 * _share_closed(base, model, truth)


def _never_below_zero(base, model, truth):
    return max(_share_closed(base, model, truth), 0.0)


EXERCISES = (
    Exercise(
        key="00.1",
        title="First where the price rests, then how much of the market lies below it, at most all.",
        reference=lambda: _share_traded,
        cases=_MARKETS,
        mistakes={
            "the price": Mistake(
                lambda: _resting_price,
                "That is the price. Asked is the share of the cakes that lie below it.",
                also=(
                    lambda: _price_in_every_market,
                    lambda: _price_at_most_the_highest,
                    lambda: _price_or_all,
                ),
            ),
            "per cent": Mistake(
                lambda: _traded_in_per_cent,
                "That is in per cent. A share lies between 0 and 1.",
            ),
            "the whole market forgotten": Mistake(
                lambda: _share_without_a_whole_market,
                "If buyers pay at least the highest quality for the average of all, everybody sells. Look at "
                "that case first.",
            ),
            "above one": Mistake(
                lambda: _share_above_one,
                "A share above 1: the price may lie above the best cake, but no more than all can be sold.",
            ),
            "the first round": Mistake(
                lambda: _share_in_the_first_round,
                "That is sold at the first offer, for the average of all. The best sellers leave, and it "
                "falls again: find the price that stays.",
            ),
            "the second round": Mistake(
                lambda: _share_in_the_second_round,
                "That is sold after the best have left once. Go on until the price stays, or solve "
                "price = factor × (lowest + price) / 2.",
            ),
            "of the highest": Mistake(
                lambda: _share_of_the_highest,
                "You divide the price by the highest quality. The qualities begin at lowest, not at 0: "
                "measure from there.",
            ),
            "price over the range": Mistake(
                lambda: _price_over_the_range,
                "You divide the whole price by the range of the qualities. Of the price, too, only the part "
                "above lowest counts.",
            ),
            "range over the highest": Mistake(
                lambda: _range_over_the_highest,
                "You divide by the highest quality. The whole market reaches from lowest to highest: divide "
                "by the length of that.",
                also=(lambda: _price_less_lowest_over_the_highest,),
            ),
            "nothing in place of all": Mistake(
                lambda: _nothing_in_place_of_all,
                "Where the formula puts the price above the best cake, you say that nothing is sold. There "
                "everybody sells.",
            ),
            "kept": Mistake(lambda: _share_kept, "That is the share which the owners keep."),
            "always nothing": Mistake(
                lambda: _always_collapses,
                "The market shrinks to the very lowest quality only if that is 0. Otherwise some trade is "
                "left: solve price = factor × (lowest + price) / 2.",
            ),
        },
    ),
    Exercise(
        key="00.2",
        title="Long enough that the bad seller gives up. The share hangs on the failures, not on prices.",
        reference=lambda: _warranty,
        cases=_WARRANTIES,
        mistakes={
            "swapped": Mistake(
                lambda: _swapped,
                "The order is the years first, then the share of good sellers.",
            ),
            "the whole price": Mistake(
                lambda: _whole_price,
                "The warranty wins a seller the difference between the two prices, not the whole price.",
                also=(lambda: _whole_price_with_the_right_share,),
            ),
            "no repair": Mistake(
                lambda: _no_repair,
                "A year of warranty costs the failures of that year times the cost of a repair.",
            ),
            "longest": Mistake(
                lambda: _longest,
                "Those are the years at which the good seller gives up. The bad one, whose goods fail more "
                "often, gives up earlier.",
                also=(lambda: _longest_with_the_right_share,),
            ),
            "whole years": Mistake(
                lambda: _whole_years,
                "You round the years. Fractions of a year are allowed.",
                also=(lambda: _whole_years_with_the_right_share,),
            ),
            "difference of the costs": Mistake(
                lambda: _difference_of_the_costs,
                "You divide by what the bad seller pays more than the good one. The bad seller "
                "looks at the own repairs alone.",
                also=(lambda: _difference_with_the_right_share,),
            ),
            "one number": Mistake(
                lambda: _years_alone,
                "The years are right. Return two numbers: the years, and the share of good sellers.",
            ),
            "kept": Mistake(
                lambda: _kept_in_place_of_a_share,
                "The years are right. Your second number is what the good seller keeps, in CNY. At which "
                "share of good sellers is the average price as much?",
            ),
            "kept of the good price": Mistake(
                lambda: _kept_of_the_good_price,
                "The years are right. You divide what the good seller keeps by the high price. The average "
                "price runs from bad to good: measure from bad.",
            ),
            "per cent": Mistake(
                lambda: _pays_in_per_cent,
                "The years are right. Your share is in per cent; it should lie between 0 and 1.",
            ),
            "share of bad": Mistake(
                lambda: _share_of_bad,
                "The years are right. Your share is that of the bad sellers, or you took the inequality "
                "the wrong way round.",
            ),
            "against the low price": Mistake(
                lambda: _against_the_low_price,
                "The years are right. Without any warranty buyers cannot tell, and pay the average, not the "
                "low price: compare with that.",
            ),
            "one year": Mistake(
                lambda: _one_year_only,
                "The years are right. For the share, take the cost of all of them, not of one year.",
            ),
        },
    ),
    Exercise(
        key="00.3",
        title="Surprise in bits, each answer weighed by how often it comes.",
        reference=lambda: _entropy,
        cases=_ANSWERS,
        mistakes={
            "nats": Mistake(lambda: _in_nats, "That is the natural logarithm. Bits need the base 2: log2."),
            "base 10": Mistake(lambda: _in_tens, "That is the logarithm to base 10. Bits need log2."),
            "sign": Mistake(
                lambda: _negative,
                "The logarithm of a share is negative; the minus in front of the sum is missing.",
            ),
            "equal answers": Mistake(
                lambda: _as_if_equal,
                "That is log2 of the number of answers, right only if all come equally often.",
            ),
            "equal names": Mistake(
                lambda: _names_as_if_equal,
                "That is log2 of the number of names, as if all came equally often, even the one never "
                "given.",
            ),
            "not weighed": Mistake(
                lambda: _mean_surprise,
                "You count the surprises of all answers alike. Weigh each by its share.",
                also=(lambda: _sum_of_surprises, lambda: _mean_surprise_of_all_names),
            ),
            "counts": Mistake(
                lambda: _of_the_counts,
                "These are counts, not shares: divide by their sum first.",
            ),
            "zeros": Mistake(
                lambda: _zeros_spoil,
                "An answer that never came gives 0 × log2(0), which is nan. Such answers add nothing: "
                "leave them out.",
            ),
        },
    ),
    Exercise(
        key="00.4",
        title="What the best decision earns with the signal, less what it earns without.",
        reference=lambda: _worth,
        cases=_LETTERS,
        mistakes={
            "perfect": Mistake(
                lambda: _worth_of_perfect,
                "That is the worth of knowing for certain. This signal misses buyers and flags others.",
            ),
            "profit": Mistake(
                lambda: _profit_of_flagged,
                "That is the profit of writing to the flagged. Subtract what the best decision earns without "
                "the signal.",
            ),
            "obeyed": Mistake(
                lambda: _obeys_the_signal,
                "Your signal can do harm, because it is always obeyed. Whoever may ignore it never loses: "
                "the worth is at least 0.",
            ),
            "against nobody": Mistake(
                lambda: _against_nobody,
                "Without the signal one could also write to everybody. Compare with the better of nobody and "
                "everybody.",
            ),
            "against everybody": Mistake(
                lambda: _against_everybody,
                "Without the signal one could also write to nobody. Compare with the better of nobody and "
                "everybody.",
            ),
            "false alarms": Mistake(
                lambda: _false_alarms_free,
                "The letters to flagged customers who would not buy cost money too.",
            ),
            "letters to all": Mistake(
                lambda: _letters_to_all_paid,
                "With the flag only the flagged get a letter. You pay for letters to everybody.",
            ),
            "letters to buyers": Mistake(
                lambda: _letters_to_buyers_free,
                "A letter to a flagged buyer costs money too: a buyer leaves margin less cost.",
            ),
            "alarms of all": Mistake(
                lambda: _alarms_of_all,
                "The false alarms are a share of the others, not of all customers: weigh them by 1 − prior.",
            ),
            "prior forgotten": Mistake(
                lambda: _prior_forgotten,
                "A hit is a share of the buyers, an alarm a share of the others. How many of all customers "
                "are buyers, how many are others?",
            ),
            "per flagged": Mistake(
                lambda: _per_flagged,
                "That is the worth per flagged customer. Asked is the worth per customer, flagged or not.",
            ),
        },
    ),
    Exercise(
        key="00.5",
        title="Kelly: the doublings that a signal adds are the mutual information.",
        reference=lambda: _growth_factor,
        cases=_JOINTS,
        mistakes={
            "doublings": Mistake(
                lambda: _doublings,
                "Those are the doublings a round, the mutual information. By what factor has the capital "
                "grown after so many doublings?",
                also=(lambda: _one_more_than_the_bits,),
            ),
            "bases mixed": Mistake(
                lambda: _two_to_the_nats,
                "You take natural logarithms and then a power of 2. Stay with one base: log2 and 2, or log "
                "and e.",
            ),
            "power of e": Mistake(
                lambda: _power_of_e, "The growth is in doublings: take the power of 2, not of e."
            ),
            "growth less one": Mistake(
                lambda: _growth_rate_in_per_cent,
                "That is what is added to 1 yuan. Asked is what it becomes: add the 1.",
            ),
            "what is left": Mistake(
                lambda: _uncertainty_left,
                "You start from the uncertainty about the outcome that is left when the signal is known. "
                "Subtract it from the uncertainty before.",
            ),
            "before": Mistake(
                lambda: _uncertainty_before,
                "You start from the uncertainty before the signal. Subtract what is left when the signal is "
                "known.",
            ),
            "the signal": Mistake(
                lambda: _uncertainty_of_the_signal,
                "You start from the entropy of the signal itself. A signal can be full of surprises and say "
                "nothing.",
            ),
            "signals alike": Mistake(
                lambda: _rows_not_weighted,
                "You average over the signals as if each came equally often. Weigh each row by its "
                "probability.",
            ),
            "same odds": Mistake(
                lambda: _same_odds_for_all,
                "You pay the same odds on every outcome. Fair odds are 1/p: an outcome that is rarer "
                "without the signal pays more.",
                also=(lambda: _double_for_all,),
            ),
            "one round": Mistake(
                lambda: _mean_of_one_round,
                "That is the mean factor of a single round. Capital that is bet again and again multiplies: "
                "average its logarithm.",
            ),
            "zeros": Mistake(
                lambda: _zeros_spoil_growth,
                "A cell of probability 0 gives 0 × log2(0), which is nan. It counts 0: leave it out.",
            ),
        },
    ),
    Exercise(
        key="00.6",
        title="Bits closed over bits that could be closed.",
        reference=lambda: _share_closed,
        cases=_GUESSES,
        mistakes={
            "bits": Mistake(
                lambda: _bits_alone,
                "Those are the bits closed. Divide by the bits that could be closed at all: base less truth.",
            ),
            "of everything": Mistake(
                lambda: _share_of_everything,
                "You divide by the whole uncertainty. What is left under the truth is chance, and nobody can "
                "close it: divide by base less truth.",
            ),
            "left": Mistake(lambda: _share_left, "That is the share which is still open."),
            "mean first": Mistake(
                lambda: _log_of_the_mean,
                "You average the probabilities and then take the logarithm. Take the logarithm of each "
                "customer's probability first.",
            ),
            "mean of ratios": Mistake(
                lambda: _mean_of_ratios,
                "You divide customer by customer and average the ratios. Average the bits first, then divide "
                "once.",
            ),
            "no logarithm": Mistake(
                lambda: _without_logarithm,
                "You compare average probabilities. The gap is in bits: −log2 of each probability.",
            ),
            "of the losses": Mistake(
                lambda: _of_the_losses,
                "You divide the loss of the model by that of the truth. Both begin at base: take what each "
                "has closed.",
                also=(lambda: lambda base, model, truth: _loss(truth) / _loss(model),),
            ),
            "sign": Mistake(
                lambda: _less_base,
                "The sign is the wrong way round: a model closes base less model.",
            ),
            "per cent": Mistake(
                lambda: _closed_in_per_cent,
                "That is in per cent. Return the share itself: all that can be closed is 1.",
            ),
            "cut at 0": Mistake(
                lambda: _never_below_zero,
                "A model can be worse than the base rates. Then the share is negative: say so, do not cut it "
                "at 0.",
            ),
        },
    ),
)
