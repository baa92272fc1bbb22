# Copyright (c) mmavs developers. All rights reserved.
"""The names of one official method, to ours and back."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from .rules import Conversion, Extra, Rename, Rule, convert, revert, translate


@dataclass(frozen=True)
class Converter:
    """Rules of one method.

    ``converter(state_dict)`` turns official tensors into ours; :meth:`revert` goes back.

    Attributes:
        backbones (Mapping[str, Sequence[Rule]]): Rules of each image backbone, by its name.
        rules (Sequence[Rule]): Rules of all other parts.
        classifier (str): Our name of a tensor whose first dimension is the number of classes K.
        no_object (bool): Whether that dimension has one more, for queries of no object.
        versions (Mapping[str, int]): Versions of official modules, by their prefix. The official
            code takes a module without version for an old one and renames its tensors.
    """

    backbones: Mapping[str, Sequence[Rule]]
    rules: Sequence[Rule]
    classifier: str = 'decode_head.predictor.4.weight'
    no_object: bool = False
    versions: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, state_dict: Mapping[str, Tensor]) -> Conversion:
        """Official tensors to ours.

        Args:
            state_dict (Mapping[str, Tensor]): By official names, without ``module.``.

        Returns:
            Conversion: Tensors for the segmentor of this method.

        Raises:
            ValueError: If a tensor is not known.
        """
        return convert(state_dict, [*self._of_backbone(state_dict, 'official'), *self.rules])

    def revert(self, state_dict: Mapping[str, Tensor]) -> Conversion:
        """Our tensors to official ones.

        Args:
            state_dict (Mapping[str, Tensor]): Of the segmentor of this method.

        Returns:
            Conversion: Tensors that the official code loads strictly.

        Raises:
            ValueError: If a tensor is not known.
        """
        conversion = revert(state_dict, [*self._of_backbone(state_dict, 'ours'), *self.rules])
        if self.versions:
            # Where torch keeps them, too; an OrderedDict takes the attribute into its file.
            official = OrderedDict(conversion.state_dict)
            official._metadata = {
                prefix: dict(version=version) for prefix, version in self.versions.items()
            }
            conversion.state_dict = official
        return conversion

    def num_classes(self, state_dict: Mapping[str, Tensor]) -> int:
        """K of a state dict of ours, which has ``classifier``."""
        return len(state_dict[self.classifier]) - self.no_object

    def backbone_of(self, state_dict: Mapping[str, Tensor]) -> str | None:
        """Name of the backbone in a state dict of ours; None if there is none of them."""
        return self._find_backbone(state_dict, 'ours')

    @property
    def extras(self) -> list[Extra]:
        """Parts of our model that official files of this method do not hold."""
        return [rule for rule in self.rules if isinstance(rule, Extra)]

    def _of_backbone(self, state_dict: Mapping[str, Tensor], side: str) -> Sequence[Rule]:
        name = self._find_backbone(state_dict, side)
        return self.backbones[name] if name else []

    def _find_backbone(self, names: Mapping[str, Tensor], side: str) -> str | None:
        """The backbone whose rules know the most names."""
        known = {}
        for backbone, rules in self.backbones.items():
            templates = [getattr(rule, side) for rule in rules if isinstance(rule, Rename)]
            known[backbone] = sum(
                any(translate(name, template, template) is not None for template in templates)
                for name in names
            )
        best = max(known, key=known.get)
        return best if known[best] else None
