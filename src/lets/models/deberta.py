"""DeBERTa for classification and regression of texts (He et al. 2021, arXiv 2006.03654), as transformers builds it."""

from collections.abc import Mapping

from torch import Tensor, nn

from lets.errors import ChecksumError, SpecError

try:
    from transformers.models.deberta.configuration_deberta import DebertaConfig
    from transformers.models.deberta.modeling_deberta import DebertaForSequenceClassification
except ImportError as error:
    raise SpecError(
        f"language – the package transformers cannot be imported ({error}) – run  "
        "pip install 'lets-repro[language]'"
    ) from error

__all__ = ["Deberta"]

PAD = 0
HEAD = ("pooler.", "classifier.")


class Deberta(nn.Module):
    """Token ids int64 [B, L], filled up with PAD, to logits [B, classes] or, of one class, scores [B, 1].

    `depth` blocks of `heads` heads attend by content and by relative position, as in the paper; a text may
    have `longest` tokens before positions far apart are no longer told from each other. The head is the usual
    one: the first token through a linear layer, GELU, dropout, and a linear layer. Weights start from
    N(0, 0.02²), biases from zero. `dropout` acts on embeddings, positions, attention weights, and after every
    block's linear layers.
    """

    def __init__(
        self,
        classes: int,
        image: tuple[int],
        *,
        width: int,
        depth: int,
        heads: int,
        longest: int,
        dropout: float,
    ) -> None:
        super().__init__()
        config = DebertaConfig(
            vocab_size=image[0],
            hidden_size=width,
            num_hidden_layers=depth,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            max_position_embeddings=longest,
            type_vocab_size=0,
            relative_attention=True,
            pos_att_type=["c2p", "p2c"],
            position_biased_input=False,
            pad_token_id=PAD,
        )
        config.num_labels = classes
        self.network = DebertaForSequenceClassification(config)

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits float32 [B, classes] of `ids` int64 [B, L]; padding changes nothing."""
        logits: Tensor = self.network(ids, attention_mask=ids != PAD).logits
        return logits

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Take every weight but the head's from `weights`, named as transformers names them, `deberta.` first.

        Weights of other heads beside them are left alone. What is missing, unknown or of another shape raises
        ChecksumError, and nothing is changed.
        """
        own = {
            name: weight for name, weight in self.network.state_dict().items() if not name.startswith(HEAD)
        }
        given = {name: weight for name, weight in weights.items() if name.startswith("deberta.")}
        wrong = [
            *(f"{name} is missing" for name in own.keys() - given.keys()),
            *(f"{name} is unknown" for name in given.keys() - own.keys()),
            *(
                f"{name} is {tuple(given[name].shape)}, should be {tuple(own[name].shape)}"
                for name in own.keys() & given.keys()
                if own[name].shape != given[name].shape
            ),
        ]
        if wrong:
            raise ChecksumError(
                f"pretrained weights – {sorted(wrong)[0]}, {len(wrong)} such in all – they are not of this "
                "architecture: bring those of microsoft/deberta-base"
            )
        self.network.load_state_dict(given, strict=False)
