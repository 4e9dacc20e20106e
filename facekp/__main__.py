"""``python -m facekp`` is the command ``facekp``; torchrun wants it so."""

from facekp.cli import main

main()
