# Copyright (c) mmavs developers. All rights reserved.
"""A method outside of mmavs. Importing it registers its parts: ``custom_imports`` of a config."""

from .cosine_head import CosineHead

__all__ = ['CosineHead']
