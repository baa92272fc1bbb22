# Copyright (c) mmavs developers. All rights reserved.
"""Errors that a user's files cause: tools print their message without a traceback."""


class MediaError(ValueError):
    """A video, picture or sound that cannot be used; the message names it and the remedy."""
