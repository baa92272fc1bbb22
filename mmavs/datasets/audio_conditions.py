# Copyright (c) mmavs developers. All rights reserved.
"""What a clip is heard with: its own sound, silence, noise, or the sound of another clip."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from .sound_groups import GROUP_OF, MS3_LEAST_SUITABLE, S4_LEAST_SUITABLE, ObjectsFile
from .sound_maps import SoundMap
from .sound_partners import (
    BY_RULE,
    HeardClip,
    OffscreenDraw,
    clip_generator,
    swap_by_length,
    swap_partners,
)

__all__ = ['CONDITIONS', 'NOISE_KINDS', 'AudioCondition', 'swap_partners']

CONDITIONS = ('original', 'silence', 'noise', 'offscreen', 'swapped')
"""tuple[str]: What ``audio_condition`` of a data set may be."""

NOISE_KINDS = ('uniform', 'gaussian', 'legacy')
"""tuple[str]: See :func:`mmavs.datasets.transforms.noise.make_noise`."""


class AudioCondition:
    """Changes what the clips of a data set are heard with; frames and masks stay.

    - ``'original'``: nothing changes.
    - ``'silence'``: zeros as long as the real sound.
    - ``'noise'``: white noise as long as the real sound, another one for every clip.
    - ``'offscreen'``: the sound of another clip, of a broad group that the clip has nothing of, see
      :class:`OffscreenDraw`; or of a WAV file of ``sound_folder``.
    - ``'swapped'``: the sound of another clip, each used once, see :func:`swap_by_length`.

    What is drawn depends on the seed and the names of the clips, not on workers, epochs or the
    pipeline. Arguments that a condition does not need are ignored, so one ``condition_cfg`` serves
    all of them.

    Args:
        name (str): One of :data:`CONDITIONS`. Defaults to ``'original'``.
        seed (int): Of what is drawn, at least 0. Defaults to 0.
        kind (str): Of the noise, one of :data:`NOISE_KINDS`. Defaults to ``'uniform'``.
        level (float): Of the noise, above 0 and at most 1: largest value of uniform noise, standard
            deviation of Gaussian noise. Defaults to 0.3.
        groups (Mapping[str, str], optional): Class -> broad group, for classes that
            :data:`GROUP_OF` lacks or that should be in another group. Defaults to None.
        least_suitable (Mapping[str, Sequence[str]], optional): Group -> groups that are no
            off-screen sound for it. None: those of S4 where clips have categories, else those of
            MS3. Defaults to None.
        objects_file (str, optional): A csv that says what is heard and seen, see
            :class:`ObjectsFile`. It goes before what the data set says itself. Defaults to None.
        separator (str, optional): Between the names of a cell in it. Defaults to None.
        sound_folder (str, optional): Folder of WAV files that are the off-screen sounds, instead of
            those of other clips; a file with the name of a class that the clip shows is left out
            for it. Defaults to None.
        map_file (str, optional): A JSON file that says which clip gets whose sound, for
            ``'offscreen'`` and ``'swapped'``, see :class:`SoundMap`. Where it exists it is used, if
            it was drawn for this condition, data set and split; else it is written. Defaults to
            None.

    Raises:
        ValueError: If an argument is unknown or out of range.
    """

    def __init__(
        self,
        name: str = 'original',
        seed: int = 0,
        kind: str = 'uniform',
        level: float = 0.3,
        groups: Mapping[str, str] | None = None,
        least_suitable: Mapping[str, Sequence[str]] | None = None,
        objects_file: str | None = None,
        separator: str | None = None,
        sound_folder: str | None = None,
        map_file: str | None = None,
    ) -> None:
        if name not in CONDITIONS:
            raise ValueError(f'audio_condition is {name!r}, expected one of {CONDITIONS}.')
        if kind not in NOISE_KINDS:
            raise ValueError(f'kind of noise is {kind!r}, expected one of {NOISE_KINDS}.')
        if not 0 < level <= 1:
            raise ValueError(f'level of noise is {level}, expected above 0 and at most 1.')
        if seed != int(seed) or seed < 0:
            raise ValueError(f'seed of the audio condition is {seed}, expected an integer >= 0.')
        self.name = name
        self.seed = int(seed)
        self.kind = kind
        self.level = float(level)
        self.groups = {**GROUP_OF, **(groups or {})}
        self.least_suitable = least_suitable
        self.objects_file = objects_file
        self.separator = separator
        self.sound_folder = sound_folder
        self.map_file = map_file
        self.mapping: dict[str, str] = {}
        """dict[str, str]: Clip -> clip or WAV file whose sound it has, of the conditions that give
        a clip another sound; empty before :meth:`apply`."""
        self.drawn: Counter[str] = Counter()
        """Counter: How the off-screen partners were found, e.g. how many by which fallback."""

    def apply(
        self,
        data_list: list[dict[str, Any]],
        audio_keys: Sequence[str],
        source: str,
        owner: Mapping[str, str] | None = None,
    ) -> None:
        """Change the items of a split in place.

        Every item gets ``audio_condition`` (the name) and ``audio_clip_id`` (whose sound it is: a
        clip, or the path of a WAV file), and for noise ``noise`` (what the loader makes it with).

        Args:
            data_list (list[dict]): What ``parse_data_info`` gave.
            audio_keys (Sequence[str]): Keys of an item that say what is heard; they move together.
            source (str): Names the list of clips in messages.
            owner (Mapping[str, str], optional): Whose clips they are (``dataset``, ``split``), so
                that a map file of others is told from theirs. Defaults to None.

        Raises:
            ValueError: If the clips do not suffice for the condition, or a map file does not fit.
        """
        for info in data_list:
            info['audio_condition'] = self.name
            info['audio_clip_id'] = info['clip_id']
            if self.name == 'noise':
                info['noise'] = dict(kind=self.kind, level=self.level, seed=self.seed)
        if self.name not in ('offscreen', 'swapped'):
            return
        _check_unique(data_list, source)
        objects = ObjectsFile(self.objects_file, self.separator) if self.objects_file else None
        clips = [_heard_clip(info, objects) for info in data_list]
        stored = SoundMap(self.map_file, {'audio_condition': self.name, **(owner or {})})
        if stored.exists():
            self.mapping = stored.read(clips, source)
        else:
            draw = self._draw_swap if self.name == 'swapped' else self._draw_offscreen
            self.mapping = draw(clips, source)
            stored.write(self.mapping, clips)
        self._move_sounds(data_list, audio_keys)

    def _draw_swap(self, clips: Sequence[HeardClip], source: str) -> dict[str, str]:
        if len(clips) < 2:
            raise ValueError(
                f"audio_condition='swapped' needs at least 2 clips, {source} has {len(clips)}."
            )
        clips = sorted(clips, key=lambda clip: clip.clip_id)  # the order of the list plays no part
        categories = [clip.category or '|'.join(sorted(clip.heard)) for clip in clips]
        partners, alone = swap_by_length(categories, [clip.num_frames for clip in clips], self.seed)
        if alone:
            print_log(
                f'{source}: {len(alone)} clips are the only ones of their length, and hear a sound '
                f'that another clip hears too: {[clips[index].clip_id for index in alone]}.',
                logger='current',
            )
        return {clip.clip_id: clips[p].clip_id for clip, p in zip(clips, partners)}

    def _draw_offscreen(self, clips: Sequence[HeardClip], source: str) -> dict[str, str]:
        if self.sound_folder:
            return self._draw_files(clips)
        unknown = [clip.clip_id for clip in clips if not clip.known]
        if unknown:
            raise ValueError(
                f"audio_condition='offscreen' needs to know what is heard in each clip; of "
                f'{len(unknown)} of {len(clips)} clips of {source} it does not, e.g. '
                f'{unknown[0]}. Name a csv with the columns uid and a_obj in '
                'condition_cfg=dict(objects_file=...) (the metadata.csv of AVSS, or the '
                'objects.csv that SynthAVS writes), or a folder of WAV files in sound_folder.'
            )
        by_category = all(clip.category for clip in clips)
        least_suitable = S4_LEAST_SUITABLE if by_category else MS3_LEAST_SUITABLE
        if self.least_suitable is not None:
            least_suitable = self.least_suitable
        draw = OffscreenDraw(clips, by_category, least_suitable, self.groups)
        mapping = {clip.clip_id: draw.draw(clip, self.seed) for clip in clips}
        self.drawn = +draw.used
        if draw.used[BY_RULE] < len(clips) or len(self.drawn) > 1:
            counts = ', '.join(f'{way}: {count}' for way, count in self.drawn.items())
            print_log(
                f'Off-screen sounds of {source}: the groups do not leave a partner for every clip. '
                f'Partners are {counts} (of {len(clips)}).',
                logger='current',
            )
        return mapping

    def _draw_files(self, clips: Sequence[HeardClip]) -> dict[str, str]:
        folder = Path(self.sound_folder)
        files = sorted(path for path in folder.glob('*') if path.suffix.lower() == '.wav')
        if not files:
            raise ValueError(f'sound_folder "{folder}" is no folder with WAV files.')
        mapping = {}
        for clip in clips:
            seen = {_plain(name) for name in clip.seen}
            allowed = [path for path in files if _plain(path.stem) not in seen] or files
            number = clip_generator(self.seed, clip.clip_id).integers(len(allowed))
            mapping[clip.clip_id] = str(allowed[number])
        return mapping

    def _move_sounds(self, data_list: list[dict[str, Any]], audio_keys: Sequence[str]) -> None:
        """Give every clip the sound that the mapping says."""
        keys = (*audio_keys, 'audio_clip_id')
        sounds = {info['clip_id']: {key: info[key] for key in keys} for info in data_list}
        for info in data_list:
            partner = self.mapping[info['clip_id']]
            if partner in sounds:
                info.update(sounds[partner])
            else:
                file = dict(audio_path=partner, audio_paths=[partner], audio_positions=[0.5])
                info.update({key: file.get(key) for key in audio_keys}, audio_clip_id=partner)


def _heard_clip(info: Mapping[str, Any], objects: ObjectsFile | None) -> HeardClip:
    """What matters of an item; the objects file goes before what the item says itself."""
    if objects is not None:
        found = objects.of(info['clip_id'])
    else:
        category = [info['category']] if info.get('category') else None
        heard = info.get('heard_objects', category)
        found = None if heard is None else (heard, info.get('seen_objects', category or heard))
    heard, seen = found or ([], [])
    return HeardClip(
        clip_id=info['clip_id'],
        num_frames=info.get('num_clip_frames', len(info['img_paths'])),
        heard=frozenset(heard),
        seen=frozenset(seen),
        category=info.get('category', ''),
        known=found is not None,
    )


def _check_unique(data_list: Sequence[Mapping[str, Any]], source: str) -> None:
    counts = Counter(info['clip_id'] for info in data_list)
    double = [clip_id for clip_id, count in counts.items() if count > 1]
    if double:
        raise ValueError(
            f'{source} lists {len(double)} clips more than once, e.g. {double[0]}, so sounds '
            'cannot be given by the names of clips. Mend the csv, or choose one split.'
        )


def _plain(name: str) -> str:
    return name.lower().replace('-', '_').replace(' ', '_')
