# Copyright (c) mmavs developers. All rights reserved.
"""The web demo without its page: what can be used, and tested, without gradio."""
