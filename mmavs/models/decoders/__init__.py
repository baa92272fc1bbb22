# Copyright (c) mmavs developers. All rights reserved.
