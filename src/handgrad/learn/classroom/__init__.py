"""Server of a class: the site and the exercises for a room, hand-ins on disk, marks as CSV.

Nobody has an account, and nothing is sent anywhere but to this computer. `hand_in_log` keeps what
is handed in, `marking` writes the marks, `pages` makes the pages of exercises, `server` answers.
"""

from handgrad.learn.classroom.server import ClassServer, class_server

__all__ = ["ClassServer", "class_server"]
