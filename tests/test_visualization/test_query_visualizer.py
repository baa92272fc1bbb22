# Copyright (c) mmavs developers. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from mmavs.structures import AVSDataSample
from mmavs.visualization import AVSQueryVisualizer, QueryMaps
from mmavs.visualization.drawing import ABOVE, BELOW, distinct_colours
from mmavs.visualization.query_visualizer import (
    logit_limits,
    paint_owners,
    percent,
    query_colours,
)

SIZE = (60, 60)
CELL = 180  # pixels of a frame in the picture
ROW = CELL + 6
META = dict(
    classes=('background', 'cat', 'dog'), palette=[(0, 0, 0), (201, 33, 97), (94, 211, 159)]
)


def make_maps(owners=True, matched=True, queries=6):
    """Two frames; query 4 sees the left half as a cat, query 2 the right half as a dog."""
    logits = torch.full((2, queries, *SIZE), -20.0)
    logits[:, 4, :, :30], logits[:, 2, :, 30:] = 20.0, 20.0
    probs = torch.zeros(2, queries, 4)
    probs[..., 3] = 1
    probs[:, 4] = torch.tensor([0.1, 0.8, 0.0, 0.1])
    probs[:, 2] = torch.tensor([0.1, 0.0, 0.7, 0.2])
    match = torch.full((2, queries), 3)
    match[0, 4], match[0, 2] = 1, 2
    owned = torch.zeros(2, *SIZE, dtype=torch.long)
    owned[:, :, 30:], owned[:, :, 50:] = 5, 2
    return QueryMaps(
        probs=probs,
        logits=logits,
        padded_size=SIZE,
        frame_size=SIZE,
        owners=owned if owners else None,
        matched=match if matched else None,
        no_owners='' if owners else 'nobody owns anything',
    )


@pytest.fixture
def draw():
    """Draws two grey frames with their queries; gives the picture."""
    visualizer = AVSQueryVisualizer(name='queries')
    visualizer.dataset_meta = META
    frames = np.full((2, *SIZE, 3), 100, np.uint8)

    def draw(maps, chosen, *arguments):
        return visualizer.draw_queries('clip', frames, maps, chosen, *arguments)

    return draw


def count(picture, colour):
    return int((picture == np.array(colour)).all(-1).sum())


def test_rows(draw):
    maps = make_maps()
    one, two = draw(maps, [4]), draw(maps, [4, 2])
    assert one.dtype == np.uint8 and (one[:, -6:] == 255).all()
    assert len(two) == len(one) + ROW + 18  # a row of maps and their captions
    without = draw(make_maps(owners=False), [4])
    assert len(one) - len(without) == ROW + 26 - 18  # a title, where there was a reason
    sample = AVSDataSample()
    sample.gt_sem_seg = PixelData(data=torch.ones(2, *SIZE, dtype=torch.long))
    sample.pred_sem_seg = PixelData(data=torch.full((2, *SIZE), 2))
    assert len(draw(maps, [4], sample)) == len(one) + 2 * ROW
    sound = torch.zeros(1, 32000)
    assert len(draw(maps, [4], sample, sound, 16000)) > len(one) + 2 * ROW + 100


def test_maps_are_red_in_the_mask_and_blue_outside(draw):
    picture = draw(make_maps(), [4])
    maps = picture[-6 - ROW : -6 - 6]  # the last row
    left = 12 + 96
    for place in (left, left + ROW):
        cell = maps[:, place : place + CELL].astype(int)
        inside, outside = cell[10:-10, 10:70], cell[10:-10, 110:-10]
        # A tenth is left of the pale frame, 100 / 2 + 127.
        assert (abs(inside - (0.9 * np.array(ABOVE) + 17.7)) <= 1).all()
        assert (abs(outside - (0.9 * np.array(BELOW) + 17.7)) <= 1).all()
        colour = query_colours(make_maps(), [4])[4]
        line = (cell == colour).all(-1)
        assert line[10:-10].any(1).all() and set(np.flatnonzero(line.any(0))) <= set(range(87, 91))
    assert (maps[:, left - 6 : left - 1] == colour).all()  # the bar of the query


def test_captions_stand_on_the_colour_of_the_match(draw):
    matched, plain = draw(make_maps(), [4, 2]), draw(make_maps(matched=False), [4, 2])
    for colour in META['palette'][1:]:
        # Frame 0 alone is matched; some pixels are of the letters, and 13 x 13 of the legend.
        assert CELL * 18 * 0.6 < count(matched, colour) <= CELL * 18 + 169
        assert count(plain, colour) == 0


def test_unsure_queries_are_grey(draw):
    sure, unsure = make_maps(matched=False), make_maps(matched=False)
    unsure.probs[:, 4] = torch.tensor([0.0, 0.4, 0.0, 0.6])
    captions = [draw(maps, [4])[-6 - ROW - 18 : -6 - ROW] for maps in (sure, unsure)]
    assert captions[0].min() == 20 and captions[1].min() == 110


def test_owners_are_painted_over_the_frame():
    image = np.full((60, 60, 3), 100, np.uint8)
    owners = np.zeros((6, 6), np.int16)
    owners[:, 3:] = 7
    colours = {0: (200, 0, 0), 7: (0, 0, 120)}
    painted = paint_owners(image, owners, colours)
    assert (painted[5, :28] == [165, 35, 35]).all() and (painted[5, 32:] == [35, 35, 113]).all()
    assert (painted[:, 30] > 200).all()  # the line between them
    # Each region has a number on a white box, at its middle.
    for middle in (14, 44):
        assert (painted[20:40, middle - 8 : middle + 8] == 255).all(-1).sum() > 30
    assert (image == 100).all()
    small = np.zeros((30, 30), np.int16)
    small[0, 0] = 7
    assert not (paint_owners(image, small, colours)[:6, :6] == 255).all(-1).any()


def test_many_owners_are_summed_up(draw):
    maps = make_maps(queries=60)
    few = draw(maps, [4])
    maps.owners = torch.arange(60).expand(2, 60, 60)
    many = draw(maps, [4])
    assert len(many) > len(few) + 18
    colours = query_colours(maps, [4])
    assert len(set(colours.values())) == 60 and set(colours) == set(range(60))


def test_nothing_to_show(draw):
    picture = draw(make_maps(), [])
    full = draw(make_maps(), [4])
    assert len(picture) < len(full) - ROW
    assert count(full, BELOW) > 0 and count(picture, BELOW) == 0  # of the legend
    assert count(picture, distinct_colours(2)[1]) > 100  # that of the owners is there


def test_maps_of_another_clip(draw):
    maps = make_maps()
    maps.probs = maps.probs[:1]
    with pytest.raises(ValueError, match='clip: there are 2 frames, but the maps are of 1'):
        draw(maps, [4])


def test_limits():
    assert logit_limits(np.array([-3.0, 2.0])) == (-3, 2)
    assert logit_limits(np.array([-99.0, 99.0])) == (-10, 10)
    assert logit_limits(np.zeros(4)) == (-1, 1)
    assert logit_limits(np.linspace(0, 5, 1001))[1] == pytest.approx(4.95, abs=0.01)


def test_little_is_more_than_nothing():
    shares = (0, 0.0001, 0.0099, 0.126, 1)
    assert [percent(share) for share in shares] == ['0%', '<1%', '<1%', '13%', '100%']


def test_colours_are_told_apart():
    colours = np.array(distinct_colours(16))
    distance = abs(colours[:, None] - colours).sum(-1) + 999 * np.eye(16)
    assert distance.min() >= 80
    assert len(set(map(tuple, distinct_colours(324)))) == 324
    assert distinct_colours(3) == distinct_colours(16)[:3]
