"""One alignment from examples to a model directory that the service can load, or to the reason why not."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from equal_stream.alignment.batches import Batches
from equal_stream.alignment.division import divide
from equal_stream.alignment.examples import Example
from equal_stream.alignment.judgement import differences, embed, judge
from equal_stream.alignment.material import Material
from equal_stream.alignment.neighbours import Neighbours
from equal_stream.alignment.output import put_in_place, require_free, workshop
from equal_stream.alignment.parameters import Parameters
from equal_stream.alignment.report import Amount, Learning, Report
from equal_stream.alignment.training import Training, train
from equal_stream.embedding.encoder import Encoder
from equal_stream.settings import EmbeddingSettings


@dataclass
class _Stopwatch:
    """Seconds by the clock, by what they went into."""

    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def note(self, what: str) -> None:
        now = time.monotonic()
        self.seconds[what] = round(now - self._since, 2)
        self._since = now


def align(
    service: Encoder,
    settings: EmbeddingSettings,
    material: Material,
    parameters: Parameters,
    output: Path,
    *,
    force: bool,
    progress: Callable[[str], None],
) -> Report:
    """Fine-tune the encoder, judge it on held-out documents, and save it if it does better.

    1. Hold documents out.
    2. Judge the encoder as it is, and mine the hard negatives with it.
    3. Train a copy.
    4. Save the copy aside, and judge it as the service would load it.
    5. Put it in its place when it is better, or when told to; the report goes there in any case.

    Parameters
    ----------
    service
        The encoder in service.
    settings
        What it was made of.
    output
        The model's directory; see `output.require_free`.
    force
        Save the model even when it is not better.

    Raises
    ------
    TooFewExamples
        There is not enough to learn from and to judge by.
    ConfigurationError
        The directory cannot be used.
    """
    require_free(output)
    watch = _Stopwatch()
    # 1. Hold out.
    division = divide(material.examples, parameters.seed)
    # 2. Judge and mine.
    before = judge(embed(service, division.held_out))
    watch.note("judge_before")
    learned = embed(service, division.learned)
    batches = Batches(Neighbours(*learned), parameters.batch_size, parameters.group, parameters.seed)
    watch.note("mine")
    # 3. Train.
    copy = Encoder(settings.model_copy(update={"precision": "fp32"}))
    training = train(
        copy.model,
        [division.learned[number].passage for number in learned.owners],
        [pair for example in division.learned for pair in example.pairs],
        batches,
        parameters,
        reduced=service.precision == "bf16",
        progress=progress,
    )
    watch.note("train")
    with workshop(output) as made:
        # 4. Save aside and judge.
        copy.model.save_pretrained(str(made), create_model_card=False)
        tuned = Encoder(settings.model_copy(update={"model": str(made)}))
        after = judge(embed(tuned, division.held_out))
        watch.note("judge_after")
        forward = differences(before.passage_to_pair, after.passage_to_pair, division.held_out)
        # 5. Put in place.
        better = forward["mrr"].low > 0
        report = Report(
            before=service.identity,
            after=_identity(tuned, made, output),
            source=material.source,
            learned=_amount(division.learned),
            held_out=_amount(division.held_out),
            left_out=material.left_out,
            parameters=parameters,
            learning=_learning(training, copy, reduced=service.precision == "bf16"),
            passage_to_pair=forward,
            pair_to_passage=differences(before.pair_to_passage, after.pair_to_passage, division.held_out),
            better=better,
            saved=better or force,
            seconds=watch.seconds,
        )
        if report.saved:
            report.write(made)
            put_in_place(made, output)
        else:
            output.mkdir(exist_ok=True)
            report.write(output)
    return report


def _identity(encoder: Encoder, made: Path, output: Path) -> str:
    """Return the identity that an encoder loaded from `made` will have once that directory is `output`."""
    return output.resolve().name + encoder.identity.removeprefix(made.resolve().name)


def _amount(examples: Sequence[Example]) -> Amount:
    pairs = sum(len(example.pairs) for example in examples)
    return Amount(pairs, len(examples), len({example.document for example in examples}))


def _learning(training: Training, model: Encoder, *, reduced: bool) -> Learning:
    tenth = max(1, len(training.losses) // 10)
    return Learning(
        steps=len(training.losses),
        first_loss=fmean(training.losses[:tenth]),
        last_loss=fmean(training.losses[-tenth:]),
        device=str(model.model.device),
        arithmetic="bf16" if reduced else "fp32",
    )
