# Copyright (c) mmavs developers. All rights reserved.
"""The file that keeps which clip is heard with whose sound."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.logging import print_log

from .sound_partners import HeardClip

REMEDY = 'It was drawn for other data: name another map_file, or remove it to draw a new one.'


class SoundMap:
    """A drawn mapping in a JSON file that says what it was drawn for.

    .. code-block:: none

        {"drawn_for": {"audio_condition": "offscreen", "dataset": "AVSBenchS4Dataset",
                       "split": "test"},
         "clips": {"dog/a": "5 frames, heard: dog, seen: dog", ...}    where this is known
         "sounds": {"dog/a": "cat/b", ...}}                            clip -> clip or WAV file

    A file made by hand may be the object of ``sounds`` alone. Then nobody knows what it was drawn
    for, and the log says so.

    Args:
        path (str, optional): The file; None: the mapping is not kept.
        drawn_for (Mapping[str, str]): What is the same for all clips: ``audio_condition``,
            ``dataset``, ``split``.
    """

    def __init__(self, path: str | None, drawn_for: Mapping[str, str]) -> None:
        self.path = path
        self.drawn_for = dict(drawn_for)

    def exists(self) -> bool:
        """Whether there is such a file."""
        return self.path is not None and Path(self.path).is_file()

    def read(self, clips: Sequence[HeardClip], source: str) -> dict[str, str]:
        """Read and check the mapping.

        Args:
            clips (Sequence[HeardClip]): The clips of the split; the file may hold more.
            source (str): Names the split in messages.

        Returns:
            dict[str, str]: Clip -> clip or WAV file, of the clips of the split.

        Raises:
            ValueError: If it is no such file, was drawn for another condition, data set or split or
                for clips of the same names with other objects, lacks a clip, or names a partner
                that is neither another clip of the split nor a file.
        """
        drawn_for, known, sounds = self._load()
        if drawn_for is None:
            print_log(
                f'{self.path} does not say what it was drawn for, so nobody can check that it is '
                f'meant for {self.drawn_for}.',
                logger='current',
            )
        else:
            self._check_origin(drawn_for, known, clips, source)
        self._check_partners(sounds, [clip.clip_id for clip in clips], source)
        print_log(f'Sounds of {source} are those of {self.path}.', logger='current')
        return {clip.clip_id: sounds[clip.clip_id] for clip in clips}

    def write(self, mapping: Mapping[str, str], clips: Sequence[HeardClip]) -> None:
        """Save a drawn mapping, at once and by the main process only; others draw the same.

        Args:
            mapping (Mapping[str, str]): Clip -> clip or WAV file.
            clips (Sequence[HeardClip]): The clips of the split.
        """
        if self.path is None or not is_main_process():
            return
        content = dict(drawn_for=self.drawn_for, clips=_describe(clips), sounds=dict(mapping))
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        # The number of the process, since two runs may write it at the same time.
        part = Path(f'{self.path}.{os.getpid()}.part')
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
        os.replace(part, self.path)

    def _load(self) -> tuple[dict | None, dict[str, str], dict[str, str]]:
        """``drawn_for`` (None in a plain file), ``clips`` and ``sounds``."""
        try:
            content = json.loads(Path(self.path).read_text(encoding='utf-8'))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f'map_file {self.path} is no JSON file: {error}.') from error
        drawn_for, clips, sounds = None, {}, content
        if isinstance(content, dict) and isinstance(content.get('drawn_for'), dict):
            drawn_for, clips, sounds = map(content.get, ('drawn_for', 'clips', 'sounds'))
        if not _is_table(clips) or not _is_table(sounds):
            raise ValueError(
                f'map_file {self.path} must hold one object of clip name -> clip name or file, '
                'or the objects "drawn_for", "clips" and "sounds" as mmavs writes them.'
            )
        return drawn_for, clips, sounds

    def _check_origin(
        self,
        drawn_for: Mapping[str, str],
        known: Mapping[str, str],
        clips: Sequence[HeardClip],
        source: str,
    ) -> None:
        wrong = [key for key, value in self.drawn_for.items() if drawn_for.get(key) != value]
        if wrong:
            pairs = (f'{key} {drawn_for.get(key)!r}, not {self.drawn_for[key]!r}' for key in wrong)
            raise ValueError(
                f'map_file {self.path} was drawn for {"; ".join(pairs)}. Name another map_file for '
                f'{source}, or remove it to draw a new one.'
            )
        for clip_id, now in _describe(clips).items():
            then = known.get(clip_id, now)
            if then != now:
                raise ValueError(
                    f'map_file {self.path} was drawn when clip {clip_id} had "{then}"; in {source} '
                    f'it has "{now}". {REMEDY}'
                )

    def _check_partners(
        self, sounds: Mapping[str, str], clip_ids: Sequence[str], source: str
    ) -> None:
        missing = [clip_id for clip_id in clip_ids if clip_id not in sounds]
        if missing:
            raise ValueError(
                f'map_file {self.path} has no sound for {len(missing)} of the {len(clip_ids)} '
                f'clips of {source}, e.g. {missing[0]}. {REMEDY}'
            )
        known = set(clip_ids)
        for clip_id in clip_ids:
            partner = sounds[clip_id]
            if partner == clip_id:
                raise ValueError(
                    f'map_file {self.path} gives clip {clip_id} its own sound. {REMEDY}'
                )
            if partner not in known and not Path(partner).is_file():
                raise ValueError(
                    f'map_file {self.path} gives clip {clip_id} the sound of "{partner}", which is '
                    f'neither a clip of {source} nor a file. {REMEDY}'
                )


def _is_table(value: object) -> bool:
    """Whether it is an object of texts."""
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _describe(clips: Sequence[HeardClip]) -> dict[str, str]:
    """What the sound of a clip is chosen by, of the clips of which it is known."""
    return {
        clip.clip_id: f'{clip.num_frames} frames, heard: {_list(clip.heard)}, '
        f'seen: {_list(clip.seen)}'
        for clip in clips
        if clip.known
    }


def _list(names: frozenset[str]) -> str:
    return ' + '.join(sorted(names)) or 'nothing'
