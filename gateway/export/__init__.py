"""Exports: everything that a user has, as files of JSON Lines in the shapes of the API.

A job writes an export part by part; a download makes a ZIP of the parts.
"""
