"""Leakage: columns that predict the target, and held-out rows that are not independent.

Target leakage is columns that are known only after the target (`single_columns`, `formulas`,
`target_in_text`). Train-test leakage is held-out rows of the same groups as training rows
(`groups`, `near_duplicates`, `copied_pictures`), or between their dates (`dates`): the scores are
then not valid for new groups or later dates.
"""
