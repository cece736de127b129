"""The building blocks of declarations: scalars, cursors, links, arguments and descriptions."""
