"""What changing one channel does to an attention pool's output, exactly, for every channel at once.

CLIP's ResNets end in an attention pool: one query, made of the mean token, over the tokens of the last
map. Everything before its softmax is linear, and so is everything behind it. Adding ``delta_n`` to
channel j of every token n (and its mean ``delta_0`` to the mean token) is therefore a change of rank one:

    logit'_hn = (q_h.k_hn + delta_0 (wQ_hj.k_hn) + delta_n (q_h.wK_hj + delta_0 (wQ_hj.wK_hj))) / sqrt(d)
    ctx'_h    = sum_n a'_hn v_hn + (sum_n a'_hn delta_n) wV_hj
    e'        = W_c ctx' + b_c

with h a head, d its width, a' the softmax of logit' over n, and wQ_hj, wK_hj, wV_hj the columns of the
projections for channel j. Nothing is approximated: the numbers are those of running the pool on the
changed map, to rounding. Functions compute in the type of the weights, on their device.

Shapes: H heads of width d, D channels (H x d), N tokens with the mean token first, K changes of one
image, J channels that are changed, E dimensions of the embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

#: channels that are computed together on the CPU: what they need then stays in the processor's cache
CHUNK = 1024

#: which channels: their numbers, or a slice of neighbours
Place = torch.Tensor | slice


@dataclass(frozen=True)
class PoolWeights:
    """An attention pool's weights, arranged by head and channel; ``queries`` and ``key_bias`` are scaled."""

    #: (H, D, d), the query projection over sqrt(d)
    queries: torch.Tensor
    #: (H, D, d)
    keys: torch.Tensor
    #: (H, D, d)
    values: torch.Tensor
    #: (H, 1, d) each; that of the queries over sqrt(d)
    query_bias: torch.Tensor
    key_bias: torch.Tensor
    value_bias: torch.Tensor
    #: (H, D): wQ_hj.wK_hj over sqrt(d)
    crossed: torch.Tensor
    #: (E, D) and (E,)
    output: torch.Tensor
    output_bias: torch.Tensor
    #: (N, D)
    positions: torch.Tensor


@dataclass(frozen=True)
class PoolState:
    """What the pool makes of one unchanged image."""

    #: (H, N, d)
    keys: torch.Tensor
    values: torch.Tensor
    #: (H, N): the logits before the softmax
    logits: torch.Tensor
    #: (H, D): q_h.wK_hj over sqrt(d)
    query_on_keys: torch.Tensor
    #: (E,)
    embedding: torch.Tensor


def pool_weights(pool: torch.nn.Module) -> PoolWeights:
    """Arrange the weights of open_clip's ``AttentionPool2d``; done once for a model."""
    heads = int(pool.num_heads)  # type: ignore[arg-type]
    query, key, value, output = (getattr(pool, name) for name in ("q_proj", "k_proj", "v_proj", "c_proj"))
    scale = (query.weight.shape[0] // heads) ** -0.5
    queries, keys = _by_head(query.weight, heads) * scale, _by_head(key.weight, heads)
    return PoolWeights(
        queries=queries,
        keys=keys,
        values=_by_head(value.weight, heads),
        query_bias=query.bias.reshape(heads, 1, -1) * scale,
        key_bias=key.bias.reshape(heads, 1, -1),
        value_bias=value.bias.reshape(heads, 1, -1),
        crossed=(queries * keys).sum(-1),
        output=output.weight,
        output_bias=output.bias,
        positions=pool.positional_embedding,  # type: ignore[arg-type]
    )


def _by_head(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Turn a projection (out, in) into (heads, in, out / heads)."""
    return weight.reshape(heads, -1, weight.shape[1]).transpose(1, 2).contiguous()


def with_mean(maps: torch.Tensor) -> torch.Tensor:
    """Put the mean token before the others: (..., tokens) -> (..., 1 + tokens)."""
    return torch.cat([maps.mean(dim=-1, keepdim=True), maps], dim=-1)


def pool_state(weights: PoolWeights, maps: torch.Tensor) -> PoolState:
    """Compute what one image's map (D, tokens) gives without a change."""
    tokens = with_mean(maps).T + weights.positions
    query = tokens[:1] @ weights.queries + weights.query_bias
    keys = tokens @ weights.keys + weights.key_bias
    values = tokens @ weights.values + weights.value_bias
    logits = (query @ keys.transpose(1, 2))[:, 0]
    context = logits.softmax(-1)[:, None] @ values
    embedding = weights.output @ context.flatten() + weights.output_bias
    return PoolState(keys, values, logits, (query @ weights.keys.transpose(1, 2))[:, 0], embedding)


def moved_embeddings(
    weights: PoolWeights, state: PoolState, channels: torch.Tensor, deltas: torch.Tensor
) -> torch.Tensor:
    """Embeddings (K, J, E) when ``deltas`` (K, J, tokens) are added, each alone, to ``channels`` (J,).

    Where a delta is 0 at every token, the embedding is the state's own, to the last bit.
    """
    moved = state.embedding.repeat(*deltas.shape[:2], 1)
    active = deltas.any(-1)
    live = active.any(0).nonzero()[:, 0]
    step = CHUNK if deltas.device.type == "cpu" else max(1, len(live))
    for start in range(0, len(live), step):
        part = live[start : start + step]
        place = _place(channels[part])
        embeddings = _contexts(weights, state, place, with_mean(deltas[:, part])) @ weights.output.T
        embeddings += weights.output_bias
        moved[:, part] = torch.where(active[:, part, None], embeddings, state.embedding)
    return moved


def _place(channels: torch.Tensor) -> Place:
    """Neighbouring channels as a slice, which needs no copy of their weights."""
    first, last = int(channels[0]), int(channels[-1])
    neighbours = torch.arange(first, first + len(channels), device=channels.device)
    return slice(first, last + 1) if torch.equal(channels, neighbours) else channels


def _contexts(weights: PoolWeights, state: PoolState, channels: Place, deltas: torch.Tensor) -> torch.Tensor:
    """Contexts of all heads (K, J, D) for ``deltas`` (K, J, N), the mean token's first.

    One head at a time: what a head needs, (K, J, N), is small enough for the cache.
    """
    heads, _, width = weights.queries.shape
    contexts = deltas.new_empty(*deltas.shape[:2], heads * width)
    for head in range(heads):
        attention = _logits(weights, state, head, channels, deltas).softmax(-1)
        context = torch.matmul(attention, state.values[head])
        shift = attention.mul_(deltas).sum(-1, keepdim=True)
        context.addcmul_(shift, weights.values[head][channels])
        contexts[..., head * width : (head + 1) * width] = context
    return contexts


def _logits(
    weights: PoolWeights, state: PoolState, head: int, channels: Place, deltas: torch.Tensor
) -> torch.Tensor:
    """One head's logits (K, J, N)."""
    mean = deltas[..., :1]
    on_keys = weights.queries[head][channels] @ state.keys[head].T
    slope = weights.crossed[head][channels, None] * mean + state.query_on_keys[head][channels, None]
    return torch.addcmul(state.logits[head], on_keys, mean).addcmul_(deltas, slope)
