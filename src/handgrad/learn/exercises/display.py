"""An exercise as text, and as HTML in a notebook: the task, the page, the steps."""

from handgrad.files.html import environment
from handgrad.learn.exercises.i18n import words
from handgrad.learn.exercises.tasks import Task


def as_text(task: Task) -> str:
    """The task as it is printed."""
    said = words(task.language)
    steps = [f"  {hole.name} = …\n    {hole.ask}" for hole in task.holes]
    code = task.page or forward_lines(task)
    parts = [
        said["title"].format(title=task.title),
        task.about,
        code,
        "\n".join(steps),
        said["names"].format(names=", ".join(task.names)),
        how_to_check(task),
    ]
    return "\n\n".join(parts)


def forward_lines(task: Task) -> str:
    """Forward as lines of code."""
    return "\n".join(f"{name} = {formula}" for name, formula in task.forward)


def how_to_check(task: Task) -> str:
    """How an answer to this exercise is handed in."""
    call = ", ".join(f'{hole.name}="…"' for hole in task.holes)
    key = "run_with" if task.page else "run_step"
    return words(task.language)[key].format(page=task.page_name, call=call)


def as_html(task: Task) -> str:
    """The task as a notebook shows it, with the hints to open one by one."""
    template = environment().get_template("learn/exercises/exercise.html")
    said = words(task.language)
    return template.render(
        task=task,
        said=said,
        code=task.page or forward_lines(task),
        names=said["names"].format(names=", ".join(task.names)),
        how=how_to_check(task),
    )
