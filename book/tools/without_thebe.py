"""A Sphinx extension that keeps Thebe's scripts off the pages.

Jupyter Book loads ``sphinx_thebe`` whether or not its button is wanted, and that writes its
constants into every page twice, which each browser reports as an error. Our pages have no such button.
"""

EVENT = "env-before-read-docs"


def drop(app) -> None:
    """Take ``sphinx_thebe``'s function that adds the scripts off its event."""
    for listener in list(app.events.listeners[EVENT]):
        if listener.handler.__module__ == "sphinx_thebe" and listener.handler.__name__ == "init_thebe_core":
            app.disconnect(listener.id)


def setup(app) -> dict:
    app.connect("builder-inited", drop)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
