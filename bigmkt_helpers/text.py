"""Texts as rows of numbers: tokens of several scripts, counts, and weights by TF-IDF or BM25.

A *token* is the unit that is counted: a word where a script puts spaces between words; where it does not, as
in Chinese, either a word found in a dictionary or a run of a fixed number of characters.

The rules, the same for every tokeniser:

1. The text is brought to one form (Unicode NFKC: full-width letters and digits become ordinary ones) and to
   small letters (``casefold``).
2. Letters, digits and the marks that belong to letters are kept, in every script.  All else, also emoji,
   currency signs and punctuation, separates.  An apostrophe between letters is dropped: *men's* gives *mens*.
3. What stands between separators is a word.  Words of a single letter or digit are dropped; a single Chinese
   character is kept by the tokenisers that know Chinese.

No stemming, no list of stop words: TF-IDF and BM25 give little weight to what stands in most texts.
"""

import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.similarity import bm25, tf_idf

__all__ = ["TOKENISERS", "WEIGHTINGS", "TextFeatures", "character_ngrams", "chinese_words", "words"]

WEIGHTINGS = ("tf_idf", "bm25", "count", "binary")
"""Weights of a token in a text: see `TextFeatures`."""

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
"""Chinese characters, as the inside of a regular expression's class."""

UNSPACED = HAN + "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff"
"""Scripts without spaces between words: also Thai, Lao, Burmese, Khmer and the Japanese kana."""

_HAN_RUN = re.compile(f"[{HAN}]+")
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
_APOSTROPHE = re.compile("(?<=\\w)['\u2019](?=\\w)")


class _Separators(dict):
    """Translation of characters, filled when one is met: what is no letter, mark or digit becomes a space."""

    def __missing__(self, code):
        # in the categories of Unicode: L letters, M marks, N numbers
        self[code] = code if unicodedata.category(chr(code))[0] in "LMN" else 32
        return self[code]


_SEPARATORS = _Separators()


def words(text: str) -> list[str]:
    """Words between spaces and signs, in any script.

    In Chinese, where no spaces stand between words, this gives whole clauses: use another tokeniser.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        In the order of the text, with repetitions; empty for an empty text.

    Examples
    --------
    >>> words("The Men's Blue-and-white TEAPOT, 500 ml: 😀 a gift!")
    ['the', 'mens', 'blue', 'and', 'white', 'teapot', '500', 'ml', 'gift']
    >>> words("龙井绿茶：传统、日常。")
    ['龙井绿茶', '传统', '日常']
    """
    return [word for word in _pieces(text) if len(word) > 1]


def chinese_words(text: str) -> list[str]:
    """Words, those of Chinese found by the segmenter jieba with its own dictionary; other scripts as `words`.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        Single Chinese characters are kept: many are words.

    Notes
    -----
    The dictionary is read at the first call (about a second, about 100 MB) and stays in memory; no file is
    written.  Words that it lacks are guessed by jieba's hidden Markov model.

    Examples
    --------
    >>> chinese_words("龙井绿茶：传统、日常，gift set。")
    ['龙井', '绿茶', '传统', '日常', 'gift', 'set']
    """
    return _split(text, _HAN_RUN, _segmenter().lcut)


def character_ngrams(text: str, lengths=(1, 2)) -> list[str]:
    """Runs of neighbouring characters of scripts without spaces; words of the others as `words`.

    Nothing has to be known about the language; no run crosses a sign or a change of script.

    Parameters
    ----------
    text : str
    lengths : tuple of int
        Lengths of the runs; 1 gives single characters, 2 pairs.

    Returns
    -------
    list of str

    Examples
    --------
    >>> character_ngrams("青瓷茶壶，teapot")
    ['青', '瓷', '茶', '壶', '青瓷', '瓷茶', '茶壶', 'teapot']
    """

    def ngrams(run):
        return [run[at : at + n] for n in lengths for at in range(len(run) - n + 1)]

    return _split(text, _UNSPACED_RUN, ngrams)


TOKENISERS: dict[str, Callable[[str], list[str]]] = {
    "words": words,
    "chinese": chinese_words,
    "ngrams": character_ngrams,
}
"""Tokenisers by the names that `TextFeatures` knows."""


def _pieces(text) -> list[str]:
    # folding can leave a form that is not composed, so the form is made twice
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _APOSTROPHE.sub("", text).translate(_SEPARATORS).split()


def _split(text, runs, inside) -> list[str]:
    found = []
    for piece in _pieces(text):
        start = 0
        for run in runs.finditer(piece):
            found.extend(word for word in (piece[start : run.start()],) if len(word) > 1)
            found.extend(inside(run[0]))
            start = run.end()
        found.extend(word for word in (piece[start:],) if len(word) > 1)
    return found


@lru_cache(maxsize=1)
def _segmenter():
    with warnings.catch_warnings():
        # jieba's own source has escapes that newer versions of Python complain of when they compile it
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", SyntaxWarning)
        import jieba
    segmenter = jieba.Tokenizer()
    # its initialize() would print to stderr and leave a cache in the folder for temporary files
    segmenter.FREQ, segmenter.total = segmenter.gen_pfdict(segmenter.get_dict_file())
    segmenter.initialized = True
    return segmenter


class TextFeatures(TransformerMixin, BaseEstimator):
    """Texts as rows of weighted tokens, in the manner of scikit-learn's vectorisers.

    Parameters
    ----------
    tokens : {"words", "chinese", "ngrams"} or callable
        The tokeniser, one of `TOKENISERS`, or a function from a text to a list of tokens.
    weighting : {"tf_idf", "bm25", "count", "binary"}
        `similarity.tf_idf`, `similarity.bm25`, how often the token stands in the text, or 1 if it does.
    k1, b : float
        Of BM25.
    min_texts : int
        Tokens that stand in fewer texts than this are left out.

    Attributes
    ----------
    vocabulary_ : pandas.Index
        The tokens of the columns, sorted.
    idf_ : ndarray of shape (n_tokens,)
        What the rarity of each token multiplies its weight by; ones for "count" and "binary".
    mean_length_ : float
        Mean number of tokens in a text (0 only if there is none), those left out not counted.

    Notes
    -----
    The rarity is that of the texts seen in ``fit``; a token that was not among them is ignored later.  With
    "tf_idf" a token that stands in every text gets 0: log(N / N).

    Examples
    --------
    >>> model = TextFeatures(weighting="tf_idf").fit(["green tea", "black tea", "tea pot", None])
    >>> model.get_feature_names_out().tolist()
    ['black', 'green', 'pot', 'tea']
    >>> model.transform(["green green tea", "coffee"]).toarray().round(3).tolist()
    [[0.0, 2.773, 0.0, 0.288], [0.0, 0.0, 0.0, 0.0]]
    """

    def __init__(self, tokens="words", weighting="tf_idf", k1=1.2, b=0.75, min_texts=1):
        self.tokens = tokens
        self.weighting = weighting
        self.k1 = k1
        self.b = b
        self.min_texts = min_texts

    def fit(self, texts, y=None) -> "TextFeatures":
        """Learn the tokens and how rare they are.

        Parameters
        ----------
        texts : pandas.Series or list of str
            A missing text (None, NaN) counts as an empty one.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If an entry is no text, or a parameter is out of range.
        """
        self._learn(texts)
        return self

    def fit_transform(self, texts, y=None, **parameters) -> sparse.csr_array:
        """As ``fit``, then ``transform`` of the same texts; each is cut into tokens only once."""
        return self._weigh(self._learn(texts))

    def _learn(self, texts) -> sparse.csr_array:
        if self.weighting not in WEIGHTINGS:
            raise InputError(f"weighting must be one of {', '.join(WEIGHTINGS)}, not {self.weighting!r}.")
        if not self.k1 >= 0 or not 0 <= self.b <= 1:
            raise InputError(
                f"BM25 needs k1 of at least 0 and b from 0 to 1, not {self.k1!r} and {self.b!r}."
            )
        if not self.min_texts >= 1:
            raise InputError(f"min_texts must be at least 1, not {self.min_texts!r}.")
        counted = self._count(texts)
        texts_with = Counter(token for one in counted for token in one)
        tokens = sorted(token for token, n in texts_with.items() if n >= self.min_texts)
        self.vocabulary_ = pd.Index(tokens, dtype="str", name="token")
        self._place = {token: place for place, token in enumerate(tokens)}
        counts = self._matrix(counted)
        self.mean_length_ = float(counts.sum() / max(counts.shape[0], 1))
        self.idf_ = np.ones(len(tokens))
        if self.weighting in ("tf_idf", "bm25") and len(tokens):
            there = sparse.csr_array((np.ones_like(counts.data), counts.indices, counts.indptr), counts.shape)
            # of a token that is there once, k1 = 0 leaves nothing of BM25 but the rarity
            rarity = tf_idf(there) if self.weighting == "tf_idf" else bm25(there, k1=0)
            self.idf_ = rarity.max(axis=0).toarray().ravel()
        return counts

    def transform(self, texts) -> sparse.csr_array:
        """Weights of the tokens of each text.

        Parameters
        ----------
        texts : pandas.Series or list of str

        Returns
        -------
        scipy.sparse.csr_array of shape (n_texts, n_tokens)
        """
        if not hasattr(self, "vocabulary_"):
            raise NotFittedError("TextFeatures has not learned any token yet: call fit(texts) first.")
        return self._weigh(self._matrix(self._count(texts)))

    def _weigh(self, matrix) -> sparse.csr_array:
        if self.weighting == "binary":
            matrix.data[:] = 1
        if self.weighting == "bm25":
            # as in similarity.bm25, but with the rarity and the mean length of the texts seen in fit
            length = matrix.sum(axis=1) / (self.mean_length_ or 1.0)
            norm = np.repeat(self.k1 * (1 - self.b + self.b * length), np.diff(matrix.indptr))
            matrix.data = matrix.data * (self.k1 + 1) / (matrix.data + norm)
        matrix.data *= self.idf_[matrix.indices]
        return matrix

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """The tokens, as an array of objects."""
        if not hasattr(self, "vocabulary_"):
            raise NotFittedError("TextFeatures has not learned any token yet: call fit(texts) first.")
        return self.vocabulary_.to_numpy(dtype=object)

    def _count(self, texts) -> list[Counter]:
        if isinstance(texts, str):
            raise InputError(f"{texts[:40]!r} is one text: give a list of texts.")
        tokenise = self.tokens if callable(self.tokens) else TOKENISERS.get(self.tokens)
        if tokenise is None:
            raise InputError(
                f"tokens must be one of {', '.join(TOKENISERS)} or a function, not {self.tokens!r}."
            )
        labels = texts.index if isinstance(texts, pd.Series) else None
        counted = []
        for place, text in enumerate(texts):
            if not isinstance(text, str):
                if text is not None and text is not pd.NA and text == text:
                    where = f"row {place}" if labels is None else f"{labels[place]!r}"
                    raise InputError(
                        f"{text!r} ({where}) is no text but {type(text).__name__}: turn it into text, "
                        "or use it as a number."
                    )
                text = ""
            counted.append(Counter(tokenise(text)))
        return counted

    def _matrix(self, counted) -> sparse.csr_array:
        bounds, columns, values = [0], [], []
        for one in counted:
            known = sorted((self._place[token], n) for token, n in one.items() if token in self._place)
            columns.extend(place for place, _ in known)
            values.extend(n for _, n in known)
            bounds.append(len(columns))
        return sparse.csr_array(
            (np.array(values, dtype=np.float64), np.array(columns, dtype=np.int32), np.array(bounds)),
            shape=(len(counted), len(self._place)),
        )
