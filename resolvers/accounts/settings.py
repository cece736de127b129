"""User settings: how the apps look and behave, and what becomes of old conversations. Each user has one object."""

from __future__ import annotations

import enum

from gateway import JSON, Node, entity, enum_type, standard


@enum_type
class Theme(enum.Enum):
    """The colours of the apps."""

    DARK = "dark"
    """Light text on a dark background."""
    LIGHT = "light"
    """Dark text on a light background."""
    AUTO = "auto"
    """As the operating system."""


@entity("user_settings", one_per_user=True)
class UserSettings(Node):
    """The settings of a user. They exist as long as the account."""

    window_position_x: int | None
    """The distance of the window from the left edge of the first screen, in pixels; negative on a screen left of it,
    null if unknown."""
    window_position_y: int | None
    """The distance of the window from the top edge of the first screen, in pixels; negative on a screen above it,
    null if unknown."""
    window_width: int
    """The width of the window, in pixels."""
    window_height: int | None
    """The height of the window, in pixels; null for the app's own choice."""
    theme: Theme
    """The colours of the apps."""
    keyboard_shortcuts: JSON
    """The key combination of each action, such as `{"toggle_visibility": "Ctrl+Space"}`."""
    share_usage_data: bool
    """Whether the user consents to sharing usage data."""
    enable_analytics: bool
    """Whether analytics of the user's conversations are computed and shown."""
    auto_sync: bool
    """Whether apps synchronize by themselves."""
    sync_frequency_minutes: int
    """How often apps synchronize, in minutes."""
    enable_notifications: bool
    """Whether apps show notifications."""
    archive_after_months: int | None
    """Archive conversations after so many months without a message; null for never."""
    delete_after_months: int | None
    """Delete conversations after so many months without a message; null for never."""
    max_messages_per_conversation: int | None
    """The `maxMessages` of new conversations; null for no limit."""


class UserSettingsInput:
    """The settings that a user may change."""

    window_position_x: int | None = None
    """The distance of the window from the left edge of the first screen, in pixels, from -100,000 to 100,000."""
    window_position_y: int | None = None
    """The distance of the window from the top edge of the first screen, in pixels, from -100,000 to 100,000."""
    window_width: int | None = None
    """The width of the window, in pixels, from 1 to 100,000. Defaults to 600."""
    window_height: int | None = None
    """The height of the window, in pixels, from 1 to 100,000."""
    theme: Theme | None = None
    """The colours of the apps. Defaults to `DARK`."""
    keyboard_shortcuts: JSON | None = None
    """The key combination of each action, an object. Names of actions have 1 to 50 lower-case letters or underscores,
    combinations 1 to 50 characters. Defaults to `{}`."""
    share_usage_data: bool | None = None
    """Whether the user consents to sharing usage data. Defaults to false."""
    enable_analytics: bool | None = None
    """Whether analytics of the user's conversations are computed and shown. Defaults to true."""
    auto_sync: bool | None = None
    """Whether apps synchronize by themselves. Defaults to true."""
    sync_frequency_minutes: int | None = None
    """How often apps synchronize, from 1 to 1,440 minutes. Defaults to 5."""
    enable_notifications: bool | None = None
    """Whether apps show notifications. Defaults to true."""
    archive_after_months: int | None = None
    """Archive conversations after so many months without a message, from 1 to 120. Null for never."""
    delete_after_months: int | None = None
    """Delete conversations after so many months without a message, from 1 to 120, but not before they are archived.
    Null for never."""
    max_messages_per_conversation: int | None = None
    """The `maxMessages` of new conversations, 1,000 for a new user. Null for no limit."""


standard(UserSettings, input=UserSettingsInput, scope="person")
