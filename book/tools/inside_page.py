"""A Sphinx extension for *Look inside a network*: its widget, where no notebook brings one, and its figures.

    ```{widget} inside
    :still: _static/inside.png
    :alt: what the still image shows
    The caption of the still.
    ```

The data is made here from the networks in ``book/inside/networks`` and the shipped hourglass, and waits for a click.
``python book/tools/inside_page.py`` takes the still images again.
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives

ROOT = Path(__file__).parents[2]
NETWORKS = {"hourglass-s-synthetic: one stack": None, "hourglass: two stacks": "hourglass-two-stacks",
            "cnn3: coordinates": "cnn3-small"}
RECORD = ROOT / "book" / "results" / "inside.json"

sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]


@cache
def data() -> dict:
    """What the widget is given: the networks and the eight faces of the book."""
    from facekp.chapter import eight_faces
    from facekp.models import load_model
    from facekp.pretrained import load_pretrained
    from facekp.widgets import inside

    folder = ROOT / "book" / "inside" / "networks"
    shipped = load_pretrained("hourglass-s-synthetic")
    models = {name: load_model(folder / f"{file}.safetensors") if file else shipped for name, file in NETWORKS.items()}
    return inside.state(models, eight_faces())


class Widget(Directive):
    """The place of a widget with its still image: ``host.js`` puts the widget there."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"still": directives.unchanged_required, "alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        from widget_pages import FOLDER, HEAVY

        module, env = self.arguments[0], self.state.document.settings.env
        app, name = env.app, f"{module}-data"
        place = nodes.container(classes=["widget-cell"])
        if app.builder.name in ("html", "dirhtml"):
            sent = write_files(app, module)
            up, wait = "../" * env.docname.count("/"), str(sent > HEAVY).lower()
            html = (f'<div class="widget-place" data-module="{module}" data-name="{name}" data-folder="{up}{FOLDER}/" '
                    f'data-sent="{sent}" data-wait="{wait}"></div>')
            place += nodes.raw("", html, format="html")
        image = nodes.image(uri=self.options["still"], alt=self.options["alt"], candidates={"*": ""})
        caption = nodes.caption()
        self.state.nested_parse(self.content, self.content_offset, place_text := nodes.Element())
        caption += [child for paragraph in place_text for child in paragraph.children]
        place += nodes.figure("", image, caption)
        return [place]


def write_files(app, module: str = "inside") -> int:
    """Write the widget's module and its data beside the pages, and give their bytes.

    In every build, also one that does not read the page anew: the folder of the pages may have been deleted.
    """
    from widget_pages import FOLDER, module_script, write

    folder, name = Path(app.outdir) / FOLDER, f"{module}-data"
    sent = write(folder, f"{module}.js", module_script(module))
    return sent + write(folder, f"{name}.js", f"widgetHost.data({json.dumps(name)}, {json.dumps(data())});\n")


def prepare(app) -> None:
    """Make the data before autodoc puts words in the place of the functions' defaults, with which options are
    compared.
    """
    data()
    if app.builder.name in ("html", "dirhtml"):
        write_files(app)


def figures(app, config) -> None:
    """What book/inside.md says of the networks as ``{{ inside_... }}``, from their record."""
    record = json.loads(RECORD.read_text())
    networks, cut, radius = record["networks"], record["cut"], record["gradient_half_radius"]
    two, small = networks["hourglass-two-stacks"], networks["cnn3-small"]
    config.myst_substitutions |= {
        "inside_stack_1": f"{two['rmse_per_stack'][0]:.2f}", "inside_stack_2": f"{two['rmse_per_stack'][1]:.2f}",
        "inside_cnn3": f"{small['rmse']:.2f}", "inside_mean_face": f"{small['mean_face_rmse']:.2f}",
        **{f"inside_sees_{size}": str(width) for size, width in record["sees"].items()},
        **{f"inside_{name.replace(' ', '_')}": f"{error:.2f}" for name, error in cut.items()},
        "inside_radius": f"{radius['hourglass-s-synthetic']:.0f}", "inside_radius_cnn3": f"{radius['cnn3-small']:.0f}",
        "inside_shipped": f"{record['shipped_rmse']:.2f}", "inside_hidden": str(record["hidden"]),
        "inside_two_k": f"{two['parameters'] / 1e3:.0f}", "inside_cnn3_k": f"{small['parameters'] / 1e3:.0f}",
    }


def setup(app) -> dict:
    app.add_directive("widget", Widget)
    app.connect("config-inited", figures, priority=100)
    app.connect("builder-inited", prepare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    from stills import photograph

    png = photograph("inside", data())
    if png is None:
        sys.exit("There is no Chromium here: no image was taken.")
    (ROOT / "book" / "_static" / "inside.png").write_bytes(png)
