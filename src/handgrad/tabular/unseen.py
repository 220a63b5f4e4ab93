"""Values in rows to predict that no feature knows, since the training had none such."""

from __future__ import annotations

from handgrad.data.frames import Columns
from handgrad.data.unseen import MOST_EXAMPLES, Unseen
from handgrad.tabular.features import Binary, Category, Code, Features, as_text


def unseen_in(table: Columns, features: Features) -> list[Unseen]:
    """For each column of text, how many rows of a table have a value that it does not know."""
    found = []
    for name, feature in features.features.items():
        if isinstance(feature, Binary | Category | Code):
            known = {None, *feature.values}
            texts = as_text(table[name], name, feature.values).tolist()
            odd = [text for text in texts if text not in known]
            rare = not isinstance(feature, Binary) and feature.n_values > len(feature.values)
            if odd or rare:
                examples = (*dict.fromkeys(odd),)[: MOST_EXAMPLES + 1]
                missing = texts.count(None)
                found.append(Unseen(name, len(odd), len(texts), examples, rare, missing))
    return found
