"""The checks of `parley doctor`, a module for each group."""
