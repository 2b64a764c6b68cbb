"""The data sets of the course: one loader each, checksums verified, no network.

The files lie in `data/`, each with a card that says where it comes from, under which licence, and what every
column means; `data/make_data.py` made them.  A loader finds the folder beside the package (a checkout,
installed editable) or where the environment variable ``BIGMKT_DATA`` says.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bigmkt_helpers.errors import ChecksumError, InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "REGISTRY",
    "SHOP_REGISTRY",
    "SHOP_TABLES",
    "DataFile",
    "MovieLens",
    "Shop",
    "data_folder",
    "load_caravan",
    "load_cdnow",
    "load_ml100k",
    "load_movielens",
    "load_oj",
    "load_shop",
    "load_shop_raw_truth",
    "load_telco_churn",
    "shop_raw_folder",
]


@dataclass(frozen=True)
class DataFile:
    """One file of `data/`: its card, number of rows and sha256."""

    card: str
    rows: int
    sha256: str


REGISTRY = {
    "movielens_ratings.parquet": DataFile(
        "movielens.md", 100_004, "29467b67df06c11a111c25d66fbf0dc8ff695484f6d4470960506de80fd3e77f"
    ),
    "movielens_movies.parquet": DataFile(
        "movielens.md", 9_066, "8e7c0e1abb5d2b2877a3e8f00783348767d40e29b166875d5eff166fea3927f8"
    ),
    "cdnow_master.parquet": DataFile(
        "cdnow.md", 69_659, "9604a9d5b50cf06706702783cfb3354f47c80eef2c00209186a1cd7df06d23db"
    ),
    "cdnow_sample.parquet": DataFile(
        "cdnow.md", 6_919, "6bdd69562f41a55e6a9543714d93ea22afa87c840842248f51b0c2ace46822ac"
    ),
    "telco_churn.parquet": DataFile(
        "telco_churn.md", 7_043, "79acc87773c4c3b993eaeeafb19b1838d5c7b7b960858cfba9e159201ab7a446"
    ),
    "oj.parquet": DataFile(
        "oj.md", 1_070, "7b9c25df23a8b79ed0708ea67a38d01cba9f5531fca884a503df85614fb90ba1"
    ),
    "caravan.parquet": DataFile(
        "caravan.md", 5_822, "427d090932ef658f8874cbd93f543509982ef71fee33898f4d53bfcb39858d54"
    ),
}
"""Every data file of the course.  Its card states the same; a test holds registry, card and file together."""


@dataclass(frozen=True, eq=False, repr=False)
class MovieLens:
    """Ratings and the movies they are about.

    Parameters
    ----------
    ratings : pandas.DataFrame
        One row per rating: `user`, `item`, `rating` (stars), `timestamp` (UTC).
    movies : pandas.DataFrame
        One row per movie: `item`, `title`, `year`, `genres` (separated by "|").
    """

    ratings: "pd.DataFrame"
    movies: "pd.DataFrame"

    def __repr__(self) -> str:
        return (
            f"MovieLens({len(self.ratings):,} ratings by {self.ratings['user'].nunique():,} users "
            f"of {self.ratings['item'].nunique():,} movies)"
        )


SHOP_REGISTRY = {
    "customers.parquet": DataFile(
        "shop.md", 4_000, "dec89447794620266fd028b87b10ab5fdad84b3c7169108d3dd6df60fb64d531"
    ),
    "products.parquet": DataFile(
        "shop.md", 600, "0f12fa179755ca2e4e601765ba7db993668d7d993961feb405e099082ae5928c"
    ),
    "orders.parquet": DataFile(
        "shop.md", 51_692, "b523853d0501e3dff75eb4caa7e14ce6a359f9db46b633e4d82f5ea028276b0a"
    ),
    "returns.parquet": DataFile(
        "shop.md", 3_350, "60677dbcc651ab771ce05d5638e7e88e75bad3676a53b6c171a9188f8c9664f1"
    ),
    "sessions.parquet": DataFile(
        "shop.md", 256_130, "22198c1db90544d5e075a6763b9f32677d4021bd81cd150f1a729181cc632cc1"
    ),
    "ratings.parquet": DataFile(
        "shop.md", 10_190, "9acc2fc5336a44b6bffea49090518686399b22e502ea42f4001f6525c6d5834c"
    ),
    "campaigns.parquet": DataFile(
        "shop.md", 17_627, "ba7156f3df28a19a363278ea0688824fc6d5602f08510eeac8b68a1d0b2b36ea"
    ),
    "auctions.parquet": DataFile(
        "shop.md", 7_488, "5718ae65b9241690d69f30f3f79a9214184ef5a19b2235faca771a7a3dc22573"
    ),
    "truth_customers.parquet": DataFile(
        "shop.md", 4_000, "49b8ea114548fe303934c24eb401325cea9b8d4ed5c0cc6e67920a7b905b91b2"
    ),
    "truth_states.parquet": DataFile(
        "shop.md", 13_758, "a28493cbe2d114be93e9062ff06c653df328c3f4d806625a9b12b3b3e5d51bb1"
    ),
    "truth_products.parquet": DataFile(
        "shop.md", 600, "d0dae8564dd1b22d2769b3b3e2264881aa368e0d8dd3b324914c13dcf8b11d4b"
    ),
    "truth_answers.parquet": DataFile(
        "shop.md", 16_832, "6bbff930bf2cde6da4744b39b824e1209af10ec2de9b968139aeefc7b0a1aea8"
    ),
    "truth_observer.parquet": DataFile(
        "shop.md", 2_127, "4562e6367532aa6d8fa7443e70f1a3d904a3b7e6dca1d0bc23f279c86e3326bc"
    ),
}
"""Every table of the simulated shop in `data/shop/`; written by `data/make_shop.py`."""

SHOP_RAW_REGISTRY = {
    "raw/web_orders.csv": DataFile(
        "shop_raw.md", 28_719, "4738f1d3f900f9aa51f50cbf24c13d63d06315d8d063d5ddf6a406b26825492d"
    ),
    "raw/store_tills.csv": DataFile(
        "shop_raw.md", 15_100, "ab5a6df88d98594829a9fcff1b740855bf9c81bbd5603ef7c952968a2d16835c"
    ),
    "raw/app_events.jsonl.gz": DataFile(
        "shop_raw.md", 105_461, "de73e7f8485ec418c52200bbea322f424683884b92bc6c974001ee015397a113"
    ),
    "raw/crm.sqlite": DataFile(
        "shop_raw.md", 4_732, "fb701da177b072f4196569fe4a2af909bfc3e97249cda3f8d88a87d719b973c1"
    ),
    "raw/ratings.csv": DataFile(
        "shop_raw.md", 10_334, "6cff8e47c4abb291daf3bcbe5c31651eabda25124a67f6a14e67b59457601eb0"
    ),
    "truth_dirt.parquet": DataFile(
        "shop_raw.md", 38_037, "099da05ee5590a1dc1ae8800cf7dca2f6f94de45f03cdb2435d3bd0b4259ce3a"
    ),
    "truth_identities.parquet": DataFile(
        "shop_raw.md", 17_999, "59c523007962e2538e5e5277fcb475cdb361b5a13f3b6d79aefef7ff46f3d68c"
    ),
    "truth_rows.parquet": DataFile(
        "shop_raw.md", 161_160, "ec21a9356c43330fe92f4505d2d9a81bfbed0be9c61ad689f486f6fcd9fc98a5"
    ),
}
"""The shop's raw channels and their truth in `data/shop/`; written by `data/make_shop_raw.py`."""

SHOP_TABLES = {
    "customers": "one row per customer: who they are, as the shop's register knows it",
    "products": "one row per product: the catalogue",
    "orders": "one row per order line",
    "returns": "one row per order line that came back",
    "sessions": "one row per product view in the app",
    "ratings": "one row per rating of a product by a customer",
    "campaigns": "one row per campaign and consenting customer: sent, or held out by a coin",
    "auctions": "one row per bid in the weekly keyword auctions",
    "truth_customers": "truth: persona, order rate, taste, style, effect of a coupon",
    "truth_states": "truth: the first week of every stretch in one state of engagement",
    "truth_products": "truth: quality, popularity, place in style, planted partner and substitute",
    "truth_answers": "truth: the answer to the common question and the probabilities of all outcomes",
    "truth_observer": "the ideal observer's probabilities at the last cutoff",
}
"""Tables of the simulated shop; those that begin with "truth" no shop would have."""


class Shop:
    """The simulated shop: its tables as attributes, read when first asked for.

    Parameters
    ----------
    source : str, path or dict of str to pandas.DataFrame
        Folder with one Parquet file for each table, or the tables themselves.
    registered : bool
        Whether the files are those of `SHOP_REGISTRY` (then their checksums are verified).

    Raises
    ------
    InputError
        If a table is not there.

    Examples
    --------
    >>> shop = load_shop()
    >>> shop.customers["customer_id"].size
    4000
    """

    def __init__(self, source, registered: bool = False):
        self._tables = dict(source) if isinstance(source, dict) else {}
        self.folder = None if isinstance(source, dict) else Path(source)
        self._registered = registered

    @property
    def tables(self) -> list[str]:
        """Names of the tables that are there, in the order of `SHOP_TABLES`."""
        if self.folder is None:
            return [name for name in SHOP_TABLES if name in self._tables]
        return [name for name in SHOP_TABLES if (self.folder / f"{name}.parquet").is_file()]

    def __getattr__(self, name):
        if name not in SHOP_TABLES:
            raise AttributeError(f"The shop has no table {name!r}; it has: {', '.join(SHOP_TABLES)}.")
        return self.table(name)

    def __dir__(self):
        return [*super().__dir__(), *self.tables]

    def table(self, name: str) -> "pd.DataFrame":
        """One table by its name; the same as the attribute."""
        if name not in SHOP_TABLES:
            raise InputError(f"The shop has no table {name!r}: use one of {', '.join(SHOP_TABLES)}.")
        if name not in self._tables:
            import pandas as pd

            path = None if self.folder is None else self.folder / f"{name}.parquet"
            if path is None or (not self._registered and not path.is_file()):
                where = "in memory" if path is None else f"in {self.folder}"
                raise InputError(f"The table {name!r} is not {where}: simulate the shop with it.")
            self._tables[name] = (
                _read(f"{name}.parquet", SHOP_REGISTRY, "shop/", "make_shop.py")
                if self._registered
                else pd.read_parquet(path)
            )
        return self._tables[name]

    def __repr__(self) -> str:
        return f"Shop({'in memory' if self.folder is None else self.folder.name}: {', '.join(self.tables)})"


def data_folder() -> Path:
    """The folder of the data files: `BIGMKT_DATA` if it is set, else `data/` beside the package.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InputError
        If there is no such folder.

    Examples
    --------
    >>> (data_folder() / "movielens_ratings.parquet").is_file()
    True
    """
    named = os.environ.get("BIGMKT_DATA")
    folder = Path(named).expanduser() if named else Path(__file__).resolve().parent.parent / "data"
    if not folder.is_dir():
        cause = "BIGMKT_DATA names it" if named else "the package is not installed from a checkout"
        raise InputError(
            f"The data folder {folder} does not exist ({cause}): set BIGMKT_DATA to a copy of data/."
        )
    return folder


def load_movielens() -> MovieLens:
    """MovieLens latest-small: 100,004 ratings of 9,066 movies by 671 users, 1995 to 2016.

    Returns
    -------
    MovieLens
        With `ratings` (user, item, rating from 0.5 to 5 stars in half steps, timestamp) and `movies` (item,
        title, year, genres; five movies have neither title nor year).

    Raises
    ------
    ChecksumError
        If a file does not hold the bytes it should.
    InputError
        If a file or the data folder is missing.

    References
    ----------
    Harper, F. M., & Konstan, J. A. (2015). The MovieLens datasets: history and context. ACM Transactions on
    Interactive Intelligent Systems, 5(4), article 19.  Licence and citation duty: `data/movielens.md`.

    Examples
    --------
    >>> movielens = load_movielens()
    >>> movielens
    MovieLens(100,004 ratings by 671 users of 9,066 movies)
    >>> movielens.ratings["rating"].mean().round(4)
    np.float64(3.5436)
    """
    return MovieLens(_read("movielens_ratings.parquet"), _read("movielens_movies.parquet"))


def load_cdnow(sample: bool = False) -> "pd.DataFrame":
    """CDNOW: every purchase, to June 1998, of the customers who first bought in the first quarter of 1997.

    Parameters
    ----------
    sample : bool
        False for the whole cohort (23,570 customers, 69,659 lines), True for the 1/10 sample that the papers
        use (2,357 customers, 6,919 lines), which also has the customer's number in the sample, `sample_id`.

    Returns
    -------
    pandas.DataFrame
        customer_id, date (calendar day), quantity (CDs), spend (USD).  A customer who bought twice on one day
        has two lines.

    Raises
    ------
    ChecksumError
        If the file does not hold the bytes it should.
    InputError
        If the file or the data folder is missing.

    References
    ----------
    Fader, P. S., & Hardie, B. G. S. (2001). Forecasting repeat sales at CDNOW: a case study. Interfaces,
    31(3, part 2), S94-S107.  Card: `data/cdnow.md`.

    Examples
    --------
    >>> load_cdnow(sample=True).head(2)
       customer_id  sample_id       date  quantity  spend
    0            4          1 1997-01-01         2  29.33
    1            4          1 1997-01-18         2  29.73
    """
    return _read("cdnow_sample.parquet" if sample else "cdnow_master.parquet")


def load_telco_churn() -> "pd.DataFrame":
    """Telco customer churn: 7,043 customers of a fictitious telephone company, 1,869 of whom left.

    Returns
    -------
    pandas.DataFrame
        `churn` ("No", "Yes") and 19 features.  `total_charges` is missing for the 11 customers whose `tenure`
        is 0 months.

    Raises
    ------
    ChecksumError
        If the file does not hold the bytes it should.
    InputError
        If the file or the data folder is missing.

    References
    ----------
    IBM sample data, as in the R package modeldata (`wa_churn`).  Card: `data/telco_churn.md`.

    Examples
    --------
    >>> load_telco_churn()["churn"].value_counts().to_dict()
    {'No': 5174, 'Yes': 1869}
    """
    return _read("telco_churn.parquet")


def load_oj() -> "pd.DataFrame":
    """Orange juice: 1,070 purchases of Citrus Hill ("CH") or Minute Maid ("MM") in five stores.

    Returns
    -------
    pandas.DataFrame
        `purchase` and 17 features: prices, discounts, specials, the customer's loyalty, the store.

    Raises
    ------
    ChecksumError
        If the file does not hold the bytes it should.
    InputError
        If the file or the data folder is missing.

    References
    ----------
    Foster, D. P., Stine, R. A., & Waterman, R. P. (1998). Business analysis using regression. Springer; as in
    the R package ISLR (`OJ`).  Card: `data/oj.md`.

    Examples
    --------
    >>> load_oj()["purchase"].value_counts().to_dict()
    {'CH': 653, 'MM': 417}
    """
    return _read("oj.parquet")


def load_caravan() -> "pd.DataFrame":
    """Caravan insurance: 5,822 customers of a Dutch insurer, 348 of whom hold a caravan policy.

    Returns
    -------
    pandas.DataFrame
        43 columns about the customer's postcode area, 42 about the policies held (all coded as whole numbers,
        see the card), and `purchase` ("No", "Yes").

    Raises
    ------
    ChecksumError
        If the file does not hold the bytes it should.
    InputError
        If the file or the data folder is missing.

    References
    ----------
    van der Putten, P., & van Someren, M. (Eds.) (2000). CoIL Challenge 2000: the insurance company case;
    as in the R package ISLR (`Caravan`).  Card: `data/caravan.md`.

    Examples
    --------
    >>> load_caravan()["purchase"].eq("Yes").mean().round(4)
    np.float64(0.0598)
    """
    return _read("caravan.parquet")


def load_shop() -> Shop:
    """The course's simulated shop "Lantern": 4,000 customers, two years, and the truth about them.

    Returns
    -------
    Shop
        The tables of `SHOP_TABLES`, as attributes, read when first asked for.

    Raises
    ------
    ChecksumError
        If a file does not hold the bytes it should (when its table is read).
    InputError
        If a file or the data folder is missing.

    References
    ----------
    Made by `bigmkt_helpers.shop`; the generative model is stated in the page "The simulated shop".
    Card: `data/shop.md`.

    Examples
    --------
    >>> shop = load_shop()
    >>> shop.orders.loc[0, ["channel", "category"]].index.tolist()
    ['channel', 'category']
    """
    return Shop(data_folder() / "shop", registered=True)


def shop_raw_folder() -> Path:
    """The folder of the simulated shop's five raw channels, spoiled as real files are.

    Returns
    -------
    pathlib.Path
        Holds `web_orders.csv`, `store_tills.csv`, `app_events.jsonl.gz`, `crm.sqlite` and `ratings.csv`.

    Raises
    ------
    ChecksumError
        If a file does not hold the bytes it should.
    InputError
        If a file or the data folder is missing.

    References
    ----------
    Made by `bigmkt_helpers.shop.channels`.  Card: `data/shop_raw.md`.

    Examples
    --------
    >>> sorted(path.name for path in shop_raw_folder().iterdir() if path.suffix == ".csv")
    ['ratings.csv', 'store_tills.csv', 'web_orders.csv']
    """
    for name in SHOP_RAW_REGISTRY:
        if name.startswith("raw/"):
            _verified(name, SHOP_RAW_REGISTRY, "shop/", "make_shop_raw.py")
    return data_folder() / "shop" / "raw"


def load_shop_raw_truth():
    """What the raw channels hide: the planted dirt, whose each key is, and which row records which event.

    Returns
    -------
    bigmkt_helpers.shop.channels.ChannelTruth
        With the tables `dirt`, `identities` and `rows`.

    Raises
    ------
    ChecksumError
        If a file does not hold the bytes it should.
    InputError
        If a file or the data folder is missing.

    References
    ----------
    Card: `data/shop_raw.md`.

    Examples
    --------
    >>> truth = load_shop_raw_truth()
    >>> truth.dirt.columns.tolist()
    ['file', 'row', 'kind', 'column', 'true_value']
    """
    from bigmkt_helpers.shop.channels import ChannelTruth

    names = (f"truth_{name}.parquet" for name in ("dirt", "identities", "rows"))
    return ChannelTruth(*(_read(name, SHOP_RAW_REGISTRY, "shop/", "make_shop_raw.py") for name in names))


ML100K_COUNTS = {1: 6_110, 2: 11_370, 3: 27_145, 4: 34_174, 5: 21_201}
"""Ratings of each kind in the published MovieLens 100K; copies with invented rows exist."""

# The flags of u.item in their order, after the first one, which says "unknown".
ML100K_GENRES = [
    *("Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy"),
    *("Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
]


def load_ml100k(folder=None) -> MovieLens:
    """MovieLens 100K from your own copy: 100,000 ratings of 1,682 movies by 943 users, 1997 to 1998.

    Its licence forbids passing it on, so it is not part of the course.  The tests of published values and the
    benchmarks use it where there is a copy.

    Parameters
    ----------
    folder : str or path, optional
        Folder that holds `u.data` and `u.item`; by default `ml-100k` in the folder that the environment
        variable ``BIGMKT_REFERENCE_DATA`` names.

    Returns
    -------
    MovieLens
        In the shape of `load_movielens`.

    Raises
    ------
    ChecksumError
        If the ratings of each kind are not as many as published, or the movies are not 1,682.
    InputError
        If no folder is named, or a file is missing.

    References
    ----------
    Harper & Konstan (2015), see `load_movielens`.
    """
    import numpy as np
    import pandas as pd

    if folder is None:
        named = os.environ.get("BIGMKT_REFERENCE_DATA")
        if not named:
            raise InputError(
                "MovieLens 100K needs your own copy: name its folder, or set BIGMKT_REFERENCE_DATA."
            )
        folder = Path(named) / "ml-100k"
    folder = Path(folder)
    for name in ("u.data", "u.item"):
        if not (folder / name).is_file():
            raise InputError(f"{name} is not in {folder}: name the folder of your copy of MovieLens 100K.")

    raw = pd.read_csv(folder / "u.data", sep="\t", names=["user", "item", "rating", "timestamp"])
    counts = raw["rating"].value_counts().sort_index().to_dict()
    if counts != ML100K_COUNTS:
        raise ChecksumError(
            f"{folder / 'u.data'} is not the published MovieLens 100K: expected the rating counts "
            f"{ML100K_COUNTS}, found {counts}; take the original from grouplens.org."
        )
    ratings = pd.DataFrame(
        {
            "user": raw["user"].astype("int32"),
            "item": raw["item"].astype("int32"),
            "rating": raw["rating"].astype("float64"),
            "timestamp": pd.to_datetime(raw["timestamp"], unit="s", utc=True).dt.as_unit("us"),
        }
    )

    names = ["item", "title", "released", "video", "link", "unknown", *ML100K_GENRES]
    films = pd.read_csv(folder / "u.item", sep="|", names=names, encoding="latin-1")
    if films["item"].tolist() != list(range(1, 1683)):
        raise ChecksumError(
            f"{folder / 'u.item'} is not the published MovieLens 100K: expected the movies 1 to 1,682, found "
            f"{len(films):,} rows; take the original from grouplens.org."
        )
    parts = films["title"].str.extract(r"^(?P<title>.*?)\s*(?:\((?P<year>\d{4})\))?$")
    flags = films[ML100K_GENRES].to_numpy(dtype=bool)
    genres = ["|".join(np.array(ML100K_GENRES)[row]) or None for row in flags]
    movies = pd.DataFrame(
        {
            "item": films["item"].astype("int32"),
            "title": parts["title"].astype("str"),
            "year": pd.to_numeric(parts["year"]).astype("Int16"),
            "genres": pd.Series(genres, dtype="str"),
        }
    )
    return MovieLens(ratings, movies)


def _read(name, registry=None, under="", script="make_data.py") -> "pd.DataFrame":
    """The table of one registered file, after its checksum."""
    import pandas as pd

    return pd.read_parquet(_verified(name, REGISTRY if registry is None else registry, under, script))


def _verified(name, registry, under, script) -> Path:
    """Where a registered file lies, once it is known to hold the right bytes."""
    path = data_folder() / under / name
    if not path.is_file():
        raise InputError(
            f"{name} is missing from {path.parent}: restore it with 'git checkout -- data/{under}{name}', or "
            f"make it with 'python data/{script}'."
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    expected = registry[name].sha256
    if found != expected:
        raise ChecksumError(
            f"{path} does not hold the bytes it should: expected sha256 {expected}, found {found}; "
            f"restore it with 'git checkout -- data/{under}{name}'."
        )
    return path
