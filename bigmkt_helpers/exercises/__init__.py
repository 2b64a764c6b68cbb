"""Checks for the exercises: a right answer passes, a blank does not, a typical mistake gets its hint.

Each chapter lists its exercises in a module of this package; the notebook says ``check("02.1", answer)``.
"""

import copy
import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real

from bigmkt_helpers.errors import BigmktError, InputError

__all__ = ["Exercise", "ExerciseError", "Mistake", "check", "exercises_of", "quiz_key"]


class ExerciseError(BigmktError):
    """An answer that is missing or not right yet."""

    def _render_traceback_(self):
        # IPython shows this instead of a traceback: the sentence is all that a student needs
        return [str(self)]


@dataclass(frozen=True)
class Mistake:
    """A typical mistake.

    Parameters
    ----------
    answer : callable
        Called without arguments, it returns the wrong answer (a value, or a function where the exercise asks
        for one).
    hint : str
        What to say to somebody who gives that answer.
    also : tuple of callables
        More answers of the same kind, which deserve the same hint.
    """

    answer: Callable[[], object]
    hint: str
    also: tuple[Callable[[], object], ...] = ()

    def answers(self) -> tuple:
        """Every wrong answer that gets this hint."""
        return tuple(give() for give in (self.answer, *self.also))


@dataclass(frozen=True)
class Exercise:
    """One exercise and how to judge an answer to it.

    Parameters
    ----------
    key : str
        Chapter and number, as in ``"02.1"``.
    title : str
    reference : callable
        Called without arguments, it returns the right answer: a value, or a function.
    cases : tuple of tuples
        Arguments with which an answer that is a function is tried; empty for an answer that is a value.
        Every call gets its own copy: an answer that changes its arguments spoils nothing.
    mistakes : mapping from a name to a Mistake
    relative, absolute : float
        Tolerance for numbers: the difference may be the larger of `absolute` and `relative` times the value.
    keeps_arguments : bool
        Whether a function that gives the right values is refused if it changes what it is given.
    """

    key: str
    title: str
    reference: Callable[[], object]
    mistakes: Mapping[str, Mistake]
    cases: tuple[tuple, ...] = field(default=())
    relative: float = 1e-6
    absolute: float = 1e-12
    keeps_arguments: bool = False

    def judge(self, answer) -> None:
        """Return if the answer is right, raise `ExerciseError` with a hint if not."""
        if answer is None or answer is Ellipsis:
            raise ExerciseError(f"Exercise {self.key}: there is no answer yet. Fill in the cell above.")
        right = self.reference()
        if not self.cases:
            self._judge_value(answer, right)
            return
        if not callable(answer):
            raise ExerciseError(
                f"Exercise {self.key}: the answer should be a function, not {type(answer).__name__}. "
                "Hand over the function itself, without calling it."
            )
        given = [self._call(answer, case) for case in self.cases]
        expected = [right(*copy.deepcopy(case)) for case in self.cases]
        wrong = [
            number
            for number, pair in enumerate(zip(given, expected, strict=True))
            if not _same(*pair, self.relative, self.absolute)
        ]
        if not wrong:
            if self.keeps_arguments:
                self._judge_arguments(answer)
            return
        for mistake in self.mistakes.values():
            if any(self._gives(typical, given) for typical in mistake.answers()):
                raise ExerciseError(f"Exercise {self.key}: not yet. {mistake.hint}")
        first = wrong[0]
        raise ExerciseError(
            f"Exercise {self.key}: not yet. For {self._name(self.cases[first])} your function gives "
            f"{_show(given[first])}; it should give {_show(expected[first])}."
        )

    def _gives(self, typical, given):
        """Whether a typical mistake ends in the values of an answer, case by case."""
        return all(
            _same(value, _quietly(typical, case), self.relative, self.absolute)
            for value, case in zip(given, self.cases, strict=True)
        )

    def _judge_arguments(self, answer):
        for case in self.cases:
            handed = copy.deepcopy(case)
            answer(*handed)
            if not _same(handed, case, 0.0, 0.0):
                raise ExerciseError(
                    f"Exercise {self.key}: not yet. The values are right, but your function changes what it "
                    "was given, the caller's own table. Work on a copy, or with methods that give a new one."
                )

    def _judge_value(self, answer, right):
        if _same(answer, right, self.relative, self.absolute):
            return
        for mistake in self.mistakes.values():
            if any(_same(answer, typical, self.relative, self.absolute) for typical in mistake.answers()):
                raise ExerciseError(f"Exercise {self.key}: not yet. {mistake.hint}")
        raise ExerciseError(f"Exercise {self.key}: not yet. {_show(answer)} is not the answer.")

    def _name(self, case):
        """The arguments if they are short, else the number of the case and the kinds of its arguments."""
        shown = ", ".join(_show(argument) for argument in case)
        if not any(_is_large(argument) for argument in case):
            return shown
        number = next(place for place, one in enumerate(self.cases, start=1) if one is case)
        return f"case {number} of {len(self.cases)} ({shown})"

    def _call(self, function, case):
        try:
            value = function(*copy.deepcopy(case))
        except NotImplementedError:
            raise ExerciseError(
                f"Exercise {self.key}: there is no answer yet. Fill in the cell above."
            ) from None
        except Exception as error:
            raise ExerciseError(
                f"Exercise {self.key}: for {self._name(case)} your function stops with "
                f"{type(error).__name__}: {error}"
            ) from error
        if value is None:
            raise ExerciseError(
                f"Exercise {self.key}: for {self._name(case)} your function gives nothing back. "
                "Is the return missing?"
            )
        return value


def exercises_of(chapter: str) -> dict[str, Exercise]:
    """The exercises of a chapter by key.

    Parameters
    ----------
    chapter : str
        Two digits, as in ``"02"``.

    Raises
    ------
    InputError
        If the chapter has no exercises.

    Examples
    --------
    >>> sorted(exercises_of("02"))[0]
    '02.1'
    """
    try:
        module = importlib.import_module(f"{__name__}.chapter_{chapter}")
    except ModuleNotFoundError as error:
        raise InputError(
            f"There are no exercises of chapter {chapter!r}: give two digits, as '02'."
        ) from error
    return {exercise.key: exercise for exercise in module.EXERCISES}


def check(key: str, answer) -> None:
    """Say whether the answer to an exercise is right.

    Parameters
    ----------
    key : str
        Chapter and number, as in ``"02.1"``.
    answer : object
        The value or the function that the exercise asks for.

    Raises
    ------
    ExerciseError
        If there is no answer yet, or it is not right; a typical mistake gets its hint.
    InputError
        If there is no such exercise.
    """
    exercises = exercises_of(key.split(".")[0])
    if key not in exercises:
        raise InputError(f"There is no exercise {key!r}; this chapter has {', '.join(sorted(exercises))}.")
    exercises[key].judge(answer)
    print(f"Exercise {key}: right. {exercises[key].title}")


def quiz_key(number: int, options: Mapping[str, object], computed) -> None:
    """Print which option agrees with a computed answer.

    Parameters
    ----------
    number : int
        Of the question.
    options : mapping from a letter to a value
    computed : object
        The answer, computed in the cell. Numbers agree if they are within half a per cent of each other.

    Raises
    ------
    InputError
        Unless exactly one option agrees.

    Examples
    --------
    >>> quiz_key(1, {"a": 0.91, "b": 0.99, "c": 1.0}, 70 / (55 * 90) ** 0.5)
    Question 1: b
    """
    right = [letter for letter, value in options.items() if _same(value, computed, 5e-3, 0.0)]
    if len(right) != 1:
        raise InputError(
            f"Question {number}: {len(right)} options agree with the computed answer {_show(computed)}; "
            "exactly one should."
        )
    print(f"Question {number}: {right[0]}")


def _same(given, expected, relative, absolute) -> bool:
    """Whether two answers agree: numbers within a tolerance, frames with the same labels, the rest equal."""
    import numpy as np
    import pandas as pd

    if isinstance(expected, pd.DataFrame):
        return (
            isinstance(given, pd.DataFrame)
            and list(given.columns) == list(expected.columns)
            and all(_same(given[name], expected[name], relative, absolute) for name in expected.columns)
        )
    if isinstance(expected, pd.Series | pd.Index):
        expected = expected.to_numpy()
    if isinstance(given, pd.Series | pd.Index):
        given = given.to_numpy()
    # an array without a dimension, such as np.where gives for one number, is that number
    given, expected = (
        one[()] if isinstance(one, np.ndarray) and one.ndim == 0 else one for one in (given, expected)
    )
    if isinstance(expected, np.ndarray | list | tuple):
        if not isinstance(given, np.ndarray | list | tuple) or len(given) != len(expected):
            return False
        return all(_same(one, other, relative, absolute) for one, other in zip(given, expected, strict=True))
    if isinstance(expected, dict):
        return (
            isinstance(given, dict)
            and given.keys() == expected.keys()
            and all(_same(given[name], expected[name], relative, absolute) for name in expected)
        )
    if isinstance(expected, bool | np.bool_) or isinstance(given, bool | np.bool_):
        both = isinstance(given, bool | np.bool_) and isinstance(expected, bool | np.bool_)
        return both and bool(given) == bool(expected)
    if isinstance(expected, Real):
        if not isinstance(given, Real):
            return False
        if math.isnan(expected) or math.isnan(given):
            return math.isnan(expected) and math.isnan(given)
        return math.isclose(given, expected, rel_tol=relative, abs_tol=absolute)
    # numpy hands out texts and moments of its own kind
    given, expected = (one.item() if isinstance(one, np.generic) else one for one in (given, expected))
    return type(given) is type(expected) and given == expected


def _quietly(function, case):
    """The mistake's value, or the error that it ends in: that is no typical answer."""
    try:
        return function(*copy.deepcopy(case))
    except Exception as error:
        return error


def _is_large(value) -> bool:
    """Whether a value is a table or a long row: its size then says more than its content."""
    shape = getattr(value, "shape", ())
    return len(shape) > 1 or (len(shape) == 1 and shape[0] > 8) or len(repr(value)) > 400


def _plainly(value):
    """Numbers as a reader writes them: eight digits, without the name of numpy's type."""
    import numpy as np

    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.8g}")
    if isinstance(value, dict):
        return {name: _plainly(one) for name, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plainly(one) for one in value)
    return value


def _show(value) -> str:
    """A short text on one line; of large tables and arrays the size only."""
    kind = type(value).__name__
    shape = getattr(value, "shape", ())
    if shape and _is_large(value):
        return f"{kind} of {' × '.join(f'{length:,}' for length in shape)}"
    if kind == "Series":
        value = value.to_dict()
    value = _plainly(value)
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
