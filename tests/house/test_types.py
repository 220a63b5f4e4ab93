"""Parameters have types: fewer and fewer say `Any`."""

import ast

from tests.house.any_count import counts, parameters_in, says_any

MOST = 35  # whoever lowers the number lowers this bound


def test_no_more_parameters_say_any_than_before() -> None:
    found = sum(those for those, _ in counts().values())
    assert found <= MOST, "python -m tests.house.any_count says where"


def test_any_is_seen_wherever_it_stands() -> None:
    text = (
        "def f(self, a: Any, b: dict[str, Any], c: 'list[Any]', d: typing.Any, e: int,"
        " *args: Any, h: Anything, **kwargs: Any): ..."
    )
    assert [*map(says_any, parameters_in(ast.parse(text)))] == [True] * 4 + [False] * 2 + [True] * 2
