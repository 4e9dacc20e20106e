"""The widgets' JavaScript from Python: in Node where there is one, else in Chromium."""

import json
import re
import shutil
import subprocess
from typing import Any

from chromium import chromium

from facekp.widgets import front


def run(module: str, script: str, argument: Any = None) -> Any:
    """What ``script`` (statements that end in ``return``; they see the module's functions and ``input``) gives back.

    Args:
        module: a file of ``facekp/widgets/js``, without its ending; it comes with what it imports.
        script: JavaScript.
        argument: ``input``; it and the answer travel as JSON, NaN as null.
    """
    code = re.sub(r"^export default .*", "", front.source(module), flags=re.MULTILINE)
    code += f"\nconst input = {json.dumps(argument)};\n{script}"
    node = shutil.which("node")
    if node:
        output = subprocess.run([node, "-"], input=f"console.log(JSON.stringify((() => {{{code}}})()))", check=True,
                                capture_output=True, text=True, timeout=120).stdout
        return json.loads(output)
    with chromium() as browser:
        return browser.new_page().evaluate(f"JSON.parse(JSON.stringify((() => {{{code}}})()))")
