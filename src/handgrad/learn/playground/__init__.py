"""The playground: nets that train in a page, and what it and Python share.

The page needs no Python: `pages` traces and lowers layers, losses and optimizers, `own_nets` whole
nets, to JSON (`fragments`), with the texts of explanations (`line_texts`); `printed_engine` prints
functions and loops from the portable engine's, so that a net in the page has the bits of
`engine="portable"`. A training is its state,
one JSON object (`state`), which a link holds (`links`); `replay` runs it again in Python.
`document` puts page, script and words into one file, `server` and `routes` serve it, `trainings`
trains natively what is too large for a page, `notebook` is `hg.play`. The JavaScript is in
`web/playground`.
"""

from handgrad.files.html import require_templates

require_templates("the playground")

from handgrad.learn.playground.notebook import Playground, play, playground_of

__all__ = ["Playground", "play", "playground_of"]
