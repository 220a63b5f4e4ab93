"""What the expressions of a portable program are made of."""

# What every printer writes in its language: IEEE's arithmetic, and what follows from comparisons.
OPERATIONS = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "negative"),
        *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
        *("logical_and", "logical_or", "logical_not", "where", "cast"),
        *("sqrt", "floor", "ceil", "abs", "maximum", "minimum", "isnan", "isfinite"),
    )
)
OF_WHOLE_NUMBERS = frozenset(
    (
        *("add", "subtract", "multiply", "negative", "maximum", "minimum", "where", "cast"),
        *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
    )
)
