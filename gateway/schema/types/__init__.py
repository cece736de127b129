"""What declarations are made of: scalars, cursors, links, arguments and descriptions."""
