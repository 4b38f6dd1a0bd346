"""The concept's logit: how much more an image's embedding is like one concept's captions than the others'."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from scoring.activations.demo_model import TEMPLATES
from scoring.activations.model import LoadedModel
from scoring.activations.zero_shot import concept_embeddings
from stimuli.errors import UserError


class ConceptLogits:
    """Turns embeddings into z_c = s (cos(e, t_c) - mean over the other concepts c' of cos(e, t_c')).

    ``s`` is the model's logit scale, ``t_c`` the mean of the unit-length embeddings of the concept's
    captions, made unit length again.
    """

    def __init__(
        self, loaded: LoadedModel, concepts: Sequence[str], templates: Sequence[str] = TEMPLATES
    ) -> None:
        """Raise UserError for fewer than two concepts, and for words that the model lacks."""
        if len(concepts) < 2:
            raise UserError(
                f"the concept's logit compares a concept with others, and there is only {concepts[0]!r}; "
                "give pictures of at least two concepts"
                if concepts
                else "there is no concept to measure logits of; give pictures of at least two concepts"
            )
        texts = torch.from_numpy(concept_embeddings(loaded, concepts, templates)).to(loaded.device)
        with torch.inference_mode():
            scale = loaded.model.logit_scale.float().exp()  # type: ignore[operator]
            #: (E, C): the mean over the others is folded into one matrix
            self.directions = (scale * _against_the_others(texts)).T.contiguous()

    def __call__(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Logits (..., concepts) of embeddings (..., dimensions), which need not be of unit length."""
        with torch.inference_mode():
            lengths = torch.linalg.vector_norm(embeddings, dim=-1, keepdim=True)
            result: torch.Tensor = embeddings @ self.directions.to(embeddings.dtype) / lengths
            return result


def _against_the_others(texts: torch.Tensor) -> torch.Tensor:
    others = (texts.sum(0) - texts) / (len(texts) - 1)
    return texts - others
