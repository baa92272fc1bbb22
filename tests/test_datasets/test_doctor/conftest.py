# Copyright (c) mmavs developers. All rights reserved.
import shutil

import pytest
import synth_trees


@pytest.fixture(scope='session')
def clean_trees(tmp_path_factory):
    """Name -> a clean tree that no test changes."""
    folder = tmp_path_factory.mktemp('clean')
    names = ('s4', 'ms3', 'avss', 'vpo_ss')
    trees = {name: synth_trees.write_tree(name, folder / name) for name in names}
    return {**trees, 'vpo_ms': trees['vpo_ss'], 'vpo_msmi': trees['vpo_ss']}


@pytest.fixture
def tree(tmp_path, clean_trees):
    """Gives a copy of a tree that may be spoiled."""

    def copy(name):
        return shutil.copytree(clean_trees[name], tmp_path / 'tree')

    return copy


@pytest.fixture
def config(root):
    """Gives the base config of a tree."""
    return lambda name, tree: synth_trees.config_of(name, tree, root)
