"""The fine-tune itself, on the default model's real weights."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from equal_stream.alignment.batches import Batches
from equal_stream.alignment.judgement import embed
from equal_stream.alignment.layers import hold_still
from equal_stream.alignment.neighbours import Neighbours
from equal_stream.alignment.parameters import Parameters
from equal_stream.alignment.training import Training, train
from equal_stream.embedding.encoder import Encoder
from equal_stream.errors import ConfigurationError
from tests.alignment.conftest import SETTINGS
from tests.alignment.words import dictionary_examples


def fresh() -> SentenceTransformer:
    return Encoder(SETTINGS).model


def weights(model: SentenceTransformer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def changed(before: dict[str, torch.Tensor], model: SentenceTransformer) -> set[str]:
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


def run(minilm: Encoder, model: SentenceTransformer, parameters: Parameters) -> Training:
    examples = dictionary_examples(48, pairs=1)
    vectors = embed(minilm, examples)
    return train(
        model,
        [example.passage for example in examples],
        [example.pairs[0] for example in examples],
        Batches(Neighbours(*vectors), parameters.batch_size, parameters.group, parameters.seed),
        parameters,
        reduced=False,
        progress=lambda line: None,
    )


def test_the_loss_falls_while_the_dictionary_is_learned(minilm: Encoder) -> None:
    done = run(minilm, fresh(), Parameters(epochs=4, batch_size=16))
    assert len(done.losses) == 12
    assert np.mean(done.losses[-3:]) < 0.7 * np.mean(done.losses[:3])


def test_the_lower_layers_and_the_embeddings_keep_their_weights(minilm: Encoder) -> None:
    model = fresh()
    before = weights(model)
    run(minilm, model, Parameters(batch_size=16, still_layers=4))
    names = changed(before, model)
    assert any(".layer.5." in name for name in names)
    assert all(".layer.4." in name or ".layer.5." in name for name in names)


def test_the_same_seed_gives_the_same_weights(minilm: Encoder) -> None:
    models = [fresh(), fresh()]
    for model in models:
        run(minilm, model, Parameters(batch_size=16, still_layers=5, seed=3))
    assert not changed(weights(models[0]), models[1])


def test_batches_that_nothing_fills_are_refused_before_anything_is_learned(minilm: Encoder) -> None:
    with pytest.raises(ConfigurationError, match="batches of 200 pairs are too large: the 48 passages"):
        run(minilm, fresh(), Parameters(batch_size=200))


def test_a_negative_number_of_still_layers_lets_every_weight_learn() -> None:
    model = fresh()
    learning = hold_still(model, -1)
    assert len(learning) == len(list(model.parameters()))
    fewer = hold_still(model, 0)
    assert 0 < len(fewer) < len(learning)


@pytest.mark.parametrize("still", [0, 3, 6])
def test_each_layer_held_still_takes_its_weights_out(still: int) -> None:
    model = fresh()
    a_layer = len(list(model[0].model.encoder.layer[0].parameters()))
    assert len(hold_still(model, still)) == (6 - still) * a_layer
