"""A backtest: every policy plays every seed's scene, and every judge looks at what it bought."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.policy.base import Policy
from equal_stream.allocation.policy.registry import POLICIES, make_policy
from equal_stream.backtest.corpus import Corpus
from equal_stream.backtest.full import full_extraction
from equal_stream.backtest.judges.base import Judge, Judged
from equal_stream.backtest.judges.registry import JUDGES
from equal_stream.backtest.measure import SHARES, Curve, cost_to, measure, over_time, share_of
from equal_stream.backtest.oracle import Oracle
from equal_stream.backtest.replay import Replay, cluster_arrivals, replay
from equal_stream.backtest.scene import Arrival, Scene, Target, make_scene
from equal_stream.backtest.worlds import WORLDS, decoys
from equal_stream.errors import ConfigurationError

ORACLE = Oracle.name
_BACKGROUND = 2048  # passages that tell judges what an ordinary similarity is
PLAY_ON = 2.0  # a share of full coverage that no policy reaches
_LOOK_AGAIN = 1.03  # times as many tickets, before a judge is asked again whether a run may end
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to play.

    Parameters
    ----------
    policies
        Names; `oracle` is the clairvoyant.
    arrival
        See `make_scene`.
    ticks
        In which documents arrive, for ``stream``.
    budget
        Tokens in all, as a share of full extraction's.
    decoys
        Fraction of the look-alike clusters that yield nothing.
    worlds
        Names of further changes, see `worlds`.
    seeds
        A run each; at least one.
    exploration
        Share of tickets that learning policies draw at random.
    judges
        Names; the first decides when a run may end.
    until
        Share of full coverage at which a run ends, or some per cent of tickets later; `PLAY_ON` lets it go
        on until the budget is spent.
    batch
        Tickets chosen at once.
    """

    policies: Sequence[str]
    arrival: Arrival = "all"
    ticks: int = 100
    budget: float = 1.0
    decoys: float = 0.0
    worlds: Sequence[str] = ()
    seeds: Sequence[int] = (0,)
    exploration: float = 0.03
    judges: Sequence[str] = tuple(JUDGES)
    until: float = PLAY_ON
    batch: int = 8


def require_known(plan: Plan) -> None:
    """Require names that exist; raises `ConfigurationError` with those that do."""
    for kind, names, known in (
        ("policy", plan.policies, [*POLICIES, ORACLE]),
        ("world", plan.worlds, list(WORLDS)),
        ("judge", plan.judges, list(JUDGES)),
    ):
        for name in names:
            if name not in known:
                raise ConfigurationError(f"there is no {kind} {name!r}; choose from: {', '.join(known)}")


@dataclass(frozen=True)
class Stage:
    """One seed's scene with its judges, ready for any policy.

    Attributes
    ----------
    full
        By judge: the value of full extraction.
    arrived
        For each tick, the pairs that full extraction would have published in it.
    """

    scene: Scene
    arrivals: list[Any]
    judges: list[Judge]
    full: dict[str, float]
    arrived: list[list[int]] = field(default_factory=list)

    @property
    def total_tokens(self) -> int:
        """What extracting everything costs."""
        return self.scene.total_tokens

    def play(self, policy: Policy, plan: Plan) -> tuple[Replay, Curve]:
        """Let a policy play; return what it bought and what that was worth."""
        played = replay(
            self.scene,
            policy,
            self.arrivals,
            budget=plan.budget,
            batch=plan.batch,
            stop=self._stop(plan.until) if plan.until <= 1 else None,
        )
        return played, measure(played, self.judges, self.full)

    def time_average(self, played: Replay, begin: int = 0, until: int | None = None) -> float:
        """Return the mean over ticks [begin, until) of the first judge's share of what was possible then."""
        return over_time(played, self.judges[0], self.arrived, begin, until)

    def _stop(self, until: float) -> Callable[[int, list[int]], bool]:
        judge, full = self.judges[0], self.full[self.judges[0].name]
        bought: list[int] = []
        ended = looked = 0

        def enough(spent: int, published: list[int]) -> bool:
            nonlocal ended, looked
            del spent
            bought.extend(published)
            ended += 1
            if not bought or ended < _LOOK_AGAIN * looked:
                return False
            looked = ended
            return bool(share_of(judge.values([bought]), full)[-1] >= until)

        return enough


def make_policy_of(name: str, scene: Scene, exploration: float) -> Policy:
    """Return a policy to play; only the one that learns from exploring explores."""
    if name == ORACLE:
        return Oracle(scene)
    return make_policy(name, exploration=exploration if name == "calibrated" else 0.0)


def set_stage(corpus: Corpus, target: Target, plan: Plan, seed: int) -> Stage:
    """Return the stage for one seed."""
    goal = Target.split(target.name, target.texts, target.vectors, seed)
    scene = make_scene(corpus, goal, plan.arrival, ticks=plan.ticks, seed=seed)
    arrivals = cluster_arrivals(scene)
    if plan.decoys > 0:
        scene = decoys(scene, clusters_of(scene, arrivals), plan.decoys)
    for world in plan.worlds:
        scene = WORLDS[world](scene)
    if plan.worlds:
        arrivals = cluster_arrivals(scene)
    return stage_of(scene, arrivals, plan.judges)


def stage_of(scene: Scene, arrivals: list[Any], judges: Sequence[str]) -> Stage:
    """Return a stage for a scene whose last target is the one that is judged."""
    made = [JUDGES[name](judged_by(scene, scene.goals[-1])) for name in judges]
    everything = full_extraction(scene)
    full = {judge.name: float(judge.values([everything.tolist()])[-1]) for judge in made}
    return Stage(scene, arrivals, made, full, by_tick(scene, everything))


def judged_by(scene: Scene, goal: Target) -> Judged:
    """Return what a judge looks at: the half of a target's references that no policy sees."""
    corpus = scene.corpus
    unseen = np.flatnonzero(~goal.seen)
    sample = np.random.default_rng([scene.seed, 5]).permutation(len(corpus))[:_BACKGROUND]
    return Judged(
        questions=corpus.questions,
        answers=corpus.answers,
        vectors=corpus.pair_vectors,
        references=[goal.texts[row] for row in unseen.tolist()],
        reference_vectors=goal.vectors[unseen],
        background=corpus.vectors[sample],
    )


def clusters_of(scene: Scene, arrivals: list[Any]) -> NDArray[np.int64]:
    """Return the cluster that each passage was given: (n,)."""
    clusters = np.zeros(len(scene.corpus), np.int64)
    for rows, (ids, _) in zip(scene.ticks, arrivals, strict=True):
        clusters[rows] = ids
    return clusters


def by_tick(scene: Scene, pairs: NDArray[np.intp]) -> list[list[int]]:
    """Return pairs by the tick in which their passage arrives."""
    tick_of = scene.arrival_ticks()
    owner = scene.corpus.pair_owner()
    parts: list[list[int]] = [[] for _ in scene.ticks]
    for pair in pairs.tolist():
        parts[tick_of[owner[pair]]].append(pair)
    return parts


def run_backtest(
    corpus: Corpus, target: Target, plan: Plan, progress: Progress | None = None
) -> dict[str, Any]:
    """Return the results of all policies, in the format of `backtest --output`.

    With several seeds, what stands beside a policy's name is the first one's, and `runs` has all of them;
    passages and tokens in all, which some worlds change by seed, are the first one's too.
    """
    require_known(plan)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in plan.policies}
    passages = total = 0
    for seed in plan.seeds:
        stage = set_stage(corpus, target, plan, seed)
        if progress is not None and plan.decoys > 0:
            progress(f"seed {seed}: pairs that are still found beside decoys: {_percent(stage.scene.found)}")
        passages, total = passages or len(stage.scene.corpus), total or stage.total_tokens
        for name, run in _play_all(stage, plan, seed):
            runs[name].append(run)
            if progress is not None:
                progress(f"seed {seed}: {name}: {_said(run)}, {run['seconds']:.1f} s")
    return {
        "documents": corpus.documents,
        "passages": passages,
        "total_tokens": total,
        "reference": target.name,
        "seed": plan.seeds[0],
        "arrival": plan.arrival,
        "budget": plan.budget,
        "decoys": plan.decoys,
        "worlds": list(plan.worlds),
        "policies": {
            name: {**of_policy[0], **({"runs": of_policy} if len(of_policy) > 1 else {})}
            for name, of_policy in runs.items()
        },
    }


def _play_all(stage: Stage, plan: Plan, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    total = stage.total_tokens
    for name in dict.fromkeys(plan.policies):
        played, curve = stage.play(make_policy_of(name, stage.scene, plan.exploration), plan)
        first = stage.judges[0].name
        lexical = curve.shares.get("words", np.full(len(curve.tokens), np.nan))
        run = {
            "seed": seed,
            "total_tokens": total,
            "curve": [
                [
                    int(tokens),
                    round(float(share), 6),
                    None if np.isnan(words) else round(float(words), 6),
                    int(n),
                ]
                for tokens, share, words, n in zip(
                    curve.tokens, curve.shares[first], lexical, curve.pairs, strict=True
                )
            ],
            "cost_to": {str(share): cost_to(curve, first, share, total) for share in SHARES},
            "seconds": round(played.seconds, 3),
            "judges": {
                judge: {
                    "full": float(f"{stage.full[judge]:.6g}"),
                    "curve": [round(float(share), 6) for share in shares],
                    "cost_to": {str(share): cost_to(curve, judge, share, total) for share in SHARES},
                }
                for judge, shares in curve.shares.items()
            },
        }
        if plan.arrival == "stream" and plan.until >= PLAY_ON:  # runs that ended are of different lengths
            run["time_average"] = round(stage.time_average(played), 6)
        yield name, run


def _said(run: dict[str, Any]) -> str:
    cost = run["cost_to"]["0.8"]
    reached = f"80 % for {100 * cost:.2f} % of the tokens" if cost is not None else "80 % never reached"
    return f"{reached}, {run['curve'][-1][3]:,} pairs"


def _percent(flags: NDArray[np.bool_]) -> str:
    return f"{100 * flags.mean():.0f} %" if len(flags) else "there are none"
