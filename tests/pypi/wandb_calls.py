"""The same log calls for W&B's SDK and for what stands in for it, as a trainer would make them.

    wandb_calls.py SEED…           with whatever `import wandb` gives: a run a seed
    wandb_calls.py --ours SEED…    with sae_metrics.wandb in its place
"""
import math
import random
import sys

N_CALLS = 300


def calls(seed):
    """[(data, arguments of log)], data as `value_of` takes it. A call whose step lies behind has a key of its own,
    "behind/N", and no other."""
    rng = random.Random(seed)
    made, newest, highest, is_open = [], 0, 0, False
    for number in range(N_CALLS):
        kind = rng.choices(("plain", "commit", "step", "same", "step and commit", "behind"), (30, 25, 20, 10, 10, 8))[0]
        if kind == "behind" and newest > 0:
            made.append(({f"behind/{number}": number}, {"step": rng.randrange(newest), **rng.choice(({}, {"commit": True}))}))
            continue
        arguments = {}
        if kind in ("step", "step and commit") or (kind == "same" and not is_open):
            newest = highest = highest + rng.randrange(4)  # never below the row that may be open by now
            arguments["step"] = newest
        elif kind == "same":
            arguments["step"] = newest
        if kind in ("commit", "step and commit"):
            arguments["commit"] = rng.random() < 0.4
        if "step" not in arguments or arguments.get("commit"):
            highest += 1
        is_open = "step" in arguments and not arguments.get("commit")
        made.append((_data(rng, number), arguments))
    return made


def _data(rng, number):
    data = {"call": number, f"only/{number}": rng.random()}
    for key in rng.sample(range(12), rng.randrange(6)):
        data[f"key{key}"] = rng.choice((
            rng.randrange(-10, 10), rng.uniform(-1, 1) * 10.0 ** rng.randrange(-30, 30), math.nan, math.inf, -math.inf, True,
            2 ** 53 + 1, -2 ** 63, 2 ** 70, "text ü <&> \"\\", "",
            {"in": rng.random(), "deep": {"er": number, "est": rng.random() < 0.5}}, {"other": number}, {}))
        if isinstance(data[f"key{key}"], dict):
            data[f"dict{key}"] = data.pop(f"key{key}")  # no key is a value here and a dict there
    for name, chance in (("counted", 0.1), ("of values", 0.1), ("of floats", 0.1), ("array", 0.05), ("numpy", 0.1)):
        if rng.random() < chance:
            data[name] = {"make": name, "seed": rng.randrange(2 ** 32)}
    return data


def value_of(value, wandb):
    """What is logged for a value of `calls`."""
    if not isinstance(value, dict):
        return value
    if "make" not in value:
        return {key: value_of(each, wandb) for key, each in value.items()}
    import numpy as np

    rng = np.random.default_rng(value["seed"])
    if value["make"] == "counted":
        return wandb.Histogram(np_histogram=np.histogram(rng.normal(size=100), bins=int(rng.integers(1, 512))))
    if value["make"] == "of values":
        return wandb.Histogram(rng.normal(size=int(rng.integers(1, 500))).round(2).tolist(), num_bins=int(rng.integers(1, 512)))
    if value["make"] == "of floats":
        return wandb.Histogram(np.log10(rng.random(1000, dtype=np.float32) + np.float32(1e-10)))
    if value["make"] == "array":
        return rng.normal(size=(7, 11))
    return [np.float32(rng.random()), np.float64(rng.random()), np.int32(7), np.array([[3.5]])][rng.integers(4)]


def log(seed):
    import wandb

    run = wandb.init(project="p", id=f"calls{seed}", config={"seed": seed})
    for data, arguments in calls(seed):
        wandb.log({key: value_of(value, wandb) for key, value in data.items()}, **arguments)
    run.finish()


if __name__ == "__main__":
    if sys.argv[1] == "--ours":
        import sae_metrics.wandb

        sys.modules["wandb"] = sae_metrics.wandb
        del sys.argv[1]
    for each in sys.argv[1:]:
        log(int(each))
