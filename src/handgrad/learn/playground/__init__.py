"""The playground: nets that train in a page, and what it and Python share."""

from handgrad.learn.playground.notebook import Playground, play, playground_of

__all__ = ["Playground", "play", "playground_of"]
