"""The exercises of every chapter: the right answer passes, a blank does not, a mistake gets its own hint."""

import pkgutil
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers import exercises
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.exercises import Exercise, ExerciseError, Mistake, check, exercises_of, quiz_key
from tools import gate, notebooks

pytestmark = pytest.mark.unit

CHAPTERS = sorted(
    module.name.removeprefix("chapter_")
    for module in pkgutil.iter_modules(exercises.__path__)
    if module.name.startswith("chapter_")
)
ALL = [exercise for chapter in CHAPTERS for exercise in exercises_of(chapter).values()]
each = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.key)
MISTAKES = [(exercise, name) for exercise in ALL for name in exercise.mistakes]
each_mistake = pytest.mark.parametrize(
    ("exercise", "name"), MISTAKES, ids=[f"{exercise.key} {name}" for exercise, name in MISTAKES]
)


def test_chapters_are_found():
    assert {"02", "03"} <= set(CHAPTERS)


@each
def test_reference_passes(exercise, capsys):
    check(exercise.key, exercise.reference())
    assert "right" in capsys.readouterr().out


@each
@pytest.mark.parametrize("blank", [None, ...], ids=["None", "Ellipsis"])
def test_missing_answer_fails(exercise, blank):
    with pytest.raises(ExerciseError, match="no answer yet"):
        check(exercise.key, blank)


@each
def test_blank_function_fails(exercise):
    def not_implemented(*arguments):
        raise NotImplementedError

    def without_return(*arguments):
        pass

    def broken(*arguments):
        raise KeyError("tea")

    if not exercise.cases:
        with pytest.raises(ExerciseError):
            check(exercise.key, not_implemented)
        return
    for attempt, said in (
        (not_implemented, "no answer yet"),
        (without_return, "nothing back"),
        (broken, "KeyError"),
    ):
        with pytest.raises(ExerciseError, match=said):
            check(exercise.key, attempt)


@each_mistake
def test_mistake_gets_its_hint(exercise, name):
    mistake = exercise.mistakes[name]
    for answer in mistake.answers():
        with pytest.raises(ExerciseError) as caught:
            check(exercise.key, answer)
        assert mistake.hint in str(caught.value)


@each
def test_every_exercise_knows_a_mistake(exercise):
    assert exercise.mistakes
    hints = [mistake.hint for mistake in exercise.mistakes.values()]
    assert len(set(hints)) == len(hints)


@pytest.mark.parametrize(
    "exercise", [one for one in ALL if len(one.cases) > 1], ids=lambda exercise: exercise.key
)
def test_a_case_alone_does_not_decide(exercise):
    """An answer that is right for the first case only is not right."""
    right = exercise.reference()
    first = right(*exercise.cases[0])
    if all(
        exercises._same(right(*case), first, exercise.relative, exercise.absolute) for case in exercise.cases
    ):
        pytest.fail(f"Exercise {exercise.key}: a constant passes")
    with pytest.raises(ExerciseError):
        check(exercise.key, lambda *arguments: first)


@pytest.mark.parametrize("path", notebooks.course_notebooks(), ids=lambda path: path.stem)
def test_notebook_has_the_exercises_of_its_chapter(path):
    chapter = path.stem.split("_")[0]
    assert sorted(gate.exercise_cells(notebooks.read(path))) == sorted(exercises_of(chapter))


# the engine


def _engine(reference, **more):
    return Exercise("99.1", "A title.", lambda: reference, {}, **more)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (1.5, 1.5001),
        (1.5, "1.5"),
        (3, True),
        (True, 1),
        ("tea", "Tea"),
        (float("nan"), 0.0),
        ([1, 2], [1, 2, 3]),
        ([1, 2], [2, 1]),
        ({"a": 1.0}, {"b": 1.0}),
        ({"a": 1.0}, {"a": 2.0}),
        (np.array([1.0, 2.0]), np.array([1.0, 2.1])),
        (pd.Series([1.0, 2.0]), pd.Series([1.0, 2.5])),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"b": [1, 2]})),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 3]})),
        (0.25, 0.0),
    ],
)
def test_values_are_told_apart(right, wrong):
    _engine(right).judge(right)
    with pytest.raises(ExerciseError):
        _engine(right).judge(wrong)


def test_texts_of_numpy_are_texts():
    """np.unique and the like hand out texts of their own kind."""
    exercise = Exercise("99.1", "Words", lambda: ["green", "tea"], {"none": Mistake(lambda: [], "Not none.")})
    exercise.judge(np.unique(["tea", "green", "tea"]))
    exercise.judge([np.str_("green"), "tea"])
    with pytest.raises(ExerciseError):
        exercise.judge(np.array(["green", "pot"]))


def test_rounding_is_no_mistake():
    _engine(0.1 + 0.2).judge(0.3)
    _engine(np.array([1 / 3])).judge([1 / 3 + 1e-12])


def test_a_number_may_come_as_a_fraction_or_an_array_without_dimension():
    """np.where gives such an array for one number."""
    for same in (np.array(1.5), Fraction(3, 2), np.float32(1.5)):
        _engine(1.5).judge(same)
    _engine(True).judge(np.array(True))
    _engine([1.5]).judge([np.array(1.5)])
    for expected, wrong in (
        (1.5, np.array(1.25)),
        (1.5, Fraction(4, 3)),
        (1.5, np.array([1.5])),
        ([1], np.array(1)),
    ):
        with pytest.raises(ExerciseError):
            _engine(expected).judge(wrong)


def test_value_instead_of_function():
    with pytest.raises(ExerciseError, match="should be a function"):
        _engine(abs, cases=((1,),)).judge(1)


def test_an_answer_that_changes_its_arguments_spoils_nothing():
    table = {"tea": 1}
    exercise = _engine(lambda values: values["tea"], cases=((table,),))

    def spoils(values):
        values["tea"] = 5
        return 5

    for _ in range(2):
        with pytest.raises(ExerciseError, match="gives 5; it should give 1"):
            exercise.judge(spoils)
    assert table == {"tea": 1}
    exercise.judge(lambda values: values.pop("tea"))
    exercise.judge(lambda values: values["tea"])


def test_an_answer_may_be_forbidden_to_change_its_arguments():
    def in_place(train, test):
        middle = train.median()
        for table in (train, test):
            for column in table:
                table[column] = table[column].fillna(middle[column])
        return train, test

    with pytest.raises(ExerciseError, match="changes what it was given"):
        check("01.5", in_place)
    check("01.5", lambda train, test: in_place(train.copy(), test.copy()))
    exercise = _engine(sum, cases=(([1, 2],), ([3],)), keeps_arguments=True)
    exercise.judge(lambda values: sum(values))
    with pytest.raises(ExerciseError, match="changes what it was given"):
        exercise.judge(lambda values: sum([values.pop() for _ in range(len(values))]))


def test_numbers_are_shown_plainly():
    exercise = _engine(lambda value: (1 / 3, value), cases=((2.0,),))
    with pytest.raises(ExerciseError, match=r"gives \(0\.33, 2\.0\); it should give \(0\.33333333, 2\.0\)"):
        exercise.judge(lambda value: (np.float64(0.33), value))


def test_a_mistake_may_have_several_answers():
    mistake = Mistake(lambda: 2, "That is half of it.", also=(lambda: 8,))
    exercise = Exercise("99.1", "A title.", lambda: 4, {"half": mistake})
    for wrong in (2, 8):
        with pytest.raises(ExerciseError, match="That is half of it"):
            exercise.judge(wrong)
    exercise.judge(4)


def test_large_arguments_are_named_by_number_and_size():
    cases = ((np.arange(3),), (np.arange(4_000),), (pd.DataFrame({"a": range(20), "b": 1}),))
    exercise = _engine(lambda: None, cases=cases)
    assert exercise._name(cases[0]) == "array([0, 1, 2])"
    assert exercise._name(cases[1]) == "case 2 of 3 (ndarray of 4,000)"
    assert exercise._name(cases[2]) == "case 3 of 3 (DataFrame of 20 × 2)"
    twice = Exercise("99.1", "A title.", lambda: lambda values: 2 * values, {}, cases=cases[1:2])
    with pytest.raises(ExerciseError, match="gives ndarray of 4,000; it should give ndarray of 4,000"):
        twice.judge(lambda values: values)


def test_first_wrong_case_is_shown():
    with pytest.raises(ExerciseError, match=r"For -2 your function gives -2; it should give 2"):
        _engine(abs, cases=((1,), (-2,))).judge(lambda value: value)


def test_unnamed_mistake_of_a_value():
    exercise = Exercise("99.1", "A title.", lambda: 4, {"half": Mistake(lambda: 2, "That is half of it.")})
    with pytest.raises(ExerciseError, match="That is half of it"):
        exercise.judge(2)
    with pytest.raises(ExerciseError, match="3 is not the answer"):
        exercise.judge(3)


def test_unknown_exercise_and_chapter():
    with pytest.raises(InputError, match="no exercise '02\\.99'"):
        check("02.99", 1)
    with pytest.raises(InputError, match="no exercises of chapter"):
        exercises_of("99")


def test_quiz_key(capsys):
    quiz_key(4, {"a": 1, "b": 2.0}, 2)
    assert capsys.readouterr().out == "Question 4: b\n"
    for options in ({"a": 1, "b": 3}, {"a": 2, "b": 2.0}):
        with pytest.raises(InputError, match="exactly one"):
            quiz_key(4, options, 2)
