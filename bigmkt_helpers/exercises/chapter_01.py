"""The exercises of chapter 01, collecting and cleaning data."""

import numpy as np
import pandas as pd

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 01.1: a price as the till prints it

_PRICES = ("¥1,234.50", "¥128.00", "−¥257.00", "-¥1,068.90", "¥1.234,50", "¥128,50", "−¥12.345,00")


def _yuan(text):
    text = text.replace("−", "-").replace("¥", "")
    if text[-3] == ",":
        text = text.replace(".", "").replace(",", ".")
    return float(text.replace(",", ""))


def _commas_dropped(text):
    return float(text.replace("−", "-").replace("¥", "").replace(",", ""))


def _without_sign(text):
    return abs(_yuan(text))


def _only_ascii_minus(text):
    return -_yuan(text) if text[0] == "−" else _yuan(text)


def _digits_only(text):
    value = float("".join(sign for sign in text if sign.isdigit()))
    return -value if text[0] in "−-" else value


def _comma_is_the_dot(text):
    text = text.replace("−", "-").replace("¥", "")
    return float(text.replace(".", "").replace(",", ".")) if "," in text else float(text)


_PRICE_CASES = tuple((text,) for text in _PRICES)


# 01.2: outliers by the modified z-score

_SALES = (
    (np.array([42.0, 55.0, 38.0, 61.0, 47.0, 52.0, 44.0, 58.0, 49.0, 5100.0]), 3.5),
    (np.array([-30.0, 55.0, 38.0, 61.0, 47.0, 52.0, 44.0, 58.0, 49.0, 68.0]), 3.5),
    (np.array([42.0, 55.0, 38.0, 61.0, 47.0, 52.0, 44.0, 4900.0, 49.0, 5100.0]), 3.5),
    (np.array([5.0, 5.0, 5.0, 5.0, 7.0, 5.0, 5.0]), 3.5),
    (np.array([20.0, 23.0, 19.0, 21.0, 22.0, 35.0, 24.0, 16.0, 9.0]), 2.0),
    (np.array([4.0, 5.0, 12.0, 5.0, 6.0, 6.0, 0.0, 6.0, 7.0, 7.0, 8.0]), 1.349),  # 4 and 8: exactly the cut
)


def _robust(values, cut, scale=0.6745, centre=np.median, spread=None, sided=False, equal=True, at=False):
    distance = values - centre(values)
    width = np.median(np.abs(distance)) if spread is None else spread(values)
    if width == 0:
        return (distance != 0) if equal else np.zeros(len(values), dtype=bool)
    score = scale * distance / width
    score = score if sided else np.abs(score)
    return score >= cut if at else score > cut


def _variant(**changes):
    return lambda: lambda values, cut: _robust(values, cut, **changes)


# 01.3: the same order clicked twice

_CLICKS = pd.DataFrame(
    [
        ("W7", "li@a.cn", "pot", "2025-03-01 10:00:03"),
        ("W2", "li@a.cn", "tea", "2025-03-01 10:00:00"),
        ("W3", "li@a.cn", "tea", "2025-03-01 10:00:04"),
        ("W4", "an@b.cn", "tea", "2025-03-01 10:00:05"),
        ("W5", None, "cup", "2025-03-01 10:01:00"),
        ("W6", None, "cup", "2025-03-01 10:01:06"),
        ("W8", "li@a.cn", "tea", "2025-03-08 18:30:00"),
        ("W9", "an@b.cn", "jar", "2025-03-02 09:00:00"),
        ("W1", "an@b.cn", "jar", "2025-03-02 09:00:08"),
        ("W0", "an@b.cn", "jar", "2025-03-02 09:00:19"),
    ],
    columns=["order", "email", "basket", "time"],
).assign(time=lambda table: pd.to_datetime(table["time"], utc=True))
_THREE_CLICKS = pd.DataFrame(
    {
        "order": ["W23", "W21", "W22", "W24"],
        "email": ["li@a.cn"] * 4,
        "basket": ["tea", "tea", "tea", "pot"],
        "time": pd.Timestamp("2025-03-01 10:00", tz="UTC") + pd.to_timedelta([12, 0, 6, 13], unit="s"),
    }
)
_CLICK_CASES = (
    (_CLICKS, 8),
    (_CLICKS.iloc[::-1], 8),
    (_CLICKS[_CLICKS["order"] != "W0"].reset_index(drop=True), 5),
    (_THREE_CLICKS, 8),
)


def _real_orders(orders, seconds, by=("email", "basket"), unknown_is_nobody=True, at=True):
    orders = orders.sort_values("time")
    before = orders.groupby(list(by), dropna=False)["time"].shift()
    gap, limit = orders["time"] - before, pd.Timedelta(seconds=seconds)
    double = gap <= limit if at else gap < limit
    if unknown_is_nobody:
        double &= orders["email"].notna()
    return orders.loc[~double, "order"].tolist()


def _no_time(orders, seconds):
    orders = orders.sort_values("time")
    known = orders["email"].notna()
    return orders.loc[~(orders.duplicated(["email", "basket"]) & known), "order"].tolist()


def _both_gone(orders, seconds):
    orders = orders.sort_values("time")
    gap = pd.Timedelta(seconds=seconds)
    times = orders.groupby(["email", "basket"], dropna=False)["time"]
    double = ((orders["time"] - times.shift()) <= gap) | ((times.shift(-1) - orders["time"]) <= gap)
    return orders.loc[~(double & orders["email"].notna()), "order"].tolist()


def _last_kept(orders, seconds):
    orders = orders.sort_values("time")
    after = orders.groupby(["email", "basket"], dropna=False)["time"].shift(-1)
    double = (after - orders["time"]) <= pd.Timedelta(seconds=seconds)
    return orders.loc[~(double & orders["email"].notna()), "order"].tolist()


def _after_last_kept(orders, seconds):
    kept, last = [], {}
    for row in orders.sort_values("time").itertuples():
        key = (row.email, row.basket)
        known = not pd.isna(row.email)
        if known and key in last and row.time - last[key] <= pd.Timedelta(seconds=seconds):
            continue
        kept.append(row.order)
        last[key] = row.time
    return kept


def _not_sorted(orders, seconds):
    before = orders.groupby(["email", "basket"], dropna=False)["time"].shift()
    gap = (orders["time"] - before).abs()
    double = (gap <= pd.Timedelta(seconds=seconds)) & orders["email"].notna()
    return orders.loc[~double, "order"].tolist()


# 01.4: precision and recall of each kind of dirt

_MARKS = (
    (
        {(1, "bot"), (2, "bot"), (3, "bot"), (4, "test"), (5, "copy"), (6, "copy")},
        {(1, "bot"), (2, "bot"), (7, "bot"), (8, "bot"), (9, "test"), (5, "copy"), (4, "date")},
    ),
    (
        {(1, "copy"), (2, "copy"), (3, "copy"), (4, "copy"), (8, "bot"), (5, "date"), (6, "date")},
        {(1, "copy"), (8, "bot"), (9, "bot"), (10, "bot"), (3, "test"), (2, "test")},
    ),
)


def _score(found, planted, swap=False, any_kind=False, empty=np.nan):
    answer = {}
    for kind in sorted({kind for _, kind in planted}):
        mine = {row for row, name in found if name == kind}
        true = {row for row, name in planted if name == kind}
        hits = len(mine & true)
        if any_kind:
            hits = len(mine & {row for row, _ in planted})
            true_hits = len(true & {row for row, _ in found})
        else:
            true_hits = hits
        pair = (hits / len(mine) if mine else empty, true_hits / len(true))
        answer[kind] = pair[::-1] if swap else pair
    return answer


def _score_of_found(found, planted, recall=np.nan):
    """Also the kinds that were found but never planted: there is no recall of them."""
    more = {kind for _, kind in found} - {kind for _, kind in planted}
    return _score(found, planted) | dict.fromkeys(more, (0.0, recall))


def _only_kinds_found(found, planted):
    kinds = {kind for _, kind in found}
    return {kind: pair for kind, pair in _score(found, planted).items() if kind in kinds}


def _over_all(found, planted):
    hits = len(found & planted)
    pair = (hits / len(found), hits / len(planted))
    return dict.fromkeys(sorted({kind for _, kind in planted}), pair)


def _jaccard(found, planted):
    answer = {}
    for kind in sorted({kind for _, kind in planted}):
        mine = {row for row, name in found if name == kind}
        true = {row for row, name in planted if name == kind}
        share = len(mine & true) / len(mine | true)
        answer[kind] = (share, share)
    return answer


# 01.5: fill the gaps with what the training part knows

_NAN = np.nan
_PARTS = (
    (
        pd.DataFrame({"income": [4.0, 9.0, _NAN, 5.0, 30.0], "age": [20.0, _NAN, 41.0, 38.0, 35.0]}),
        pd.DataFrame({"income": [_NAN, 50.0, 60.0], "age": [70.0, 68.0, _NAN]}, index=[9, 8, 7]),
    ),
    (
        pd.DataFrame({"income": [1.0, _NAN, 3.0, 8.0], "age": [50.0, 22.0, _NAN, 31.0]}),
        pd.DataFrame(
            {"income": [_NAN, 20.0, _NAN, 7.0], "age": [_NAN, 19.0, 66.0, 44.0]}, index=[4, 5, 6, 7]
        ),
    ),
)


def _filled(train, test, known=None, how="median"):
    known = train if known is None else known
    value = known.median() if how == "median" else known.mean()
    return train.fillna(value), test.fillna(value)


def _filled_from_all(train, test):
    return _filled(train, test, known=pd.concat([train, test]))


def _each_its_own(train, test):
    return train.fillna(train.median()), test.fillna(test.median())


def _with_means(train, test):
    return _filled(train, test, how="mean")


def _with_zeros(train, test):
    return train.fillna(0.0), test.fillna(0.0)


def _rows_dropped(train, test):
    return train.dropna(), test.dropna()


def _train_left_alone(train, test):
    return train, test.fillna(train.median())


def _one_number(train, test):
    value = float(np.nanmedian(train.to_numpy()))
    return train.fillna(value), test.fillna(value)


# 01.6: which accounts are one person

_ACCOUNTS = pd.DataFrame(
    [
        (11, "王 芳", "Fang@x.cn", "13800000001"),
        (12, "王芳", "wang@y.cn", "13800000001"),
        (13, "王芳", "wang@y.cn", None),
        (14, "李娜", "fang@x.cn", "13800000004"),
        (15, "赵敏", None, "13800000005"),
        (16, "赵敏", None, "13800000006"),
        (17, "王芳", "other@z.cn", "13800000007"),
        (18, "刘洋", "liu@q.cn", None),
        (19, "刘洋", " LIU@q.cn", "13800000009"),
    ],
    columns=["account", "name", "email", "phone"],
)
_UNKNOWN = pd.DataFrame(
    [
        (31, None, "shop@x.cn", "13800000031"),
        (32, None, "shop@x.cn", "13800000032"),
        (33, "陈静", "chen@y.cn", None),
        (34, "陈静", "jing@z.cn", None),
        (35, "周杰", None, "13800000035"),
        (36, "周杰", None, "13800000036"),
        (37, "吴昊", None, "13800000037"),
        (38, "吴 昊", "wu@q.cn", "13800000037"),
    ],
    columns=["account", "name", "email", "phone"],
)
_PEOPLE_CASES = (
    (_ACCOUNTS,),
    (_ACCOUNTS.iloc[::-1].assign(account=lambda table: table["account"] + 100).reset_index(drop=True),),
    (_ACCOUNTS.assign(account=[28, 27, 26, 25, 24, 23, 22, 21, 20]),),
    (_UNKNOWN,),
)


def _people(accounts, plain=True, names=True, contact=True, equal=(), hops=True):
    def key(value, column):
        if pd.isna(value):
            return "" if column in equal else None
        if not plain:
            return value
        return value.replace(" ", "") if column == "name" else value.strip().lower()

    table = accounts[["account", "name", "email", "phone"]]
    rows = [
        (int(account), key(name, "name"), key(email, "email"), key(phone, "phone"))
        for account, name, email, phone in table.itertuples(index=False, name=None)
    ]

    def same(one, other):
        if names and (one[1] is None or one[1] != other[1]):
            return False
        if not contact:
            return True
        return any(one[place] is not None and one[place] == other[place] for place in (2, 3))

    person = {row[0]: row[0] for row in rows}
    if not hops:
        return {row[0]: min([row[0], *(o[0] for o in rows if same(row, o))]) for row in rows}
    changed = True
    while changed:
        changed = False
        for one in rows:
            for other in rows:
                if same(one, other) and person[one[0]] != person[other[0]]:
                    low = min(person[one[0]], person[other[0]])
                    person[one[0]] = person[other[0]] = low
                    changed = True
    return person


def _people_with(**changes):
    return lambda: lambda accounts: _people(accounts, **changes)


EXERCISES = (
    Exercise(
        key="01.1",
        title="A price is a number with a sign, whatever the till prints.",
        reference=lambda: _yuan,
        cases=_PRICE_CASES,
        mistakes={
            "commas dropped": Mistake(
                lambda: _commas_dropped,
                "You drop every comma. In '¥128,50' the comma is the decimal sign: prices always have two "
                "decimals, so look at the third character from the end.",
            ),
            "sign lost": Mistake(
                lambda: _without_sign,
                "A return is negative. Your prices have lost their sign.",
            ),
            "one of two minus signs": Mistake(
                lambda: _only_ascii_minus,
                "There are two minus signs: '-' from the keyboard and '−' (U+2212). You read only one.",
            ),
            "digits only": Mistake(
                lambda: _digits_only,
                "You keep the digits and lose the decimal sign: your prices are 100 times too high.",
            ),
            "every comma is a dot": Mistake(
                lambda: _comma_is_the_dot,
                "You take every comma for the decimal sign. In '¥1,234.50' it separates the thousands.",
            ),
        },
    ),
    Exercise(
        key="01.2",
        title="The median and the MAD do not move when one value runs away.",
        reference=_variant(),
        cases=_SALES,
        mistakes={
            "z-score": Mistake(
                _variant(scale=1.0, centre=np.mean, spread=lambda v: v.std(ddof=1)),
                "That is the ordinary z-score. The outlier pulls the mean and stretches the standard "
                "deviation, so it hides itself: take the median and the MAD.",
            ),
            "standard deviation": Mistake(
                _variant(spread=lambda v: v.std(ddof=1)),
                "You divide by the standard deviation, which the outlier stretches. Divide by the MAD.",
            ),
            "mean": Mistake(
                _variant(centre=np.mean),
                "You measure from the mean, which the outlier pulls along. Measure from the median.",
            ),
            "no factor": Mistake(
                _variant(scale=1.0),
                "The factor 0.6745 is missing: it makes the score comparable with a z-score.",
            ),
            "factor below": Mistake(
                _variant(scale=1 / 0.6745),
                "You divide by 0.6745. The score is 0.6745 times the distance over the MAD.",
            ),
            "one side": Mistake(
                _variant(sided=True),
                "You look for high values only. A value far below is an outlier too: take the absolute "
                "score.",
            ),
            "at the cut": Mistake(
                _variant(at=True),
                "You mark a score equal to the cut too. Mark the scores that exceed it: > in place of >=.",
            ),
            "MAD of zero": Mistake(
                _variant(equal=False),
                "Where the MAD is 0 you mark nothing. Then more than half of the values are equal, and what "
                "differs from them should be marked.",
            ),
        },
    ),
    Exercise(
        key="01.3",
        title="A double click is the same person, the same basket, and a few seconds.",
        reference=lambda: _real_orders,
        cases=_CLICK_CASES,
        mistakes={
            "no look at the time": Mistake(
                lambda: _no_time,
                "You drop everybody who buys the same again a week later. Compare the times.",
            ),
            "both gone": Mistake(
                lambda: _both_gone,
                "Both clicks are gone, and the sale with them. Keep the first.",
            ),
            "the last kept": Mistake(
                lambda: _last_kept,
                "You keep the last click. The order was placed with the first.",
            ),
            "compared with the last kept": Mistake(
                lambda: _after_last_kept,
                "Of clicks after 0, 6 and 12 seconds you keep the third: you compare with the last order "
                "that you kept. Compare with the order just before, even if that was a double click.",
            ),
            "exactly so many seconds": Mistake(
                lambda: lambda orders, seconds: _real_orders(orders, seconds, at=False),
                "You keep an order that comes exactly so many seconds after the one before. At most 8 "
                "seconds includes 8: <= in place of <.",
            ),
            "not sorted": Mistake(
                lambda: _not_sorted,
                "The rows do not come in order of time. Sort them before you look at the row before.",
            ),
            "basket forgotten": Mistake(
                lambda: lambda orders, seconds: _real_orders(orders, seconds, by=("email",)),
                "You compare the customer only. Two different baskets within seconds are two orders.",
            ),
            "customer forgotten": Mistake(
                lambda: lambda orders, seconds: _real_orders(orders, seconds, by=("basket",)),
                "You compare the basket only. Two customers may buy the same at the same moment.",
            ),
            "unknown is one person": Mistake(
                lambda: lambda orders, seconds: _real_orders(orders, seconds, unknown_is_nobody=False),
                "You take all orders without an address for one customer. Unknown is not equal to unknown: "
                "leave them in.",
            ),
        },
    ),
    Exercise(
        key="01.4",
        title="Precision asks about what you marked, recall about what was there.",
        reference=lambda: _score,
        cases=_MARKS,
        mistakes={
            "the wrong way round": Mistake(
                lambda: lambda found, planted: _score(found, planted, swap=True),
                "You have recall first and precision second. Precision is hits over what was found.",
            ),
            "any kind counts": Mistake(
                lambda: lambda found, planted: _score(found, planted, any_kind=True),
                "You count a row as a hit when it was dirty in another way. Row and kind must both agree.",
            ),
            "all kinds together": Mistake(
                lambda: _over_all,
                "You count all kinds together. A common kind then hides a rare one: give each its own pair.",
            ),
            "nothing found is zero": Mistake(
                lambda: lambda found, planted: _score(found, planted, empty=0.0),
                "Where nothing was found there is no precision: 0 / 0 is nan, not 0.",
            ),
            "nothing found is perfect": Mistake(
                lambda: lambda found, planted: _score(found, planted, empty=1.0),
                "Where nothing was found there is no precision: 0 / 0 is nan, not 1.",
            ),
            "kinds never planted": Mistake(
                lambda: _score_of_found,
                "You answer for kinds that were found but not planted too. Asked are the planted kinds: "
                "where nothing was planted, nothing could be missed, and there is no recall.",
                also=(
                    lambda: lambda found, planted: _score_of_found(found, planted, recall=0.0),
                    lambda: lambda found, planted: _score_of_found(found, planted, recall=1.0),
                ),
            ),
            "kinds not found left out": Mistake(
                lambda: _only_kinds_found,
                "You leave out a kind of which nothing was found. Its recall is 0, and that must be told.",
            ),
            "one share": Mistake(
                lambda: _jaccard,
                "You divide by found or planted. Precision divides by found alone, recall by planted alone.",
            ),
        },
    ),
    Exercise(
        key="01.5",
        title="What fills a gap was learned in the training part alone.",
        reference=lambda: _filled,
        cases=_PARTS,
        keeps_arguments=True,
        mistakes={
            "learned from both": Mistake(
                lambda: _filled_from_all,
                "Your median has seen the test part: that is a leak. Take the median of the training part.",
            ),
            "each its own": Mistake(
                lambda: _each_its_own,
                "You fill the test part with its own median. A single new customer has none: use the median "
                "of the training part for both.",
            ),
            "mean": Mistake(
                lambda: _with_means,
                "That is the mean. One very high income pulls it; the median was asked for.",
            ),
            "zero": Mistake(
                lambda: _with_zeros,
                "You fill with 0. Unknown is not nothing.",
            ),
            "rows dropped": Mistake(
                lambda: _rows_dropped,
                "You drop the rows with gaps. Their customers still want an answer.",
            ),
            "training part left alone": Mistake(
                lambda: _train_left_alone,
                "The training part still has its gaps. Fill both.",
            ),
            "one number for all columns": Mistake(
                lambda: _one_number,
                "You fill every column with one number. Each column has its own median.",
            ),
        },
    ),
    Exercise(
        key="01.6",
        title="The same name and a common key, and whoever hangs together is one person.",
        reference=_people_with(),
        cases=_PEOPLE_CASES,
        mistakes={
            "families merged": Mistake(
                _people_with(names=False),
                "You merge whoever shares an address or a number. A family does too: the name must agree.",
            ),
            "name alone": Mistake(
                _people_with(contact=False),
                "You merge by the name alone. Two customers may have one name: an address or a "
                "number must agree.",
            ),
            "one step only": Mistake(
                _people_with(hops=False),
                "11 shares its number with 12, and 12 its address with 13: so all three are one person. You "
                "follow one step only.",
            ),
            "unknown equals unknown": Mistake(
                _people_with(equal=("name", "email", "phone")),
                "You take two missing values for equal. Unknown is not equal to unknown.",
            ),
            "unknown names are equal": Mistake(
                _people_with(equal=("name",)),
                "You take two missing names for equal: 31 and 32 may be two of a family. Unknown is not "
                "equal to unknown.",
            ),
            "unknown e-mails are equal": Mistake(
                _people_with(equal=("email",)),
                "You take two missing e-mails for equal. Unknown is not equal to unknown.",
            ),
            "unknown telephones are equal": Mistake(
                _people_with(equal=("phone",)),
                "You take two missing telephones for equal. Unknown is not equal to unknown.",
            ),
            "as written": Mistake(
                _people_with(plain=False),
                "You compare as written. Blanks in a name and capitals in an address make no difference.",
            ),
        },
    ),
)
