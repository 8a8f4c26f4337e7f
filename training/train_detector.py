"""Trains the small YOLOv8 on the embedded scenes.

    python training/train_detector.py --out runs/pico --epochs 20 --images 6000 --processes 2
    python training/train_detector.py --out runs/pico --resume          # goes on after the last whole epoch
    python training/train_detector.py --out runs/pico --export-only     # the files, from the last whole epoch

In the folder: checkpoint.pt, log.csv, and at the end detector.onnx (BatchNorm not folded) and detector.npz (weights).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from detector_data import MakeScene, SceneData, paint
from fitting import Schedule, Training, read_checkpoint, write_log
from losses import loss_of_maps
from parallel import Place, run_side_by_side, shard
from scoring import score_detector

from detquant.architectures.export import export_onnx
from detquant.architectures.export_metadata import detector_metadata
from detquant.architectures.weights import load_weights, save_weights
from detquant.architectures.yolov8 import SCALES, YOLOv8
from detquant.data.scenes import CLASSES, SIZE, scene

COLUMNS = ("epoch", "box", "cls", "dfl", "ap", "ap50", "seconds")
CHECKPOINT = "checkpoint.pt"
EPOCHS = 20
PLAIN_SHARE = 0.2  # the last epochs go without mosaics, which no real picture looks like
ALONE = Place()


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--epochs", type=int, help=f"by default {EPOCHS}, or those of the run that is resumed")
    parser.add_argument("--images", type=int, default=6000, help="training scenes held in memory")
    parser.add_argument("--fresh", type=int, default=0, help="scenes replaced by new ones after each epoch")
    parser.add_argument("--validation", type=int, default=200, help="validation scenes")
    parser.add_argument("--every", type=int, default=5, help="epochs from one validation to the next")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--mosaic", type=float, default=0.3, help="share of pictures made of four")
    parser.add_argument("--scale", choices=SCALES, default="pico")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each; they share images and batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="weights (.npz) to begin with, of an earlier training")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint, if there is one")
    parser.add_argument("--export-only", action="store_true", help="write the files of the checkpoint and stop")
    return parser.parse_args(arguments)


def loss(model: torch.nn.Module, batch: Any) -> Mapping[str, torch.Tensor]:
    """The three parts, as the log names them."""
    return loss_of_maps(model(batch.images), batch.objects)._asdict()


def train(
    options: argparse.Namespace,
    make: MakeScene = scene,
    classes: tuple[str, ...] = CLASSES,
    side: int = SIZE,
    place: Place = ALONE,
) -> Training:
    """Trains as the options say; the first process writes the files and prints a line for each epoch.

    Args:
        options: from `parse`.
        make: (split, index, seed) to a scene.
        classes: names by class_id.
        side: of the scenes, pixels.
        place: of this process among those that train.
    """
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    model = YOLOv8(options.scale, len(classes))
    if options.start:
        load_weights(model, options.start)
    path = options.out / CHECKPOINT
    saved = read_checkpoint(path) if (options.resume or options.export_only) and path.exists() else None
    if options.export_only:
        if saved is None:
            raise SystemExit(f"{path} does not exist: there is nothing to export yet.")
        model.load_state_dict(saved["average"])
        write_files(model, classes, side, options.out)
        return Training(model, loss, Schedule.over(1, 1, options.rate))
    data = SceneData(
        partial(shard, make, place, options.seed),
        options.images // place.of,
        fresh=options.fresh // place.of,
        seed=options.seed * place.of + place.rank,
        epoch=saved["epoch"] if saved else 0,
    )
    training = Training(model, loss, plan(options, data, saved, place))
    if saved:
        training.load(saved)
    validation = paint(make, range(options.validation), options.seed, "validation") if place.rank == 0 else []
    run(training, data, options, partial(score_detector, pictures=validation, classes=classes), place)
    data.close()
    if place.rank == 0:
        write_files(training.average, classes, side, options.out)
    return training


def plan(options: argparse.Namespace, data: SceneData, saved: Mapping[str, Any] | None, place: Place) -> Schedule:
    """The schedule: as long as asked for, else as that of the run being resumed."""
    steps = len(data) // (options.batch // place.of)
    usual = saved["epochs"] if saved else EPOCHS
    return Schedule.over(usual if options.epochs is None else options.epochs, steps, options.rate)


def run(training: Training, data: SceneData, options: argparse.Namespace, score: Any, place: Place) -> None:
    """Runs the epochs that are left, measuring, logging and saving as it goes."""
    epochs = training.schedule.epochs
    while training.epoch < epochs:
        mosaic = options.mosaic if training.epoch < epochs * (1 - PLAIN_SHARE) else 0.0
        row = training.run_epoch(data.batches(options.batch // place.of, mosaic))
        if place.rank:
            continue
        if training.epoch % options.every == 0 or training.epoch == epochs:
            accuracy = score(training.average)
            row |= {"ap": round(accuracy.ap, 2), "ap50": round(accuracy.ap50, 2)}
        training.save(options.out / CHECKPOINT)
        write_log(training.log, COLUMNS, options.out / "log.csv")
        print(f"of {epochs}: " + "  ".join(f"{name} {value}" for name, value in row.items()), flush=True)


def write_files(model: YOLOv8, classes: tuple[str, ...], side: int, folder: Path) -> None:
    """Writes the model to be shipped, as a graph and as weights."""
    content = export_onnx(model, (1, 3, side, side), detector_metadata(classes, side))
    (folder / "detector.onnx").write_bytes(content)
    save_weights(model, folder / "detector.npz")


def work(options: argparse.Namespace, place: Place) -> None:
    """What each process does."""
    train(options, place=place)


if __name__ == "__main__":
    chosen = parse()
    run_side_by_side(partial(work, chosen), 1 if chosen.export_only else chosen.processes)
