"""The macros that every template may call without an import: the building blocks of pages and of forms."""

from flask import Flask
from jinja2.runtime import Macro

PARTIALS = ("partials/ui.html", "partials/forms.html")


def install(app: Flask) -> None:
    """Make each macro of `PARTIALS` a global of the templates of `app`, by its name.

    Macros see the globals of this moment only, so call this after all others are set.
    """
    for partial in PARTIALS:
        module = app.jinja_env.get_template(partial).module
        macros = {name: macro for name, macro in vars(module).items() if isinstance(macro, Macro)}
        app.jinja_env.globals.update(macros)
